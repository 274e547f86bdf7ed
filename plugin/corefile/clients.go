package corefile

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Bounds of the networks around the endpoints of a Service, as lengths of prefixes. Below
// the least ones, one node would speak for a whole cluster.
const (
	leastBits4, mostBits4 = 8, 32
	leastBits6, mostBits6 = 32, 128
)

// clientLines hold the parser of each line of clients.
var clientLines = map[string]func(*place.Lines, []string) error{
	"nodes":   clientNodes,
	"service": clientService,
	"zone":    clientZone,
	"server":  clientServer,
	"none":    clientNone,
	"subnet":  clientSubnet,
}

// clients says where clients are. It may be given several times.
func clients(p *parser) error {
	args := p.RemainingArgs()
	if len(args) == 0 {
		return p.ArgErr()
	}
	read := clientLines[args[0]]
	if read == nil {
		return p.Errf("clients: want %s, not %q", strings.Join(slices.Sorted(maps.Keys(clientLines)), ", "), args[0])
	}
	if err := read(&p.stanza.Clients, args[1:]); err != nil {
		return p.Errf("clients %s: %v", args[0], err)
	}
	p.noteClients(args)
	return nil
}

// noteClients takes note of where in the Corefile a line of clients stands, for checks that
// come after all lines.
func (p *parser) noteClients(args []string) {
	at := p.at()
	if _, ok := p.linesAt[""]; !ok {
		p.linesAt[""] = at
	}
	// Several lines may have the word service.
	p.linesAt[args[0]], p.linesAt[strings.Join(args[:min(len(args), 2)], " ")] = at, at
}

func clientNodes(l *place.Lines, args []string) error {
	switch strings.Join(args, " ") {
	case "":
		return l.WantNodes(place.Wanted{Pods: true, Addresses: true})
	case "pods":
		return l.WantNodes(place.Wanted{Pods: true})
	case "addresses":
		return l.WantNodes(place.Wanted{Addresses: true})
	}
	return fmt.Errorf("want pods, addresses, or no word for both, not %q", strings.Join(args, " "))
}

func clientService(l *place.Lines, args []string) error {
	if len(args) == 0 || len(args) > 3 {
		return errors.New("want NAMESPACE/NAME, and at most two lengths of prefixes behind it")
	}
	namespace, name, _ := strings.Cut(args[0], "/")
	if len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Label(name)) > 0 {
		return fmt.Errorf("%q is not the name of a Service such as kube-system/node-local-dns", args[0])
	}
	s := place.PerNode{ServiceKey: model.ServiceKey{Namespace: namespace, Name: name}, Bits4: mostBits4, Bits6: mostBits6}
	for i, arg := range args[1:] {
		bits, least, most := &s.Bits4, leastBits4, mostBits4
		if i == 1 {
			bits, least, most = &s.Bits6, leastBits6, mostBits6
		}
		n, ok := wholeNumber(strings.TrimPrefix(arg, "/"), 0, most)
		if !ok || n < least {
			return fmt.Errorf("the length of a prefix must be a whole number in range [%d, %d]: %s", least, most, arg)
		}
		*bits = uint8(n)
	}
	return l.AddService(s)
}

func clientZone(l *place.Lines, args []string) error {
	if len(args) < 2 {
		return errors.New("want a zone, and one or more networks behind it")
	}
	zone, err := zoneNamed(args[0])
	if err != nil {
		return err
	}
	networks, err := networksOf(args[1:])
	if err != nil {
		return err
	}
	return l.AddZone(zone, networks)
}

func clientServer(l *place.Lines, args []string) error {
	if len(args) == 0 || len(args) > 2 {
		return errors.New("want the node of this server or -, and its zone")
	}
	var s place.Server
	if args[0] != "-" {
		if len(validation.IsDNS1123Subdomain(args[0])) > 0 {
			return fmt.Errorf("%q is not the name of a node", args[0])
		}
		s.Node = unique.Make(args[0])
	}
	if len(args) == 2 {
		var err error
		if s.Zone, err = zoneNamed(args[1]); err != nil {
			return err
		}
	}
	return l.SetServer(s)
}

func clientNone(l *place.Lines, args []string) error {
	networks, err := networksOf(args)
	if err != nil {
		return err
	}
	return l.AddNone(networks)
}

func clientSubnet(l *place.Lines, args []string) error {
	networks, err := networksOf(args)
	if err != nil {
		return err
	}
	return l.AddSubnets(networks)
}

// zoneNamed reads a zone, which is the value of a label of Nodes.
func zoneNamed(text string) (model.Place, error) {
	if text == "" || len(validation.IsValidLabelValue(text)) > 0 {
		return model.Place{}, fmt.Errorf("%q is not a zone: want up to 63 letters, digits, hyphens, dots and underscores, as in the label %s of Nodes", text, "topology.kubernetes.io/zone")
	}
	return unique.Make(text), nil
}

func networksOf(args []string) (networks []netip.Prefix, err error) {
	if len(args) == 0 {
		return nil, errors.New("want one or more networks such as 10.0.0.0/16")
	}
	for _, arg := range args {
		network, err := netip.ParsePrefix(arg)
		if err != nil || network.Addr().Is4In6() && network.Bits() < 96 {
			return nil, fmt.Errorf("%q is not a network such as 10.0.0.0/16, or fd00::/64", arg)
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// checkClients looks at what lines of clients need of each other, and of other options.
func (p *parser) checkClients() error {
	lines := &p.stanza.Clients
	wanted := lines.Feed()
	if p.options.Topology.Overload > 0 && !wanted.Nodes() {
		return p.errorAt("topology", "topology overload needs clients nodes, to know how much of the demand is in which zone")
	}
	if lines.Server.NeedsNode() && !wanted.Nodes() {
		return p.errorAt("server", "clients server: without a zone, that of the node %s counts, and clients nodes is needed to know it", lines.Server.Node.Value())
	}
	for _, s := range wanted.Services {
		if s == (place.PerNode{}) || len(p.stanza.Namespaces) == 0 || slices.Contains(p.stanza.Namespaces, s.Namespace) {
			continue
		}
		return p.errorAt("service "+s.ServiceKey.String(), "clients service: the Service %s is in none of the namespaces that are read", s.ServiceKey)
	}
	return nil
}

// checkPlaces refuses lines of clients that nobody asks, and a topology that has no
// clients. It is on where the Corefile has another one than off.
func (p *parser) checkPlaces(on bool) error {
	lines := &p.stanza.Clients
	switch {
	case !on && p.given["clients"]:
		return p.errorAt("", "clients has no meaning without topology observe, or topology on")
	case on && lines.Empty():
		return p.errorAt("topology", "topology needs to know where clients are: add clients zone, clients nodes, clients service or clients server")
	}
	return nil
}

// errorAt returns an error of the line of clients with these words, of the first one where
// there are none, or of the line of topology.
func (p *parser) errorAt(words, format string, args ...any) error {
	return fmt.Errorf("%s - Error during parsing: %s", p.linesAt[words], fmt.Sprintf(format, args...))
}
