package topology

import (
	"math/bits"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// A Decider makes Nears. It keeps its memory between them. The zero value is ready for
// use.
type Decider struct {
	placed []roster.Placed
	// touched are the numbers of places that have members who are not good, or have lost
	// some, and lost has how many; gone is how many are not good, and the first of them are
	// absent.
	touched roster.Bits
	lost    []int32
	gone    int
	absent  []absent
}

// absent is a member of a part who is not good.
type absent struct {
	number int
	at     roster.At
}

// fewAbsent are cut out of their parts one by one. Of more, each member is looked at.
const fewAbsent = 16

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
//
// Nearly always each endpoint is for its own place. Then the groups are parts of the
// Roster, and a change of conditions costs what those cost who are not good.
func (d *Decider) Decide(w *Wanted, c *roster.Current, st *health.Standings, family int) *Near {
	good := st.Counts[family][health.Good]
	if good == 0 {
		return nil
	}
	s := scene{c, st, family}
	byZone, byNode := zoneRule(w.Level, w.Wish), nodeRule(w.Level, w.Wish)
	if !byZone.fills && (len(c.Zone) == 0 || !s.hinted()) {
		return nil
	}
	n := &Near{good: int32(good), guard: guard{w.Count, w.Percent}}
	if len(c.Zone) == 0 {
		// No slice says where anybody is: they are for nobody in particular.
		n.partial = true
		return n
	}
	own := d.own(&s, c.ByZone(family))
	n.places, n.placed = own.counts(), own.nowhere == 0
	switch byZone.source(&s) {
	case ownPlaces:
		n.zones.level = own.used()
	case listedPlaces:
		n.zones.level, n.zones.home = d.listedZones(&s, &byZone)
	}
	switch byNode.source(&s) {
	case ownPlaces:
		n.nodes = d.own(&s, c.ByNode(family)).used()
	case listedPlaces:
		n.nodes, n.stray = d.listed(&s, &byNode)
	}
	n.partial = n.zones.parts == nil && n.nodes.parts == nil
	n.zones.shares = n.shares(w.Demand, w.Overload)
	return n
}

// scene is whom it is decided about.
type scene struct {
	*roster.Current
	st     *health.Standings
	family int
}

// word returns which of 64 places are of the family.
func (s *scene) word(w int) uint64 {
	v4 := roster.Below(w, s.Split())
	if s.family == roster.IPv4 {
		return v4
	}
	return roster.Below(w, s.Len()) &^ v4
}

// good yields the endpoints that are.
func (s *scene) good(yield func(roster.At) bool) {
	for w, in := range s.st.InName {
		if !eachBit(w, in&s.word(w), yield) {
			return
		}
	}
}

// others yields the endpoints that are not good.
func (s *scene) others(yield func(roster.At) bool) {
	for w, in := range s.st.InName {
		if !eachBit(w, s.word(w)&^in, yield) {
			return
		}
	}
}

func eachBit(w int, word uint64, yield func(roster.At) bool) bool {
	for ; word != 0; word &= word - 1 {
		if !yield(roster.At(64*w + bits.TrailingZeros64(word))) {
			return false
		}
	}
	return true
}

// isLost reports whether an endpoint that is not good was or is up: those are what a zone
// or a node has lost. Those that start or end are none of them, so that no rollout counts.
func (s *scene) isLost(at roster.At) bool {
	return s.st.Tiers[health.Damped].Has(at) || s.st.Tiers[health.Sick].Has(at)
}

// hinted reports whether one of the endpoints has a hint.
func (s *scene) hinted() bool {
	for w, in := range s.st.InName {
		if in&s.word(w)&(s.ForZone[w]|s.ForNode[w]|s.Elsewhere[w]) != 0 {
			return true
		}
	}
	return false
}

// allIn reports whether all of the endpoints are in a set.
func (s *scene) allIn(set roster.Bits) bool {
	for w, in := range s.st.InName {
		if in&s.word(w)&^set[w] != 0 {
			return false
		}
	}
	return true
}

// rule says where the places come from that an endpoint is for, on one level.
type rule struct {
	// own are those with a hint for the endpoint's own place, placeOf finds that, and listed
	// finds those of others.
	own     func(*scene) roster.Bits
	placeOf func(*scene, roster.At) model.Place
	listed  func(model.Elsewhere) []model.Place
	// reads is true where hints count, and fills where an endpoint's own place does
	// for what hints do not say.
	reads, fills bool
}

func zoneRule(level Level, wish model.Distribution) rule {
	return rule{
		own:     func(s *scene) roster.Bits { return s.ForZone },
		placeOf: func(s *scene, at roster.At) model.Place { return s.ZoneName(at) },
		listed:  func(e model.Elsewhere) []model.Place { return e.Zones },
		reads:   level == ByWish, fills: level != ByWish || wish != model.NoDistribution,
	}
}

func nodeRule(level Level, wish model.Distribution) rule {
	return rule{
		own:     func(s *scene) roster.Bits { return s.ForNode },
		placeOf: func(s *scene, at roster.At) model.Place { return s.Node(at) },
		listed:  func(e model.Elsewhere) []model.Place { return e.Nodes },
		reads:   level == ByWish && wish != model.PreferSameZone,
		fills:   level == ByNode || level == ByWish && wish == model.PreferSameNode,
	}
}

// source is where the places of one level come from.
type source int

const (
	// noPlaces means that the level is not used.
	noPlaces source = iota
	// ownPlaces means that each endpoint is for its own place.
	ownPlaces
	// listedPlaces means that some may be for others.
	listedPlaces
)

func (r *rule) source(s *scene) source {
	switch {
	case r.reads && s.Foreign():
		return listedPlaces
	case r.fills, r.reads && s.allIn(r.own(s)):
		return ownPlaces
	}
	return noPlaces
}

// target returns the place that an endpoint is for, or else several. Neither is for
// everybody.
func (r *rule) target(s *scene, at roster.At) (one model.Place, several []model.Place) {
	if several = r.listed(s.ElsewhereOf(at)); len(several) > 0 {
		return one, several
	}
	if r.fills || r.own(s).Has(at) {
		return r.placeOf(s, at), nil
	}
	return one, nil
}

// own groups those who are for the place that they are in.
func (d *Decider) own(s *scene, parts *roster.Parts) level {
	l := level{parts: parts, good: s.count(), nowhere: int32(parts.Len(0))}
	d.begin(parts)
	for at := range s.others {
		number := parts.NumberOf(at)
		if number == 0 {
			l.nowhere--
			continue
		}
		if d.gone++; d.gone <= fewAbsent {
			d.absent = append(d.absent, absent{number, at})
		}
		d.touch(s, at, number)
	}
	d.settle(s, &l)
	return l
}

// count returns how many endpoints are good.
func (s *scene) count() int32 { return int32(s.st.Counts[s.family][health.Good]) }

// listed groups those who are for the places that hints list. It reports whether one of
// them is for another place than its own. The level is not used where one has no place.
func (d *Decider) listed(s *scene, r *rule) (l level, stray bool) {
	d.placed = d.placed[:0]
	for at := range s.good {
		one, several := r.target(s, at)
		switch {
		case len(several) > 0:
			stray = true
			for _, place := range several {
				d.placed = append(d.placed, roster.Placed{Place: place, At: at})
			}
		case one != model.Place{}:
			d.placed = append(d.placed, roster.Placed{Place: one, At: at})
		default:
			return level{}, false
		}
	}
	l = level{parts: roster.PartsOf(d.placed), good: s.count()}
	d.begin(l.parts)
	for at := range s.others {
		if number := l.parts.Find(r.placeOf(s, at)); number > 0 {
			d.touch(s, at, number)
		}
	}
	d.settle(s, &l)
	return l, stray
}

// listedZones also returns how many of each group are in its zone, nil for all of them.
func (d *Decider) listedZones(s *scene, r *rule) (l level, home []int32) {
	l, stray := d.listed(s, r)
	if !stray {
		return l, nil
	}
	home = make([]int32, l.parts.Numbers())
	for _, each := range d.placed {
		if s.ZoneName(each.At) == each.Place {
			home[l.parts.Find(each.Place)]++
		}
	}
	return l, home
}

// begin begins with what the parts of a level have lost.
func (d *Decider) begin(parts *roster.Parts) {
	d.touched, d.gone, d.absent = d.touched.Reset(parts.Numbers()), 0, d.absent[:0]
	if len(d.lost) < parts.Numbers() {
		d.lost = make([]int32, parts.Numbers())
	}
}

// touch takes note of one who is not good.
func (d *Decider) touch(s *scene, at roster.At, number int) {
	d.touched.Add(roster.At(number))
	if s.isLost(at) {
		d.lost[number]++
	}
}

// settle takes those who are not good out of the parts that have some.
func (d *Decider) settle(s *scene, l *level) {
	touched := d.touched.Count()
	if touched == 0 {
		return
	}
	// Whoever is put in is written, and stays if it is good: there is room for one more.
	l.less, l.kept = make([]part, 0, touched), make([]roster.At, 0, d.room(l.parts)+1)
	for number := range d.touched.Each {
		p := part{number: int32(number), lost: d.lost[number], first: int32(len(l.kept)), n: l.good}
		d.lost[number] = 0
		if members := l.parts.Of(int(number)); members != nil {
			if d.gone <= fewAbsent {
				l.kept = d.appendPresent(l.kept, members, int(number))
			} else {
				l.kept = appendIn(l.kept, members, s.st.InName)
			}
			p.n = int32(len(l.kept)) - p.first
		}
		l.less = append(l.less, p)
	}
}

// room returns how many good endpoints are in the parts that are touched.
func (d *Decider) room(parts *roster.Parts) int {
	room := -d.gone
	for number := range d.touched.Each {
		room += len(parts.Of(int(number)))
	}
	return max(room, 0)
}

// appendPresent appends the members of a part who are not absent: what is between two of
// these, at once.
func (d *Decider) appendPresent(dst, members []roster.At, number int) []roster.At {
	for _, a := range d.absent {
		if a.number != number {
			continue
		}
		if at, found := slices.BinarySearch(members, a.at); found {
			dst, members = append(dst, members[:at]...), members[at+1:]
		}
	}
	return append(dst, members...)
}

// appendIn appends those of the members that are in a set, and writes one more place of
// dst at most. It does not branch: a large Service has thousands of them, and each change of
// it looks at them.
func appendIn(dst, members []roster.At, in roster.Bits) []roster.At {
	n := len(dst)
	dst = dst[:cap(dst)]
	for _, at := range members {
		dst[n] = at
		n += int(in[at/64] >> (at % 64) & 1)
	}
	return dst[:n]
}
