package reload

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/coredns/caddy"
)

// Holder is what one stanza holds.
type Holder interface {
	// Stop lets go of it. It may be called before anything is held, and again.
	Stop()
}

// Generations are the instances of the server whose stanzas may hold something. A
// reload starts a new instance and, where that succeeds, ends the old one. The
// zero value is empty and ready for use.
type Generations[H Holder] struct {
	mu    sync.Mutex
	known map[*Generation[H]]struct{}
}

// Generation is what the stanzas of one instance of the server hold.
type Generation[H Holder] struct {
	// restarting is true while another instance is to take over.
	restarting atomic.Bool
	mu         sync.Mutex
	held       []H
}

// Add hands over what a stanza holds, or will hold: Stop is called when the
// instance ends.
func (g *Generation[H]) Add(h H) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = append(g.held, h)
}

// Held returns what was added. It is complete once all stanzas are set up.
func (g *Generation[H]) Held() []H {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.held)
}

func (g *Generation[H]) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, h := range g.held {
		h.Stop()
	}
}

// Of returns the Generation of the instance that is being set up. It is called by
// the setup of each stanza, and first lets go of what a start that failed has left
// behind: the stanza must not take that for what runs.
func (r *Generations[H]) Of(c *caddy.Controller) *Generation[H] {
	defer r.sweep()
	if g, ok := c.Get(r).(*Generation[H]); ok {
		return g
	}
	g := new(Generation[H])
	c.Set(r, g)
	r.enter(g)
	c.OnRestart(func() error {
		g.restarting.Store(true)
		return nil
	})
	c.OnRestartFailed(func() error {
		g.restarting.Store(false)
		r.sweep()
		return nil
	})
	c.OnShutdown(func() error {
		// At the end of the process this comes before the lame duck of the plugin
		// health, in which answers go on and so do changes.
		if g.restarting.Load() {
			r.end(g)
		}
		return nil
	})
	c.OnFinalShutdown(func() error {
		r.end(g)
		return nil
	})
	return g
}

func (r *Generations[H]) enter(g *Generation[H]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = make(map[*Generation[H]]struct{})
	}
	r.known[g] = struct{}{}
}

// end lets go of everything that a Generation holds. It may be called again.
func (r *Generations[H]) end(g *Generation[H]) {
	r.mu.Lock()
	delete(r.known, g)
	r.mu.Unlock()
	g.stop()
}

// sweep lets go of what is held for instances that are gone: caddy ends a new one
// whose start fails without a word to its plugins. It is called from the goroutine
// that starts instances, which alone may look at their list.
func (r *Generations[H]) sweep() {
	r.mu.Lock()
	gone := maps.Clone(r.known)
	r.mu.Unlock()
	for _, instance := range caddy.Instances() {
		instance.StorageMu.RLock()
		g, _ := instance.Storage[r].(*Generation[H])
		instance.StorageMu.RUnlock()
		delete(gone, g)
	}
	for g := range gone {
		r.end(g)
	}
}
