package place

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Bounds of what the lines of one stanza can say.
const (
	// maxPrefixes bounds the prefixes of zones and of nowhere together, and maxSubnets
	// those of resolvers.
	maxPrefixes = 1024
	maxSubnets  = 256
	maxServices = 4
)

// Lines are what a stanza says of where clients are. The zero value says nothing.
type Lines struct {
	// Fixed are the prefixes that stand in the Corefile, each once, in the order in which
	// they stand there.
	Fixed []Fixed
	// Server is where this server is, and with it each client that nothing else is known
	// of. The zero value is nowhere.
	Server Server
	// Subnets are the resolvers whose EDNS Client Subnet is believed, each once.
	Subnets []netip.Prefix
	wanted  Wanted
}

// Fixed is a prefix that stands in the Corefile.
type Fixed struct {
	Prefix netip.Prefix
	// Zone is the zero Place where nothing is to be known of the clients.
	Zone model.Place
}

// Server is the place of a server. The Node is the zero Place where only the zone counts,
// and the zone is where that of the Node counts.
type Server struct{ Node, Zone model.Place }

// NeedsNode reports whether the zone is that of the Node.
func (s Server) NeedsNode() bool { return s != (Server{}) && s.Zone == (model.Place{}) }

// Wanted is what a feed has to know for the lines of a stanza. It can be compared: stanzas
// that want the same may share a feed.
type Wanted struct {
	// Pods and Addresses are the podCIDRs and the addresses of Nodes. Nodes have to be
	// watched where one of them is wanted.
	Pods, Addresses bool
	// Services are those of which each endpoint says where its node is.
	Services [maxServices]PerNode
}

// PerNode is a headless Service with an endpoint on each node. Each of them stands for the
// network around its address: Bits4 and Bits6 are the lengths of the prefixes, 32 and 128
// for the address alone. The zero value is none.
type PerNode struct {
	model.ServiceKey
	Bits4, Bits6 uint8
}

// Feed returns what the feed of the stanza has to know.
func (l *Lines) Feed() Wanted { return l.wanted }

// Empty reports whether the lines leave nobody to be found.
func (l *Lines) Empty() bool {
	inZone := func(f Fixed) bool { return f.Zone != (model.Place{}) }
	return !slices.ContainsFunc(l.Fixed, inZone) && l.Server == (Server{}) && l.wanted == (Wanted{})
}

// Nodes reports whether Nodes have to be watched.
func (w Wanted) Nodes() bool { return w.Pods || w.Addresses }

// AddZone adds the prefixes of a zone.
func (l *Lines) AddZone(zone model.Place, prefixes []netip.Prefix) error {
	for _, prefix := range prefixes {
		if err := l.addFixed(Fixed{canonical(prefix), zone}); err != nil {
			return err
		}
	}
	return nil
}

// AddNone adds the prefixes of clients of which nothing is to be known.
func (l *Lines) AddNone(prefixes []netip.Prefix) error { return l.AddZone(model.Place{}, prefixes) }

func (l *Lines) addFixed(f Fixed) error {
	at := slices.IndexFunc(l.Fixed, func(other Fixed) bool { return other.Prefix == f.Prefix })
	switch {
	case at >= 0 && l.Fixed[at].Zone == f.Zone:
		return fmt.Errorf("%s is given twice", f.Prefix)
	case at >= 0:
		return fmt.Errorf("%s is %s, and cannot be %s as well", f.Prefix, l.Fixed[at], f)
	case f.Prefix.Bits() == 0 && l.Server != (Server{}):
		return fmt.Errorf("%s are all clients, and server says where these are", f.Prefix)
	case len(l.Fixed) == maxPrefixes:
		return fmt.Errorf("more than %d networks in all", maxPrefixes)
	}
	l.Fixed = append(l.Fixed, f)
	return nil
}

func (f Fixed) source() Source {
	if f.Zone == (model.Place{}) {
		return ByNone
	}
	return ByZone
}

// String says where the clients of the prefix are.
func (f Fixed) String() string {
	if f.Zone == (model.Place{}) {
		return "none"
	}
	return "in zone " + f.Zone.Value()
}

// SetServer says where the server is.
func (l *Lines) SetServer(s Server) error {
	switch {
	case l.Server != (Server{}):
		return errors.New("there is one line for it, and this is the second")
	case s == (Server{}):
		return errors.New("neither a node nor a zone is given")
	}
	for _, f := range l.Fixed {
		if f.Prefix.Bits() == 0 {
			return fmt.Errorf("another line says of all clients, %s, that they are %s", f.Prefix, f)
		}
	}
	l.Server = s
	return nil
}

// AddSubnets adds resolvers whose EDNS Client Subnet is believed.
func (l *Lines) AddSubnets(prefixes []netip.Prefix) error {
	for _, prefix := range prefixes {
		prefix = canonical(prefix)
		switch {
		case slices.Contains(l.Subnets, prefix):
			return fmt.Errorf("%s is given twice", prefix)
		case len(l.Subnets) == maxSubnets:
			return fmt.Errorf("more than %d networks in all", maxSubnets)
		}
		l.Subnets = append(l.Subnets, prefix)
	}
	return nil
}

// WantNodes asks for what is wanted of Nodes: their podCIDRs, their addresses, or both.
func (l *Lines) WantNodes(w Wanted) error {
	if l.wanted.Nodes() {
		return errors.New("there is one line for it, and this is the second")
	}
	l.wanted.Pods, l.wanted.Addresses = w.Pods, w.Addresses
	return nil
}

// AddService asks for the endpoints of a Service.
func (l *Lines) AddService(s PerNode) error {
	for i := range l.wanted.Services {
		switch known := &l.wanted.Services[i]; {
		case *known == (PerNode{}):
			*known = s
			return nil
		case known.ServiceKey == s.ServiceKey:
			return fmt.Errorf("%s is given twice", s.ServiceKey)
		}
	}
	return fmt.Errorf("more than %d Services", maxServices)
}

// canonical returns a prefix as the tables have it: without bits of hosts, and an IPv4 one
// never mapped into IPv6.
func canonical(p netip.Prefix) netip.Prefix {
	const mapped = 96
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p.Masked()
}
