// Package health is the policy: which endpoints of a Service are published. It
// is pure: what it must remember is handed in and out, and so is the clock.
package health

import (
	"math"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Tier is how good an endpoint is, the best first.
type Tier uint8

// The tiers. "Up" means ready, or, with ByServing, serving and not terminating.
const (
	// Good is up.
	Good Tier = iota
	// Damped is up, and was not too often of late.
	Damped
	// Draining serves while it terminates, or is taken out by name.
	Draining
	// Sick is not up, and served before, in the same Pod, or still does.
	Sick
	// Starting is not up, and never served.
	Starting
	// Dying terminates and does not serve any more.
	Dying
	// Tiers is how many there are.
	Tiers = int(Dying) + 1
)

// String returns the tier as it stands in metrics and explanations.
func (t Tier) String() string {
	return [...]string{"good", "damped", "draining", "sick", "starting", "dying"}[t]
}

// Candidate is an endpoint as the policy sees it.
type Candidate struct {
	model.Conditions
	// TakenOut tells that the Service names it as one to drain.
	TakenOut bool
	// Past is what is remembered of its Pod, nil where that is nothing. See
	// Policy.Recalls.
	Past *Past
}

// Guard is what fail open remembers of the endpoints of one address family. The
// zero value is the beginning.
type Guard struct {
	// Open tells that sick endpoints are published.
	Open bool
	// Since is when the condition for the opposite began to hold; zero where it
	// does not.
	Since time.Time
}

// Verdict is what Decide says of endpoints of one address family.
type Verdict struct {
	// Tiers has the tier of each candidate, and Counts how many are in which.
	Tiers  []Tier
	Counts [Tiers]int
	// FailOpen tells that sick endpoints are published because too few are not.
	FailOpen bool
	// Observed counts the endpoints that damping would have demoted, were it not
	// only to observe.
	Observed int
	// Next is when the verdict changes by itself; zero is never.
	Next time.Time

	names     PodNames
	published [Tiers]bool
	policy    *Policy
}

// Decide says which endpoints of one address family are published.
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
func Decide(p *Policy, guard Guard, candidates []Candidate, now time.Time) (Verdict, Guard) {
	v := Verdict{Tiers: make([]Tier, len(candidates)), policy: p, names: p.PodNames}
	v.damp(p, candidates, now)
	for i := range candidates {
		if v.Tiers[i] != Damped {
			v.Tiers[i] = tierOf(p, &candidates[i])
		}
		v.Counts[v.Tiers[i]]++
	}
	guard = v.guard(p, guard, now)
	v.choose(p, guard)
	return v, guard
}

// up tells whether clients are to use the endpoint, as far as its conditions go.
func up(p *Policy, c model.Conditions) bool {
	if p.Publish == ByServing {
		return c.Has(model.Serving) && !c.Has(model.Terminating)
	}
	return c.Has(model.Ready)
}

// Recalls tells whether the past of an endpoint in a condition can make a
// difference.
func (p *Policy) Recalls(c model.Conditions) bool { return p.Damping.Mode != DampingOff || !up(p, c) }

// tierOf knows nothing of damping.
func tierOf(p *Policy, c *Candidate) Tier {
	switch {
	case up(p, c.Conditions) && !c.TakenOut:
		return Good
	case up(p, c.Conditions), c.Has(model.Serving | model.Terminating):
		return Draining
	case c.Has(model.Terminating):
		return Dying
	case c.TakenOut:
		return Starting // Fail open must not bring it back.
	case c.Past != nil && c.Past.WasUp, c.Has(model.Serving):
		return Sick
	}
	return Starting
}

// choose picks the tiers of the Service name.
func (v *Verdict) choose(p *Policy, guard Guard) {
	v.FailOpen = guard.Open && v.Counts[Sick] > 0
	switch {
	case v.FailOpen:
		v.published[Good], v.published[Damped], v.published[Sick] = true, true, true
		v.published[Draining] = p.Fallback == FallbackDraining && v.Counts[Good]+v.Counts[Damped] == 0
	case v.Counts[Good] > 0:
		v.published[Good] = true
	case v.Counts[Damped] > 0:
		v.published[Damped] = true
	case p.Fallback == FallbackDraining:
		v.published[Draining] = true
	}
}

// Published tells whether the Service name has endpoints of a tier.
func (v *Verdict) Published(t Tier) bool { return v.published[t] }

// Backup tells whether SRV records list endpoints of a tier behind those of the
// Service name.
func (v *Verdict) Backup(t Tier) bool {
	return v.policy.SRVTiers == SRVAll && t <= Draining && !(t == Draining && v.policy.Fallback == FallbackNone)
}

// Named tells whether an endpoint of a tier, in a condition, has a name of its
// own. What the Service name or an SRV record shows has one in any case.
func (v *Verdict) Named(tier Tier, c model.Conditions) bool {
	switch {
	case v.Published(tier), v.Backup(tier), v.names == NamesAll, up(v.policy, c):
		return true
	}
	return v.names == NamesServing && c.Has(model.Serving)
}

// How long the condition must hold for fail open to begin and to end.
const (
	openAfter  = 2 * time.Second
	closeAfter = 10 * time.Second
)

// guard opens when the share of those that are up, among those that have been,
// is below the threshold, and closes when it is a tenth above. It takes its
// time for both, unless the name would be empty meanwhile. Endpoints that have
// never been up do not count: scaling up is no alarm.
func (v *Verdict) guard(p *Policy, g Guard, now time.Time) Guard {
	healthy := v.Counts[Good] + v.Counts[Damped]
	all := healthy + v.Counts[Sick]
	if p.FailOpen == 0 || all == 0 {
		return Guard{}
	}
	enough := int(math.Ceil(float64(p.FailOpen*all) / 100))
	change, after := healthy < enough, openAfter
	if g.Open {
		change, after = healthy >= min(all, enough+all/10), closeAfter
	}
	empty := healthy == 0 && (v.Counts[Draining] == 0 || p.Fallback == FallbackNone)
	switch {
	case !change:
		return Guard{Open: g.Open}
	case g.Since.IsZero():
		g.Since = now
	}
	if due := g.Since.Add(after); now.Before(due) && !(empty && !g.Open) {
		v.expect(due)
		return g
	}
	return Guard{Open: !g.Open}
}

// expect notes when the verdict changes by itself.
func (v *Verdict) expect(at time.Time) {
	if v.Next.IsZero() || at.Before(v.Next) {
		v.Next = at
	}
}
