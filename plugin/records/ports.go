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
	tier   health.Tier
	ready  bool
}

// portCompiler finds who offers which port, in memory that it keeps.
type portCompiler struct {
	roster    *roster.Roster
	standings *health.Standings
	leaders   [health.Tiers]roster.Bits
	text      []byte
}

// compilePorts finds who offers which port. InName is a Selection that may serve for
// others too.
func (s *Set) compilePorts(c *portCompiler, st *health.Standings, inName roster.Selection) {
	c.roster, c.standings = s.roster, st
	byPort := c.byPort(inName)
	s.ports = make([]portSet, 0, len(byPort))
	for port, of := range byPort {
		// A port without a name has records at the Service name only.
		if port.Name != "" {
			s.ports = appendSets(s.ports, port, of)
		}
	}
	slices.SortFunc(s.ports, func(a, b portSet) int { return cmp.Or(comparePorts(a.port, b.port), int(a.tier)-int(b.tier)) })
	for _, set := range s.ports {
		if !slices.Contains(s.protocols, set.port.Protocol) {
			s.protocols = append(s.protocols, set.port.Protocol)
		}
	}
	s.numbers = c.numbers(byPort)
}

// byPort returns who offers each port.
func (c *portCompiler) byPort(inName roster.Selection) map[model.Port]offers {
	groups := c.roster.Groups()
	byPort := make(map[model.Port]offers)
	if len(groups) == 1 && groups[0].Members == nil {
		of := c.everybody(inName)
		for _, port := range groups[0].Ports {
			if of != (offers{}) {
				byPort[port] = of
			}
		}
		return byPort
	}
	groupsOf := make(map[model.Port][]int32)
	members := make([][]member, len(groups))
	for i, g := range groups {
		members[i] = c.members(g)
		for _, port := range g.Ports {
			if len(members[i]) > 0 {
				groupsOf[port] = append(groupsOf[port], int32(i))
			}
		}
	}
	joined := make(map[string]offers)
	for port, of := range groupsOf {
		byPort[port] = c.joined(members, slices.Compact(of), joined)
	}
	return byPort
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
	all := make([]member, n)
	for i := range all {
		at := roster.At(i)
		if g.Members != nil {
			at = g.Members[i]
		}
		m := member{c.roster.Target(at), at, c.standings.Tier(at), c.standings.Ready(at)}
		if is, ok := g.Others[at]; ok {
			m.tier, m.ready = c.standings.TierIn(is, at), c.standings.ReadyIn(is)
		}
		all[i] = m
	}
	return all
}

// listed leaves of those who offer a port the ones whom SRV records list: which tiers
// that are depends on those who offer this port, since health must not empty a
// name.
func (c *portCompiler) listed(all []member) []member {
	var counts [roster.Families][health.Tiers]int
	var askedFor [roster.Families]int
	for _, m := range all {
		counts[c.family(m.at)][m.tier]++
		if m.ready && (m.tier == health.Sick || m.tier == health.Starting) {
			askedFor[c.family(m.at)]++
		}
	}
	var choices [roster.Families]health.Choice
	for family := range choices {
		choices[family] = c.standings.Choose(family, &counts[family], askedFor[family])
	}
	return slices.DeleteFunc(all, func(m member) bool { return !choices[c.family(m.at)].Lists(m.tier, m.ready) })
}

func (c *portCompiler) family(at roster.At) int {
	if c.roster.Is4(at) {
		return roster.IPv4
	}
	return roster.IPv6
}

// joined returns who is in any of the groups. Ports that are in the same groups
// share it: else slices with a port of their own each, besides hundreds that all
// have, would cost their product.
func (c *portCompiler) joined(members [][]member, of []int32, known map[string]offers) offers {
	c.text = c.text[:0]
	for _, i := range of {
		c.text = binary.BigEndian.AppendUint32(c.text, uint32(i))
	}
	if all, ok := known[string(c.text)]; ok {
		return all
	}
	var any []member
	for _, i := range of {
		any = append(any, members[i]...)
	}
	all := c.byTier(c.listed(best(any)))
	known[string(c.text)] = all
	return all
}

// best leaves each endpoint once, in its best tier.
func best(all []member) []member {
	slices.SortFunc(all, func(a, b member) int { return cmp.Or(int(a.at)-int(b.at), int(a.tier)-int(b.tier)) })
	return slices.CompactFunc(all, func(a, b member) bool { return a.at == b.at })
}

// byTier parts members, each target once, in its best tier.
func (c *portCompiler) byTier(members []member) (all offers) {
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.target, b.target), int(a.tier)-int(b.tier), int(a.at)-int(b.at))
	})
	members = slices.CompactFunc(members, func(a, b member) bool { return a.target == b.target })
	var lists [health.Tiers][]roster.At
	for _, m := range members {
		lists[m.tier] = append(lists[m.tier], m.at)
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

// numbers puts the offers of one number together, whatever their ports are called.
func (c *portCompiler) numbers(byPort map[model.Port]offers) []portSet {
	byNumber := make(map[uint16][]offers)
	for port, of := range byPort {
		if all := byNumber[port.Number]; !slices.Contains(all, of) {
			byNumber[port.Number] = append(all, of)
		}
	}
	sets := make([]portSet, 0, len(byNumber))
	for _, number := range slices.Sorted(maps.Keys(byNumber)) {
		all := byNumber[number]
		of := all[0]
		if len(all) > 1 {
			of = c.union(all)
		}
		sets = appendSets(sets, model.Port{Number: number}, of)
	}
	return sets
}

// union returns who is in any of the offers.
func (c *portCompiler) union(all []offers) offers {
	var members []member
	for _, of := range all {
		for tier, o := range of {
			for i := range int32(o.who.Len()) {
				at := o.who.At(i)
				members = append(members, member{target: c.roster.Target(at), at: at, tier: health.Tier(tier)})
			}
		}
	}
	return c.byTier(members)
}

// comparePorts puts the numbers of one port next to each other.
func comparePorts(a, b model.Port) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), int(a.Protocol)-int(b.Protocol), int(a.Number)-int(b.Number))
}
