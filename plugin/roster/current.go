package roster

import (
	"hash/maphash"
	"iter"
	"net/netip"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Current is a Roster and the conditions that its endpoints have now. Most changes
// of a Service are of conditions only, and leave the Roster as it is.
type Current struct {
	*Roster
	Conditions
	Places

	// slices are those that the Roster was made of, or later states of them.
	slices []*model.Slice
	// positions are where the endpoints stand in the slices, and order is where the
	// endpoints of the slices, one slice after the other, stand in the Roster; that
	// is made only where a Current is kept.
	positions []position
	order     []At
	pods      pods
	// failing is the memory of Failing.
	failing Bits
}

// Conditions has a set of endpoints for each condition, so that a policy can decide
// about 64 endpoints at once.
type Conditions struct {
	Ready, Serving, Terminating Bits
	// Failing are those whose check fails. No slice says that, but Fail: it is nil where
	// there are none.
	Failing Bits
}

func (c *Conditions) reset(n int) {
	c.Ready, c.Serving, c.Terminating = c.Ready.Reset(n), c.Serving.Reset(n), c.Terminating.Reset(n)
	c.Failing = nil
}

func (c *Conditions) put(at At, is model.Conditions) {
	c.Ready.Put(at, is.Has(model.Ready))
	c.Serving.Put(at, is.Has(model.Serving))
	c.Terminating.Put(at, is.Has(model.Terminating))
}

// Endpoint returns what the slices say of an endpoint.
func (c *Current) Endpoint(at At) *model.Endpoint {
	p := c.positions[at]
	return &c.slices[p.in].Endpoints[p.index]
}

// Fail takes over the addresses whose check fails, in place of those before. Others than
// those of endpoints do not count.
func (c *Current) Fail(addresses iter.Seq[netip.Addr]) {
	c.Failing = nil
	for addr := range addresses {
		at, ok := c.Find(addr)
		if !ok {
			continue
		}
		if c.Failing == nil {
			c.failing = c.failing.Reset(c.Len())
			c.Failing = c.failing
		}
		c.Failing.Add(at)
	}
}

// Kept returns a Current that a Builder does not write to any more, and that can be
// refreshed. Which checks fail is to be said anew.
func (c *Current) Kept() *Current {
	kept := &Current{
		Roster: c.Roster,
		Conditions: Conditions{
			Ready:       slices.Clone(c.Ready),
			Serving:     slices.Clone(c.Serving),
			Terminating: slices.Clone(c.Terminating),
		},
		Places:    c.Places.clone(),
		slices:    slices.Clone(c.slices),
		positions: slices.Clone(c.positions),
		order:     make([]At, c.Len()),
	}
	begins := make([]int32, len(c.slices))
	sum := int32(0)
	for i, s := range c.slices {
		begins[i] = sum
		sum += int32(len(s.Endpoints))
	}
	for at, p := range c.positions {
		kept.order[begins[p.in]+p.index] = At(at)
	}
	return kept
}

// Refresh takes over the conditions and places that slices say, and reports whether
// nothing else has changed: otherwise it does nothing.
func (c *Current) Refresh(all []*model.Slice) bool {
	all = sortedByName(all)
	if len(all) != len(c.slices) {
		return false
	}
	for i, s := range all {
		if s != c.slices[i] && !alike(s, c.slices[i]) {
			return false
		}
	}
	order := c.order
	for i, s := range all {
		of := order[:len(s.Endpoints)]
		order = order[len(of):]
		if s == c.slices[i] {
			continue
		}
		c.refreshPlaces(c.slices[i], s, of)
		c.slices[i] = s
		for j, at := range of {
			c.put(at, s.Endpoints[j].Conditions)
		}
	}
	return true
}

// alike reports whether two slices differ in conditions and places only.
func alike(a, b *model.Slice) bool {
	if a.Name != b.Name || len(a.Endpoints) != len(b.Endpoints) || !slices.Equal(a.Ports, b.Ports) {
		return false
	}
	for i := range a.Endpoints {
		x, y := &a.Endpoints[i], &b.Endpoints[i]
		if x.Address != y.Address || x.ID != y.ID || x.Hostname != y.Hostname || x.Pod != y.Pod {
			return false
		}
	}
	return true
}

// pods finds the endpoints of a Pod, by a hash of its ID. It is made when somebody
// asks: few Services have a Pod with a past.
type pods struct {
	// heads hold the last endpoint of each bucket, and next the one before each
	// endpoint, plus one; zero is none.
	heads, next []int32
}

var podSeed = maphash.MakeSeed()

// Pod yields the endpoints of a Pod.
func (c *Current) Pod(id model.PodID) iter.Seq[At] {
	if len(c.pods.next) == 0 {
		c.indexPods()
	}
	return func(yield func(At) bool) {
		if len(c.pods.heads) == 0 {
			return
		}
		for at := c.pods.heads[c.pods.bucket(id)]; at > 0; at = c.pods.next[at-1] {
			if c.Endpoint(At(at-1)).ID == id && !yield(At(at-1)) {
				return
			}
		}
	}
}

func (c *Current) indexPods() {
	n := c.Len()
	size := 1
	for size < n {
		size *= 2
	}
	p := pods{heads: slices.Grow(c.pods.heads[:0], size)[:size], next: slices.Grow(c.pods.next[:0], n)[:n]}
	clear(p.heads)
	for at := range n {
		head := &p.heads[p.bucket(c.Endpoint(At(at)).ID)]
		p.next[at], *head = *head, int32(at+1)
	}
	c.pods = p
}

func (p *pods) bucket(id model.PodID) uint64 {
	return maphash.Bytes(podSeed, id[:]) & uint64(len(p.heads)-1)
}
