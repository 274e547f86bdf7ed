package roster

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// ringOf returns IPv4 addresses in the order of a Roster, packed.
func ringOf(addresses []uint32) (packed []byte) {
	slices.SortFunc(addresses, func(a, b uint32) int { return keyOf4(a).compare(keyOf4(b)) })
	for _, a := range slices.Compact(addresses) {
		packed = binary.BigEndian.AppendUint32(packed, a)
	}
	return packed
}

func keyOf4(address uint32) ringKey {
	return ringKey4(binary.BigEndian.AppendUint32(nil, address))
}

// alongRing returns addresses that somebody has chosen for where they stand on the ring: all
// in one 4096th of it.
func alongRing(r *rand.Rand, n int) (all []uint32) {
	for len(all) < n {
		if a := r.Uint32(); keyOf4(a).low < 1<<20 {
			all = append(all, a)
		}
	}
	return all
}

func TestFindAddressOfAnySet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sets := map[string][]uint32{"none": nil, "one": {7}, "two": {7, 8}, "chosen": alongRing(r, 200)}
	for _, n := range []int{10, 1000} {
		for range n {
			sets["many"] = append(sets["many"], r.Uint32())
		}
	}
	for name, set := range sets {
		packed := ringOf(set)
		at := func(i int) uint32 { return binary.BigEndian.Uint32(packed[4*i:]) }
		for i := range len(packed) / 4 {
			if found, ok := find4(packed, uint32(keyOf4(at(i)).low)); !ok || found != i {
				t.Errorf("%s: address %d is found at %d, %v", name, i, found, ok)
			}
		}
		for range 1000 {
			key := r.Uint32()
			if i := r.IntN(len(packed)/4 + 1); i < len(packed)/4 {
				// Next to one that there is.
				key = uint32(keyOf4(at(i)).low) + r.Uint32N(3) - 1
			}
			want, has := 0, false
			for ; want < len(packed)/4 && uint32(keyOf4(at(want)).low) <= key; want++ {
				if uint32(keyOf4(at(want)).low) == key {
					has = true
					break
				}
			}
			if found, ok := find4(packed, key); found != want || ok != has {
				t.Errorf("%s: key %d is found at %d, %v, want %d, %v", name, key, found, ok, want, has)
			}
		}
	}
}

func BenchmarkFind(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var all []uint32
	for range 10_000 {
		all = append(all, r.Uint32())
	}
	for name, set := range map[string][]uint32{"spread": all, "chosen": alongRing(r, 10_000)} {
		roster := &Roster{v4: ringOf(set)}
		b.Run(name, func(b *testing.B) {
			addr := make([]netip.Addr, 1024)
			for i := range addr {
				addr[i] = netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, r.Uint32())))
			}
			for i := 0; b.Loop(); i++ {
				roster.Find(addr[i%len(addr)])
			}
		})
	}
}
