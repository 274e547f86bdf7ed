package topology

import (
	"iter"
	"math/bits"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// A Decider makes Nears. It keeps its memory between them. The zero value is ready for
// use.
type Decider struct {
	zones, nodes side
	// places has how many endpoints are in each zone.
	places []int32
}

// Wanted is what a Service wants, and what is known of its clients.
type Wanted struct {
	Policy
	Wish   model.Distribution
	Demand Demand
}

// Decide groups the good endpoints of an address family, which are all that the Service
// name has of it. It returns nil where the Service has no wish, or no endpoints.
//
//	the Service says, first that fits | zones of an endpoint           | nodes of an endpoint
//	annotation zone, or node          | its own                        | node: its own
//	topology-mode: Auto, or nothing   | those of its hint              | those of its hint
//	PreferSameZone                    | those of its hint, or its own  | none
//	PreferSameNode                    | those of its hint, or its own  | those of its hint, or its own
//
// A level is used where each endpoint has a place on it: one without is for everybody,
// and nobody may lose it.
func (d *Decider) Decide(w *Wanted, c *roster.Current, st *health.Standings, family int) *Near {
	p, wish := &w.Policy, w.Wish
	good := st.Counts[family][health.Good]
	if good == 0 {
		return nil
	}
	s := scene{c, family, st.InName}
	d.zones.begin(zoneRule(p.Level, wish), c)
	if len(c.Zone) == 0 {
		return nowhere(good, d.zones.fills)
	}
	d.nodes.begin(nodeRule(p.Level, wish), c)
	if !d.zones.fills && !s.hinted() {
		return nil
	}
	d.places = s.places(d.places)
	n := &Near{good: int32(good), places: s.named(d.places), placed: d.places[0] == 0}
	zones, nodes := d.zones.countZones(&s, d.places), d.nodes.count(&s)
	if n.partial = !zones && !nodes; n.partial {
		return n
	}
	lost := s.lost(st)
	if zones {
		n.zones.all = d.zones.groups(n, &s, lost, p)
		n.zones.home = d.zones.homes(&s, n.zones.all)
		n.zones.shares = shares(n.zones.all, n.good, w.Demand, p.Overload)
		n.zones.index()
	}
	if nodes {
		n.nodes.all, n.stray = d.nodes.groups(n, &s, lost, p), d.nodes.stray
		n.nodes.index()
	}
	return n
}

// nowhere is for endpoints of which no slice says where they are: they are for nobody in
// particular where the Service has a wish.
func nowhere(good int, wishes bool) *Near {
	if !wishes {
		return nil
	}
	return &Near{good: int32(good), partial: true}
}

// scene is whom it is decided about.
type scene struct {
	*roster.Current
	family int
	in     roster.Bits
}

// each yields those of a set that are of the family.
func (s *scene) each(of roster.Bits) iter.Seq[roster.At] {
	return func(yield func(roster.At) bool) {
		for w := range of {
			for word := s.word(of, w); word != 0; word &= word - 1 {
				if !yield(roster.At(64*w + bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}

// hinted reports whether one of the endpoints has a hint.
func (s *scene) hinted() bool {
	for at := range s.each(s.in) {
		if s.Hints[at] != 0 {
			return true
		}
	}
	return false
}

// word returns which of 64 places of a set are of the family.
func (s *scene) word(of roster.Bits, w int) uint64 {
	v4 := roster.Below(w, s.Split())
	if s.family == roster.IPv4 {
		return of[w] & v4
	}
	return of[w] &^ v4
}

// places counts the endpoints in each zone, by its number: whole words of them at once,
// since a large Service has thousands, and each change of it counts them.
func (s *scene) places(counts []int32) []int32 {
	counts = slices.Grow(counts[:0], len(s.Zones)+1)[:len(s.Zones)+1]
	clear(counts)
	for w := range s.in {
		word, from := s.word(s.in, w), 64*w
		if word == ^uint64(0) {
			for _, zone := range s.Zone[from : from+64] {
				counts[zone]++
			}
			continue
		}
		for ; word != 0; word &= word - 1 {
			counts[s.Zone[from+bits.TrailingZeros64(word)]]++
		}
	}
	return counts
}

// putPlaces puts each endpoint where next says for its zone, plus one; zero is nowhere.
func (s *scene) putPlaces(order []roster.At, next []int32) {
	put := func(at int) {
		if to := &next[s.Zone[at]]; *to > 0 {
			order[*to-1] = roster.At(at)
			*to++
		}
	}
	for w := range s.in {
		for word := s.word(s.in, w); word != 0; word &= word - 1 {
			put(64*w + bits.TrailingZeros64(word))
		}
	}
}

// named returns the zones that have endpoints.
func (s *scene) named(counts []int32) (all []Count) {
	for i, n := range counts[1:] {
		if n > 0 {
			all = append(all, Count{s.Zones[i], n})
		}
	}
	return all
}

// lost are the endpoints that were or are up, and are not good: those that a zone or a
// node has lost. Those that start or end are none of them, so that no rollout counts.
func (s *scene) lost(st *health.Standings) (all []roster.At) {
	for _, tier := range []health.Tier{health.Damped, health.Sick} {
		if st.Counts[s.family][tier] > 0 {
			all = slices.AppendSeq(all, s.each(st.Tiers[tier]))
		}
	}
	return all
}

// rule says where the places come from that an endpoint is for, on one level.
type rule struct {
	// own is the hint for the endpoint's own place, and listed finds those of others.
	own    model.Hints
	listed func(model.Elsewhere) []model.Place
	// reads is true where hints count, and fills where an endpoint's own place does
	// for what hints do not say.
	reads, fills bool
}

func zoneRule(level Level, wish model.Distribution) rule {
	return rule{
		own: model.HintedZone, listed: func(e model.Elsewhere) []model.Place { return e.Zones },
		reads: level == ByWish, fills: level != ByWish || wish != model.NoDistribution,
	}
}

func nodeRule(level Level, wish model.Distribution) rule {
	return rule{
		own: model.HintedNode, listed: func(e model.Elsewhere) []model.Place { return e.Nodes },
		reads: level == ByWish && wish != model.PreferSameZone,
		fills: level == ByNode || level == ByWish && wish == model.PreferSameNode,
	}
}

// side is one level. Places have numbers in it, from 1; 0 is none.
type side struct {
	rule
	names   []model.Place
	numbers map[model.Place]int32
	// placed has the number of each endpoint's own place, where that is no zone.
	placed []int32
	// counts has how many endpoints are for each place.
	counts, next []int32
	// stray means that an endpoint is for another place than its own.
	stray bool
}

func (l *side) begin(r rule, c *roster.Current) {
	l.rule, l.stray = r, false
	l.names, l.counts, l.placed = l.names[:0], l.counts[:0], l.placed[:0]
	clear(l.numbers)
	if r.own == model.HintedZone {
		l.names = append(l.names, c.Zones...)
	}
}

// number returns the number of a place, and gives it one.
func (l *side) number(place model.Place) int32 {
	if (place == model.Place{}) {
		return 0
	}
	if l.numbers == nil {
		l.numbers = make(map[model.Place]int32)
	}
	if len(l.numbers) < len(l.names) {
		for i, name := range l.names {
			l.numbers[name] = int32(i + 1)
		}
	}
	if n := l.numbers[place]; n > 0 {
		return n
	}
	l.names = append(l.names, place)
	l.numbers[place] = int32(len(l.names))
	return int32(len(l.names))
}

// place finds the number of the own place of each endpoint that somebody asks for.
func (l *side) place(s *scene, at roster.At) int32 {
	if l.own == model.HintedZone {
		return int32(s.Zone[at])
	}
	if len(l.placed) != s.Len() {
		l.placed = slices.Grow(l.placed[:0], s.Len())[:s.Len()]
		for i := range l.placed {
			l.placed[i] = unplaced
		}
	}
	if l.placed[at] == unplaced {
		l.placed[at] = l.number(s.Node(at))
	}
	return l.placed[at]
}

// unplaced is an endpoint whose place nobody has asked for.
const unplaced = -1

// target returns the number of the place that an endpoint is for, or else several
// places. Neither is for everybody.
func (l *side) target(s *scene, at roster.At) (one int32, several []model.Place) {
	hints := s.Hints[at]
	if l.reads && hints.Has(model.HintedElsewhere) {
		if several = l.listed(s.Elsewhere(at)); len(several) > 0 {
			return 0, several
		}
	}
	if l.fills || l.reads && hints.Has(l.own) {
		return l.place(s, at), nil
	}
	return 0, nil
}

// count counts who is for which place, and reports whether nobody is for everybody.
func (l *side) count(s *scene) bool {
	if !l.reads && !l.fills {
		return false
	}
	for at := range s.each(s.in) {
		one, several := l.target(s, at)
		switch {
		case one > 0:
			l.add(one)
		case len(several) > 0:
			l.stray = true
			for _, place := range several {
				l.add(l.number(place))
			}
		default:
			return false
		}
	}
	return true
}

// isPlain reports whether each endpoint is for its own zone, whatever hints say.
func (l *side) isPlain(s *scene) bool {
	return l.own == model.HintedZone && l.fills && !(l.reads && s.Foreign())
}

// countZones is count where it is known how many endpoints are in each zone.
func (l *side) countZones(s *scene, places []int32) bool {
	if !l.isPlain(s) {
		return l.count(s)
	}
	l.counts = append(l.counts[:0], places...)
	l.counts[0] = 0
	return places[0] == 0
}

func (l *side) add(number int32) {
	for len(l.counts) <= int(number) {
		l.counts = append(l.counts, 0)
	}
	l.counts[number]++
}

// groups makes the groups, and puts their members into n.order. A group of all has
// none there.
func (l *side) groups(n *Near, s *scene, lost []roster.At, p *Policy) (all []group) {
	missing := l.missing(s, lost)
	l.next = slices.Grow(l.next[:0], len(l.counts))[:len(l.counts)]
	clear(l.next)
	used, total := 0, int32(len(n.order))
	for _, members := range l.counts {
		if members > 0 {
			used++
		}
	}
	all = make([]group, 0, used)
	for number, members := range l.counts {
		if members == 0 {
			continue
		}
		g := group{place: l.names[number-1], first: total, n: members}
		switch {
		case !p.suffices(members, missing[int32(number)]):
			g.n = degraded
		case members == n.good:
		default:
			l.next[number] = total + 1
			total += members
		}
		all = append(all, g)
	}
	if int(total) > len(n.order) {
		n.order = slices.Grow(n.order, int(total)-len(n.order))[:total]
		l.fill(n.order, s)
	}
	return all
}

// fill puts the members of each group where next says, plus one; zero is nowhere.
func (l *side) fill(order []roster.At, s *scene) {
	if l.isPlain(s) {
		s.putPlaces(order, l.next)
		return
	}
	put := func(number int32, at roster.At) {
		if next := &l.next[number]; *next > 0 {
			order[*next-1] = at
			*next++
		}
	}
	for at := range s.each(s.in) {
		one, several := l.target(s, at)
		if one > 0 {
			put(one, at)
			continue
		}
		for _, place := range several {
			put(l.number(place), at)
		}
	}
}

// missing counts those that each place has lost.
func (l *side) missing(s *scene, lost []roster.At) map[int32]int32 {
	if len(lost) == 0 {
		return nil
	}
	missing := make(map[int32]int32)
	for _, at := range lost {
		missing[l.place(s, at)]++
	}
	return missing
}

// suffices is the guard: whether a group of good endpoints is enough for its place,
// which has lost some.
func (p *Policy) suffices(good, lost int32) bool {
	return int(good) >= p.Count && 100*int(good) >= p.Percent*int(good+lost)
}

// homes counts the members of each group that are in its place.
func (l *side) homes(s *scene, all []group) []int32 {
	homes := make([]int32, len(all))
	if !l.stray {
		for i, g := range all {
			homes[i] = l.counts[l.number(g.place)]
		}
		return homes
	}
	byNumber := make([]int32, len(l.counts))
	for at := range s.each(s.in) {
		one, several := l.target(s, at)
		own := l.place(s, at)
		if one > 0 || own > 0 && slices.Contains(several, l.names[own-1]) {
			byNumber[max(one, own)]++
		}
	}
	for i, g := range all {
		homes[i] = byNumber[l.number(g.place)]
	}
	return homes
}
