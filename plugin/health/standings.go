package health

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
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
	// Counts has how many endpoints of each address family are in which tier, and Failing
	// how many of the sick ones are so because their check fails.
	Counts  [roster.Families][Tiers]int
	Failing [roster.Families]int
	// FailOpen says that sick endpoints of a family are published because too few
	// are not.
	FailOpen [roster.Families]bool
	// LastRung says that nobody of a family serves, and that those who do not are
	// published because they are to be.
	LastRung [roster.Families]bool
	// Observed counts the endpoints that damping would have demoted, were it not
	// only to observe.
	Observed int

	policy  *Policy
	of      candidates
	choices [roster.Families]Choice
	open    [roster.Families]bool
}

// Published reports whether the Service name has endpoints of a family and tier.
func (s *Standings) Published(family int, t Tier) bool { return s.choices[family].inName[t] }

// Called returns those whom their slices, or the Service, call up or draining: of others a
// check has nothing to take away. It takes the memory of b.
func (s *Standings) Called(b roster.Bits) roster.Bits {
	b = b.Reset(s.of.n)
	for w := range s.of.Ready {
		k := s.of.sixtyFour(s.policy, w)
		b[w] = k.called
	}
	return b
}

// Fails reports whether an endpoint is not what its slice says, because its check fails.
func (s *Standings) Fails(at roster.At) bool { return s.Of(at).failing }

// A Standing is how one endpoint stands, for any of its ports or for some of them.
type Standing struct {
	Tier Tier
	// ready is that it is to be published by what its slice, or its Service, says, and
	// failing that its check says otherwise. It is never both.
	ready, failing bool
}

// Compare orders how one endpoint stands for several of its ports, the best first: of one
// tier those come first that some rule publishes.
func (e Standing) Compare(o Standing) int {
	return cmp.Or(int(e.Tier)-int(o.Tier), compareBools(o.failing, e.failing), compareBools(o.ready, e.ready))
}

func compareBools(a, b bool) int { return int(bit(a)) - int(bit(b)) }

// Of returns how an endpoint stands.
func (s *Standings) Of(at roster.At) Standing {
	k, place := s.of.sixtyFour(s.policy, int(at/64)), uint64(1)<<(at%64)
	return Standing{s.Tier(at), k.ready&place != 0, k.failing&place != 0}
}

// In returns how an endpoint stands in other conditions, those for some of its ports. Its
// tier is not better than its own.
func (s *Standings) In(is model.Conditions, at roster.At) Standing {
	k := sixtyFour{all: 1, takenOut: bit(s.of.takenOut.Has(at)), wasUp: bit(s.of.wasUp.Has(at)), failing: bit(s.of.Failing.Has(at))}
	k.ready = bit(s.of.notReadyToo || is.Has(model.Ready))
	k.serving, k.terminating = bit(is.Has(model.Serving)), bit(is.Has(model.Terminating))
	k.judge(s.policy)
	tier := Dying
	for t, who := range k.tiers() {
		if who != 0 {
			tier = max(Tier(t), s.Tier(at))
			break
		}
	}
	return Standing{tier, k.ready != 0, k.failing != 0}
}

func bit(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}

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
	// notReadyToo makes all count as ready.
	notReadyToo bool
	// split is the first IPv6 endpoint of n endpoints.
	split, n int
}

// sixtyFour is the state of 64 endpoints, a bit each.
type sixtyFour struct {
	ready, serving, terminating, takenOut, wasUp, failing, all, v4 uint64
	// up are those who are, and called those who would be up or draining if it were not for
	// checks.
	up, called uint64
}

func (c *candidates) sixtyFour(p *Policy, w int) sixtyFour {
	k := sixtyFour{
		ready:       c.Ready[w],
		serving:     c.Serving[w],
		terminating: c.Terminating[w],
		all:         roster.Below(w, c.n),
		v4:          roster.Below(w, c.split),
	}
	if c.notReadyToo {
		k.ready = k.all
	}
	if c.takenOut != nil {
		k.takenOut = c.takenOut[w]
	}
	if c.wasUp != nil {
		k.wasUp = c.wasUp[w]
	}
	if c.Failing != nil {
		k.failing = c.Failing[w]
	}
	k.judge(p)
	return k
}

