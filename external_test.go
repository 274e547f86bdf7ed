package endpoints

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external/externaltest"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"

	"github.com/miekg/dns"
)

// outer is the world outside of the cluster, by a clock that stands still, and a server that
// answers from it.
type outer struct {
	t   *testing.T
	h   *handler
	now time.Time
	// has are the answers by name: addresses and aliases, or a response code, or "error". A TTL
	// follows a slash.
	has map[string]string
	// asked are the questions, and unasked those of them that no client waits for, with whom
	// they are asked for.
	mu             sync.Mutex
	asked, unasked []string
}

// newOuter returns a server for the cluster of the tests with the Services of the changes.
func newOuter(t *testing.T, s *corefile.Stanza, has map[string]string, changes ...model.Change) *outer {
	o := &outer{t: t, now: time.Unix(1_800_000_000, 0), has: has}
	s.Settings.Annotations = corefile.AllAnnotations
	o.h = testHandler(s, append(testChanges(), changes...))
	o.h.upstream = o
	o.h.book = external.New(external.Options{
		Fall: 3, Rise: 2,
		Rules:  external.NewRules(s.Settings.External.Rules),
		Own:    func(name string) bool { return o.h.zones.Match(name) != "" },
		Now:    func() time.Time { return o.now },
		Go:     func(f func()) { f() },
		Manual: true,
	})
	return o
}

