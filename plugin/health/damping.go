package health

import (
	"math"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Route flap damping (RFC 2439) for endpoints, with thresholds that leave those
// alone that flap once or twice (as RFC 7196 advises), and caps of its own. A
// flap is a Pod that stops serving without being told to: an endpoint that is
// added, replaced or terminates has no penalty. Leaving DNS is never delayed.
const (
	flapPenalty    = 1000
	suppressAbove  = 2500
	reuseBelow     = 750
	forgetBelow    = 375
	longestDamping = 300 * time.Second
	// flapsApart makes what both address families report one flap.
	flapsApart = time.Second
)

// Past is what is remembered of a Pod that went down or flapped.
type Past struct {
	// WasUp tells that the Pod served before.
	WasUp bool
	// Penalty is what flaps add up to, as of At.
	Penalty float64
	At      time.Time
	// Until is when damping ends; zero where the Pod is not damped.
	Until time.Time
	// Missing is since when no slice has the Pod; zero while one has it.
	Missing time.Time
}

// ceiling returns the largest penalty: the one that decays in the longest time.
// Half-lives for which it is below the threshold of damping make no sense.
func ceiling(halfLife time.Duration) float64 {
	return reuseBelow * math.Exp2(longestDamping.Seconds()/halfLife.Seconds())
}

func decayed(penalty float64, passed, halfLife time.Duration) float64 {
	return penalty * math.Exp2(-passed.Seconds()/halfLife.Seconds())
}

// flap takes note of a flap, and returns whether it counts.
func (p *Past) flap(d Damping, now time.Time) bool {
	p.WasUp = true
	if d.Mode == DampingOff || !p.At.IsZero() && now.Sub(p.At) < flapsApart {
		return false
	}
	p.Penalty = min(decayed(p.Penalty, now.Sub(p.At), d.HalfLife)+flapPenalty, ceiling(d.HalfLife))
	p.At = now
	if p.Penalty >= suppressAbove || now.Before(p.Until) {
		lasts := time.Duration(d.HalfLife.Seconds() * math.Log2(p.Penalty/reuseBelow) * float64(time.Second))
		p.Until = now.Add(min(lasts, longestDamping))
	}
	return true
}

// forgotten tells whether the penalty does not matter any more. It does while the
// Pod is damped: the half-life may have become shorter since that began.
func (p *Past) forgotten(d Damping, now time.Time) bool {
	if p.Penalty == 0 || d.Mode == DampingOff {
		return true
	}
	return !now.Before(p.Until) && decayed(p.Penalty, now.Sub(p.At), d.HalfLife) < forgetBelow
}

// History remembers the Pods of one Service, of both address families. It holds
// only those that went down or flapped: the zero value holds none and costs
// nothing.
type History map[model.PodID]*Past

// Observe takes note of what a slice's new state says of Pods, and returns how
// many flapped. Known tells whether a Pod served in another slice, since
// endpoints move between slices. Before is nil for a new slice, and after for
// one that is gone.
func (h *History) Observe(d Damping, before, after *model.Slice, known func(model.PodID) bool, now time.Time) (flaps int) {
	if after == nil {
		return 0
	}
	old := places{slice: before}
	for i := range after.Endpoints {
		e := &after.Endpoints[i]
		was, here := old.served(i, e.ID)
		past, remembered := (*h)[e.ID]
		if e.Has(model.Serving) {
			// Only what changes here tells: another slice may be late.
			if remembered {
				past.WasUp = past.WasUp && here && was
				h.forget(e.ID, past, d, now)
			}
			continue
		}
		if e.Has(model.Terminating) || remembered && past.WasUp || here && !was || !here && !known(e.ID) {
			continue
		}
		if h.of(e.ID).flap(d, now) {
			flaps++
		}
	}
	return flaps
}

// places finds Pods in a slice, which may be nil.
type places struct {
	slice *model.Slice
	// indexes are made when a Pod has moved.
	indexes map[model.PodID]int
}

// served tells whether a Pod served in the slice, where it most often has the
// place i, and whether it was there.
func (p *places) served(i int, id model.PodID) (was, here bool) {
	if p.slice == nil {
		return false, false
	}
	if all := p.slice.Endpoints; i < len(all) && all[i].ID == id {
		return all[i].Has(model.Serving), true
	}
	i, here = p.find(id)
	return here && p.slice.Endpoints[i].Has(model.Serving), here
}

// find returns the first place of a Pod.
func (p *places) find(id model.PodID) (i int, here bool) {
	if p.indexes == nil {
		p.indexes = make(map[model.PodID]int, len(p.slice.Endpoints))
		for i, e := range slices.Backward(p.slice.Endpoints) {
			p.indexes[e.ID] = i
		}
	}
	i, here = p.indexes[id]
	return i, here
}

// of returns the past of a Pod, which it begins where there is none.
func (h *History) of(id model.PodID) *Past {
	past := (*h)[id]
	if past != nil {
		return past
	}
	if *h == nil {
		*h = make(History)
	}
	past = new(Past)
	(*h)[id] = past
	return past
}

// forget drops a past that does not matter any more.
func (h *History) forget(id model.PodID, past *Past, d Damping, now time.Time) {
	if !past.WasUp && past.forgotten(d, now) {
		delete(*h, id)
	}
}

// moveTime is how long a Pod that no slice has is remembered: an endpoint that
// moves between slices may be in none for a moment.
const moveTime = time.Second

// Prune forgets the Pods that are not present any more, and penalties that have
// decayed.
func (h History) Prune(d Damping, present func(model.PodID) bool, now time.Time) {
	for id, past := range h {
		switch {
		case present(id):
			past.Missing = time.Time{}
		case past.Missing.IsZero():
			past.Missing = now
		}
		gone := !past.Missing.IsZero() && now.Sub(past.Missing) >= moveTime
		if gone || !past.WasUp && past.forgotten(d, now) {
			delete(h, id)
		}
	}
}

// damp marks those that are damped: of those suppressed the ones with the
// largest penalties, and never more than a fifth of all that are up.
func (v *Verdict) damp(p *Policy, candidates []Candidate, now time.Time) {
	if p.Damping.Mode == DampingOff {
		return
	}
	var suppressed []int
	healthy := 0
	for i := range candidates {
		if tierOf(p, &candidates[i]) != Good {
			continue
		}
		healthy++
		if past := candidates[i].Past; past != nil && now.Before(past.Until) {
			suppressed = append(suppressed, i)
			v.expect(past.Until)
		}
	}
	// The later damping ends, the larger the penalty is by now.
	slices.SortStableFunc(suppressed, func(a, b int) int { return candidates[b].Past.Until.Compare(candidates[a].Past.Until) })
	suppressed = suppressed[:min(len(suppressed), healthy/5)]
	if p.Damping.Mode == DampingObserve {
		v.Observed = len(suppressed)
		return
	}
	for _, i := range suppressed {
		v.Tiers[i] = Damped
	}
}
