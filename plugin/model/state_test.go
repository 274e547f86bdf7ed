package model

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestStateHoldsObjectsOfEachKind(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(k.String(), func(t *testing.T) {
			var s State
			c := anyChange(t, k)
			s.Apply(c)
			s.Apply(c)
			if all := slices.Collect(s.All()); s.Len() != 1 || len(all) != 1 || !reflect.DeepEqual(all[0], c) {
				t.Errorf("it holds %+v, want %+v", all, c)
			}
			s.Apply(c.Removal())
			s.Apply(c.Removal())
			if s.Len() != 0 {
				t.Errorf("after the removal it holds %v", slices.Collect(s.All()))
			}
		})
	}
}

func TestStateTakesNoUnknownKind(t *testing.T) {
	for _, k := range []Kind{0, kindEnd} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a change of %v was applied", k)
				}
			}()
			var s State
			s.Apply(Change{Kind: k, Namespace: "default"})
		}()
	}
}

func service(namespace, name, target string) Change {
	return ServiceChange(&Service{ServiceKey: ServiceKey{namespace, name}, Kind: ExternalName, Target: target})
}

func slice(namespace, name, of string, version uint64) Change {
	return SliceChange(&Slice{SliceKey: SliceKey{namespace, name}, Service: of, Version: version})
}

// node is one with that many CPUs.
func node(name string, cpus int64) Change {
	return NodeChange(&Node{Name: placeOf(name), CPU: 1000 * cpus})
}

func stateOf(changes ...Change) *State {
	s := new(State)
	for _, c := range changes {
		s.Apply(c)
	}
	return s
}

