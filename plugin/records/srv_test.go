package records

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
)

// manyPorts returns the Set of a Service whose endpoints have that many ports
// each.
func manyPorts(endpoints, ports int) *Set {
	service, all := statefulSet(endpoints)
	shared := make([]model.Port, ports)
	for i := range shared {
		shared[i] = model.Port{Name: fmt.Sprintf("p%d", i), Number: uint16(i + 1)}
	}
	for _, s := range all {
		s.Ports = shared
	}
	return Compile(service, all, Options{}, new(Memory), time.Time{})
}

func TestTargetsBeyond32BitsAreDrawn(t *testing.T) {
	// 40,000 ports of 100,000 targets are 4 billion.
	service, all := statefulSet(100_000)
	set := Compile(service, all, Options{}, new(Memory), time.Time{})
	ports := make([]portSet, 40_000)
	for i := range ports {
		ports[i] = portSet{port: model.Port{Number: uint16(i + 1)}, offer: set.numbers[0].offer}
	}
	of := fitting(ports, func(c choice) bool { return c.sizeOf(c.n, 50) <= 65000 })
	if of.n != 4_000_000_000 {
		t.Fatalf("got %+v", of)
	}
	d := drawers.Get().(*drawer)
	defer d.release()
	highest := uint16(0)
	d.drawTargets(set.roster, &match{ports: ports}, of, 1000, ShareOf(netip.MustParseAddr("10.244.0.1")))
	for _, each := range d.drawn {
		if each.target < 0 || int(each.target) >= set.Len() || each.number == 0 {
			t.Fatalf("drew %+v", each)
		}
		highest = max(highest, each.number)
	}
	// They come from all of the ports.
	if len(d.drawn) != 1000 || highest <= 20_000 {
		t.Errorf("%d drawn, up to the port %d", len(d.drawn), highest)
	}
}

// Backups are there for when nobody better is: where not all may be given, they go first.
func TestABoundTakesTheBestTiers(t *testing.T) {
	one := roster.Range
	ports := []portSet{
		{port: model.Port{Number: 1}, tier: health.Good, offer: offer{who: one(0, 30), longest: 5, total: 150}},
		{port: model.Port{Number: 1}, tier: health.Damped, offer: offer{who: one(30, 20), longest: 5, total: 100}},
		{port: model.Port{Number: 1}, tier: health.Draining, offer: offer{who: one(50, 50), longest: 5, total: 250}},
	}
	for _, c := range []struct {
		most    int
		from, k int64
	}{
		{0, 100, 100}, {100, 100, 100}, {99, 50, 50}, {50, 50, 50}, {49, 30, 30}, {30, 30, 30}, {29, 30, 29}, {1, 30, 1},
	} {
		m := match{ports: ports, most: c.most}
		if of, k := m.bounded(); of.n != c.from || k != c.k {
			t.Errorf("at most %d: %d of %d, want %d of %d", c.most, k, of.n, c.k, c.from)
		}
	}
}

func BenchmarkAnswerOfManyPorts(b *testing.B) {
	for _, ports := range []int{2, 100, 10000} {
		set := manyPorts(100, ports)
		for name, room := range map[string]int{"UDP": 1232 - 60, "TCP": 65000} {
			b.Run(fmt.Sprintf("ports=%d/%s", ports, name), func(b *testing.B) {
				q := question("db.default.svc.cluster.local.", dns.TypeSRV)
				q.Room = room
				b.ReportAllocs()
				for b.Loop() {
					answer = set.Answer(q)
				}
			})
		}
	}
}
