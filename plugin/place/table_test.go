package place

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"pgregory.net/rapid"
)

// networks parses prefixes.
func networks(all ...string) (parsed []netip.Prefix) {
	for _, text := range all {
		parsed = append(parsed, netip.MustParsePrefix(text))
	}
	return parsed
}

// linesWith returns lines that edit makes.
func linesWith(t *testing.T, edit func(*Lines) error) *Lines {
	t.Helper()
	l := new(Lines)
	if err := edit(l); err != nil {
		t.Fatal(err)
	}
	return l
}

// firstOf returns the first error of some.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestTheLongestPrefixCounts(t *testing.T) {
	lines := linesWith(t, func(l *Lines) error {
		return firstOf(
			l.AddZone(placeOf("a"), networks("10.1.0.0/16", "10.9.9.9/8", "2001:db8::1/32")),
			l.AddZone(placeOf("b"), networks("10.1.2.0/24", "::ffff:10.2.0.0/112", "10.3.0.0/24", "10.4.0.7/32")),
			l.AddNone(networks("10.1.2.128/25", "2001:db8:1::/48")),
			l.SetServer(Server{Zone: placeOf("s")}),
			l.WantNodes(Wanted{Pods: true, Addresses: true}),
		)
	})
	known := NewKnown(lines.Feed())
	known.Apply(told(
		nodeAt("n1", "c", 0, "10.3.0.0/24", "10.4.0.7", "10.1.2.200"),
		nodeAt("n2", "d", 0, "10.5.0.0/24", "10.1.2.192/26", "fd00:2::/64"),
		nodeAt("n3", "e", 0, "10.6.0.0/32", "10.6.0.0"),
		nodeAt("n4", "", 0, "10.7.0.0/24"),
	))
	known.Begin(func(func(model.ServiceKey, []*model.Slice) bool) {})
	table := NewTable(lines, known)
	for _, c := range []struct{ name, addr, want, by string }{
		{"the network of a zone", "10.1.1.1", "zone a", "10.1.0.0/16"},
		{"one within it", "10.1.2.1", "zone b", "10.1.2.0/24"},
		{"none within that", "10.1.2.129", "none", "10.1.2.128/25"},
		{"a podCIDR within none", "10.1.2.193", "podCIDR d n2", "10.1.2.192/26"},
		{"an address within that", "10.1.2.200", "address c n1", "10.1.2.200/32"},
		{"a network that was written with bits of a host", "10.200.1.1", "zone a", "10.0.0.0/8"},
		{"a network that was written as mapped", "10.2.0.1", "zone b", "10.2.0.0/16"},
		{"an address that is mapped", "::ffff:10.2.0.1", "zone b", "10.2.0.0/16"},
		{"a line before a podCIDR of the same length", "10.3.0.1", "zone b", "10.3.0.0/24"},
		{"a line before an address of a Node", "10.4.0.7", "zone b", "10.4.0.7/32"},
		{"an address of a Node before a podCIDR", "10.6.0.0", "address e n3", "10.6.0.0/32"},
		{"a podCIDR", "10.5.0.1", "podCIDR d n2", "10.5.0.0/24"},
		{"a Node without a zone", "10.7.0.1", "podCIDR  n4", "10.7.0.0/24"},
		{"IPv6", "2001:db8:2::1", "zone a", "2001:db8::/32"},
		{"none of IPv6", "2001:db8:1::1", "none", "2001:db8:1::/48"},
		{"a podCIDR of IPv6", "fd00:2::9", "podCIDR d n2", "fd00:2::/64"},
		{"an address of an interface", "fd00:2::9%eth0", "podCIDR d n2", "fd00:2::/64"},
		{"nothing else: where the server is", "192.0.2.1", "server s", "0.0.0.0/0"},
		{"the same for IPv6", "fe80::1", "server s", "::/0"},
	} {
		addr := netip.MustParseAddr(c.addr)
		got := table.Lookup(addr)
		if shown(got) != c.want || got.Prefix(addr).String() != c.by {
			t.Errorf("%s: got %s by %s, want %s by %s", c.name, shown(got), got.Prefix(addr), c.want, c.by)
		}
	}
	for _, table := range []*Table{nil, NewTable(new(Lines), nil), NewTable(new(Lines), NewKnown(Wanted{}))} {
		if got := table.Lookup(netip.MustParseAddr("10.1.1.1")); got != nil {
			t.Errorf("without lines: got %s", shown(got))
		}
		if got := table.LookupPrefix(netip.MustParsePrefix("10.1.1.0/24")); got != nil {
			t.Errorf("without lines: a network got %s", shown(got))
		}
	}
}

