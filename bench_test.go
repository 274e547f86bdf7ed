package endpoints

import (
	"context"
	"fmt"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/inprocess"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// BenchmarkServeDNS measures an answer in process, from the question to its bytes.
// Each is given by several plugins, from the same objects:
//   - k8s_endpoints is this one, which writes bytes where it can,
//   - messages the same where some plugin in front wants messages,
//   - kubernetes the stock one,
//   - ceiling one that sends the records of our answer with no look-up, which is
//     as fast as a plugin can be,
//   - next what stands behind: where a name falls through, ceiling passes it on
//     with no look-up, and what next costs is in all of them.
//
// Where something falls through, one allocation is NextOrFailure's.
//
// Besides the time that passes, cpu-ns/op is what all cores spend, garbage
// collection included: on a busy machine it is the steadier one. With -cpu 1,
// both are what a server with one core has to spend.
func BenchmarkServeDNS(b *testing.B) {
	forEachContestant(b, func(c benchCase, plugin string, h plugin.Handler) {
		b.Run(c.String()+"/plugin="+plugin, func(b *testing.B) {
			c.check(b, plugin, h)
			b.ReportAllocs()
			conn := c.client.Ask(b, c.question, c.qtype)
			start := inprocess.CPUTime()
			for b.Loop() {
				conn.Serve(b, h)
			}
			if used := inprocess.CPUTime() - start; used > 0 {
				b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu-ns/op")
			}
		})
	})
}

// What is measured must not be an error, whatever changes.
func TestTheBenchmarkMeasuresAnswers(t *testing.T) {
	forEachContestant(t, func(c benchCase, plugin string, h plugin.Handler) { c.check(t, plugin, h) })
}

// forEachContestant asks each plugin each question. One plugin stands in memory at
// a time, so that none pays for the garbage collector's way through another.
func forEachContestant(tb testing.TB, do func(c benchCase, plugin string, h plugin.Handler)) {
	tb.Helper()
	forOurs(tb, do)
	forStock(tb, do)
}

func forOurs(tb testing.TB, do func(c benchCase, plugin string, h plugin.Handler)) {
	tb.Helper()
	h := newBenchHandler(tb, inprocess.Cluster())
	h.next, h.upstream = benchNext, immediate{}
	takes := h.takesBytes
	for _, c := range benchCases() {
		h.takesBytes = func(dns.ResponseWriter) bool { return true }
		do(c, "k8s_endpoints", h)
		h.takesBytes = takes
		if c.qtype == dns.TypeA || c.qtype == dns.TypeAAAA || c.qtype == dns.TypeSRV {
			do(c, "messages", h)
		}
		if c.passes {
			do(c, "ceiling", passing())
			do(c, "next", benchNext)
			continue
		}
		do(c, "ceiling", ceiling(tb, h, c))
	}
}

func forStock(tb testing.TB, do func(c benchCase, plugin string, h plugin.Handler)) {
	tb.Helper()
	k := inprocess.NewStockPlugin(tb, inprocess.Cluster())
	k.Upstream = immediate{}
	for _, c := range benchCases() {
		if !c.passes {
			do(c, "kubernetes", k)
		}
	}
}

// benchCase is a question, who asks it, and what the answer must be.
type benchCase struct {
	name      string
	endpoints int
	client    inprocess.Client
	question  string
	qtype     uint16

	// passes is true for a name that falls through.
	passes bool
	rcode  int
	// answers is the number of records, of there which are total. Where glue is
	// true, each of them would like an address record with it.
	answers, total int
	glue           bool
}

func (c benchCase) String() string {
	return fmt.Sprintf("case=%s/endpoints=%d/client=%s", c.name, c.endpoints, c.client.Name)
}

// benchCases returns what is measured. All clients ask what is as large as the
// Service; the rest does not depend on them.
func benchCases() (cases []benchCase) {
	for _, size := range inprocess.Sizes {
		for _, client := range []inprocess.Client{inprocess.Client512, inprocess.Client1232, inprocess.ClientTCP} {
			cases = append(cases, addressCase(dns.TypeA, size, client), srvCase(size, client))
		}
		cases = append(cases, addressCase(dns.TypeAAAA, size, inprocess.Client1232))
	}
	for _, size := range []int{1, 5000} {
		name := inprocess.ServiceName(corev1.IPv4Protocol, size) + ".default.svc.cluster.local."
		reverse, _ := dns.ReverseAddr(inprocess.Address(corev1.IPv4Protocol, size, size/2).String())
		one := benchCase{endpoints: size, client: inprocess.Client1232, qtype: dns.TypeA, answers: 1, total: 1}
		cases = append(cases,
			one.with("pod", inprocess.Hostname(size/2)+"."+name, dns.TypeA),
			one.with("PTR", reverse, dns.TypePTR),
			benchCase{endpoints: size, client: inprocess.Client1232, rcode: dns.RcodeNameError}.with("nxdomain", "pod-9999."+name, dns.TypeA),
		)
	}
	external := benchCase{client: inprocess.Client1232, answers: 1, total: 1}
	cases = append(cases, external.with("CNAME", "web.default.svc.cluster.local.", dns.TypeCNAME))
	external.answers, external.total = 2, 2
	cases = append(cases, external.with("external", "web.default.svc.cluster.local.", dns.TypeA))
	passes := benchCase{client: inprocess.Client1232, passes: true}
	return append(cases,
		passes.with("fallthrough_clusterip", "clusterip.default.svc.cluster.local.", dns.TypeA),
		passes.with("fallthrough_nxdomain", "nobody.default.svc.cluster.local.", dns.TypeA),
		passes.with("fallthrough_reverse", "10.0.96.10.in-addr.arpa.", dns.TypePTR),
		passes.with("fallthrough_outside", "www.example.org.", dns.TypeA),
	)
}

func (c benchCase) with(name, question string, qtype uint16) benchCase {
	c.name, c.question, c.qtype = name, question, qtype
	return c
}

// addressCase asks the Service name for addresses.
func addressCase(qtype uint16, size int, client inprocess.Client) benchCase {
	family, bytes := corev1.IPv4Protocol, 16
	if qtype == dns.TypeAAAA {
		family, bytes = corev1.IPv6Protocol, 28
	}
	c := benchCase{endpoints: size, client: client, total: size}
	c = c.with(dns.TypeToString[qtype], inprocess.ServiceName(family, size)+".default.svc.cluster.local.", qtype)
	c.answers = min(size, client.Room(c.question)/bytes)
	return c
}

// srvCase asks the Service name for ports.
func srvCase(size int, client inprocess.Client) benchCase {
	c := benchCase{endpoints: size, client: client, total: size, glue: true}
	c = c.with("SRV", inprocess.ServiceName(corev1.IPv4Protocol, size)+".default.svc.cluster.local.", dns.TypeSRV)
	c.answers = min(size, client.Room(c.question)/c.srvSize())
	return c
}

// srvSize is the size of an SRV record, in bytes: the owner is compressed, the
// target is not.
func (c benchCase) srvSize() int {
	return 2 + 10 + 6 + len(inprocess.Hostname(0)+".") + len(c.question) + 1
}

// truncated reports whether the answer has TC set. The stock plugin has the server
// cut its answers, which counts missing glue too.
func (c benchCase) truncated(plugin string) bool {
	if c.answers < c.total {
		return true
	}
	room := c.client.Room(c.question) - c.answers*c.srvSize() - c.answers*16
	return plugin == "kubernetes" && c.glue && room < 0
}

// check fails where the plugin gives another answer than is to be measured.
func (c benchCase) check(tb testing.TB, plugin string, h plugin.Handler) {
	tb.Helper()
	conn := c.client.Ask(tb, c.question, c.qtype)
	m := conn.Reply(tb, h)
	if c.passes {
		if m != nil {
			tb.Fatalf("%v, %s: answered", c, plugin)
		}
		return
	}
	if m == nil {
		tb.Fatalf("%v, %s: no answer", c, plugin)
	}
	got := fmt.Sprintf("%s, %d records, truncated %t", dns.RcodeToString[m.Rcode], len(m.Answer), m.Truncated)
	if want := fmt.Sprintf("%s, %d records, truncated %t", dns.RcodeToString[c.rcode], c.answers, c.truncated(plugin)); got != want {
		tb.Fatalf("%v, %s: got %s, want %s", c, plugin, got, want)
	}
	if len(conn.Wire.Packed) > c.client.Size {
		tb.Fatalf("%v, %s: %d bytes", c, plugin, len(conn.Wire.Packed))
	}
	different := make(map[string]bool)
	for _, rr := range m.Answer {
		different[rr.String()] = true
	}
	if len(different) != c.answers || c.answers > 0 && m.Answer[c.answers-1].Header().Rrtype != c.qtype {
		tb.Fatalf("%v, %s: records are missing in\n%v", c, plugin, m)
	}
}

// benchNext does nothing.
var benchNext = plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) {
	return dns.RcodeSuccess, nil
})

