package endpoints

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"unique"

	"github.com/coredns/caddy"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/inprocess"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// newNearHandler answers for the cluster of benchmarks, whose endpoints are in three zones,
// to clients that are in the first of them.
func newNearHandler(tb testing.TB, option string) *handler {
	tb.Helper()
	s, err := corefile.Parse(caddy.NewTestController("dns", "k8s_endpoints "+inprocess.Zones+" {\n fallthrough\n "+option+"\n}"))
	if err != nil {
		tb.Fatal(err)
	}
	h, c := newHandler(s), newCache(s.Settings, false)
	for _, object := range inprocess.Cluster() {
		switch object := object.(type) {
		case *corev1.Service:
			object.Spec.TrafficDistribution = new(corev1.ServiceTrafficDistributionPreferSameZone)
			if service, _ := model.NewService(object); service != nil {
				c.Apply([]model.Change{model.ServiceChange(service)})
			}
		case *discoveryv1.EndpointSlice:
			for i := range object.Endpoints {
				object.Endpoints[i].Zone = new([]string{"a", "b", "c"}[i%3])
			}
			slice, err := model.NewSlice(object)
			if err != nil {
				tb.Fatal(err)
			}
			slice.ReadPlaces(object)
			c.Apply([]model.Change{model.SliceChange(slice)})
		}
	}
	c.Synced()
	c.publish()
	h.cache.Store(c)
	h.clients.Store(place.NewTable(&s.Clients, nil))
	h.takesBytes = func(dns.ResponseWriter) bool { return true }
	return h
}

var nearHandlers = map[string]string{
	"off":     "ttl 5",
	"on":      "topology on\n clients zone a 0.0.0.0/0",
	"unknown": "topology on\n clients zone a 203.0.113.0/24",
}

// BenchmarkNear asks for the same Services with topology off, narrowed to a third, and for
// a client of which nobody knows where it is.
func BenchmarkNear(b *testing.B) {
	for _, name := range []string{"off", "on", "unknown"} {
		h := newNearHandler(b, nearHandlers[name])
		for _, c := range benchCases() {
			if c.passes || c.client.Name != "1232" || c.name != "A" && c.name != "AAAA" && c.name != "SRV" {
				continue
			}
			b.Run(fmt.Sprintf("%s/topology=%s", c, name), func(b *testing.B) {
				b.ReportAllocs()
				conn := c.client.Ask(b, c.question, c.qtype)
				for b.Loop() {
					conn.Serve(b, h)
				}
			})
		}
	}
}

// inThreeZones puts the endpoints of changes into three zones, on nodes of which each has
// so many of them.
func inThreeZones(changes []model.Change, wish model.Distribution, perNode int) []model.Change {
	at := 0
	for _, change := range changes {
		if change.Service != nil {
			change.Service.Distribution = wish
			continue
		}
		s := change.Slice
		s.Places = new(model.Places)
		for _, zone := range []string{"a", "b", "c"} {
			s.Places.Zones = append(s.Places.Zones, unique.Make(zone))
		}
		for i := range s.Endpoints {
			node := unique.Make(fmt.Sprintf("node-%d", at/perNode))
			index := slices.Index(s.Places.Nodes, node)
			if index < 0 {
				index = len(s.Places.Nodes)
				s.Places.Nodes = append(s.Places.Nodes, node)
			}
			e := &s.Endpoints[i]
			e.Zone, e.Node, e.Hints = uint16(at%3+1), uint16(index+1), model.HintedZone|model.HintedNode
			at++
		}
		// As ReadPlaces makes them.
		s.Places.Nodes = slices.Clone(s.Places.Nodes)
	}
	return changes
}

var topologies = []struct {
	name    string
	mode    topology.Mode
	wish    model.Distribution
	perNode int
}{
	{"off", topology.Off, model.NoDistribution, 1},
	{"zone", topology.On, model.PreferSameZone, 5},
	{"node", topology.On, model.PreferSameNode, 5},
	{"node of its own", topology.On, model.PreferSameNode, 1},
	{"hints alone", topology.On, model.NoDistribution, 5},
}

// BenchmarkChangeNear is BenchmarkChange of a Service of 10,000 by what it wants of topology.
func BenchmarkChangeNear(b *testing.B) {
	for _, of := range topologies {
		b.Run(of.name, func(b *testing.B) {
			c := newCache(corefile.Settings{Topology: topology.Policy{Mode: of.mode, Count: 1, Percent: 50}}, false)
			changes := inThreeZones(statefulSet(10_000), of.wish, of.perNode)
			c.Apply(changes)
			c.Synced()
			c.publish()
			benchmarkFlips(b, c, changes[len(changes)-1].Slice)
		})
	}
}

// What topology takes in memory is bounded, for each endpoint of a large Service. The name
// of a node is kept once in a process, for all Services: that is not of the endpoint.
func TestMemoryOfTopology(t *testing.T) {
	const endpoints = 10_000
	bounds := map[string]float64{"off": 0, "zone": 16, "node": 40, "node of its own": 40, "hints alone": 40}
	var names []model.Place
	perName := liveHeap(t, func() any {
		for i := range endpoints {
			names = append(names, unique.Make(fmt.Sprintf("node-%d", i)))
		}
		return names
	}) / endpoints
	t.Logf("the name of a node: %.1f bytes", perName)
	defer runtime.KeepAlive(names)
	var without float64
	for _, of := range topologies {
		perEndpoint := liveHeap(t, func() any {
			changes := statefulSet(endpoints)
			if of.mode != topology.Off {
				changes = inThreeZones(changes, of.wish, of.perNode)
			}
			c := newCache(corefile.Settings{Topology: topology.Policy{Mode: of.mode, Count: 1, Percent: 50}}, false)
			c.Apply(changes)
			c.Synced()
			c.publish()
			return c
		}) / endpoints
		if of.mode == topology.Off {
			without = perEndpoint
		}
		t.Logf("%s: %.1f bytes for each endpoint, %.1f more than off", of.name, perEndpoint, perEndpoint-without)
		if more := perEndpoint - without; more > bounds[of.name] {
			t.Errorf("%s: %.1f bytes more for each endpoint, want at most %.0f", of.name, more, bounds[of.name])
		}
	}
}

// liveHeap returns how many bytes what is made keeps alive.
func liveHeap(t *testing.T, made func() any) float64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := made()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return float64(after.HeapAlloc) - float64(before.HeapAlloc)
}
