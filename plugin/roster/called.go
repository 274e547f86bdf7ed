package roster

import (
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

// Called is what the endpoints of a Roster and their Pods are called. It keeps its memory for
// the next Roster. The zero value is of none.
type Called struct {
	of  *Roster
	way way
	// pods has, for each endpoint, the target that has the name of its Pod, where that is not
	// its specified name. It is below zero else, and where nobody knows the Pod. Where all are
	// called the same way, it is made only when it is needed.
	pods []Target
}

// way is how all endpoints of a Roster are called. Nearly always there is one: then there is
// a label for each endpoint, at its place, and none besides.
type way uint8

const (
	inSeveralWays way = iota
	byAddress
	bySpecifiedName
	byPod
)

func wayOf(r *Roster) way {
	labels := int32(len(r.labels.all))
	switch {
	case labels == 0:
		return byAddress
	case int(labels) != r.Len() || len(r.labels.several) > 0:
		return inSeveralWays
	case r.aliases == 0:
		return byPod
	case r.aliases == labels && (r.hostnames == 0 || r.hostnames == labels):
		return bySpecifiedName
	}
	return inSeveralWays
}

// Take makes c that of a Roster.
func (c *Called) Take(r *Roster) {
	c.of, c.way, c.pods = r, wayOf(r), c.pods[:0]
	if c.way == inSeveralWays {
		c.findPods()
	}
}

// findPods finds the Pods of all endpoints, unless that is done.
func (c *Called) findPods() {
	r := c.of
	if len(c.pods) == r.Len() {
		return
	}
	c.pods = slices.Grow(c.pods, r.Len())[:r.Len()]
	for at := range c.pods {
		c.pods[at] = -1
	}
	for i, l := range r.labels.all[r.aliases:] {
		t := Target(int(r.aliases) + i)
		if l.at >= 0 {
			c.pods[l.at] = t
			continue
		}
		// A Pod may be called as another one's address is.
		looksLike, _ := name.ParseDashed(l.text)
		for _, at := range r.labels.several[^l.at] {
			if r.Address(at) != looksLike {
				c.pods[at] = t
			}
		}
	}
}

// Names returns the specified name of an endpoint and the name of its Pod. The first is empty
// where it has none but its address, and the second where nobody knows it, or it is the first.
func (c *Called) Names(at At) (name, pod string) {
	return c.of.text(c.of.targets[at]), c.of.text(c.pod(at))
}

func (c *Called) pod(at At) Target {
	switch {
	case len(c.pods) > 0:
		return c.pods[at]
	case c.way == byPod:
		return Target(at)
	}
	return -1
}

func (r *Roster) text(t Target) string {
	if t < 0 {
		return ""
	}
	return r.labels.all[t].text
}

// Same returns how many of n endpoints, from one place on, are called as those of o, from
// another one on, before the first that is not.
func (c *Called) Same(at At, o *Called, from At, n int) int {
	switch {
	case c.way != o.way || c.way == inSeveralWays:
		c.findPods()
		o.findPods()
		return c.sameInSeveralWays(at, o, from, n)
	case c.way == byAddress:
		return n
	}
	ours, theirs := c.of.labels.all[at:][:n], o.of.labels.all[from:][:n]
	for i := range ours {
		if ours[i].text != theirs[i].text {
			return i
		}
	}
	return n
}

func (c *Called) sameInSeveralWays(at At, o *Called, from At, n int) int {
	ours, theirs := c.of.labels.all, o.of.labels.all
	same := func(t, u Target) bool {
		if t < 0 || u < 0 {
			return t < 0 && u < 0
		}
		return ours[t].text == theirs[u].text
	}
	targets, pods := c.of.targets[at:][:n], c.pods[at:][:n]
	targetsToo, podsToo := o.of.targets[from:][:n], o.pods[from:][:n]
	for i, t := range targets {
		if !same(t, targetsToo[i]) || !same(pods[i], podsToo[i]) {
			return i
		}
	}
	return n
}

// Bytes returns how much memory it keeps.
func (c *Called) Bytes() int { return 4 * cap(c.pods) }
