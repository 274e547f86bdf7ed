package records

import (
	"bytes"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// State returns how the Service stands, nil where nobody asks what was.
func (s *Set) State() *history.State {
	if s == nil || s.stood == nil {
		return nil
	}
	return &s.stood.State
}

// explained returns the lines of the explanation.
func (s *Set) explained() []string {
	if s.stood == nil || s.stood.explanation == nil {
		return nil
	}
	return *s.stood.explanation
}

// marks is memory for the marks of endpoints.
var marks = sync.Pool{New: func() any { return new([]byte) }}

// stand notes how the endpoints stand. What is served before says since when.
func (s *Set) stand(st *health.Standings, c *roster.Current, o *Options, m *Memory, now time.Time) {
	if !o.History && !o.Explain && !o.Look {
		return
	}
	buffer := marks.Get().(*[]byte)
	defer marks.Put(buffer)
	*buffer = st.AppendMarks((*buffer)[:0])
	s.stood = &stood{State: history.State{Roster: s.roster, Marks: string(*buffer), About: o.About}}
	if !s.Waits() {
		s.stood.Rules = st.Rules()
	}
	if o.Explain || o.Look {
		s.stood.date(o.Before.stoodBefore(), m.Began, now)
	}
	if o.Look {
		s.stood.found = o.Found
	}
	if o.Look || o.History {
		s.stood.noteDamped(st, c, m)
	}
}

// noteDamped notes until when endpoints are damped.
func (n *stood) noteDamped(st *health.Standings, c *roster.Current, m *Memory) {
	for at := range st.Tiers[health.Damped].Each {
		if n.Until == nil {
			n.Until = make(map[roster.At]time.Time)
		}
		past, _ := m.health.Past(c.Endpoint(at).ID)
		n.Until[at] = past.Until
	}
}

// standEmpty notes whether the name exists though nobody is in it.
func (s *Set) standEmpty() {
	if s.stood == nil || s.name[roster.IPv4].Len()+s.name[roster.IPv6].Len() > 0 || s.Len() == 0 && !s.Declared().declaresAtName() {
		return
	}
	for family, rule := range s.stood.Rules {
		s.stood.Rules[family] = rule.Existing()
	}
}

// standAlone notes that a Service without endpoints of its own is there.
func (s *Set) standAlone(o *Options) {
	if o.History || o.Look {
		s.stood = &stood{State: history.State{Roster: &nobody, About: o.About}}
	}
}

func (s *Set) stoodBefore() *stood {
	if s == nil || s.stood == nil || s.stood.dates == "" {
		return nil
	}
	return s.stood
}

// date finds since when endpoints are in their tiers. Where nothing was served before, and
// the process has only begun to watch, they may have been for longer.
func (n *stood) date(before *stood, began, now time.Time) {
	fresh := datedAt(now)
	if before == nil && !began.IsZero() {
		fresh = datedAt(began) | forLonger
	}
	since := slices.Repeat([]dated{fresh}, len(n.Marks))
	if before != nil {
		for at, was := range samePlaces(n.Roster, before.Roster) {
			if health.Mark(n.Marks[at]).Tier() == health.Mark(before.Marks[was]).Tier() {
				since[at] = before.since(was)
			}
		}
	}
	n.dates = pack(since)
}

// samePlaces yields the places of endpoints that two Rosters have, with the same address,
// name and Pod.
func samePlaces(r, o *roster.Roster) func(yield func(at, was roster.At) bool) {
	return func(yield func(at, was roster.At) bool) {
		var ours, theirs roster.Called
		ours.Take(r)
		theirs.Take(o)
		firsts := [roster.Families][2]int{{}, {r.Split(), o.Split()}}
		for family, width := range [roster.Families]int{4, 16} {
			at, was := firsts[family][0], firsts[family][1]
			for a, b := r.Packed(family), o.Packed(family); len(a) > 0 && len(b) > 0; {
				order := 0
				if r != o {
					order = roster.Compare(a[:width], b[:width])
				}
				if order == 0 && (r == o || ours.Same(roster.At(at), &theirs, roster.At(was), 1) == 1) && !yield(roster.At(at), roster.At(was)) {
					return
				}
				if order <= 0 {
					a, at = a[width:], at+1
				}
				if order >= 0 {
					b, was = b[width:], was+1
				}
			}
		}
	}
}

// equalStood reports whether the endpoints of two Sets stand the same.
func (s *Set) equalStood(o *Set) bool {
	a, b := s.stood, o.stood
	if a == nil || b == nil {
		return a == b
	}
	return a.Marks == b.Marks && a.Rules == b.Rules && a.About == b.About && a.dates == b.dates &&
		a.found == b.found && maps.Equal(a.Until, b.Until) && sameRosters(a.Roster, b.Roster)
}

// sameRosters reports whether two Rosters have the same endpoints.
func sameRosters(r, o *roster.Roster) bool {
	if r == o || r.Len() != o.Len() || !bytes.Equal(r.Packed(roster.IPv4), o.Packed(roster.IPv4)) || !bytes.Equal(r.Packed(roster.IPv6), o.Packed(roster.IPv6)) {
		return r == o
	}
	var ours, theirs roster.Called
	ours.Take(r)
	theirs.Take(o)
	return ours.Same(0, &theirs, 0, r.Len()) == r.Len()
}
