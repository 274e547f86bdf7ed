package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

// endpoint is one as a test has it.
type endpoint struct {
	zone, node         string
	forZones, forNodes []string
	tier               health.Tier
}

// address returns that of the i-th endpoint.
func address(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }

// sliceOf makes a slice of endpoints, the first of which is the one of that number.
func sliceOf(name string, first int, all []endpoint) *model.Slice {
	obj := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "prod", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: "db"}},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	for i, e := range all {
		each := discoveryv1.Endpoint{
			Addresses: []string{address(first + i).String()},
			Conditions: discoveryv1.EndpointConditions{
				Ready:       new(e.tier == health.Good),
				Serving:     new(e.tier == health.Good || e.tier == health.Sick || e.tier == health.Draining),
				Terminating: new(e.tier == health.Draining || e.tier == health.Dying),
			},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: fmt.Sprintf("db-%d", first+i)},
		}
		if e.zone != "" {
			each.Zone = &e.zone
		}
		if e.node != "" {
			each.NodeName = &e.node
		}
		if len(e.forZones)+len(e.forNodes) > 0 {
			each.Hints = new(discoveryv1.EndpointHints)
			for _, zone := range e.forZones {
				each.Hints.ForZones = append(each.Hints.ForZones, discoveryv1.ForZone{Name: zone})
			}
			for _, node := range e.forNodes {
				each.Hints.ForNodes = append(each.Hints.ForNodes, discoveryv1.ForNode{Name: node})
			}
		}
		obj.Endpoints = append(obj.Endpoints, each)
	}
	slice, err := model.NewSlice(obj)
	if err != nil {
		panic(err)
	}
	slice.ReadPlaces(obj)
	return slice
}

// decided is a Near and whom it is about.
type decided struct {
	*Near
	of *roster.Current
}

func decide(p Policy, wish model.Distribution, all ...*model.Slice) decided {
	var builder roster.Builder
	var standings health.Standings
	var memory health.Memory
	var d Decider
	current, _ := builder.Build(all, roster.ByHostname)
	memory.Decide(&standings, &health.Policy{}, current, health.Wishes{}, time.Time{})
	return decided{d.Decide(&Wanted{Policy: p, Wish: wish}, current, &standings, roster.IPv4), current}
}

func placeOf(text string) model.Place {
	if text == "" {
		return model.Place{}
	}
	return unique.Make(text)
}

// for_ returns what a client gets, as the numbers of endpoints; nil is all.
func (d decided) gets(zone, node string) (Result, []int) {
	if d.Near == nil {
		return NotAsked, nil
	}
	r := d.For(placeOf(zone), placeOf(node))
	var numbers []int
	for _, at := range r.Group {
		b := d.of.Address(at).As4()
		numbers = append(numbers, int(b[2])<<8|int(b[3]))
	}
	slices.Sort(numbers)
	return r.Result, numbers
}

// parity is kube-proxy's rule, without the guard.
var parity = Policy{Mode: On, Count: 1}

