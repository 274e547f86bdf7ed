package place

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// nobody are no Services.
func nobody(func(model.ServiceKey, []*model.Slice) bool) {}

// knownOf returns a Known, and a table of it.
func knownOf(t *testing.T, w Wanted) (*Known, *Table) {
	t.Helper()
	l := &Lines{wanted: w}
	k := NewKnown(w)
	return k, NewTable(l, k)
}

func TestAnAddressThatIsUsedAgainIsTheNewerNodes(t *testing.T) {
	known, table := knownOf(t, Wanted{Addresses: true, Pods: true})
	known.Begin(nobody)
	for _, step := range []struct {
		name    string
		changes []model.Change
		want    string
	}{
		{"one Node", told(nodeAt("n1", "a", 10, "10.0.0.1")), "address a n1"},
		{"a newer one", told(nodeAt("n2", "b", 20, "10.0.0.1")), "address b n2"},
		{"an older one", told(nodeAt("n3", "c", 5, "10.0.0.1")), "address b n2"},
		{"the older one moves", told(nodeAt("n1", "d", 10, "10.0.0.1")), "address b n2"},
		{"the newest has another address", told(nodeAt("n2", "b", 20, "10.0.0.2")), "address d n1"},
		{"it comes back", told(nodeAt("n2", "b", 20, "10.0.0.1")), "address b n2"},
		{"it is gone", gone("n2"), "address d n1"},
		{"so is the one that had it then", gone("n1"), "address c n3"},
		{"one of the same age, by name", told(nodeAt("n4", "e", 5, "10.0.0.1")), "address c n3"},
		{"another one of the same age, by name", told(nodeAt("n0", "z", 5, "10.0.0.1")), "address z n0"},
		{"that one is gone", gone("n0"), "address c n3"},
		{"one that is made anew", told(nodeAt("n4", "e", 6, "10.0.0.1")), "address e n4"},
		{"both at once are gone", append(gone("n3"), gone("n4")...), "unknown"},
		{"one that never was", gone("n9"), "unknown"},
	} {
		known.Apply(step.changes)
		if got := shown(table.Lookup(netip.MustParseAddr("10.0.0.1"))); got != step.want {
			t.Errorf("%s: got %s, want %s", step.name, got, step.want)
		}
	}
	if n := len(known.addresses.waiting); n != 0 {
		t.Errorf("%d prefixes are still waited for", n)
	}
}

func TestOnlyWhatIsWantedOfNodesIsKnown(t *testing.T) {
	for _, c := range []struct {
		wanted       Wanted
		pod, address string
	}{
		{Wanted{Pods: true}, "podCIDR a n1", "unknown"},
		{Wanted{Addresses: true}, "unknown", "address a n1"},
		{Wanted{Pods: true, Addresses: true}, "podCIDR a n1", "address a n1"},
	} {
		known, table := knownOf(t, c.wanted)
		known.Apply(told(nodeAt("n1", "a", 0, "10.1.0.0/24", "192.0.2.1")))
		if got := shown(table.Lookup(netip.MustParseAddr("10.1.0.9"))); got != "unknown" {
			t.Errorf("%+v: a podCIDR before Begin: got %s", c.wanted, got)
		}
		known.Begin(nobody)
		pod, address := shown(table.Lookup(netip.MustParseAddr("10.1.0.9"))), shown(table.Lookup(netip.MustParseAddr("192.0.2.1")))
		if pod != c.pod || address != c.address {
			t.Errorf("%+v: got %s and %s", c.wanted, pod, address)
		}
	}
}

func TestBeginWaitsForNodes(t *testing.T) {
	known, _ := knownOf(t, Wanted{Pods: true})
	before := known.Waits()
	known.Apply(told(nodeAt("n1", "a", 0, "10.1.0.0/24")))
	during := known.Waits()
	known.Begin(nobody)
	if before || !during || known.Waits() {
		t.Errorf("it waits: %v, %v, %v", before, during, known.Waits())
	}
	addresses, _ := knownOf(t, Wanted{Addresses: true})
	addresses.Apply(told(nodeAt("n1", "a", 0, "10.1.0.0/24")))
	if addresses.Waits() {
		t.Error("without podCIDRs, it waits")
	}
}

