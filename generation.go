package endpoints

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/coredns/caddy"
)

// generation is what the stanzas of one instance of the server hold. A reload
// starts a new instance and, where that succeeds, ends the old one.
type generation struct {
	// restarting is true while another instance is to take over.
	restarting atomic.Bool
	mu         sync.Mutex
	held       []*subscription
}

func (g *generation) add(s *subscription) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = append(g.held, s)
}

// snapshotsBeside returns the snapshots of the other stanzas that share the feed of
// one, each once. It is complete when all stanzas are read.
func (g *generation) snapshotsBeside(one *subscription) (others []snapshotOption) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := one.stanza.key()
	for _, s := range g.held {
		option := s.stanza.snapshot
		if option != one.stanza.snapshot && s.stanza.key() == key && !slices.Contains(others, option) {
			others = append(others, option)
		}
	}
	return others
}

// generationKey is where an instance has its generation.
type generationKey struct{}

// generations are those that may hold something.
var generations = struct {
	mu    sync.Mutex
	known map[*generation]struct{}
}{known: make(map[*generation]struct{})}

// generationOf returns the generation of the instance that is being set up.
func generationOf(c *caddy.Controller) *generation {
	if g, ok := c.Get(generationKey{}).(*generation); ok {
		return g
	}
	g := new(generation)
	c.Set(generationKey{}, g)
	generations.mu.Lock()
	generations.known[g] = struct{}{}
	generations.mu.Unlock()
	c.OnRestart(func() error {
		g.restarting.Store(true)
		return nil
	})
	c.OnRestartFailed(func() error {
		g.restarting.Store(false)
		sweep()
		return nil
	})
	c.OnShutdown(func() error {
		// At the end of the process this comes before the lame duck of the plugin
		// health, in which answers go on and so do changes.
		if g.restarting.Load() {
			g.stop()
		}
		return nil
	})
	c.OnFinalShutdown(func() error {
		g.stop()
		return nil
	})
	return g
}

// stop lets go of everything. It may be called again.
func (g *generation) stop() {
	generations.mu.Lock()
	delete(generations.known, g)
	generations.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.held {
		s.stop()
	}
}

// sweep lets go of what is held for instances that are gone. caddy ends a new
// one whose start fails without a word to its plugins. It is called from the
// goroutine that starts instances, which alone may look at their list.
func sweep() {
	generations.mu.Lock()
	gone := maps.Clone(generations.known)
	generations.mu.Unlock()
	for _, instance := range caddy.Instances() {
		instance.StorageMu.RLock()
		g, _ := instance.Storage[generationKey{}].(*generation)
		instance.StorageMu.RUnlock()
		delete(gone, g)
	}
	for g := range gone {
		g.stop()
	}
}
