package engine

import (
	"cmp"
	"math/bits"
	"slices"
	"time"
)

// tick is how exactly the engine knows the time.
const tick = 100 * time.Millisecond

// slots is how many ticks the wheel takes for one turn. What is due later than that stays in
// its slot for more turns.
const slots = 1024

// wheel has the tasks that are not due. To put one in or take one out costs the same however
// many there are.
type wheel struct {
	slot [slots]list
	// filled has a bit for each slot that has tasks.
	filled [slots / 64]uint64
	count  int
	// now is the tick up to which tasks have been given out.
	now int64
}

// put adds a task that is given out at a time, at the next tick at the earliest.
func (w *wheel) put(t *task, at time.Duration) {
	t.turn = max(int64((at+tick-1)/tick), w.now+1)
	t.place = onWheel
	i := t.turn % slots
	w.slot[i].push(t)
	w.filled[i/64] |= 1 << (i % 64)
	w.count++
}

func (w *wheel) remove(t *task) {
	i := t.turn % slots
	w.slot[i].remove(t)
	if w.slot[i].first == nil {
		w.filled[i/64] &^= 1 << (i % 64)
	}
	t.place = nowhere
	w.count--
}

// advance moves on to a tick. It takes out the tasks up to there and appends them to due, in
// the order in which they are.
func (w *wheel) advance(to int64, due []*task) []*task {
	from := max(w.now+1, to-slots+1)
	if w.count == 0 {
		from = to + 1
	}
	old := len(due)
	for at := from; at <= to; at++ {
		for t := w.slot[at%slots].first; t != nil; {
			next := t.after
			if t.turn <= to {
				w.remove(t)
				due = append(due, t)
			}
			t = next
		}
	}
	w.now = max(w.now, to)
	slices.SortFunc(due[old:], inTurn)
	return due
}

// inTurn orders what the wheel gives out.
func inTurn(a, b *task) int {
	return cmp.Or(cmp.Compare(a.turn, b.turn), cmp.Compare(a.due, b.due), cmp.Compare(a.phase, b.phase))
}

// next returns the first tick at which there may be something to give out, and false where
// the wheel is empty.
func (w *wheel) next() (at int64, some bool) {
	if w.count == 0 {
		return 0, false
	}
	at = w.now + 1
	for left := slots; left > 0; {
		i := at % slots
		word := w.filled[i/64] >> (i % 64)
		if word != 0 {
			return at + int64(bits.TrailingZeros64(word)), true
		}
		skipped := 64 - i%64
		at, left = at+skipped, left-int(skipped)
	}
	return 0, false
}
