package model

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// hintsFor has zones and nodes, each as one text with spaces between.
func hintsFor(zones, nodes string) *discoveryv1.EndpointHints {
	hints := new(discoveryv1.EndpointHints)
	for _, name := range strings.Fields(zones) {
		hints.ForZones = append(hints.ForZones, discoveryv1.ForZone{Name: name})
	}
	for _, name := range strings.Fields(nodes) {
		hints.ForNodes = append(hints.ForNodes, discoveryv1.ForNode{Name: name})
	}
	return hints
}

// placedSlice is one of the Service db in the namespace n, with one endpoint in a zone
// and for one; empty texts are none.
func placedSlice(t *testing.T, name, zone, forZone string) Change {
	t.Helper()
	obj := sliceObject(discoveryv1.AddressTypeIPv4, discoveryv1.Endpoint{Addresses: []string{"10.0.0.1"}})
	obj.Namespace, obj.Name = "n", name
	if zone != "" {
		obj.Endpoints[0].Zone = &zone
	}
	if forZone != "" {
		obj.Endpoints[0].Hints = hintsFor(forZone, "")
	}
	return SliceChange(withPlaces(t, obj))
}

func withPlaces(t *testing.T, obj *discoveryv1.EndpointSlice) *Slice {
	t.Helper()
	s, err := NewSlice(obj)
	if err != nil {
		t.Fatal(err)
	}
	s.ReadPlaces(obj)
	return s
}

// showPlaces returns one line for each endpoint: where it is, and for whose use.
func showPlaces(s *Slice) string {
	show := func(p Place) string {
		if p == (Place{}) {
			return "-"
		}
		return p.Value()
	}
	var lines []string
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		line := fmt.Sprintf("%s in %s on %s", e.Address, show(s.ZoneOf(e)), show(s.NodeOf(e)))
		if e.Hints.Has(HintedZone) {
			line += " for its zone"
		}
		if e.Hints.Has(HintedNode) {
			line += " for its node"
		}
		if e.Hints.Has(HintedElsewhere) {
			line += " for"
		}
		elsewhere := s.ElsewhereOf(i)
		for _, zone := range elsewhere.Zones {
			line += " " + show(zone)
		}
		for _, node := range elsewhere.Nodes {
			line += " @" + show(node)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestReadPlaces(t *testing.T) {
	long := strings.Repeat("z", MaxName+1)
	at := func(address, zone, node string, hints *discoveryv1.EndpointHints) discoveryv1.Endpoint {
		e := discoveryv1.Endpoint{Addresses: strings.Fields(address), Hints: hints}
		if zone != "" {
			e.Zone = &zone
		}
		if node != "" {
			e.NodeName = &node
		}
		return e
	}
	for _, tc := range []struct {
		name      string
		endpoints []discoveryv1.Endpoint
		want      string
		zones     int
		nodes     int
		elsewhere int
	}{
		{"nothing is said", []discoveryv1.Endpoint{at("10.0.0.1", "", "", nil)}, "10.0.0.1 in - on -", 0, 0, 0},
		{"a zone and a node", []discoveryv1.Endpoint{at("10.0.0.1", "z", "n", nil)}, "10.0.0.1 in z on n", 1, 1, 0},
		{"as written, with capitals and dots", []discoveryv1.Endpoint{at("10.0.0.1", "Z.1", "n.example", nil)}, "10.0.0.1 in Z.1 on n.example", 1, 1, 0},
		{"places are shared", []discoveryv1.Endpoint{at("10.0.0.1", "z", "n", nil), at("10.0.0.2", "y", "n", nil), at("10.0.0.3", "z", "m", nil)},
			"10.0.0.1 in z on n\n10.0.0.2 in y on n\n10.0.0.3 in z on m", 2, 2, 0},
		{"all addresses of an endpoint are where it is", []discoveryv1.Endpoint{at("10.0.0.1 10.0.0.2", "z", "n", hintsFor("a b", "")), at("10.0.0.3", "y", "", nil)},
			"10.0.0.1 in z on n for a b\n10.0.0.2 in z on n for a b\n10.0.0.3 in y on -", 2, 1, 2},
		{"hints for its own places", []discoveryv1.Endpoint{at("10.0.0.1", "z", "n", hintsFor("z", "n"))}, "10.0.0.1 in z on n for its zone for its node", 1, 1, 0},
		{"a hint for its own zone, twice", []discoveryv1.Endpoint{at("10.0.0.1", "z", "n", hintsFor("z z", ""))}, "10.0.0.1 in z on n for its zone", 1, 1, 0},
		{"a hint for another zone", []discoveryv1.Endpoint{at("10.0.0.1", "z", "n", hintsFor("y", "n"))}, "10.0.0.1 in z on n for its node for y", 1, 1, 1},
		{"a hint for its own zone and another", []discoveryv1.Endpoint{at("10.0.0.1", "z", "n", hintsFor("z y", ""))}, "10.0.0.1 in z on n for z y", 1, 1, 1},
		{"a hint for other nodes", []discoveryv1.Endpoint{at("10.0.0.1", "z", "n", hintsFor("z", "n m"))}, "10.0.0.1 in z on n for its zone for @n @m", 1, 1, 1},
		{"a zone of the same name as a node is no node", []discoveryv1.Endpoint{at("10.0.0.1", "x", "x", hintsFor("x", ""))}, "10.0.0.1 in x on x for its zone", 1, 1, 0},
		{"a hint where it is nowhere", []discoveryv1.Endpoint{at("10.0.0.1", "", "", hintsFor("z", "n"))}, "10.0.0.1 in - on - for z @n", 0, 0, 1},
		{"hints that name nothing", []discoveryv1.Endpoint{at("10.0.0.1", "z", "n", &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{}}})}, "10.0.0.1 in z on n", 1, 1, 0},
		{"eight zones", []discoveryv1.Endpoint{at("10.0.0.1", "", "", hintsFor("1 2 3 4 5 6 7 8", ""))}, "10.0.0.1 in - on - for 1 2 3 4 5 6 7 8", 0, 0, 1},
		{"more than an API server takes are none: with some of them it would be for fewer", []discoveryv1.Endpoint{at("10.0.0.1", "z", "n", hintsFor("1 2 3 4 5 6 7 8 9", "n"))},
			"10.0.0.1 in z on n for its node", 1, 1, 0},
		{"names that are too long", []discoveryv1.Endpoint{at("10.0.0.1", long, long, hintsFor(long, long))}, "10.0.0.1 in - on -", 0, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := withPlaces(t, sliceObject(discoveryv1.AddressTypeIPv4, tc.endpoints...))
			if got := showPlaces(s); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
			var has Places
			if s.Places != nil {
				has = *s.Places
			}
			if len(has.Zones) != tc.zones || len(has.Nodes) != tc.nodes || len(has.Elsewhere) != tc.elsewhere {
				t.Errorf("it has %d zones, %d nodes, %d other hints, want %d, %d, %d",
					len(has.Zones), len(has.Nodes), len(has.Elsewhere), tc.zones, tc.nodes, tc.elsewhere)
			}
			if tc.zones+tc.nodes+tc.elsewhere == 0 && s.Places != nil {
				t.Errorf("it keeps %+v for nothing", s.Places)
			}
		})
	}
}

