package records

import (
	"net/netip"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

// A universe is what does not depend on conditions: which endpoints a Service
// has, in their order, and what they are called. Most changes are of conditions
// only, and leave it as it is.
type universe struct {
	// slices are those that it was made of, or later states of them.
	slices []*model.Slice
	// places are where the endpoints stand in the slices.
	places []position
	labels labels
	// targets holds, for each endpoint, the label that SRV and PTR records give
	// it, or dashed.
	targets []int32
}

// position is the place of an endpoint: of which slice, and where in it.
type position struct{ slice, index int32 }

// fewEndpoints is below what keeping a universe pays for.
const fewEndpoints = 500

// universeOf leaves the endpoints in c.merged. It keeps the universe of a large
// Service in memory.
func (c *compiler) universeOf(all []*model.Slice, naming Naming, memory *Memory) *universe {
	all = sortedByName(all)
	if u := memory.universe; u != nil && u.takes(all) {
		c.revisit(u)
		return u
	}
	claims := c.merge(all)
	u := &universe{targets: make([]int32, len(c.merged))}
	c.compileLabels(u, naming)
	memory.universe = nil
	// Where two claim one address, conditions and versions decide who has it.
	if len(c.merged) >= fewEndpoints && len(c.merged) == claims {
		u.keep(all, c.merged)
		memory.universe = u
	}
	return u
}

// keep notes where the endpoints stand.
func (u *universe) keep(all []*model.Slice, endpoints []merged) {
	u.slices = slices.Clone(all)
	u.places = make([]position, len(endpoints))
	for i := range endpoints {
		u.places[i] = endpoints[i].place
	}
}

// takes tells whether the slices differ from those of the universe in conditions
// only, and takes them in.
func (u *universe) takes(all []*model.Slice) bool {
	if len(all) != len(u.slices) {
		return false
	}
	for i, s := range all {
		if s != u.slices[i] && !alikeSlices(s, u.slices[i]) {
			return false
		}
	}
	copy(u.slices, all)
	return true
}

// alikeSlices tells whether two slices differ in conditions only.
func alikeSlices(a, b *model.Slice) bool {
	return a.Name == b.Name && slices.Equal(a.Ports, b.Ports) &&
		slices.EqualFunc(a.Endpoints, b.Endpoints, func(a, b model.Endpoint) bool {
			a.Conditions, b.Conditions = 0, 0
			return a == b
		})
}

// revisit leaves the endpoints in c.merged, as merge would.
func (c *compiler) revisit(u *universe) {
	c.ports.reset()
	c.groups = c.groups[:0]
	for _, s := range u.slices {
		c.groups = append(c.groups, c.ports.group(s.Ports))
	}
	c.merged = slices.Grow(c.merged[:0], len(u.places))[:len(u.places)]
	for i, p := range u.places {
		s := u.slices[p.slice]
		c.merged[i] = merged{claim: claim{endpoint: &s.Endpoints[p.index], slice: s, ports: c.groups[p.slice], place: p}}
	}
}

// lookalike is a label that looks like the dashed address of an endpoint.
type lookalike struct{ label, endpoint int32 }

// compileLabels gives each endpoint its hostname and its Pod's name, and chooses
// which of them SRV and PTR records show. A lookalike means the endpoint that it
// looks like, too.
func (c *compiler) compileLabels(u *universe, naming Naming) {
	c.lookalikes = c.lookalikes[:0]
	u.labels.grow(countLabels(c.merged))
	for i := range c.merged {
		e, at := c.merged[i].endpoint, int32(i)
		u.targets[i] = dashed
		if e.Hostname != "" {
			u.targets[i] = c.addLabel(u, e.Hostname, at)
		}
		if e.Pod == "" || e.Pod == e.Hostname {
			continue
		}
		if label := c.addLabel(u, e.Pod, at); e.Hostname == "" && naming == ByPodName {
			u.targets[i] = label
		}
	}
	for _, l := range c.lookalikes {
		u.labels.resolve(l.label, l.endpoint)
		if u.targets[l.endpoint] == dashed {
			u.targets[l.endpoint] = l.label
		}
	}
	u.labels.sortSeveral()
}

func (c *compiler) addLabel(u *universe, text string, endpoint int32) (at int32) {
	at = u.labels.add(text)
	u.labels.resolve(at, endpoint)
	if addr, ok := name.ParseDashed(text); ok {
		if j, ok := c.find(addr); ok {
			c.lookalikes = append(c.lookalikes, lookalike{at, j})
		}
	}
	return at
}

// find returns the index of the endpoint with an address.
func (c *compiler) find(addr netip.Addr) (int32, bool) {
	i, ok := slices.BinarySearchFunc(c.merged, addr, func(m merged, addr netip.Addr) int { return m.endpoint.Address.Compare(addr) })
	return int32(i), ok
}

// countLabels is how many labels there are at most.
func countLabels(endpoints []merged) int {
	n := 0
	for i := range endpoints {
		e := endpoints[i].endpoint
		if e.Hostname != "" {
			n++
		}
		if e.Pod != "" && e.Pod != e.Hostname {
			n++
		}
	}
	return n
}
