package records

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// largeDualStack returns slices of a Service of Pods with two addresses each. Some
// have no hostname, and some one that looks like the address of another.
func largeDualStack(pods int) []*model.Slice {
	var all []*model.Slice
	for i := range pods {
		if i%50 == 0 {
			for family := range 2 {
				all = append(all, &model.Slice{
					SliceKey: model.SliceKey{Name: fmt.Sprintf("db-%d-%03d", family, i/50)},
					Version:  uint64(len(all)), Ports: []model.Port{sql, peer}[:1+i/50%2],
				})
			}
		}
		e := model.Endpoint{Pod: fmt.Sprintf("db-%d", i), ID: model.PodID{byte(i >> 8), 7: byte(i)}, Conditions: model.Ready | model.Serving}
		switch i % 10 {
		case 0:
			e.Hostname = fmt.Sprintf("10-0-%d-%d", i>>8, (i+1)%256)
		case 1, 2:
			// It has none.
		default:
			e.Hostname = e.Pod
		}
		e.Address = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		v4, v6 := all[len(all)-2], all[len(all)-1]
		v4.Endpoints = append(v4.Endpoints, e)
		e.Address = netip.AddrFrom16([16]byte{0xfd, 14: byte(i >> 8), 15: byte(i)})
		v6.Endpoints = append(v6.Endpoints, e)
	}
	return all
}

// compareNames looks names and addresses up in both.
func compareNames(t *testing.T, got, want *Set) {
	t.Helper()
	for i := range 500 {
		for _, label := range []string{fmt.Sprintf("db-%d", i), fmt.Sprintf("10-0-%d-%d", i>>8, i%256)} {
			for _, qtype := range []uint16{1, 28} {
				text := label + ".db.default.svc.cluster.local."
				if a, b := sorted(got.Answer(question(text, qtype)).Records), sorted(want.Answer(question(text, qtype)).Records); !slices.Equal(a, b) {
					t.Fatalf("%s: got %v, want %v", text, a, b)
				}
			}
		}
		addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		a, isA := got.Reverse(addr)
		if b, isB := want.Reverse(addr); a != b || isA != isB {
			t.Fatalf("%v: got %v, want %v", addr, a, b)
		}
	}
}

func TestWhatIsMoreThanAChangeOfConditionsIsSeen(t *testing.T) {
	for name, change := range map[string]func(s *model.Slice){
		"a port":     func(s *model.Slice) { s.Ports = []model.Port{peer} },
		"a hostname": func(s *model.Slice) { s.Endpoints[3].Hostname = "other" },
		"a Pod":      func(s *model.Slice) { s.Endpoints[3].ID[9] = 1 },
		"an address": func(s *model.Slice) { s.Endpoints[3].Address = netip.MustParseAddr("10.9.9.9") },
		"one more": func(s *model.Slice) {
			s.Endpoints = append(s.Endpoints, model.Endpoint{Address: netip.MustParseAddr("10.9.9.9"), Conditions: model.Ready})
		},
		"one less": func(s *model.Slice) { s.Endpoints = s.Endpoints[1:] },
		"an order": func(s *model.Slice) { slices.Reverse(s.Endpoints) },
	} {
		t.Run(name, func(t *testing.T) {
			all := largeDualStack(500)
			var memory Memory
			Compile(headless, all, Options{}, &memory, epoch)
			kept := memory.current
			next := *all[0]
			next.Endpoints = slices.Clone(next.Endpoints)
			change(&next)
			all[0] = &next
			got := Compile(headless, all, Options{}, &memory, epoch)
			if memory.current == kept {
				t.Error("it was not seen")
			}
			if want := Compile(headless, all, Options{}, new(Memory), time.Time{}); !got.Equal(want) {
				t.Error("the sets differ")
			}
		})
	}
}

func TestOnlyLargeServicesWithoutDoubtKeepTheirNames(t *testing.T) {
	var memory Memory
	Compile(headless, largeDualStack(50), Options{}, &memory, epoch)
	if !memory.Empty() {
		t.Error("a small Service keeps something")
	}
	all := largeDualStack(500)
	twice := *all[2]
	twice.Name = "twice"
	Compile(headless, append(all, &twice), Options{}, &memory, epoch)
	if !memory.Empty() {
		t.Error("a Service with addresses in two slices keeps something")
	}
}