// A kubelet says every five minutes that its Node is well.
func TestWhatSaysNothingNewOfPlacesWritesNothing(t *testing.T) {
	known, table := knownOf(t, Wanted{Pods: true, Addresses: true})
	known.Apply(told(nodeAt("n1", "a", 0, "10.1.0.0/24", "192.0.2.1"), nodeAt("n2", "b", 0, "10.2.0.0/24")))
	known.Begin(nobody)
	client := table.Lookup(netip.MustParseAddr("10.1.0.9"))
	addresses, podCIDRs := known.addresses.published.Load(), known.usable.Load()
	busier := nodeAt("n1", "a", 0, "10.1.0.0/24", "192.0.2.1")
	busier.CPU = 4000
	// That the Node has CPUs shifts the demand, once.
	shifted := true
	for _, batch := range [][]model.Change{told(busier), slices.Repeat(told(busier), many)} {
		if got := known.Apply(batch); !reflect.DeepEqual(got, Effects{Shifted: shifted}) {
			t.Errorf("got the effects %+v", got)
		}
		shifted = false
		if addresses != known.addresses.published.Load() || podCIDRs != known.usable.Load() || client != table.Lookup(netip.MustParseAddr("10.1.0.9")) {
			t.Error("a table was written")
		}
	}
	if other := known.Apply([]model.Change{model.NamespaceChange("default")}); !reflect.DeepEqual(other, Effects{}) {
		t.Errorf("a change of another kind: got %+v", other)
	}
}

func TestZonesOfNodesAreToldWhereTheyChange(t *testing.T) {
	known, _ := knownOf(t, Wanted{Addresses: true})
	for _, step := range []struct {
		name    string
		changes []model.Change
		zoned   []model.Place
		zone    string
	}{
		{"a Node without a zone", told(nodeAt("n1", "", 0)), nil, ""},
		{"the label comes", told(nodeAt("n1", "a", 0)), []model.Place{placeOf("n1")}, "a"},
		{"another address", told(nodeAt("n1", "a", 0, "192.0.2.1")), nil, "a"},
		{"another zone", told(nodeAt("n2", "b", 0), nodeAt("n1", "b", 0)), []model.Place{placeOf("n2"), placeOf("n1")}, "b"},
		{"gone", gone("n1"), nil, ""},
	} {
		if got := known.Apply(step.changes); !slices.Equal(got.Zoned, step.zoned) {
			t.Errorf("%s: got %v, want %v", step.name, got.Zoned, step.zoned)
		}
		if got := nameOf(known.ZoneOf(placeOf("n1"))); got != step.zone {
			t.Errorf("%s: the zone is %q, want %q", step.name, got, step.zone)
		}
	}
}

