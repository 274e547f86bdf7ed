package endpoints

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/coredns/coredns/plugin/test"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
)

// The cluster of the tests: a headless Service, one with nothing published, and
// one of each kind of ExternalName Service.
func testChanges() []model.Change {
	service := func(s model.Service) model.Change {
		s.Namespace = "default"
		return model.ServiceChange(&s)
	}
	endpoint := func(pod byte, addr, hostname string, c model.Conditions) model.Endpoint {
		return model.Endpoint{Address: netip.MustParseAddr(addr), Hostname: hostname, Pod: hostname, ID: model.PodID{pod}, Conditions: c}
	}
	sliceOf := func(name string, all ...model.Endpoint) model.Change {
		return model.SliceChange(&model.Slice{
			SliceKey:  model.SliceKey{Namespace: "default", Name: name + "-x7k2p"},
			Service:   name,
			Ports:     []model.Port{{Name: "sql", Number: 5432}},
			Endpoints: all,
		})
	}
	ready := model.Ready | model.Serving
	return []model.Change{
		service(model.Service{ServiceKey: model.ServiceKey{Name: "db"}, Kind: model.Headless}),
		sliceOf("db", endpoint(0, "10.0.0.1", "db-0", ready), endpoint(1, "10.0.0.2", "db-1", ready)),
		service(model.Service{ServiceKey: model.ServiceKey{Name: "twin"}, Kind: model.Headless}),
		sliceOf("twin", endpoint(0, "10.0.0.1", "", ready)),
		service(model.Service{ServiceKey: model.ServiceKey{Name: "starting"}, Kind: model.Headless}),
		sliceOf("starting", endpoint(3, "10.0.0.3", "starting-0", 0)),
		service(model.Service{ServiceKey: model.ServiceKey{Name: "web"}, Kind: model.ExternalName, Target: "www.example.org."}),
		service(model.Service{ServiceKey: model.ServiceKey{Name: "address"}, Kind: model.ExternalName, Address: netip.MustParseAddr("192.0.2.1")}),
	}
}

func testStanza() *corefile.Stanza {
	return &corefile.Stanza{
		Zones:       []string{"cluster.local.", "in-addr.arpa.", "ip6.arpa."},
		Primary:     "cluster.local.",
		TTL:         5,
		NegativeTTL: 1,
	}
}

// testHandler answers from the changes; other names go on to a plugin that
// answers REFUSED.
func testHandler(s *corefile.Stanza, changes []model.Change) *handler {
	h := newHandler(s)
	c := newCache(s.Settings, s.NamespaceLabels != nil)
	c.Apply(changes)
	c.Synced()
	c.publish()
	h.cache.Store(c)
	h.next = test.NextHandler(dns.RcodeRefused, nil)
	h.upstream = upstreamFunc(func(string) (*dns.Msg, error) { return nil, nil })
	return h
}

// serve returns the reply, or nil where the question went on to the next plugin.
func serve(t *testing.T, h *handler, r *dns.Msg) *dns.Msg {
	t.Helper()
	w := dnstest.NewRecorder(&test.ResponseWriter{})
	rcode, err := h.ServeDNS(context.Background(), w, r)
	if err != nil {
		t.Fatalf("an error instead of a reply: %v", err)
	}
	if w.Msg == nil && rcode != dns.RcodeRefused {
		t.Fatalf("no reply, and the code %s", dns.RcodeToString[rcode])
	}
	return w.Msg
}

const (
	soa        = "cluster.local. 1 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 0 7200 1800 86400 1"
	soaReverse = "in-addr.arpa. 1 IN SOA ns.dns.in-addr.arpa. hostmaster.in-addr.arpa. 0 7200 1800 86400 1"
)

// text is a whole reply: code, flags, and each section on its lines.
func text(m *dns.Msg) string {
	if m == nil {
		return "next"
	}
	lines := []string{dns.RcodeToString[m.Rcode]}
	if m.Authoritative {
		lines[0] += " aa"
	}
	if m.Truncated {
		lines[0] += " tc"
	}
	for mark, section := range map[string][]dns.RR{"": m.Answer, "authority: ": m.Ns, "additional: ": m.Extra} {
		for _, rr := range section {
			if soa, ok := rr.(*dns.SOA); ok {
				soa.Serial = 0
			}
			lines = append(lines, mark+strings.ReplaceAll(strings.TrimSpace(rr.String()), "\t", " "))
		}
	}
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n")
}

func lines(all ...string) string { return strings.Join(all, "\n") }