// passing returns a plugin that passes everything on.
func passing() plugin.Handler {
	return plugin.HandlerFunc(func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		return plugin.NextOrFailure("ceiling", benchNext, ctx, w, r)
	})
}

// ceiling returns a plugin that sends the records of an answer of ours. Only the
// message around them it makes new, since the server and other plugins write
// into that.
func ceiling(tb testing.TB, ours *handler, c benchCase) plugin.Handler {
	tb.Helper()
	conn := c.client.Ask(tb, c.question, c.qtype)
	kept := &keeping{ResponseWriter: conn.Wire}
	if _, err := ours.ServeDNS(conn.Context, kept, conn.Question); err != nil {
		tb.Fatal(err)
	}
	answer := kept.m
	return plugin.HandlerFunc(func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
		m := newReply(r)
		m.Rcode, m.Truncated = answer.Rcode, answer.Truncated
		m.Answer, m.Ns, m.Extra = answer.Answer, answer.Ns, answer.Extra
		return dns.RcodeSuccess, w.WriteMsg(m)
	})
}

// keeping keeps the message that a plugin writes.
type keeping struct {
	dns.ResponseWriter
	m *dns.Msg
}

func (k *keeping) WriteMsg(m *dns.Msg) error {
	k.m = m
	return nil
}

// immediate is an upstream that has one address for every name, at hand.
type immediate struct{}

var immediateAnswer = []dns.RR{&dns.A{
	Hdr: dns.RR_Header{Name: "www.example.org.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60},
	A:   []byte{192, 0, 2, 1},
}}

func (immediate) Lookup(context.Context, request.Request, string, uint16) (*dns.Msg, error) {
	return &dns.Msg{Answer: immediateAnswer}, nil
}

// newBenchHandler returns our plugin as its setup makes it, serving the objects.
func newBenchHandler(tb testing.TB, objects []runtime.Object) *handler {
	tb.Helper()
	s, err := corefile.Parse(caddy.NewTestController("dns", "k8s_endpoints "+inprocess.Zones+" {\n fallthrough\n}"))
	if err != nil {
		tb.Fatal(err)
	}
	h := newHandler(s)
	c := newCache(s.Settings, false)
	c.Apply(inprocess.Changes(tb, objects))
	c.Synced()
	c.publish()
	h.cache.Store(c)
	return h
}
