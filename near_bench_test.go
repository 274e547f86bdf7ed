package endpoints

import (
	"fmt"
	"testing"

	"github.com/coredns/caddy"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
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
