package place

import (
	"net/netip"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// perNode are the endpoints of a Service with one on each node: each says where the network
// around its address is.
type perNode struct {
	of        PerNode
	addresses *claims
	notes     *notes
	slices    []*model.Slice
	clients   map[netip.Prefix]*Client
}

// spot is where a network is, by the endpoints in it.
type spot struct {
	zone, node model.Place
	// torn is true where they are in several zones.
	torn bool
}

// apply takes all slices of the Service. Nodes without a zone in them have the one that
// zoneOf knows.
func (s *perNode) apply(slices []*model.Slice, zoneOf func(node model.Place) model.Place) {
	s.slices = slices
	spots := s.spots(zoneOf)
	var gone []netip.Prefix
	for prefix, client := range s.clients {
		if spots[prefix] == (spot{zone: client.Zone, node: client.Node}) {
			delete(spots, prefix)
		} else {
			gone = append(gone, prefix)
		}
	}
	s.addresses.expect(len(gone) + len(spots))
	for _, prefix := range gone {
		s.addresses.remove(prefix, s.clients[prefix])
		delete(s.clients, prefix)
	}
	for prefix, at := range spots {
		s.clients[prefix] = s.client(prefix, at)
		s.addresses.add(prefix, s.clients[prefix])
	}
}

func (s *perNode) client(prefix netip.Prefix, at spot) *Client {
	return &Client{s.notes.where(at.zone, at.node), ByService, uint8(prefix.Bits())}
}

// spots returns where the networks are that have an endpoint. Endpoints that terminate
// count only where no other is in their network: its address may have gone to another node.
func (s *perNode) spots(zoneOf func(model.Place) model.Place) map[netip.Prefix]spot {
	staying := make(map[netip.Prefix]spot)
	leaving := make(map[netip.Prefix]spot)
	for _, slice := range s.slices {
		for i := range slice.Endpoints {
			e := &slice.Endpoints[i]
			at := spot{zone: slice.ZoneOf(e), node: slice.NodeOf(e)}
			if at.zone == (model.Place{}) && at.node != (model.Place{}) {
				at.zone = zoneOf(at.node)
			}
			if at == (spot{}) {
				continue
			}
			if e.Has(model.Terminating) {
				at.addTo(leaving, s.network(e.Address))
			} else {
				at.addTo(staying, s.network(e.Address))
			}
		}
	}
	for prefix, at := range leaving {
		if _, stays := staying[prefix]; !stays {
			staying[prefix] = at
		}
	}
	for prefix, at := range staying {
		if at.torn || at.zone == (model.Place{}) && at.node == (model.Place{}) {
			delete(staying, prefix)
		}
	}
	return staying
}

// addTo adds an endpoint to those of its network. What they disagree in is not known.
func (at spot) addTo(all map[netip.Prefix]spot, network netip.Prefix) {
	if other, ok := all[network]; ok {
		at.torn = other.torn || other.zone != at.zone
		if other.node != at.node {
			at.node = model.Place{}
		}
	}
	all[network] = at
}

// network returns the network that an endpoint stands for.
func (s *perNode) network(addr netip.Addr) netip.Prefix {
	bits := s.of.Bits6
	if addr.Is4() {
		bits = s.of.Bits4
	}
	// The Corefile has lengths of the family only.
	p, _ := addr.Prefix(int(bits))
	return p
}