// The rows of the design, and those of kube-proxy that are about hints: kube-proxy's
// rule applies to what hints say.
func TestWhatAClientGets(t *testing.T) {
	a, b, none := endpoint{zone: "a", node: "n1"}, endpoint{zone: "b", node: "n2"}, endpoint{}
	hinted := func(e endpoint) endpoint { e.forZones = []string{e.zone}; return e }
	onNode := func(e endpoint) endpoint { e.forNodes = []string{e.node}; return hinted(e) }
	is := func(e endpoint, tier health.Tier) endpoint { e.tier = tier; return e }
	far := func(e endpoint, zones ...string) endpoint { e.forZones = zones; return e }
	for name, tc := range map[string]struct {
		policy     Policy
		wish       model.Distribution
		all        []endpoint
		zone, node string
		want       Result
		group      []int
	}{
		"no wish, no hints":                         {parity, model.NoDistribution, []endpoint{a, b}, "a", "n1", NotAsked, nil},
		"hints for all, one is mine":                {parity, model.NoDistribution, []endpoint{hinted(a), hinted(b)}, "a", "", ToZone, []int{0}},
		"hints for all, none is mine":               {parity, model.NoDistribution, []endpoint{hinted(a), hinted(b)}, "c", "", NoneNear, nil},
		"one has no hint":                           {parity, model.NoDistribution, []endpoint{hinted(a), b}, "a", "", Partial, nil},
		"one that is not good has no hint":          {parity, model.NoDistribution, []endpoint{hinted(a), hinted(b), is(b, health.Starting)}, "a", "", ToZone, []int{0}},
		"hints for several zones, both are mine":    {parity, model.NoDistribution, []endpoint{far(a, "a", "b"), far(b, "b", "c")}, "b", "", ToZone, nil},
		"hints for several zones, one is mine":      {parity, model.NoDistribution, []endpoint{far(a, "a", "b"), far(b, "b", "c")}, "a", "", ToZone, []int{0}},
		"a hint for another zone than its own":      {parity, model.NoDistribution, []endpoint{far(a, "b"), far(b, "a")}, "a", "", ToZone, []int{1}},
		"node and zone hints, on the node":          {parity, model.NoDistribution, []endpoint{onNode(a), onNode(b)}, "a", "n1", ToNode, []int{0}},
		"node and zone hints, in the zone only":     {parity, model.NoDistribution, []endpoint{onNode(a), onNode(b)}, "a", "n9", ToZone, []int{0}},
		"node hints missing at one, on the node":    {parity, model.NoDistribution, []endpoint{onNode(a), hinted(b)}, "a", "n1", ToZone, []int{0}},
		"PreferSameZone without hints":              {parity, model.PreferSameZone, []endpoint{a, b}, "b", "n1", ToZone, []int{1}},
		"PreferSameZone, node hints that are left":  {parity, model.PreferSameZone, []endpoint{onNode(a), onNode(a), onNode(b)}, "a", "n1", ToZone, []int{0, 1}},
		"PreferSameZone, one without a zone":        {parity, model.PreferSameZone, []endpoint{a, b, none}, "a", "", Partial, nil},
		"PreferSameNode without hints":              {parity, model.PreferSameNode, []endpoint{a, b}, "a", "n2", ToNode, []int{1}},
		"PreferSameNode, nobody on the node":        {parity, model.PreferSameNode, []endpoint{a, b}, "a", "n9", ToZone, []int{0}},
		"annotation zone, whatever hints say":       {Policy{Mode: On, Level: ByZone, Count: 1, Own: true}, model.NoDistribution, []endpoint{far(a, "b"), far(b, "a")}, "a", "", ToZone, []int{0}},
		"annotation node":                           {Policy{Mode: On, Level: ByNode, Count: 1, Own: true}, model.NoDistribution, []endpoint{a, b}, "", "n2", ToNode, []int{1}},
		"PreferSameZone, nobody knows where one is": {parity, model.PreferSameZone, []endpoint{none, none}, "a", "", Partial, nil},
		"all are in the client's zone":              {parity, model.PreferSameZone, []endpoint{a, a}, "a", "", ToZone, nil},
		"all are in one zone, not the client's":     {parity, model.PreferSameZone, []endpoint{a, a}, "b", "", NoneNear, nil},
		"fewer than the count":                      {Policy{Mode: On, Count: 2}, model.PreferSameZone, []endpoint{a, b, b}, "a", "", Degraded, nil},
		"as many as the count":                      {Policy{Mode: On, Count: 2}, model.PreferSameZone, []endpoint{a, b, b}, "b", "", ToZone, []int{1, 2}},
		"half of the zone is sick":                  {Policy{Mode: On, Count: 1, Percent: 50}, model.PreferSameZone, []endpoint{a, is(a, health.Sick), b}, "a", "", ToZone, []int{0}},
		"more than half of the zone is sick":        {Policy{Mode: On, Count: 1, Percent: 50}, model.PreferSameZone, []endpoint{a, is(a, health.Sick), is(a, health.Sick), b}, "a", "", Degraded, nil},
		"another zone is sick":                      {Policy{Mode: On, Count: 1, Percent: 50}, model.PreferSameZone, []endpoint{a, b, is(b, health.Sick), is(b, health.Sick)}, "a", "", ToZone, []int{0}},
		"those that start and end do not count":     {Policy{Mode: On, Count: 1, Percent: 50}, model.PreferSameZone, []endpoint{a, is(a, health.Starting), is(a, health.Draining), is(a, health.Dying), b}, "a", "", ToZone, []int{0}},
		"the node is sick, the zone is not":         {Policy{Mode: On, Count: 1, Percent: 50}, model.PreferSameNode, []endpoint{a, is(a, health.Sick), is(a, health.Sick), {zone: "a", node: "n3"}, {zone: "a", node: "n3"}, b}, "a", "n1", ToZone, []int{0, 3, 4}},
		"nobody is good":                            {parity, model.PreferSameZone, []endpoint{is(a, health.Sick)}, "a", "", NotAsked, nil},
		"zones differ by capitals":                  {parity, model.PreferSameZone, []endpoint{a, b}, "A", "", NoneNear, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, group := decide(tc.policy, tc.wish, sliceOf("s", 0, tc.all)).gets(tc.zone, tc.node)
			if got != tc.want || !slices.Equal(group, tc.group) {
				t.Errorf("got %v %v, want %v %v", got, group, tc.want, tc.group)
			}
		})
	}
}