// Lookup implements upstream.
func (o *outer) Lookup(ctx context.Context, state request.Request, name string, qtype uint16) (*dns.Msg, error) {
	if o.h.zones.Match(name) != "" {
		return itself{o.h}.Lookup(ctx, state, name, qtype)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	question := name + " " + dns.TypeToString[qtype]
	o.asked = append(o.asked, question)
	if isUnasked(ctx) {
		o.unasked = append(o.unasked, fmt.Sprintf("%s for %s over %s", question, state.IP(), state.Proto()))
	}
	m, err := externaltest.Answer(o.has[name], name, qtype)
	if err != nil {
		return nil, err
	}
	if len(m.Answer) == 0 && (m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError) {
		m.Ns = []dns.RR{test.SOA(denialText)}
	}
	return m, nil
}

func (o *outer) pass(d time.Duration) {
	for end := o.now.Add(d); o.now.Before(end); {
		o.now = o.now.Add(time.Second)
		o.h.book.Turn()
	}
}

// ask returns the whole answer, its reasons last.
func (o *outer) ask(name string, qtype uint16) string {
	if !strings.HasSuffix(name, ".") {
		name += ".default.svc.cluster.local."
	}
	t := o.t
	if t == nil {
		t = new(testing.T)
	}
	plain := serve(t, o.h, new(dns.Msg).SetQuestion(name, qtype))
	m := serve(t, o.h, new(dns.Msg).SetQuestion(name, qtype).SetEdns0(1232, false))
	why := reasons(m)
	m.Extra = slices.DeleteFunc(slices.Clone(m.Extra), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
	if a, b := text(plain), text(m); a != b {
		t.Errorf("%s: with EDNS another answer:\n%s\nthan without:\n%s", name, b, a)
	}
	return strings.ReplaceAll(strings.Join(append([]string{text(m)}, why...), "\n"), ".default.svc.cluster.local.", "")
}

func (o *outer) want(name string, qtype uint16, want ...string) {
	o.t.Helper()
	if got := o.ask(name, qtype); got != lines(want...) {
		o.t.Errorf("%s %s at %v: got\n%s\nwant\n%s", name, dns.TypeToString[qtype], o.now.Unix()-1_800_000_000, got, lines(want...))
	}
}

// toOutside is an ExternalName Service with annotations, in pairs of a name and a value.
func toOutside(name, target string, annotations ...string) model.Change {
	s := &model.Service{
		ServiceKey: model.ServiceKey{Namespace: "default", Name: name}, Kind: model.ExternalName,
		Ports: []model.Port{{Name: "sql", Number: 5432}},
	}
	s.Target, s.Address, _ = model.ParseTarget(target)
	for i := 0; i < len(annotations); i += 2 {
		s.Annotations = append(s.Annotations, model.Annotation{Name: annotations[i], Text: annotations[i+1]})
	}
	return model.ServiceChange(s)
}

func TestAnAliasWithoutOptionsHasNoPlanAndKeepsNothing(t *testing.T) {
	o := newOuter(t, testStanza(), map[string]string{"www.example.org.": "192.0.2.1 127.0.0.1"})
	for range 2 {
		o.want("web", dns.TypeA, "NOERROR aa", "web 5 IN CNAME www.example.org.", "www.example.org. 60 IN A 127.0.0.1", "www.example.org. 60 IN A 192.0.2.1")
	}
	o.pass(time.Hour)
	if len(o.asked) != 4 || len(o.unasked) != 0 {
		t.Errorf("the questions are %v", o.asked)
	}
}

func TestLastGoodAnswersOfAnAlias(t *testing.T) {
	o := newOuter(t, testStanza(), map[string]string{"db.example.org.": "a.example.net. 192.0.2.1/60"},
		toOutside("pg", "db.example.org", "last-good", "10m", "ttl", "20"))
	alias := []string{"NOERROR aa", "a.example.net. %d IN A 192.0.2.1", "db.example.org. %d IN CNAME a.example.net.", "pg 20 IN CNAME db.example.org."}
	want := func(ttl int, more ...string) {
		t.Helper()
		var all []string
		for _, line := range alias {
			if strings.Contains(line, "%d") {
				line = fmt.Sprintf(line, ttl)
			}
			all = append(all, line)
		}
		o.want("pg", dns.TypeA, append(all, more...)...)
	}
	want(60)
	if len(o.asked) != 2 {
		t.Errorf("the first question is not looked up at once: %v", o.asked)
	}
	o.pass(time.Second)
	o.asked = nil
	want(60)
	o.pass(10 * time.Second)
	want(50)
	if len(o.asked) != 0 {
		t.Errorf("what is kept is looked up: %v", o.asked)
	}
	o.has["db.example.org."] = "SERVFAIL"
	o.pass(60 * time.Second)
	want(20, "3 db.example.org could not be resolved for 16s (SERVFAIL)")
	o.want("pg", dns.TypeTXT, "SERVFAIL", "0 SERVFAIL for the external name db.example.org.")
	o.want("pg", dns.TypeCNAME, "NOERROR aa", "pg 20 IN CNAME db.example.org.")
	o.has["db.example.org."] = "NXDOMAIN"
	o.pass(time.Minute)
	o.want("pg", dns.TypeA, "NXDOMAIN aa", "authority: "+denialText, "pg 20 IN CNAME db.example.org.")
}

func TestLastGoodAnswersHaveATTL(t *testing.T) {
	s := testStanza()
	s.TTL = 0
	o := newOuter(t, s, map[string]string{"db.example.org.": "192.0.2.1/5"}, toOutside("pg", "db.example.org", "last-good", "10m"))
	o.ask("pg", dns.TypeA)
	o.h.book.Turn()
	o.has["db.example.org."] = "error"
	o.pass(10 * time.Second)
	o.want("pg", dns.TypeA, "NOERROR aa", "db.example.org. 1 IN A 192.0.2.1", "pg 1 IN CNAME db.example.org.", "3 db.example.org could not be resolved for 5s (no answer)")
}

func TestASignedAnswerIsLookedUpAndFallsBackToWhatIsKept(t *testing.T) {
	o := newOuter(t, testStanza(), map[string]string{"db.example.org.": "192.0.2.1/60"}, toOutside("pg", "db.example.org", "last-good", "10m"))
	r := func() *dns.Msg {
		return new(dns.Msg).SetQuestion("pg.default.svc.cluster.local.", dns.TypeA).SetEdns0(1232, true)
	}
	for range 2 {
		serve(t, o.h, r())
	}
	if len(o.asked) != 2 {
		t.Errorf("the questions are %v", o.asked)
	}
	o.ask("pg", dns.TypeA)
	o.h.book.Turn()
	o.has["db.example.org."] = "SERVFAIL"
	if m := serve(t, o.h, r()); m.Rcode != dns.RcodeSuccess || len(m.Answer) != 2 {
		t.Errorf("got\n%v", m)
	}
}

func TestFlatten(t *testing.T) {
	s := testStanza()
	s.Settings.External.Flatten, s.TTL = true, 30
	o := newOuter(t, s, map[string]string{
		"db.example.org.": "a.example.net. 192.0.2.1 192.0.2.2 2001:db8::1/60", "four.example.org.": "192.0.2.4/10",
		"gone.example.org.": "NXDOMAIN", "fails.example.org.": "SERVFAIL", "empty.example.org.": "", "liar.example.org.": "0.0.0.0 ::1",
	}, toOutside("pg", "db.example.org"), toOutside("alias", "db.example.org", "flatten", "off"), toOutside("four", "four.example.org"),
		toOutside("gone", "gone.example.org"), toOutside("fails", "fails.example.org"), toOutside("empty", "empty.example.org"),
		toOutside("liar", "liar.example.org"), toOutside("inside", "db.default.svc.cluster.local", "negative-ttl", "7"))
	o.want("pg", dns.TypeA, "NOERROR aa", "pg 30 IN A 192.0.2.1", "pg 30 IN A 192.0.2.2")
	o.h.book.Turn()
	o.want("pg", dns.TypeA, "NOERROR aa", "pg 30 IN A 192.0.2.1", "pg 30 IN A 192.0.2.2")
	o.want("pg", dns.TypeAAAA, "NOERROR aa", "pg 30 IN AAAA 2001:db8::1")
	o.pass(40 * time.Second)
	o.want("pg", dns.TypeA, "NOERROR aa", "pg 20 IN A 192.0.2.1", "pg 20 IN A 192.0.2.2")
	denied := "authority: " + soa
	o.want("pg", dns.TypeCNAME, "NOERROR aa", denied, "0 no records of this type here, in default/pg")
	o.want("pg", dns.TypeTXT, "NOERROR aa", denied, "0 no records of this type here, in default/pg")
	o.want("pg", dns.TypeANY, "NOERROR aa", `pg 30 IN HINFO "RFC8482" ""`)
	o.want("_sql._tcp.pg", dns.TypeSRV, "NOERROR aa", "_sql._tcp.pg 20 IN SRV 0 100 5432 pg",
		"additional: pg 20 IN A 192.0.2.1", "additional: pg 20 IN A 192.0.2.2", "additional: pg 20 IN AAAA 2001:db8::1")
	o.want("_sql._tcp.pg", dns.TypeA, "NOERROR aa", denied, "0 no records of this type here, in default/pg")
	o.want("alias", dns.TypeCNAME, "NOERROR aa", "alias 30 IN CNAME db.example.org.")
	o.want("_sql._tcp.alias", dns.TypeSRV, "NOERROR aa", "_sql._tcp.alias 30 IN SRV 0 100 5432 db.example.org.")
	for range 2 {
		o.want("four", dns.TypeAAAA, "NOERROR aa", denied, "0 the external name four.example.org has no address of this family")
		o.want("four", dns.TypeA, "NOERROR aa", "four 10 IN A 192.0.2.4")
		o.want("gone", dns.TypeA, "NOERROR aa", denied, "0 NXDOMAIN for the external name gone.example.org.")
		o.want("fails", dns.TypeA, "SERVFAIL", "0 SERVFAIL for the external name fails.example.org.")
		o.want("empty", dns.TypeA, "NOERROR aa", denied, "0 the external name empty.example.org has no address of this family")
		o.want("liar", dns.TypeA, "NOERROR aa", denied, "15 no address of the external name liar.example.org may be given")
		o.want("inside", dns.TypeA, "NOERROR aa", "inside 30 IN A 10.0.0.1", "inside 30 IN A 10.0.0.2")
		o.want("inside", dns.TypeAAAA, "NOERROR aa", "authority: "+strings.ReplaceAll(strings.Replace(soa, " 1 IN", " 7 IN", 1), "86400 1", "86400 7"),
			"0 the external name db.default.svc.cluster.local has no address of this family")
		o.h.book.Turn()
	}
}

func TestAFlattenedAnswerIsCutLikeThatOfEndpoints(t *testing.T) {
	var all []string
	for i := range 200 {
		all = append(all, fmt.Sprintf("192.0.2.%d", i))
	}
	s := testStanza()
	o := newOuter(t, s, map[string]string{"db.example.org.": strings.Join(all, " ")}, toOutside("pg", "db.example.org", "flatten", "on"),
		toOutside("few", "db.example.org", "flatten", "on", "max-answers", "3"))
	for range 2 {
		m := serve(t, o.h, new(dns.Msg).SetQuestion("pg.default.svc.cluster.local.", dns.TypeA))
		if !m.Truncated || len(m.Answer) < 20 || m.Len() > 512+200*40 {
			t.Errorf("%d records, truncated: %t", len(m.Answer), m.Truncated)
		}
		m.Compress = true
		if m.Len() > dns.MinMsgSize {
			t.Errorf("it has %d bytes", m.Len())
		}
		m = serve(t, o.h, new(dns.Msg).SetQuestion("few.default.svc.cluster.local.", dns.TypeA))
		if m.Truncated || len(m.Answer) != 3 {
			t.Errorf("%d records, truncated: %t", len(m.Answer), m.Truncated)
		}
		o.h.book.Turn()
	}
}

func TestSeveralTargets(t *testing.T) {
	o := newOuter(t, testStanza(), map[string]string{"a.example.org.": "192.0.2.1/60", "b.example.org.": "192.0.2.2/60"},
		toOutside("pg", "a.example.org", "targets", "order b.example.org 198.51.100.7"),
		toOutside("flat", "a.example.org", "targets", "order b.example.org", "flatten", "on"),
		toOutside("mixed", "db.default.svc.cluster.local", "targets", "order six.example.org"),
		toOutside("inside", "gone.default.svc.cluster.local", "targets", "order db.default.svc.cluster.local"))
	o.has["six.example.org."] = "2001:db8::1"
	first := []string{"NOERROR aa", "a.example.org. 60 IN A 192.0.2.1", "pg 5 IN CNAME a.example.org."}
	o.want("pg", dns.TypeA, first...)
	o.want("flat", dns.TypeA, "NOERROR aa", "flat 5 IN A 192.0.2.1")
	o.pass(time.Second)
	o.has["a.example.org."] = "SERVFAIL"
	o.pass(59 * time.Second)
	// It is not down yet, and its answer has run out.
	o.want("pg", dns.TypeA, "NOERROR aa", "b.example.org. 5 IN A 192.0.2.2", "pg 5 IN CNAME b.example.org.",
		"0 target 2 of 3, b.example.org: a.example.org does not resolve")
	o.want("pg", dns.TypeCNAME, "NOERROR aa", "pg 5 IN CNAME b.example.org.")
	o.pass(10 * time.Second)
	o.want("pg", dns.TypeA, "NOERROR aa", "b.example.org. 5 IN A 192.0.2.2", "pg 5 IN CNAME b.example.org.",
		"0 target 2 of 3, b.example.org: a.example.org does not resolve")
	o.want("flat", dns.TypeA, "NOERROR aa", "flat 5 IN A 192.0.2.2", "0 target 2 of 2, b.example.org: a.example.org does not resolve")
	o.want("pg", dns.TypeCNAME, "NOERROR aa", "pg 5 IN CNAME b.example.org.")
	o.want("pg", dns.TypeTXT, "NOERROR aa", `b.example.org. 60 IN TXT "outside"`, "pg 5 IN CNAME b.example.org.")
	o.want("_sql._tcp.pg", dns.TypeSRV, "NOERROR aa", "_sql._tcp.pg 5 IN SRV 0 100 5432 b.example.org.")
	o.has["b.example.org."] = "NXDOMAIN"
	o.pass(70 * time.Second)
	o.want("pg", dns.TypeA, "NOERROR aa", "pg 5 IN A 198.51.100.7", "0 target 3 of 3, 198.51.100.7: a.example.org does not resolve")
	o.want("pg", dns.TypeAAAA, "NOERROR aa", "authority: "+soa, "0 the external name 198.51.100.7 has no address of this family",
		"0 target 3 of 3, 198.51.100.7: a.example.org does not resolve")
	o.want("pg", dns.TypeCNAME, "NOERROR aa", "authority: "+soa, "0 no records of this type here, in default/pg")
	o.has["a.example.org."] = "192.0.2.1/60"
	o.pass(35 * time.Second)
	o.want("pg", dns.TypeA, "NOERROR aa", "pg 5 IN A 198.51.100.7", "0 target 3 of 3, 198.51.100.7: it was chosen less than a minute ago")
	o.pass(26 * time.Second)
	if got := o.ask("pg", dns.TypeA); !strings.HasPrefix(got, "NOERROR aa\na.example.org. ") {
		t.Errorf("got\n%s", got)
	}
	o.want("inside", dns.TypeA, "NOERROR aa", "db 5 IN A 10.0.0.1", "db 5 IN A 10.0.0.2", "inside 5 IN CNAME db",
		"0 target 2 of 2, db.default.svc.cluster.local: gone.default.svc.cluster.local does not resolve")
	// A target that has addresses of the other family alone is not passed over: clients would share two of them.
	o.want("mixed", dns.TypeAAAA, "NOERROR aa", "authority: "+soa, "mixed 5 IN CNAME db", "0 default/db has no endpoints of this address family")
}

func TestWhereNoTargetResolvesTheFirstOneSaysWhy(t *testing.T) {
	o := newOuter(t, testStanza(), map[string]string{"a.example.org.": "NXDOMAIN", "b.example.org.": "SERVFAIL"},
		toOutside("pg", "a.example.org", "targets", "order b.example.org"))
	for range 3 {
		o.want("pg", dns.TypeA, "NXDOMAIN aa", "authority: "+denialText, "pg 5 IN CNAME a.example.org.")
		o.pass(20 * time.Second)
	}
}

func TestBackupsOfAPort(t *testing.T) {
	o := newOuter(t, testStanza(), map[string]string{"a.example.org.": "192.0.2.1/60", "b.example.org.": "192.0.2.2/60"},
		toOutside("pg", "a.example.org", "targets", "order b.example.org 198.51.100.7", "srv-tiers", "all"))
	o.want("_sql._tcp.pg", dns.TypeSRV, "NOERROR aa", "_sql._tcp.pg 5 IN SRV 0 100 5432 a.example.org.", "_sql._tcp.pg 5 IN SRV 10 100 5432 b.example.org.")
}

func TestATargetWhoseCheckFailsIsPassedOver(t *testing.T) {
	o := newOuter(t, testStanza(), map[string]string{"a.example.org.": "192.0.2.1/60", "b.example.org.": "192.0.2.2 192.0.2.3/60"},
		toOutside("pg", "a.example.org", "targets", "order b.example.org", "flatten", "on"))
	o.ask("pg", dns.TypeA)
	failing := map[string]bool{"192.0.2.1": true, "192.0.2.3": true}
	o.h.failsCheck = func(*records.Set) func(netip.Addr) bool {
		return func(addr netip.Addr) bool { return failing[addr.String()] }
	}
	o.want("pg", dns.TypeA, "NOERROR aa", "pg 5 IN A 192.0.2.2", "0 target 2 of 2, b.example.org: the check of a.example.org fails")
	failing["192.0.2.2"] = true
	o.want("pg", dns.TypeA, "NOERROR aa", "pg 5 IN A 192.0.2.1")
}

// rulesOf is a stanza with lines such as "allow example.org".
func rulesOf(t *testing.T, all ...string) *corefile.Stanza {
	t.Helper()
	s := testStanza()
	for _, each := range all {
		option, args, _ := strings.Cut(each, " ")
		line, err := external.ParseRule("external_"+option, strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		s.Settings.External.Rules = external.CanonicalRules(s.Settings.External.Rules + line)
	}
	return s
}

func TestNamesThatTheCorefileDenies(t *testing.T) {
	s := rulesOf(t, "allow example.org", "deny 10.0.0.0/8 192.0.2.66")
	s.Fall.SetZonesFromArgs(nil)
	o := newOuter(t, s, map[string]string{"a.example.org.": "192.0.2.1 10.0.0.1", "evil.example.org.": "10.9.9.9", "b.example.org.": "192.0.2.2"},
		toOutside("pg", "a.example.org"), toOutside("evil", "evil.example.org"), toOutside("secret", "db.default.svc.cluster.local"),
		toOutside("some", "a.example.net", "targets", "order b.example.org"), toOutside("literal", "192.0.2.66"))
	denied := "authority: " + soa
	o.want("pg", dns.TypeA, "NOERROR aa", "a.example.org. 60 IN A 192.0.2.1", "pg 5 IN CNAME a.example.org.")
	o.want("pg", dns.TypeHTTPS, "NOERROR aa", `a.example.org. 60 IN HTTPS 1 . ipv4hint="192.0.2.1"`, `a.example.org. 60 IN HTTPS 1 . ipv6hint="2001:db8::1"`, "pg 5 IN CNAME a.example.org.")
	o.want("evil", dns.TypeA, "NOERROR aa", denied, "15 no address of the external name evil.example.org may be given")
	o.want("secret", dns.TypeA, "NXDOMAIN aa", denied, "15 the Corefile does not let default/secret lead to db.default.svc.cluster.local")
	o.want("secret", dns.TypeCNAME, "NXDOMAIN aa", denied, "15 the Corefile does not let default/secret lead to db.default.svc.cluster.local")
	o.want("_sql._tcp.secret", dns.TypeSRV, "NXDOMAIN aa", denied, "15 the Corefile does not let default/secret lead to db.default.svc.cluster.local")
	o.want("literal", dns.TypeA, "NXDOMAIN aa", denied, "15 the Corefile does not let default/literal lead to 192.0.2.66")
	o.want("some", dns.TypeA, "NOERROR aa", "b.example.org. 60 IN A 192.0.2.2", "some 5 IN CNAME b.example.org.")
}

func TestAnAnswerThatFlipsToAForbiddenAddressIsNotGiven(t *testing.T) {
	for _, evil := range []string{"169.254.169.254", "127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "0.0.0.0 ::"} {
		o := newOuter(t, testStanza(), map[string]string{"db.example.org.": "192.0.2.1 2001:db8::1/5"},
			toOutside("pg", "db.example.org", "flatten", "on", "last-good", "1m"))
		o.ask("pg", dns.TypeA)
		o.h.book.Turn()
		o.has["db.example.org."] = evil + "/5"
		for range 90 {
			o.pass(time.Second)
			for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
				for _, rr := range serve(t, o.h, new(dns.Msg).SetQuestion("pg.default.svc.cluster.local.", qtype)).Answer {
					if addr, ok := external.AddressOf(rr); ok && addr.String() != "192.0.2.1" && addr.String() != "2001:db8::1" {
						t.Fatalf("%v is given", addr)
					}
				}
			}
		}
	}
}

func TestTargetsThatLeadToEachOtherEnd(t *testing.T) {
	o := newOuter(t, testStanza(), map[string]string{"db.example.org.": "192.0.2.1/5"},
		toOutside("a", "b.default.svc.cluster.local", "last-good", "1h", "flatten", "on"),
		toOutside("b", "a.default.svc.cluster.local", "last-good", "1h", "targets", "order a.default.svc.cluster.local. self.default.svc.cluster.local"),
		toOutside("self", "self.default.svc.cluster.local", "flatten", "on"),
		toOutside("through", "pg.default.svc.cluster.local", "flatten", "on"),
		toOutside("pg", "db.example.org", "last-good", "1h"))
	const loop = "0 ExternalName Services lead to each other in a loop or too long a chain"
	o.want("self", dns.TypeA, "SERVFAIL", loop)
	for _, name := range []string{"a", "b"} {
		if got := o.ask(name, dns.TypeA); !strings.HasPrefix(got, "SERVFAIL\n") {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
	o.want("through", dns.TypeA, "NOERROR aa", "through 5 IN A 192.0.2.1")
	o.h.book.Turn()
	o.has["db.example.org."] = "SERVFAIL"
	o.pass(time.Minute)
	// A Service in the middle has its last good answer for those that lead there.
	if got := o.ask("through", dns.TypeA); !strings.HasPrefix(got, "NOERROR aa\nthrough 5 IN A 192.0.2.1") {
		t.Errorf("got\n%s", got)
	}
}

func TestNineServicesInARowAreTooMany(t *testing.T) {
	var changes []model.Change
	for i := range 9 {
		changes = append(changes, toOutside(fmt.Sprintf("s%d", i), fmt.Sprintf("s%d.default.svc.cluster.local", i+1), "flatten", "on"))
	}
	changes = append(changes, toOutside("s9", "192.0.2.1"))
	o := newOuter(t, testStanza(), nil, changes...)
	o.want("s1", dns.TypeA, "NOERROR aa", "s1 5 IN A 192.0.2.1")
	if got := o.ask("s0", dns.TypeA); !strings.HasPrefix(got, "SERVFAIL\n") {
		t.Errorf("got\n%s", got)
	}
}

// A look-up that no client waits for asks the alias itself, not what another block keeps of it.
func TestWhatIsKeptIsNoAnswerToALookUpThatNoClientWaitsFor(t *testing.T) {
	o := newOuter(t, testStanza(), map[string]string{"db.example.org.": "192.0.2.1/5"}, toOutside("pg", "db.example.org", "last-good", "1h"))
	o.ask("pg", dns.TypeA)
	o.h.book.Turn()
	o.has["db.example.org."] = "SERVFAIL"
	o.pass(time.Minute)
	w := dnstest.NewRecorder(&test.ResponseWriter{})
	ctx := context.WithValue(t.Context(), unaskedKey{}, true)
	if _, err := o.h.ServeDNS(ctx, w, new(dns.Msg).SetQuestion("pg.default.svc.cluster.local.", dns.TypeA)); err != nil || w.Msg.Rcode != dns.RcodeServerFailure {
		t.Errorf("got\n%v and the error %v", w.Msg, err)
	}
}

func TestALookUpIsMadeForTheLastClientOverTCP(t *testing.T) {
	o := newOuter(t, testStanza(), map[string]string{"db.example.org.": "192.0.2.1/60"}, toOutside("pg", "db.example.org", "last-good", "1h"))
	ask := func(client string) {
		w := &clientAt{remote: &net.UDPAddr{IP: net.ParseIP(client), Port: 4000}}
		ctx := context.WithValue(t.Context(), dnsserver.Key{}, new(dnsserver.Server))
		if _, err := o.h.ServeDNS(ctx, w, new(dns.Msg).SetQuestion("pg.default.svc.cluster.local.", dns.TypeA)); err != nil {
			t.Fatal(err)
		}
	}
	ask("10.9.9.9")
	o.pass(time.Second)
	ask("10.8.8.8")
	o.pass(time.Minute)
	want := []string{}
	for _, client := range []string{"10.9.9.9", "10.8.8.8"} {
		for _, qtype := range []string{"A", "AAAA"} {
			want = append(want, "db.example.org. "+qtype+" for "+client+" over tcp")
		}
	}
	slices.Sort(o.unasked)
	slices.Sort(want)
	if !slices.Equal(o.unasked, want) {
		t.Errorf("got %q, want %q", o.unasked, want)
	}
}

// clientAt is a client with an address.
type clientAt struct {
	test.ResponseWriter
	remote net.Addr
}

func (c *clientAt) RemoteAddr() net.Addr { return c.remote }

func TestExplanationsOfTargets(t *testing.T) {
	s := testStanza()
	s.Settings.Explain = true
	s.Settings.External.Rules = rulesOf(t, "deny example.net").Settings.External.Rules
	o := newOuter(t, s, map[string]string{"a.example.org.": "SERVFAIL", "b.example.org.": "192.0.2.2 192.0.2.3 2001:db8::1/60"},
		toOutside("pg", "a.example.org", "targets", "order b.example.org db.default.svc.cluster.local c.example.net 192.0.2.9"))
	explain := func() string { return o.ask("_explain.pg", dns.TypeTXT) }
	if got := explain(); !strings.Contains(got, `"1 a.example.org not looked up yet"`) {
		t.Errorf("got\n%s", got)
	}
	o.ask("pg", dns.TypeA)
	o.pass(20 * time.Second)
	o.ask("pg", dns.TypeA)
	o.pass(12 * time.Second)
	want := lines("NOERROR aa",
		`_explain.pg 0 IN TXT "- c.example.net left out: the Corefile does not let this Service lead there"`,
		`_explain.pg 0 IN TXT "1 a.example.org down since 2027-01-15T08:00:10Z: it does not resolve (SERVFAIL)"`,
		`_explain.pg 0 IN TXT "2 b.example.org chosen since 2027-01-15T08:00:20Z: 3 addresses, good, looked up 32s ago (it resolves)"`,
		`_explain.pg 0 IN TXT "3 db in the zone: looked up for each question"`,
		`_explain.pg 0 IN TXT "4 192.0.2.9 an address"`)
	if got := strings.ReplaceAll(explain(), "db.default.svc.cluster.local", "db"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := o.ask("_explain.web", dns.TypeTXT); !strings.HasPrefix(got, "NXDOMAIN") && !strings.HasPrefix(got, "NOERROR") {
		t.Errorf("got\n%s", got)
	}
}

func TestNamesInSlices(t *testing.T) {
	s := testStanza()
	s.Settings.FQDNSlices, s.Settings.Explain = true, true
	seeds := model.SliceChange(&model.Slice{
		SliceKey: model.SliceKey{Namespace: "default", Name: "seeds-2"}, Service: "seeds",
		Ports: []model.Port{{Name: "cql", Number: 9042}},
		Names: &model.Names{Endpoints: []model.NamedEndpoint{
			{Name: "a.example.org.", Conditions: model.Ready | model.Serving}, {Name: "b.example.org.", Conditions: model.Ready | model.Serving},
			{Name: "down.example.org."},
		}},
	})
	alone := model.SliceChange(&model.Slice{
		SliceKey: model.SliceKey{Namespace: "default", Name: "alone-1"}, Service: "alone",
		Names: &model.Names{Endpoints: []model.NamedEndpoint{{Name: "a.example.org.", Conditions: model.Ready | model.Serving}}},
	})
	o := newOuter(t, s, map[string]string{"a.example.org.": "192.0.2.1 10.0.0.9/60", "b.example.org.": "127.0.0.1 192.0.2.2 2001:db8::2/20", "down.example.org.": "192.0.2.9"},
		headlessService("default", "seeds"), readySlice("default", "seeds", "seeds-1", "10.0.0.9"), seeds, headlessService("default", "alone"), alone)
	for range 2 {
		o.want("seeds", dns.TypeA, "NOERROR aa", "seeds 5 IN A 10.0.0.9", "seeds 5 IN A 192.0.2.1", "seeds 5 IN A 192.0.2.2")
		o.want("seeds", dns.TypeAAAA, "NOERROR aa", "seeds 5 IN AAAA 2001:db8::2")
		o.want("alone", dns.TypeA, "NOERROR aa", "alone 5 IN A 10.0.0.9", "alone 5 IN A 192.0.2.1")
		o.want("alone", dns.TypeAAAA, "NOERROR aa", "authority: "+soa, "0 the external name a.example.org has no address of this family")
		o.h.book.Turn()
	}
	o.want("_cql._tcp.seeds", dns.TypeSRV, "NOERROR aa", "_cql._tcp.seeds 5 IN SRV 0 100 9042 a.example.org.", "_cql._tcp.seeds 5 IN SRV 0 100 9042 b.example.org.")
	o.want("_cql._tcp.seeds", dns.TypeA, "NOERROR aa", "authority: "+soa, "0 no records of this type here, in default/seeds")
	got := o.ask("_explain.seeds", dns.TypeTXT)
	for _, line := range []string{`"a.example.org published, as the addresses that it has"`, `"down.example.org not published, because it is not up"`, `10.0.0.9 good since`} {
		if !strings.Contains(got, line) {
			t.Errorf("%s is not in\n%s", line, got)
		}
	}
	o.want("alone", dns.TypeTXT, "NOERROR aa", "authority: "+soa, "0 no records of this type here, in default/alone")
	o.has["a.example.org."], o.has["b.example.org."] = "SERVFAIL", "SERVFAIL"
	o.pass(2 * time.Minute)
	o.want("seeds", dns.TypeA, "NOERROR aa", "seeds 5 IN A 10.0.0.9")
	o.want("alone", dns.TypeA, "SERVFAIL", "0 SERVFAIL for the external name a.example.org.")
}

// discarding is a client that throws answers away.
type discarding struct{ test.ResponseWriter }

func (*discarding) WriteMsg(*dns.Msg) error { return nil }

// BenchmarkTargets answers for an alias as it is looked up for each question, by an upstream
// that costs next to nothing, and from what is kept.
func BenchmarkTargets(b *testing.B) {
	found := &dns.Msg{Answer: []dns.RR{test.A("db.example.org. 60 IN A 192.0.2.1")}}
	for _, c := range []struct {
		name        string
		annotations []string
	}{
		{"alias", nil}, {"kept", []string{"last-good", "1h"}}, {"flattened", []string{"flatten", "on"}}, {"targets", []string{"targets", "order b.example.org"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			o := newOuter(nil, testStanza(), map[string]string{"db.example.org.": "192.0.2.1/60", "b.example.org.": "192.0.2.2/60"},
				toOutside("pg", "db.example.org", c.annotations...))
			o.ask("pg", dns.TypeA)
			o.h.book.Turn()
			o.h.upstream = upstreamFunc(func(string) (*dns.Msg, error) { return found, nil })
			r := new(dns.Msg).SetQuestion("pg.default.svc.cluster.local.", dns.TypeA)
			w := new(discarding)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := o.h.ServeDNS(context.Background(), w, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