func TestEndpointsOfAServiceSayWhereNodesAre(t *testing.T) {
	key := model.ServiceKey{Namespace: "kube-system", Name: "node-local-dns"}
	const gone = model.Terminating
	for _, c := range []struct {
		name         string
		bits4, bits6 uint8
		endpoints    []at
		want         map[string]string
	}{
		{"addresses alone", 32, 128, []at{{"10.0.0.1", "a", "n1", 0}, {"fd00::1", "a", "n1", 0}},
			map[string]string{"10.0.0.1": "service a n1", "10.0.0.2": "unknown", "fd00::1": "service a n1", "fd00::2": "unknown"}},
		{"the networks around them", 26, 64, []at{{"10.0.0.1", "a", "n1", 0}, {"10.0.0.65", "b", "n2", 0}, {"fd00::1", "a", "n1", 0}},
			map[string]string{"10.0.0.63": "service a n1", "10.0.0.64": "service b n2", "10.0.0.128": "unknown", "fd00::2": "service a n1", "fd00:0:0:1::": "unknown"}},
		{"a network of two nodes in one zone", 24, 128, []at{{"10.0.0.1", "a", "n1", 0}, {"10.0.0.2", "a", "n2", 0}},
			map[string]string{"10.0.0.1": "service a", "10.0.0.9": "service a"}},
		{"a network of two zones", 24, 128, []at{{"10.0.0.1", "a", "n1", 0}, {"10.0.0.2", "b", "n2", 0}, {"10.0.0.3", "b", "n2", 0}},
			map[string]string{"10.0.0.1": "unknown", "10.0.0.9": "unknown"}},
		{"one that leaves, and one that comes to its address", 32, 128, []at{{"10.0.0.1", "a", "n1", gone}, {"10.0.0.1", "b", "n2", 0}},
			map[string]string{"10.0.0.1": "service b n2"}},
		{"one that leaves, and is all there is", 32, 128, []at{{"10.0.0.1", "a", "n1", gone}},
			map[string]string{"10.0.0.1": "service a n1"}},
		{"a zone of the Node only", 32, 128, []at{{"10.0.0.1", "", "n3", 0}},
			map[string]string{"10.0.0.1": "service c n3"}},
		{"no zone at all", 32, 128, []at{{"10.0.0.1", "", "n9", 0}},
			map[string]string{"10.0.0.1": "service  n9"}},
		{"no node", 32, 128, []at{{"10.0.0.1", "a", "", 0}},
			map[string]string{"10.0.0.1": "service a"}},
		{"nothing that is known", 32, 128, []at{{"10.0.0.1", "", "", 0}},
			map[string]string{"10.0.0.1": "unknown"}},
		{"an address that a Node has as well", 32, 128, []at{{"10.0.0.3", "a", "n1", 0}},
			map[string]string{"10.0.0.3": "address c n3"}},
	} {
		w := Wanted{Addresses: true, Services: [maxServices]PerNode{{key, c.bits4, c.bits6}}}
		known, table := knownOf(t, w)
		// It is older than all that could be said of the age of an endpoint.
		known.Apply(told(nodeAt("n3", "c", -1_800_000_000, "10.0.0.3")))
		known.ApplyService(key, []*model.Slice{sliceOf(key.String(), c.endpoints...)})
		for addr, want := range c.want {
			if got := shown(table.Lookup(netip.MustParseAddr(addr))); got != want {
				t.Errorf("%s: %s: got %s, want %s", c.name, addr, got, want)
			}
		}
	}
}

func TestAServiceChangesAndGoes(t *testing.T) {
	key := model.ServiceKey{Namespace: "kube-system", Name: "node-local-dns"}
	known, table := knownOf(t, Wanted{Services: [maxServices]PerNode{{key, 32, 128}}})
	if !known.Wants(key) || known.Wants(model.ServiceKey{}) || known.Wants(model.ServiceKey{Namespace: "kube-system", Name: "dns"}) {
		t.Error("it is not known which Service is wanted")
	}
	for _, step := range []struct {
		name   string
		slices []*model.Slice
		nodes  []model.Change
		want   string
	}{
		{"one", []*model.Slice{sliceOf(key.String(), at{"10.0.0.1", "a", "n1", 0})}, nil, "service a n1"},
		{"a flip of readiness", []*model.Slice{sliceOf(key.String(), at{"10.0.0.1", "a", "n1", model.Ready})}, nil, "service a n1"},
		{"another node", []*model.Slice{sliceOf(key.String(), at{"10.0.0.1", "", "n2", 0})}, nil, "service  n2"},
		{"whose zone comes later", nil, told(nodeAt("n2", "b", 0)), "service b n2"},
		{"another address", []*model.Slice{sliceOf(key.String(), at{"10.0.0.2", "a", "n1", 0})}, nil, "unknown"},
		{"several slices", []*model.Slice{sliceOf(key.String()), sliceOf(key.String(), at{"10.0.0.1", "a", "n1", 0})}, nil, "service a n1"},
		{"gone", []*model.Slice{}, nil, "unknown"},
	} {
		before := known.addresses.published.Load()
		known.Apply(step.nodes)
		if step.slices != nil {
			known.ApplyService(key, step.slices)
		}
		if got := shown(table.Lookup(netip.MustParseAddr("10.0.0.1"))); got != step.want {
			t.Errorf("%s: got %s, want %s", step.name, got, step.want)
		}
		if strings.Contains(step.name, "flip") && before != known.addresses.published.Load() {
			t.Errorf("%s: a table was written", step.name)
		}
	}
	if n := known.addresses.table.Size(); n != 0 {
		t.Errorf("%d prefixes are left", n)
	}
}