// scenes draws endpoints in few places.
func scenes(t *rapid.T) []endpoint {
	zone := rapid.SampledFrom([]string{"", "a", "a", "b", "b", "c"})
	node := rapid.SampledFrom([]string{"", "n1", "n2", "n3", "n3"})
	listed := func(of *rapid.Generator[string]) []string {
		return slices.DeleteFunc(rapid.SliceOfNDistinct(of, 0, 2, rapid.ID[string]).Draw(t, "hints"), func(s string) bool { return s == "" })
	}
	allHinted := rapid.Bool().Draw(t, "all hinted")
	all := make([]endpoint, rapid.IntRange(1, 12).Draw(t, "endpoints"))
	for i := range all {
		e := endpoint{zone: zone.Draw(t, "zone"), node: node.Draw(t, "node")}
		e.tier = rapid.SampledFrom([]health.Tier{health.Good, health.Good, health.Good, health.Sick, health.Starting, health.Draining, health.Dying}).Draw(t, "tier")
		switch {
		case allHinted && e.zone != "":
			e.forZones = []string{e.zone}
		case rapid.Bool().Draw(t, "hinted"):
			e.forZones, e.forNodes = listed(zone), listed(node)
		}
		all[i] = e
	}
	return all
}

// places returns what an endpoint is for, as the design's table has it.
func (e endpoint) places(p Policy, wish model.Distribution) (zones, nodes []string) {
	own := func(place string) []string {
		if place == "" {
			return nil
		}
		return []string{place}
	}
	or := func(hints, own []string) []string {
		if len(hints) > 0 {
			return hints
		}
		return own
	}
	switch {
	case p.Level == ByZone:
		return own(e.zone), nil
	case p.Level == ByNode:
		return own(e.zone), own(e.node)
	case wish == model.PreferSameZone:
		return or(e.forZones, own(e.zone)), nil
	case wish == model.PreferSameNode:
		return or(e.forZones, own(e.zone)), or(e.forNodes, own(e.node))
	}
	return e.forZones, e.forNodes
}

