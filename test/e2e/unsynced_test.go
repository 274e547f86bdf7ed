package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
)

// notReady is the answer for a name that a Service could own, before it is known
// whether one does.
var notReady = want{
	status: "SERVFAIL", flags: notOwned,
	ede: []string{"14 (Not Ready): (the first list of Services and EndpointSlices is not complete)"},
}

// unreadyCorefile is aloneCorefile for a start that does not wait until all
// plugins are ready.
func unreadyCorefile(t *testing.T, options ...string) string {
	t.Helper()
	_, corefile := unreadyAt(t, aloneCorefile(options...))
	return corefile
}

// unreadyAt puts a port that the server does not know in the place of the ready
// port, and returns the address.
func unreadyAt(t *testing.T, corefile string) (address, changed string) {
	t.Helper()
	port, err := loopback.Port()
	must(t, err)
	address = fmt.Sprintf("%s:%d", loopback.Address, port)
	return address, strings.ReplaceAll(corefile, "127.0.0.1:{{.Ready}}", address)
}

// wantReady checks the answer of the plugin ready.
func wantReady(ctx context.Context, address string, status int, body string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/ready", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != status || string(text) != body {
		return fmt.Errorf("ready says %d %q, want %d %q", response.StatusCode, text, status, body)
	}
	return nil
}

// passing is a Corefile whose plugin template answers all questions that the
// plugin passes on.
const passing = `cluster.local:{{.DNS}} in-addr.arpa:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    errors
    k8s_endpoints {
        kubeconfig KUBECONFIG
        startup_timeout 100ms
        fallthrough
    }
    template IN TXT {
        answer "{{ .Name }} 60 IN TXT passed"
    }
    template ANY ANY {
        rcode NXDOMAIN
    }
}
alone.test:{{.DNS}} {
    bind 127.0.0.1
    k8s_endpoints {
        kubeconfig KUBECONFIG
        startup_timeout 100ms
    }
}
`

// TestAnAPIServerThatIsAway has a control plane of its own, because it stops it.
func TestAnAPIServerThatIsAway(t *testing.T) {
	c := cluster.New(t)
	ctx := within(t)
	p := &place{Cluster: c, namespace: "kept", network: 1}
	must(t, c.CreateNamespace(ctx, p.namespace), c.Grant(ctx, cluster.CoreDNSUser, leastRights...))
	p.runDB(t)
	untilController(t, p)
	must(t, c.StopAPIServer())

	file, err := c.Kubeconfig(cluster.CoreDNSUser)
	must(t, err)
	ready, corefile := unreadyAt(t, strings.ReplaceAll(passing, "KUBECONFIG", file))
	s := server.New(t, corefile)
	beforeTheFirstList(t, s, p, ready)

	must(t, c.StartAPIServer(within(t)))
	db := p.name("db")
	steady := question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)}
	wantSoon(t, s, steady)
	until(t, func(ctx context.Context) error { return wantReady(ctx, ready, http.StatusOK, "OK") })
	wantNow(t, s,
		question{name: reverse(p.v4(1)), qtype: "PTR", want: found(record(reverse(p.v4(1)), ttl, "PTR", p.name("db-0.db")))},
		question{name: p.name("nowhere"), qtype: "TXT", want: passed(p.name("nowhere"))},
	)

	// The last state is served while the API server is away again, and after.
	l := ask(t, s, db, dns.TypeA, oneOf(steady))
	const noticed = "is lost, what is known is served on"
	before := strings.Count(s.Log(), noticed)
	must(t, c.StopAPIServer())
	until(t, func(context.Context) error {
		if strings.Count(s.Log(), noticed) == before {
			return errors.New("that the API server is away was not noticed")
		}
		return nil
	})
	wantNow(t, s, steady)
	must(t, wantReady(t.Context(), ready, http.StatusOK, "OK"), c.StartAPIServer(within(t)))
	must(t, p.CreateService(within(t), cluster.ExternalNameService(p.namespace, "web", db[:len(db)-1])))
	web := p.name("web")
	wantSoon(t, s, question{name: web, qtype: "A", want: found(cname(web, db), at(db, p.v4(1))[0])})
	l.stop()
	must(t, p.PodUnready(within(t), p.namespace, "db-0"))
	wantSoon(t, s, question{name: db, qtype: "A", want: p.noneReady("1 sick")})
}

// untilController waits until the slice of db has its endpoint.
func untilController(t *testing.T, p *place) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		all, err := p.Slices(ctx, p.namespace, "db")
		if err == nil && (len(all) != 1 || len(all[0].Endpoints) != 1) {
			err = fmt.Errorf("got the slices %v, want one with an endpoint", all)
		}
		return err
	})
}

func passed(owner string) want {
	return found(record(owner, 60, "TXT", `"passed"`))
}

