package roster

import "math/bits"

// Bits is a set of places in a Roster, a bit each. Nil is the empty set. All
// others of one Roster have the same length.
type Bits []uint64

// NewBits returns an empty set with room for n places.
func NewBits(n int) Bits { return make(Bits, (n+63)/64) }

// Reset returns an empty set with room for n places, in the memory of b where
// that suffices.
func (b Bits) Reset(n int) Bits {
	words := (n + 63) / 64
	if cap(b) < words {
		return make(Bits, words)
	}
	b = b[:words]
	clear(b)
	return b
}

// Has reports whether a place is in the set.
func (b Bits) Has(at At) bool { return b != nil && b[at/64]&(1<<(at%64)) != 0 }

// Add puts a place into the set.
func (b Bits) Add(at At) { b[at/64] |= 1 << (at % 64) }

// Remove takes a place out of the set.
func (b Bits) Remove(at At) { b[at/64] &^= 1 << (at % 64) }

// Put adds or removes a place.
func (b Bits) Put(at At, in bool) {
	if in {
		b.Add(at)
	} else {
		b.Remove(at)
	}
}

// Count returns how many places are in the set.
func (b Bits) Count() (n int) {
	for _, word := range b {
		n += bits.OnesCount64(word)
	}
	return n
}

// Each yields the places in the set, in their order.
func (b Bits) Each(yield func(At) bool) {
	for w, word := range b {
		for ; word != 0; word &= word - 1 {
			if !yield(At(64*w + bits.TrailingZeros64(word))) {
				return
			}
		}
	}
}

// Below returns the bits of word w that stand for places below n.
func Below(w, n int) uint64 {
	switch left := n - 64*w; {
	case left <= 0:
		return 0
	case left >= 64:
		return ^uint64(0)
	default:
		return 1<<left - 1
	}
}
