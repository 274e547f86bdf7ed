// Package place knows where clients are: in which zone, and on which node. It finds
// them by the longest prefix that holds their address, and never waits for anything: who
// is not found is nowhere that is known, and gets all endpoints.
//
// To read it, begin with place.go, what is found. lines.go has what a stanza says of
// clients, and table.go looks them up, by the stanza's own prefixes and by those that a
// feed knows. These are in known.go: of Nodes (nodes.go), and of the slices of a Service
// with an endpoint on each node (service.go). In claims.go several may claim a prefix, and
// evidence.go holds the podCIDRs of Nodes against the endpoints that there are. subnet.go
// is about clients that a resolver asks for (EDNS Client Subnet, RFC 7871).
package place

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Client is where a client is, and who says so. Nobody may write to it.
type Client struct {
	*Where
	Source Source
	// bits is the length of the prefix that it was found by.
	bits uint8
}

// Prefix returns the prefix that the client with this address was found by.
func (c *Client) Prefix(addr netip.Addr) netip.Prefix {
	// The length is one of that family: it was found by it.
	p, _ := addr.Unmap().WithZone("").Prefix(int(c.bits))
	return p
}

// Where is a place. Clients of one place share it.
type Where struct {
	// Zone and Node are the zero Place where they are not known. Not both of them are,
	// but with Never.
	Zone, Node model.Place
	// Notes say why an answer has no more endpoints than those of the zone, and than those
	// of the node, in at most 100 bytes each, for Extended DNS Errors. One is empty where
	// that part of the place is not known. They are never nil, and places share them.
	Notes *[Levels]string
	// Never is true where the Corefile says that nothing is known of a client.
	Never bool
	// created is when the Node came to be, in seconds since 1970, where a Node says so. There
	// is a place for each Node: it is no larger than 32 bytes.
	created uint32
}

// The levels of a place, as indexes of Notes.
const (
	ZoneLevel = iota
	NodeLevel
	// Levels is how many there are.
	Levels
)

// Source is who says where a client is.
type Source uint8

// The sources. Of two that claim one prefix, the lower one goes before the other.
const (
	// ByZone and ByNone are networks in the Corefile, and ByServer is its line that says
	// where the server itself is.
	ByZone Source = iota + 1
	ByNone
	ByServer
	// ByAddress is the address of a Node, ByService an endpoint of a Service with one on
	// each node, and ByPodCIDR the network of a Node's Pods.
	ByAddress
	ByService
	ByPodCIDR
	// Sources is one more than the last one.
	Sources
)

// String returns the source as it stands in metrics and explanations.
func (s Source) String() string {
	if s == 0 || s >= Sources {
		return "unknown"
	}
	return [...]string{"", "zone", "none", "server", "address", "service", "podCIDR"}[s]
}

// maxNote bounds a note, in bytes: any answer has room for that.
const maxNote = 100

// notes are those of all places that there are: thousands of nodes are in few zones. The
// zero value is ready for use.
type notes map[noted]*[Levels]string

// noted is a place as far as its notes tell.
type noted struct {
	zone   model.Place
	onNode bool
}

// where returns a new place.
func (n *notes) where(zone, node model.Place) *Where {
	return &Where{Zone: zone, Node: node, Notes: n.of(noted{zone, node != (model.Place{})})}
}

func (n *notes) of(what noted) *[Levels]string {
	texts := (*n)[what]
	if texts != nil {
		return texts
	}
	texts = new([Levels]string)
	if what.zone != (model.Place{}) {
		texts[ZoneLevel] = noteZone(what.zone.Value())
	}
	if what.onNode {
		// Answers never tell a client the names of nodes.
		texts[NodeLevel] = textNode
	}
	if *n == nil {
		*n = make(notes)
	}
	(*n)[what] = texts
	return texts
}

// noteZone shortens the name of the zone, where it must be.
func noteZone(zone string) string {
	return fmt.Sprintf(textZone, model.Shorten(zone, maxNote-len(textZone)+len("%s")))
}

// goesBefore reports whether c has a prefix that other claims as well. Of two Nodes the newer
// one has it, since an address that is used again has changed hands.
func (c *Client) goesBefore(other *Client) bool {
	return cmp.Or(
		cmp.Compare(c.Source, other.Source),
		cmp.Compare(other.created, c.created),
		strings.Compare(nameOf(c.Node), nameOf(other.Node)),
	) < 0
}

// nameOf returns the name of a place, which is empty where it is not known.
func nameOf(p model.Place) string {
	if p == (model.Place{}) {
		return ""
	}
	return p.Value()
}