func TestServeDNS(t *testing.T) {
	for _, c := range []struct {
		name, question string
		qtype          uint16
		want           string
	}{
		{"a headless Service", "db.default.svc.cluster.local.", dns.TypeA,
			lines("NOERROR aa", "db.default.svc.cluster.local. 5 IN A 10.0.0.1", "db.default.svc.cluster.local. 5 IN A 10.0.0.2")},
		{"the case of the question", "DB-0.Db.Default.svc.Cluster.Local.", dns.TypeA,
			lines("NOERROR aa", "DB-0.Db.Default.svc.Cluster.Local. 5 IN A 10.0.0.1")},
		{"no such type", "db.default.svc.cluster.local.", dns.TypeMX, lines("NOERROR aa", "authority: "+soa)},
		{"any type", "db.default.svc.cluster.local.", dns.TypeANY, lines("NOERROR aa", "db.default.svc.cluster.local. 5 IN HINFO \"RFC8482\" \"\"")},
		{"no such family", "db.default.svc.cluster.local.", dns.TypeAAAA, lines("NOERROR aa", "authority: "+soa)},
		{"no such endpoint", "db-7.db.default.svc.cluster.local.", dns.TypeA, lines("NXDOMAIN aa", "authority: "+soa)},
		{"too many labels", "a.b.c.db.default.svc.cluster.local.", dns.TypeA, lines("NXDOMAIN aa", "authority: "+soa)},
		{"nothing published", "starting.default.svc.cluster.local.", dns.TypeA, lines("NXDOMAIN aa", "authority: "+soa)},
		{"a port", "_sql._tcp.db.default.svc.cluster.local.", dns.TypeSRV, lines("NOERROR aa",
			"_sql._tcp.db.default.svc.cluster.local. 5 IN SRV 0 100 5432 db-0.db.default.svc.cluster.local.",
			"_sql._tcp.db.default.svc.cluster.local. 5 IN SRV 0 100 5432 db-1.db.default.svc.cluster.local.",
			"additional: db-0.db.default.svc.cluster.local. 5 IN A 10.0.0.1",
			"additional: db-1.db.default.svc.cluster.local. 5 IN A 10.0.0.2")},
		{"an address: one record for each Service", "1.0.0.10.in-addr.arpa.", dns.TypePTR, lines("NOERROR aa",
			"1.0.0.10.in-addr.arpa. 5 IN PTR 10-0-0-1.twin.default.svc.cluster.local.",
			"1.0.0.10.in-addr.arpa. 5 IN PTR db-0.db.default.svc.cluster.local.")},
		{"an address, another type", "1.0.0.10.in-addr.arpa.", dns.TypeA, lines("NOERROR aa", "authority: "+soaReverse)},
		{"an address that is not published", "3.0.0.10.in-addr.arpa.", dns.TypePTR, lines("NXDOMAIN aa", "authority: "+soaReverse)},
		{"a part of an address: what lies below is not denied", "0.0.10.in-addr.arpa.", dns.TypePTR, lines("NOERROR aa", "authority: "+soaReverse)},
		{"an external name that is an address", "address.default.svc.cluster.local.", dns.TypeA,
			lines("NOERROR aa", "address.default.svc.cluster.local. 5 IN A 192.0.2.1")},
		{"the version", "dns-version.cluster.local.", dns.TypeTXT, lines("NOERROR aa", `dns-version.cluster.local. 28800 IN TXT "1.1.0"`)},
		{"the version, another type", "dns-version.cluster.local.", dns.TypeA, lines("NOERROR aa", "authority: "+soa)},
		{"the zone", "cluster.local.", dns.TypeA, lines("NOERROR aa", "authority: "+soa)},
		{"the zone's authority", "cluster.local.", dns.TypeSOA,
			lines("NOERROR aa", "cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 0 7200 1800 86400 1")},
		{"the zone's server", "cluster.local.", dns.TypeNS, lines("NOERROR aa", "cluster.local. 5 IN NS ns.dns.cluster.local.")},
		{"all Services", "svc.cluster.local.", dns.TypeA, lines("NOERROR aa", "authority: "+soa)},
		{"a namespace with Services", "default.svc.cluster.local.", dns.TypeA, lines("NOERROR aa", "authority: "+soa)},
		{"a namespace without", "other.svc.cluster.local.", dns.TypeA, lines("NXDOMAIN aa", "authority: "+soa)},
		{"an unknown Service", "no.default.svc.cluster.local.", dns.TypeA, lines("NXDOMAIN aa", "authority: "+soa)},
		{"a Pod", "10-0-0-1.default.pod.cluster.local.", dns.TypeA, lines("NXDOMAIN aa", "authority: "+soa)},
		{"a name outside", "example.org.", dns.TypeA, "next"},
		{"a zone transfer", "cluster.local.", dns.TypeAXFR, "REFUSED"},
		{"an incremental zone transfer", "db.default.svc.cluster.local.", dns.TypeIXFR, "REFUSED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := testHandler(testStanza(), testChanges())
			if got := text(serve(t, h, new(dns.Msg).SetQuestion(c.question, c.qtype))); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestFallthroughIsForNamesThatNoServiceOwns(t *testing.T) {
	all, some := testStanza(), testStanza()
	all.Fall = fall.Root
	some.Fall = fall.F{Zones: []string{"in-addr.arpa."}}
	const denied, none = "NXDOMAIN aa", "NOERROR aa"
	for _, c := range []struct {
		question  string
		all, some string
	}{
		{"no.default.svc.cluster.local.", "next", denied},
		{"default.svc.cluster.local.", none, none},
		{"svc.cluster.local.", none, none},
		{"other.svc.cluster.local.", "next", denied},
		{"cluster.local.", "next", none},
		{"10-0-0-1.default.pod.cluster.local.", "next", denied},
		{"9.0.0.10.in-addr.arpa.", "next", "next"},
		{"0.0.10.in-addr.arpa.", none, none},
		{"1.0.10.in-addr.arpa.", "next", "next"},
		{"db.default.svc.cluster.local.", none, none},
		{"db-7.db.default.svc.cluster.local.", denied, denied},
		{"starting.default.svc.cluster.local.", denied, denied},
		{"a.b.web.default.svc.cluster.local.", denied, denied},
		{"a.b.no.default.svc.cluster.local.", denied, denied},
		{"db.default.svc.cluster.local.default.svc.cluster.local.", denied, denied},
		{"db.default.svc.cluster.local.svc.cluster.local.", denied, denied},
		{"db.default.svc.cluster.local.cluster.local.", denied, denied},
		{"db.default.svc.default.svc.cluster.local.", denied, denied},
		{"www.example.org.default.svc.cluster.local.", denied, denied},
		{"example.org.default.svc.cluster.local.", "next", denied},
		{"_http._tcp.no.default.svc.cluster.local.", "next", denied},
		{"_zone.no.default.svc.cluster.local.", "next", denied},
		{"eu.pin._zone.db.default.svc.cluster.local.", "next", denied},
		{"1.0.0.10.in-addr.arpa.", none, none},
		{"dns-version.cluster.local.", none, none},
	} {
		for name, s := range map[string]*corefile.Stanza{"all": all, "some": some} {
			want := c.all
			if s == some {
				want = c.some
			}
			got, _, _ := strings.Cut(text(serve(t, testHandler(s, testChanges()), new(dns.Msg).SetQuestion(c.question, dns.TypeMX))), "\n")
			if got != want {
				t.Errorf("%s, falling through for %s: got %s, want %s", c.question, name, got, want)
			}
		}
	}
}

func TestOtherClassesAndOpcodesPassOn(t *testing.T) {
	h := testHandler(testStanza(), testChanges())
	chaos := new(dns.Msg).SetQuestion("db.default.svc.cluster.local.", dns.TypeA)
	chaos.Question[0].Qclass = dns.ClassCHAOS
	notify := new(dns.Msg).SetNotify("example.org.")
	empty := new(dns.Msg).SetQuestion("db.default.svc.cluster.local.", dns.TypeA)
	empty.Question = nil
	for name, r := range map[string]*dns.Msg{"chaos": chaos, "notify": notify, "no question": empty} {
		if got := serve(t, h, r); got != nil {
			t.Errorf("%s: answered\n%v", name, got)
		}
	}
}

// A transfer that passed on would leave for an upstream.
func TestTransfersOfAnOwnZoneAreRefused(t *testing.T) {
	falls := testStanza()
	falls.Fall = fall.Root
	axfr := new(dns.Msg).SetAxfr("cluster.local.")
	notify := new(dns.Msg).SetNotify("cluster.local.")
	for _, c := range []struct {
		name      string
		r         *dns.Msg
		stanza    *corefile.Stanza
		transfers bool
		want      string
	}{
		{"a transfer", axfr, testStanza(), false, "REFUSED"},
		{"a transfer that another plugin may make", axfr, testStanza(), true, "next"},
		{"a transfer where the zone falls through", axfr, falls, false, "REFUSED"},
		{"the same, with another plugin that may make it", axfr, falls, true, "next"},
		{"a transfer of another zone", new(dns.Msg).SetAxfr("example.org."), testStanza(), false, "next"},
		{"news of a change", notify, testStanza(), false, "NOTIMP"},
		{"news of a change that another plugin may take", notify, testStanza(), true, "next"},
	} {
		h := testHandler(c.stanza, testChanges())
		h.beside.transfers = c.transfers
		if got := text(serve(t, h, c.r)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// A resolver that believes the zone looks for the name server that the zone names.
func TestTheZoneKnowsItsNameServer(t *testing.T) {
	for _, c := range []struct {
		question string
		qtype    uint16
		want     string
	}{
		{"ns.dns.Cluster.local.", dns.TypeA, lines("NOERROR aa", "ns.dns.Cluster.local. 5 IN A 127.0.0.1")},
		{"ns.dns.cluster.local.", dns.TypeAAAA, lines("NOERROR aa", "authority: "+soa)},
		{"dns.cluster.local.", dns.TypeA, lines("NOERROR aa", "authority: "+soa)},
		{"ns2.dns.cluster.local.", dns.TypeA, lines("NXDOMAIN aa", "authority: "+soa)},
	} {
		if got := text(serve(t, testHandler(testStanza(), testChanges()), new(dns.Msg).SetQuestion(c.question, c.qtype))); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.question, got, c.want)
		}
	}
}

func TestNothingIsMadeUpBeforeTheFirstState(t *testing.T) {
	s := testStanza()
	s.Fall = fall.Root
	s.Namespaces = []string{"default"}
	h := newHandler(s)
	h.next = test.NextHandler(dns.RcodeRefused, nil)
	servfail := lines("SERVFAIL", "additional: ;; OPT PSEUDOSECTION:\n; EDNS: version 0; flags:; udp: 1232\n"+
		"; EDE: 14 (Not Ready): (the first list of Services and EndpointSlices is not complete)")
	for _, c := range []struct{ question, want string }{
		{"db.default.svc.cluster.local.", servfail},
		{"db-0.db.default.svc.cluster.local.", servfail},
		{"_sql._tcp.db.default.svc.cluster.local.", servfail},
		{"a.b.c.db.default.svc.cluster.local.", servfail},
		{"1.0.0.10.in-addr.arpa.", servfail},
		{"db.other.svc.cluster.local.", "next"},
		{"default.svc.cluster.local.", "next"},
		{"10-0-0-1.default.pod.cluster.local.", "next"},
		{"cluster.local.", "next"},
	} {
		got := text(serve(t, h, new(dns.Msg).SetQuestion(c.question, dns.TypeA).SetEdns0(1232, false)))
		if strings.ReplaceAll(got, "  ", " ") != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.question, got, c.want)
		}
	}
	plain := serve(t, h, new(dns.Msg).SetQuestion("db.default.svc.cluster.local.", dns.TypeA))
	if got := text(plain); got != "SERVFAIL" {
		t.Errorf("to a client without EDNS: got\n%s", got)
	}
	s.Fall = fall.Zero
	h = newHandler(s)
	if got := text(serve(t, h, new(dns.Msg).SetQuestion("default.svc.cluster.local.", dns.TypeA))); got != "SERVFAIL" {
		t.Errorf("a namespace, which cannot be denied yet: got\n%s", got)
	}
}

func TestAServicesOwnLimits(t *testing.T) {
	s := testStanza()
	s.Settings.Annotations = corefile.AllAnnotations
	changes := testChanges()
	changes[0].Service.Annotations = model.NewAnnotations(map[string]string{"ttl": "30", "negative-ttl": "7", "max-answers": "1"})
	changes[6].Service.Annotations = model.NewAnnotations(map[string]string{"ttl": "60"})
	h := testHandler(s, changes)
	for question, want := range map[string]uint32{
		"db.default.svc.cluster.local.":      30,
		"db-1.db.default.svc.cluster.local.": 30,
		"no.db.default.svc.cluster.local.":   7,
		"twin.default.svc.cluster.local.":    5,
		"no.twin.default.svc.cluster.local.": 1,
	} {
		m := serve(t, h, new(dns.Msg).SetQuestion(question, dns.TypeA))
		for _, rr := range append(m.Answer, m.Ns...) {
			if rr.Header().Ttl != want {
				t.Errorf("%s: got %v, want the TTL %d", question, rr, want)
			}
		}
		if len(m.Answer)+len(m.Ns) != 1 {
			t.Errorf("%s: got %v and %v", question, m.Answer, m.Ns)
		}
	}
	if m := serve(t, h, new(dns.Msg).SetQuestion("web.default.svc.cluster.local.", dns.TypeCNAME)); m.Answer[0].Header().Ttl != 60 {
		t.Errorf("got %v", m.Answer)
	}
}

// The records of one name and type have one TTL (RFC 2181, section 5.2).
func TestServicesThatShareAnAddressShareTheLeastTTL(t *testing.T) {
	for _, row := range []struct {
		name     string
		db, twin string
		want     uint32
	}{
		{"neither says anything", "", "", 5},
		{"one wants less", "3", "", 3},
		{"one wants more", "30", "", 5},
		{"both say something", "30", "10", 10},
	} {
		s := testStanza()
		s.Settings.Annotations = corefile.AllAnnotations
		changes := testChanges()
		for at, ttl := range map[int]string{0: row.db, 2: row.twin} {
			if ttl != "" {
				changes[at].Service.Annotations = model.NewAnnotations(map[string]string{"ttl": ttl})
			}
		}
		m := serve(t, testHandler(s, changes), new(dns.Msg).SetQuestion("1.0.0.10.in-addr.arpa.", dns.TypePTR))
		if len(m.Answer) != 2 || m.Answer[0].Header().Ttl != row.want || m.Answer[1].Header().Ttl != row.want {
			t.Errorf("%s: got %v, want the TTL %d", row.name, m.Answer, row.want)
		}
	}
}

func TestTheNameServerHasTheAddressesOfTheStanza(t *testing.T) {
	s := testStanza()
	s.NameServer = []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("2001:db8::53"), netip.MustParseAddr("192.0.2.54")}
	h := testHandler(s, testChanges())
	for qtype, want := range map[uint16]string{
		dns.TypeA:    lines("NOERROR aa", "ns.dns.cluster.local. 5 IN A 192.0.2.53", "ns.dns.cluster.local. 5 IN A 192.0.2.54"),
		dns.TypeAAAA: lines("NOERROR aa", "ns.dns.cluster.local. 5 IN AAAA 2001:db8::53"),
		dns.TypeMX:   lines("NOERROR aa", "authority: "+soa),
	} {
		if got := text(serve(t, h, new(dns.Msg).SetQuestion("ns.dns.cluster.local.", qtype))); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", dns.TypeToString[qtype], got, want)
		}
	}
}

