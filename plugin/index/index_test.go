package index

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func TestAnIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := New[string, int]()
		model := make(map[string]int)
		keys := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
		for range rapid.IntRange(0, 10).Draw(t, "batches") {
			var changes []Change[string, int]
			for range rapid.IntRange(0, 5).Draw(t, "changes") {
				key := keys.Draw(t, "key")
				if rapid.Bool().Draw(t, "remove") {
					changes = append(changes, Change[string, int]{Key: key})
					delete(model, key)
					continue
				}
				value := rapid.Int().Draw(t, "value")
				changes = append(changes, Change[string, int]{Key: key, Value: &value})
				model[key] = value
			}
			x.Apply(changes)
			got := make(map[string]int)
			for _, key := range []string{"a", "b", "c", "d", "e"} {
				if value, ok := x.Get(key); ok {
					got[key] = value
				}
			}
			if !maps.Equal(got, model) {
				t.Fatalf("got %v, want %v", got, model)
			}
		}
	})
}

// Owners are held against a set of pairs. In a batch one key may begin and end to
// own an address, any number of times.
func TestOwnersAreWhoOwnsAnAddress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := NewOwners()
		owns := make(map[netip.Addr]map[string]bool)
		var addresses []netip.Addr
		for _, text := range []string{"10.0.0.1", "10.0.0.2", "fd00::1", "::ffff:10.0.0.1"} {
			addresses = append(addresses, netip.MustParseAddr(text))
			owns[netip.MustParseAddr(text)] = make(map[string]bool)
		}
		networks := networksAbove(addresses)
		for range rapid.IntRange(1, 10).Draw(t, "batches") {
			var changes AddressChanges
			for range rapid.IntRange(0, 5).Draw(t, "changes") {
				key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key")
				some := rapid.SliceOfDistinct(rapid.SampledFrom(addresses), rapid.ID).Draw(t, "addresses")
				begins := rapid.Bool().Draw(t, "begin")
				if begins {
					changes.Begin(key, slices.Values(some))
				} else {
					changes.End(key, slices.Values(some))
				}
				for _, addr := range some {
					owns[addr][key] = begins
				}
			}
			x.Apply(changes)
			for addr, keys := range owns {
				var want []string
				for key, is := range keys {
					if is {
						want = append(want, key)
					}
				}
				slices.Sort(want)
				if got := x.Of(addr); !slices.Equal(got, want) {
					t.Fatalf("%v: got %v, want %v", addr, got, want)
				}
			}
			for _, network := range networks {
				want := slices.ContainsFunc(addresses, func(addr netip.Addr) bool {
					return network.Contains(addr) && slices.Contains(slices.Collect(maps.Values(owns[addr])), true)
				})
				if got := x.In(network); got != want {
					t.Fatalf("%v: got %v, want %v", network, got, want)
				}
			}
		}
	})
}

// networksAbove returns all networks that have a reverse name above some of the addresses.
func networksAbove(addresses []netip.Addr) (networks []netip.Prefix) {
	for _, addr := range addresses {
		step := addr.BitLen() / 32
		if addr.Is4() {
			step = 8
		}
		for bits := 0; bits < addr.BitLen(); bits += step {
			networks = append(networks, netip.PrefixFrom(addr, bits).Masked())
		}
	}
	return networks
}

// More networks than a chunk holds begin and end in batches of any size.
func TestNetworksAreThoseOfAddresses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x networks
		counts := make(map[netip.Addr]int)
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			more := make(map[netip.Addr]int)
			first, step := rapid.IntRange(0, 999).Draw(t, "first"), rapid.IntRange(1, 7).Draw(t, "step")
			sign := rapid.SampledFrom([]int{1, 1, -1}).Draw(t, "sign")
			for i := first; i < 1000; i += step {
				addr := netip.AddrFrom4([4]byte{10, byte(i / 256), byte(i), 0})
				if counts[addr]+sign >= 0 {
					more[addr], counts[addr] = sign, counts[addr]+sign
				}
			}
			x.apply(more)
		}
		for i := range 1000 {
			addr := netip.AddrFrom4([4]byte{10, byte(i / 256), byte(i), 0})
			if got, want := x.meet(netip.PrefixFrom(addr, 24)), counts[addr] > 0; got != want {
				t.Fatalf("%v: got %v, want %v", addr, got, want)
			}
		}
		if chunks := x.chunks.Load(); chunks != nil {
			for _, chunk := range *chunks {
				if len(chunk) == 0 || len(chunk) > mostPerChunk {
					t.Fatalf("a chunk has %d networks", len(chunk))
				}
			}
		}
	})
}

func TestReadersOfAnIndexSeeWholeBatches(t *testing.T) {
	x := New[[16]byte, int]()
	key := [16]byte{1}
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			last := 0
			for {
				select {
				case <-stop:
					return
				default:
				}
				value, _ := x.Get(key)
				if value < last || value%2 != 0 {
					panic(fmt.Sprintf("read %d after %d", value, last))
				}
				last = value
			}
		})
	}
	for i := 0; i < 2000; i += 2 {
		half, whole := i+1, i+2
		x.Apply([]Change[[16]byte, int]{{Key: key, Value: &half}, {Key: key}, {Key: key, Value: &whole}})
	}
	close(stop)
	readers.Wait()
}
