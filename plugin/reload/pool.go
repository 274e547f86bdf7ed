// Package reload keeps count of who holds what, across the stanzas of a Corefile
// and across reloads. What several stanzas need runs once: a Pool (pool.go) starts
// it for the first that asks, and ends it after the last. What the stanzas of one
// instance of the server hold ends with that instance, whichever way it ends:
// Generations (generation.go) see to that.
package reload

import (
	"iter"
	"sync"
)

// Ender is what a Pool shares.
type Ender interface {
	// End ends what runs. It is called once, after the last holder has let go.
	End()
}

// Pool shares what runs, by key. The zero value is empty and ready for use, and
// its methods may be called from several goroutines: they wait for each other,
// also while something starts or ends.
type Pool[K comparable, V Ender] struct {
	mu      sync.Mutex
	running map[K]*shared[V]
}

type shared[V Ender] struct {
	value   V
	holders int
}

// Hold takes hold of what runs under a key. Where nothing does, start begins it,
// given all that runs under other keys. Each Hold that returns no error is to be
// followed by one Release.
func (p *Pool[K, V]) Hold(key K, start func(others iter.Seq[V]) (V, error)) (V, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.running[key]
	if held == nil {
		value, err := start(p.values)
		if err != nil {
			return value, err
		}
		held = &shared[V]{value: value}
		if p.running == nil {
			p.running = make(map[K]*shared[V])
		}
		p.running[key] = held
	}
	held.holders++
	return held.value, nil
}

// Release lets go of what runs under a key, which the caller holds. It returns
// when the value has ended, where nobody else holds it.
func (p *Pool[K, V]) Release(key K) {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.running[key]
	if held.holders--; held.holders > 0 {
		return
	}
	delete(p.running, key)
	held.value.End()
}

// Runs reports whether something runs under a key.
func (p *Pool[K, V]) Runs(key K) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running[key] != nil
}

func (p *Pool[K, V]) values(yield func(V) bool) {
	for _, held := range p.running {
		if !yield(held.value) {
			return
		}
	}
}
