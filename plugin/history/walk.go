package history

import (
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// walk is a state on the way back from now.
type walk struct {
	served bool
	rules  [roster.Families]health.Rule
	about  string
	// who has everybody that was met, each once, and ids finds them. order and marks have
	// those of the state, by place.
	who   []Endpoint
	ids   map[Endpoint]int32
	order []int32
	marks []byte
	// until has when damping ends, by id, in milliseconds since 1970, where that is known.
	until map[int32]int64
	// carried is how many the name has, and tiers has how many are in each.
	carried int
	tiers   Tally
	moves   []move
}

// newWalk begins at a state, which may be nil.
func newWalk(s *State) *walk {
	w := &walk{served: s != nil, ids: make(map[Endpoint]int32), until: make(map[int32]int64)}
	if s == nil {
		return w
	}
	w.rules, w.about, w.marks = s.Rules, s.About[:min(len(s.About), MaxAbout)], []byte(s.Marks)
	n := s.Roster.Len()
	w.who, w.order = make([]Endpoint, 0, n), make([]int32, n)
	var called roster.Called
	called.Take(s.Roster)
	for at := range n {
		name, pod := called.Names(roster.At(at))
		w.order[at] = w.id(Endpoint{name, pod, s.Roster.Address(roster.At(at))})
		if until, damped := s.Until[roster.At(at)]; damped {
			w.until[w.order[at]] = until.UnixMilli()
		}
	}
	w.count()
	return w
}

// id returns the number of an endpoint, its index in who.
func (w *walk) id(e Endpoint) int32 {
	id, known := w.ids[e]
	if !known {
		id = int32(len(w.who))
		w.who = append(w.who, e)
		w.ids[e] = id
	}
	return id
}

// inName reports whether the name has an endpoint that is marked so.
func (w *walk) inName(id int32, m health.Mark) bool {
	return w.rules[familyOf(w.who[id].Address)].Has(m)
}

// count counts who is in the name, and in which tier.
func (w *walk) count() {
	w.carried, w.tiers = 0, Tally{}
	for at, id := range w.order {
		w.tally(id, health.Mark(w.marks[at]), +1)
	}
}

func (w *walk) tally(id int32, m health.Mark, by int) {
	w.tiers[familyOf(w.who[id].Address)][m.Tier()] += by
	if w.inName(id, m) {
		w.carried += by
	}
}

// turn is how one endpoint stood before and after an entry.
type turn struct {
	id            int32
	kind          moveKind
	before, after health.Mark
	// until is when its damping ends after the entry, in milliseconds since 1970; 0 is not
	// known.
	until int64
}

// damp notes when the damping of an endpoint ends before an entry at a time, and returns when
// it does after that.
func (w *walk) damp(id int32, m *move, wall int64) (after int64) {
	after = w.until[id]
	if m.damped > 0 {
		w.until[id] = wall + m.damped - 1
	} else if after != 0 {
		delete(w.until, id)
	}
	return after
}

// undo goes back over an entry at a time, in milliseconds since 1970, and appends to turns who stood otherwise: those who changed,
// those who arrived from the last on, and those who left.
func (w *walk) undo(e *entry, wall int64, turns []turn) ([]turn, error) {
	from := len(turns)
	w.moves = w.moves[:0]
	r, at := reader{left: e.moves}, cursor{}
	for range e.n {
		w.moves = append(w.moves, r.move(&at))
	}
	if r.err != nil {
		return turns, r.err
	}
	for i := range w.moves {
		m := &w.moves[i]
		if m.kind != left && m.index >= len(w.order) {
			return turns, errDamaged
		}
		if m.kind == changed {
			id := w.order[m.index]
			turns = append(turns, turn{id, changed, m.mark, health.Mark(w.marks[m.index]), w.damp(id, m, wall)})
			w.marks[m.index] = byte(m.mark)
		}
	}
	for _, m := range slices.Backward(w.moves) {
		if m.kind != arrived {
			continue
		}
		if m.index >= len(w.order) {
			return turns, errDamaged
		}
		id := w.order[m.index]
		turns = append(turns, turn{id: id, kind: arrived, after: health.Mark(w.marks[m.index]), until: w.damp(id, &m, wall)})
		w.order, w.marks = slices.Delete(w.order, m.index, m.index+1), slices.Delete(w.marks, m.index, m.index+1)
	}
	for i := range w.moves {
		m := &w.moves[i]
		if m.kind != left {
			continue
		}
		if m.index > len(w.order) {
			return turns, errDamaged
		}
		id := w.id(m.who())
		turns = append(turns, turn{id: id, kind: left, before: m.mark})
		w.damp(id, m, wall)
		w.order, w.marks = slices.Insert(w.order, m.index, id), slices.Insert(w.marks, m.index, byte(m.mark))
	}
	w.settle(e, turns[from:])
	return turns, nil
}

// settle goes back over what is not of one endpoint, and brings the count up to date.
func (w *walk) settle(e *entry, turns []turn) {
	if e.has(turnsServed) {
		w.served = !w.served
	}
	if e.has(hasAbout) {
		w.about = string(e.about)
	}
	if e.has(hasRules) {
		w.rules = e.rules
		w.count()
		return
	}
	for _, t := range turns {
		if t.kind != left {
			w.tally(t.id, t.after, -1)
		}
		if t.kind != arrived {
			w.tally(t.id, t.before, +1)
		}
	}
}
