package topology

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// Result is what a question to a Service with a wish met.
type Result uint8

// The results. All but ToNode and ToZone mean that the client got all there is.
const (
	// NotAsked is for all other questions. It is not counted.
	NotAsked Result = iota
	// ToPeers is a Service whose endpoints need each other
	// (Service.spec.publishNotReadyAddresses).
	ToPeers
	// Unhealthy is an answer with others than good endpoints.
	Unhealthy
	// UnknownClient is a client of which nobody knows where it is.
	UnknownClient
	// Peer is a client that is an endpoint of the Service itself.
	Peer
	// ToNode and ToZone are answers with those near the client.
	ToNode
	ToZone
	// Partial means that an endpoint is for nobody in particular.
	Partial
	// NoneNear means that no endpoint is for the client's place.
	NoneNear
	// Degraded means that too few of those are good.
	Degraded
	// Overload means that those of the client's zone have enough clients.
	Overload
	// Results is how many there are.
	Results = int(Overload) + 1
)

// String returns the result as it stands in metrics.
func (r Result) String() string {
	return [...]string{
		"", "peers_service", "unhealthy", "unknown_client", "peer", "node", "zone", "partial", "none_near", "degraded", "overload",
	}[r]
}

// Near groups the good endpoints of a Service, of one address family, by who is to use
// them. It is immutable.
type Near struct {
	zones zoneLevel
	nodes level
	guard guard
	// partial means that neither level is used, because an endpoint is for nobody in
	// particular.
	partial bool
	// placed means that it is known of each endpoint in which zone it is.
	placed bool
	// stray means that an endpoint is for another node than its own.
	stray bool
	// good is how many endpoints there are.
	good int32
	// places are the zones that the endpoints are in, with how many are in each.
	places []Count
}

// Count is how many endpoints are in a zone.
type Count struct {
	Zone model.Place
	N    int32
}

// guard says when good endpoints are enough for their place: at least count, and at least
// percent of a hundred of those that the place has or had.
type guard struct{ count, percent int }

// suffices reports whether a group is used.
func (gu guard) suffices(g group) bool {
	return g.n > 0 && int(g.n) >= gu.count && 100*int(g.n) >= gu.percent*int(g.n+g.lost)
}

// zoneLevel is the level of zones. What it has besides is by the numbers of zones.
type zoneLevel struct {
	level
	// home is how many of each group are in its zone; nil is all.
	home []int32
	// shares are which share of the answers is narrowed, 0 to 1; nil is all.
	shares []float64
}

// homeOf returns how many of a group are in its zone.
func (z *zoneLevel) homeOf(g group) int32 {
	if z.home == nil {
		return g.n
	}
	return z.home[g.number]
}

// shareOf returns which share of the answers with a group is narrowed.
func (z *zoneLevel) shareOf(g group) float64 {
	if z.shares == nil {
		return 1
	}
	return z.shares[g.number]
}

// spills reports whether an answer is one of those that are not narrowed.
func (z *zoneLevel) spills(g group) bool {
	return z.shares != nil && rand.Float64() >= z.shares[g.number]
}

// Narrowing is which endpoints a client gets.
type Narrowing struct {
	Result Result
	// Mode is that of the Service: where it is Observe, the client gets all whatever the
	// result.
	Mode Mode
	// Group is those that it gets, nil for all.
	Group []roster.At
	// FarOfAll and FarOfGroup are which share of all endpoints, and of those that it gets,
	// is outside the client's zone. They are only known where Known is true.
	FarOfAll, FarOfGroup float64
	Known                bool
}