// endpointsOn returns n endpoints in the podCIDR of node n1, that are said to be on a node.
func endpointsOn(node string, n int) []at {
	all := make([]at, n)
	for i := range all {
		all[i] = at{address: fmt.Sprintf("10.1.%d.%d", i/250, 1+i%250), zone: "a", node: node}
	}
	return all
}

func TestPodCIDRsThatLieAreNotUsed(t *testing.T) {
	service := func(name string) model.ServiceKey { return model.ServiceKey{Namespace: "d", Name: name} }
	type weighed struct {
		service   string
		endpoints []at
	}
	for _, c := range []struct {
		name string
		// before is weighed before Begin, pass is what Begin is given, and after comes
		// after it.
		before, pass, after []weighed
		used                bool
		want                Evidence
	}{
		{name: "nothing is known against them", used: true},
		{name: "they are right", pass: []weighed{{"s", endpointsOn("n1", 64)}}, used: true, want: Evidence{Agree: 64}},
		{name: "they lie from the beginning", pass: []weighed{{"s", endpointsOn("n2", 3)}}, want: Evidence{Differ: 3}},
		{name: "they are right, as was seen before", before: []weighed{{"s", endpointsOn("n1", 9)}}, used: true, want: Evidence{Agree: 9}},
		{name: "they lie, as was seen before", before: []weighed{{"s", endpointsOn("n2", 3)}}, want: Evidence{Differ: 3}},
		{name: "a Service is weighed twice", before: []weighed{{"s", endpointsOn("n2", 3)}}, pass: []weighed{{"s", endpointsOn("n2", 3)}}, want: Evidence{Differ: 3}},
		{name: "the Service comes after Begin", after: []weighed{{"s", endpointsOn("n2", 3)}}, want: Evidence{Differ: 3}},
		{name: "one is not enough", pass: []weighed{{"s", endpointsOn("n2", 1)}}, used: true, want: Evidence{Differ: 1}},
		{name: "two are", pass: []weighed{{"s", endpointsOn("n2", 2)}}, want: Evidence{Differ: 2}},
		{name: "5 % are not too many", pass: []weighed{{"s", endpointsOn("n1", 57)}, {"t", endpointsOn("n2", 3)}}, used: true, want: Evidence{Agree: 57, Differ: 3}},
		{name: "more are", pass: []weighed{{"s", endpointsOn("n1", 56)}, {"t", endpointsOn("n2", 3)}}, want: Evidence{Agree: 56, Differ: 3}},
		{name: "1 % is not few enough to use them again", pass: []weighed{{"t", endpointsOn("n2", 3)}},
			after: []weighed{{"t", endpointsOn("n2", 1)}, {"u", endpointsOn("n1", 64)}, {"v", endpointsOn("n1", 35)}}, want: Evidence{Agree: 99, Differ: 1}},
		{name: "less is", pass: []weighed{{"t", endpointsOn("n2", 3)}},
			after: []weighed{{"t", endpointsOn("n2", 1)}, {"u", endpointsOn("n1", 64)}, {"v", endpointsOn("n1", 36)}}, used: true, want: Evidence{Agree: 100, Differ: 1}},
		{name: "who lied is gone, and nothing else is known", pass: []weighed{{"s", endpointsOn("n2", 3)}}, after: []weighed{{"s", nil}}},
		{name: "at most 64 of a Service count", pass: []weighed{{"s", endpointsOn("n1", 5000)}}, used: true, want: Evidence{Agree: 64}},
		{name: "spread evenly: of 320, each fifth", pass: []weighed{{"s", slices.Concat(endpointsOn("n1", 160), endpointsOn("n2", 160))}}, want: Evidence{Agree: 32, Differ: 32}},
		{name: "who is in no podCIDR says nothing", pass: []weighed{{"s", []at{{"192.0.2.1", "a", "n1", 0}, {"192.0.2.2", "a", "n2", 0}}}}, used: true, want: Evidence{Unknown: 2}},
		{name: "nor does who has no node", pass: []weighed{{"s", endpointsOn("", 5)}}, used: true},
	} {
		known, table := knownOf(t, Wanted{Pods: true, Addresses: true})
		known.Apply(told(nodeAt("n1", "a", 0, "10.1.0.0/16", "192.0.2.1"), nodeAt("n2", "b", 0, "10.2.0.0/16")))
		weigh := func(all []weighed) {
			for _, each := range all {
				var of []*model.Slice
				if each.endpoints != nil {
					of = append(of, sliceOf("d/"+each.service, each.endpoints...))
				}
				known.Weigh(service(each.service), of)
			}
		}
		weigh(c.before)
		if got := shown(table.Lookup(netip.MustParseAddr("10.1.0.9"))); got != "unknown" {
			t.Errorf("%s: before Begin, got %s", c.name, got)
		}
		known.Begin(func(yield func(model.ServiceKey, []*model.Slice) bool) {
			for _, each := range c.pass {
				if !yield(service(each.service), []*model.Slice{sliceOf("d/"+each.service, each.endpoints...)}) {
					return
				}
			}
		})
		weigh(c.after)
		counts := known.Counts()
		if counts.Used != c.used || counts.Evidence != c.want {
			t.Errorf("%s: got %+v", c.name, counts)
		}
		want := "unknown"
		if c.used {
			want = "podCIDR a n1"
		}
		if got := shown(table.Lookup(netip.MustParseAddr("10.1.0.9"))); got != want {
			t.Errorf("%s: got %s, want %s", c.name, got, want)
		}
		if got := shown(table.Lookup(netip.MustParseAddr("192.0.2.1"))); got != "address a n1" {
			t.Errorf("%s: the address of a Node: got %s", c.name, got)
		}
	}
}

