package roster

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"pgregory.net/rapid"
)

// placed is where an endpoint of a test is; empty is nowhere.
type placed struct{ zone, node string }

// sliceAt makes a slice whose endpoints are in those places, at the addresses from first on.
func sliceAt(name string, is6 bool, first int, all []placed) *model.Slice {
	s := &model.Slice{SliceKey: model.SliceKey{Name: name}, Version: 1}
	places := new(model.Places)
	index := func(of *[]model.Place, text string) uint16 {
		if text == "" {
			return 0
		}
		place := unique.Make(text)
		if !slices.Contains(*of, place) {
			*of = append(*of, place)
		}
		return uint16(slices.Index(*of, place) + 1)
	}
	for i, each := range all {
		at := first + i
		address := netip.AddrFrom4([4]byte{10, byte(at >> 16), byte(at >> 8), byte(at)})
		if is6 {
			address = netip.AddrFrom16([16]byte{0xfd, 13: byte(at >> 16), 14: byte(at >> 8), 15: byte(at)})
		}
		s.Endpoints = append(s.Endpoints, model.Endpoint{
			Address: address, ID: model.PodID{byte(at >> 16), byte(at >> 8), byte(at)}, Conditions: model.Ready,
			Zone: index(&places.Zones, each.zone), Node: index(&places.Nodes, each.node),
		})
	}
	if len(places.Zones)+len(places.Nodes) > 0 {
		s.Places = places
	}
	return s
}

// drawPlaces draws where endpoints are, in few places or in many.
func drawPlaces(t *rapid.T) []placed {
	n := rapid.IntRange(0, 60).Draw(t, "endpoints")
	place := rapid.SampledFrom([]string{"", "a", "b"})
	if rapid.Bool().Draw(t, "many places") {
		place = rapid.Map(rapid.IntRange(0, 30), func(i int) string { return fmt.Sprintf("place-%d", i) })
	}
	all := make([]placed, n)
	for i := range all {
		all[i] = placed{place.Draw(t, "zone"), place.Draw(t, "node")}
	}
	return all
}

// wantParts holds Parts against where each endpoint is.
func wantParts(t interface {
	Helper()
	Fatalf(string, ...any)
}, c *Current, family int, p *Parts, placeOf func(At) model.Place) {
	t.Helper()
	want, n := make(map[model.Place][]At), 0
	for at := range At(c.Len()) {
		if c.Family(at) == family {
			want[placeOf(at)] = append(want[placeOf(at)], at)
			n++
			if number := p.NumberOf(at); number != p.Find(placeOf(at)) && placeOf(at) != (model.Place{}) || number > 0 && p.Place(number) != placeOf(at) {
				t.Fatalf("%d has the number %d, in %v", at, number, placeOf(at))
			}
		}
	}
	for place, members := range want {
		number := p.Find(place)
		if (number == 0) != (place == model.Place{}) {
			t.Fatalf("%v has the number %d", place, number)
		}
		got := p.Of(number)
		if got == nil {
			got = slices.Collect(func(yield func(At) bool) {
				for at := range At(n) {
					if !yield(p.first + at) {
						return
					}
				}
			})
		}
		if p.Len(number) != len(members) || !slices.Equal(got, members) {
			t.Fatalf("%v has %d endpoints, %v, want %v", place, p.Len(number), got, members)
		}
	}
	for number := 1; number < p.Numbers(); number++ {
		if p.Len(number) > 0 && len(want[p.Place(number)]) == 0 {
			t.Fatalf("%v has endpoints, and nobody is there", p.Place(number))
		}
	}
	if number := p.Find(unique.Make("elsewhere")); number != 0 {
		t.Fatalf("a place where nobody is has the number %d", number)
	}
}

// wantAllParts does the same for zones and nodes, and both families.
func wantAllParts(t *rapid.T, c *Current) {
	t.Helper()
	if len(c.Zone) == 0 {
		return
	}
	for family := range Families {
		wantParts(t, c, family, c.ByZone(family), c.ZoneName)
		wantParts(t, c, family, c.ByNode(family), c.Node)
	}
}

func TestPartsAreWhoIsWhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := []*model.Slice{sliceAt("x", false, 0, drawPlaces(t)), sliceAt("y", false, 100, drawPlaces(t)), sliceAt("z", true, 0, drawPlaces(t))}
		c, _ := new(Builder).Build(all, ByHostname)
		wantAllParts(t, c)
	})
}

