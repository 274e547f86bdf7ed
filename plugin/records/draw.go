package records

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// A drawer draws k of n numbers, each ordered choice equally likely. It keeps
// its memory between draws, but nothing of what it drew.
type drawer struct {
	rand *rand.Rand
	// order and seen are empty between draws.
	order []int32
	seen  bitset
	// drawn has the SRV records to be of one answer.
	drawn []drawn
	// ends holds how many targets there are up to each port.
	ends []int64
}

var drawers = sync.Pool{New: func() any {
	return &drawer{rand: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
}}

// release gives the drawer back, without the names that it still holds. The next
// one to use it does not pay for clearing them again.
func (d *drawer) release() {
	clear(d.drawn)
	d.drawn = d.drawn[:0]
	drawers.Put(d)
}

// draw returns k of the numbers from 0 to n-1 in random order. The result is
// good until the next draw.
func (d *drawer) draw(n, k int) []int32 {
	d.order = slices.Grow(d.order[:0], min(n, 2*k+1))
	if k > n/2 {
		return d.shuffle(n, k)
	}
	return d.sample(n, k)
}

// shuffle is the Fisher-Yates shuffle, stopped after k steps. Its cost grows
// with n, which is less than twice k.
func (d *drawer) shuffle(n, k int) []int32 {
	order := d.order[:n]
	for i := range order {
		order[i] = int32(i)
	}
	for i := range k {
		j := i + int(d.rand.Uint32N(uint32(n-i)))
		order[i], order[j] = order[j], order[i]
	}
	return order[:k]
}

// sample draws again what it has drawn already. With k at most half of n, that
// happens less than once for each number on average, so the cost grows with k.
func (d *drawer) sample(n, k int) []int32 {
	order := d.order
	d.seen.grow(n)
	for len(order) < k {
		i := int32(d.rand.Uint32N(uint32(n)))
		if d.seen.add(i) {
			order = append(order, i)
		}
	}
	d.seen.remove(order)
	return order
}

// bitset is a set of small numbers that is emptied by removing what was added,
// so that emptying does not cost what it could hold.
type bitset []uint64

func (b *bitset) grow(n int) {
	if words := (n + 63) / 64; words > len(*b) {
		*b = make(bitset, words)
	}
}

// add tells whether i was not there yet.
func (b bitset) add(i int32) bool {
	word, bit := i/64, uint64(1)<<(i%64)
	if b[word]&bit != 0 {
		return false
	}
	b[word] |= bit
	return true
}

func (b bitset) remove(all []int32) {
	for _, i := range all {
		b[i/64] &^= 1 << (i % 64)
	}
}
