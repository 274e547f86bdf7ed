package records

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// The address families, as indexes.
const (
	family4 = iota
	family6
	families
)

// Memory is what a Service's decisions leave behind for the next ones. The zero
// value is the beginning. It must not be used for two Services, nor at once.
type Memory struct {
	history health.History
	guards  [families]health.Guard
	// since is when each endpoint got its tier, where that is to be explained.
	since map[netip.Addr]tierSince
	// Next is when to compile again even if nothing changes; zero is never.
	Next time.Time
	// Counts has how many endpoints are in which tier.
	Counts [health.Tiers]int
	// Best is the best tier that the Service name has, and FailOpen tells that
	// sick endpoints are in it too. Empty tells that there is none.
	Best            health.Tier
	FailOpen, Empty bool
	// Observed counts the endpoints that damping would have demoted.
	Observed int
}

type tierSince struct {
	tier health.Tier
	at   time.Time
}

// begin clears what is of one decision.
func (m *Memory) begin() {
	*m = Memory{history: m.history, guards: m.guards, since: m.since, Empty: true, Best: health.Dying}
}

// note takes up what was decided for one address family.
func (m *Memory) note(v *health.Verdict) {
	m.FailOpen = m.FailOpen || v.FailOpen
	m.Observed += v.Observed
	for i, n := range v.Counts {
		m.Counts[i] += n
		if tier := health.Tier(i); n > 0 && v.Published(tier) {
			m.Empty, m.Best = false, min(m.Best, tier)
		}
	}
	if !v.Next.IsZero() && (m.Next.IsZero() || v.Next.Before(m.Next)) {
		m.Next = v.Next
	}
}

// Transition is a change of a slice, and when it came. Before is nil for a new
// slice, and After for one that is gone.
type Transition struct {
	Before, After *model.Slice
	At            time.Time
}

// Observe takes note of changes, in their order, and returns how many Pods
// flapped. All are the slices as they are now.
func (m *Memory) Observe(d health.Damping, changes []Transition, all []*model.Slice) (flaps int) {
	var serving map[model.PodID]struct{}
	known := func(id model.PodID) bool {
		if serving == nil {
			serving = servingPods(changes, all)
		}
		_, ok := serving[id]
		return ok
	}
	for _, c := range changes {
		flaps += m.history.Observe(d, c.Before, c.After, known, c.At)
	}
	return flaps
}

// servingPods returns the Pods that served before the changes, or serve in
// slices that did not change: where an endpoint moves between slices, either
// event may come first.
func servingPods(changes []Transition, all []*model.Slice) map[model.PodID]struct{} {
	serving := make(map[model.PodID]struct{})
	add := func(s *model.Slice) {
		for i := range s.Endpoints {
			if s.Endpoints[i].Has(model.Serving) {
				serving[s.Endpoints[i].ID] = struct{}{}
			}
		}
	}
	changed := make(map[*model.Slice]bool)
	for _, c := range changes {
		changed[c.After] = true
		if c.Before != nil {
			add(c.Before)
		}
	}
	for _, s := range all {
		if !changed[s] {
			add(s)
		}
	}
	return serving
}

// prune forgets Pods that are gone.
func (m *Memory) prune(d health.Damping, endpoints []merged, now time.Time) {
	if len(m.history)+len(m.since) == 0 {
		return
	}
	present := make(map[model.PodID]bool, len(endpoints))
	held := make(map[netip.Addr]bool, len(endpoints))
	for _, e := range endpoints {
		present[e.endpoint.ID] = true
		held[e.endpoint.Address] = true
	}
	m.history.Prune(d, func(id model.PodID) bool { return present[id] }, now)
	maps.DeleteFunc(m.since, func(addr netip.Addr, _ tierSince) bool { return !held[addr] })
}

// judged is an endpoint that has a name.
type judged struct {
	merged
	tier health.Tier
	// inName and inSRV tell that the Service name, and SRV records, have it.
	inName, inSRV bool
}

// judge lets the policy decide, for each address family by itself.
func (s *Set) judge(endpoints []merged, o Options, m *Memory, now time.Time) [families]health.Verdict {
	var verdicts [families]health.Verdict
	for family, of := range byFamily(endpoints) {
		candidates := make([]health.Candidate, len(of))
		for i, e := range of {
			candidates[i] = health.Candidate{
				Conditions: e.endpoint.Conditions,
				Past:       m.history[e.endpoint.ID],
				TakenOut:   takenOut(e.endpoint, o.Drain),
			}
		}
		v, guard := health.Decide(&o.Policy, m.guards[family], candidates, now)
		verdicts[family], m.guards[family] = v, guard
		s.counts[family], s.failOpen[family] = v.Counts, v.FailOpen
		m.note(&v)
	}
	return verdicts
}

func byFamily(endpoints []merged) [families][]merged {
	n4, _ := slices.BinarySearchFunc(endpoints, true, func(m merged, _ bool) int {
		if m.endpoint.Address.Is4() {
			return -1
		}
		return 1
	})
	return [families][]merged{family4: endpoints[:n4], family6: endpoints[n4:]}
}

func takenOut(e *model.Endpoint, names []string) bool {
	if len(names) == 0 {
		return false
	}
	return e.Hostname != "" && slices.Contains(names, e.Hostname) ||
		e.Pod != "" && slices.Contains(names, e.Pod) ||
		slices.Contains(names, dashedLabel(e.Address))
}

// publish returns the endpoints that have a name, in their order.
func publish(endpoints []merged, verdicts [families]health.Verdict) []judged {
	published := make([]judged, 0, len(endpoints))
	for family, of := range byFamily(endpoints) {
		v := &verdicts[family]
		for i, e := range of {
			if tier := v.Tiers[i]; v.Named(i, e.endpoint.Conditions) {
				published = append(published, judged{
					merged: e,
					tier:   tier,
					inName: v.Published(tier),
					inSRV:  v.Published(tier) || v.Backup(tier),
				})
			}
		}
	}
	return published
}
