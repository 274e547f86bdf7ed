package records

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// portSet is the targets of one port in one tier: its SRV records but for TTL and
// names. A port whose number differs between endpoints is several.
type portSet struct {
	port model.Port
	tier health.Tier
	offer
}

// offer is who of one tier offers a port. Ports may share it.
type offer struct {
	// who has one endpoint for each target.
	who roster.Selection
	// longest and total are the lengths of the targets' labels, in bytes.
	longest int32
	total   int64
}

// offers are who offers a port, by tier.
type offers [health.Tiers]offer

// member is who offers a port, in a list of them.
type member struct {
	target roster.Target
	at     roster.At
	health.Standing
}

// portCompiler finds who offers which port, in memory that it keeps.
type portCompiler struct {
	roster    *roster.Roster
	standings *health.Standings
	leaders   [health.Tiers]roster.Bits
	text      []byte
}

// compilePorts finds who offers which port. InName is a Selection that may serve for
// others too. Whoever is in SRV records gets a name in the standings.
func (s *Set) compilePorts(c *portCompiler, st *health.Standings, inName roster.Selection) {
	c.roster, c.standings = s.roster, st
	if groups := c.roster.Groups(); len(groups) == 1 && groups[0].Members == nil {
		s.ports, s.numbers = ofOneGroup(groups[0], c.everybody(inName))
	} else {
		s.ports, s.numbers = c.ofGroups(groups)
	}
	slices.SortFunc(s.ports, func(a, b portSet) int { return cmp.Or(comparePorts(a.port, b.port), int(a.tier)-int(b.tier)) })
	for _, set := range s.ports {
		if !slices.Contains(s.protocols, set.port.Protocol) {
			s.protocols = append(s.protocols, set.port.Protocol)
		}
	}
}

// ofOneGroup gives all ports the same offers. A port without a name has records at the
// Service name only.
func ofOneGroup(g roster.Group, all offers) (ports, numbers []portSet) {
	known := make(map[model.Port]bool)
	for _, port := range g.Ports {
		if port.Name != "" && !known[port] {
			known[port] = true
			ports = appendSets(ports, port, all)
		}
		if number := (model.Port{Number: port.Number}); !known[number] {
			known[number] = true
			numbers = appendSets(numbers, number, all)
		}
	}
	slices.SortStableFunc(numbers, func(a, b portSet) int { return comparePorts(a.port, b.port) })
	return ports, numbers
}

// everybody returns the offers of all who are in SRV records.
func (c *portCompiler) everybody(inName roster.Selection) (all offers) {
	for t, bits := range c.leading() {
		switch {
		case slices.Equal(bits, c.standings.InName):
			all[t] = c.offer(inName)
		default:
			all[t] = c.offer(roster.Select(bits, c.roster.Len()))
		}
	}
	return all
}

// leading returns those in SRV records by tier, but of those who share a target
// only the first one in its best tier.
func (c *portCompiler) leading() *[health.Tiers]roster.Bits {
	leads := &c.standings.InSRV
	for target, sharing := range c.roster.Shared {
		if leads != &c.leaders {
			for t := range c.leaders {
				c.leaders[t] = append(c.leaders[t][:0], c.standings.InSRV[t]...)
			}
			leads = &c.leaders
		}
		lead(leads, c.roster, target, sharing)
	}
	return leads
}

// lead leaves one endpoint of those who share a target.
func lead(all *[health.Tiers]roster.Bits, r *roster.Roster, target roster.Target, sharing []roster.At) {
	found := false
	for t := range all {
		for _, at := range sharing {
			if r.Target(at) != target || !all[t].Has(at) {
				continue
			}
			if found {
				all[t].Remove(at)
			}
			found = true
		}
	}
}

// mostMeasured is the number of targets beyond which their labels are not measured:
// more than an answer can carry, however short they are.
const mostMeasured = 4096

// offer measures the labels of targets.
func (c *portCompiler) offer(who roster.Selection) offer {
	o := offer{who: who}
	n := int32(who.Len())
	if n > mostMeasured {
		o.longest, o.total = int32(c.roster.LongestLabel()), int64(n)
		return o
	}
	for i := range n {
		length := c.roster.LabelLen(c.roster.Target(who.At(i)))
		o.longest = max(o.longest, int32(length))
		o.total += int64(length)
	}
	return o
}

// members returns those of a group, each in the tier that it has for these ports.
func (c *portCompiler) members(g roster.Group) []member {
	n := len(g.Members)
	if g.Members == nil {
		n = c.roster.Len()
	}
	all := make([]member, 0, n)
	for at := range g.All(c.roster) {
		m := member{c.roster.Target(at), at, c.standings.Of(at)}
		if is, ok := g.Others[at]; ok {
			m.Standing = c.standings.In(is, at)
		}
		all = append(all, m)
	}
	return all
}

