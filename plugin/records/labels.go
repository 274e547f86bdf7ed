package records

import (
	"hash/maphash"
	"math"
	"slices"
)

// label is an endpoint name and what it resolves to. Nearly always that is one
// endpoint; those of others stand in labels.several.
type label struct {
	text string
	// at is the index of an endpoint, or ^at that of a list in labels.several.
	at int32
}

// labels are the names of all endpoints of a Service, published or not, in the
// order of the endpoints. They are found by a hash, so that a name in a Service
// of 10,000 endpoints costs what it costs in one of 10. Sets share them.
type labels struct {
	all []label
	// several holds the indexes of endpoints of labels that have more than one.
	several [][]int32
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

// probe returns the slot of a label, and what is in it.
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
func (l *labels) resolve(at, endpoint int32) {
	of := &l.all[at]
	switch {
	case of.at == nowhere:
		of.at = endpoint
	case of.at >= 0:
		l.several = append(l.several, []int32{of.at, endpoint})
		of.at = ^int32(len(l.several) - 1)
	default:
		l.several[^of.at] = append(l.several[^of.at], endpoint)
	}
}

// sortSeveral sorts the endpoints of labels that have several. What was one
// endpoint twice is a list of one.
func (l *labels) sortSeveral() {
	for i, of := range l.several {
		slices.Sort(of)
		l.several[i] = slices.Clip(slices.Compact(of))
	}
	l.several = slices.Clip(l.several)
}