func TestDifference(t *testing.T) {
	for _, tc := range []struct {
		name     string
		from, to *State
		want     []string
	}{
		{"of nothing", new(State), new(State), nil},
		{"of equal objects",
			stateOf(NamespaceChange("a"), service("a", "db", "x."), slice("a", "db-1", "db", 1)),
			stateOf(NamespaceChange("a"), service("a", "db", "x."), slice("a", "db-1", "db", 1)), nil},
		{"from nothing",
			new(State),
			stateOf(slice("b", "db-1", "db", 1), slice("a", "db-2", "db", 1), slice("a", "db-1", "db", 1), service("b", "a", ""), service("a", "b", ""), NamespaceChange("b"), NamespaceChange("a")),
			[]string{"the Namespace a", "the Namespace b", "the Service a/b", "the Service b/a", "the EndpointSlice a/db-1", "the EndpointSlice a/db-2", "the EndpointSlice b/db-1"}},
		{"to nothing",
			stateOf(slice("b", "db-1", "db", 1), slice("a", "db-1", "db", 1), service("b", "a", ""), service("a", "b", ""), NamespaceChange("b"), NamespaceChange("a")),
			new(State),
			[]string{"- the EndpointSlice a/db-1", "- the EndpointSlice b/db-1", "- the Service a/b", "- the Service b/a", "- the Namespace a", "- the Namespace b"}},
		{"of other objects under the same keys",
			stateOf(service("a", "db", "x."), slice("a", "db-1", "db", 1)),
			stateOf(service("a", "db", "y."), slice("a", "db-1", "db", 2)),
			[]string{"the Service a/db", "the EndpointSlice a/db-1"}},
		{"of Nodes",
			stateOf(node("same", 1), node("gone", 1), node("larger", 1), NamespaceChange("a")),
			stateOf(node("same", 1), node("larger", 2), node("new", 1), NamespaceChange("b"), service("a", "db", "x.")),
			[]string{"- the Namespace a", "- the Node gone", "the Namespace b", "the Node larger", "the Node new", "the Service a/db"}},
		{"of slices that differ only in a zone",
			stateOf(placedSlice(t, "a", "z1", ""), placedSlice(t, "b", "z1", ""), placedSlice(t, "c", "z1", "")),
			stateOf(placedSlice(t, "a", "z1", ""), placedSlice(t, "b", "z2", ""), placedSlice(t, "c", "", "")),
			[]string{"the EndpointSlice n/b", "the EndpointSlice n/c"}},
		{"of slices that differ only in for whose use an endpoint is",
			stateOf(placedSlice(t, "a", "z1", "z1"), placedSlice(t, "b", "z1", "z1"), placedSlice(t, "c", "z1", "z2"), placedSlice(t, "d", "z1", "z2")),
			stateOf(placedSlice(t, "a", "z1", "z1"), placedSlice(t, "b", "z1", ""), placedSlice(t, "c", "z1", "z3"), placedSlice(t, "d", "z1", "z2")),
			[]string{"the EndpointSlice n/b", "the EndpointSlice n/c"}},
		{"where a slice goes to another Service",
			stateOf(slice("a", "db-1", "db", 1)),
			stateOf(slice("a", "db-1", "web", 2)),
			[]string{"- the EndpointSlice a/db-1", "the EndpointSlice a/db-1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, c := range tc.from.Difference(tc.to) {
				got = append(got, strings.Repeat("- ", map[bool]int{true: 1}[c.Removed])+c.String())
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestASliceIsRemovedFromTheServiceThatItLeaves(t *testing.T) {
	changes := stateOf(slice("a", "db-1", "db", 1)).Difference(stateOf(slice("a", "db-1", "web", 2)))
	if len(changes) != 2 || changes[0].Slice.Service != "db" || changes[1].Slice.Service != "web" {
		t.Errorf("got %+v", changes)
	}
}

// drawnState has few keys, so that two of them have much in common.
func drawnState(t *rapid.T) *State {
	s := new(State)
	for range rapid.IntRange(0, 12).Draw(t, "objects") {
		namespace := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "namespace")
		name := rapid.SampledFrom([]string{"db", "web"}).Draw(t, "name")
		s.Apply(rapid.SampledFrom([]Change{
			NamespaceChange(namespace),
			node(name, 1),
			node(name, 2),
			service(namespace, name, name+"."),
			service(namespace, name, "elsewhere."),
			slice(namespace, name+"-1", name, 1),
			slice(namespace, name+"-1", "other", 1),
			slice(namespace, name+"-1", name, 2),
		}).Draw(t, "object"))
	}
	return s
}

func TestADifferenceLeadsToTheOtherStateAndHoldsNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := drawnState(t), drawnState(t)
		got := stateOf(slices.Collect(from.All())...)
		removing := true
		for _, c := range from.Difference(to) {
			if removing = removing && c.Removed; removing != c.Removed {
				t.Fatalf("the removal of %v comes after what is new", c)
			}
			if before := got.Slices; c.Kind == KindSlice && before[c.Slice.SliceKey] != nil && before[c.Slice.SliceKey].Service != c.Slice.Service {
				t.Fatalf("%v goes to another Service without a removal", c)
			}
			if got.Share(c) != c {
				t.Fatalf("%v is as it was", c)
			}
			got.Apply(c)
		}
		if !maps.EqualFunc(got.Services, to.Services, (*Service).Equal) || !maps.EqualFunc(got.Slices, to.Slices, (*Slice).Equal) || !maps.Equal(got.Namespaces, to.Namespaces) || !maps.EqualFunc(got.Nodes, to.Nodes, (*Node).Equal) {
			t.Fatalf("got %v, want %v", slices.Collect(got.All()), slices.Collect(to.All()))
		}
		if again := got.Difference(to); len(again) > 0 {
			t.Fatalf("there is still the difference %v", again)
		}
	})
}

func TestShareTakesTheObjectThatIsKnown(t *testing.T) {
	known := stateOf(service("a", "db", "x."), slice("a", "db-1", "db", 1), NamespaceChange("a"), node("n1", 1))
	for _, tc := range []struct {
		name   string
		change Change
		shared bool
	}{
		{"an equal Service", service("a", "db", "x."), true},
		{"an equal slice", slice("a", "db-1", "db", 1), true},
		{"another Service", service("a", "db", "y."), false},
		{"a newer slice", slice("a", "db-1", "db", 2), false},
		{"an unknown Service", service("b", "db", "x."), false},
		{"an unknown slice", slice("b", "db-1", "db", 1), false},
		{"a Service that goes", service("a", "db", "x.").Removal(), false},
		{"a Namespace", NamespaceChange("a"), false},
		{"an equal Node", node("n1", 1), true},
		{"another Node", node("n1", 2), false},
		{"an unknown Node", node("n2", 1), false},
	} {
		got := known.Share(tc.change)
		if shared := got != tc.change; shared != tc.shared || got.String() != tc.change.String() || got.Removed != tc.change.Removed {
			t.Errorf("%s: got %+v of %+v", tc.name, got, tc.change)
		}
	}
}