func beforeTheFirstList(t *testing.T, s *server.Server, p *place, ready string) {
	t.Helper()
	could := []string{p.name("db"), p.name("db-0.db"), p.name("_sql._tcp.db"), p.name("a.b.c.db"), "nowhere.nowhere.svc.cluster.local."}
	for _, name := range could {
		for _, qtype := range []string{"A", "SRV", "TXT", "CNAME"} {
			wantNow(t, s, question{name: name, qtype: qtype, want: notReady})
		}
	}
	db := p.name("db")
	alone := func(status, why string) want {
		return want{status: status, authority: []string{soa("alone.test.", negativeTTL)}}.because(why)
	}
	apex := strings.Replace(soa("alone.test.", negativeTTL), " 1 IN", " 5 IN", 1)
	wantNow(t, s,
		question{name: reverse(p.v4(1)), qtype: "PTR", want: notReady},
		question{name: db, qtype: "A", args: []string{"+noedns"}, want: want{status: "SERVFAIL", flags: notOwned}},
		question{name: "nowhere.cluster.local.", qtype: "TXT", want: passed("nowhere.cluster.local.")},
		question{name: "1-2-3-4.kept.pod.cluster.local.", qtype: "TXT", want: passed("1-2-3-4.kept.pod.cluster.local.")},
		question{name: "cluster.local.", qtype: "TXT", want: passed("cluster.local.")},
		question{name: "dns-version.cluster.local.", qtype: "TXT", want: found(record("dns-version.cluster.local.", 28800, "TXT", `"1.1.0"`))},
		question{name: "db.kept.svc.alone.test.", qtype: "A", want: notReady},
		question{name: "kept.svc.alone.test.", qtype: "A", want: notReady},
		question{name: "nowhere.alone.test.", qtype: "A", want: alone("NXDOMAIN", "no name of a Service")},
		question{name: "svc.alone.test.", qtype: "A", want: alone("NOERROR", "no records here, at most below")},
		question{name: "alone.test.", qtype: "SOA", want: found(apex)},
	)
	must(t, wantReady(t.Context(), ready, http.StatusServiceUnavailable, "k8s_endpoints"))
}

func TestChangesWhileTheConnectionIsLost(t *testing.T) {
	p, ctx := newPlace(t), within(t)
	g := openGate(t, p.Cluster)
	s := server.New(t, aloneCorefile(
		"kubeconfig "+g.kubeconfig(p.Config(cluster.CoreDNSUser).BearerToken),
		"namespaces "+p.namespace,
	))
	p.runDB(t)
	db, web, old, late := p.name("db"), p.external(t, "web", p.name("db")), p.name("old"), p.name("late")
	must(t,
		p.CreateService(ctx, cluster.HeadlessService(p.namespace, "old", nil)),
		p.CreateSlice(ctx, cluster.HandmadeSlice(p.namespace, "old-1", "old", nil, p.v4(11))),
		p.CreateService(ctx, cluster.HeadlessService(p.namespace, "kept", nil)),
		p.CreateSlice(ctx, cluster.HandmadeSlice(p.namespace, "kept-1", "kept", nil, p.v4(12))),
	)
	kept := question{name: p.name("kept"), qtype: "A", want: found(at(p.name("kept"), p.v4(12))...)}
	before := []question{
		{name: db, qtype: "A", want: found(at(db, p.v4(1))...)},
		{name: web, qtype: "A", want: found(cname(web, db), at(db, p.v4(1))[0])},
		{name: old, qtype: "A", want: found(at(old, p.v4(11))...)},
		{name: reverse(p.v4(11)), qtype: "PTR", want: found(record(reverse(p.v4(11)), ttl, "PTR", p.name(dashed(p.v4(11))+".old")))},
		{name: late, qtype: "A", want: p.notSelected("late")},
		kept,
	}
	wantSoon(t, s, before...)
	l := ask(t, s, kept.name, dns.TypeA, oneOf(kept))

	g.Close()
	p.changeEverything(t)
	wantNow(t, s, before...)

	must(t, g.Open())
	wantSoon(t, s,
		question{name: db, qtype: "A", want: found(at(db, p.v4(2))...)},
		question{name: web, qtype: "A", want: found(at(web, p.v4(20))...)},
		question{name: old, qtype: "A", want: p.notSelected("old")},
		question{name: reverse(p.v4(11)), qtype: "PTR", want: noAddress("in-addr.arpa.")},
		question{name: late, qtype: "A", want: found(at(late, p.v4(13))...)},
		kept,
	)
	l.stop()
}

// changeEverything replaces the Pod of db, deletes old, creates late and makes
// web headless.
func (p *place) changeEverything(t *testing.T) {
	t.Helper()
	ctx := within(t)
	must(t,
		p.CreatePod(ctx, p.dbPod("db-1")),
		p.PodReady(ctx, p.namespace, "db-1", p.v4(2)),
		p.DeletePod(ctx, p.namespace, "db-0"),
		p.DeleteSlice(ctx, p.namespace, "old-1"),
		p.DeleteService(ctx, p.namespace, "old"),
		p.CreateService(ctx, cluster.HeadlessService(p.namespace, "late", nil, cluster.Port("sql", corev1.ProtocolTCP, 5432))),
		p.CreateSlice(ctx, cluster.HandmadeSlice(p.namespace, "late-1", "late", nil, p.v4(13))),
		p.ToHeadless(ctx, p.namespace, "web"),
		p.CreateSlice(ctx, cluster.HandmadeSlice(p.namespace, "web-1", "web", nil, p.v4(20))),
	)
	until(t, func(ctx context.Context) error {
		all, err := p.Slices(ctx, p.namespace, "db")
		if err == nil && (len(all) != 1 || len(all[0].Endpoints) != 1 || all[0].Endpoints[0].Addresses[0] != p.v4(2)) {
			err = fmt.Errorf("got the slices %v, want one with the new Pod", all)
		}
		return err
	})
}
