package health

import (
	"maps"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// Memory is what the decisions about one Service leave behind for the next ones. It
// holds only Pods that went down or flapped: the zero value is the beginning, and
// costs nothing. It must not be used for two Services, nor at once.
type Memory struct {
	pasts  map[model.PodID]*Past
	guards [roster.Families]guard
	// wasUp are the endpoints of the Roster in of whose Pods served before, but for
	// the Pods in touched.
	wasUp   roster.Bits
	of      *roster.Roster
	touched map[model.PodID]struct{}
}

// Empty reports whether nothing is remembered: the zero value does as well.
func (m *Memory) Empty() bool { return len(m.pasts) == 0 && m.guards == [roster.Families]guard{} }

// Past returns the past of a Pod, and whether there is any.
func (m *Memory) Past(id model.PodID) (Past, bool) {
	if past := m.pasts[id]; past != nil {
		return *past, true
	}
	return Past{}, false
}

// Wishes are what a Service wants of its endpoints. The zero value is nothing.
type Wishes struct {
	// TakenOut are the endpoints that it names as ones to drain. It may be nil.
	TakenOut roster.Bits
	// PublishNotReady asks to disregard any indication that endpoints are not ready
	// (Service.spec.publishNotReadyAddresses).
	PublishNotReady bool
}

// Decide says who is published, into s, whose memory it uses. It returns when the
// standings change by themselves; zero is never.
//
// Each address family is decided by itself, by the table of Choose.
func (m *Memory) Decide(s *Standings, p *Policy, c *roster.Current, wishes Wishes, now time.Time) (next time.Time) {
	moved := m.of != c.Roster
	m.recall(c)
	s.reset(p, candidates{
		Conditions: c.Conditions, takenOut: wishes.TakenOut, wasUp: m.wasUp, notReadyToo: wishes.PublishNotReady,
		split: c.Split(), n: c.Len(),
	})
	s.rank()
	next = m.damp(s, p, c, now)
	census := s.census()
	for family := range roster.Families {
		next = earlier(next, m.guards[family].watch(p, &census[family], now))
		s.choose(family, &census[family], m.guards[family].open)
	}
	s.publish()
	if moved {
		m.prune(p.Damping, c, now)
	}
	return next
}

// recall brings wasUp up to date: for all Pods with a past where the Roster is
// another one, else for those whose past has changed.
func (m *Memory) recall(c *roster.Current) {
	if len(m.pasts) == 0 && len(m.touched) == 0 {
		m.wasUp, m.of, m.touched = nil, nil, nil
		return
	}
	if m.of != c.Roster {
		m.of, m.wasUp = c.Roster, m.wasUp.Reset(c.Len())
		for id := range m.pasts {
			m.recallPod(c, id)
		}
	}
	for id := range m.touched {
		m.recallPod(c, id)
	}
	clear(m.touched)
}

func (m *Memory) recallPod(c *roster.Current, id model.PodID) {
	past := m.pasts[id]
	for at := range c.Pod(id) {
		m.wasUp.Put(at, past != nil && past.WasUp)
	}
}

// touch notes that the past of a Pod has changed.
func (m *Memory) touch(id model.PodID) {
	if m.touched == nil {
		m.touched = make(map[model.PodID]struct{})
	}
	m.touched[id] = struct{}{}
}

// damp demotes endpoints whose Pods have flapped too often, and returns when the
// first of them is free again; zero is never.
func (m *Memory) damp(s *Standings, p *Policy, c *roster.Current, now time.Time) (next time.Time) {
	if p.Damping.Mode == DampingOff {
		return next
	}
	var all [roster.Families][]suppressed
	for id, past := range m.pasts {
		if !now.Before(past.Until) {
			continue
		}
		for at := range c.Pod(id) {
			if !s.Tiers[Good].Has(at) {
				continue
			}
			family := c.Family(at)
			all[family] = append(all[family], suppressed{at, past.Until})
			next = earlier(next, past.Until)
		}
	}
	for family := range all {
		s.damp(p.Damping.Mode, family, all[family])
	}
	return next
}

// moveTime is how long a Pod that no slice has is remembered: an endpoint that
// moves between slices may be in none for a moment.
const moveTime = time.Second

// prune forgets the Pods that are not in the Roster any more, and penalties that
// have decayed.
func (m *Memory) prune(d Damping, c *roster.Current, now time.Time) {
	m.forgetGone(d, func(id model.PodID) bool {
		for range c.Pod(id) {
			return true
		}
		return false
	}, now)
}

func (m *Memory) forgetGone(d Damping, present func(model.PodID) bool, now time.Time) {
	maps.DeleteFunc(m.pasts, func(id model.PodID, past *Past) bool {
		switch {
		case present(id):
			past.missing = time.Time{}
		case past.missing.IsZero():
			past.missing = now
		}
		gone := !past.missing.IsZero() && now.Sub(past.missing) >= moveTime
		return gone || !past.WasUp && past.forgotten(d, now)
	})
}

// earlier returns the earlier of two times, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
