package endpoints

import (
	"slices"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	stockcache "github.com/coredns/coredns/plugin/cache"
	"github.com/coredns/coredns/plugin/pkg/fall"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"

	"github.com/miekg/dns"
)

// listed is the readiness of a plugin.
type listed bool

func (l listed) Ready() bool { return bool(l) }

// before is the same with a stock plugin that has no list yet.
func (b beside) before() beside {
	b.stock = listed(false)
	return b
}

// A client with search paths asks for several names, and some take the first failure for
// the answer. What nobody can have is denied, and does not pass on to a plugin that does
// not know yet.
func TestNamesOfSearchPathsPassOnWhereSomebodyMayHaveThem(t *testing.T) {
	const below, searched, endpoint = "a.b.no.default.svc.cluster.local.", "db.default.svc.cluster.local.cluster.local.", "db.default.default.svc.cluster.local."
	const other, outside, deep = "db.cluster.local.", "www.example.org.cluster.local.", "x.fallen.cluster.local."
	zones := name.Zones{"cluster.local."}
	alone := beside{ended: zones, stocks: namesOfStock(zones), stock: listed(true)}
	withoutEndpoints := alone
	withoutEndpoints.noEndpoints = true
	s := testStanza()
	s.Fall = fall.Root
	for _, c := range []struct {
		name   string
		beside beside
		stale  bool
		denied []string
	}{
		{"nothing beside", beside{}, false, []string{below, searched}},
		{"a plugin that has any name", beside{answersAny: true, noEndpoints: true}, true, nil},
		{"kubernetes with endpoints, at a start", beside{}, true, []string{below, searched}},
		{"kubernetes without endpoints", beside{noEndpoints: true}, false, []string{below, searched}},
		{"kubernetes without endpoints, at a start", beside{noEndpoints: true}, true, []string{below, searched, endpoint}},
		{"kubernetes, and nobody behind it", alone, false, []string{below, searched}},
		{"the same, before its first list", alone.before(), false, []string{below, searched, other, outside, deep}},
		{"the same, without endpoints", withoutEndpoints.before(), false, []string{below, searched, endpoint, other, outside, deep}},
		{"the same, and a plugin that has any name", beside{ended: zones, answersAny: true}.before(), true, nil},
		{"the same, where somebody is behind it for all", beside{ended: zones, passed: name.Zones{"."}, noEndpoints: true}.before(), false, []string{below, searched}},
		{"the same, for some names", beside{ended: zones, passed: name.Zones{"fallen.cluster.local."}, stocks: alone.stocks}.before(), false, []string{below, searched, other, outside}},
		{"kubernetes of a zone above, before its first list", beside{ended: name.Zones{"local."}}.before(), false, []string{below, searched}},
		{"kubernetes of a zone below, too, before its first list", beside{ended: name.Zones{"fallen.cluster.local.", "cluster.local."}, stocks: alone.stocks}.before(), false, []string{below, searched, other, outside}},
	} {
		h := testHandler(s, testChanges())
		if c.stale {
			restored := newTestCache()
			restored.restore(snapshot.Content{Objects: testChanges()})
			h.cache.Store(restored)
		}
		h.beside = c.beside
		var denied []string
		for _, name := range []string{below, searched, endpoint, other, outside, deep, "no.default.svc.cluster.local.", "http.tcp.no.default.svc.cluster.local.", "no.svc.cluster.local.",
			"10-0-0-1.default.pod.cluster.local.", "pod.cluster.local.", "ns.dns.cluster.local."} {
			m := serve(t, h, new(dns.Msg).SetQuestion(name, dns.TypeA))
			if m == nil {
				continue
			}
			denied = append(denied, name)
			if m.Rcode != dns.RcodeNameError || len(m.Ns) != 1 || m.Ns[0].Header().Ttl != 1 {
				t.Errorf("%s: %s: got %s", c.name, name, text(m))
			}
		}
		if !slices.Equal(denied, c.denied) {
			t.Errorf("%s: denied %q, want %q", c.name, denied, c.denied)
		}
	}
}

// One that CoreDNS adds has to be thought of.
func TestOfEachPluginBehindItIsKnownWhetherItHasAnyName(t *testing.T) {
	const none, elsewhere, others = "has no names", "has a zone of its own", "asks who knows nothing of the cluster"
	without := map[string]string{
		"cache": none, "header": none, "dnssec": none, "tls": none, "minimal": none, "transfer": none, "loop": none, "on": none, "sign": none, "view": none,
		"k8s_external": elsewhere, "nomad": elsewhere, "forward": others, "grpc": others,
		"kubernetes": "has names of Services and Pods", "erratic": "is for tests", "whoami": "is for tests", pluginName: "is this one",
	}
	behind := dnsserver.Directives[slices.Index(dnsserver.Directives, "cache"):]
	for _, each := range behind {
		if _, ok := without[each]; ok == slices.Contains(withAnyName, each) {
			t.Errorf("%s has any name, or has not: say which", each)
		}
	}
}

// A cache in front has to keep out of the zones, one behind is asked for what passes on.
func TestACacheInFrontKeepsOut(t *testing.T) {
	h := testHandler(testStanza(), nil)
	var bypasser stockcache.ZoneBypasser = h
	if got := bypasser.CacheBypassZones(); got != nil {
		t.Errorf("without a cache in front: %v", got)
	}
	h.beside.cacheInFront = true
	if got := plugin.Zones(bypasser.CacheBypassZones()); got.Matches("db.default.svc.cluster.local.") == "" || got.Matches("example.org.") != "" {
		t.Errorf("with a cache in front: %v", got)
	}
}
