package records

import (
	"iter"
	"slices"
	"strings"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// zoned is who of a Set is in which topology zone, for names of zones.
type zoned struct {
	// zones are those of all who are in an answer of the Service, in lower case, sorted.
	zones []string
	// name has the addresses of the Service name by family, and then by zone: nil for a
	// family without any. ports and numbers have the targets of each portSet of the Set, by
	// zone. They share what is the same.
	name           [roster.Families][]offer
	ports, numbers [][]offer
}

// in says which zone a question is for, as the index of zoned.zones, or one of these.
type in int

const (
	// nowhere is a zone that nobody is in.
	nowhere in = -1 - iota
	// everywhere is all zones, and those of whom nobody knows the zone.
	everywhere
)

// find returns which zone is meant, by its name in lower case.
func (z *zoned) find(zone string) in {
	if at, ok := slices.BinarySearch(z.zones, zone); ok {
		return in(at)
	}
	return nowhere
}

// equal reports whether two Sets have the same in each zone.
func (z *zoned) equal(o *zoned, same func(a, b roster.Selection) bool) bool {
	if z == nil || o == nil {
		return z == o
	}
	alike := func(a, b []offer) bool {
		return slices.EqualFunc(a, b, func(a, b offer) bool { return same(a.who, b.who) })
	}
	return slices.Equal(z.zones, o.zones) &&
		alike(z.name[roster.IPv4], o.name[roster.IPv4]) && alike(z.name[roster.IPv6], o.name[roster.IPv6]) &&
		slices.EqualFunc(z.ports, o.ports, alike) && slices.EqualFunc(z.numbers, o.numbers, alike)
}

// zoneCompiler parts endpoints by the zone that they are in, in memory that it keeps.
type zoneCompiler struct {
	*portCompiler
	current *roster.Current
	// listed are those in an answer of the Service.
	listed roster.Bits
	// groups are those that offer a port, by its name or else by its number, as indexes. It
	// is empty where no target is several endpoints.
	groups map[model.Port][]int32
	// numbers are those of the zones, from 1, by the index that the Current has plus one. A
	// zone of nobody who is listed has 0, like no zone.
	numbers, next, seen []int32
	used                []bool
	parts               map[whole][]offer
}

// whole is all that have something, whatever their zone. Targets of a port are where each
// endpoint is that is called so, and offers it. Where each is one endpoint, that is as with
// addresses, which have no port.
type whole struct {
	who  roster.Selection
	port model.Port
}

// compileZones parts by zone what the Service has. It comes after compilePorts, whose
// compiler it takes.
func (s *Set) compileZones(z *zoneCompiler, c *portCompiler, current *roster.Current) {
	z.begin(c, current)
	for _, who := range s.name {
		z.note(whole{who: who})
	}
	for _, ports := range [...][]portSet{s.ports, s.numbers} {
		for i := range ports {
			z.note(z.targets(&ports[i]))
		}
	}
	s.zoned = &zoned{zones: z.name()}
	for of := range z.parts {
		z.parts[of] = z.part(of, len(s.zoned.zones))
	}
	for family, who := range s.name {
		s.zoned.name[family] = z.parts[whole{who: who}]
	}
	s.zoned.ports, s.zoned.numbers = z.ofPorts(s.ports), z.ofPorts(s.numbers)
	clear(z.parts)
	z.current = nil
}

func (z *zoneCompiler) begin(c *portCompiler, current *roster.Current) {
	z.portCompiler, z.current = c, current
	clear(z.groups)
	if sharesTargets(current.Roster) {
		z.indexGroups()
	}
	z.listed = append(z.listed[:0], c.standings.InName...)
	for _, tier := range c.standings.InSRV {
		for w, word := range tier {
			z.listed[w] |= word
		}
	}
	n := len(current.Zones) + 1
	z.numbers, z.used = slices.Grow(z.numbers[:0], n)[:n], slices.Grow(z.used[:0], n)[:n]
	for i := range z.numbers {
		z.numbers[i], z.used[i] = int32(i), false
	}
	if z.parts == nil {
		z.parts = make(map[whole][]offer)
	}
}

// sharesTargets reports whether a target is several endpoints.
func sharesTargets(r *roster.Roster) bool {
	for target, sharing := range r.Shared {
		n := 0
		for _, at := range sharing {
			if r.Target(at) == target {
				n++
			}
		}
		if n > 1 {
			return true
		}
	}
	return false
}

// indexGroups finds groups by ports as record sets have them: with all they say, or by
// number alone.
func (z *zoneCompiler) indexGroups() {
	if z.groups == nil {
		z.groups = make(map[model.Port][]int32)
	}
	for i, g := range z.roster.Groups() {
		for _, port := range g.Ports {
			number := model.Port{Number: port.Number}
			z.groups[number] = appendOnce(z.groups[number], int32(i))
			if port.Name != "" {
				z.groups[port] = appendOnce(z.groups[port], int32(i))
			}
		}
	}
}

func (z *zoneCompiler) targets(p *portSet) whole {
	if len(z.groups) == 0 {
		return whole{who: p.who}
	}
	return whole{p.who, p.port}
}

// note notes which zones somebody is in.
func (z *zoneCompiler) note(of whole) {
	if _, known := z.parts[of]; known || of.who.Len() == 0 {
		return
	}
	z.parts[of] = nil
	for number := range z.each(of) {
		z.used[number] = true
	}
}

// name returns the zones that are noted, and gives them their numbers.
func (z *zoneCompiler) name() (zones []string) {
	for i, used := range z.used {
		if used {
			zones = append(zones, lower(z.current.Zones[i-1]))
		}
	}
	slices.Sort(zones)
	zones = slices.Clip(slices.Compact(zones))
	for i, used := range z.used {
		z.numbers[i] = 0
		if used {
			at, _ := slices.BinarySearch(zones, lower(z.current.Zones[i-1]))
			z.numbers[i] = int32(at + 1)
		}
	}
	return zones
}

// lower returns the name of a zone as it stands in questions, in memory that all share.
func lower(zone model.Place) string {
	text := zone.Value()
	if lower := strings.ToLower(text); lower != text {
		return unique.Make(lower).Value()
	}
	return text
}

// each yields who is in which zone, by its number. A target may be in several.
func (z *zoneCompiler) each(of whole) iter.Seq2[int32, roster.At] {
	return func(yield func(int32, roster.At) bool) {
		for i := range int32(of.who.Len()) {
			at := of.who.At(i)
			if number := z.numberOf(at); number > 0 && !yield(number, at) {
				return
			}
			if of.port == (model.Port{}) {
				continue
			}
			for _, number := range z.further(at, of.port) {
				if !yield(number, at) {
					return
				}
			}
		}
	}
}

// numberOf returns the number of the zone of an endpoint.
func (z *zoneCompiler) numberOf(at roster.At) int32 {
	if len(z.current.Zone) == 0 {
		return 0
	}
	return z.numbers[z.current.Zone[at]]
}

// further returns the zones of the others that are called like an endpoint, each once, and
// without its own.
func (z *zoneCompiler) further(at roster.At, port model.Port) []int32 {
	z.seen = append(z.seen[:0], 0, z.numberOf(at))
	target := z.roster.Target(at)
	_, several := z.roster.Meaning(target)
	for _, other := range several {
		number := z.numberOf(other)
		if !slices.Contains(z.seen, number) && z.roster.Target(other) == target && z.listed.Has(other) && z.offers(other, port) {
			z.seen = append(z.seen, number)
		}
	}
	return z.seen[2:]
}

// offers reports whether an endpoint offers a port.
func (z *zoneCompiler) offers(at roster.At, port model.Port) bool {
	for _, i := range z.groups[port] {
		members := z.roster.Groups()[i].Members
		if _, found := slices.BinarySearch(members, at); found || members == nil {
			return true
		}
	}
	return false
}

// part returns who of a whole is in each zone. Where all are in one, the whole serves.
func (z *zoneCompiler) part(of whole, zones int) []offer {
	z.next = slices.Grow(z.next[:0], zones+1)[:zones+1]
	clear(z.next)
	total := int32(0)
	for number := range z.each(of) {
		z.next[number]++
		total++
	}
	offers, n := make([]offer, zones), int32(of.who.Len())
	if at := slices.Index(z.next, n); at > 0 && total == n {
		offers[at-1] = z.offer(of.who)
		return offers
	}
	sum := int32(0)
	for i, count := range z.next {
		z.next[i], sum = sum, sum+count
	}
	list := make([]roster.At, total)
	for number, at := range z.each(of) {
		list[z.next[number]] = at
		z.next[number]++
	}
	// Now next is where each zone ends.
	for i, who := range roster.Lists(list, z.next[1:]) {
		if who.Len() > 0 {
			offers[i] = z.offer(who)
		}
	}
	return offers
}

// ofPorts returns the parts of each port.
func (z *zoneCompiler) ofPorts(ports []portSet) [][]offer {
	all := make([][]offer, len(ports))
	for i := range ports {
		all[i] = z.parts[z.targets(&ports[i])]
	}
	return all
}
