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
	// universe is of the last compilation of a large Service.
	universe *universe
	// Next is when to compile again even if nothing changes; zero is never.
	Next time.Time
}

type tierSince struct {
	tier health.Tier
	at   time.Time
}

// Empty tells whether nothing is to be remembered: the zero value does as well.
func (m *Memory) Empty() bool {
	return len(m.history)+len(m.since) == 0 && m.universe == nil && m.guards == [families]health.Guard{} && m.Next.IsZero()
}

// expect notes when a verdict changes by itself.
func (m *Memory) expect(at time.Time) {
	if !at.IsZero() && (m.Next.IsZero() || at.Before(m.Next)) {
		m.Next = at
	}
}

// Tally is what there is to count of a Service.
type Tally struct {
	// Tiers has how many endpoints are in which tier.
	Tiers [health.Tiers]int
	// FailOpen tells that sick endpoints are published because too few are not.
	FailOpen bool
	// Observed counts the endpoints that damping would have demoted, were it not
	// only to observe.
	Observed int
	// Best is the best tier that the Service name has, where it has Any.
	Best health.Tier
	Any  bool
}

// Tally counts.
func (s *Set) Tally() Tally {
	t := Tally{Observed: int(s.observed), Best: s.best, Any: s.any}
	for family := range s.counts {
		for tier, n := range s.counts[family] {
			t.Tiers[tier] += int(n)
		}
		t.FailOpen = t.FailOpen || s.failOpen[family]
	}
	return t
}

// take takes up what was decided for one address family.
func (s *Set) take(family int, v *health.Verdict) {
	s.failOpen[family] = v.FailOpen
	s.observed += int32(v.Observed)
	for i, n := range v.Counts {
		s.counts[family][i] = int32(n)
		if tier := health.Tier(i); n > 0 && v.Published(tier) && (!s.any || tier < s.best) {
			s.any, s.best = true, tier
		}
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

// servingPods returns which of the Pods that do not serve in the changed slices
// did before the changes, or do in slices that did not change: where an endpoint
// moves between slices, either event may come first.
func servingPods(changes []Transition, all []*model.Slice) map[model.PodID]struct{} {
	changed := make(map[*model.Slice]bool)
	asked := make(map[model.PodID]bool)
	for _, c := range changes {
		changed[c.After] = true
		if c.After == nil {
			continue
		}
		for i := range c.After.Endpoints {
			if e := &c.After.Endpoints[i]; !e.Has(model.Serving) {
				asked[e.ID] = true
			}
		}
	}
	serving := make(map[model.PodID]struct{})
	add := func(s *model.Slice) {
		for i := range s.Endpoints {
			if e := &s.Endpoints[i]; e.Has(model.Serving) && asked[e.ID] {
				serving[e.ID] = struct{}{}
			}
		}
	}
	for _, c := range changes {
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

// prune forgets Pods and addresses that are gone.
func (m *Memory) prune(d health.Damping, u *universe, now time.Time) {
	if len(m.history) > 0 {
		present := make(map[model.PodID]bool, len(m.history))
		for at := range u.len() {
			if id := u.endpoint(at).ID; m.history[id] != nil {
				present[id] = true
			}
		}
		m.history.Prune(d, func(id model.PodID) bool { return present[id] }, now)
	}
	if len(m.since) > 0 {
		held := make(map[netip.Addr]bool, len(m.since))
		for at := range u.len() {
			held[u.endpoint(at).Address] = true
		}
		maps.DeleteFunc(m.since, func(addr netip.Addr, _ tierSince) bool { return !held[addr] })
	}
}

// judge lets the policy decide, for each address family by itself.
func (c *compiler) judge(s *Set, u *universe, o Options, m *Memory, now time.Time) [families]health.Verdict {
	var verdicts [families]health.Verdict
	for family, of := range u.families() {
		c.consider(u, of, &o, m)
		v, guard := health.Decide(&o.Policy, m.guards[family], c.candidates, now)
		verdicts[family], m.guards[family] = v, guard
		s.take(family, &v)
		m.expect(v.Next)
	}
	return verdicts
}

// consider makes candidates of the endpoints of one family.
func (c *compiler) consider(u *universe, of family, o *Options, m *Memory) {
	c.candidates = slices.Grow(c.candidates[:0], of.to-of.from)
	for _, conditions := range u.conditions[of.from:of.to] {
		c.candidates = append(c.candidates, health.Candidate{Conditions: conditions})
	}
	if len(o.Drain) > 0 {
		for i := range c.candidates {
			c.candidates[i].TakenOut = takenOut(u.endpoint(of.from+i), o.Drain)
		}
	}
	if len(m.history) > 0 {
		for i := range c.candidates {
			// Of thousands of endpoints, few have a past that matters.
			if o.Policy.Recalls(c.candidates[i].Conditions) {
				c.candidates[i].Past = m.history[u.endpoint(of.from+i).ID]
			}
		}
	}
}

func familyOf(addr netip.Addr) int {
	if addr.Is4() {
		return family4
	}
	return family6
}

// takenOut tells whether one of the endpoint's names is among those, sorted.
func takenOut(e *model.Endpoint, names []string) bool {
	if len(names) == 0 {
		return false
	}
	among := func(name string) bool {
		_, found := slices.BinarySearch(names, name)
		return found
	}
	return e.Hostname != "" && among(e.Hostname) || e.Pod != "" && among(e.Pod) || among(dashedLabel(e.Address))
}

// judged is an endpoint that has a name.
type judged struct {
	// at is the index of the endpoint in the universe.
	at int32
	standing
}

// standing is what an endpoint's tier and conditions make of it.
type standing struct {
	tier  health.Tier
	named bool
	// inName and inSRV tell that the Service name, and SRV records, have it.
	inName, inSRV bool
}

// standings has every standing that there may be: there are fewer than
// endpoints.
type standings [health.Tiers][model.AllConditions + 1]standing

func standingsOf(v *health.Verdict) (all standings) {
	for t := range all {
		tier := health.Tier(t)
		for conditions := range all[t] {
			all[t][conditions] = standing{
				tier:   tier,
				named:  v.Named(tier, model.Conditions(conditions)),
				inName: v.Published(tier),
				inSRV:  v.Published(tier) || v.Backup(tier),
			}
		}
	}
	return all
}

// publish returns the endpoints that have a name, in their order.
func (c *compiler) publish(u *universe, verdicts [families]health.Verdict) []judged {
	c.published = slices.Grow(c.published[:0], u.len())
	for family, of := range u.families() {
		all := standingsOf(&verdicts[family])
		for i, tier := range verdicts[family].Tiers {
			at := of.from + i
			if s := all[tier][u.conditions[at]]; s.named {
				c.published = append(c.published, judged{int32(at), s})
			}
		}
	}
	return c.published
}
