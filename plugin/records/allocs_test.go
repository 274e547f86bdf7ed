//go:build !race

package records

import (
	"testing"

	"github.com/miekg/dns"
)

// The race detector makes sync.Pool drop things, so this runs without it.
func TestAllocationsPerAnswer(t *testing.T) {
	set := big(1000)
	for _, c := range []struct {
		name, question string
		qtype          uint16
		room           int
		want           float64
	}{
		{"addresses: the records and the slice of them", "db.default.svc.cluster.local.", dns.TypeA, 1200, 2},
		{"addresses over TCP", "db.default.svc.cluster.local.", dns.TypeA, 65000, 2},
		{"an endpoint", "db-7.db.default.svc.cluster.local.", dns.TypeA, 1200, 2},
		{"a dashed endpoint", "10-0-0-7.db.default.svc.cluster.local.", dns.TypeA, 1200, 2},
		{"no such endpoint", "no.db.default.svc.cluster.local.", dns.TypeA, 1200, 0},
	} {
		q := question(c.question, c.qtype)
		q.Room = c.room
		if got := testing.AllocsPerRun(100, func() { set.Answer(q) }); got > c.want {
			t.Errorf("%s: %v allocations, want at most %v", c.name, got, c.want)
		}
	}
}
