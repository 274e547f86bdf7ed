package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
)

// reloading is the Corefile of a server that is told to read it again.
const reloading = `cluster.local:{{.DNS}} in-addr.arpa:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    prometheus 127.0.0.1:{{.Metrics}}
    errors
    RELOAD
    k8s_endpoints {
        kubeconfig KUBECONFIG
        namespaces NAMESPACE
        OPTION
    }
}
`

// A reloader changes the Corefile of a running server, in one of the two ways
// that there are.
type reloader struct {
	t        *testing.T
	server   *server.Server
	corefile string
	signal   bool
}

func (r *reloader) write(option string) {
	r.t.Helper()
	corefile := strings.Replace(r.corefile, "OPTION", option, 1)
	if !r.signal {
		must(r.t, r.server.WriteCorefile(corefile))
		return
	}
	must(r.t, r.server.Reload(within(r.t), corefile))
}

// until waits until the log has a text n times.
func (r *reloader) until(text string, n int) {
	r.t.Helper()
	until(r.t, func(context.Context) error {
		if got := strings.Count(r.server.Log(), text); got < n {
			return fmt.Errorf("the log has %q %d times, want %d:\n%s", text, got, n, tail(r.server.Log()))
		}
		return nil
	})
}

func TestAReload(t *testing.T) {
	tests := []struct {
		name, reload string
		signal       bool
	}{
		{"by a signal", "", true},
		{"by the plugin reload", "reload 2s 1s", false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlace(t)
			g := openGate(t, p.Cluster)
			corefile := strings.NewReplacer(
				"KUBECONFIG", g.kubeconfig(p.Config(cluster.CoreDNSUser).BearerToken), "NAMESPACE", p.namespace, "RELOAD", tc.reload,
			).Replace(reloading)
			s := server.New(t, strings.Replace(corefile, "OPTION", "ttl 5", 1))
			p.runDB(t)
			reloadUnderLoad(t, p, g, &reloader{t, s, corefile, tc.signal})
		})
	}
}

func reloadUnderLoad(t *testing.T, p *place, g *testGate, r *reloader) {
	db := p.name("db")
	old := question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)}
	changed := question{name: db, qtype: "A", want: found(atFor(30, db, p.v4(1))...)}
	wantSoon(t, r.server, old)
	held := []sample{{`objects{kind="headless"}`, 1}, {`objects{kind="endpointslice"}`, 1}, {`endpoints{tier="good"}`, 1}}
	wantMetrics(t, r.server, held...)
	// A list is logged after it was taken over: for the last one, that may be
	// after the plugin is ready.
	const lists = 3
	r.until("Listed ", lists)
	asked := len(g.Passed())
	l := ask(t, r.server, db, dns.TypeA, oneOf(old, changed))

	r.write("ttl 30")
	wantSoon(t, r.server, changed)
	r.until("Reloading complete", 1)
	wantMetrics(t, r.server, held...)

	r.write("ttl nonsense")
	r.until("ttl must be a whole number in range [0, 3600]: nonsense", 1)
	wantNow(t, r.server, changed)

	r.write("ttl 5")
	wantSoon(t, r.server, old)
	r.until("Reloading complete", 2)
	wantMetrics(t, r.server, held...)
	if got := len(g.Passed()); got != asked {
		t.Errorf("the reloads made requests to the API server: %+v", g.Passed()[asked:])
	}
	if got := strings.Count(r.server.Log(), "Listed "); got != lists {
		t.Errorf("the log tells of %d lists, want the %d of the start", got, lists)
	}

	// This option needs a cache of its own, which is filled before it is asked.
	r.write("endpoint_pod_names")
	r.until("Reloading complete", 3)
	r.until("Listed ", 2*lists)
	if got := strings.Count(r.server.Log(), "Listed "); got != 2*lists {
		t.Errorf("the log tells of %d lists, want %d more than the %d of the start", got, lists, lists)
	}
	wantMetrics(t, r.server, held...)
	l.stop()

	// The cache that was kept across reloads still follows the cluster.
	must(t, p.PodUnready(within(t), p.namespace, "db-0"))
	wantSoon(t, r.server, question{name: db, qtype: "A", want: p.noneReady("1 sick")})
}

func TestARelistComparesAndNeverClears(t *testing.T) {
	p := newPlace(t)
	g := openGate(t, p.Cluster)
	s := server.New(t, aloneCorefile(
		"kubeconfig "+g.kubeconfig(p.Config(cluster.CoreDNSUser).BearerToken),
		"namespaces "+p.namespace,
	))
	p.runDB(t)
	db, web := p.name("db"), p.external(t, "web", p.name("db"))
	there := question{name: web, qtype: "A", want: found(cname(web, db), at(db, p.v4(1))[0])}
	wantSoon(t, s, there)
	l := ask(t, s, web, dns.TypeA, oneOf(there))
	for round := range 2 {
		g.expireAll()
		for _, stream := range []string{"services", "endpointslices_headless", "endpointslices_other"} {
			wantMetrics(t, s, sample{`relists_total{stream="` + stream + `"}`, float64(round + 1)})
		}
	}
	l.stop()
}
