package records

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// run is one named port with one number, and those of one tier who have it. A
// port whose number differs between endpoints is several runs.
type run struct {
	port model.Port
	tier health.Tier
	// targets tell who has the port: a label, or the address ^target whose
	// label is its dashed form. Each stands there once. Runs may share them.
	targets []int32
	// longest and total are the lengths of the targets' labels, in bytes.
	longest, total int
}

// portGroups puts slices with the same ports together. Nearly always all slices
// of a Service have the same.
type portGroups struct {
	all     []portGroup
	indexes map[string]int32
	text    []byte
}

// portGroup is a list of ports, and who has them.
type portGroup struct {
	ports   []model.Port
	members []member
}

// member is who has a port.
type member struct {
	target int32
	tier   health.Tier
}

func (p *portGroups) reset() {
	p.all = p.all[:0]
	clear(p.indexes)
}

// group returns the index of the group of some ports.
func (p *portGroups) group(ports []model.Port) int32 {
	last := int32(len(p.all)) - 1
	if last >= 0 && slices.Equal(p.all[last].ports, ports) {
		return last
	}
	p.text = p.text[:0]
	for _, port := range ports {
		p.text = append(append(p.text, port.Name...), '/', byte(port.Protocol))
		p.text = binary.BigEndian.AppendUint16(p.text, port.Number)
	}
	if at, ok := p.indexes[string(p.text)]; ok {
		return at
	}
	return p.add(ports)
}

// add appends a group, in the memory of one of the last compilation if there is
// one.
func (p *portGroups) add(ports []model.Port) int32 {
	if p.indexes == nil {
		p.indexes = make(map[string]int32)
	}
	n := len(p.all)
	p.indexes[string(p.text)] = int32(n)
	p.all = slices.Grow(p.all, 1)[:n+1]
	p.all[n] = portGroup{ports: ports, members: p.all[n].members[:0]}
	return int32(n)
}

// tiers are those who have a port, by their tier.
type tiers [health.Tiers][]int32

// compileRuns finds who has which port.
func (c *compiler) compileRuns(s *Set, u *universe, published []judged) {
	c.join(s, u, published)
	byPort := make(map[model.Port][]int32)
	groups := make([]tiers, len(c.ports.all))
	for i := range c.ports.all {
		g := &c.ports.all[i]
		g.members = distinct(g.members)
		groups[i] = byTier(g.members)
		for _, port := range g.ports {
			if port.Name != "" && len(g.members) > 0 {
				byPort[port] = append(byPort[port], int32(i))
			}
		}
	}
	s.runs = make([]run, 0, len(byPort))
	joined := make(map[string]tiers)
	for port, of := range byPort {
		if of = slices.Compact(of); len(of) == 1 {
			s.runs = appendRuns(s.runs, port, groups[of[0]])
			continue
		}
		s.runs = appendRuns(s.runs, port, c.joined(of, joined))
	}
	slices.SortFunc(s.runs, func(a, b run) int { return cmp.Or(comparePorts(a.port, b.port), int(a.tier)-int(b.tier)) })
	for _, r := range s.runs {
		if !slices.Contains(s.protocols, r.port.Protocol) {
			s.protocols = append(s.protocols, r.port.Protocol)
		}
	}
	s.compileNumbers()
	s.measure()
}

// joined returns who is in any of the groups. Ports that are in the same groups
// share it: else slices with a port of their own each, besides hundreds that all
// have, would cost their product.
func (c *compiler) joined(of []int32, known map[string]tiers) tiers {
	c.ports.text = c.ports.text[:0]
	for _, i := range of {
		c.ports.text = binary.BigEndian.AppendUint32(c.ports.text, uint32(i))
	}
	if all, ok := known[string(c.ports.text)]; ok {
		return all
	}
	var members []member
	for _, i := range of {
		members = append(members, c.ports.all[i].members...)
	}
	all := byTier(distinct(members))
	known[string(c.ports.text)] = all
	return all
}

