package place

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

func TestLinesRefuseWhatContradictsThem(t *testing.T) {
	per := func(name string) PerNode {
		return PerNode{model.ServiceKey{Namespace: "n", Name: name}, 32, 128}
	}
	var many []netip.Prefix
	for i := range maxPrefixes {
		many = append(many, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24))
	}
	for _, c := range []struct {
		name string
		edit func(*Lines) error
		want string
	}{
		{"a network in two zones", func(l *Lines) error {
			return firstOf(l.AddZone(placeOf("a"), networks("10.1.0.0/16")), l.AddZone(placeOf("b"), networks("10.1.2.3/16")))
		}, "10.1.0.0/16 is in zone a, and cannot be in zone b as well"},
		{"a network in a zone and in none", func(l *Lines) error {
			return firstOf(l.AddZone(placeOf("a"), networks("10.1.0.0/16")), l.AddNone(networks("::ffff:10.1.0.0/112")))
		}, "10.1.0.0/16 is in zone a, and cannot be none as well"},
		{"a network twice", func(l *Lines) error { return l.AddNone(networks("10.1.0.0/16", "10.1.0.0/16")) }, "10.1.0.0/16 is given twice"},
		{"everybody where the server is, and elsewhere", func(l *Lines) error {
			return firstOf(l.SetServer(Server{Zone: placeOf("a")}), l.AddZone(placeOf("b"), networks("0.0.0.0/0")))
		}, "0.0.0.0/0 are all clients, and server says where these are"},
		{"everybody elsewhere, and where the server is", func(l *Lines) error {
			return firstOf(l.AddZone(placeOf("b"), networks("::/0")), l.SetServer(Server{Zone: placeOf("a")}))
		}, "another line says of all clients, ::/0, that they are in zone b"},
		{"two servers", func(l *Lines) error {
			return firstOf(l.SetServer(Server{Zone: placeOf("a")}), l.SetServer(Server{Zone: placeOf("a")}))
		}, "there is one line for it, and this is the second"},
		{"a server nowhere", func(l *Lines) error { return l.SetServer(Server{}) }, "neither a node nor a zone is given"},
		{"Nodes twice", func(l *Lines) error {
			return firstOf(l.WantNodes(Wanted{Pods: true}), l.WantNodes(Wanted{Addresses: true}))
		}, "there is one line for it, and this is the second"},
		{"a Service twice", func(l *Lines) error {
			return firstOf(l.AddService(per("s")), l.AddService(PerNode{per("s").ServiceKey, 26, 64}))
		}, "n/s is given twice"},
		{"five Services", func(l *Lines) error {
			return firstOf(l.AddService(per("a")), l.AddService(per("b")), l.AddService(per("c")), l.AddService(per("d")), l.AddService(per("e")))
		}, "more than 4 Services"},
		{"a resolver twice", func(l *Lines) error { return l.AddSubnets(networks("10.0.0.1/24", "10.0.0.2/24")) }, "10.0.0.0/24 is given twice"},
		{"too many resolvers", func(l *Lines) error { return l.AddSubnets(many) }, fmt.Sprintf("more than %d networks in all", maxSubnets)},
		{"as many networks as may be", func(l *Lines) error { return l.AddNone(many) }, "<nil>"},
		{"one more, in a zone", func(l *Lines) error { return firstOf(l.AddNone(many), l.AddZone(placeOf("a"), networks("fd00::/64"))) },
			fmt.Sprintf("more than %d networks in all", maxPrefixes)},
	} {
		if got := fmt.Sprint(c.edit(new(Lines))); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestLinesWithoutAnybodyAreEmpty(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Lines) error
		want bool
	}{
		{"nothing", func(*Lines) error { return nil }, true},
		{"none and subnet only", func(l *Lines) error {
			return firstOf(l.AddNone(networks("10.0.0.0/8")), l.AddSubnets(networks("10.0.0.0/8")))
		}, true},
		{"a zone", func(l *Lines) error { return l.AddZone(placeOf("a"), networks("10.0.0.0/8")) }, false},
		{"a server", func(l *Lines) error { return l.SetServer(Server{Node: placeOf("n")}) }, false},
		{"Nodes", func(l *Lines) error { return l.WantNodes(Wanted{Pods: true}) }, false},
		{"a Service", func(l *Lines) error {
			return l.AddService(PerNode{model.ServiceKey{Namespace: "n", Name: "s"}, 32, 128})
		}, false},
	} {
		if got := linesWith(t, c.edit).Empty(); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}
