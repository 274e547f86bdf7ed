package endpoints

import (
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// stage stands between a source and the cache that it fills. While the cache
// serves a snapshot, or what a feed before it knew, it holds back what the source
// tells until that is the whole first state: what is known of a Service comes
// over several streams, and half of it would be worse than what is old. Then the
// cache is told the difference.
type stage struct {
	cache *cache
	// changes counts what the cache was told by the source.
	changes atomic.Uint64

	mu sync.Mutex
	// restored is what the snapshot had and told what the source has said; nil
	// once nothing is held back.
	restored, told *state
}

func newStage(c *cache) *stage { return &stage{cache: c} }

// restore makes the cache serve objects that may be out of date. It is called before
// the source and the cache run.
func (s *stage) restore(objects []model.Change) {
	s.restored, s.told = newState(), newState()
	for _, object := range objects {
		s.restored.apply(object)
	}
	s.cache.restore(objects)
}

// Apply implements source.Receiver.
func (s *stage) Apply(changes []model.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told == nil {
		s.cache.Apply(changes)
		s.changes.Add(1)
		return
	}
	for _, change := range changes {
		s.told.apply(s.restored.share(change))
	}
}

// Synced implements source.Receiver.
func (s *stage) Synced() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told != nil {
		changes := s.restored.difference(s.told)
		log.Infof("The first list is complete: %d objects differ from what was served before", len(changes))
		s.cache.Apply(changes)
		s.restored, s.told = nil, nil
	}
	s.changes.Add(1)
	s.cache.Synced()
}

// state holds objects by their names.
type state struct {
	services   map[model.ServiceKey]*model.Service
	slices     map[model.SliceKey]*model.Slice
	namespaces map[string]struct{}
}

func newState() *state {
	return &state{
		services:   make(map[model.ServiceKey]*model.Service),
		slices:     make(map[model.SliceKey]*model.Slice),
		namespaces: make(map[string]struct{}),
	}
}

func (s *state) apply(c model.Change) {
	switch {
	case c.Service != nil:
		put(s.services, c.Service.ServiceKey, c.Service, c.Removed)
	case c.Slice != nil:
		put(s.slices, c.Slice.SliceKey, c.Slice, c.Removed)
	default:
		put(s.namespaces, c.Namespace, struct{}{}, c.Removed)
	}
}

func put[K comparable, V any](all map[K]V, key K, value V, removed bool) {
	if removed {
		delete(all, key)
		return
	}
	all[key] = value
}

// share puts the object of s in the place of an equal one, so that only one of
// them is kept.
func (s *state) share(c model.Change) model.Change {
	switch {
	case c.Removed:
	case c.Service != nil:
		if known := s.services[c.Service.ServiceKey]; reflect.DeepEqual(known, c.Service) {
			c.Service = known
		}
	case c.Slice != nil:
		if known := s.slices[c.Slice.SliceKey]; known != nil && equalSlices(known, c.Slice) {
			c.Slice = known
		}
	}
	return c
}

func equalSlices(a, b *model.Slice) bool {
	return a.Service == b.Service && a.Version == b.Version && a.Triggered.Equal(b.Triggered) &&
		slices.Equal(a.Ports, b.Ports) && slices.Equal(a.Endpoints, b.Endpoints)
}

// difference returns what makes after of s. Equal objects are the same ones in
// both.
func (s *state) difference(after *state) (changes []model.Change) {
	for key, service := range s.services {
		if after.services[key] == nil {
			changes = append(changes, model.Change{Service: service, Removed: true})
		}
	}
	for key, slice := range s.slices {
		if now := after.slices[key]; now == nil || now.Service != slice.Service {
			changes = append(changes, model.Change{Slice: slice, Removed: true})
		}
	}
	for namespace := range s.namespaces {
		if _, still := after.namespaces[namespace]; !still {
			changes = append(changes, model.Change{Namespace: namespace, Removed: true})
		}
	}
	return append(changes, s.missing(after)...)
}

// missing returns what after has and s has not.
func (s *state) missing(after *state) (changes []model.Change) {
	for key, service := range after.services {
		if s.services[key] != service {
			changes = append(changes, model.Change{Service: service})
		}
	}
	for key, slice := range after.slices {
		if s.slices[key] != slice {
			changes = append(changes, model.Change{Slice: slice})
		}
	}
	for namespace := range after.namespaces {
		if _, known := s.namespaces[namespace]; !known {
			changes = append(changes, model.Change{Namespace: namespace})
		}
	}
	return changes
}
