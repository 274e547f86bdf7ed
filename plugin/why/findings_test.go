package why

import (
	"regexp"
	"slices"
	"testing"
)

// Programs know causes by these names: one that is gone is not used again for anything else.
var retired []CauseID

func TestIdsOfCausesAreWordsInCausalOrder(t *testing.T) {
	want := []CauseID{
		"resolver", "search", "server-pods", "server-plugin", "server-current", "replicas", "zone", "service", "type", "selected",
		"annotation", "selector", "scheduled", "containers", "ready", "address", "hostname", "slices", "mirror", "controller",
		"ports", "type-fqdn", "tier", "policy", "answer", "target", "cached", "path", "history",
	}
	if !slices.Equal(CauseIDs, want) {
		t.Errorf("got %q, want %q", CauseIDs, want)
	}
	word := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for i, id := range CauseIDs {
		switch {
		case !word.MatchString(string(id)):
			t.Errorf("%q is no word", id)
		case slices.Contains(CauseIDs[:i], id):
			t.Errorf("%q stands there twice", id)
		case slices.Contains(retired, id):
			t.Errorf("%q was another thing once", id)
		}
	}
}

func TestACauseIsASentenceAboutThings(t *testing.T) {
	for _, row := range []struct {
		cause *Cause
		about []any
		want  string
	}{
		{&CauseSelectorNone, []any{"app=web,tier=front", "14 Pods"}, "selector app=web,tier=front matches none of 14 Pods"},
		{&CauseSlicesNone, []any{"pg"}, "no EndpointSlice has the label kubernetes.io/service-name=pg"},
		{&CauseScheduled, []any{"db-1", "6 m", "0/5 nodes are available"}, "Pod db-1 is Pending for 6 m: 0/5 nodes are available"},
		{&CauseReady, []any{"web-2", "4 m 12 s", "containers with unready status: [app]"}, "web-2 is not ready for 4 m 12 s: containers with unready status: [app]"},
		{&CauseServiceAlias, []any{"shop/billing", "db.example.com"}, "Service shop/billing is ExternalName, leads to db.example.com"},
	} {
		if got := row.cause.Text(row.about...); got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
}