// TestEqualLooksAtEachField changes one field after the other: whoever adds one
// is told here where Equal does not know of it.
func TestEqualLooksAtEachField(t *testing.T) {
	t.Run("Service", func(t *testing.T) {
		eachField(t, func(a, b *Service) bool { return a.Equal(b) })
	})
	t.Run("Slice", func(t *testing.T) {
		eachField(t, func(a, b *Slice) bool { return a.Equal(b) })
	})
	t.Run("Node", func(t *testing.T) {
		eachField(t, func(a, b *Node) bool { return a.Equal(b) })
	})
	t.Run("Places", func(t *testing.T) {
		eachField(t, func(a, b *Places) bool { return (&Slice{Places: a}).Equal(&Slice{Places: b}) })
	})
	t.Run("Elsewhere", func(t *testing.T) {
		eachField(t, func(a, b *Elsewhere) bool { return a.equal(*b) })
	})
	t.Run("Endpoint", func(t *testing.T) {
		eachField(t, func(a, b *Endpoint) bool {
			return (&Slice{Endpoints: []Endpoint{*a}}).Equal(&Slice{Endpoints: []Endpoint{*b}})
		})
	})
	t.Run("Port", func(t *testing.T) {
		eachField(t, func(a, b *Port) bool { return (&Slice{Ports: []Port{*a}}).Equal(&Slice{Ports: []Port{*b}}) })
	})
}

func eachField[T any](t *testing.T, equal func(a, b *T) bool) {
	t.Helper()
	var zero T
	for _, field := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if field.Anonymous && field.Type.Kind() == reflect.Struct {
			continue
		}
		var changed, same T
		for _, of := range []*T{&changed, &same} {
			reflect.ValueOf(of).Elem().FieldByIndex(field.Index).Set(other(t, field.Type))
		}
		if equal(&zero, &changed) || equal(&changed, &zero) {
			t.Errorf("the field %s makes no difference", field.Name)
		}
		if !equal(&changed, &same) {
			t.Errorf("the field %s makes a difference where it is the same", field.Name)
		}
	}
}

// other returns a value that is not the zero one, each time the same.
func other(t *testing.T, of reflect.Type) reflect.Value {
	t.Helper()
	switch reflect.Zero(of).Interface().(type) {
	case netip.Addr:
		return reflect.ValueOf(netip.MustParseAddr("10.0.0.1"))
	case time.Time:
		return reflect.ValueOf(time.Unix(1_700_000_000, 0))
	case Place:
		return reflect.ValueOf(placeOf("other"))
	}
	v := reflect.New(of).Elem()
	switch of.Kind() {
	case reflect.String:
		v.SetString("other")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8, reflect.Uint16, reflect.Uint64:
		v.SetUint(1)
	case reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Struct:
		v.Field(0).Set(other(t, of.Field(0).Type))
	case reflect.Pointer:
		v.Set(reflect.New(of.Elem()))
	case reflect.Array:
		v.Index(0).Set(other(t, of.Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(of, 1, 1))
		v.Index(0).Set(reflect.New(of.Elem()).Elem())
	case reflect.Map:
		v.Set(reflect.MakeMap(of))
		v.SetMapIndex(other(t, of.Key()), other(t, of.Elem()))
	default:
		t.Fatalf("no other value of a %v is known here", of)
	}
	return v
}

func TestAMomentIsATimeOrNone(t *testing.T) {
	at := time.Unix(1_700_000_000, 123_456_789)
	for _, tc := range []struct {
		name string
		at   time.Time
		want time.Time
	}{
		{"none", time.Time{}, time.Time{}},
		{"to the nanosecond", at, at},
		{"in another time zone", at.In(time.FixedZone("", 3600)), at},
		{"before 1970", time.Unix(-1, 1), time.Unix(-1, 1)},
		{"too early", time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}},
		{"too late", time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}},
	} {
		if got := MomentOf(tc.at).Time(); !got.Equal(tc.want) || got.IsZero() != tc.want.IsZero() {
			t.Errorf("%s: got %v, want %v", tc.name, got, tc.want)
		}
	}
}
