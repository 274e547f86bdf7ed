package deploy

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gate"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

// kubernetesWaits is how long the stock plugin lets a start wait for its first list, if
// nobody says otherwise.
const kubernetesWaits = 5 * time.Second

// A snapshot is of use only as far as the whole server starts: nobody in its block may
// wait for the API server, and none of the names that a search path makes may fail.
func TestAStartWithoutTheAPIServer(t *testing.T) {
	all := kustomize(t, "kube-dns")
	g, err := gate.New(shared.Get(t))
	must(t, err)
	t.Cleanup(g.Close)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, g.WriteKubeconfig(kubeconfig, shared.Get(t).Config(cluster.AdminUser).BearerToken))
	namespace := runServices(t)
	corefile := onLoopback(t, corefileOf(t, all), kubeconfig)
	_, after, _ := strings.Cut(corefile, "snapshot ")
	snapshot, _, _ := strings.Cut(after, "\n")
	first := server.New(t, corefile)
	name := "db." + namespace + ".svc.cluster.local."
	until(t, func(ctx context.Context) error { return asked(ctx, first, name, "A", "10.244.1.1") })
	until(t, func(context.Context) error { _, err := os.Stat(snapshot); return err })
	must(t, first.Stop())
	g.Close()

	began := time.Now()
	// kubernetes is not ready without the API server.
	s := server.New(t, strings.Replace(corefile, "ready 127.0.0.1:{{.Ready}}\n", "", 1))
	must(t, asked(within(t), s, name, "A", "10.244.1.1"))
	if took := time.Since(began); took >= kubernetesWaits {
		t.Errorf("the first answer came after %v: somebody has waited for the API server", took)
	} else {
		t.Logf("the first answer came after %v", took)
	}
	must(t,
		asked(t.Context(), s, "example.org.", "A", "192.0.2.80"),
		asked(t.Context(), s, "web."+namespace+".svc.cluster.local.", "A", "192.0.2.80"),
	)
	onlyWhatNobodyHasIsDenied(t, s, namespace)
}

// kubernetes may be long in getting its list after the API server is back, and its neighbour
// not.
func TestNamesThatNobodyHasAreDeniedBeforeKubernetesKnowsAny(t *testing.T) {
	g, err := gate.New(shared.Get(t))
	must(t, err)
	closed := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, g.WriteKubeconfig(closed, shared.Get(t).Config(cluster.AdminUser).BearerToken))
	g.Close()
	open, err := shared.Get(t).Kubeconfig(cluster.AdminUser)
	must(t, err)
	namespace := runServices(t)
	corefile := onLoopback(t, corefileOf(t, kustomize(t, "kube-dns")), open)
	const stanza = "\nkubernetes cluster.local in-addr.arpa ip6.arpa {\nkubeconfig "
	if !strings.Contains(corefile, stanza+open) {
		t.Fatalf("kubernetes has no kubeconfig:\n%s", corefile)
	}
	corefile = strings.Replace(corefile, stanza+open, stanza+closed, 1)
	s := server.New(t, strings.Replace(corefile, "ready 127.0.0.1:{{.Ready}}\n", "", 1))
	until(t, func(ctx context.Context) error {
		return asked(ctx, s, "db."+namespace+".svc.cluster.local.", "A", "10.244.1.1")
	})
	onlyWhatNobodyHasIsDenied(t, s, namespace)
}

// onlyWhatNobodyHasIsDenied asks for names that search paths make while kubernetes does not know
// which Services there are.
func onlyWhatNobodyHasIsDenied(t *testing.T, s *server.Server, namespace string) {
	t.Helper()
	name := "db." + namespace + ".svc.cluster.local."
	for _, search := range []string{namespace + ".svc.cluster.local.", "svc.cluster.local.", "cluster.local."} {
		for _, short := range []string{name, "db." + namespace + ".svc."} {
			if search == "cluster.local." && short != name {
				continue
			}
			if got := s.MustDig(t, short+search, "A"); got.Status != "NXDOMAIN" {
				t.Errorf("%s: got %s, want NXDOMAIN", short+search, got)
			}
		}
	}
	for _, name := range []string{
		"db." + namespace + "." + namespace + ".svc.cluster.local.",
		"db.cluster.local.",
		"www.example.org." + namespace + ".svc.cluster.local.",
		"www.example.org.svc.cluster.local.",
		"www.example.org.cluster.local.",
	} {
		if got := s.MustDig(t, name, "A"); got.Status != "NXDOMAIN" {
			t.Errorf("%s: got %s, want NXDOMAIN", name, got)
		}
	}
	// A Service that nobody knows of yet may have the first, and a Pod the other.
	for _, name := range []string{"example.org.svc.cluster.local.", "10-244-1-1." + namespace + ".pod.cluster.local."} {
		if got := s.MustDig(t, name, "A"); got.Status == "NXDOMAIN" {
			t.Errorf("%s: got %s, which nobody can know", name, got)
		}
	}
}
