package records

import (
	"hash/maphash"
	"math"
	"slices"
)

// label is an endpoint name and what it resolves to. Nearly always that is one
// address; the addresses of others stand in Set.several.
type label struct {
	text string
	// at is the index of an address, or ^at that of a list in Set.several.
	at int32
}

// labels are the endpoint names of a Set, in the order of their first
// addresses. They are found by a hash, so that a name in a Service of 10,000
// endpoints costs what it costs in one of 10.
type labels struct {
	all []label
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

// equal tells whether the same labels resolve to the same.
func (l *labels) equal(o *labels) bool { return slices.Equal(l.all, o.all) }