// naive applies the rule to each question anew.
func naive(p Policy, wish model.Distribution, all []endpoint, zone, node string) (Result, []int) {
	var good []int
	hinted := false
	for i, e := range all {
		if e.tier == health.Good {
			good = append(good, i)
			hinted = hinted || len(e.forZones)+len(e.forNodes) > 0
		}
	}
	if len(good) == 0 || !hinted && p.Level == ByWish && wish == model.NoDistribution {
		return NotAsked, nil
	}
	degraded, unused := false, 0
	for level, mine := range []string{node, zone} {
		of := func(e endpoint) []string {
			zones, nodes := e.places(p, wish)
			return [][]string{nodes, zones}[level]
		}
		if slices.ContainsFunc(good, func(i int) bool { return len(of(all[i])) == 0 }) {
			unused++
			continue
		}
		var group []int
		for _, i := range good {
			if mine != "" && slices.Contains(of(all[i]), mine) {
				group = append(group, i)
			}
		}
		lost := 0
		for _, e := range all {
			if e.tier == health.Sick && mine == []string{e.node, e.zone}[level] {
				lost++
			}
		}
		switch {
		case len(group) == 0:
		case len(group) < p.Count || 100*len(group) < p.Percent*(len(group)+lost):
			degraded = true
		case len(group) == len(good):
			return []Result{ToNode, ToZone}[level], nil
		default:
			return []Result{ToNode, ToZone}[level], group
		}
	}
	switch {
	case unused == 2:
		return Partial, nil
	case degraded:
		return Degraded, nil
	}
	return NoneNear, nil
}

// policies draws what a Service and the Corefile say.
func policies(t *rapid.T) (Policy, model.Distribution) {
	p := Policy{Mode: On, Level: Level(rapid.IntRange(0, 2).Draw(t, "level"))}
	p.Count, p.Percent = rapid.IntRange(1, 3).Draw(t, "count"), rapid.SampledFrom([]int{0, 50, 100}).Draw(t, "percent")
	return p, model.Distribution(rapid.IntRange(0, 2).Draw(t, "wish"))
}

// Each client, wherever it is, gets what the rule says, in whatever order the slices
// come and however the endpoints are parted among them.
func TestNearIsTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := scenes(t)
		p, wish := policies(t)
		cut := rapid.IntRange(0, len(all)).Draw(t, "cut")
		parts := []*model.Slice{sliceOf("x", 0, all[:cut]), sliceOf("y", cut, all[cut:])}
		d := decide(p, wish, parts...)
		other := decide(p, wish, sliceOf("z", 0, all))
		same := func(a, b roster.At) bool { return d.of.Address(a) == other.of.Address(b) }
		if !d.Equal(other.Near, same) {
			t.Fatalf("one slice and two make a difference: %v, %v", d.Near, other.Near)
		}
		wantTheRule(t, d, p, wish, all)
	})
}

// Readiness comes and goes, and hints with it. What is kept from one state of a Service to the
// next gives each client what one gives that is made anew.
func TestNearFollowsReadiness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := scenes(t)
		p, wish := policies(t)
		built, _ := new(roster.Builder).Build([]*model.Slice{sliceOf("x", 0, all)}, roster.ByHostname)
		kept := built.Kept()
		var d Decider
		var before decided
		for i := range 4 {
			var standings health.Standings
			new(health.Memory).Decide(&standings, &health.Policy{}, kept, health.Wishes{}, time.Time{})
			now := decided{d.Decide(&Wanted{Policy: p, Wish: wish}, kept, &standings, roster.IPv4), kept}
			fresh := decide(p, wish, sliceOf("x", 0, all))
			same := func(a, b roster.At) bool { return a == b }
			if !now.Equal(fresh.Near, same) || !fresh.Equal(now.Near, same) {
				t.Fatalf("got %v, want %v", now.Near, fresh.Near)
			}
			wantTheRule(t, now, p, wish, all)
			if i > 0 && now.Equal(before.Near, same) != fresh.Equal(before.Near, same) {
				t.Fatalf("%v is not told from %v as one is that is made anew", now.Near, before.Near)
			}
			before = now
			which := rapid.IntRange(0, len(all)-1).Draw(t, "which")
			all = slices.Clone(all)
			all[which].tier = rapid.SampledFrom([]health.Tier{health.Good, health.Sick, health.Starting}).Draw(t, "tier")
			if all[which].forZones, all[which].forNodes = nil, nil; all[which].tier == health.Good {
				all[which].forZones = slices.DeleteFunc([]string{all[which].zone}, func(s string) bool { return s == "" })
			}
			if !kept.Refresh([]*model.Slice{sliceOf("x", 0, all)}) {
				t.Fatal("a change of readiness and hints is not taken over")
			}
		}
	})
}

