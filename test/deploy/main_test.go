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
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
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

// limit is what a busy machine may need for what usually takes seconds at most.
const limit = time.Minute

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

func until(t *testing.T, condition func(context.Context) error) {
	t.Helper()
	if err := poll.Until(within(t), condition); err != nil {
		t.Fatal(err)
	}
}

// must fails the test on the first error of steps that were all taken.
func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
