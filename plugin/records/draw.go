package records

import (
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// A Share says which part of a set a client gets where it cannot have all: the
// endpoints that follow, on the ring of the Roster, on a place that the client has
// by its address. So the part stays while the set does, a change of some endpoints
// changes about as many in it, and all clients together get all endpoints equally
// often.
type Share uint64

// ShareOf returns the share of the client with an address.
func ShareOf(client netip.Addr) Share { return Share(roster.Spread(client)) }

// of returns the share in the endpoints of one Service: a client should not be at the
// same place everywhere.
func (s Share) of(salt uint64) Share { return Share(roster.Mix(uint64(s) ^ salt)) }

// first returns the first of n that the client gets.
func (s Share) first(n int64) int64 {
	first, _ := bits.Mul64(uint64(s), uint64(n))
	return int64(first)
}

// drawn is one SRV record to be.
type drawn struct {
	target   roster.Target
	number   uint16
	priority uint16
	// at is where the name of the target begins in the message, in bytes.
	at int32
	// name is that name, for a record.
	name string
}

// A drawer draws answers. It keeps its memory between them, but nothing of what it
// drew.
type drawer struct {
	rand *rand.PCG
	// order and seen are empty between draws.
	order []int32
	seen  bitset
	// drawn has the SRV records to be of one answer.
	drawn []drawn
	// near has how many of the targets of each port are near the client.
	near []int64
}

var drawers = sync.Pool{New: func() any {
	return &drawer{rand: rand.NewPCG(rand.Uint64(), rand.Uint64())}
}}

// release gives the drawer back, without the names that it still holds. The next
// one to use it does not pay for clearing them again.
func (d *drawer) release() {
	clear(d.drawn)
	d.drawn = d.drawn[:0]
	drawers.Put(d)
}

// draw returns the k of n that a client gets, in random order. The result is good
// until the next draw.
func (d *drawer) draw(share Share, n, k int) []int32 {
	d.order = slices.Grow(d.order[:0], k)[:k]
	next := int32(share.first(int64(n)))
	for i := range d.order {
		d.order[i] = next
		if next++; int(next) == n {
			next = 0
		}
	}
	shuffle(d.rand, d.order)
	return d.order
}

// shuffle is the Fisher-Yates shuffle, two elements for each random number.
func shuffle[T any](r *rand.PCG, all []T) {
	for i := len(all) - 1; i > 0; i -= 2 {
		bits := r.Uint64()
		move(all, i, uint32(bits))
		move(all, i-1, uint32(bits>>32))
	}
}

// move swaps element i with one of those up to it. It takes the place by a
// multiplication, without a loop that makes places exactly as likely: of n, none is
// likelier than another by more than n in 2^32.
func move[T any](all []T, i int, random uint32) {
	j := int(uint64(random) * uint64(i+1) >> 32)
	all[i], all[j] = all[j], all[i]
}

// bitset is a set of small numbers that is emptied by removing what was added,
// so that emptying does not cost what it could hold.
type bitset []uint64

func (b *bitset) grow(n int) {
	if words := (n + 63) / 64; words > len(*b) {
		*b = make(bitset, words)
	}
}

// add reports whether i was not there yet.
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
