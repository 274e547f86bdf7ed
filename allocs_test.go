//go:build !race

package endpoints

import (
	"testing"

	"github.com/coredns/coredns/plugin/test"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/inprocess"

	"github.com/miekg/dns"
)

// budgets are the allocations of an answer, at any size of the Service and of the
// answer. An answer with addresses is the message with its question, the block
// of records, and the slice of them: all are handed on, and other plugins keep
// them and write into them, so none can be used again. A negative one is the
// message with its SOA record, the two names in that, the OPT record with its
// option, and the text of that.
var budgets = map[string]float64{
	"A":        3,
	"AAAA":     3,
	"pod":      3,
	"nxdomain": 5,
}

// byteBudgets are those where records are written as bytes, into memory that is used
// again.
var byteBudgets = map[string]float64{
	"A":    0,
	"AAAA": 0,
	"SRV":  0,
	"pod":  0,
}

// What counts as ours is what is allocated from ServeDNS to WriteMsg. Behind that
// is the framework: the writer does nothing.
//
// The race detector makes sync.Pool drop things, so this runs without it.
func TestAllocationsPerAnswer(t *testing.T) {
	h := newBenchHandler(t, inprocess.Cluster())
	t.Run("messages", func(t *testing.T) { wantAllocs(t, h, budgets) })
	h.takesBytes = func(dns.ResponseWriter) bool { return true }
	t.Run("bytes", func(t *testing.T) { wantAllocs(t, h, byteBudgets) })
}

// That endpoints are checked costs nothing. Services with a selector never are: here all are
// without one.
func TestAllocationsOfServicesThatAreChecked(t *testing.T) {
	h := newBenchHandler(t, inprocess.Cluster())
	c := h.cache.Load()
	for key, s := range c.services {
		if s.object == nil {
			continue
		}
		object, options := *s.object, *s.options
		object.HasSelector = false
		options.Check, options.CheckMode = check.Wanted{Spec: check.Spec{Kind: check.TCP}}, check.On
		options.Found, options.Asked = new(check.Findings), func() {}
		s.object, s.options, c.dirty[key] = &object, &options, history.ByService
	}
	c.publish()
	t.Run("messages", func(t *testing.T) { wantAllocs(t, h, budgets) })
	h.takesBytes = func(dns.ResponseWriter) bool { return true }
	t.Run("bytes", func(t *testing.T) { wantAllocs(t, h, byteBudgets) })
}

func wantAllocs(t *testing.T, h *handler, budgets map[string]float64) {
	t.Helper()
	measured := make(map[string]bool)
	for _, c := range benchCases() {
		want, ok := budgets[c.name]
		if !ok {
			continue
		}
		measured[c.name] = true
		conn := c.client.Ask(t, c.question, c.qtype)
		conn.Writer = silent{conn.Wire}
		if got := testing.AllocsPerRun(100, func() { conn.Serve(t, h) }); got > want {
			t.Errorf("%v: %v allocations, want at most %v", c, got, want)
		}
	}
	if len(measured) != len(budgets) {
		t.Errorf("measured only %v", measured)
	}
}

// A name that falls through costs what plugin.NextOrFailure costs, which is the
// framework's, and where a Service may have it the writer that bounds how long it is
// denied.
func TestAllocationsOfWhatFallsThrough(t *testing.T) {
	h := newBenchHandler(t, inprocess.Cluster())
	h.next = benchNext
	measured := 0
	for _, c := range benchCases() {
		if !c.passes {
			continue
		}
		measured++
		conn := c.client.Ask(t, c.question, c.qtype)
		want := testing.AllocsPerRun(100, func() { conn.Serve(t, passing()) })
		if h.zones.Match(c.question) != "" {
			want++
		}
		if got := testing.AllocsPerRun(100, func() { conn.Serve(t, h) }); got != want {
			t.Errorf("%v: %v allocations, want %v", c, got, want)
		}
	}
	if measured == 0 {
		t.Error("nothing falls through")
	}
}

// An alias without options costs what it did before there were any.
func TestAllocationsOfAnAlias(t *testing.T) {
	h := testHandler(testStanza(), testChanges())
	found := &dns.Msg{Answer: []dns.RR{test.A("www.example.org. 60 IN A 192.0.2.1")}}
	h.upstream = upstreamFunc(func(string) (*dns.Msg, error) { return found, nil })
	r, w := new(dns.Msg).SetQuestion("web.default.svc.cluster.local.", dns.TypeA), new(discarding)
	got := testing.AllocsPerRun(100, func() {
		if _, err := h.ServeDNS(t.Context(), w, r); err != nil {
			t.Fatal(err)
		}
	})
	if got > 13 {
		t.Errorf("%v allocations, want at most 13", got)
	}
}

// silent is the writer that does nothing.
type silent struct{ dns.ResponseWriter }

func (silent) WriteMsg(*dns.Msg) error { return nil }

func (silent) Write(b []byte) (int, error) { return len(b), nil }

// A client gets those near it for no allocation more, and why for none either.
func TestAllocationsOfNarrowedAnswers(t *testing.T) {
	for _, name := range []string{"on", "unknown"} {
		t.Run(name, func(t *testing.T) { wantAllocs(t, newNearHandler(t, nearHandlers[name]), byteBudgets) })
	}
}
