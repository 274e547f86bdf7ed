package place

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// manyNodes are 5,000 Nodes in 3 zones, each with a podCIDR and an address of each family.
func manyNodes() []model.Change {
	all := make([]*model.Node, 5000)
	for i := range all {
		hi, lo := byte(i>>8), byte(i)
		all[i] = &model.Node{
			Name: placeOf(fmt.Sprintf("ip-192-168-%d-%d.eu-central-1.compute.internal", hi, lo)),
			Zone: placeOf([]string{"eu-central-1a", "eu-central-1b", "eu-central-1c"}[i%3]),
			PodCIDRs: []netip.Prefix{
				netip.PrefixFrom(netip.AddrFrom4([4]byte{10, hi, lo, 0}), 24),
				netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfd, 0, 0, 0, 0, 0, hi, lo}), 64),
			},
			Addresses: []netip.Addr{
				netip.AddrFrom4([4]byte{192, 168, hi, lo}),
				netip.AddrFrom16([16]byte{0xfd, 1, 14: hi, 15: lo}),
			},
		}
	}
	return told(all...)
}

func BenchmarkLookup(b *testing.B) {
	l := new(Lines)
	_ = l.WantNodes(Wanted{Pods: true, Addresses: true})
	_ = l.AddZone(placeOf("eu-central-1a"), networks("172.16.0.0/16", "172.17.0.0/16"))
	_ = l.AddNone(networks("172.16.1.0/24"))
	known := NewKnown(l.Feed())
	known.Apply(manyNodes())
	known.Begin(nobody)
	table := NewTable(l, known)
	for _, c := range []struct{ name, addr, want string }{
		{"Pod", "10.7.33.9", "podCIDR"},
		{"Node", "192.168.7.33", "address"},
		{"line", "172.17.3.3", "zone"},
		{"miss", "100.64.3.3", "unknown"},
		{"Pod6", "fd00:0:0:721::9", "podCIDR"},
		{"Node6", "fd01::721", "address"},
		{"miss6", "2001:db8::1", "unknown"},
	} {
		addr := netip.MustParseAddr(c.addr)
		b.Run(c.name, func(b *testing.B) {
			got := table.Lookup(addr)
			if source := "unknown"; got != nil && got.Source.String() != c.want || got == nil && source != c.want {
				b.Fatalf("got %s", shown(got))
			}
			b.ReportAllocs()
			for b.Loop() {
				table.Lookup(addr)
			}
		})
	}
	b.Run("Prefix", func(b *testing.B) {
		network := netip.MustParsePrefix("10.7.33.0/24")
		b.ReportAllocs()
		for b.Loop() {
			table.LookupPrefix(network)
		}
	})
}

func BenchmarkApply(b *testing.B) {
	b.Run("first list", func(b *testing.B) {
		changes := manyNodes()
		b.ReportAllocs()
		for b.Loop() {
			NewKnown(Wanted{Pods: true, Addresses: true}).Apply(changes)
		}
	})
	known := NewKnown(Wanted{Pods: true, Addresses: true})
	changes := manyNodes()
	known.Apply(changes)
	b.Run("heartbeat", func(b *testing.B) {
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			i = (i + 1) % len(changes)
			known.Apply(changes[i : i+1])
		}
	})
	b.Run("other zone", func(b *testing.B) {
		moved := *changes[7].Node
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			i++
			next := moved
			next.Zone = placeOf([]string{"a", "b"}[i%2])
			known.Apply(told(&next))
		}
	})
}

func BenchmarkWeigh(b *testing.B) {
	known := NewKnown(Wanted{Pods: true})
	known.Apply(manyNodes())
	known.Begin(nobody)
	for _, n := range []int{10, 5000} {
		var all []at
		for i := range n {
			all = append(all, at{address: fmt.Sprintf("10.%d.%d.7", i>>8, i&255), zone: "a", node: fmt.Sprintf("ip-192-168-%d-%d.eu-central-1.compute.internal", i>>8, i&255)})
		}
		of := []*model.Slice{sliceOf("d/s", all...)}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				known.Weigh(model.ServiceKey{Namespace: "d", Name: "s"}, of)
			}
		})
	}
}
