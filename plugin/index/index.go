// Package index has maps with one writer and any number of readers, who take no
// lock: a query looks a Service up while others change.
//
// To read it, begin with index.go, the map. owners.go is two of them, from addresses
// to those who own them, with networks.go, which knows where there are any.
package index

import (
	"hash/maphash"
	"maps"
	"sync/atomic"
)

// shards is how many parts a Map has. A change copies one part, so this bounds what
// a change costs in a Map of many keys.
const shards = 512

// Map is a map whose parts are never written to, but copied and swapped. Apply has
// one caller at a time; the other methods may be called at any time.
type Map[K comparable, V any] struct {
	seed maphash.Seed
	part [shards]atomic.Pointer[map[K]V]
}

// New returns an empty Map.
func New[K comparable, V any]() *Map[K, V] { return &Map[K, V]{seed: maphash.MakeSeed()} }

func (m *Map[K, V]) at(key K) uint64 { return maphash.Comparable(m.seed, key) % shards }

// Get returns the value of key, or the zero value.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	part := m.part[m.at(key)].Load()
	if part == nil {
		return value, false
	}
	value, ok = (*part)[key]
	return value, ok
}

// All yields every key and value.
func (m *Map[K, V]) All(yield func(K, V) bool) {
	for i := range m.part {
		part := m.part[i].Load()
		if part == nil {
			continue
		}
		for key, value := range *part {
			if !yield(key, value) {
				return
			}
		}
	}
}

// Change is the new value of a key, or nil for its removal.
type Change[K comparable, V any] struct {
	Key   K
	Value *V
}

// Apply makes changes, in their order. Readers see those of one part at once.
func (m *Map[K, V]) Apply(changes []Change[K, V]) {
	var byPart [shards][]Change[K, V]
	for _, c := range changes {
		at := m.at(c.Key)
		byPart[at] = append(byPart[at], c)
	}
	for at, changes := range byPart {
		if len(changes) > 0 {
			m.part[at].Store(copied(m.part[at].Load(), changes))
		}
	}
}

func copied[K comparable, V any](part *map[K]V, changes []Change[K, V]) *map[K]V {
	next := make(map[K]V)
	if part != nil {
		next = maps.Clone(*part)
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(next, c.Key)
			continue
		}
		next[c.Key] = *c.Value
	}
	return &next
}
