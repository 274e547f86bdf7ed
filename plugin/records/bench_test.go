package records

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
)

// statefulSet returns the slices of a StatefulSet's Service, of 100 endpoints
// each, as the controller makes them.
func statefulSet(endpoints int) (*model.Service, []*model.Slice) {
	const perSlice = 100
	service := &model.Service{ServiceKey: model.ServiceKey{Namespace: "default", Name: "db"}, Kind: model.Headless}
	ports := []model.Port{{Name: "sql", Number: 5432}, {Name: "metrics", Number: 9100}}
	var all []*model.Slice
	for i := range endpoints {
		if i%perSlice == 0 {
			all = append(all, &model.Slice{
				SliceKey: model.SliceKey{Namespace: "default", Name: fmt.Sprintf("db-%05d", i/perSlice)},
				Service:  "db", Version: uint64(i + 1), Ports: ports,
			})
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
		last := all[len(all)-1]
		last.Endpoints = append(last.Endpoints, e)
	}
	return service, all
}

var sink *Set

func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000, 10000} {
		b.Run(fmt.Sprintf("endpoints=%d", n), func(b *testing.B) {
			service, all := statefulSet(n)
			var memory Memory
			b.ReportAllocs()
			for b.Loop() {
				sink = Compile(service, all, Options{}, &memory, time.Time{})
			}
		})
	}
}

// BenchmarkTurn compiles a Service whose endpoints are checked after one change: of the
// readiness of an endpoint, or of its verdict. With down, half of the others fail.
func BenchmarkTurn(b *testing.B) {
	for _, n := range []int{100, 10000} {
		for _, state := range []string{"up", "down"} {
			for _, what := range []string{"readiness", "verdict"} {
				b.Run(fmt.Sprintf("endpoints=%d/%s/%s", n, state, what), func(b *testing.B) {
					service, all := statefulSet(n)
					var found [2]*check.Findings
					for i := range found {
						found[i] = &check.Findings{Failing: make(map[netip.Addr]time.Time)}
						for _, s := range all {
							for j := range s.Endpoints {
								if state == "down" && j%2 == 1 {
									found[i].Failing[s.Endpoints[j].Address] = time.Time{}
								}
							}
						}
					}
					found[1].Failing[all[0].Endpoints[0].Address] = time.Time{}
					down := *all[0]
					down.Endpoints = slices.Clone(down.Endpoints)
					down.Endpoints[0].Conditions = 0
					first := [2]*model.Slice{all[0], &down}
					o := Options{Check: postgres, CheckMode: check.On, Found: found[0]}
					var memory Memory
					b.ReportAllocs()
					for i := 0; b.Loop(); i++ {
						if what == "verdict" {
							o.Found = found[i%2]
						} else {
							all[0] = first[i%2]
						}
						sink = Compile(service, all, o, &memory, time.Time{})
					}
				})
			}
		}
	}
}

var answer Answer

func BenchmarkAnswer(b *testing.B) {
	for _, c := range []struct {
		qtype uint16
		names string
	}{{dns.TypeA, "db.default.svc.cluster.local."}, {dns.TypeSRV, "db.default.svc.cluster.local."}, {dns.TypeA, "db-0.db.default.svc.cluster.local."}} {
		for _, n := range []int{1, 10, 100, 1000, 5000} {
			b.Run(fmt.Sprintf("%s/%s/endpoints=%d", dns.TypeToString[c.qtype], c.names, n), func(b *testing.B) {
				service, all := statefulSet(n)
				set := Compile(service, all, Options{}, new(Memory), time.Time{})
				q := question(c.names, c.qtype)
				q.Room, q.Explain = 1232-60, true
				b.ReportAllocs()
				for b.Loop() {
					answer = set.Answer(q)
				}
			})
		}
	}
}
