package place

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// subnetIn returns an option as it comes out of a message.
func subnetIn(t testing.TB, family uint16, source uint8, address string) *dns.EDNS0_SUBNET {
	t.Helper()
	e := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: source, Address: net.ParseIP(address)}
	m := new(dns.Msg).SetQuestion("s.n.svc.cluster.local.", dns.TypeA)
	m.Extra = []dns.RR{&dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}, Option: []dns.EDNS0{e}}}
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	return m.IsEdns0().Option[0].(*dns.EDNS0_SUBNET)
}

func TestClientsAreWhereTheirSubnetIs(t *testing.T) {
	lines := linesWith(t, func(l *Lines) error {
		return firstOf(
			l.AddZone(placeOf("a"), networks("10.1.0.0/20", "2001:db8::/48")),
			l.AddZone(placeOf("b"), networks("10.1.16.0/20")),
			l.AddNone(networks("10.1.3.0/24")),
			l.WantNodes(Wanted{Addresses: true}),
		)
	})
	known := NewKnown(lines.Feed())
	known.Apply(told(nodeAt("n1", "c", 0, "10.1.1.7", "2001:db8::7")))
	table := NewTable(lines, known)
	for _, c := range []struct {
		name    string
		family  uint16
		source  uint8
		address string
		network string
		want    string
	}{
		{"a /24 within a zone", 1, 24, "10.1.2.0", "10.1.2.0/24", "zone a"},
		{"the whole network of a zone", 1, 20, "10.1.16.0", "10.1.16.0/20", "zone b"},
		{"one of two zones", 1, 19, "10.1.0.0", "10.1.0.0/19", "unknown"},
		{"one in which nothing is to be known", 1, 24, "10.1.3.0", "10.1.3.0/24", "none"},
		{"one address of it", 1, 32, "10.1.3.9", "10.1.3.9/32", "none"},
		{"an address of a Node", 1, 32, "10.1.1.7", "10.1.1.7/32", "address c n1"},
		{"the network around it", 1, 24, "10.1.1.0", "10.1.1.0/24", "zone a"},
		{"nobody's network", 1, 24, "192.0.2.0", "192.0.2.0/24", "unknown"},
		{"IPv6", 2, 56, "2001:db8:0:100::", "2001:db8:0:100::/56", "zone a"},
		{"an address of IPv6", 2, 128, "2001:db8::7", "2001:db8::7/128", "address c n1"},
		{"a short prefix of IPv6", 2, 32, "2001:db8::", "2001:db8::/32", "unknown"},
		{"IPv4 mapped into IPv6", 2, 120, "::ffff:10.1.2.0", "10.1.2.0/24", "zone a"},
		{"half a bit of it", 2, 12, "::", "::/12", "unknown"},
	} {
		asked := subnetIn(t, c.family, c.source, c.address)
		network, err := Network(asked)
		if err != nil || network.String() != c.network {
			t.Errorf("%s: got %s, %v", c.name, network, err)
			continue
		}
		if got := shown(table.LookupPrefix(network)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAClientNeedNotBeFound(t *testing.T) {
	for _, family := range []uint16{0, 1, 2} {
		address := "0.0.0.0"
		if family == 2 {
			address = "::"
		}
		asked := subnetIn(t, family, 0, address)
		if network, err := Network(asked); network.IsValid() || err != nil {
			t.Errorf("family %d: got %v, %v", family, network, err)
		}
		for _, answer := range []*dns.EDNS0_SUBNET{ForNetwork(asked), ForEverybody(asked)} {
			if answer.Family != family || answer.SourceNetmask != 0 || answer.SourceScope != 0 {
				t.Errorf("family %d: the answer has %+v", family, answer)
			}
		}
	}
}

func TestMalformedSubnetsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		asked dns.EDNS0_SUBNET
	}{
		{"bits beyond the length", dns.EDNS0_SUBNET{Family: 1, SourceNetmask: 24, Address: net.IPv4(10, 1, 2, 3)}},
		{"bits, and no length", dns.EDNS0_SUBNET{Family: 1, Address: net.IPv4(10, 1, 2, 3)}},
		{"bits of IPv6 beyond the length", dns.EDNS0_SUBNET{Family: 2, SourceNetmask: 32, Address: net.ParseIP("2001:db8::1")}},
		{"a family that is not known", dns.EDNS0_SUBNET{Family: 3, SourceNetmask: 24, Address: net.IPv4(10, 1, 2, 0)}},
		{"no family, and a length", dns.EDNS0_SUBNET{SourceNetmask: 24, Address: net.IPv4(10, 1, 2, 0)}},
		{"a length that IPv4 has not", dns.EDNS0_SUBNET{Family: 1, SourceNetmask: 33, Address: net.IPv4(10, 1, 2, 0)}},
		{"a length that IPv6 has not", dns.EDNS0_SUBNET{Family: 2, SourceNetmask: 129, Address: net.ParseIP("2001:db8::")}},
		{"IPv6 that is called IPv4", dns.EDNS0_SUBNET{Family: 1, SourceNetmask: 32, Address: net.ParseIP("2001:db8::1")}},
		{"IPv4 that is called IPv6", dns.EDNS0_SUBNET{Family: 2, SourceNetmask: 24, Address: net.IPv4(10, 1, 2, 0).To4()}},
		{"no address", dns.EDNS0_SUBNET{Family: 1, SourceNetmask: 24}},
	} {
		if network, err := Network(&c.asked); err == nil {
			t.Errorf("%s: got %v", c.name, network)
		}
	}
}

func TestAnswersHaveTheSubnetThatWasAskedFor(t *testing.T) {
	for _, c := range []struct {
		family  uint16
		source  uint8
		address string
	}{{1, 24, "10.1.2.0"}, {1, 32, "10.1.2.3"}, {1, 0, "0.0.0.0"}, {1, 9, "10.128.0.0"}, {2, 56, "2001:db8::"}, {2, 128, "2001:db8::1"}, {0, 0, "0.0.0.0"}} {
		asked := subnetIn(t, c.family, c.source, c.address)
		asked.SourceScope = 7
		for scope, answer := range map[uint8]*dns.EDNS0_SUBNET{c.source: ForNetwork(asked), 0: ForEverybody(asked)} {
			want := fmt.Sprintf("%s/%d/%d", c.address, c.source, scope)
			if c.family == 2 {
				want = fmt.Sprintf("[%s]/%d/%d", c.address, c.source, scope)
			}
			if got := answer.String(); got != want || answer.Family != c.family || answer.Code != dns.EDNS0SUBNET {
				t.Errorf("got %+v, want %s", answer, want)
			}
			if got, want := SubnetSize(asked), dns.Len(&dns.OPT{Option: []dns.EDNS0{answer}})-dns.Len(&dns.OPT{}); got != want {
				t.Errorf("%s: the size is %d, want %d", answer, got, want)
			}
		}
		if asked.SourceScope != 7 {
			t.Error("the question was changed")
		}
	}
}

func TestOnlyResolversAreBelieved(t *testing.T) {
	table := NewTable(linesWith(t, func(l *Lines) error { return l.AddSubnets(networks("10.0.0.0/24", "2001:db8::/64")) }), nil)
	with := new(dns.Msg).SetQuestion("s.n.svc.cluster.local.", dns.TypeA)
	with.SetEdns0(1232, false)
	with.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}, subnetIn(t, 1, 24, "10.1.2.0")}
	without := with.Copy()
	without.IsEdns0().Option = without.IsEdns0().Option[:1]
	plain := new(dns.Msg).SetQuestion("s.n.svc.cluster.local.", dns.TypeA)
	for _, c := range []struct {
		name   string
		r      *dns.Msg
		sender string
		want   bool
	}{
		{"a resolver", with, "10.0.0.9", true},
		{"a resolver, mapped", with, "::ffff:10.0.0.9", true},
		{"a resolver by IPv6", with, "2001:db8::9", true},
		{"anybody else", with, "10.0.1.9", false},
		{"a sender who is not known", with, "", false},
		{"a resolver without the option", without, "10.0.0.9", false},
		{"a resolver without EDNS", plain, "10.0.0.9", false},
	} {
		sender, _ := netip.ParseAddr(c.sender)
		if got := table.SubnetOf(c.r, sender); (got != nil) != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
	for _, table := range []*Table{nil, NewTable(new(Lines), nil)} {
		if got := table.SubnetOf(with, netip.MustParseAddr("10.0.0.9")); got != nil {
			t.Errorf("nobody is believed, and yet %v", got)
		}
	}
}

