package records

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
)

func TestOfManyPortsEachRecordIsDrawnOnce(t *testing.T) {
	for _, c := range []struct {
		name             string
		endpoints, ports int
	}{
		{"few targets", 10, 3},
		{"many targets", 100, 1000},
		{"five million targets", 500, 10000},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := manyPorts(c.endpoints, c.ports)
			targets, numbers := make(map[string]int), make(map[uint16]int)
			for _, client := range clientsOf(20) {
				q := question("db.default.svc.cluster.local.", dns.TypeSRV)
				q.Share = ShareOf(client)
				a := set.Answer(q)
				seen := make(map[string]bool)
				for _, rr := range a.Records {
					srv := rr.(*dns.SRV)
					targets[srv.Target]++
					numbers[srv.Port]++
					if line := srv.String(); seen[line] {
						t.Fatalf("twice: %s", line)
					} else {
						seen[line] = true
					}
				}
				if want := c.endpoints * c.ports; len(a.Records) != want && (!a.Truncated || len(a.Records) < 1000) {
					t.Fatalf("%d records of %d, truncated %v", len(a.Records), want, a.Truncated)
				}
			}
			// A client gets the ports of few endpoints. Clients by chance would leave out
			// one of 500 endpoints once in 10^6 times.
			for _, client := range clientsOf(10_000) {
				if len(targets) == c.endpoints && len(numbers) == c.ports {
					break
				}
				for _, rr := range set.Answer(cutQuestion(dns.TypeSRV, client)).Records {
					targets[rr.(*dns.SRV).Target]++
					numbers[rr.(*dns.SRV).Port]++
				}
			}
			if len(targets) != c.endpoints || len(numbers) != c.ports {
				t.Errorf("%d endpoints and %d ports were drawn", len(targets), len(numbers))
			}
		})
	}
}

// A change of conditions must compile to what all slices compile to from the
// beginning.
func TestAChangeOfConditionsCompilesAsFromTheBeginning(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	states := []model.Conditions{model.Ready | model.Serving, 0, model.Serving | model.Terminating, model.Terminating, model.Serving}
	for _, o := range []Options{{}, {Naming: roster.ByPodName, Policy: health.Policy{PodNames: health.NamesAll, SRVTiers: health.SRVAll}}} {
		all := largeDualStack(500)
		var memory Memory
		compile := func() *Set { return Compile(headless, all, o, &memory, epoch) }
		compile()
		kept := memory.current
		for round := range 60 {
			at := random.IntN(len(all))
			next := *all[at]
			next.Version += 1000
			next.Endpoints = slices.Clone(next.Endpoints)
			for i := range next.Endpoints {
				if random.IntN(3) == 0 {
					next.Endpoints[i].Conditions = states[random.IntN(len(states))]
				}
			}
			all[at] = &next
			got := compile()
			if memory.current != kept || kept == nil {
				t.Fatal("a change of conditions made all anew")
			}
			fresh := memory
			fresh.current = nil
			want := Compile(headless, all, o, &fresh, epoch)
			if !got.Equal(want) || !want.Equal(got) || got.Tally() != want.Tally() {
				t.Fatalf("round %d: the sets differ", round)
			}
			compareNames(t, got, want)
		}
	}
}
