package topology

import (
	"slices"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// What kube-proxy's own tests say of hints holds here too, without the guard. Those about
// local traffic policies are not about hints.
func TestHintsMeanWhatTheyMeanToKubeProxy(t *testing.T) {
	in := func(zones ...string) endpoint { return endpoint{zone: "own", forZones: zones} }
	on := func(node, zone string) endpoint {
		return endpoint{zone: zone, node: node, forZones: []string{zone}, forNodes: []string{node}}
	}
	unready := func(e endpoint) endpoint { e.tier = health.Sick; return e }
	for _, c := range []struct {
		name       string
		all        []endpoint
		zone, node string
		want       []int
	}{
		{"all have hints, and some are for the zone", []endpoint{in("a"), in("b"), in("c"), in("a")}, "a", "", []int{0, 3}},
		{"a node without labels", []endpoint{in("a"), in("b"), in("c")}, "", "", nil},
		{"a node in a zone that nobody is for", []endpoint{in("a"), in("b"), in("c")}, "d", "", nil},
		{"one that is not ready does not count", []endpoint{in("a"), in("b"), in("c"), unready(in("a"))}, "a", "", []int{0}},
		{"only ones that are not ready are for the zone", []endpoint{unready(in("a")), in("b"), in("c")}, "a", "", nil},
		{"one without hints makes all be for everybody", []endpoint{in("a"), in(), in("c"), in("a")}, "a", "", nil},
		{"several hints for one", []endpoint{in("a"), in("a", "b", "c"), in("b", "d"), in("c")}, "c", "", []int{1, 3}},
		{"some are for the node", []endpoint{on("n1", "a"), on("n2", "b"), on("n3", "c"), on("n4", "a")}, "a", "n1", []int{0}},
		{"nobody is for the node, some are for its zone", []endpoint{on("n1", "a"), on("n2", "b"), on("n3", "c"), on("n4", "a")}, "a", "n0", []int{0, 3}},
		{"one has no hint for a node", []endpoint{on("n1", "a"), on("n2", "b"), {zone: "c", forZones: []string{"c"}}, on("n4", "a")}, "a", "n1", []int{0, 3}},
		{"one has no hint at all", []endpoint{on("n1", "a"), on("n2", "b"), in(), on("n4", "a")}, "a", "n1", nil},
	} {
		if _, got := decide(parity, model.NoDistribution, sliceOf("s", 0, c.all)).gets(c.zone, c.node); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