// An endpoint whose place is one too many for its slice is nowhere, and not for its own
// place alone: nobody could be there.
func TestPlacesBeyondWhatASliceCanTellApart(t *testing.T) {
	obj := sliceObject(discoveryv1.AddressTypeIPv4)
	for i := range maxPlaces + 2 {
		name := fmt.Sprint(i)
		obj.Endpoints = append(obj.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)}, NodeName: &name, Hints: hintsFor("", name),
		})
	}
	s := withPlaces(t, obj)
	fits := &s.Endpoints[maxPlaces-1]
	if got := s.NodeOf(fits).Value(); got != fmt.Sprint(maxPlaces-1) || fits.Hints != HintedNode {
		t.Errorf("the last one that fits is on %q with the hints %b", got, fits.Hints)
	}
	for i := maxPlaces; i < len(s.Endpoints); i++ {
		e := &s.Endpoints[i]
		if got := s.NodeOf(e); got != (Place{}) || e.Hints != HintedElsewhere || s.ElsewhereOf(i).Nodes[0].Value() != fmt.Sprint(i) {
			t.Errorf("the endpoint %d is on %v with the hints %b", i, got, e.Hints)
		}
	}
	if n := len(s.Places.Nodes); n != maxPlaces {
		t.Errorf("it has %d nodes, want %d", n, maxPlaces)
	}
}

func TestNobodyPaysForPlacesThatNobodyReads(t *testing.T) {
	if size := unsafe.Sizeof(Endpoint{}); size != 80 {
		t.Errorf("an Endpoint has %d bytes, want 80", size)
	}
	if size := unsafe.Sizeof(Slice{}); size > 144 {
		t.Errorf("a Slice has %d bytes, want at most 144, the size of what Go allocates for it", size)
	}
	zone := "z"
	obj := sliceObject(discoveryv1.AddressTypeIPv4, discoveryv1.Endpoint{Addresses: []string{"10.0.0.1"}, Zone: &zone, NodeName: &zone, Hints: hintsFor("z y", "z")})
	s, err := NewSlice(obj)
	if err != nil {
		t.Fatal(err)
	}
	if e := s.Endpoints[0]; s.Places != nil || e.Zone != 0 || e.Node != 0 || e.Hints != 0 {
		t.Errorf("places were read that nobody wants: %+v", s)
	}
	if got := showPlaces(s); got != "10.0.0.1 in - on -" {
		t.Errorf("got %s", got)
	}
}

