package records

import (
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
)

// Tally is what there is to count of a Service.
type Tally struct {
	// Tiers has how many endpoints are in which tier.
	Tiers [health.Tiers]int
	// FailOpen means that sick endpoints are published because too few are not.
	FailOpen bool
	// Observed counts the endpoints that damping would have demoted, were it not
	// only to observe.
	Observed int
	// WouldFail counts the endpoints that checks would have taken out, were they not only
	// to observe.
	WouldFail int
	// Best is the best tier that the Service name has, where it has Any.
	Best health.Tier
	Any  bool
	// Waits means that the Service name waits for endpoints.
	Waits bool
	// Topology is what the Service does about where clients are.
	Topology topology.Result
}

// Tally counts.
func (s *Set) Tally() Tally {
	t := Tally{Observed: int(s.observed), Best: s.best, Any: s.any, Waits: s.Waits(), Topology: s.near.state()}
	if s.checked != nil {
		t.WouldFail = s.checked.observed
	}
	for family := range s.counts {
		for tier, n := range s.counts[family] {
			t.Tiers[tier] += int(n)
		}
		t.FailOpen = t.FailOpen || s.failOpen[family]
	}
	return t
}
