//go:build !race

package check

import (
	"net/netip"
	"testing"
	"time"
)

// Each dial is asked for, and each result taken: neither may cost an allocation.
func TestAllocationsOfAdmitAndTake(t *testing.T) {
	g := guardOf("a to 10.0.0.0/8 ports 1-3 kinds tcp\n" + everything)
	g.Forbid(netip.MustParseAddr("10.96.0.1"))
	for _, text := range []string{"10.1.2.3:80", "[64:ff9b:1:abcd:12:3456:a01:203]:80", "[2001:db8::5efe:10.0.0.1]:80", "169.254.169.254:80", "[::ffff:10.96.0.1]:80"} {
		at := netip.MustParseAddrPort(text)
		if n := testing.AllocsPerRun(100, func() { g.Admit("a", at, HTTP) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
	var s State
	spec, now := specWith(TCP, asItIs), time.Unix(1e9, 0)
	if n := testing.AllocsPerRun(100, func() {
		s.Take(Refused, &spec, spec.Interval, true, now)
		s.Take(Void, &spec, spec.Interval, false, now)
		s.Take(Passed, &spec, spec.Interval, false, now)
	}); n != 0 {
		t.Errorf("a result: %v allocations", n)
	}
}

func BenchmarkAdmit(b *testing.B) {
	for _, c := range []struct{ name, allow, at string }{
		{"IPv4", everything, "10.1.2.3:80"},
		{"IPv6", everything, "[2001:db8::1]:80"},
		{"translated", everything, "[64:ff9b:1:abcd:12:3456:a01:203]:80"},
	} {
		b.Run(c.name, func(b *testing.B) {
			g, at := guardOf(c.allow), netip.MustParseAddrPort(c.at)
			g.Forbid(netip.MustParseAddr("10.96.0.1"))
			b.ReportAllocs()
			for b.Loop() {
				if g.Admit("n", at, TCP) != NoRefusal {
					b.Fatal("refused")
				}
			}
		})
	}
}