// Slices may be told before the Nodes that their endpoints are on.
func TestEvidenceIsTakenAgainAfterNodesMove(t *testing.T) {
	known, _ := knownOf(t, Wanted{Pods: true})
	known.Apply(told(nodeAt("n1", "a", 0, "10.1.0.0/16")))
	known.Begin(nobody)
	key := model.ServiceKey{Namespace: "d", Name: "s"}
	// n2 has the podCIDR of n1, which is gone already.
	on2 := []*model.Slice{sliceOf("d/s", endpointsOn("n2", 8)...)}
	known.Weigh(key, on2)
	if known.Counts().Used {
		t.Fatal("8 endpoints on another node count for nothing")
	}
	if got := known.Apply(told(nodeAt("n1", "b", 0, "10.1.0.0/16"))); got.Doubted != nil {
		t.Errorf("no podCIDR has moved, and %v are doubted", got.Doubted)
	}
	effects := known.Apply(append(gone("n1"), told(nodeAt("n2", "b", 9, "10.1.0.0/16"))...))
	if !slices.Equal(effects.Doubted, []model.ServiceKey{key}) {
		t.Fatalf("got the effects %+v", effects)
	}
	known.Weigh(key, on2)
	if got := known.Counts(); !got.Used || got.Evidence != (Evidence{Agree: 8}) {
		t.Errorf("got %+v", got)
	}
	if got := known.Apply(gone("n2")); got.Doubted != nil {
		t.Errorf("nobody differs, and %v are doubted", got.Doubted)
	}
}

