package workload

import (
	"fmt"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
)

func TestEachRoundChangesEveryEndpointOnce(t *testing.T) {
	for _, endpoints := range []int{1, 100, 1000, 10000} {
		t.Run(fmt.Sprint(endpoints), func(t *testing.T) {
			target := &Target{Service: Service{Endpoints: endpoints}, slices: make([]*targetSlice, (endpoints+PerSlice-1)/PerSlice)}
			ready := make(map[int]bool)
			for round := range 3 {
				seen := make(map[int]bool)
				for n := range endpoints {
					c := target.Nth(round*endpoints + n)
					if c.Endpoint < 0 || c.Endpoint >= endpoints || seen[c.Endpoint] {
						t.Fatalf("round %d: endpoint %d a second time, or none", round, c.Endpoint)
					}
					seen[c.Endpoint] = true
					if was, known := ready[c.Endpoint]; known && was == c.Ready {
						t.Fatalf("round %d: endpoint %d does not change", round, c.Endpoint)
					}
					ready[c.Endpoint] = c.Ready
				}
			}
			if first := target.Nth(0); first.Ready {
				t.Error("the first change makes an endpoint ready, which it is")
			}
		})
	}
}

func TestSlicesHoldEveryEndpointOnceWithAnAddressOfItsOwn(t *testing.T) {
	addresses := make(map[string]bool)
	for _, s := range Services(3, 250, Service{Name: "db", First: 1 << 17}) {
		slices := s.slices("uid")
		if len(slices) != 3 {
			t.Fatalf("%d slices, want 3", len(slices))
		}
		i := 0
		for _, slice := range slices {
			if slice.Labels[discoveryv1.LabelServiceName] != s.Name {
				t.Errorf("the labels are %v", slice.Labels)
			}
			for _, e := range slice.Endpoints {
				if *e.Hostname != s.Pod(i) || addresses[e.Addresses[0]] || e.Addresses[0] != s.Address(i).String() {
					t.Fatalf("endpoint %d is %+v", i, e)
				}
				addresses[e.Addresses[0]] = true
				i++
			}
		}
		if i != 250 {
			t.Errorf("%d endpoints, want 250", i)
		}
	}
}