func TestMaxAnswersBoundsTheServiceName(t *testing.T) {
	s := testStanza()
	s.MaxAnswers = 1
	h := testHandler(s, testChanges())
	m := serve(t, h, new(dns.Msg).SetQuestion("db.default.svc.cluster.local.", dns.TypeA))
	if len(m.Answer) != 1 || m.Truncated {
		t.Errorf("got %d records, truncated %v", len(m.Answer), m.Truncated)
	}
	m = serve(t, h, new(dns.Msg).SetQuestion("_sql._tcp.db.default.svc.cluster.local.", dns.TypeSRV))
	if len(m.Answer) != 1 || m.Truncated || len(m.Extra) != 1 || m.Extra[0].Header().Name != m.Answer[0].(*dns.SRV).Target {
		t.Errorf("got the SRV records %v with %v, truncated %v", m.Answer, m.Extra, m.Truncated)
	}
}

func TestOptionsThatAreNotSentBackTakeNoRoom(t *testing.T) {
	big := readySlice("default", "big", "big-1")
	for i := range 100 {
		one := readySlice("default", "big", "big-1", netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}).String())
		big.Slice.Endpoints = append(big.Slice.Endpoints, one.Slice.Endpoints...)
	}
	h := testHandler(testStanza(), []model.Change{headlessService("default", "big"), big})
	count := func(options ...dns.EDNS0) int {
		r := new(dns.Msg).SetQuestion("big.default.svc.cluster.local.", dns.TypeA).SetEdns0(512, false)
		r.IsEdns0().Option = options
		return len(serve(t, h, r).Answer)
	}
	cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: strings.Repeat("24", 200)}
	if plain, with := count(), count(cookie); plain != with || plain != (512-12-35-11)/16 {
		t.Errorf("%d addresses without an option, %d with one", plain, with)
	}
}

func TestNamingComesFromTheStanza(t *testing.T) {
	s := testStanza()
	s.Settings.Naming = roster.ByPodName
	changes := testChanges()
	changes[3].Slice.Endpoints[0].Pod = "twin-5f7d"
	m := serve(t, testHandler(s, changes), new(dns.Msg).SetQuestion("1.0.0.10.in-addr.arpa.", dns.TypePTR))
	if got := text(m); !strings.Contains(got, "PTR twin-5f7d.twin.default.svc.cluster.local.") {
		t.Errorf("got\n%s", got)
	}
}
