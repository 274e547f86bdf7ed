package e2e

import (
	"net/http"
	"path/filepath"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gate"
)

// testGate is a gate of a test, which fails where the gate does.
type testGate struct {
	*gate.Gate
	t *testing.T
}

// openGate returns a gate that is open. Each wrap sees the requests first.
func openGate(t *testing.T, c *cluster.Cluster, wraps ...func(http.Handler) http.Handler) *testGate {
	t.Helper()
	g, err := gate.New(c, wraps...)
	must(t, err)
	t.Cleanup(g.Close)
	return &testGate{Gate: g, t: t}
}

// kubeconfig writes a kubeconfig file for a user who comes through the gate.
func (g *testGate) kubeconfig(token string) string {
	g.t.Helper()
	path := filepath.Join(g.t.TempDir(), "kubeconfig")
	must(g.t, g.WriteKubeconfig(path, token))
	return path
}

// expireAll breaks the connections, and makes each stream list anew.
func (g *testGate) expireAll() {
	g.t.Helper()
	must(g.t, g.ExpireAll())
}
