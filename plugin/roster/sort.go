package roster

import "slices"

// fewKeys is below what counting digits pays for.
const fewKeys = 64

// sorter sorts in memory that it keeps.
type sorter struct {
	keys        []ringKey
	order, swap []int32
}

// sort returns the indexes of the keys in the order of the keys, and of the
// indexes where keys are equal. It is a radix sort over those bytes in which any
// two keys differ: of IPv4 addresses, these are four, and comparing 10,000 of them
// would take five times as long.
func (s *sorter) sort() []int32 {
	n := len(s.keys)
	s.order = slices.Grow(s.order[:0], n)[:n]
	for i := range s.order {
		s.order[i] = int32(i)
	}
	if n < fewKeys {
		slices.SortStableFunc(s.order, func(a, b int32) int { return s.keys[a].compare(s.keys[b]) })
		return s.order
	}
	s.swap = slices.Grow(s.swap[:0], n)[:n]
	var differ ringKey
	for _, k := range s.keys {
		differ.high |= k.high ^ s.keys[0].high
		differ.low |= k.low ^ s.keys[0].low
	}
	for at := range 16 {
		if differ.digit(at) != 0 {
			s.pass(at)
		}
	}
	return s.order
}

// pass sorts by one digit, and leaves the order of those with the same digit.
func (s *sorter) pass(at int) {
	var next [256]int32
	for _, k := range s.keys {
		next[k.digit(at)]++
	}
	sum := int32(0)
	for d, count := range next {
		next[d] = sum
		sum += count
	}
	for _, i := range s.order {
		d := s.keys[i].digit(at)
		s.swap[next[d]] = i
		next[d]++
	}
	s.order, s.swap = s.swap, s.order
}
