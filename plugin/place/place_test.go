package place

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	clog "github.com/coredns/coredns/plugin/pkg/log"
)

func init() { clog.Discard() }

// placeOf returns a place by its name, and none for "".
func placeOf(name string) model.Place {
	if name == "" {
		return model.Place{}
	}
	return unique.Make(name)
}

// at is an endpoint of a slice.
type at struct {
	address, zone, node string
	conditions          model.Conditions
}

// sliceOf returns a slice of a Service "N/S" with these endpoints.
func sliceOf(service string, all ...at) *model.Slice {
	namespace, name, _ := strings.Cut(service, "/")
	s := &model.Slice{SliceKey: model.SliceKey{Namespace: namespace, Name: name + "-1"}, Service: name, Places: new(model.Places)}
	index := func(places *[]model.Place, name string) uint16 {
		if name == "" {
			return 0
		}
		n := slices.Index(*places, unique.Make(name))
		if n < 0 {
			n = len(*places)
			*places = append(*places, unique.Make(name))
		}
		return uint16(n + 1)
	}
	for _, e := range all {
		s.Endpoints = append(s.Endpoints, model.Endpoint{
			Address: netip.MustParseAddr(e.address), Conditions: e.conditions,
			Zone: index(&s.Places.Zones, e.zone), Node: index(&s.Places.Nodes, e.node),
		})
	}
	return s
}

// nodeAt returns a Node that was made that many seconds after another time, with podCIDRs
// and addresses.
func nodeAt(name, zone string, seconds int, claims ...string) *model.Node {
	n := &model.Node{Name: placeOf(name), Zone: placeOf(zone), Created: model.MomentOf(time.Unix(1_700_000_000+int64(seconds), 0))}
	for _, text := range claims {
		if addr, err := netip.ParseAddr(text); err == nil {
			n.Addresses = append(n.Addresses, addr)
			continue
		}
		n.PodCIDRs = append(n.PodCIDRs, netip.MustParsePrefix(text))
	}
	return n
}

// told are changes to Nodes.
func told(all ...*model.Node) (changes []model.Change) {
	for _, n := range all {
		changes = append(changes, model.NodeChange(n))
	}
	return changes
}

// gone is the removal of a Node.
func gone(name string) []model.Change {
	return []model.Change{model.NodeChange(&model.Node{Name: placeOf(name)}).Removal()}
}

// shown writes down who was found: source, zone and node.
func shown(c *Client) string {
	if c == nil {
		return "unknown"
	}
	if c.Never != (c.Source == ByNone) || c.Notes == nil {
		return "half a client"
	}
	return strings.TrimSpace(strings.Join([]string{c.Source.String(), nameOf(c.Zone), nameOf(c.Node)}, " "))
}

func TestNotesSayWhyAnAnswerIsShort(t *testing.T) {
	var n notes
	for _, c := range []struct{ name, zone, node, inZone, onNode string }{
		{"a zone", "us-east-1a", "", "endpoints in zone us-east-1a, where the client is", ""},
		{"a node", "", "n3", "", "endpoints on the client's own node"},
		{"both", "b", "n3", "endpoints in zone b, where the client is", "endpoints on the client's own node"},
		{"nothing", "", "", "", ""},
		{"the longest zone that fits", strings.Repeat("z", 61), "", "endpoints in zone " + strings.Repeat("z", 61) + ", where the client is", ""},
		{"a longer one", strings.Repeat("z", 62), "", "endpoints in zone " + strings.Repeat("z", 58) + "..., where the client is", ""},
		{"one that would be cut within a sign", strings.Repeat("z", 57) + "äöü" + strings.Repeat("z", 9), "", "endpoints in zone " + strings.Repeat("z", 57) + "..., where the client is", ""},
	} {
		w := n.where(placeOf(c.zone), placeOf(c.node))
		if want := [Levels]string{c.inZone, c.onNode}; *w.Notes != want {
			t.Errorf("%s: got %q, want %q", c.name, w.Notes, want)
		}
		for _, text := range w.Notes {
			if len(text) > maxNote || !utf8.ValidString(text) {
				t.Errorf("%s: %q has %d bytes", c.name, text, len(text))
			}
		}
	}
}

func TestEachSourceHasAName(t *testing.T) {
	names := make(map[string]bool)
	for s := range Sources {
		names[s.String()] = true
	}
	if len(names) != int(Sources) || names[""] {
		t.Errorf("got %v", names)
	}
}
