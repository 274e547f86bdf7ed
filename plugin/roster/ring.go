package roster

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// ringKey is where an address stands on the ring of all addresses of its family: the
// address as two numbers, mixed one to one. Neighbours on the ring have nothing else in
// common, such as a node. The mixing is the same in each process, so that all
// replicas have one ring.
type ringKey struct{ high, low uint64 }

func ringKeyOf(addr netip.Addr) ringKey {
	if addr.Is4() {
		b := addr.As4()
		return ringKey4(b[:])
	}
	b := addr.As16()
	return ringKey6(b[:])
}

// ringKey4 spreads the 32 bits of an address over 32 bits.
func ringKey4(b []byte) ringKey {
	x := binary.BigEndian.Uint32(b)
	x ^= x >> 16
	x *= 0x7feb352d
	x ^= x >> 15
	x *= 0x846ca68b
	x ^= x >> 16
	return ringKey{low: uint64(x)}
}

// ringKey6 is a Feistel network of three rounds: each half is mixed into the other
// one.
func ringKey6(b []byte) ringKey {
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	high ^= Mix(low)
	low ^= Mix(high)
	high ^= Mix(low)
	return ringKey{high, low}
}

// Mix spreads 64 bits over 64 bits, one to one.
func Mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// Spread returns a number for an address, such that those of any addresses are
// spread evenly over 64 bits.
func Spread(addr netip.Addr) uint64 {
	key := ringKeyOf(addr.Unmap())
	return Mix(bits.RotateLeft64(key.high, 32) ^ key.low)
}

// Compare orders addresses of one family, in their binary form, as a Roster does.
func Compare(a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	if len(a) == 4 {
		return ringKey4(a).compare(ringKey4(b))
	}
	return ringKey6(a).compare(ringKey6(b))
}

// compare orders keys by their place on the ring.
func (k ringKey) compare(o ringKey) int {
	return cmp.Or(cmp.Compare(k.high, o.high), cmp.Compare(k.low, o.low))
}

// digit returns the byte that is at-th from the right.
func (k ringKey) digit(at int) byte {
	if at >= 8 {
		return byte(k.high >> (8 * (at - 8)))
	}
	return byte(k.low >> (8 * at))
}
