package deploy

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gate"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// outside is a server that stands for the node's resolvers.
const outside = `.:{{.DNS}} {
    bind 127.0.0.1
    template IN A example.org {
        answer "{{ .Name }} 60 IN A 192.0.2.80"
    }
    template IN PTR 2.0.192.in-addr.arpa {
        answer "{{ .Name }} 60 IN PTR host.example.org."
    }
    template ANY ANY {
        rcode NXDOMAIN
    }
}
`

// onLoopback returns the Corefile of a cluster such that it runs here. It
// replaces the parts that only a container has: the ports, the resolvers of the
// node, the folder of the snapshot, and the mounted token (by a kubeconfig).
// All else is as it is deployed.
func onLoopback(t *testing.T, corefile, kubeconfig string) string {
	t.Helper()
	health, err := loopback.Port()
	must(t, err)
	const zones = " cluster.local in-addr.arpa ip6.arpa {"
	replaced := map[string]string{
		"health {":                     fmt.Sprintf("health 127.0.0.1:%d {", health),
		"ready":                        "ready 127.0.0.1:{{.Ready}}",
		"prometheus :9153":             "prometheus 127.0.0.1:{{.Metrics}}",
		"k8s_endpoints" + zones:        "k8s_endpoints" + zones + "\nkubeconfig " + kubeconfig,
		"kubernetes" + zones:           "kubernetes" + zones + "\nkubeconfig " + kubeconfig,
		"snapshot " + snapshotFile:     "snapshot " + filepath.Join(t.TempDir(), "snapshot"),
		"forward . /etc/resolv.conf {": "forward . " + server.New(t, outside).Address() + " {",
	}
	const port = "{{.DNS}}"
	lacks := maps.Clone(replaced)
	var lines []string
	for line := range strings.Lines(onPort(corefile, port)) {
		line = strings.TrimSpace(line)
		delete(lacks, line)
		if other, ok := replaced[line]; ok {
			line = other
		} else if strings.HasSuffix(line, ":"+port+" {") {
			line += "\nbind 127.0.0.1"
		}
		lines = append(lines, line)
	}
	if len(lacks) > 0 {
		t.Fatalf("the Corefile lacks the lines %q:\n%s", slices.Sorted(maps.Keys(lacks)), corefile)
	}
	return strings.Join(lines, "\n") + "\n"
}

const snapshotFile = "/var/cache/coredns/k8s_endpoints"

// serve runs the Corefile with the rights of the ServiceAccount, and checks that
// it answers and is refused nothing. It returns the server, and the namespace in which
// there are Services.
func serve(t *testing.T, all objects) (s *server.Server, namespace string) {
	t.Helper()
	var account corev1.ServiceAccount
	all.only(t, "ServiceAccount", &account)
	g, err := gate.New(shared.Get(t))
	must(t, err)
	t.Cleanup(g.Close)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, g.WriteKubeconfig(kubeconfig, tokenOf(t, &account)))
	namespace = runServices(t)
	s = server.New(t, onLoopback(t, corefileOf(t, all), kubeconfig))

	soon := func(name, qtype, want string) {
		t.Helper()
		until(t, func(ctx context.Context) error { return asked(ctx, s, name, qtype, want) })
	}
	soon("db-0.db."+namespace+".svc.cluster.local.", "A", "10.244.1.1")
	soon("db."+namespace+".svc.cluster.local.", "A", "10.244.1.1")
	soon("1.1.244.10.in-addr.arpa.", "PTR", "db-0.db."+namespace+".svc.cluster.local.")
	soon("web."+namespace+".svc.cluster.local.", "CNAME", "example.org.")
	soon("kubernetes.default.svc.cluster.local.", "A", "10.96.0.1")
	soon("example.org.", "A", "192.0.2.80")
	wantBothBlocks(t, s, namespace)
	untilWatched(t, s)
	wantTheRights(t, all, g.Passed())
	for line := range strings.Lines(s.Log()) {
		if strings.Contains(line, "[ERROR]") || strings.Contains(line, "forbidden") {
			t.Errorf("the log says: %s", line)
		}
	}
	return s, namespace
}

// untilWatched waits until all is watched that is to be.
func untilWatched(t *testing.T, s *server.Server) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		all, err := s.Samples(ctx)
		for series, up := range all {
			if strings.HasPrefix(series, "coredns_k8s_endpoints_stream_up{") && up != 1 {
				err = fmt.Errorf("%s is %v", series, up)
			}
		}
		return err
	})
}

