package check

import (
	"net/netip"
	"testing"
	"time"
)

func TestFindingsOfAnAddress(t *testing.T) {
	addr := netip.MustParseAddr
	some := &Findings{
		Failing:    map[netip.Addr]time.Time{addr("10.0.0.1"): epoch},
		Unknown:    map[netip.Addr]struct{}{addr("10.0.0.2"): {}},
		NotAllowed: map[netip.Addr]Refusal{addr("10.0.0.3"): ByPort},
	}
	for _, c := range []struct {
		name  string
		in    *Findings
		addr  string
		want  Verdict
		since time.Time
	}{
		{"one that fails", some, "10.0.0.1", Failing, epoch},
		{"one without a verdict", some, "10.0.0.2", Unknown, time.Time{}},
		{"one that is not checked", some, "10.0.0.3", NotAllowed, time.Time{}},
		{"one that passes", some, "10.0.0.4", Passing, time.Time{}},
		{"anyone before the first findings", nil, "10.0.0.1", Unknown, time.Time{}},
	} {
		if got, since := c.in.Of(addr(c.addr)); got != c.want || since != c.since {
			t.Errorf("%s: got %v since %v", c.name, got, since)
		}
	}
}