// judge finds who is up, by conditions alone. A check takes away what slices give, and gives
// nothing: of those who are down it says nothing.
func (k *sixtyFour) judge(p *Policy) {
	k.up = k.ready
	if p.Publish == ByServing {
		k.up = k.serving &^ k.terminating
	}
	k.called = k.up | k.serving&k.terminating
	k.failing &= k.called
	k.up &^= k.failing
	k.ready &^= k.failing
	k.serving &^= k.failing
	k.wasUp |= k.failing
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

// reset empties the standings for a decision, and keeps their memory.
func (s *Standings) reset(p *Policy, of candidates) {
	n := of.n
	for t := range s.Tiers {
		s.Tiers[t], s.InSRV[t] = s.Tiers[t].Reset(n), s.InSRV[t].Reset(n)
	}
	s.InName, s.Named = s.InName.Reset(n), s.Named.Reset(n)
	*s = Standings{Tiers: s.Tiers, InSRV: s.InSRV, InName: s.InName, Named: s.Named, policy: p, of: of}
}

// rank gives each endpoint its tier, apart from damping.
func (s *Standings) rank() {
	for w := range s.of.Ready {
		k := s.of.sixtyFour(s.policy, w)
		for t, who := range k.tiers() {
			s.Tiers[t][w] = who
			s.Counts[roster.IPv4][t] += bits.OnesCount64(who & k.v4)
			s.Counts[roster.IPv6][t] += bits.OnesCount64(who &^ k.v4)
		}
		if k.failing != 0 {
			sick := s.Tiers[Sick][w] & k.failing
			s.Failing[roster.IPv4] += bits.OnesCount64(sick & k.v4)
			s.Failing[roster.IPv6] += bits.OnesCount64(sick &^ k.v4)
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

// A Census counts endpoints of one address family: all of a Service, or those who offer a
// port. The zero value is nobody.
type Census struct {
	Tiers [Tiers]int
	// askedFor are those who are sick or starting, and ready by what their slices, or the
	// Service, say. failing are the sick ones whose check fails.
	askedFor, failing int
}

// Count adds an endpoint.
func (n *Census) Count(e Standing) {
	n.Tiers[e.Tier]++
	if e.ready && (e.Tier == Sick || e.Tier == Starting) {
		n.askedFor++
	}
	if e.failing && e.Tier == Sick {
		n.failing++
	}
}

// up counts those who are.
func (n *Census) up() int { return n.Tiers[Good] + n.Tiers[Damped] }

// sick counts those whom fail open would publish.
func (n *Census) sick(p *Policy) int {
	if p.FailOpen == FailOpenByCheck {
		return n.failing
	}
	return n.Tiers[Sick]
}

// A Choice says which endpoints of one address family clients are given. The zero
// value is nobody.
type Choice struct {
	inName, inSRV [Tiers]bool
	// onlyReady leaves out those of the last rung who are not to be published, and
	// onlyFailing the sick ones who are so for another reason than their check.
	onlyReady, onlyFailing bool
}

// Lists reports whether SRV records list an endpoint.
func (c *Choice) Lists(e Standing) bool {
	switch {
	case !c.inSRV[e.Tier]:
		return false
	case e.Tier == Sick && c.onlyFailing:
		return e.failing
	}
	return e.ready || !c.onlyReady || e.Tier != Sick && e.Tier != Starting
}

// Choose picks, of endpoints of one address family, whom clients are given: for a
// Service, or those who offer a port. N counts them. Ready is said of those who are sick or
// starting, and ready by what their slices, or the Service, say.
//
//	policy          good  damped  draining  sick  starting | clients are given
//	any             some  any     any       any   any      | good
//	any             none  some    any       any   any      | damped
//	fallback        none  none    some      any   any      | draining
//	fallback        none  none    none      some or some   | those of them who are ready
//	fallback none   none  none    any       any   any      | nobody
//	fail open, and too few of good, damped and             | good, damped and sick, and
//	  sick are not sick                                    | draining if only sick ones are left
//	fail open, of a port, where that is nobody             | sick, if their check fails
//
// Fail open by check is of those whose check fails. Dying endpoints are never given. With
// publishNotReadyAddresses, Kubernetes reports all endpoints ready: they are up, unless
// ByServing looks at what their Pods say themselves. Then the fourth row, the last rung,
// keeps a name that members need to find each other before anybody serves.
//
// The last row is for a port that those alone offer whose check fails, while others of the
// Service pass: a check empties no name unless fail open is off.
func (s *Standings) Choose(family int, n *Census) Choice {
	var c Choice
	p := s.policy
	fallback := p.Fallback == FallbackDraining
	switch {
	case s.open[family] && n.sick(p) > 0:
		c.inName[Good], c.inName[Damped], c.inName[Sick] = true, true, true
		c.inName[Draining] = fallback && n.up() == 0
		c.onlyFailing = p.FailOpen == FailOpenByCheck
	case n.Tiers[Good] > 0:
		c.inName[Good] = true
	case n.Tiers[Damped] > 0:
		c.inName[Damped] = true
	case fallback && n.Tiers[Draining] > 0:
		c.inName[Draining] = true
	case fallback && n.askedFor > 0:
		c.inName[Sick], c.inName[Starting], c.onlyReady = true, true, true
	case p.opensBelow() > 0 && n.failing > 0:
		c.inName[Sick], c.onlyFailing = true, true
	}
	for t := range Tier(Tiers) {
		c.inSRV[t] = c.inName[t] || p.backup(t)
	}
	return c
}

// backup reports whether SRV records list endpoints of a tier behind those of the
// Service name.
func (p *Policy) backup(t Tier) bool {
	return p.SRVTiers == SRVAll && t <= Draining && !(t == Draining && p.Fallback == FallbackNone)
}

// census counts the endpoints of each address family.
func (s *Standings) census() (all [roster.Families]Census) {
	for family := range all {
		all[family].Tiers, all[family].failing = s.Counts[family], s.Failing[family]
	}
	for w := range s.of.Ready {
		k := s.of.sixtyFour(s.policy, w)
		who := (s.Tiers[Sick][w] | s.Tiers[Starting][w]) & k.ready
		all[roster.IPv4].askedFor += bits.OnesCount64(who & k.v4)
		all[roster.IPv6].askedFor += bits.OnesCount64(who &^ k.v4)
	}
	return all
}

// choose chooses for one address family.
func (s *Standings) choose(family int, n *Census, open bool) {
	s.open[family] = open
	c := s.Choose(family, n)
	s.choices[family], s.LastRung[family], s.FailOpen[family] = c, c.onlyReady, open && n.sick(s.policy) > 0
}

// publish finds who is in the Service name, in SRV records, and has a name. Whoever is
// ready has one: the stock plugin gives it.
func (s *Standings) publish() {
	for w := range s.of.Ready {
		k := s.of.sixtyFour(s.policy, w)
		named := k.up | k.ready
		switch s.policy.PodNames {
		case NamesServing:
			named |= k.serving
		case NamesAll:
			named = k.all
		}
		for t := range s.Tiers {
			inName, inSRV := k.chosen(&s.choices, Tier(t))
			s.InSRV[t][w] = s.Tiers[t][w] & inSRV
			inName &= s.Tiers[t][w]
			s.InName[w] |= inName
			named |= inName | s.InSRV[t][w]
		}
		s.Named[w] = named
	}
}

// chosen returns those whose family has a tier in its choice.
func (k *sixtyFour) chosen(choices *[roster.Families]Choice, t Tier) (inName, inSRV uint64) {
	for family, who := range [roster.Families]uint64{k.v4, k.all &^ k.v4} {
		c := &choices[family]
		if c.onlyReady && (t == Sick || t == Starting) {
			who &= k.ready
		}
		if c.onlyFailing && t == Sick {
			who &= k.failing
		}
		if c.inName[t] {
			inName |= who
		}
		if c.inSRV[t] {
			inSRV |= who
		}
	}
	return inName, inSRV
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
func (g *guard) watch(p *Policy, n *Census, now time.Time) (next time.Time) {
	healthy, percent := n.up(), p.opensBelow()
	all := healthy + n.sick(p)
	if percent == 0 || all == 0 {
		*g = guard{}
		return next
	}
	enough := int(math.Ceil(float64(percent*all) / 100))
	change, after := healthy < enough, openAfter
	if g.open {
		change, after = healthy >= min(all, enough+all/10), closeAfter
	}
	empty := healthy == 0 && (n.Tiers[Draining] == 0 || p.Fallback == FallbackNone)
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