// wantTheRule holds what each client gets against the rule.
func wantTheRule(t *rapid.T, d decided, p Policy, wish model.Distribution, all []endpoint) {
	t.Helper()
	for _, zone := range []string{"", "a", "b", "c", "d"} {
		for _, node := range []string{"", "n1", "n2", "n3", "n4"} {
			want, group := naive(p, wish, all, zone, node)
			if got, numbers := d.gets(zone, node); got != want || !slices.Equal(numbers, group) {
				t.Fatalf("in %q on %q: got %v %v, want %v %v", zone, node, got, numbers, want, group)
			}
		}
	}
}

// The shares of addresses outside of a zone are those that counting them gives.
func TestSharesOutsideOfAZone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := scenes(t)
		p, wish := policies(t)
		d := decide(p, wish, sliceOf("x", 0, all))
		if d.Near == nil {
			return
		}
		if d.For(model.Place{}, placeOf("n1")).Known {
			t.Fatal("a share is known of a client in no zone that is known")
		}
		for _, zone := range []string{"a", "b", "c", "d"} {
			r := d.For(placeOf(zone), model.Place{})
			good, group := outside(d, all, zone, nil), outside(d, all, zone, r.Group)
			placed := !slices.ContainsFunc(all, func(e endpoint) bool { return e.tier == health.Good && e.zone == "" })
			if r.Known != placed {
				t.Fatalf("in %s: a share is known: %t, want %t", zone, r.Known, placed)
			}
			if placed && (!close(r.FarOfAll, good) || !close(r.FarOfGroup, group)) {
				t.Fatalf("in %s: got %v, want %v of all and %v of the group", zone, r, good, group)
			}
		}
	})
}

func close(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

// outside counts, of a group or of all good ones, the share that is not in a zone.
func outside(d decided, all []endpoint, zone string, group []roster.At) float64 {
	var far, n float64
	for i, e := range all {
		at, _ := d.of.Find(address(i))
		if e.tier != health.Good || group != nil && !slices.Contains(group, at) {
			continue
		}
		n++
		if e.zone != zone {
			far++
		}
	}
	return far / n
}

// What differs for a client differs in Equal, and what does not does not.
func TestEqualIsWhatClientsSee(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := scenes(t)
		p, wish := policies(t)
		changed := slices.Clone(all)
		changed[rapid.IntRange(0, len(all)-1).Draw(t, "which")] = scenes(t)[0]
		a, b := decide(p, wish, sliceOf("x", 0, all)), decide(p, wish, sliceOf("x", 0, changed))
		same := func(x, y roster.At) bool { return a.of.Address(x) == b.of.Address(y) }
		if !a.Equal(b.Near, same) {
			return
		}
		for _, zone := range []string{"a", "b", "c"} {
			for _, node := range []string{"", "n1", "n2", "n3"} {
				resultA, groupA := a.gets(zone, node)
				resultB, groupB := b.gets(zone, node)
				if resultA != resultB || !slices.Equal(groupA, groupB) {
					t.Fatalf("equal, and in %q on %q: %v %v, and %v %v", zone, node, resultA, groupA, resultB, groupB)
				}
			}
		}
	})
}

