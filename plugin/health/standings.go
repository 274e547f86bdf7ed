package health

import (
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// Standings say who is published of a Roster. The zero value is of an empty one.
type Standings struct {
	// Tiers has the endpoints of each tier: each endpoint is in one.
	Tiers [Tiers]roster.Bits
	// InName are those that the Service name has, InSRV those that SRV records list,
	// by tier, and Named those that have a name of their own. Whoever is in one of
	// the others has one.
	InName roster.Bits
	InSRV  [Tiers]roster.Bits
	Named  roster.Bits
	// Counts has how many endpoints of each address family are in which tier.
	Counts [roster.Families][Tiers]int
	// FailOpen says that sick endpoints of a family are published because too few
	// are not.
	FailOpen [roster.Families]bool
	// Observed counts the endpoints that damping would have demoted, were it not
	// only to observe.
	Observed int

	published, listed [roster.Families][Tiers]bool
}

// Published reports whether the Service name has the endpoints of a family and
// tier.
func (s *Standings) Published(family int, t Tier) bool { return s.published[family][t] }

// Tier returns the tier of an endpoint.
func (s *Standings) Tier(at roster.At) Tier {
	for t := range s.Tiers {
		if s.Tiers[t].Has(at) {
			return Tier(t)
		}
	}
	return Dying
}

// candidates are the endpoints of a Service as the policy sees them.
type candidates struct {
	roster.Conditions
	// takenOut are those that the Service names as ones to drain, and wasUp those
	// whose Pods served before. Both may be nil.
	takenOut, wasUp roster.Bits
	// split is the first IPv6 endpoint of n endpoints.
	split, n int
}

// sixtyFour is the state of 64 endpoints, a bit each.
type sixtyFour struct{ up, serving, terminating, takenOut, wasUp, all, v4 uint64 }

func (c *candidates) sixtyFour(p *Policy, w int) sixtyFour {
	k := sixtyFour{
		up:          c.Ready[w],
		serving:     c.Serving[w],
		terminating: c.Terminating[w],
		all:         roster.Below(w, c.n),
		v4:          roster.Below(w, c.split),
	}
	if p.Publish == ByServing {
		k.up = k.serving &^ k.terminating
	}
	if c.takenOut != nil {
		k.takenOut = c.takenOut[w]
	}
	if c.wasUp != nil {
		k.wasUp = c.wasUp[w]
	}
	return k
}

// tiers parts the endpoints by tier. It knows nothing of damping.
func (k *sixtyFour) tiers() (of [Tiers]uint64) {
	left := k.all
	take := func(t Tier, who uint64) {
		of[t] |= left & who
		left &^= who
	}
	take(Good, k.up&^k.takenOut)
	take(Draining, k.up|k.serving&k.terminating)
	take(Dying, k.terminating)
	take(Starting, k.takenOut) // Fail open must not bring it back.
	take(Sick, k.wasUp|k.serving)
	take(Starting, left)
	return of
}

// reset empties the standings for n endpoints, and keeps their memory.
func (s *Standings) reset(n int) {
	for t := range s.Tiers {
		s.Tiers[t], s.InSRV[t] = s.Tiers[t].Reset(n), s.InSRV[t].Reset(n)
	}
	s.InName, s.Named = s.InName.Reset(n), s.Named.Reset(n)
	*s = Standings{Tiers: s.Tiers, InSRV: s.InSRV, InName: s.InName, Named: s.Named}
}

// rank gives each endpoint its tier, apart from damping.
func (s *Standings) rank(p *Policy, c *candidates) {
	for w := range c.Ready {
		k := c.sixtyFour(p, w)
		for t, who := range k.tiers() {
			s.Tiers[t][w] = who
			s.Counts[roster.IPv4][t] += bits.OnesCount64(who & k.v4)
			s.Counts[roster.IPv6][t] += bits.OnesCount64(who &^ k.v4)
		}
	}
}

// suppressed is an endpoint whose Pod has flapped too often, and when that ends.
type suppressed struct {
	at    roster.At
	until time.Time
}

// damp demotes those of a family that are suppressed: the ones with the largest
// penalties, and never more than a fifth of all that are up.
func (s *Standings) damp(mode DampingMode, family int, all []suppressed) {
	// The later damping ends, the larger the penalty is by now.
	slices.SortFunc(all, func(a, b suppressed) int {
		if c := b.until.Compare(a.until); c != 0 {
			return c
		}
		return int(a.at) - int(b.at)
	})
	all = all[:min(len(all), s.Counts[family][Good]/5)]
	if mode == DampingObserve {
		s.Observed += len(all)
		return
	}
	for _, each := range all {
		s.Tiers[Good].Remove(each.at)
		s.Tiers[Damped].Add(each.at)
	}
	s.Counts[family][Good] -= len(all)
	s.Counts[family][Damped] += len(all)
}

// choose picks the tiers of the Service name and of SRV records for one address
// family.
//
//	policy          good  damped  draining  sick  | the Service name has
//	any             some  any     any       any   | good
//	any             none  some    any       any   | damped
//	fallback        none  none    some      any   | draining
//	fallback none   none  none    some      any   | nothing
//	any             none  none    none      any   | nothing
//	fail open, and too few of good, damped and    | good, damped and sick, and
//	  sick are not sick                           | draining if only sick ones are left
//
// Starting and dying endpoints are never in it. With publishNotReadyAddresses,
// Kubernetes reports all endpoints ready: they are up, unless ByServing looks
// at what their Pods say themselves.
func (s *Standings) choose(p *Policy, family int, g guard) {
	counts, published := &s.Counts[family], &s.published[family]
	s.FailOpen[family] = g.open && counts[Sick] > 0
	switch {
	case s.FailOpen[family]:
		published[Good], published[Damped], published[Sick] = true, true, true
		published[Draining] = p.Fallback == FallbackDraining && counts[Good]+counts[Damped] == 0
	case counts[Good] > 0:
		published[Good] = true
	case counts[Damped] > 0:
		published[Damped] = true
	case p.Fallback == FallbackDraining:
		published[Draining] = true
	}
	for t := range Tier(Tiers) {
		s.listed[family][t] = published[t] || p.backup(t)
	}
}

// backup reports whether SRV records list endpoints of a tier behind those of the
// Service name.
func (p *Policy) backup(t Tier) bool {
	return p.SRVTiers == SRVAll && t <= Draining && !(t == Draining && p.Fallback == FallbackNone)
}

// publish finds who is in the Service name, in SRV records, and has a name.
func (s *Standings) publish(p *Policy, c *candidates) {
	for w := range c.Ready {
		k := c.sixtyFour(p, w)
		named := k.up
		switch p.PodNames {
		case NamesServing:
			named |= k.serving
		case NamesAll:
			named = k.all
		}
		for t := range s.Tiers {
			who := s.Tiers[t][w]
			inName := who & k.of(&s.published, t)
			s.InSRV[t][w] = who & k.of(&s.listed, t)
			s.InName[w] |= inName
			named |= inName | s.InSRV[t][w]
		}
		s.Named[w] = named
	}
}

// of returns those whose family has a tier in the choice.
func (k *sixtyFour) of(choice *[roster.Families][Tiers]bool, t int) (who uint64) {
	if choice[roster.IPv4][t] {
		who |= k.v4
	}
	if choice[roster.IPv6][t] {
		who |= k.all &^ k.v4
	}
	return who
}

// guard is what fail open remembers of the endpoints of one address family. The
// zero value is the beginning.
type guard struct {
	// open means that sick endpoints are published.
	open bool
	// since is when the condition for the opposite began to hold; zero where it
	// does not.
	since time.Time
}

// How long the condition must hold for fail open to begin and to end.
const (
	openAfter  = 2 * time.Second
	closeAfter = 10 * time.Second
)

// watch opens the guard when the share of those that are up, among those that have
// been, is below the threshold, and closes it when it is a tenth above. It takes its
// time for both, unless the name would be empty meanwhile. Endpoints that have
// never been up do not count: scaling up is no alarm. It returns when the guard
// changes by itself; zero is never.
func (g *guard) watch(p *Policy, counts *[Tiers]int, now time.Time) (next time.Time) {
	healthy := counts[Good] + counts[Damped]
	all := healthy + counts[Sick]
	if p.FailOpen == 0 || all == 0 {
		*g = guard{}
		return next
	}
	enough := int(math.Ceil(float64(p.FailOpen*all) / 100))
	change, after := healthy < enough, openAfter
	if g.open {
		change, after = healthy >= min(all, enough+all/10), closeAfter
	}
	empty := healthy == 0 && (counts[Draining] == 0 || p.Fallback == FallbackNone)
	switch {
	case !change:
		g.since = time.Time{}
		return next
	case g.since.IsZero():
		g.since = now
	}
	if due := g.since.Add(after); now.Before(due) && !(empty && !g.open) {
		return due
	}
	*g = guard{open: !g.open}
	return next
}