func TestASliceThatIsLeftOutHasNoPlaces(t *testing.T) {
	zone := "z"
	obj := sliceObject(discoveryv1.AddressTypeIPv4, discoveryv1.Endpoint{Addresses: []string{"bad"}, Zone: &zone})
	s, err := NewSlice(obj)
	if err == nil {
		t.Fatal("a bad address was taken")
	}
	s.ReadPlaces(obj)
	if s.Places != nil {
		t.Errorf("it has %+v", s.Places)
	}
}

func TestNeighboursInDifferentPlacesStayApart(t *testing.T) {
	names := []string{"a", "b"}
	in := func(zone, node int, hints *discoveryv1.EndpointHints) discoveryv1.Endpoint {
		return discoveryv1.Endpoint{Zone: &names[zone], NodeName: &names[node], Hints: hints}
	}
	for _, tc := range []struct {
		name         string
		first, other discoveryv1.Endpoint
		want         int
	}{
		{"the same places", in(0, 0, hintsFor("x y", "")), in(0, 0, hintsFor("x y", "")), 1},
		{"another zone", in(0, 0, hintsFor("x y", "")), in(1, 0, hintsFor("x y", "")), 2},
		{"another node", in(0, 0, hintsFor("x y", "")), in(0, 1, hintsFor("x y", "")), 2},
		{"no hint", in(0, 0, hintsFor("x y", "")), in(0, 0, nil), 2},
		{"a hint for its own zone beside none", in(0, 0, hintsFor("a", "")), in(0, 0, nil), 2},
		{"a hint for its own zone beside one for its own node", in(0, 0, hintsFor("a", "")), in(0, 0, hintsFor("", "a")), 2},
		{"a hint for other zones", in(0, 0, hintsFor("x y", "")), in(0, 0, hintsFor("x z", "")), 2},
		{"the same hint in another order", in(0, 0, hintsFor("x y", "")), in(0, 0, hintsFor("y x", "")), 2},
		{"a hint for other nodes", in(0, 0, hintsFor("x y", "")), in(0, 0, hintsFor("x y", "n")), 2},
	} {
		first := tc.first
		first.Addresses, tc.other.Addresses = []string{"10.0.0.1"}, []string{"10.0.0.2"}
		// The same Pod, so that nothing else tells them apart.
		first.TargetRef = &corev1.ObjectReference{Name: "db-0", UID: "2b5d8e4a-6f0c-4f1e-9a53-0d7c1b9e8f60"}
		tc.other.TargetRef = first.TargetRef
		s := withPlaces(t, sliceObject(discoveryv1.AddressTypeIPv4, first, tc.other))
		obj := s.Object()
		if got := len(obj.Endpoints); got != tc.want {
			t.Errorf("%s: they are %d endpoints in the object, want %d", tc.name, got, tc.want)
		}
		if again := withPlaces(t, obj); !reflect.DeepEqual(again, s) {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.name, showPlaces(again), showPlaces(s))
		}
	}
}

func TestWhatAServiceAsksForWithTrafficDistribution(t *testing.T) {
	const mode, older = corev1.AnnotationTopologyMode, corev1.DeprecatedAnnotationTopologyAwareHints
	for _, tc := range []struct {
		name, field string
		annotations map[string]string
		want        Distribution
	}{
		{"nothing", "", nil, NoDistribution},
		{"its own zone", "PreferSameZone", nil, PreferSameZone},
		{"its own zone, by the older name", "PreferClose", nil, PreferSameZone},
		{"its own node", "PreferSameNode", nil, PreferSameNode},
		{"what the future brings", "PreferSameRack", nil, NoDistribution},
		{"hints by CPU, which go before the field", "PreferSameZone", map[string]string{mode: "Auto"}, NoDistribution},
		{"the same in small letters", "PreferSameZone", map[string]string{mode: "auto"}, NoDistribution},
		{"the same by the older annotation", "PreferSameZone", map[string]string{older: "Auto"}, NoDistribution},
		{"the older annotation goes before the newer one", "PreferSameZone", map[string]string{older: "Disabled", mode: "Auto"}, PreferSameZone},
		{"another mode", "PreferSameZone", map[string]string{mode: "AUTO"}, PreferSameZone},
	} {
		obj := serviceObject(corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone})
		obj.Annotations = tc.annotations
		if tc.field != "" {
			obj.Spec.TrafficDistribution = &tc.field
		}
		s, err := NewService(obj)
		if err != nil {
			t.Fatal(err)
		}
		if s.Distribution != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, s.Distribution, tc.want)
		}
		if again, err := NewService(s.Object()); err != nil || again.Distribution != tc.want {
			t.Errorf("%s: the way back gives %q, want %q", tc.name, again.Distribution, tc.want)
		}
	}
}
