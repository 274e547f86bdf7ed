package manifests

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// definition is where an object is defined.
type definition struct {
	path string
	// order is larger for what stands later: in a later file, or further down.
	order int
	*object
}

func (d definition) place() string { return d.in(d.path) }

// remark names an object that does not count, and says why: nothing is passed
// over in silence.
type remark struct {
	identity
	why error
}

// remarkOn names the definition besides the object: others may have its name.
func remarkOn(d definition, format string, args ...any) remark {
	id := d.identity
	id.name = fmt.Sprintf("%s (%s)", id.name, d.place())
	return remark{id, fmt.Errorf(format, args...)}
}

// definitions holds the definition that counts of each object.
type definitions struct {
	counting map[identity]definition
	// nameless are those of objects without a name.
	nameless []definition
	remarks  []remark
}

// add takes the next definition. Of two of one object the later one counts, as
// it does where kubectl applies one file after the other.
func (d *definitions) add(path string, o *object) {
	later := definition{path, len(d.counting) + len(d.remarks), o}
	if o.name == "" {
		d.nameless = append(d.nameless, later)
		return
	}
	if former, ok := d.counting[o.identity]; ok {
		d.remarks = append(d.remarks, remarkOn(former, "it is defined again at %s, and the later definition counts", later.place()))
	}
	if d.counting == nil {
		d.counting = make(map[identity]definition)
	}
	d.counting[o.identity] = later
}

// state returns what the definitions say together, and which of them are passed
// over.
func (d *definitions) state() (model.State, []remark) {
	s := model.State{
		Services:   make(map[model.ServiceKey]*model.Service),
		Slices:     make(map[model.SliceKey]*model.Slice),
		Namespaces: make(map[string]struct{}),
		Nodes:      make(map[string]*model.Node),
	}
	remarks := slices.Clone(d.remarks)
	sliced := d.sliced()
	claims := make(map[model.ServiceKey][]claim)
	for _, def := range d.counting {
		if def.reported != nil {
			s.Services[def.reported.ServiceKey] = def.reported
		}
		if def.matches {
			s.Namespaces[def.name] = struct{}{}
		}
		if def.node != nil {
			s.Nodes[def.node.Name.Value()] = def.node
		}
		reported, why := d.isReported(def, sliced)
		if why != nil {
			remarks = append(remarks, remarkOn(def, "%w", why))
		}
		for i := range def.slices {
			if reported {
				owner := def.slices[i].Owner()
				claims[owner] = append(claims[owner], claim{def, i})
			}
		}
	}
	d.addLeftOut(&s, sliced)
	for _, of := range claims {
		rank(of)
		for _, c := range of {
			slice := c.slices[c.index]
			s.Slices[slice.SliceKey] = slice
		}
	}
	return s, remarks
}

// addLeftOut adds what is left out of the Services that the other definitions are of.
func (d *definitions) addLeftOut(s *model.State, sliced map[model.ServiceKey]bool) {
	for _, def := range d.counting {
		switch c := def.leftOut; c.Kind {
		case model.KindService:
			s.Apply(c)
		case model.KindSlice:
			if reported, _ := d.concerns(def.kind, c.Slice.Owner(), sliced); reported {
				s.Apply(c)
			}
		}
	}
	for _, def := range d.nameless {
		if def.leftOut.Kind != model.KindSlice {
			continue
		}
		named := *def.leftOut.Slice
		named.Name = def.nameIn(def.path)
		if reported, _ := d.concerns(def.kind, named.Owner(), sliced); reported {
			s.Apply(model.SliceChange(&named))
		}
	}
}

// sliced returns the Services of which there are EndpointSlices.
func (d *definitions) sliced() map[model.ServiceKey]bool {
	all := make(map[model.ServiceKey]bool)
	for def := range maps.Values(d.counting) {
		if def.kind == "EndpointSlice" && len(def.slices) > 0 {
			all[def.slices[0].Owner()] = true
		}
	}
	return all
}

// isReported reports whether the slices of a definition are, and why it is passed
// over where they are not.
func (d *definitions) isReported(def definition, sliced map[model.ServiceKey]bool) (reported bool, why error) {
	if def.skipped != nil || len(def.slices) == 0 {
		return false, def.skipped
	}
	return d.concerns(def.kind, def.slices[0].Owner(), sliced)
}

// concerns reports whether slices of a Service are reported that come of an object of a
// kind, and why it is passed over where they are not. Those of a Service that is not
// served stay away in silence, like the Service. Those made of Endpoints are reported
// where nobody has written slices: no controller makes any here, neither for a selector
// nor of Endpoints.
func (d *definitions) concerns(kind string, owner model.ServiceKey, sliced map[model.ServiceKey]bool) (reported bool, why error) {
	service, ok := d.counting[identity{"Service", owner.Namespace, owner.Name}]
	isKnown := ok && service.refused == nil
	if isKnown && !service.served {
		return false, nil
	}
	switch {
	case kind == "EndpointSlice":
		return true, nil
	case !isKnown:
		return false, errors.New("there is no Service of its name")
	case sliced[owner]:
		return false, errors.New("its Service has EndpointSlices, and they count")
	}
	return true, nil
}

// claim is one slice of a definition.
type claim struct {
	definition
	index int
}

// rank numbers the slices of one Service, from 1 for the oldest: by the
// resourceVersion of their objects, by when these were created, and by where
// they stand. So the same files give the same answers after a restart. A slice
// whose rank changes becomes another one: it may be in use.
func rank(of []claim) {
	slices.SortFunc(of, func(a, b claim) int {
		return cmp.Or(cmp.Compare(a.version, b.version), a.created.Compare(b.created), cmp.Compare(a.order, b.order),
			cmp.Compare(a.index, b.index))
	})
	for i, c := range of {
		slice := c.slices[c.index]
		if n := uint64(i + 1); slice.Version != n {
			ranked := *slice
			ranked.Version = n
			c.slices[c.index] = &ranked
		}
	}
}
