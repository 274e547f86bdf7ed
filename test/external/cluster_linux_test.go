package external

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shared is the control plane of the tests that need one.
var shared cluster.Shared

// TestAVerdictOutlivesTheServer has one of two databases of a Service of a real API server
// die, and CoreDNS start anew: what failed is not given again, not even for a moment. Rights
// are those of docs/operations.md, so that checks need none of their own.
func TestAVerdictOutlivesTheServer(t *testing.T) {
	inside(t)
	t.Parallel()
	const port = 6379
	c := shared.Get(t)
	ctx := polltest.Within(t)
	living, dying := "10.16.3.1", "10.16.3.2"
	open(t, netip.AddrPortFrom(netip.MustParseAddr(living), port), "")
	last := openDoor(t, netip.AddrPortFrom(netip.MustParseAddr(dying), port), "")

	s := cluster.HeadlessService("default", "databases", nil, cluster.Port("db", corev1.ProtocolTCP, port))
	s.Annotations = map[string]string{"k8s-endpoints.coredns.io/check": "tcp db"}
	_, err := c.Clients().CoreV1().Services("default").Create(ctx, s, metav1.CreateOptions{})
	must(t, err, c.CreateSlice(ctx, cluster.HandmadeSlice("default", "databases-1", "databases",
		[]discoveryv1.EndpointPort{cluster.SlicePort("db", corev1.ProtocolTCP, port)}, living, dying)))

	kubeconfig, err := c.Kubeconfig(cluster.CoreDNSUser)
	must(t, err)
	corefile := fmt.Sprintf(`.:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    prometheus 127.0.0.1:{{.Metrics}}
    k8s_endpoints cluster.local {
        kubeconfig %s
        snapshot %s
        %s
    }
}
`, kubeconfig, filepath.Join(t.TempDir(), "snapshot"), everything)
	databases := service{name: "databases"}
	w := world{Server: server.New(t, corefile)}
	w.untilAddresses(t, databases, "", living, dying)
	w.untilCounts(t, "checks", `verdict="pass"`, atLeast(2))
	must(t, last.Close())
	w.untilAddresses(t, databases, "", living)
	must(t, w.Stop())

	w = world{Server: server.New(t, corefile)}
	if got := w.ask(t, databases.fqdn(), 1); len(got.records) != 1 {
		t.Errorf("after a start the answer is %+v, want the living one alone", got)
	}
	openDoor(t, netip.AddrPortFrom(netip.MustParseAddr(dying), port), "")
	w.untilAddresses(t, databases, "", living, dying)
}