func TestTheServersZoneIsThatOfItsNode(t *testing.T) {
	lines := linesWith(t, func(l *Lines) error {
		return firstOf(l.SetServer(Server{Node: placeOf("n1")}), l.WantNodes(Wanted{Addresses: true}))
	})
	known := NewKnown(lines.Feed())
	table := NewTable(lines, known)
	for _, step := range []struct {
		name    string
		changes []model.Change
		want    string
	}{
		{"no Node is known", nil, "server  n1"},
		{"another one", told(nodeAt("n2", "b", 0)), "server  n1"},
		{"without a zone", told(nodeAt("n1", "", 0)), "server  n1"},
		{"with one", told(nodeAt("n1", "a", 0)), "server a n1"},
		{"it moves", told(nodeAt("n1", "b", 0)), "server b n1"},
		{"it is gone, and the server is not", gone("n1"), "server b n1"},
	} {
		known.Apply(step.changes)
		if got := shown(table.Lookup(netip.MustParseAddr("192.0.2.1"))); got != step.want {
			t.Errorf("%s: got %s, want %s", step.name, got, step.want)
		}
	}
	// The table of a reload begins with what is known.
	if got := shown(NewTable(lines, known).Lookup(netip.MustParseAddr("192.0.2.1"))); got != "server b n1" {
		t.Errorf("a later table: got %s", got)
	}
}

// world is what a table should know, in a list.
type world struct {
	fixed    []Fixed
	nodes    map[string]*model.Node
	services map[string][]at
}

// drawn prefixes lie within each other, and often are the same.
func drawPrefix(t *rapid.T, name string) netip.Prefix {
	b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 64, 128}), 3, 3).Draw(t, name)
	if rapid.Bool().Draw(t, name+" in IPv6") {
		addr := netip.AddrFrom16([16]byte{0xfd, b[0], b[1], b[2]})
		return netip.PrefixFrom(addr, rapid.SampledFrom([]int{8, 16, 18, 24, 25, 32, 64, 128}).Draw(t, name+" bits"))
	}
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, b[0], b[1], b[2]}), rapid.SampledFrom([]int{8, 16, 18, 24, 25, 31, 32}).Draw(t, name+" bits"))
}

// scan looks for the best of all that hold a network, which may be a single address.
func (w *world) scan(network netip.Prefix) string {
	type hit struct {
		bits, rank, created int
		who, what           string
	}
	var hits []hit
	try := func(p netip.Prefix, h hit) {
		if p.Bits() <= network.Bits() && p.Contains(network.Addr()) {
			h.bits = p.Bits()
			hits = append(hits, h)
		}
	}
	for _, f := range w.fixed {
		what := "none"
		if f.Zone != (model.Place{}) {
			what = "zone " + f.Zone.Value()
		}
		try(f.Prefix, hit{rank: 0, what: what})
	}
	for name, n := range w.nodes {
		for _, addr := range n.Addresses {
			try(netip.PrefixFrom(addr, addr.BitLen()), hit{rank: 1, created: int(n.Created.Time().Unix()), who: name, what: "address " + n.Zone.Value() + " " + name})
		}
		for _, p := range n.PodCIDRs {
			try(p, hit{rank: 2, created: int(n.Created.Time().Unix()), who: name, what: "podCIDR " + n.Zone.Value() + " " + name})
		}
	}
	for _, endpoints := range w.services {
		for _, e := range endpoints {
			addr := netip.MustParseAddr(e.address)
			try(netip.PrefixFrom(addr, addr.BitLen()), hit{rank: 1, who: e.node, what: "service " + e.zone + " " + e.node})
		}
	}
	if len(hits) == 0 {
		return "unknown"
	}
	return slices.MinFunc(hits, func(a, b hit) int {
		for _, d := range []int{b.bits - a.bits, a.rank - b.rank, b.created - a.created} {
			if d != 0 {
				return d
			}
		}
		return strings.Compare(a.who, b.who)
	}).what
}