func TestPolicies(t *testing.T) {
	stanza := Policy{Mode: Observe, Count: 1, Percent: 50}
	for text, want := range map[string]Policy{
		"off": {}, "observe": stanza, "on": {Mode: On, Count: 1, Percent: 50}, "on 2": {Mode: On, Count: 2, Percent: 50},
		"on 0%": {Mode: On, Count: 1}, "on overload 20%": {Mode: On, Count: 1, Percent: 50, Overload: 20}, "observe 2 60% overload 5%": {Mode: Observe, Count: 2, Percent: 60, Overload: 5}, "observe 3 70%": {Mode: Observe, Count: 3, Percent: 70}, "on 70% 3": {Mode: On, Count: 3, Percent: 70},
	} {
		if got, err := Parse(strings.Fields(text)); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yes", "off 1", "on 0", "on 65536", "on 101%", "on -1%", "on 1 2", "on 1% 2%", "on peers", "on overload", "on overload 20", "on overload 0%", "on overload 20% 2", "on overload 1001%", "off overload 20%", "zone", "on %", "on 1.5"} {
		if got, err := Parse(strings.Fields(text)); err == nil || got != (Policy{}) {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
	for text, want := range map[string]Policy{
		"off": {Mode: Off, Count: 1, Percent: 50, Own: true}, "on": {Mode: On, Count: 1, Percent: 50, Own: true},
		"zone": {Mode: Observe, Level: ByZone, Count: 1, Percent: 50, Own: true}, "node peers 2": {Mode: Observe, Level: ByNode, Count: 2, Percent: 50, Own: true, Peers: true},
		"on 0% peers": {Mode: On, Count: 1, Own: true, Peers: true},
	} {
		if got, err := stanza.Of(strings.Fields(text)); err != nil || got != want {
			t.Errorf("annotation %q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yes", "peers", "on peers peers", "on overload 20%", "zone node", "on 0"} {
		if got, err := stanza.Of(strings.Fields(text)); err == nil || got != stanza {
			t.Errorf("annotation %q: got %+v, want an error", text, got)
		}
	}
	if got, err := (Policy{}).Of([]string{"on"}); err == nil || got != (Policy{}) {
		t.Errorf("annotation in a stanza with topology off: got %+v, want an error", got)
	}
}

// No zone's endpoints get more than the bound, and no more answers leave their zone than
// that takes.
func TestOverloadIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		overload := rapid.IntRange(1, 100).Draw(t, "overload")
		var zones []Count
		good, total := int32(0), 0.0
		demand := make(Demand)
		for _, zone := range []string{"a", "b", "c", "d"} {
			z := Count{placeOf(zone), rapid.Int32Range(1, 20).Draw(t, "endpoints")}
			zones, good = append(zones, z), good+z.N
			demand[z.Zone] = rapid.Float64Range(0, 1).Draw(t, "clients")
			total += demand[z.Zone]
		}
		if total == 0 {
			return
		}
		for zone := range demand {
			demand[zone] /= total
		}
		narrowed := shares(zones, good, demand, overload)
		load := func(narrowed []float64) (worst, spilled float64) {
			spilled = 1
			for i, z := range zones {
				spilled -= demand[z.Zone] * narrowed[i]
			}
			for i, z := range zones {
				c := float64(z.N) / float64(good)
				worst = max(worst, (demand[z.Zone]*narrowed[i]+spilled*c)/c)
			}
			return worst, spilled
		}
		whole := []float64{1, 1, 1, 1}
		most := 1 + float64(overload)/100
		if narrowed == nil {
			if worst, _ := load(whole); worst > most+1e-4 {
				t.Fatalf("all is narrowed, and a zone gets %v times the mean, want at most %v", worst, most)
			}
			return
		}
		worst, spilled := load(narrowed)
		if worst > most+1e-4 || spilled > 1e-4 && worst < most-1e-4 {
			t.Fatalf("a zone gets %v times the mean and %v leave, want %v", worst, spilled, most)
		}
	})
}

func TestOverloadIsOffWithoutDemand(t *testing.T) {
	zones := []Count{{placeOf("a"), 1}, {placeOf("b"), 9}}
	if got := shares(zones, 10, nil, 20); got != nil {
		t.Errorf("nobody knows where clients are: got %v", got)
	}
	if got := shares(zones, 10, Demand{placeOf("a"): 1}, 0); got != nil {
		t.Errorf("no bound: got %v", got)
	}
}
