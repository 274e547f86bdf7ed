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
	Zone  []uint16
	Hints []model.Hints
	// unzoned means that a slice says on which node an endpoint is, and not in which
	// zone: one that is mirrored, or of a Pod that is older than the zone of its node.
	unzoned bool
	// foreign means that one may be for another place than its own.
	foreign bool
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
func (p *Places) empty() { *p = Places{Zones: p.Zones[:0], Zone: p.Zone[:0], Hints: p.Hints[:0]} }

// grow makes room for n endpoints without places, unless there is.
func (p *Places) grow(n int) {
	if len(p.Zone) == n {
		return
	}
	p.Zone, p.Hints = slices.Grow(p.Zone[:0], n)[:n], slices.Grow(p.Hints[:0], n)[:n]
	clear(p.Zone)
	clear(p.Hints)
}

func (p *Places) clone() Places {
	return Places{Zones: slices.Clone(p.Zones), Zone: slices.Clone(p.Zone), Hints: slices.Clone(p.Hints), unzoned: p.unzoned, foreign: p.foreign}
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
	p.Zone[at], p.Hints[at] = translated[e.Zone], e.Hints
	p.unzoned = p.unzoned || e.Zone == 0 && e.Node != 0
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
		c.Zone[at] = 0
		if zone := zoneOf(s.NodeOf(e)); zone != (model.Place{}) {
			c.Zone[at] = c.zone(zone)
		}
	}
	return true
}

// refreshPlaces takes over what one slice says of the endpoints that are of it.
func (c *Current) refreshPlaces(s *model.Slice, of []At) {
	if len(c.Zone) == 0 && !says(s) {
		return
	}
	c.Places.grow(len(c.positions))
	translated := c.translate(s, nil)
	for j, at := range of {
		c.locate(at, &s.Endpoints[j], translated)
	}
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
		hints := c.Hints[at]
		elsewhere := model.Elsewhere{}
		if hints.Has(model.HintedElsewhere) {
			elsewhere = c.Elsewhere(at)
		}
		for _, place := range elsewhere.Zones {
			if !yield(place) {
				return
			}
		}
		if hints.Has(model.HintedZone) && !yield(c.ZoneName(at)) {
			return
		}
		for _, place := range elsewhere.Nodes {
			if !yield(place) {
				return
			}
		}
		if hints.Has(model.HintedNode) {
			yield(c.Node(at))
		}
	}
}

// Elsewhere returns for whose use an endpoint is that has a hint for other places than
// its own.
func (c *Current) Elsewhere(at At) model.Elsewhere {
	p := c.positions[at]
	return c.slices[p.in].Places.Elsewhere[p.index]
}
