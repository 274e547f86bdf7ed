package model

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// State holds objects by their keys: what Changes lead to, one after the other.
// The zero value is empty. What reads the maps must not write to them: Apply does.
type State struct {
	Services   map[ServiceKey]*Service
	Slices     map[SliceKey]*Slice
	Namespaces map[string]struct{}
	Nodes      map[string]*Node
}

// Apply makes a change. It panics where the kind is unknown, because no object
// of a cluster can bring that about: somebody has forgotten a kind here.
func (s *State) Apply(c Change) {
	switch c.Kind {
	case KindService:
		put(&s.Services, c.Service.ServiceKey, c.Service, c.Removed)
	case KindSlice:
		put(&s.Slices, c.Slice.SliceKey, c.Slice, c.Removed)
	case KindNamespace:
		put(&s.Namespaces, c.Namespace, struct{}{}, c.Removed)
	case KindNode:
		put(&s.Nodes, c.Node.Name.Value(), c.Node, c.Removed)
	default:
		panic(fmt.Sprintf("model: a change of %v", c))
	}
}

func put[K comparable, V any](all *map[K]V, key K, value V, removed bool) {
	if removed {
		delete(*all, key)
		return
	}
	if *all == nil {
		*all = make(map[K]V)
	}
	(*all)[key] = value
}

// Len returns how many objects the state holds.
func (s *State) Len() int {
	return len(s.Services) + len(s.Slices) + len(s.Namespaces) + len(s.Nodes)
}

// Share returns c with the object that s holds in place of an equal one of its
// own, so that only one of them stays in memory, and a comparison of both need
// not look into them.
func (s *State) Share(c Change) Change {
	switch {
	case c.Removed:
	case c.Kind == KindService:
		if known := s.Services[c.Service.ServiceKey]; known != nil && known.Equal(c.Service) {
			c.Service = known
		}
	case c.Kind == KindSlice:
		if known := s.Slices[c.Slice.SliceKey]; known != nil && known.Equal(c.Slice) {
			c.Slice = known
		}
	case c.Kind == KindNode:
		if known := s.Nodes[c.Node.Name.Value()]; known != nil && known.Equal(c.Node) {
			c.Node = known
		}
	}
	return c
}

// All yields a change to each object that s holds, in the order in which
// Difference reports what is new.
func (s *State) All() iter.Seq[Change] {
	return slices.Values(new(State).Difference(s))
}

// Difference returns the changes that make to of s, for a receiver that has seen s.
// Removals come first, and so does that of a slice from a Service that it leaves
// for another one. What is new or different follows: Namespaces, Nodes, Services,
// slices. Within these, changes are sorted by namespace and name.
func (s *State) Difference(to *State) []Change {
	return append(s.removals(to), s.news(to)...)
}

func (s *State) removals(to *State) (changes []Change) {
	for key, slice := range sorted(s.Slices, SliceKey.Compare) {
		if now := to.Slices[key]; now == nil || now.Service != slice.Service {
			changes = append(changes, SliceChange(slice).Removal())
		}
	}
	for key, service := range sorted(s.Services, ServiceKey.Compare) {
		if to.Services[key] == nil {
			changes = append(changes, ServiceChange(service).Removal())
		}
	}
	for name := range sorted(s.Namespaces, strings.Compare) {
		if _, still := to.Namespaces[name]; !still {
			changes = append(changes, NamespaceChange(name).Removal())
		}
	}
	for name, node := range sorted(s.Nodes, strings.Compare) {
		if to.Nodes[name] == nil {
			changes = append(changes, NodeChange(node).Removal())
		}
	}
	return changes
}

func (s *State) news(to *State) (changes []Change) {
	for name := range sorted(to.Namespaces, strings.Compare) {
		if _, known := s.Namespaces[name]; !known {
			changes = append(changes, NamespaceChange(name))
		}
	}
	for name, node := range sorted(to.Nodes, strings.Compare) {
		if known := s.Nodes[name]; known == nil || !known.Equal(node) {
			changes = append(changes, NodeChange(node))
		}
	}
	for key, service := range sorted(to.Services, ServiceKey.Compare) {
		if known := s.Services[key]; known == nil || !known.Equal(service) {
			changes = append(changes, ServiceChange(service))
		}
	}
	for key, slice := range sorted(to.Slices, SliceKey.Compare) {
		if known := s.Slices[key]; known == nil || !known.Equal(slice) {
			changes = append(changes, SliceChange(slice))
		}
	}
	return changes
}

// sorted yields a map in the order of its keys.
func sorted[K comparable, V any](all map[K]V, compare func(a, b K) int) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, key := range slices.SortedFunc(maps.Keys(all), compare) {
			if !yield(key, all[key]) {
				return
			}
		}
	}
}

// Compare orders keys by namespace, then by name.
func (k ServiceKey) Compare(other ServiceKey) int {
	return cmp.Or(strings.Compare(k.Namespace, other.Namespace), strings.Compare(k.Name, other.Name))
}

// Compare orders keys by namespace, then by name.
func (k SliceKey) Compare(other SliceKey) int {
	return cmp.Or(strings.Compare(k.Namespace, other.Namespace), strings.Compare(k.Name, other.Name))
}

// Equal reports whether nothing tells s and other apart. Neither is nil.
func (s *Service) Equal(other *Service) bool {
	return s == other || reflect.DeepEqual(s, other)
}

// Equal reports whether nothing tells s and other apart. Neither is nil.
func (s *Slice) Equal(other *Slice) bool {
	return s == other || s.SliceKey == other.SliceKey && s.Service == other.Service && s.Refused == other.Refused &&
		s.Version == other.Version && s.Triggered == other.Triggered &&
		slices.Equal(s.Ports, other.Ports) && slices.Equal(s.Endpoints, other.Endpoints) && s.equalNames(other) && s.Places.equal(other.Places)
}

// equalNames reports whether two slices have the same names.
func (s *Slice) equalNames(other *Slice) bool {
	return (s.Names == nil) == (other.Names == nil) && slices.Equal(s.Named(), other.Named())
}
