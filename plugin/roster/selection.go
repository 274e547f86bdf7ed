package roster

import (
	"math/bits"
	"slices"
	"sort"
)

// A Selection is some of a Roster, in its order: those with a name, those that the
// Service name has, those who offer a port. It is immutable. The zero value is
// nobody. A range of places takes no memory besides.
type Selection struct {
	// first is where the range begins or, in a subset, how many of that come
	// before.
	first, n int32
	of       *subset
}

// subset holds places as bits, with the number of those before each word, or as
// a list, where a bit for everybody would be a waste.
type subset struct {
	bits Bits
	rank []int32
	list []At
}

// Range selects n places from first on.
func Range(first, n int) Selection { return Selection{first: int32(first), n: int32(n)} }

// List selects the places of a sorted list, which it takes over.
func List(list []At) Selection {
	if len(list) == 0 {
		return Selection{}
	}
	return Selection{n: int32(len(list)), of: &subset{list: list}}
}

// Lists selects from a list, which it takes over, the places up to each end from the end
// before on: each of these parts is sorted, and the list need not be.
func Lists(list []At, ends []int32) []Selection {
	parts, of, first := make([]Selection, len(ends)), &subset{list: list}, int32(0)
	for i, end := range ends {
		if end > first {
			parts[i] = Selection{first: first, n: end - first, of: of}
		}
		first = end
	}
	return parts
}

// Select selects the places of a set, which it copies, of a Roster of that
// length. Nearly always that is everybody.
func Select(b Bits, length int) Selection {
	n := b.Count()
	if n == 0 || n == length {
		return Range(0, n)
	}
	of := &subset{bits: slices.Clone(b), rank: make([]int32, len(b))}
	sum := int32(0)
	for w, word := range b {
		of.rank[w] = sum
		sum += int32(bits.OnesCount64(word))
	}
	return Selection{n: sum, of: of}
}

// Split parts the Selection into the places below n and the others.
func (s Selection) Split(n int) (front, back Selection) {
	at := s.rankOf(At(n))
	return Selection{s.first, at, s.of}, Selection{s.first + at, s.n - at, s.of}
}

// Len returns how many are selected.
func (s Selection) Len() int { return int(s.n) }

// At returns the place of the i-th one, from 0 to Len()-1.
func (s Selection) At(i int32) At {
	if s.of == nil {
		return At(s.first + i)
	}
	return s.of.at(s.first + i)
}

// Has reports whether a place is selected.
func (s Selection) Has(at At) bool {
	i, found := int32(at), true
	switch {
	case s.of == nil:
	case s.of.bits != nil:
		if found = s.of.bits.Has(at); found {
			i = s.of.rankOf(at)
		}
	default:
		_, found = slices.BinarySearch(s.listed(), at)
		return found
	}
	return found && i >= s.first && i < s.first+s.n
}

// Equal reports whether two Selections of one Roster select the same.
func (s Selection) Equal(o Selection) bool {
	if s == o || s.n == 0 && o.n == 0 {
		return true
	}
	if s.n != o.n || s.At(0) != o.At(0) || s.At(s.n-1) != o.At(o.n-1) {
		return false
	}
	if s.of != nil && o.of != nil && s.first == o.first && s.of.bits != nil && o.of.bits != nil && slices.Equal(s.of.bits, o.of.bits) {
		return true
	}
	for i := int32(1); i < s.n-1; i++ {
		if s.At(i) != o.At(i) {
			return false
		}
	}
	return true
}

// rankOf returns how many are selected below a place.
func (s Selection) rankOf(at At) int32 {
	if s.of != nil && s.of.bits == nil {
		i, _ := slices.BinarySearch(s.listed(), at)
		return int32(i)
	}
	i := int32(at)
	if s.of != nil {
		i = s.of.rankOf(at)
	}
	return min(max(i-s.first, 0), s.n)
}

// listed returns the places of a Selection of a list.
func (s Selection) listed() []At { return s.of.list[s.first : s.first+s.n] }

// rankOf returns how many of the subset, which has bits, are below a place.
func (o *subset) rankOf(at At) int32 {
	w := int(at / 64)
	if w >= len(o.bits) {
		return o.rank[len(o.rank)-1] + int32(bits.OnesCount64(o.bits[len(o.bits)-1]))
	}
	return o.rank[w] + int32(bits.OnesCount64(o.bits[w]&(1<<(at%64)-1)))
}

// at returns the place of the i-th one.
func (o *subset) at(i int32) At {
	if o.bits == nil {
		return o.list[i]
	}
	w := sort.Search(len(o.rank), func(w int) bool { return o.rank[w] > i }) - 1
	return At(64*w + nth(o.bits[w], int(i-o.rank[w])))
}

// nth returns where the n-th bit of a word stands, counted from 0.
func nth(word uint64, n int) int {
	at := 0
	for half := 32; half >= 1; half /= 2 {
		if low := bits.OnesCount64(word & (1<<half - 1)); n >= low {
			n -= low
			word >>= half
			at += half
		} else {
			word &= 1<<half - 1
		}
	}
	return at
}
