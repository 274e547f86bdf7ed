package roster

import (
	"hash/maphash"
	"math"
	"slices"
)

// label is an endpoint name and who it means. Nearly always that is one
// endpoint; those of others stand in labels.several.
type label struct {
	text string
	// at is an endpoint, or ^at the index of a list in labels.several.
	at At
}

// labels are the names of all endpoints of a Service but for dashed addresses,
// in the order of the endpoints. They are found by a hash, so that a name in a
// Service of 10,000 endpoints costs what it costs in one of 10.
type labels struct {
	all []label
	// several holds the endpoints of labels that have more than one.
	several [][]At
	// slots hold indexes of all, plus one; zero is empty. Their number is a power
	// of two, and at least an eighth of them is empty.
	slots []int32
}

// nowhere marks a label that has just been added.
const nowhere = math.MinInt32

var labelSeed = maphash.MakeSeed()

// grow makes room for n labels in an empty set of them.
func (l *labels) grow(n int) {
	if n == 0 {
		return
	}
	l.all = make([]label, 0, n)
	size := 4
	for size*7 < n*8 {
		size *= 2
	}
	l.slots = make([]int32, size)
}

// add returns the index of a label, for which there must be room.
func (l *labels) add(text string) int32 {
	slot, at := l.probe(text)
	if at == 0 {
		l.all = append(l.all, label{text: text, at: nowhere})
		at = int32(len(l.all))
		l.slots[slot] = at
	}
	return at - 1
}

// find returns the index of a label, if it is there.
func (l *labels) find(text string) (int32, bool) {
	if len(l.slots) == 0 {
		return 0, false
	}
	_, at := l.probe(text)
	return at - 1, at > 0
}

// probe returns the slot of a label, and the content of the slot.
func (l *labels) probe(text string) (slot uint64, at int32) {
	mask := uint64(len(l.slots) - 1)
	for slot = maphash.String(labelSeed, text) & mask; ; slot = (slot + 1) & mask {
		at = l.slots[slot]
		if at == 0 || l.all[at-1].text == text {
			return slot, at
		}
	}
}

// resolve makes a label mean an endpoint, too.
func (l *labels) resolve(index int32, endpoint At) {
	of := &l.all[index]
	switch {
	case of.at == nowhere:
		of.at = endpoint
	case of.at >= 0:
		l.several = append(l.several, []At{of.at, endpoint})
		of.at = ^At(len(l.several) - 1)
	default:
		l.several[^of.at] = append(l.several[^of.at], endpoint)
	}
}

// sortSeveral sorts the endpoints of labels that have several. One endpoint twice
// becomes a list of one.
func (l *labels) sortSeveral() {
	for i, of := range l.several {
		slices.Sort(of)
		l.several[i] = slices.Clip(slices.Compact(of))
	}
	l.several = slices.Clip(l.several)
}
