// Package deploy applies what is in the folder deploy to a real control plane,
// and runs the built CoreDNS with the Corefile and the rights from there. There
// is no kubelet: that the Pods start is not tested here, only that the API
// server admits them.
package deploy

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
)

var (
	must   = polltest.Must
	within = polltest.Within
	until  = polltest.Until
)

// shared is the control plane of all tests.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if shared, err = cluster.Start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	return m.Run()
}
