package topology

import (
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// level is which good endpoints are for which places, zones or nodes. The zero value is one
// that is not used.
type level struct {
	// parts are shared with the levels before and after, and know no conditions.
	parts *roster.Parts
	// less are the parts that have members who are not good, or have lost some, by number,
	// and kept has the good members of these, one part after the other.
	less []part
	kept []roster.At
	// good is how many endpoints there are, and nowhere how many of them have no place.
	good, nowhere int32
}

// part is what is left of a part: n of level.kept from first on.
type part struct{ number, first, n, lost int32 }

// used returns the level, or that which is not used where an endpoint has no place: it is
// for everybody.
func (l level) used() level {
	if l.nowhere > 0 {
		return level{}
	}
	return l
}

// group is the good endpoints for one place. The zero value is one of nobody.
type group struct {
	number int
	// members are nil for all that there are.
	members []roster.At
	// n is how many are good, and lost how many more the place has or had.
	n, lost int32
}

// find returns the group of a place.
func (l *level) find(place model.Place) (g group) {
	if l.parts != nil && place != (model.Place{}) {
		g = l.known(place)
	}
	return g
}

// known is find for a level that is used, and a place that is known.
func (l *level) known(place model.Place) group {
	if number := l.parts.Find(place); number > 0 {
		return l.group(number)
	}
	return group{}
}

// group returns the group with a number.
func (l *level) group(number int) group {
	g := group{number: number, n: int32(l.parts.Len(number))}
	if len(l.less) > 0 && l.takeLess(&g) {
		return g
	}
	if g.n < l.good {
		g.members = l.parts.Of(number)
	}
	return g
}

// takeLess takes over what is left of a part, where somebody there is not good.
func (l *level) takeLess(g *group) bool {
	at, ok := slices.BinarySearchFunc(l.less, int32(g.number), func(p part, number int32) int { return int(p.number - number) })
	if !ok {
		return false
	}
	p := l.less[at]
	g.n, g.lost = p.n, p.lost
	if g.n < l.good {
		g.members = l.kept[p.first : p.first+p.n : p.first+p.n]
	}
	return true
}

// placeOf returns the place of a group.
func (l *level) placeOf(g group) model.Place { return l.parts.Place(g.number) }

// all yields the groups that have somebody.
func (l *level) all(yield func(group) bool) {
	if l.parts == nil {
		return
	}
	for number := 1; number < l.parts.Numbers(); number++ {
		if g := l.group(number); g.n > 0 && !yield(g) {
			return
		}
	}
}

// len returns how many groups have somebody.
func (l *level) len() (n int) {
	for range l.all {
		n++
	}
	return n
}

// counts returns how many are in each zone.
func (l *level) counts() (all []Count) {
	for g := range l.all {
		all = append(all, Count{l.placeOf(g), g.n})
	}
	return all
}

// equal reports whether two levels have equal groups. Of levels of the same parts only those
// are looked at that are not as they are there.
func (l *level) equal(o *level, equal func(a, b group) bool) bool {
	switch {
	case l.parts == nil || o.parts == nil:
		return l.parts == o.parts
	case l.parts != o.parts:
		return l.len() == o.len() && l.each(func(g group) bool { return equal(g, o.find(l.placeOf(g))) })
	}
	for _, less := range [...][]part{l.less, o.less} {
		for _, p := range less {
			if !equal(l.group(int(p.number)), o.group(int(p.number))) {
				return false
			}
		}
	}
	return true
}

// each reports whether something holds of all groups that have somebody.
func (l *level) each(holds func(group) bool) bool {
	for g := range l.all {
		if !holds(g) {
			return false
		}
	}
	return true
}
