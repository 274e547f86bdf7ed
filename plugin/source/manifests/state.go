package manifests

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// definition is where an object is defined.
type definition struct {
	path string
	*object
}

// duplicate is a definition of an object that has another one.
type duplicate struct{ again, first definition }

func (d duplicate) String() string {
	return fmt.Sprintf("%s:%d: %s is defined already at %s:%d",
		d.again.path, d.again.line, d.again.identity, d.first.path, d.first.line)
}

// definitions returns which definition of each object counts: that in the file
// where it was before, else the first by path and line.
func definitions(files map[string]*file, before map[identity]definition) (map[identity]definition, []duplicate) {
	now := make(map[identity]definition, len(before))
	var twice []duplicate
	for _, path := range slices.Sorted(maps.Keys(files)) {
		objects := files[path].objects
		for i := range objects {
			d := definition{path, &objects[i]}
			if d.name == "" {
				continue
			}
			first, ok := now[d.identity]
			if ok && path != first.path && path == before[d.identity].path {
				d, first = first, d
			}
			if ok {
				twice = append(twice, duplicate{again: d, first: first})
				d = first
			}
			now[d.identity] = d
		}
	}
	return now, twice
}

// state is what a Receiver has been told.
type state struct {
	services   map[model.ServiceKey]*model.Service
	slices     map[model.SliceKey]*model.Slice
	namespaces map[string]bool
}

func newState() state {
	return state{
		services:   make(map[model.ServiceKey]*model.Service),
		slices:     make(map[model.SliceKey]*model.Slice),
		namespaces: make(map[string]bool),
	}
}

// wanted returns the state that definitions lead to.
func wanted(inForce map[identity]definition) state {
	s := newState()
	for _, d := range inForce {
		if d.reported != nil {
			s.services[d.reported.ServiceKey] = d.reported
		}
		if d.matches {
			s.namespaces[d.name] = true
		}
		if !hasSlices(inForce, d.object) {
			continue
		}
		for _, slice := range d.slices {
			s.slices[slice.SliceKey] = slice
		}
	}
	return s
}

// hasSlices tells whether the slices of o are to be reported. Those of a
// Service that is not served are not, and as in a cluster an Endpoints object
// is mirrored only where there is a Service that selects no Pods. Whether
// somebody has written slices by hand does not count, there neither.
func hasSlices(inForce map[identity]definition, o *object) bool {
	if len(o.slices) == 0 {
		return false
	}
	owner := o.slices[0].Owner()
	service, ok := inForce[identity{"Service", owner.Namespace, owner.Name}]
	if !ok || service.refused != nil {
		return o.kind == "EndpointSlice"
	}
	return service.served && (o.kind == "EndpointSlice" || !service.selects)
}

// become makes s the state that definitions lead to, and returns how it got
// there: first what is gone, then what is new or different, each by name.
func (s *state) become(inForce map[identity]definition) []model.Change {
	to := wanted(inForce)
	changes := s.removals(to)
	for _, name := range slices.Sorted(maps.Keys(to.namespaces)) {
		if !s.namespaces[name] {
			changes = append(changes, model.NamespaceChange(name))
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(to.services), compareServices) {
		if service := to.services[key]; !reflect.DeepEqual(s.services[key], service) {
			changes = append(changes, model.ServiceChange(service))
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(to.slices), compareSlices) {
		slice := to.slices[key]
		if old := s.slices[key]; isSame(old, slice) {
			to.slices[key] = old
			continue
		}
		changes = append(changes, model.SliceChange(slice))
	}
	*s = to
	return changes
}

// removals returns what s has and to has not, and the slices that change their
// Service.
func (s *state) removals(to state) []model.Change {
	var changes []model.Change
	for _, key := range slices.SortedFunc(maps.Keys(s.slices), compareSlices) {
		old := s.slices[key]
		if slice := to.slices[key]; slice == nil || slice.Service != old.Service {
			gone := &model.Slice{SliceKey: key, Service: old.Service}
			changes = append(changes, model.SliceChange(gone).Removal())
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(s.services), compareServices) {
		if to.services[key] == nil {
			changes = append(changes, model.ServiceChange(&model.Service{ServiceKey: key}).Removal())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.namespaces)) {
		if !to.namespaces[name] {
			changes = append(changes, model.NamespaceChange(name).Removal())
		}
	}
	return changes
}

// isSame compares all but Version, which tells only that a file was read again.
func isSame(a, b *model.Slice) bool {
	if a == nil || a == b {
		return a == b
	}
	renumbered := *b
	renumbered.Version = a.Version
	return reflect.DeepEqual(a, &renumbered)
}

func compareServices(a, b model.ServiceKey) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

func compareSlices(a, b model.SliceKey) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
