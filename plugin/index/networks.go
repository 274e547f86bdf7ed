package index

import (
	"net/netip"
	"slices"
	"sync/atomic"
)

// networks counts addresses by the smallest networks that have a reverse name of their
// own: all but the last byte of an IPv4 address, all but the last hexadecimal digit of an
// IPv6 one (RFC 1035, section 3.5, and RFC 3596, section 2.5). Pods of a node share
// them, so they are few. The zero value is empty.
type networks struct {
	// chunks are sorted, none is empty, and none is ever written to: a change copies
	// those that it falls into.
	chunks atomic.Pointer[[][]network]
}

// network is a network by its first address, with how many of its addresses count.
type network struct {
	first netip.Addr
	n     int
}

// mostPerChunk bounds what a change copies.
const mostPerChunk = 256

// networkOf returns the first address of the network that an address counts for.
func networkOf(addr netip.Addr) netip.Addr {
	bits := 124
	if addr.Is4() {
		bits = 24
	}
	return netip.PrefixFrom(addr, bits).Masked().Addr()
}

// meet reports whether an address counts that lies in a network, which is none of a
// single address.
func (x *networks) meet(with netip.Prefix) bool {
	all := x.chunks.Load()
	if all == nil {
		return false
	}
	first := with.Masked().Addr()
	at, _ := slices.BinarySearchFunc(*all, first, func(chunk []network, addr netip.Addr) int {
		return chunk[len(chunk)-1].first.Compare(addr)
	})
	if at == len(*all) {
		return false
	}
	chunk := (*all)[at]
	at, _ = slices.BinarySearchFunc(chunk, first, network.compare)
	return with.Contains(chunk[at].first)
}

func (n network) compare(addr netip.Addr) int { return n.first.Compare(addr) }

// apply adds to the counts of networks. It has one caller at a time.
func (x *networks) apply(more map[netip.Addr]int) {
	if len(more) == 0 {
		return
	}
	changes := make([]network, 0, len(more))
	for first, n := range more {
		changes = append(changes, network{first, n})
	}
	slices.SortFunc(changes, func(a, b network) int { return a.compare(b.first) })
	before := [][]network{nil}
	if all := x.chunks.Load(); all != nil && len(*all) > 0 {
		before = *all
	}
	after := make([][]network, 0, len(before)+1)
	for i, chunk := range before {
		n := len(changes)
		if i < len(before)-1 {
			n, _ = slices.BinarySearchFunc(changes, before[i+1][0].first, network.compare)
		}
		if n > 0 {
			chunk = added(chunk, changes[:n])
			changes = changes[n:]
		}
		after = slices.AppendSeq(after, slices.Chunk(chunk, mostPerChunk))
	}
	x.chunks.Store(&after)
}

// added returns a chunk after changes, both sorted. Nothing is left of what counts
// nobody.
func added(chunk, changes []network) []network {
	both := slices.Concat(chunk, changes)
	slices.SortStableFunc(both, func(a, b network) int { return a.compare(b.first) })
	kept := both[:0]
	for _, each := range both {
		if last := len(kept) - 1; last >= 0 && kept[last].first == each.first {
			kept[last].n += each.n
			continue
		}
		kept = append(kept, each)
	}
	return slices.DeleteFunc(kept, func(n network) bool { return n.n == 0 })
}