// ofGroups is for Services whose slices differ in ports.
func (c *portCompiler) ofGroups(groups []roster.Group) (ports, numbers []portSet) {
	j := joining{portCompiler: c, known: make(map[string]offers)}
	byPort, byName, byNumber := make(map[model.Port][]int32), make(map[model.Port][]int32), make(map[uint16][]int32)
	var all []int32
	for i, g := range groups {
		j.members = append(j.members, c.members(g))
		for _, port := range g.Ports {
			byPort[port] = appendOnce(byPort[port], int32(i))
			byName[nameOf(port)] = appendOnce(byName[nameOf(port)], int32(i))
			byNumber[port.Number] = appendOnce(byNumber[port.Number], int32(i))
			all = appendOnce(all, int32(i))
		}
	}
	for port, of := range byPort {
		if port.Name != "" {
			ports = appendSets(ports, port, j.offers(byName[nameOf(port)], of))
		}
	}
	for _, number := range slices.Sorted(maps.Keys(byNumber)) {
		numbers = appendSets(numbers, model.Port{Number: number}, j.offers(all, byNumber[number]))
	}
	return ports, numbers
}

// appendOnce appends a group, unless it is the last one already.
func appendOnce(groups []int32, i int32) []int32 {
	if n := len(groups); n > 0 && groups[n-1] == i {
		return groups
	}
	return append(groups, i)
}

// nameOf returns what a question for a port names.
func nameOf(p model.Port) model.Port { return model.Port{Name: p.Name, Protocol: p.Protocol} }

// joining puts the members of groups together.
type joining struct {
	*portCompiler
	members [][]member
	// known has offers by groups. Ports that are in the same groups share them: else
	// slices with a port of their own each, besides hundreds that all have, would cost
	// their product.
	known map[string]offers
}

// offers returns who of some groups SRV records list. Which tiers that are depends on
// all who are asked for by the same name: health must not empty it.
func (j *joining) offers(asked, of []int32) offers {
	j.text = j.text[:0]
	for _, groups := range [][]int32{asked, {-1}, of} {
		for _, i := range groups {
			j.text = binary.BigEndian.AppendUint32(j.text, uint32(i))
		}
	}
	key := string(j.text)
	if all, ok := j.known[key]; ok {
		return all
	}
	choices := j.choose(j.join(asked))
	listed := slices.DeleteFunc(j.join(of), func(m member) bool { return !choices[j.roster.Family(m.at)].Lists(m.Standing) })
	for _, m := range listed {
		j.standings.Named.Add(m.at)
	}
	j.known[key] = j.byTier(listed)
	return j.known[key]
}

// join returns who is in any of the groups, each as it stands best.
func (j *joining) join(groups []int32) (all []member) {
	for _, i := range groups {
		all = append(all, j.members[i]...)
	}
	slices.SortFunc(all, func(a, b member) int { return cmp.Or(int(a.at)-int(b.at), a.Compare(b.Standing)) })
	return slices.CompactFunc(all, func(a, b member) bool { return a.at == b.at })
}

// choose chooses among those who offer a port.
func (c *portCompiler) choose(all []member) (choices [roster.Families]health.Choice) {
	var census [roster.Families]health.Census
	for _, m := range all {
		census[c.roster.Family(m.at)].Count(m.Standing)
	}
	for family := range choices {
		choices[family] = c.standings.Choose(family, &census[family])
	}
	return choices
}

// byTier parts members, each target once, in its best tier.
func (c *portCompiler) byTier(members []member) (all offers) {
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.target, b.target), int(a.Tier)-int(b.Tier), int(a.at)-int(b.at))
	})
	members = slices.CompactFunc(members, func(a, b member) bool { return a.target == b.target })
	var lists [health.Tiers][]roster.At
	for _, m := range members {
		lists[m.Tier] = append(lists[m.Tier], m.at)
	}
	for t, list := range lists {
		if len(list) > 0 {
			slices.Sort(list)
			all[t] = c.offer(roster.List(slices.Clip(list)))
		}
	}
	return all
}

// appendSets appends a set for each tier.
func appendSets(sets []portSet, port model.Port, of offers) []portSet {
	for tier, o := range of {
		if o.who.Len() > 0 {
			sets = append(sets, portSet{port: port, tier: health.Tier(tier), offer: o})
		}
	}
	return sets
}

// comparePorts puts the numbers of one port next to each other.
func comparePorts(a, b model.Port) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), int(a.Protocol)-int(b.Protocol), int(a.Number)-int(b.Number))
}