// join makes the endpoints members of the groups of their ports.
func (c *compiler) join(s *Set, u *universe, published []judged) {
	for i, j := range published {
		if !j.inSRV {
			continue
		}
		m := member{s.targets[i], j.tier}
		if m.target == dashed {
			m.target = ^int32(i)
		}
		if several, ok := u.portsOf(j.at); ok {
			for _, at := range several {
				c.ports.all[at].add(m)
			}
			continue
		}
		c.ports.all[c.groups[u.places[j.at].slice]].add(m)
	}
}

func (g *portGroup) add(m member) { g.members = append(g.members, m) }

// byTier parts members, of which no two are the same.
func byTier(members []member) (sorted tiers) {
	var counts [health.Tiers]int
	for _, m := range members {
		counts[m.tier]++
	}
	for tier, n := range counts {
		if n > 0 {
			sorted[tier] = make([]int32, 0, n)
		}
	}
	for _, m := range members {
		sorted[m.tier] = append(sorted[m.tier], m.target)
	}
	return sorted
}

// distinct returns each target once, in its best tier. Where each endpoint has
// a name of its own, they are sorted already.
func distinct(members []member) []member {
	compare := func(a, b member) int { return cmp.Compare(a.target, b.target) }
	sorted := true
	for i := 1; i < len(members) && sorted; i++ {
		sorted = compare(members[i-1], members[i]) < 0
	}
	if sorted {
		return members
	}
	slices.SortFunc(members, func(a, b member) int { return cmp.Or(compare(a, b), int(a.tier)-int(b.tier)) })
	return slices.CompactFunc(members, func(a, b member) bool { return a.target == b.target })
}

// appendRuns appends a run for each tier.
func appendRuns(runs []run, port model.Port, of tiers) []run {
	for tier, targets := range of {
		if len(targets) > 0 {
			runs = append(runs, run{port: port, tier: health.Tier(tier), targets: targets})
		}
	}
	return runs
}

// compileNumbers puts the runs of one number together, whatever their ports are
// called.
func (s *Set) compileNumbers() {
	byNumber := make(map[uint16][]run)
	for _, r := range s.runs {
		byNumber[r.port.Number] = append(byNumber[r.port.Number], r)
	}
	s.numbers = make([]run, 0, len(byNumber))
	for _, number := range slices.Sorted(maps.Keys(byNumber)) {
		s.numbers = appendRuns(s.numbers, model.Port{Number: number}, tiersOf(byNumber[number]))
	}
}

// tiersOf returns who is in any of the runs.
func tiersOf(runs []run) (of tiers) {
	alike := true
	for _, r := range runs {
		alike = alike && comparePorts(r.port, runs[0].port) == 0
	}
	if alike {
		for _, r := range runs {
			of[r.tier] = r.targets
		}
		return of
	}
	var members []member
	for _, r := range runs {
		for _, target := range r.targets {
			members = append(members, member{target, r.tier})
		}
	}
	return byTier(distinct(members))
}

// comparePorts puts the numbers of one port next to each other.
func comparePorts(a, b model.Port) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	if a.Protocol != b.Protocol {
		return int(a.Protocol) - int(b.Protocol)
	}
	return int(a.Number) - int(b.Number)
}

// measure notes the lengths of the labels of all runs, once for those that
// share their targets.
func (s *Set) measure() {
	measured := make(map[*int32]run)
	for _, runs := range [][]run{s.runs, s.numbers} {
		for i := range runs {
			r := &runs[i]
			of, ok := measured[&r.targets[0]]
			if !ok {
				of = s.measured(r.targets)
				measured[&r.targets[0]] = of
			}
			r.longest, r.total = of.longest, of.total
		}
	}
}

func (s *Set) measured(targets []int32) (of run) {
	var text [maxLabel]byte
	for _, target := range targets {
		var n int
		if target >= 0 {
			n = len(s.labels.all[target].text)
		} else {
			n = len(s.appendTarget(text[:0], target))
		}
		of.longest = max(of.longest, n)
		of.total += n
	}
	return of
}
