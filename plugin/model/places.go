package model

import (
	"slices"
	"unique"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// Place is the name of a zone or of a node, as it is written. The zero value is one
// that nobody knows.
type Place = unique.Handle[string]

// Hints say for whose use an endpoint is, as its slice says it (EndpointHints).
type Hints uint8

// The hints as bits. Nearly all endpoints have none, or those for their own places.
const (
	// HintedZone is for the zone of the endpoint and no other, HintedNode for its node
	// and no other.
	HintedZone Hints = 1 << iota
	HintedNode
	// HintedElsewhere is for the places in Slice.Elsewhere, also where these are several.
	HintedElsewhere
)

// Has reports whether all of want are set.
func (h Hints) Has(want Hints) bool { return h&want == want }

// Elsewhere is for whose use an endpoint is, where that is not just its own place. A
// level without places is as the bits of Hints say.
type Elsewhere struct {
	Zones, Nodes []Place
}

// maxHints is how many zones, and how many nodes, an API server lets a hint name.
const maxHints = 8

// maxPlaces is how many zones, and how many nodes, the endpoints of one slice can be
// told apart by.
const maxPlaces = 1<<16 - 1

// ReadPlaces takes over where the endpoints of a slice are, and for whose use: only
// who answers by topology needs it. The slice was made of that object, and nobody else
// has it yet. What is too much is left out: an endpoint without a place, or without a
// hint, is for everybody.
func (s *Slice) ReadPlaces(obj *discoveryv1.EndpointSlice) {
	if s.Refused != "" {
		return
	}
	zones, nodes := make(map[Place]uint16), make(map[Place]uint16)
	at := int32(0)
	for i := range obj.Endpoints {
		from := &obj.Endpoints[i]
		var e Endpoint
		e.Zone, s.Zones = placed(value(from.Zone), zones, s.Zones)
		e.Node, s.Nodes = placed(value(from.NodeName), nodes, s.Nodes)
		var elsewhere Elsewhere
		e.Hints, elsewhere = readHints(from)
		for range from.Addresses {
			of := &s.Endpoints[at]
			of.Zone, of.Node, of.Hints = e.Zone, e.Node, e.Hints
			if e.Hints.Has(HintedElsewhere) {
				if s.Elsewhere == nil {
					s.Elsewhere = make(map[int32]Elsewhere)
				}
				s.Elsewhere[at] = elsewhere
			}
			at++
		}
	}
}

// placed returns the index of a place plus one, 0 for none, and the list that it
// stands in.
func placed(text string, known map[Place]uint16, all []Place) (uint16, []Place) {
	if text == "" || len(text) > MaxName {
		return 0, all
	}
	place := unique.Make(text)
	if n := known[place]; n > 0 {
		return n, all
	}
	if len(all) == maxPlaces {
		return 0, all
	}
	all = append(all, place)
	known[place] = uint16(len(all))
	return uint16(len(all)), all
}

func readHints(from *discoveryv1.Endpoint) (h Hints, elsewhere Elsewhere) {
	if from.Hints == nil {
		return 0, elsewhere
	}
	zones := hinted(from.Hints.ForZones, func(z discoveryv1.ForZone) string { return z.Name })
	nodes := hinted(from.Hints.ForNodes, func(n discoveryv1.ForNode) string { return n.Name })
	if isOnly(zones, value(from.Zone)) {
		h |= HintedZone
	} else if len(zones) > 0 {
		h |= HintedElsewhere
		elsewhere.Zones = zones
	}
	if isOnly(nodes, value(from.NodeName)) {
		h |= HintedNode
	} else if len(nodes) > 0 {
		h |= HintedElsewhere
		elsewhere.Nodes = nodes
	}
	return h, elsewhere
}

// hinted returns the names of a hint, each once.
func hinted[T any](all []T, nameOf func(T) string) (places []Place) {
	for _, each := range all[:min(len(all), maxHints)] {
		if name := nameOf(each); name != "" && len(name) <= MaxName {
			if place := unique.Make(name); !slices.Contains(places, place) {
				places = append(places, place)
			}
		}
	}
	return places
}

func isOnly(places []Place, own string) bool {
	return len(places) == 1 && own != "" && places[0].Value() == own
}

// ZoneOf and NodeOf return where an endpoint of the slice is, the zero Place where
// nobody knows.
func (s *Slice) ZoneOf(e *Endpoint) Place { return placeAt(s.Zones, e.Zone) }

// NodeOf is to nodes what ZoneOf is to zones.
func (s *Slice) NodeOf(e *Endpoint) Place { return placeAt(s.Nodes, e.Node) }

func placeAt(all []Place, n uint16) Place {
	if n == 0 {
		return Place{}
	}
	return all[n-1]
}

// Distribution is what a Service asks for with spec.trafficDistribution.
type Distribution uint8

// The values that are known; what the future brings counts as none.
const (
	NoDistribution Distribution = iota
	// PreferSameZone has an older name, PreferClose.
	PreferSameZone
	PreferSameNode
)

// String returns the value as the Kubernetes API spells it.
func (d Distribution) String() string {
	return [...]string{"", "PreferSameZone", "PreferSameNode"}[d]
}
