package records

import (
	"net/netip"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

// A universe is what does not depend on conditions: which endpoints a Service
// has, sorted by address, IPv4 first, and what they are called. Most changes are
// of conditions only, and leave it as it is.
//
// What is looked at for each endpoint at each change stands in arrays in this
// order: going to the endpoints themselves would miss the processor's cache each
// time.
type universe struct {
	// slices are those that it was made of, or later states of them.
	slices []*model.Slice
	// places are where the endpoints stand in the slices.
	places []position
	// conditions are those of the endpoints now.
	conditions []model.Conditions
	// several has the groups of ports of the endpoints that stand in several
	// slices, which is rare.
	several map[int32][]int32

	// The rest is shared with Sets. v4 and v6 are the addresses, back to back.
	v4, v6 []byte
	labels *labels
	// targets holds, for each endpoint, the label that SRV and PTR records give
	// it, or dashed.
	targets []int32
}

// position is the place of an endpoint: of which slice, and where in it.
type position struct{ slice, index int32 }

// family is the range of the endpoints of one address family.
type family struct{ from, to int }

func (u *universe) len() int { return len(u.places) }

// n4 is the number of IPv4 addresses.
func (u *universe) n4() int { return len(u.v4) / 4 }

func (u *universe) families() [families]family {
	return [families]family{family4: {0, u.n4()}, family6: {u.n4(), u.len()}}
}

func (u *universe) endpoint(at int) *model.Endpoint {
	p := u.places[at]
	return &u.slices[p.slice].Endpoints[p.index]
}

// portsOf returns the groups of ports of an endpoint that stands in several
// slices.
func (u *universe) portsOf(at int32) ([]int32, bool) {
	if u.several == nil {
		return nil, false
	}
	of, ok := u.several[at]
	return of, ok
}

// fewEndpoints is below what keeping a universe pays for.
const fewEndpoints = 500

// universeOf keeps the universe of a large Service in memory. That of others is
// good until the next call.
func (c *compiler) universeOf(all []*model.Slice, naming Naming, memory *Memory) *universe {
	all = sortedByName(all)
	c.groupPorts(all)
	if u := memory.universe; u != nil && u.takes(all) {
		return u
	}
	claims := c.merge(all)
	u := &c.fresh
	u.settle(all, c.merged)
	c.compileLabels(u, naming)
	memory.universe = nil
	// Where two claim one address, conditions and versions decide who has it.
	if u.len() >= fewEndpoints && u.len() == claims {
		memory.universe = u.clone()
		return memory.universe
	}
	return u
}

func (c *compiler) groupPorts(all []*model.Slice) {
	c.ports.reset()
	c.groups = c.groups[:0]
	for _, s := range all {
		c.groups = append(c.groups, c.ports.group(s.Ports))
	}
}

// settle takes the endpoints in. What Sets do not share stays in its memory.
func (u *universe) settle(all []*model.Slice, endpoints []merged) {
	u.slices = append(u.slices[:0], all...)
	u.places, u.conditions, u.several = u.places[:0], u.conditions[:0], nil
	n4, _ := slices.BinarySearchFunc(endpoints, family6, func(m merged, family int) int { return familyOf(m.endpoint.Address) - family })
	u.v4, u.v6 = make([]byte, 0, 4*n4), make([]byte, 0, 16*(len(endpoints)-n4))
	for i := range endpoints {
		m := &endpoints[i]
		u.places = append(u.places, m.place)
		u.conditions = append(u.conditions, m.endpoint.Conditions)
		if i < n4 {
			b := m.endpoint.Address.As4()
			u.v4 = append(u.v4, b[:]...)
		} else {
			b := m.endpoint.Address.As16()
			u.v6 = append(u.v6, b[:]...)
		}
		if m.all != nil {
			if u.several == nil {
				u.several = make(map[int32][]int32)
			}
			u.several[int32(i)] = m.all
		}
	}
}

// clone returns a universe that may be kept.
func (u *universe) clone() *universe {
	kept := *u
	kept.slices, kept.places, kept.conditions = slices.Clone(u.slices), slices.Clone(u.places), slices.Clone(u.conditions)
	return &kept
}

// takes tells whether the slices differ from those of the universe in conditions
// only, and takes them in.
func (u *universe) takes(all []*model.Slice) bool {
	if len(all) != len(u.slices) {
		return false
	}
	changed := make([]bool, len(all))
	for i, s := range all {
		changed[i] = s != u.slices[i]
		if changed[i] && !alikeSlices(s, u.slices[i]) {
			return false
		}
	}
	copy(u.slices, all)
	for i, p := range u.places {
		if changed[p.slice] {
			u.conditions[i] = all[p.slice].Endpoints[p.index].Conditions
		}
	}
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

// lookalike is a label that looks like the dashed address of an endpoint.
type lookalike struct{ label, endpoint int32 }

// compileLabels gives each endpoint its hostname and its Pod's name, and chooses
// which of them SRV and PTR records show. A lookalike means the endpoint that it
// looks like, too.
func (c *compiler) compileLabels(u *universe, naming Naming) {
	c.lookalikes = c.lookalikes[:0]
	u.labels, u.targets = new(labels), make([]int32, len(c.merged))
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