// Who flips stays where it is, and the Parts stay what they are. Who moves is where it is now.
func TestPartsFollowWhoMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := drawPlaces(t)
		more := sliceAt("y", true, 0, drawPlaces(t))
		built, _ := new(Builder).Build([]*model.Slice{sliceAt("x", false, 0, places), more}, ByHostname)
		kept := built.Kept()
		wantAllParts(t, kept)
		for range 3 {
			moves := len(places) > 0 && rapid.Bool().Draw(t, "moves")
			if moves {
				places[rapid.IntRange(0, len(places)-1).Draw(t, "who")] = placed{"moved", rapid.SampledFrom([]string{"", "to", "a"}).Draw(t, "node")}
			}
			next := sliceAt("x", false, 0, places)
			for i := range next.Endpoints {
				next.Endpoints[i].Conditions = model.Conditions(rapid.IntRange(0, int(model.AllConditions)).Draw(t, "conditions"))
			}
			zones, nodes := kept.byZone, kept.byNode
			if !kept.Refresh([]*model.Slice{next, more}) {
				t.Fatal("a change of conditions and places was not taken over")
			}
			if !moves && (zones != kept.byZone || nodes != kept.byNode) {
				t.Fatal("nobody moved, and all are parted again")
			}
			wantAllParts(t, kept)
		}
	})
}

// A zone that is that of the Node parts endpoints as well, also where it comes later.
func TestPartsFollowTheZonesOfNodes(t *testing.T) {
	c, _ := new(Builder).Build([]*model.Slice{sliceAt("x", false, 0, []placed{{"a", "n1"}, {"", "n2"}, {"", "n3"}})}, ByHostname)
	zones := map[model.Place]model.Place{unique.Make("n2"): unique.Make("b")}
	zoneOf := func(node model.Place) model.Place { return zones[node] }
	for _, late := range []string{"", "b", "c"} {
		if late != "" {
			zones[unique.Make("n3")] = unique.Make(late)
		}
		c.FillZones(zoneOf)
		wantParts(t, c, IPv4, c.ByZone(IPv4), c.ZoneName)
		before := c.ByZone(IPv4)
		if c.FillZones(zoneOf); c.ByZone(IPv4) != before {
			t.Errorf("no zone is another one, and all are parted again")
		}
	}
}

// Those on one node too many are nowhere: they are for everybody.
func TestPartsBeyondWhatCanBeToldApart(t *testing.T) {
	const nodes = maxPlaces + 100
	var all []*model.Slice
	for first := 0; first < nodes; first += 10_000 {
		var places []placed
		for i := first; i < min(first+10_000, nodes); i++ {
			places = append(places, placed{"z", fmt.Sprint(i)})
		}
		s := sliceAt(fmt.Sprintf("s-%06d", first), false, first, places)
		all = append(all, s)
	}
	c, _ := new(Builder).Build(all, ByHostname)
	p := c.ByNode(IPv4)
	if p.Numbers() != maxPlaces+1 || p.Len(0) != nodes-maxPlaces {
		t.Fatalf("there are %d numbers, and %d endpoints are nowhere, want %d and %d", p.Numbers(), p.Len(0), maxPlaces+1, nodes-maxPlaces)
	}
	for at := range At(c.Len()) {
		if number := p.NumberOf(at); number > 0 && !slices.Equal(p.Of(number), []At{at}) {
			t.Fatalf("%v is on the node of %v", at, p.Of(number))
		}
	}
}

func TestPartsOfHints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := make([]model.Place, rapid.IntRange(1, 30).Draw(t, "places"))
		for i := range places {
			places[i] = unique.Make(fmt.Sprintf("place-%d", i))
		}
		want := make(map[model.Place][]At)
		var all []Placed
		for at := range At(rapid.IntRange(0, 40).Draw(t, "endpoints")) {
			for _, place := range rapid.SliceOfNDistinct(rapid.SampledFrom(places), 0, min(3, len(places)), rapid.ID[model.Place]).Draw(t, "hints") {
				all = append(all, Placed{place, at})
				want[place] = append(want[place], at)
			}
		}
		p := PartsOf(all)
		for _, place := range places {
			number := p.Find(place)
			if number == 0 && len(want[place]) == 0 {
				continue
			}
			got := p.Of(number)
			if got == nil && len(want) == 1 {
				// All of them are for that one.
				got = want[place]
			}
			if p.Place(number) != place || p.Len(number) != len(want[place]) || !slices.Equal(got, want[place]) {
				t.Fatalf("%v has %v, want %v", place, got, want[place])
			}
		}
	})
}
