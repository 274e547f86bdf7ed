package health

import (
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Transition is a change of a slice, and when it came. Before is nil for a new
// slice, and After for one that is gone.
type Transition struct {
	Before, After *model.Slice
	At            time.Time
}

// Observe takes note of changes, in their order, and returns how many Pods
// flapped. All are the slices as they are now.
func (m *Memory) Observe(d Damping, changes []Transition, all []*model.Slice) (flaps int) {
	var serving map[model.PodID]struct{}
	known := func(id model.PodID) bool {
		if serving == nil {
			serving = servingPods(changes, all)
		}
		_, ok := serving[id]
		return ok
	}
	for _, c := range changes {
		flaps += m.observe(d, c, known)
	}
	return flaps
}

// observe takes note of what a slice's new state says of Pods, and returns how many
// flapped. Known reports whether a Pod served in another slice, since endpoints move
// between slices.
func (m *Memory) observe(d Damping, c Transition, known func(model.PodID) bool) (flaps int) {
	if c.After == nil {
		return 0
	}
	old := lastState{slice: c.Before}
	for i := range c.After.Endpoints {
		e := &c.After.Endpoints[i]
		was, here := old.served(i, e.ID)
		past, remembered := m.pasts[e.ID]
		if e.Has(model.Serving) {
			// Only what changes here tells: another slice may be late.
			if remembered {
				past.WasUp = past.WasUp && here && was
				m.forget(e.ID, past, d, c.At)
			}
			continue
		}
		if e.Has(model.Terminating) || remembered && past.WasUp || here && !was || !here && !known(e.ID) {
			continue
		}
		if m.past(e.ID).flap(d, c.At) {
			flaps++
		}
	}
	return flaps
}

// Fail takes note of an endpoint whose check passed and fails now, and returns whether that
// is a flap. Whether its Pod was up is not remembered for that: the check says it.
func (m *Memory) Fail(d Damping, e *model.Endpoint, now time.Time) (flapped bool) {
	return d.Mode != DampingOff && !e.Has(model.Terminating) && m.past(e.ID).penalize(d, now)
}

// lastState finds Pods in the state of a slice before, which may be nil.
type lastState struct {
	slice *model.Slice
	// indexes are made when a Pod has moved.
	indexes map[model.PodID]int
}

// served reports whether a Pod served in the slice, where it most often has the
// place i, and whether it was there.
func (l *lastState) served(i int, id model.PodID) (was, here bool) {
	if l.slice == nil {
		return false, false
	}
	if all := l.slice.Endpoints; i < len(all) && all[i].ID == id {
		return all[i].Has(model.Serving), true
	}
	i, here = l.find(id)
	return here && l.slice.Endpoints[i].Has(model.Serving), here
}

// find returns the first place of a Pod.
func (l *lastState) find(id model.PodID) (i int, here bool) {
	if l.indexes == nil {
		l.indexes = make(map[model.PodID]int, len(l.slice.Endpoints))
		for i, e := range slices.Backward(l.slice.Endpoints) {
			l.indexes[e.ID] = i
		}
	}
	i, here = l.indexes[id]
	return i, here
}

// past returns the past of a Pod, which it begins where there is none.
func (m *Memory) past(id model.PodID) *Past {
	m.touch(id)
	past := m.pasts[id]
	if past != nil {
		return past
	}
	if m.pasts == nil {
		m.pasts = make(map[model.PodID]*Past)
	}
	past = new(Past)
	m.pasts[id] = past
	return past
}

// forget drops a past that does not matter any more.
func (m *Memory) forget(id model.PodID, past *Past, d Damping, now time.Time) {
	m.touch(id)
	if !past.WasUp && past.forgotten(d, now) {
		delete(m.pasts, id)
	}
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