// FuzzSubnet checks that no option is taken for a network that it does not give, and that
// each answer can be sent.
func FuzzSubnet(f *testing.F) {
	f.Add(uint16(1), uint8(24), uint8(0), []byte{10, 1, 2})
	f.Add(uint16(2), uint8(56), uint8(0), []byte{0x20, 1, 0xd, 0xb8, 0, 0, 1})
	f.Add(uint16(0), uint8(0), uint8(0), []byte{})
	f.Add(uint16(1), uint8(9), uint8(3), []byte{10, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, family uint16, source, scope uint8, address []byte) {
		option := append([]byte{0, dns.EDNS0SUBNET, 0, byte(4 + len(address)), byte(family >> 8), byte(family), source, scope}, address...)
		if len(address) > 100 {
			return
		}
		wire := append([]byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 41, 4, 0, 0, 0, 0, 0, 0, byte(len(option))}, option...)
		r := new(dns.Msg)
		if r.Unpack(wire) != nil || r.IsEdns0() == nil || len(r.IsEdns0().Option) != 1 {
			return
		}
		asked := r.IsEdns0().Option[0].(*dns.EDNS0_SUBNET)
		network, err := Network(asked)
		if err != nil {
			return
		}
		if network.IsValid() && (network.Bits() == 0 || network != network.Masked()) {
			t.Errorf("%v: the network is %v", asked, network)
		}
		for _, answer := range []*dns.EDNS0_SUBNET{ForNetwork(asked), ForEverybody(asked)} {
			reply := new(dns.Msg).SetReply(r)
			reply.Extra = []dns.RR{&dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}, Option: []dns.EDNS0{answer}}}
			packed, err := reply.Pack()
			if err != nil {
				t.Fatalf("%v: %v", answer, err)
			}
			back := new(dns.Msg)
			if err := back.Unpack(packed); err != nil {
				t.Fatal(err)
			}
			got := back.IsEdns0().Option[0].(*dns.EDNS0_SUBNET)
			if got.Family != asked.Family || got.SourceNetmask != asked.SourceNetmask || !got.Address.Equal(asked.Address) {
				t.Errorf("asked %+v, answered %+v", asked, got)
			}
		}
	})
}
