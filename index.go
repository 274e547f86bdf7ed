package endpoints

import (
	"hash/maphash"
	"maps"
	"sync/atomic"
)

// shards is how many parts an index has. A change copies one part, so this
// bounds what a change costs in an index of many keys.
const shards = 512

// index is a map with one writer and any number of readers, who take no lock:
// its parts are never written to, but copied and swapped.
type index[K comparable, V any] struct {
	hash func(K) uint64
	part [shards]atomic.Pointer[map[K]V]
}

// newNames returns an empty index by name.
func newNames[V any]() *index[string, V] {
	seed := maphash.MakeSeed()
	return &index[string, V]{hash: func(key string) uint64 { return maphash.String(seed, key) }}
}

// newAddresses4 returns an empty index by IPv4 address.
func newAddresses4[V any]() *index[[4]byte, V] {
	seed := maphash.MakeSeed()
	return &index[[4]byte, V]{hash: func(key [4]byte) uint64 { return maphash.Bytes(seed, key[:]) }}
}

// newAddresses6 returns an empty index by IPv6 address.
func newAddresses6[V any]() *index[[16]byte, V] {
	seed := maphash.MakeSeed()
	return &index[[16]byte, V]{hash: func(key [16]byte) uint64 { return maphash.Bytes(seed, key[:]) }}
}

// get returns the value of key, or the zero value.
func (x *index[K, V]) get(key K) (value V, ok bool) {
	part := x.part[x.hash(key)%shards].Load()
	if part == nil {
		return value, false
	}
	value, ok = (*part)[key]
	return value, ok
}

// all yields every key and value.
func (x *index[K, V]) all(yield func(K, V) bool) {
	for i := range x.part {
		part := x.part[i].Load()
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

// entry is the new value of a key, or nil for its removal.
type entry[K comparable, V any] struct {
	key   K
	value *V
}

// apply makes changes, in their order. Readers see those of one part at once.
func (x *index[K, V]) apply(changes []entry[K, V]) {
	var byPart [shards][]entry[K, V]
	for _, c := range changes {
		at := x.hash(c.key) % shards
		byPart[at] = append(byPart[at], c)
	}
	for at, changes := range byPart {
		if len(changes) > 0 {
			x.part[at].Store(copied(x.part[at].Load(), changes))
		}
	}
}

func copied[K comparable, V any](part *map[K]V, changes []entry[K, V]) *map[K]V {
	next := make(map[K]V)
	if part != nil {
		next = maps.Clone(*part)
	}
	for _, c := range changes {
		if c.value == nil {
			delete(next, c.key)
			continue
		}
		next[c.key] = *c.value
	}
	return &next
}
