package endpoints

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"

	"github.com/miekg/dns"
)

// forResolvers believes the resolvers in a network, and knows two zones of clients.
func forResolvers(t *testing.T, believed string) *handler {
	t.Helper()
	s := testStanza()
	s.Settings.Topology = topology.Policy{Mode: topology.On, Count: 1, Percent: 50}
	for zone, network := range map[string]string{"a": "10.1.0.0/16", "b": "fd00:2::/32"} {
		if err := s.Clients.AddZone(unique.Make(zone), []netip.Prefix{netip.MustParsePrefix(network)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Clients.AddSubnets([]netip.Prefix{netip.MustParsePrefix(believed)}); err != nil {
		t.Fatal(err)
	}
	wishes, plain := headlessService("default", "x"), headlessService("default", "plain")
	wishes.Service.Distribution = model.PreferSameZone
	return served(s, []model.Change{wishes, placed("default", "x", "a", "b", "b"), plain, readySlice("default", "plain", "plain-1", "10.3.0.1")})()
}

// option returns a Client Subnet option.
func option(family uint16, source uint8, address string) *dns.EDNS0_SUBNET {
	return &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: source, Address: netip.MustParseAddr(address).AsSlice()}
}

func TestResolversSayForWhomTheyAsk(t *testing.T) {
	const all = "10.2.0.1 10.2.0.2 10.2.0.3"
	for _, c := range []struct {
		name, question string
		asked          *dns.EDNS0_SUBNET
		want           string
	}{
		{"a network in a zone", "x", option(1, 24, "10.1.7.0"), "NOERROR 10.2.0.1 for 10.1.7.0/24/24"},
		{"one address", "x", option(1, 32, "10.1.7.9"), "NOERROR 10.2.0.1 for 10.1.7.9/32/32"},
		{"a network of the other family", "x", option(2, 48, "fd00:2:3::"), "NOERROR 10.2.0.2 10.2.0.3 for fd00:2:3::/48/48"},
		{"an address of the Service itself", "x", option(1, 32, "10.2.0.1"), "NOERROR " + all + " for 10.2.0.1/32/32"},
		{"a network of which a part is in a zone", "x", option(1, 8, "10.0.0.0"), "NOERROR " + all + " for 10.0.0.0/8/8"},
		{"a network that is nowhere", "x", option(1, 24, "192.0.2.0"), "NOERROR " + all + " for 192.0.2.0/24/24"},
		{"a client that does not want to be found", "x", option(1, 0, "0.0.0.0"), "NOERROR " + all + " for 0.0.0.0/0/0"},
		{"a Service that is the same for all", "plain", option(1, 24, "10.1.7.0"), "NOERROR 10.3.0.1 for 10.1.7.0/24/0"},
		{"no such Service", "nobody", option(1, 24, "10.1.7.0"), "NXDOMAIN for 10.1.7.0/24/0"},
		{"bits behind the network", "x", option(1, 24, "10.1.7.9"), "FORMERR"},
		{"a longer network than there is", "x", option(1, 33, "10.1.7.0"), "FORMERR"},
		{"a family that there is not", "x", option(7, 24, "10.1.7.0"), "FORMERR"},
		{"no option", "x", nil, "NOERROR " + all},
	} {
		for _, believed := range []bool{true, false} {
			network, want := "10.240.0.0/16", c.want
			if !believed {
				network, want = "203.0.113.0/24", "NOERROR "+map[string]string{"x": all, "plain": "10.3.0.1"}[c.question]
				if c.question == "nobody" {
					want = "NXDOMAIN"
				}
			}
			r := new(dns.Msg).SetQuestion(c.question+".default.svc.cluster.local.", dns.TypeA).SetEdns0(1232, false)
			if c.asked != nil {
				r.IsEdns0().Option = append(r.IsEdns0().Option, c.asked)
			}
			if got := forNetwork(serve(t, forResolvers(t, network), r)); got != want {
				t.Errorf("%s, believed %t: got %q, want %q", c.name, believed, got, want)
			}
		}
	}
}

// forNetwork returns what an answer has, and for which network it is.
func forNetwork(m *dns.Msg) string {
	text := dns.RcodeToString[m.Rcode]
	addresses := make([]string, 0, len(m.Answer))
	for _, rr := range m.Answer {
		addresses = append(addresses, rr.(*dns.A).A.String())
	}
	if len(addresses) > 0 {
		text += " " + strings.Join(slices.Sorted(slices.Values(addresses)), " ")
	}
	opt := m.IsEdns0()
	if opt == nil {
		return text
	}
	for _, each := range opt.Option {
		if s, ok := each.(*dns.EDNS0_SUBNET); ok {
			text += fmt.Sprintf(" for %s/%d/%d", s.Address, s.SourceNetmask, s.SourceScope)
		}
	}
	return text
}

// The option takes room: an answer with it fits as well.
func TestTheClientSubnetOptionHasRoom(t *testing.T) {
	s := testStanza()
	s.Settings.Topology = topology.Policy{Mode: topology.On, Count: 1, Percent: 50}
	s.Clients.Server = place.Server{Zone: unique.Make("a")}
	s.Clients.Subnets = []netip.Prefix{netip.MustParsePrefix("10.240.0.0/16")}
	var zones []string
	for range 250 {
		zones = append(zones, "a")
	}
	wishes := headlessService("default", "x")
	wishes.Service.Distribution = model.PreferSameZone
	for size := uint16(512); size < 600; size++ {
		h := served(s, []model.Change{wishes, placed("default", "x", zones...)})()
		r := new(dns.Msg).SetQuestion("x.default.svc.cluster.local.", dns.TypeA).SetEdns0(size, false)
		r.IsEdns0().Option = append(r.IsEdns0().Option, option(2, 56, "fd00::"))
		m := serve(t, h, r)
		m.Compress = true
		if got := m.Len(); got > int(size) || got < int(size)-16 || !m.Truncated {
			t.Fatalf("%d bytes for a client that takes %d, truncated %t", got, size, m.Truncated)
		}
	}
}