// Nodes and Services come, change and go, and each address is where a search through all
// of them finds it.
func TestATableFindsWhatALinearSearchFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{nodes: make(map[string]*model.Node), services: make(map[string][]at)}
		lines := new(Lines)
		_ = lines.WantNodes(Wanted{Pods: true, Addresses: true})
		for _, service := range []string{"s1", "s2"} {
			_ = lines.AddService(PerNode{model.ServiceKey{Namespace: "n", Name: service}, 32, 128})
		}
		zones := rapid.SampledFrom([]string{"a", "b", "c"})
		for range rapid.IntRange(0, 6).Draw(t, "lines") {
			f := Fixed{canonical(drawPrefix(t, "fixed")), model.Place{}}
			if rapid.Bool().Draw(t, "zone") {
				f.Zone = placeOf(zones.Draw(t, "zone of a line"))
			}
			if lines.addFixed(f) == nil {
				w.fixed = append(w.fixed, f)
			}
		}
		known := NewKnown(lines.Feed())
		known.Begin(func(func(model.ServiceKey, []*model.Slice) bool) {})
		table := NewTable(lines, known)
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				name := rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(t, "gone")
				delete(w.nodes, name)
				known.Apply(gone(name))
			case 1:
				service := rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "service")
				var endpoints []at
				seen := make(map[string]bool)
				for i := range rapid.IntRange(0, 4).Draw(t, "endpoints") {
					address := drawPrefix(t, "endpoint").Addr().String()
					if !seen[address] {
						seen[address] = true
						endpoints = append(endpoints, at{address: address, zone: zones.Draw(t, "zone of an endpoint"), node: fmt.Sprintf("%s-%d", service, i)})
					}
				}
				w.services[service] = endpoints
				known.ApplyService(model.ServiceKey{Namespace: "n", Name: service}, []*model.Slice{sliceOf("n/"+service, endpoints...)})
			default:
				var batch []*model.Node
				for range rapid.IntRange(1, 3).Draw(t, "nodes") {
					n := nodeAt(rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(t, "node"), zones.Draw(t, "zone of a node"), rapid.IntRange(0, 2).Draw(t, "created"))
					for range rapid.IntRange(0, 2).Draw(t, "podCIDRs") {
						if p := drawPrefix(t, "podCIDR").Masked(); !slices.Contains(n.PodCIDRs, p) {
							n.PodCIDRs = append(n.PodCIDRs, p)
						}
					}
					for range rapid.IntRange(0, 2).Draw(t, "addresses") {
						if a := drawPrefix(t, "address").Addr(); !slices.Contains(n.Addresses, a) {
							n.Addresses = append(n.Addresses, a)
						}
					}
					w.nodes[n.Name.Value()] = n
					batch = append(batch, n)
				}
				known.Apply(told(batch...))
			}
			for range 8 {
				network := canonical(drawPrefix(t, "asked"))
				if got, want := shown(table.LookupPrefix(network)), w.scan(network); got != want {
					t.Fatalf("%v: got %s, want %s", network, got, want)
				}
				single := netip.PrefixFrom(network.Addr(), network.Addr().BitLen())
				if got, want := shown(table.Lookup(network.Addr())), w.scan(single); got != want {
					t.Fatalf("%v: got %s, want %s", network.Addr(), got, want)
				}
			}
		}
		for _, claims := range []*claims{known.addresses, known.podCIDR} {
			for prefix, waiting := range claims.waiting {
				if len(waiting) == 0 {
					t.Fatalf("%v is waited for by nobody", prefix)
				}
			}
		}
	})
}

// A node is in one zone after the other, all in the same batch as another one: nobody sees
// one of them in another state.
func TestReadersSeeWholeChanges(t *testing.T) {
	lines := linesWith(t, func(l *Lines) error { return l.WantNodes(Wanted{Pods: true, Addresses: true}) })
	known := NewKnown(lines.Feed())
	known.Begin(func(func(model.ServiceKey, []*model.Slice) bool) {})
	table := NewTable(lines, known)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				client := table.Lookup(netip.MustParseAddr("10.1.0.1"))
				if client != nil && (client.Notes[ZoneLevel] != noteZone(client.Zone.Value()) || client.Node.Value() != "n1") {
					panic("half a place: " + shown(client))
				}
			}
		})
	}
	for i := range 500 {
		all := []*model.Node{nodeAt("n1", fmt.Sprintf("z%d", i%7), 0, "10.1.0.0/24")}
		// Now and then there are many at once.
		if i%100 == 0 {
			for n := range 2 * many {
				all = append(all, nodeAt(fmt.Sprintf("m%d", n), "m", i, fmt.Sprintf("10.%d.%d.0/24", 10+n/256, n%256)))
			}
		}
		known.Apply(told(all...))
	}
	close(stop)
	readers.Wait()
	if got := shown(table.Lookup(netip.MustParseAddr("10.1.0.1"))); got != "podCIDR z2 n1" {
		t.Errorf("in the end: got %s", got)
	}
}
