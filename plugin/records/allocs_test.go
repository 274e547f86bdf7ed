//go:build !race

package records

import (
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"

	"github.com/miekg/dns"
)

// The race detector makes sync.Pool drop things, so this runs without it.
func TestAllocationsPerAnswer(t *testing.T) {
	for _, mode := range []check.Mode{check.Off, check.On} {
		c := newChecked(health.Policy{})
		c.options.CheckMode, c.options.Asked = mode, func() {}
		c.find("10.0.0.8", "10.0.0.9")
		wantAllocs(t, mode.String(), c.turn(bigSlice(1000)))
	}
	inZones := bigInZones(1000)
	for labels, want := range map[string]float64{"a.pin._zone.": 2, "no.prefer._zone.": 2, "no.pin._zone.": 0} {
		q := question(labels+dbName, dns.TypeA)
		if got := testing.AllocsPerRun(100, func() { inZones.Answer(q) }); got > want {
			t.Errorf("%s: %v allocations, want at most %v", labels, got, want)
		}
	}
	// One more than those of the Service name: the ports that somebody there offers.
	all, some := question(dbName, dns.TypeSRV), question("a.pin._zone."+dbName, dns.TypeSRV)
	all.Room, some.Room = 1200, 1200
	budget := testing.AllocsPerRun(100, func() { inZones.Answer(all) }) + 1
	if got := testing.AllocsPerRun(100, func() { inZones.Answer(some) }); got > budget {
		t.Errorf("SRV records of a zone: %v allocations, want at most %v", got, budget)
	}
}

// wantAllocs looks at answers of a Service, with checks in that mode.
func wantAllocs(t *testing.T, checks string, set *Set) {
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
			t.Errorf("checks %s: %s: %v allocations, want at most %v", checks, c.name, got, c.want)
		}
	}
}
