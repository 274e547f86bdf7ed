package model

import (
	"slices"
	"strings"
	"testing"
)

// anyChange returns a change to an object of each kind.
func anyChange(t *testing.T, k Kind) Change {
	t.Helper()
	switch k {
	case KindService:
		return ServiceChange(&Service{ServiceKey: ServiceKey{"default", "db"}, Kind: Headless})
	case KindSlice:
		return SliceChange(&Slice{SliceKey: SliceKey{"default", "db-1"}, Service: "db"})
	case KindNamespace:
		return NamespaceChange("default")
	case KindNode:
		return NodeChange(&Node{Name: placeOf("n1")})
	}
	t.Fatalf("no change to a %v is known here", k)
	return Change{}
}

func TestEachKindIsCalledAsInTheAPI(t *testing.T) {
	var got []string
	for _, k := range Kinds() {
		got = append(got, k.String())
	}
	if want := []string{"Service", "EndpointSlice", "Namespace", "Node"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, k := range []Kind{0, kindEnd} {
		if !strings.HasPrefix(k.String(), "unknown kind ") {
			t.Errorf("the kind %d is a %v", uint8(k), k)
		}
	}
}

func TestAChangeSaysWhatItIs(t *testing.T) {
	want := map[Kind]string{
		KindService:   "the Service default/db",
		KindSlice:     "the EndpointSlice default/db-1",
		KindNamespace: "the Namespace default",
		KindNode:      "the Node n1",
	}
	for _, k := range Kinds() {
		c := anyChange(t, k)
		if c.Kind != k || c.String() != want[k] || c.Removed {
			t.Errorf("%v: got %v of the kind %v, removed %t; want %s", k, c, c.Kind, c.Removed, want[k])
		}
		if gone := c.Removal(); gone.Kind != k || !gone.Removed || c.Removed {
			t.Errorf("%v: the removal is %+v", k, gone)
		}
	}
	if got := (Change{}).String(); got != "an object of unknown kind 0" {
		t.Errorf("the zero value is %s", got)
	}
}
