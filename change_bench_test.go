package endpoints

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// statefulSet returns the changes that make a Service of a StatefulSet, with 100
// endpoints in a slice.
func statefulSet(endpoints int) []model.Change {
	const perSlice = 100
	key := model.ServiceKey{Namespace: "default", Name: "db"}
	changes := []model.Change{model.ServiceChange(&model.Service{ServiceKey: key, Kind: model.Headless, HasSelector: true})}
	ports := []model.Port{{Name: "sql", Number: 5432}}
	var slice *model.Slice
	for i := range endpoints {
		if i%perSlice == 0 {
			slice = &model.Slice{
				SliceKey: model.SliceKey{Namespace: "default", Name: fmt.Sprintf("db-%05d", i/perSlice)},
				Service:  "db", Version: uint64(i + 1), Ports: ports,
			}
			changes = append(changes, model.SliceChange(slice))
		}
		// Pods come to their addresses in no order.
		at := uint32(i) * 2654435761 % (1 << 24)
		e := model.Endpoint{
			Address:    netip.AddrFrom4([4]byte{10, byte(at >> 16), byte(at >> 8), byte(at)}),
			Hostname:   fmt.Sprintf("db-%d", i),
			Conditions: model.Ready | model.Serving,
		}
		e.Pod = e.Hostname
		binary.BigEndian.PutUint64(e.ID[:], uint64(i))
		slice.Endpoints = append(slice.Endpoints, e)
	}
	return changes
}

// BenchmarkChange flips the readiness of one endpoint: from the event to the
// new answer. With down, half of the others have failed.
func BenchmarkChange(b *testing.B) {
	for _, n := range []int{1, 100, 1000, 10000} {
		for _, state := range []string{"up", "down"} {
			b.Run(fmt.Sprintf("endpoints=%d/%s", n, state), func(b *testing.B) {
				c := newTestCache()
				changes := statefulSet(n)
				c.Apply(changes)
				c.Synced()
				c.publish()
				if state == "down" {
					for _, change := range changes[1:] {
						c.Apply([]model.Change{model.SliceChange(flipped(change.Slice, len(change.Slice.Endpoints)/2))})
					}
					c.publish()
				}
				benchmarkFlips(b, c, changes[len(changes)-1].Slice)
			})
		}
	}
}

// benchmarkFlips flips the readiness of the first endpoint of a slice.
func benchmarkFlips(b *testing.B, c *cache, slice *model.Slice) {
	b.ReportAllocs()
	for b.Loop() {
		slice = flipped(slice, 1)
		c.Apply([]model.Change{model.SliceChange(slice)})
		c.publish()
	}
}

// flipped returns the slice with the readiness of its first endpoints changed. Hints come and
// go with it, as the controller writes them.
func flipped(slice *model.Slice, endpoints int) *model.Slice {
	next := *slice
	next.Version++
	next.Endpoints = slices.Clone(slice.Endpoints)
	for i := range endpoints {
		e := &next.Endpoints[i]
		if e.Conditions ^= model.Ready | model.Serving; e.Zone > 0 {
			e.Hints ^= model.HintedZone | model.HintedNode
		}
	}
	return &next
}

// BenchmarkKept is what Services of 50 endpoints take in memory, more than without that, where it is kept how endpoints stand.
func BenchmarkKept(b *testing.B) {
	const services, endpoints = 400, 50
	heapOf := func(s corefile.Settings) float64 {
		c := newCache(s, false)
		for i := range services {
			for _, change := range statefulSet(endpoints) {
				if change.Kind == model.KindService {
					change.Service.Name = fmt.Sprintf("db-%d", i)
				} else {
					change.Slice.Service = fmt.Sprintf("db-%d", i)
					change.Slice.Name = change.Slice.Service + change.Slice.Name
				}
				c.Apply([]model.Change{change})
			}
		}
		c.Synced()
		c.publish()
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.close()
		runtime.KeepAlive(c)
		return float64(m.HeapAlloc)
	}
	for b.Loop() {
		runtime.GC()
		off := heapOf(corefile.Settings{})
		b.ReportMetric((heapOf(corefile.Settings{History: history.DefaultSize})-off)/services/endpoints, "history-B/endpoint")
		b.ReportMetric((heapOf(corefile.Settings{History: history.DefaultSize, Look: true})-off)/services/endpoints, "status-B/endpoint")
	}
}
