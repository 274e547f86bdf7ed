package corefile

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
)

// clientsOf parses lines of a stanza, and returns what they say of clients.
func clientsOf(lines ...string) (place.Lines, error) {
	s, err := Parse(controller("k8s_endpoints {\n" + strings.Join(lines, "\n") + "\ntopology on\n}"))
	if err != nil {
		return place.Lines{}, err
	}
	return s.Clients, nil
}

func perNode(namespace, name string, bits4, bits6 uint8) place.PerNode {
	return place.PerNode{ServiceKey: model.ServiceKey{Namespace: namespace, Name: name}, Bits4: bits4, Bits6: bits6}
}

func TestClientsAreReadLineByLine(t *testing.T) {
	prefix := netip.MustParsePrefix
	zone := unique.Make[string]
	lines := func(edit func(*place.Lines) error) place.Lines {
		var l place.Lines
		if err := edit(&l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, c := range []struct {
		name  string
		lines []string
		want  place.Lines
	}{
		{"networks of zones, and of none, in several lines", []string{
			"clients zone us-east-1a 10.0.1.7/20 fd00:1::/64", "ttl 30", "clients zone us-east-1b 10.0.16.0/20", "clients none 10.0.1.53/32 10.0.2.53/32", "clients zone us-east-1a 10.1.0.0/20",
		}, place.Lines{Fixed: []place.Fixed{
			{Prefix: prefix("10.0.0.0/20"), Zone: zone("us-east-1a")}, {Prefix: prefix("fd00:1::/64"), Zone: zone("us-east-1a")},
			{Prefix: prefix("10.0.16.0/20"), Zone: zone("us-east-1b")},
			{Prefix: prefix("10.0.1.53/32")}, {Prefix: prefix("10.0.2.53/32")},
			{Prefix: prefix("10.1.0.0/20"), Zone: zone("us-east-1a")},
		}}},
		{"a mapped network", []string{"clients zone a ::ffff:10.0.0.0/104"}, place.Lines{Fixed: []place.Fixed{{Prefix: prefix("10.0.0.0/8"), Zone: zone("a")}}}},
		{"Nodes", []string{"clients nodes"}, lines(func(l *place.Lines) error { return l.WantNodes(place.Wanted{Pods: true, Addresses: true}) })},
		{"podCIDRs", []string{"clients nodes pods"}, lines(func(l *place.Lines) error { return l.WantNodes(place.Wanted{Pods: true}) })},
		{"addresses of Nodes", []string{"clients nodes addresses"}, lines(func(l *place.Lines) error { return l.WantNodes(place.Wanted{Addresses: true}) })},
		{"the node and the zone of the server", []string{"clients server n1.example.org b"}, place.Lines{Server: place.Server{Node: zone("n1.example.org"), Zone: zone("b")}}},
		{"its zone only", []string{"clients server - b"}, place.Lines{Server: place.Server{Zone: zone("b")}}},
		{"its node, whose zone is known", []string{"clients server n1", "clients nodes addresses"}, lines(func(l *place.Lines) error {
			l.Server.Node = zone("n1")
			return l.WantNodes(place.Wanted{Addresses: true})
		})},
		{"Services", []string{"clients service kube-system/node-local-dns", "clients service a/b 26", "clients service a/c /24 /64"}, lines(func(l *place.Lines) error {
			_ = l.AddService(perNode("kube-system", "node-local-dns", 32, 128))
			_ = l.AddService(perNode("a", "b", 26, 128))
			return l.AddService(perNode("a", "c", 24, 64))
		})},
		{"a Service of a namespace that is read", []string{"clients service b/c", "namespaces a b"}, lines(func(l *place.Lines) error { return l.AddService(perNode("b", "c", 32, 128)) })},
		{"resolvers", []string{"clients subnet 10.0.0.9/32 fd00::53/128", "clients server - b"}, place.Lines{Server: place.Server{Zone: zone("b")}, Subnets: []netip.Prefix{prefix("10.0.0.9/32"), prefix("fd00::53/128")}}},
	} {
		got, err := clientsOf(c.lines...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func TestClientsRefuseMistakesAndNameTheLine(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"no word", []string{"clients"}, "Testfile:2 - Error during parsing: Wrong argument count"},
		{"another word", []string{"clients pods"}, `Testfile:2 - Error during parsing: clients: want nodes, none, server, service, subnet, zone, not "pods"`},
		{"a zone without a network", []string{"clients zone a"}, "Testfile:2 - Error during parsing: clients zone: want a zone, and one or more networks behind it"},
		{"a network for a zone", []string{"clients zone 10.0.0.0/8 10.1.0.0/16"}, `clients zone: "10.0.0.0/8" is not a zone: want up to 63 letters, digits, hyphens, dots and underscores, as in the label topology.kubernetes.io/zone of Nodes`},
		{"a zone of 64 letters", []string{"clients zone " + strings.Repeat("a", 64) + " 10.1.0.0/16"}, "is not a zone"},
		{"a zone for a network", []string{"clients zone a b"}, `clients zone: "b" is not a network such as 10.0.0.0/16, or fd00::/64`},
		{"an address for a network", []string{"clients zone a 10.0.0.1"}, `"10.0.0.1" is not a network such as`},
		{"a network that is too long", []string{"clients none 10.0.0.0/33"}, `clients none: "10.0.0.0/33" is not a network`},
		{"a network of an interface", []string{"clients none fe80::%eth0/64"}, `is not a network`},
		{"half of what is mapped", []string{"clients none ::ffff:0.0.0.0/90"}, `"::ffff:0.0.0.0/90" is not a network`},
		{"no networks", []string{"clients none"}, "clients none: want one or more networks such as 10.0.0.0/16"},
		{"no resolvers", []string{"clients subnet"}, "clients subnet: want one or more networks such as 10.0.0.0/16"},
		{"a resolver by name", []string{"clients subnet dns.example.org"}, `clients subnet: "dns.example.org" is not a network`},
		{"two zones for one network", []string{"clients zone a 10.0.0.0/16", "clients zone b 10.0.1.0/24 10.0.3.3/16"}, "Testfile:3 - Error during parsing: clients zone: 10.0.0.0/16 is in zone a, and cannot be in zone b as well"},
		{"a zone and none for one network", []string{"clients zone a 10.0.0.0/16", "clients none 10.0.0.0/16"}, "Testfile:3 - Error during parsing: clients none: 10.0.0.0/16 is in zone a, and cannot be none as well"},
		{"a line twice", []string{"clients zone a 10.0.0.0/16", "clients zone a 10.0.0.0/16"}, "Testfile:3 - Error during parsing: clients zone: 10.0.0.0/16 is given twice"},
		{"too many networks", []string{"clients none" + manyNetworks(1025)}, "Testfile:2 - Error during parsing: clients none: more than 1024 networks in all"},
		{"too many resolvers", []string{"clients subnet" + manyNetworks(257)}, "clients subnet: more than 256 networks in all"},
		{"nodes with another word", []string{"clients nodes services"}, `clients nodes: want pods, addresses, or no word for both, not "services"`},
		{"nodes with both words", []string{"clients nodes pods addresses"}, `want pods, addresses, or no word for both`},
		{"nodes twice", []string{"clients nodes pods", "clients nodes addresses"}, "Testfile:3 - Error during parsing: clients nodes: there is one line for it, and this is the second"},
		{"no server", []string{"clients server"}, "clients server: want the node of this server or -, and its zone"},
		{"a server with too much", []string{"clients server n1 a b"}, "clients server: want the node of this server or -, and its zone"},
		{"a server nowhere", []string{"clients server -"}, "clients server: neither a node nor a zone is given"},
		{"a server on a bad node", []string{"clients server N_1 a"}, `clients server: "N_1" is not the name of a node`},
		{"a server in a bad zone", []string{"clients server n1 a/b"}, `clients server: "a/b" is not a zone`},
		{"two servers", []string{"clients server n1 a", "clients server n1 a"}, "Testfile:3 - Error during parsing: clients server: there is one line for it"},
		{"a server whose zone nobody knows", []string{"ttl 1", "clients server n1", "clients zone a 10.0.0.0/8"},
			"Testfile:3 - Error during parsing: clients server: without a zone, that of the node n1 counts, and clients nodes is needed to know it"},
		{"everybody in a zone, beside a server", []string{"clients server n1 a", "clients zone b 0.0.0.0/0"}, "Testfile:3 - Error during parsing: clients zone: 0.0.0.0/0 are all clients, and server says where these are"},
		{"no Service", []string{"clients service"}, "clients service: want NAMESPACE/NAME, and at most two lengths of prefixes behind it"},
		{"a Service without a namespace", []string{"clients service node-local-dns"}, `clients service: "node-local-dns" is not the name of a Service such as kube-system/node-local-dns`},
		{"a Service of a bad name", []string{"clients service a/B"}, `clients service: "a/B" is not the name of a Service`},
		{"a Service with too much", []string{"clients service a/b 26 64 1"}, "clients service: want NAMESPACE/NAME"},
		{"a length that is too short", []string{"clients service a/b 7"}, "clients service: the length of a prefix must be a whole number in range [8, 32]: 7"},
		{"a length that is too long", []string{"clients service a/b 26 129"}, "clients service: the length of a prefix must be a whole number in range [32, 128]: 129"},
		{"a length that is no number", []string{"clients service a/b all"}, "clients service: the length of a prefix must be a whole number in range [8, 32]: all"},
		{"a Service twice", []string{"clients service a/b", "clients service a/b 26"}, "Testfile:3 - Error during parsing: clients service: a/b is given twice"},
		{"five Services", []string{"clients service a/a", "clients service a/b", "clients service a/c", "clients service a/d", "clients service a/e"}, "Testfile:6 - Error during parsing: clients service: more than 4 Services"},
		{"a Service of a namespace that is not read", []string{"clients service a/b", "clients service b/b", "clients service a/c", "namespaces a"},
			"Testfile:3 - Error during parsing: clients service: the Service b/b is in none of the namespaces that are read"},
	} {
		_, err := clientsOf(c.lines...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got  %v\nwant %s", c.name, err, c.want)
		}
	}
}

// manyNetworks returns n networks that are all different.
func manyNetworks(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(" " + netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24).String())
	}
	return b.String()
}

func TestClientsAndTopologyNeedEachOther(t *testing.T) {
	const where = " - Error during parsing: "
	for _, c := range []struct{ name, lines, want string }{
		{"neither", "ttl 5", ""},
		{"both", "topology observe\nclients nodes", ""},
		{"clients only", "ttl 5\nclients none 10.0.0.0/8\nclients nodes", "Testfile:3" + where + "clients has no meaning without topology observe, or topology on"},
		{"clients, and topology off", "clients nodes\ntopology off", "Testfile:2" + where + "clients has no meaning"},
		{"topology only", "ttl 5\ntopology on\nexplain", "Testfile:3" + where + "topology needs to know where clients are: add clients zone, clients nodes, clients service or clients server"},
		{"topology, and nobody who could be found", "clients none 10.0.0.0/8\nclients subnet 10.0.0.0/8\ntopology on", "Testfile:4" + where + "topology needs to know where clients are"},
		{"overload, and no Nodes", "topology on overload 20%\nclients zone a 10.0.0.0/8", "Testfile:2" + where + "topology overload needs clients nodes"},
		{"overload, and Nodes", "topology on overload 20%\nclients nodes", ""},
	} {
		_, err := Parse(controller("k8s_endpoints {\n" + c.lines + "\n}"))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// What changes by itself is the feed's, and shared. What the Corefile says is not.
func TestStanzasThatWantTheSameOfAFeedHaveOneKey(t *testing.T) {
	const base = "topology on\nendpoint http://127.0.0.1:1\nclients nodes\nclients service a/b\nclients service a/c 26"
	for _, c := range []struct {
		name, options string
		same          bool
	}{
		{"other networks, resolvers and server", base + "\nclients zone a 10.0.0.0/8\nclients none 10.1.0.0/16\nclients subnet 10.2.0.1/32\nclients server n1", true},
		{"less of Nodes", strings.Replace(base, "nodes", "nodes pods", 1), false},
		{"another Service", strings.Replace(base, "a/b", "a/d", 1), false},
		{"other networks around its endpoints", strings.Replace(base, "26", "24", 1), false},
		{"nothing", "endpoint http://127.0.0.1:1", false},
	} {
		keys := make(map[Key]bool)
		for _, options := range []string{base, c.options} {
			s, err := Parse(controller("k8s_endpoints {\n" + options + "\n}"))
			if err != nil {
				t.Fatal(err)
			}
			keys[s.Key()] = true
		}
		if (len(keys) == 1) != c.same {
			t.Errorf("%s: the keys are the same: %v, want %v", c.name, len(keys) == 1, c.same)
		}
	}
}

// FuzzClients checks that whatever the lines say can be used, or is refused with the line.
func FuzzClients(f *testing.F) {
	for _, seed := range []string{
		"zone a 10.0.0.0/8 fd00::/8\nnone 10.1.0.0/16", "nodes pods\nserver n1", "server - b", "service kube-system/node-local-dns 26 64",
		"subnet 10.0.0.1/32", "zone a ::ffff:10.0.0.0/104", "none 0.0.0.0/0\nserver n1 a", "zone  10.0.0.0/8", "nodes\nnodes", "service a/b -1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var lines []string
		for line := range strings.Lines(text) {
			lines = append(lines, "clients "+line)
		}
		if strings.ContainsAny(text, "{}\"\\#") {
			return
		}
		l, err := clientsOf(lines...)
		if err != nil {
			if !strings.Contains(err.Error(), "Testfile:") {
				t.Errorf("%q: no place in %v", text, err)
			}
			return
		}
		known := place.NewKnown(l.Feed())
		table := place.NewTable(&l, known)
		for _, each := range l.Fixed {
			client := table.Lookup(each.Prefix.Addr())
			if client == nil || client.Prefix(each.Prefix.Addr()).Bits() < each.Prefix.Bits() || each.Prefix != each.Prefix.Masked() || each.Prefix.Addr().Is4In6() {
				t.Errorf("%q: %v has %+v", text, each.Prefix, client)
			}
		}
		if found := table.Lookup(netip.MustParseAddr("255.255.255.255")); found == nil && l.Server != (place.Server{}) {
			t.Errorf("%q: nobody is where the server is", text)
		}
		if len(l.Fixed) > 1024 || len(l.Subnets) > 256 {
			t.Errorf("%q: %d and %d networks", text, len(l.Fixed), len(l.Subnets))
		}
	})
}
