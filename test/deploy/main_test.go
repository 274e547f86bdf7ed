// Package deploy applies what is in the folder deploy to a real control plane,
// and runs the built CoreDNS with the Corefile and the rights from there. There
// is no kubelet: that the Pods start is not tested here, only that the API
// server admits them.
//
// Read objects_test.go first (render, apply, read back). overlays_test.go
// checks the objects, serve_test.go runs the Corefile with the rights,
// rollout_test.go and undo_test.go replace Pods, and helm_test.go checks the
// values for the chart.
package deploy

import (
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

// shared is the control plane of the tests that run with the usual controllers.
var shared cluster.Shared

func TestMain(m *testing.M) { os.Exit(shared.Main(m)) }
