package model

import (
	"maps"
	"slices"
	"unique"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// Place is the name of a zone or of a node, as it is written. The zero value is one
// that nobody knows.
type Place = unique.Handle[string]

// placeOf returns the zero Place for a text that is none: empty, or longer than any
// name.
func placeOf(text string) Place {
	if text == "" || len(text) > MaxName {
		return Place{}
	}
	return unique.Make(text)
}

// Hints say for whose use an endpoint is, as its slice says it (EndpointHints).
type Hints uint8

// The hints as bits. Nearly all endpoints have none, or those for their own places.
const (
	// HintedZone is for the zone of the endpoint and no other, HintedNode for its node
	// and no other.
	HintedZone Hints = 1 << iota
	HintedNode
	// HintedElsewhere is for the places in Places.Elsewhere, also where these are several.
	HintedElsewhere
)

// Has reports whether all of want are set.
func (h Hints) Has(want Hints) bool { return h&want == want }

// Elsewhere is for whose use an endpoint is, where that is not just its own place: 1 to
// 8 zones, nodes, or both, in the order in which they are written. A level without
// places is as the bits of Hints say.
type Elsewhere struct {
	Zones, Nodes []Place
}

func (e Elsewhere) equal(other Elsewhere) bool {
	return slices.Equal(e.Zones, other.Zones) && slices.Equal(e.Nodes, other.Nodes)
}

// Places are where the endpoints of a slice are, and for whose use. They stand apart
// from the slice, since only who answers by topology has them.
type Places struct {
	// Zones and Nodes are those of the endpoints, each once, in the order in which
	// they first appear.
	Zones, Nodes []Place
	// Elsewhere is by the index of an endpoint whose Hints have HintedElsewhere.
	Elsewhere map[int32]Elsewhere
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
	var r placeReader
	at := 0
	for i := range obj.Endpoints {
		from := &obj.Endpoints[i]
		zone, node := r.zones.index(from.Zone), r.nodes.index(from.NodeName)
		hints, elsewhere := r.hints(from.Hints, zone, node)
		for range from.Addresses {
			of := &s.Endpoints[at]
			of.Zone, of.Node, of.Hints = zone, node, hints
			if hints.Has(HintedElsewhere) {
				r.put(at, elsewhere)
			}
			at++
		}
	}
	s.Places = r.places()
}

// placeReader collects the places of one slice.
type placeReader struct {
	zones, nodes placeIndex
	elsewhere    map[int32]Elsewhere
}

// places returns nil where there are none.
func (r *placeReader) places() *Places {
	if len(r.zones.all)+len(r.nodes.all)+len(r.elsewhere) == 0 {
		return nil
	}
	return &Places{Zones: slices.Clone(r.zones.all), Nodes: slices.Clone(r.nodes.all), Elsewhere: r.elsewhere}
}

func (r *placeReader) put(at int, e Elsewhere) {
	if r.elsewhere == nil {
		r.elsewhere = make(map[int32]Elsewhere)
	}
	r.elsewhere[int32(at)] = e
}

// hints reads those of an endpoint whose own places have these indexes plus one.
func (r *placeReader) hints(from *discoveryv1.EndpointHints, zone, node uint16) (h Hints, e Elsewhere) {
	if from == nil {
		return 0, e
	}
	e.Zones = hinted(from.ForZones, func(z *discoveryv1.ForZone) string { return z.Name })
	if len(e.Zones) == 1 && e.Zones[0] == placeAt(r.zones.all, zone) {
		h, e.Zones = h|HintedZone, nil
	}
	e.Nodes = hinted(from.ForNodes, func(n *discoveryv1.ForNode) string { return n.Name })
	if len(e.Nodes) == 1 && e.Nodes[0] == placeAt(r.nodes.all, node) {
		h, e.Nodes = h|HintedNode, nil
	}
	if len(e.Zones)+len(e.Nodes) > 0 {
		h |= HintedElsewhere
	}
	return h, e
}

// hinted returns the names of a hint, each once. A hint of more than an API server lets
// through is none: with a part of it the endpoint would be for fewer than it says.
func hinted[T any](all []T, nameOf func(*T) string) (places []Place) {
	if len(all) > maxHints {
		return nil
	}
	for i := range all {
		if place := placeOf(nameOf(&all[i])); place != (Place{}) && !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	return places
}

// placeIndex numbers places as they come.
type placeIndex struct {
	// known are the numbers by the texts of an API object, which are not kept.
	known map[string]uint16
	all   []Place
}

// index returns the index of a place plus one, 0 for none, and for one that is too much.
func (x *placeIndex) index(text *string) uint16 {
	name := value(text)
	if n, ok := x.known[name]; ok {
		return n
	}
	place := placeOf(name)
	if place == (Place{}) || len(x.all) == maxPlaces {
		return 0
	}
	if x.known == nil {
		x.known = make(map[string]uint16)
	}
	x.all = append(x.all, place)
	n := uint16(len(x.all))
	x.known[name] = n
	return n
}

// ZoneOf returns the zone of an endpoint of the slice, the zero Place where nobody
// knows it.
func (s *Slice) ZoneOf(e *Endpoint) Place {
	if s.Places == nil {
		return Place{}
	}
	return placeAt(s.Places.Zones, e.Zone)
}

// NodeOf is to nodes what ZoneOf is to zones.
func (s *Slice) NodeOf(e *Endpoint) Place {
	if s.Places == nil {
		return Place{}
	}
	return placeAt(s.Places.Nodes, e.Node)
}

// ElsewhereOf returns the hints of the endpoint with that index, as far as they are not
// just for its own place.
func (s *Slice) ElsewhereOf(index int) Elsewhere {
	if s.Places == nil {
		return Elsewhere{}
	}
	return s.Places.Elsewhere[int32(index)]
}

func placeAt(all []Place, n uint16) Place {
	if n == 0 {
		return Place{}
	}
	return all[n-1]
}

func (p *Places) equal(other *Places) bool {
	if p == nil || other == nil {
		return p == other
	}
	return p == other || slices.Equal(p.Zones, other.Zones) && slices.Equal(p.Nodes, other.Nodes) &&
		maps.EqualFunc(p.Elsewhere, other.Elsewhere, Elsewhere.equal)
}

// usersOf returns for whose use the endpoint with that index is, its own place
// included.
func (s *Slice) usersOf(index int) Elsewhere {
	e, users := &s.Endpoints[index], s.ElsewhereOf(index)
	if e.Hints.Has(HintedZone) {
		users.Zones = []Place{s.ZoneOf(e)}
	}
	if e.Hints.Has(HintedNode) {
		users.Nodes = []Place{s.NodeOf(e)}
	}
	return users
}

// hintsObject returns nil where the endpoint is for everybody's use.
func (s *Slice) hintsObject(index int) *discoveryv1.EndpointHints {
	if s.Endpoints[index].Hints == 0 {
		return nil
	}
	users, obj := s.usersOf(index), new(discoveryv1.EndpointHints)
	for _, zone := range users.Zones {
		obj.ForZones = append(obj.ForZones, discoveryv1.ForZone{Name: zone.Value()})
	}
	for _, node := range users.Nodes {
		obj.ForNodes = append(obj.ForNodes, discoveryv1.ForNode{Name: node.Value()})
	}
	return obj
}

func textOf(place Place) *string {
	if place == (Place{}) {
		return nil
	}
	return new(place.Value())
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
