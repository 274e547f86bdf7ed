package image

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gate"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
	"github.com/k8s-endpoints/k8s_endpoints/test/documents"

	corev1 "k8s.io/api/core/v1"
)

const withSnapshot = `cluster.local:%d {
    bind 127.0.0.1
    k8s_endpoints {
        kubeconfig /etc/coredns/kubeconfig
        snapshot /var/lib/coredns/snapshot
        startup_timeout 1h
    }
    errors
}
`

// TestTheLeastOfAllRights runs CoreDNS with the rights of docs/operations.md in
// the cluster, and with a single one on the machine: to write into the folder of
// the snapshot.
func TestTheLeastOfAllRights(t *testing.T) {
	needRoot(t)
	c := cluster.New(t)
	rights, err := documents.Rights(t.Context())
	must(t, err, c.Grant(t.Context(), cluster.CoreDNSUser, rights...))
	name := serve(t, c)
	g, err := gate.New(c)
	must(t, err)
	t.Cleanup(g.Close)
	port, err := loopback.Port()
	must(t, err)
	conf, kept := configuration(t, fmt.Sprintf(withSnapshot, port)), configuration(t, "")
	kubeconfig := filepath.Join(conf, "kubeconfig")
	must(t,
		g.WriteKubeconfig(kubeconfig, c.Config(cluster.CoreDNSUser).BearerToken),
		os.Chown(kubeconfig, user, user),
		os.Chown(kept, user, user),
	)
	confined := container{
		Volumes:         []volume{{Source: conf, Target: "/etc/coredns"}, {Source: kept, Target: "/var/lib/coredns", Writable: true}},
		Args:            []string{"/coredns", "-conf", "/etc/coredns/Corefile"},
		NoNewPrivileges: true,
	}

	first := run(t, confined)
	wantAnswer(t, first, port, name, "10.1.0.1")
	must(t, first.Stop(grace))
	wantReading(t, g)
	wantKept(t, filepath.Join(kept, "snapshot"))

	g.Close()
	second := run(t, confined)
	wantAnswer(t, second, port, name, "10.1.0.1")
	must(t, second.Stop(grace))
	for _, log := range []string{first.Log(), second.Log()} {
		for _, complaint := range []string{"permission denied", "read-only file system", "forbidden", "operation not permitted"} {
			if strings.Contains(log, complaint) {
				t.Errorf("the log says %q:\n%s", complaint, log)
			}
		}
	}
}

// serve makes a Service with one endpoint, and returns its name.
func serve(t *testing.T, c *cluster.Cluster) string {
	t.Helper()
	namespace := c.Namespace(t)
	must(t,
		c.CreateService(t.Context(), cluster.HeadlessService(namespace, "db", nil, cluster.Port("sql", corev1.ProtocolTCP, 5432))),
		c.CreateSlice(t.Context(), cluster.HandmadeSlice(namespace, "db-1", "db", nil, "10.1.0.1")),
	)
	return "db." + namespace + ".svc.cluster.local"
}

// wantReading fails the test where a request was for more than to read, or was
// refused.
func wantReading(t *testing.T, g *gate.Gate) {
	t.Helper()
	for _, r := range g.Passed() {
		if r.Method != http.MethodGet || r.Status != http.StatusOK {
			t.Errorf("got the request %+v, want only ones that read and are accepted", r)
		}
	}
}

// wantKept holds the snapshot to belong to CoreDNS, who alone can read it.
func wantKept(t *testing.T, file string) {
	t.Helper()
	info, err := os.Stat(file)
	must(t, err)
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != user || info.Mode() != 0o600 {
		t.Errorf("the snapshot belongs to %d with mode %v, want %d and 0600", owner, info.Mode(), user)
	}
}