func TestOneLineSaysThatPodCIDRsLie(t *testing.T) {
	table := new(prefixes)
	var n notes
	table.Insert(netip.MustParsePrefix("10.1.0.0/16"), &Client{n.where(placeOf("a"), placeOf("n1")), ByPodCIDR, 16})
	e := evidence{of: make(map[model.ServiceKey]weight), begun: true, used: true}
	key := model.ServiceKey{Namespace: "d", Name: "s"}
	var lines []string
	for range 3 {
		for _, step := range []struct {
			node string
			n    int
		}{{"n2", 2}, {"n2", 8}, {"n1", 8}} {
			e.weigh(key, []*model.Slice{sliceOf("d/s", endpointsOn(step.node, step.n)...)}, table)
			if text := e.decide(); text != "" {
				lines = append(lines, text)
			}
		}
	}
	want := slices.Repeat([]string{
		"The podCIDRs of Nodes are not where their Pods are, and are not used: 2 of 2 endpoints differ, such as 10.1.0.2 of the Service d/s, which is on n2 and in the podCIDR 10.1.0.0/16 of n1",
		"The podCIDRs of Nodes are used again: 0 of 8 endpoints differ",
	}, 3)
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestCountsAreOfWhatIsKnown(t *testing.T) {
	key := model.ServiceKey{Namespace: "d", Name: "s"}
	known, _ := knownOf(t, Wanted{Pods: true, Addresses: true, Services: [maxServices]PerNode{{key, 32, 128}}})
	known.Apply(told(nodeAt("n1", "a", 0, "10.1.0.0/24", "192.0.2.1"), nodeAt("n2", "b", 0, "10.2.0.0/24")))
	known.ApplyService(key, []*model.Slice{sliceOf("d/s", at{"192.0.2.1", "a", "n1", 0})})
	want := Counts{Nodes: 2}
	want.Prefixes[ByPodCIDR], want.Prefixes[ByAddress], want.Prefixes[ByService] = 2, 1, 1
	if got := known.Counts(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The demand is as the CPUs of the Nodes are: a small change of it moves nobody.
func TestDemandIsWhereTheCPUsAre(t *testing.T) {
	known, _ := knownOf(t, Wanted{Addresses: true})
	has := func(name, zone string, cpu int64) model.Change {
		n := nodeAt(name, zone, 0)
		n.CPU = cpu
		return told(n)[0]
	}
	a, b := unique.Make("a"), unique.Make("b")
	for _, step := range []struct {
		name    string
		change  model.Change
		want    map[model.Place]float64
		shifted bool
	}{
		{"the first Node", has("n1", "a", 6000), map[model.Place]float64{a: 1}, true},
		{"one in another zone", has("n2", "b", 2000), map[model.Place]float64{a: 0.75, b: 0.25}, true},
		{"a little more", has("n2", "b", 2010), map[model.Place]float64{a: 0.75, b: 0.25}, false},
		{"much more", has("n2", "b", 6000), map[model.Place]float64{a: 0.5, b: 0.5}, true},
		{"one of which nobody knows the zone", has("n3", "", 6000), map[model.Place]float64{a: 0.5, b: 0.5}, false},
		{"one that is not ready", has("n2", "b", 0), map[model.Place]float64{a: 1}, true},
		{"one moves", has("n1", "b", 6000), map[model.Place]float64{b: 1}, true},
		{"one is gone", has("n1", "b", 0).Removal(), map[model.Place]float64{}, true},
	} {
		effects := known.Apply([]model.Change{step.change})
		if got := known.Demand(); !maps.Equal(got, step.want) || effects.Shifted != step.shifted {
			t.Errorf("%s: got %v, shifted %t, want %v, %t", step.name, got, effects.Shifted, step.want, step.shifted)
		}
	}
}