// wantBothBlocks asks the block of the cluster's zones and that of all else, and checks
// which of them is asked, also by what an ExternalName Service leads to, and that nobody in
// front of an answer for a headless Service wants a message.
func wantBothBlocks(t *testing.T, s *server.Server, namespace string) {
	t.Helper()
	const cluster, addresses, others = "cluster.local.", "in-addr.arpa.", "."
	for _, tc := range []struct {
		name, qtype, want string
		zones             []string
		asBytes           float64
	}{
		{"db." + namespace + ".svc.cluster.local.", "A", "10.244.1.1", []string{cluster}, 1},
		{"kubernetes.default.svc.cluster.local.", "A", "10.96.0.1", []string{cluster}, 0},
		{"1.1.244.10.in-addr.arpa.", "PTR", "db-0.db." + namespace + ".svc.cluster.local.", []string{addresses}, 0},
		{"80.2.0.192.in-addr.arpa.", "PTR", "host.example.org.", []string{addresses}, 0},
		{"example.org.", "A", "192.0.2.80", []string{others}, 0},
		{"web." + namespace + ".svc.cluster.local.", "A", "192.0.2.80", []string{cluster, others}, 0},
		{"web." + namespace + ".svc.cluster.local.", "CNAME", "example.org.", []string{cluster}, 0},
	} {
		before, err := s.Samples(t.Context())
		must(t, err, asked(t.Context(), s, tc.name, tc.qtype, tc.want))
		after, err := s.Samples(t.Context())
		must(t, err)
		var zones []string
		for _, zone := range []string{cluster, addresses, others} {
			if requestsIn(after, zone) > requestsIn(before, zone) {
				zones = append(zones, zone)
			}
		}
		if !slices.Equal(zones, tc.zones) {
			t.Errorf("%s %s was asked in the zones %q, want %q", tc.name, tc.qtype, zones, tc.zones)
		}
		series := fmt.Sprintf("coredns_k8s_endpoints_wire_answers_total{server=%q}", "dns://"+s.Address())
		if got := after[series] - before[series]; got != tc.asBytes && !server.AsMessages() {
			t.Errorf("%s %s: %v answers went as bytes, want %v", tc.name, tc.qtype, got, tc.asBytes)
		}
	}
}

// requestsIn returns how many questions were asked in a zone.
func requestsIn(samples map[string]float64, zone string) (n float64) {
	for series, value := range samples {
		if strings.HasPrefix(series, "coredns_dns_requests_total{") && strings.HasSuffix(series, fmt.Sprintf(",zone=%q}", zone)) {
			n += value
		}
	}
	return n
}

// runServices runs a headless Service of one Pod, and an ExternalName one, and returns
// their namespace.
func runServices(t *testing.T) string {
	t.Helper()
	c, ctx, app := shared.Get(t), within(t), map[string]string{"app": "db"}
	namespace := c.Namespace(t)
	must(t,
		c.CreateService(ctx, cluster.HeadlessService(namespace, "db", app)),
		c.CreateService(ctx, cluster.ExternalNameService(namespace, "web", "example.org")),
		c.CreatePod(ctx, cluster.Pod{Namespace: namespace, Name: "db-0", Labels: app, Hostname: "db-0", Subdomain: "db"}),
		c.PodReady(ctx, namespace, "db-0", "10.244.1.1"),
	)
	return namespace
}

// asked returns nil where one of the records ends as wanted.
func asked(ctx context.Context, s *server.Server, name, qtype, want string) error {
	answer, err := s.Dig(ctx, name, qtype)
	if err != nil {
		return err
	}
	for _, record := range answer.Answer {
		if strings.HasSuffix(record, " "+qtype+" "+want) {
			return nil
		}
	}
	return fmt.Errorf("%s %s: want %s, got\n%s", name, qtype, want, answer)
}

// tokenOf returns a token of the ServiceAccount, as the kubelet asks for one.
func tokenOf(t *testing.T, account *corev1.ServiceAccount) string {
	t.Helper()
	accounts := shared.Get(t).Clients().CoreV1().ServiceAccounts(account.Namespace)
	request, err := accounts.CreateToken(within(t), account.Name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	must(t, err)
	return request.Status.Token
}

func corefileOf(t *testing.T, all objects) string {
	t.Helper()
	var config corev1.ConfigMap
	all.only(t, "ConfigMap", &config)
	if config.Data["Corefile"] == "" {
		t.Fatal("the ConfigMap has no Corefile")
	}
	return config.Data["Corefile"]
}

// wantTheRights checks that the API server refused no request, and, where the
// rights are ours, that none of them is superfluous.
func wantTheRights(t *testing.T, all objects, passed []gate.Request) {
	t.Helper()
	var role rbacv1.ClusterRole
	all.only(t, "ClusterRole", &role)
	used := make(map[string]bool)
	for _, r := range passed {
		if r.Method != http.MethodGet || r.Status != http.StatusOK {
			t.Errorf("got the request %+v, want only ones that read and are granted", r)
		}
		resource, _, _ := strings.Cut(r.Stream, " ")
		used[r.Verb()+" "+path.Base(resource)] = true
	}
	if role.Labels["helm.sh/chart"] != "" {
		return
	}
	for _, rule := range role.Rules {
		for _, resource := range rule.Resources {
			// A watch may begin with the list, so the right to watch counts for
			// both.
			if !used["watch "+resource] {
				t.Errorf("the right to watch %s was granted, and not used", resource)
			}
			delete(used, "watch "+resource)
			delete(used, "list "+resource)
			if !slices.Equal(rule.Verbs, []string{"list", "watch"}) {
				t.Errorf("the rights on %s are %v, want those to list and to watch", resource, rule.Verbs)
			}
		}
	}
	if len(used) > 0 {
		t.Errorf("used rights that were not granted: %v", used)
	}
}
