package roster

import (
	"iter"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Places say in which zone each endpoint is, and for whose use. They come and go with
// readiness, as conditions do. Of slices that say nothing of places they are empty.
type Places struct {
	// Zones are those that occur, and perhaps some that did.
	Zones []model.Place
	// Zone has the index in Zones of each endpoint plus one, 0 where nobody knows.
	Zone []uint16
	Hints
	// unzoned means that a slice says on which node an endpoint is, and not in which
	// zone: one that is mirrored, or of a Pod that is older than the zone of its node.
	unzoned bool
	// foreign means that one may be for another place than its own.
	foreign bool
	// byZone and byNode are made when somebody asks, until an endpoint moves.
	byZone, byNode [Families]*Parts
}

// Hints has a set of endpoints for each hint: those for their own zone, for their own node,
// and for other places.
type Hints struct{ ForZone, ForNode, Elsewhere Bits }

func (h *Hints) reset(n int) {
	h.ForZone, h.ForNode, h.Elsewhere = h.ForZone.Reset(n), h.ForNode.Reset(n), h.Elsewhere.Reset(n)
}

func (h *Hints) put(at At, are model.Hints) {
	h.ForZone.Put(at, are.Has(model.HintedZone))
	h.ForNode.Put(at, are.Has(model.HintedNode))
	h.Elsewhere.Put(at, are.Has(model.HintedElsewhere))
}

func (h *Hints) clone() Hints {
	return Hints{slices.Clone(h.ForZone), slices.Clone(h.ForNode), slices.Clone(h.Elsewhere)}
}

// Foreign reports whether a slice may say that an endpoint is for another place than its
// own.
func (p *Places) Foreign() bool { return p.foreign }

// maxZones is how many zones the endpoints of a Service can be told apart by: they are
// looked for one after the other.
const maxZones = 1000

// says reports whether a slice says anything of places.
func says(s *model.Slice) bool { return s.Places != nil }

// empty forgets the places, and keeps their memory.
func (p *Places) empty() { *p = Places{Zones: p.Zones[:0], Zone: p.Zone[:0], Hints: p.Hints} }

// grow makes room for n endpoints without places, unless there is.
func (p *Places) grow(n int) {
	if len(p.Zone) == n {
		return
	}
	p.Zone = slices.Grow(p.Zone[:0], n)[:n]
	clear(p.Zone)
	p.Hints.reset(n)
}

func (p *Places) clone() Places {
	kept := *p
	kept.Zones, kept.Zone, kept.Hints = slices.Clone(p.Zones), slices.Clone(p.Zone), p.Hints.clone()
	return kept
}

// zone returns the index of a zone plus one, and adds it where it is new.
func (p *Places) zone(zone model.Place) uint16 {
	at := slices.Index(p.Zones, zone)
	if at < 0 && len(p.Zones) == maxZones {
		return 0
	}
	if at < 0 {
		at = len(p.Zones)
		p.Zones = append(p.Zones, zone)
	}
	return uint16(at + 1)
}

// translate returns what the zones of a slice are called in p, by index plus one.
func (p *Places) translate(s *model.Slice, dst []uint16) []uint16 {
	dst = append(dst[:0], 0)
	if s.Places == nil {
		return dst
	}
	for _, zone := range s.Places.Zones {
		dst = append(dst, p.zone(zone))
	}
	return dst
}

// takePlaces takes over what all slices say.
func (c *Current) takePlaces() {
	c.empty()
	if !slices.ContainsFunc(c.slices, says) {
		return
	}
	c.Places.grow(len(c.positions))
	translated := make([][]uint16, len(c.slices))
	for i, s := range c.slices {
		translated[i] = c.translate(s, nil)
	}
	for at, p := range c.positions {
		e := &c.slices[p.in].Endpoints[p.index]
		c.locate(At(at), e, translated[p.in])
	}
}

// locate takes over the places of an endpoint, whose zones are translated.
func (p *Places) locate(at At, e *model.Endpoint, translated []uint16) {
	p.Zone[at] = translated[e.Zone]
	p.unzoned = p.unzoned || e.Zone == 0 && e.Node != 0
	p.hint(at, e)
}

// hint takes over for whose use an endpoint is.
func (p *Places) hint(at At, e *model.Endpoint) {
	p.Hints.put(at, e.Hints)
	p.foreign = p.foreign || e.Hints.Has(model.HintedElsewhere)
}

// FillZones gives the endpoints of which only the node is known the zones of their nodes,
// and reports whether there are any.
func (c *Current) FillZones(zoneOf func(node model.Place) model.Place) bool {
	if !c.unzoned {
		return false
	}
	for at, p := range c.positions {
		s := c.slices[p.in]
		e := &s.Endpoints[p.index]
		if e.Zone != 0 || e.Node == 0 {
			continue
		}
		number := uint16(0)
		if zone := zoneOf(s.NodeOf(e)); zone != (model.Place{}) {
			number = c.zone(zone)
		}
		if c.Zone[at] != number {
			c.Zone[at], c.byZone = number, [Families]*Parts{}
		}
	}
	return true
}

// refreshPlaces takes over what one slice says of the endpoints that are of it. Most often
// these are where the slice before has them: hints come and go with readiness, places do not.
func (c *Current) refreshPlaces(before, s *model.Slice, of []At) {
	if len(c.Zone) == 0 && !says(s) {
		return
	}
	c.Places.grow(len(c.positions))
	var translated []uint16
	for j, at := range of {
		was, is := &before.Endpoints[j], &s.Endpoints[j]
		if before.ZoneOf(was) == s.ZoneOf(is) && before.NodeOf(was) == s.NodeOf(is) {
			c.hint(at, is)
			continue
		}
		if translated == nil {
			translated = c.translate(s, nil)
		}
		c.locate(at, is, translated)
		c.byZone, c.byNode = [Families]*Parts{}, [Families]*Parts{}
	}
}

// ByZone parts the endpoints of a family by the zones that they are in. It is for slices that
// say something of places.
func (c *Current) ByZone(family int) *Parts {
	if c.byZone[family] == nil {
		p := c.unparted(family)
		p.name(c.Zones)
		numbers := p.numbersOf(c.Zones)
		for i, zone := range c.Zone[p.first:][:len(p.numbers)] {
			p.numbers[i] = numbers[zone]
		}
		p.fill(p.own)
		c.byZone[family] = p
	}
	return c.byZone[family]
}

// ByNode is to nodes what ByZone is to zones.
func (c *Current) ByNode(family int) *Parts {
	if c.byNode[family] == nil {
		p := c.unparted(family)
		p.name(c.nodes(family))
		numbers := make([][]uint16, len(c.slices))
		for i := range p.numbers {
			at := c.positions[int(p.first)+i]
			s := c.slices[at.in]
			if numbers[at.in] == nil && says(s) {
				numbers[at.in] = p.numbersOf(s.Places.Nodes)
			}
			if node := s.Endpoints[at.index].Node; node > 0 {
				p.numbers[i] = numbers[at.in][node]
			}
		}
		p.fill(p.own)
		c.byNode[family] = p
	}
	return c.byNode[family]
}

// unparted returns Parts of a family in which nobody has a place.
func (c *Current) unparted(family int) *Parts {
	if family == IPv4 {
		return &Parts{numbers: make([]uint16, c.Split())}
	}
	return &Parts{first: At(c.Split()), numbers: make([]uint16, c.Len()-c.Split())}
}

// nodes returns those that the slices of a family name, which may be several times.
func (c *Current) nodes(family int) (all []model.Place) {
	for _, s := range c.slices {
		if says(s) && len(s.Endpoints) > 0 && familyOf(s.Endpoints[0].Address) == family {
			all = append(all, s.Places.Nodes...)
		}
	}
	return all
}

// Node returns the node of an endpoint, the zero Place where nobody knows.
func (c *Current) Node(at At) model.Place {
	p := c.positions[at]
	s := c.slices[p.in]
	return s.NodeOf(&s.Endpoints[p.index])
}

// ZoneName returns the zone of an endpoint, the zero Place where nobody knows.
func (c *Current) ZoneName(at At) model.Place {
	if len(c.Zone) == 0 || c.Zone[at] == 0 {
		return model.Place{}
	}
	return c.Zones[c.Zone[at]-1]
}

// HintedFor yields the places that the slice says an endpoint is for.
func (c *Current) HintedFor(at At) iter.Seq[model.Place] {
	return func(yield func(model.Place) bool) {
		elsewhere := c.ElsewhereOf(at)
		for _, place := range elsewhere.Zones {
			if !yield(place) {
				return
			}
		}
		if c.ForZone.Has(at) && !yield(c.ZoneName(at)) {
			return
		}
		for _, place := range elsewhere.Nodes {
			if !yield(place) {
				return
			}
		}
		if c.ForNode.Has(at) {
			yield(c.Node(at))
		}
	}
}

// ElsewhereOf returns for whose use an endpoint is that has a hint for other places than
// its own, nothing of one that has none.
func (c *Current) ElsewhereOf(at At) (e model.Elsewhere) {
	if c.Elsewhere.Has(at) {
		p := c.positions[at]
		e = c.slices[p.in].Places.Elsewhere[p.index]
	}
	return e
}
