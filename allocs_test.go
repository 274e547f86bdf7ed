//go:build !race

package endpoints

import (
	"testing"

	"github.com/coredns/coredns/plugin"

	"github.com/miekg/dns"
)

// What is counted is what this plugin allocates from ServeDNS to WriteMsg, behind
// which is the framework: the writer does nothing. Three is as few as there can
// be, at any size: the message with its question, the block of records, and the
// slice of them. All are handed on, and other plugins keep them and write into
// them, so they cannot be used again.
//
// The race detector makes sync.Pool drop things, so this runs without it.
func TestAllocationsPerAnswer(t *testing.T) {
	const want = 3
	h := newBenchHandler(t, benchCluster())
	for _, c := range benchCases() {
		switch c.name {
		case "A", "AAAA", "pod":
		default:
			continue
		}
		conn := c.client.ask(t, c.question, c.qtype)
		conn.w = silent{conn.wire}
		if got := testing.AllocsPerRun(100, func() { conn.serve(t, h) }); got > want {
			t.Errorf("%v: %v allocations, want at most %v", c, got, want)
		}
	}
}

// A name that falls through costs what plugin.NextOrFailure costs, which is the
// framework's, and nothing of ours.
func TestNoAllocationsForWhatFallsThrough(t *testing.T) {
	h := newBenchHandler(t, benchCluster())
	h.next = benchNext
	for _, c := range benchCases() {
		if !c.passes {
			continue
		}
		conn := c.client.ask(t, c.question, c.qtype)
		passing := testing.AllocsPerRun(100, func() {
			_, _ = plugin.NextOrFailure(pluginName, benchNext, conn.ctx, conn.w, conn.r)
		})
		if got := testing.AllocsPerRun(100, func() { conn.serve(t, h) }); got != passing {
			t.Errorf("%v: %v allocations, want the %v of NextOrFailure", c, got, passing)
		}
	}
}

// silent is the writer that does nothing.
type silent struct{ dns.ResponseWriter }

func (silent) WriteMsg(*dns.Msg) error { return nil }