// For returns what a client gets whose zone and node are known, or one of the two: the
// zero Place is one that nobody knows.
func (n *Near) For(zone, node model.Place) (r Narrowing) {
	r.Known = zone != model.Place{} && n.placed
	r.FarOfAll = 1 - float64(n.in(zone))/float64(n.good)
	r.FarOfGroup = r.FarOfAll
	onNode, inZone := n.nodes.find(node), n.zones.find(zone)
	switch {
	case n.partial:
		r.Result = Partial
	case n.guard.suffices(onNode):
		r.Result, r.Group = ToNode, onNode.members
		r.FarOfGroup, r.Known = 0, r.Known && !n.stray
	case n.guard.suffices(inZone) && n.zones.spills(inZone):
		r.Result = Overload
	case n.guard.suffices(inZone):
		r.Result, r.Group = ToZone, inZone.members
		r.FarOfGroup = 1 - float64(n.zones.homeOf(inZone))/float64(inZone.n)
	case onNode.n > 0 || inZone.n > 0:
		r.Result = Degraded
	default:
		r.Result = NoneNear
	}
	return r
}

// InZone returns the group of a zone, nil where all are in it, or nobody gets it.
func (n *Near) InZone(zone model.Place) []roster.At {
	g := n.zones.find(zone)
	if !n.guard.suffices(g) || n.zones.spills(g) {
		return nil
	}
	return g.members
}

// in returns how many endpoints are in a zone.
func (n *Near) in(zone model.Place) int32 {
	for _, each := range n.places {
		if each.Zone == zone {
			return each.N
		}
	}
	return 0
}

// Good returns how many endpoints there are.
func (n *Near) Good() int { return int(n.good) }

// Places returns the zones that the endpoints are in, with how many are in each. Nobody
// may write to it.
func (n *Near) Places() []Count { return n.places }

// String says who is for which place.
func (n *Near) String() string {
	if n.partial {
		return "not narrowed, because an endpoint is for nobody in particular"
	}
	var parts []string
	for g := range n.zones.all {
		parts = append(parts, n.describe(g))
	}
	slices.Sort(parts)
	text := strings.Join(parts, ", ")
	if nodes := n.nodes.len(); nodes > 0 {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("%d nodes", nodes)
	}
	return fmt.Sprintf("%s of %d", text, n.good)
}

func (n *Near) describe(g group) string {
	if !n.guard.suffices(g) {
		return n.zones.placeOf(g).Value() + " too few"
	}
	text := fmt.Sprintf("%s %d", n.zones.placeOf(g).Value(), g.n)
	if share := n.zones.shareOf(g); share < 1 {
		text += fmt.Sprintf(" (%.0f%% of its clients)", 100*share)
	}
	return text
}

// State is what the Service does: ToNode, ToZone or Partial.
func (n *Near) State() Result {
	switch {
	case n.partial:
		return Partial
	case n.nodes.parts != nil:
		return ToNode
	}
	return ToZone
}

// Equal reports whether two Nears give each client the same, where same compares
// endpoints.
func (n *Near) Equal(o *Near, same func(a, b roster.At) bool) bool {
	if n == nil || o == nil {
		return n == o
	}
	if n.guard != o.guard || n.partial != o.partial || n.stray != o.stray || n.good != o.good || len(n.places) != len(o.places) {
		return false
	}
	for _, each := range n.places {
		if o.in(each.Zone) != each.N {
			return false
		}
	}
	equal := func(a, b group) bool { return n.equalGroups(a, b, same) }
	return n.zones.equal(&o.zones.level, equal) && n.nodes.equal(&o.nodes, equal) && n.zones.each(func(g group) bool {
		of := o.zones.find(n.zones.placeOf(g))
		return !n.guard.suffices(g) || n.zones.homeOf(g) == o.zones.homeOf(of) && n.zones.shareOf(g) == o.zones.shareOf(of)
	})
}

// equalGroups reports whether clients get the same of two groups for one place.
func (n *Near) equalGroups(a, b group, same func(a, b roster.At) bool) bool {
	used := n.guard.suffices(a)
	switch {
	case used != n.guard.suffices(b) || (a.n > 0) != (b.n > 0):
		return false
	case !used:
		return true
	}
	return a.n == b.n && slices.EqualFunc(a.members, b.members, same)
}
