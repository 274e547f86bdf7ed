package differential

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
)

// What docs/migration.md says of the two ways, where no question about a Service shows it.

// A way is how *kubernetes* runs: alone, or behind k8s_endpoints in one of the two ways.
type way struct{ ours, option string }

const inFront = `
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %s
        fallthrough
    }`

var (
	alone           = way{}
	withNoendpoints = way{inFront, "noendpoints"}
	withEndpoints   = way{ours: inFront}
)

// corefile is that of a server with a further option of kubernetes, and further plugins.
func (w way) corefile(kubeconfig, option, plugins string) string {
	ours := w.ours
	if ours != "" {
		ours = fmt.Sprintf(ours, kubeconfig)
	}
	return fmt.Sprintf(`.:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    prometheus 127.0.0.1:{{.Metrics}}
    errors
    %s
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig %s
        ttl 5
        %s
        %s
    }
    %s
}
`, ours, kubeconfig, w.option, option, plugins)
}

func (w way) start(t *testing.T, option, plugins string) *server.Server {
	t.Helper()
	return server.New(t, w.corefile(adminFile(t), option, plugins))
}

func adminFile(t *testing.T) string {
	t.Helper()
	kubeconfig, err := world.cluster.Kubeconfig(cluster.AdminUser)
	if err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

// address asks a server for the A records of a name.
func address(name string) func(t *testing.T, s *server.Server) string { return asks(name, dns.TypeA) }

// asks asks a server a question, without EDNS.
func asks(name string, typ uint16) func(t *testing.T, s *server.Server) string {
	return func(t *testing.T, s *server.Server) string {
		t.Helper()
		conn, err := dns.Dial("udp", s.Address())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		m, err := exchange(conn, new(dns.Msg).SetQuestion(name, typ))
		if err != nil {
			t.Fatal(err)
		}
		return differences.Show(m)
	}
}

// transferred asks a server for the whole zone, and returns the records but for the serial number of the SOA.
func transferred(t *testing.T, s *server.Server) string {
	t.Helper()
	parts, err := new(dns.Transfer).In(new(dns.Msg).SetAxfr(zone), s.Address())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for part := range parts {
		if part.Error != nil {
			t.Fatal(part.Error)
		}
		for _, rr := range part.RR {
			if soa, ok := rr.(*dns.SOA); ok {
				soa.Serial = 0
			}
			lines = append(lines, rr.String())
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestWhatGoesWithNoendpointsStaysWithEndpoints(t *testing.T) {
	for _, tc := range []struct {
		name, option, plugins string
		ask                   func(*testing.T, *server.Server) string
		// has is in what kubernetes alone says, and lost in what it says with noendpoints, where has is not.
		has, lost string
	}{
		{
			name: "ignore empty_service takes every Service with a cluster IP for empty", option: "ignore empty_service",
			ask: address("web.test.svc.cluster.local."), has: webClusterIP, lost: "NXDOMAIN",
		},
		{
			name: "k8s_external finds no headless Service", plugins: "k8s_external example.com {\n        headless\n    }",
			ask: address("sts.test.example.com."), has: "10.1.0.1", lost: "NXDOMAIN",
		},
		{
			name: "a zone transfer lacks headless Services", plugins: "transfer cluster.local {\n        to *\n    }",
			ask: transferred, has: "\nsts-0.sts.test.svc.cluster.local.\t", lost: "web.test.svc.cluster.local.",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stock := tc.ask(t, alone.start(t, tc.option, tc.plugins))
			if !strings.Contains(stock, tc.has) {
				t.Fatalf("kubernetes alone has no %q:\n%s", tc.has, stock)
			}
			if kept := tc.ask(t, withEndpoints.start(t, tc.option, tc.plugins)); kept != stock {
				t.Errorf("with endpoints kept it is\n%s\nand alone\n%s", kept, stock)
			}
			if got := tc.ask(t, withNoendpoints.start(t, tc.option, tc.plugins)); !strings.Contains(got, tc.lost) || strings.Contains(got, tc.has) {
				t.Errorf("with noendpoints it is\n%s\nwant %q and no %q", got, tc.lost, tc.has)
			}
		})
	}
}

func TestPluginsBehindDoNotChangeHeadlessServices(t *testing.T) {
	const headless = "sts.test.svc.cluster.local."
	for _, tc := range []struct {
		name, plugins string
		ask           func(*testing.T, *server.Server) string
	}{
		{"hosts", "hosts {\n        192.0.2.99 " + headless + "\n        fallthrough\n    }", address(headless)},
		{"template", "template IN A " + headless + " {\n        answer \"{{ .Name }} 60 IN A 192.0.2.98\"\n    }", address(headless)},
		{"minimal", "minimal", asks("_sql._tcp."+headless, dns.TypeSRV)},
		{"header", "header {\n        response set ra\n    }", address(headless)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if before, after := tc.ask(t, alone.start(t, "", "")), tc.ask(t, alone.start(t, "", tc.plugins)); before == after {
				t.Fatalf("it changes nothing of kubernetes alone:\n%s", after)
			}
			for name, w := range map[string]way{"with noendpoints": withNoendpoints, "with endpoints kept": withEndpoints} {
				if before, after := tc.ask(t, w.start(t, "", "")), tc.ask(t, w.start(t, "", tc.plugins)); before != after {
					t.Errorf("%s: it makes of\n%s\nthis:\n%s", name, before, after)
				}
			}
		})
	}
}

func TestZonalDoesNotStartWithNoendpoints(t *testing.T) {
	s, err := server.Start(t.Context(), withNoendpoints.corefile(adminFile(t), "zonal", ""))
	if err == nil {
		t.Error(s.Stop())
	}
	if err == nil || !strings.Contains(err.Error(), "zonal requires the endpoint cache") {
		t.Errorf("got %v, want that zonal needs endpoints", err)
	}
}

func TestTheLatencyOfKubernetesIsThereWithEndpointsOnly(t *testing.T) {
	const theirs, own = "coredns_kubernetes_dns_programming_duration_seconds_count{", "coredns_k8s_endpoints_dns_programming_duration_seconds_count{"
	servers := map[string]*server.Server{
		"alone": alone.start(t, "", ""), "with noendpoints": withNoendpoints.start(t, "", ""), "with endpoints kept": withEndpoints.start(t, "", ""),
	}
	want := map[string][]string{"alone": {theirs}, "with noendpoints": {own}, "with endpoints kept": {theirs, own}}
	namespace, app := world.cluster.Namespace(t), map[string]string{"app": "late"}
	for _, err := range []error{
		world.cluster.CreateService(t.Context(), cluster.HeadlessService(namespace, "late", app, cluster.Port("sql", corev1.ProtocolTCP, 5432))),
		world.cluster.CreatePod(t.Context(), cluster.Pod{Namespace: namespace, Name: "late-0", Labels: app}),
		world.cluster.PodReady(t.Context(), namespace, "late-0", "10.8.0.1"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	limit, cancel := context.WithTimeout(t.Context(), askLimit)
	defer cancel()
	for name, s := range servers {
		err := poll.Until(limit, func(ctx context.Context) error {
			text, err := s.Metrics(ctx)
			if err != nil {
				return err
			}
			for _, metric := range []string{theirs, own} {
				if got := strings.Contains(text, metric); got != slices.Contains(want[name], metric) {
					return fmt.Errorf("%s: the metric %s is there: %t", name, metric, got)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}
