package roster

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

// Naming says which of its names an endpoint gets in SRV and PTR records.
type Naming uint8

const (
	// ByHostname takes the hostname, else the dashed address.
	ByHostname Naming = iota
	// ByPodName takes the hostname, else the Pod's name, else the dashed
	// address.
	ByPodName
)

// A Builder makes Rosters. It keeps its memory between them: else each change of a
// Service of 10,000 endpoints would leave megabytes to collect. The zero value is
// ready for use.
type Builder struct {
	grouping grouping
	merger   merger
	current  Current
}

// Build makes the Roster of a Service from its slices, which it does not change.
// The result is good until the next call, but for the Roster itself. Disputed means
// that two claim one address: conditions and versions decide who has it.
func (b *Builder) Build(all []*model.Slice, naming Naming) (c *Current, disputed bool) {
	all = sortedByName(all)
	b.grouping.group(all)
	holders, claims := b.merger.merge(all, b.grouping.of)
	c = &b.current
	c.Roster = new(Roster)
	c.Roster.settle(holders)
	c.Roster.groups = b.grouping.groups(holders)
	c.take(all, holders)
	b.name(c.Roster, holders, naming)
	return c, claims != len(holders)
}

// settle takes in who holds which address.
func (r *Roster) settle(holders []holder) {
	n4, _ := slices.BinarySearchFunc(holders, IPv6, func(h holder, family int) int { return familyOf(h.endpoint.Address) - family })
	r.v4, r.v6 = make([]byte, 0, 4*n4), make([]byte, 0, 16*(len(holders)-n4))
	for i := range holders {
		if i < n4 {
			b := holders[i].endpoint.Address.As4()
			r.v4 = append(r.v4, b[:]...)
			continue
		}
		b := holders[i].endpoint.Address.As16()
		r.v6 = append(r.v6, b[:]...)
	}
}

// sortedByName puts slices into an order of their own, so that the result does
// not depend on theirs.
func sortedByName(all []*model.Slice) []*model.Slice {
	byName := func(a, b *model.Slice) int { return strings.Compare(a.Name, b.Name) }
	if slices.IsSortedFunc(all, byName) {
		return all
	}
	return slices.SortedFunc(slices.Values(all), byName)
}

// take takes over what slices say of the holders.
func (c *Current) take(all []*model.Slice, holders []holder) {
	c.slices = append(c.slices[:0], all...)
	c.positions, c.order, c.pods.next = c.positions[:0], nil, c.pods.next[:0]
	c.reset(len(holders))
	for i := range holders {
		c.positions = append(c.positions, holders[i].position)
		c.put(At(i), holders[i].conditions)
	}
	c.takePlaces()
}

// name gives the endpoints their names. The specified one is what SRV and PTR
// records show: the hostname, else with ByPodName the Pod's name, else the dashed
// address. The others are aliases, of the Pod's name or the dashed address: they mean an
// endpoint only where they are nobody's specified name (Kubernetes DNS specification
// 1.1.0, section 2.4.1).
func (b *Builder) name(r *Roster, holders []holder, naming Naming) {
	r.labels.grow(countLabels(holders))
	r.specifyAll(holders, naming)
	r.aliases = int32(len(r.labels.all))
	b.nameLookalikes(r)
	b.addAliases(r, holders)
	r.labels.sortSeveral()
	for _, t := range r.targets {
		r.longest = max(r.longest, int32(r.LabelLen(t)))
	}
}

// specifyAll gives each endpoint its specified name.
func (r *Roster) specifyAll(holders []holder, naming Naming) {
	r.targets = make([]Target, len(holders))
	for i := range holders {
		r.targets[i] = dashed(At(i))
		r.specify(At(i), holders[i].endpoint.Hostname)
	}
	r.hostnames = int32(len(r.labels.all))
	if naming != ByPodName {
		return
	}
	for i := range holders {
		if e := holders[i].endpoint; e.Hostname == "" {
			r.specify(At(i), e.Pod)
		}
	}
}

func (r *Roster) specify(at At, text string) {
	if text == "" {
		return
	}
	index := r.labels.add(text)
	r.labels.resolve(index, at)
	r.targets[at] = Target(index)
}

// addAliases adds the names of Pods that are nobody's specified ones.
func (b *Builder) addAliases(r *Roster, holders []holder) {
	specified := int32(len(r.labels.all))
	for i := range holders {
		pod := holders[i].endpoint.Pod
		if pod == "" || pod == holders[i].endpoint.Hostname || b.isDashed(r, pod) {
			continue
		}
		index := r.labels.add(pod)
		if index < specified {
			continue
		}
		r.labels.resolve(index, At(i))
		if at, ok := b.lookup(pod); ok {
			r.labels.resolve(index, at)
		}
	}
}

// nameLookalikes finds specified names that look like the dashed address of an
// endpoint whose specified name that is: both have the name.
func (b *Builder) nameLookalikes(r *Roster) {
	for i := range r.labels.all {
		if at, ok := b.lookup(r.labels.all[i].text); ok && r.targets[at] < 0 {
			r.labels.resolve(int32(i), at)
			r.targets[at] = Target(i)
		}
	}
}

// isDashed reports whether a text is the specified name of an endpoint that has no
// other one than its address.
func (b *Builder) isDashed(r *Roster, text string) bool {
	at, ok := b.lookup(text)
	return ok && r.targets[at] < 0
}

// lookup returns the endpoint whose dashed address a text is.
func (b *Builder) lookup(text string) (At, bool) {
	addr, ok := name.ParseDashed(text)
	if !ok {
		return 0, false
	}
	return b.merger.find(addr)
}

// find returns the place of the holder of an address.
func (m *merger) find(addr netip.Addr) (At, bool) {
	i, ok := slices.BinarySearchFunc(m.holders, addr, func(h holder, addr netip.Addr) int {
		return cmp.Or(familyOf(h.endpoint.Address)-familyOf(addr), ringKeyOf(h.endpoint.Address).compare(ringKeyOf(addr)))
	})
	return At(i), ok
}

// countLabels is how many labels there are at most.
func countLabels(holders []holder) int {
	n := 0
	for i := range holders {
		e := holders[i].endpoint
		if e.Hostname != "" {
			n++
		}
		if e.Pod != "" && e.Pod != e.Hostname {
			n++
		}
	}
	return n
}
