package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
)

// of makes a report without questions about some Services.
func of(all ...*differences.Service) *Report {
	return &Report{Zone: "cluster.local.", Cluster: differences.NewCluster("cluster.local.", all)}
}

func TestServicesWithAWishAreListed(t *testing.T) {
	r := of(
		&differences.Service{Namespace: "prod", Name: "db", Kind: differences.Headless, Wishes: []string{"trafficDistribution: PreferClose", "hints"}},
		&differences.Service{Namespace: "prod", Name: "quiet", Kind: differences.Headless, ForPeers: true},
		&differences.Service{Namespace: "prod", Name: "ring", Kind: differences.Headless, Wishes: []string{"hints"}, ForPeers: true},
	)
	var text, form bytes.Buffer
	if err := WriteText(&text, r); err != nil {
		t.Fatal(err)
	}
	want := "\n\n  prod/db (trafficDistribution: PreferClose, hints)\n" +
		"  prod/ring (hints), peers: publishNotReadyAddresses, so all endpoints until its annotation asks for less\n\n"
	if !strings.Contains(text.String(), want) {
		t.Errorf("got\n%swant in it\n%s", &text, want)
	}
	if err := WriteJSON(&form, r); err != nil {
		t.Fatal(err)
	}
	var got JSON
	if err := json.Unmarshal(form.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if want := []jsonWish{
		{"prod/db", []string{"trafficDistribution: PreferClose", "hints"}, false}, {"prod/ring", []string{"hints"}, true},
	}; !reflect.DeepEqual(got.Topology, want) {
		t.Errorf("got %v, want %v", got.Topology, want)
	}
}

func TestWithoutAWishNothingIsSaidOfTopology(t *testing.T) {
	var text, form bytes.Buffer
	r := of(&differences.Service{Namespace: "prod", Name: "db", Kind: differences.Headless})
	if err := WriteText(&text, r); err != nil || strings.Contains(text.String(), "topology on") {
		t.Errorf("got %v, and\n%s", err, &text)
	}
	if err := WriteJSON(&form, r); err != nil || !strings.Contains(form.String(), `"topology": []`) {
		t.Errorf("got %v, and\n%s, want an empty list", err, &form)
	}
}

func TestTheTextSaysHowManyWishesItLeavesOut(t *testing.T) {
	var all []*differences.Service
	for i := range maxWishes + 2 {
		all = append(all, &differences.Service{Namespace: "prod", Name: fmt.Sprintf("s%d", i), Kind: differences.Headless, Wishes: []string{"hints"}})
	}
	var text bytes.Buffer
	if err := WriteText(&text, of(all...)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(text.String(), "(hints)"); got != maxWishes || !strings.Contains(text.String(), "and 2 more: -o json has all") {
		t.Errorf("it shows %d:\n%s", got, &text)
	}
}
