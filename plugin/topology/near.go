package topology

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
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
	// order has the endpoints of the groups, each group in the order of the Roster. It is
	// shared by both levels.
	order []roster.At
	// zones and nodes are empty where a level is not used at all.
	zones zoneGroups
	nodes groups
	// partial means that neither of them is, because an endpoint is for nobody in
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

// group is the endpoints for one place. Those of a group of all have no place in order.
type group struct {
	place    model.Place
	first, n int32
}

// degraded is the length of a group that the guard keeps from being used.
const degraded = -1

// zoneGroups are the groups of zones, with how many in each are in that zone.
type zoneGroups struct {
	groups
	home []int32
	// shares are which share of the answers is narrowed, 0 to 1; nil is all.
	shares []float64
}

// spills reports whether an answer is one of those that are not narrowed.
func (z *zoneGroups) spills(at int) bool { return z.shares != nil && rand.Float64() >= z.shares[at] }

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
	nodeAt, zoneAt := n.nodes.find(node), n.zones.find(zone)
	switch {
	case n.partial:
		r.Result = Partial
	case nodeAt >= 0 && n.nodes.all[nodeAt].n != degraded:
		r.Result, r.Group = ToNode, n.members(n.nodes.all[nodeAt])
		r.FarOfGroup, r.Known = 0, r.Known && !n.stray
	case zoneAt >= 0 && n.zones.all[zoneAt].n != degraded && n.zones.spills(zoneAt):
		r.Result = Overload
	case zoneAt >= 0 && n.zones.all[zoneAt].n != degraded:
		g := n.zones.all[zoneAt]
		r.Result, r.Group = ToZone, n.members(g)
		r.FarOfGroup = 1 - float64(n.zones.home[zoneAt])/float64(g.n)
	case nodeAt >= 0 || zoneAt >= 0:
		r.Result = Degraded
	default:
		r.Result = NoneNear
	}
	return r
}

// InZone returns the group of a zone, nil where all are in it, or nobody gets it.
func (n *Near) InZone(zone model.Place) []roster.At {
	at := n.zones.find(zone)
	if at < 0 || n.zones.all[at].n == degraded || n.zones.spills(at) {
		return nil
	}
	return n.members(n.zones.all[at])
}

// members are nil for all.
func (n *Near) members(g group) []roster.At {
	if g.n == n.good {
		return nil
	}
	return n.order[g.first : g.first+g.n : g.first+g.n]
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
	for _, g := range n.zones.all {
		parts = append(parts, n.describe(g))
	}
	text := strings.Join(parts, ", ")
	if nodes := len(n.nodes.all); nodes > 0 {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("%d nodes", nodes)
	}
	return fmt.Sprintf("%s of %d", text, n.good)
}

func (n *Near) describe(g group) string {
	if g.n == degraded {
		return g.place.Value() + " too few"
	}
	text := fmt.Sprintf("%s %d", g.place.Value(), g.n)
	if at := n.zones.find(g.place); n.zones.shares != nil && n.zones.shares[at] < 1 {
		text += fmt.Sprintf(" (%.0f%% of its clients)", 100*n.zones.shares[at])
	}
	return text
}

// State is what the Service does: ToNode, ToZone, Partial, or NoneNear where no group
// is left.
func (n *Near) State() Result {
	switch {
	case n.partial:
		return Partial
	case len(n.nodes.all) > 0:
		return ToNode
	case len(n.zones.all) > 0:
		return ToZone
	}
	return NoneNear
}

// groups are found by a hash where they are many: a Service may have one for each of
// thousands of nodes.
type groups struct {
	all []group
	// slots hold indexes of all plus one; zero is empty. Their number is a power of two,
	// and at least a fourth of them is empty. Few groups have none.
	slots []int32
}

// fewGroups are found faster one after the other.
const fewGroups = 8

var placeSeed = maphash.MakeSeed()

func slotOf(place model.Place, slots int) int {
	return int(maphash.Comparable(placeSeed, place) & uint64(slots-1))
}

// index makes the groups be found.
func (g *groups) index() {
	if len(g.all) <= fewGroups {
		return
	}
	size := 1
	for 3*size < 4*len(g.all) {
		size *= 2
	}
	g.slots = make([]int32, size)
	for i := range g.all {
		at := slotOf(g.all[i].place, size)
		for g.slots[at] != 0 {
			at = (at + 1) & (size - 1)
		}
		g.slots[at] = int32(i + 1)
	}
}

// find returns the index of the group of a place, or -1.
func (g *groups) find(place model.Place) int {
	if (place == model.Place{}) {
		return -1
	}
	if g.slots == nil {
		for i := range g.all {
			if g.all[i].place == place {
				return i
			}
		}
		return -1
	}
	for at := slotOf(place, len(g.slots)); g.slots[at] != 0; at = (at + 1) & (len(g.slots) - 1) {
		if i := g.slots[at] - 1; g.all[i].place == place {
			return int(i)
		}
	}
	return -1
}

// Equal reports whether two Nears give each client the same, where same compares
// endpoints.
func (n *Near) Equal(o *Near, same func(a, b roster.At) bool) bool {
	if n == nil || o == nil {
		return n == o
	}
	if n.partial != o.partial || n.good != o.good || len(n.places) != len(o.places) {
		return false
	}
	for _, each := range n.places {
		if o.in(each.Zone) != each.N {
			return false
		}
	}
	return n.stray == o.stray && n.equalGroups(&n.zones.groups, o, &o.zones.groups, same) && n.equalGroups(&n.nodes, o, &o.nodes, same) &&
		n.equalHomes(o)
}

// equalHomes compares what there is to know of each zone, besides who is in it. It is for Nears that have equal groups of zones.
func (n *Near) equalHomes(o *Near) bool {
	if (n.zones.shares == nil) != (o.zones.shares == nil) {
		return false
	}
	for i, g := range n.zones.all {
		at := o.zones.find(g.place)
		if n.zones.home[i] != o.zones.home[at] || n.zones.shares != nil && n.zones.shares[i] != o.zones.shares[at] {
			return false
		}
	}
	return true
}

func (n *Near) equalGroups(ours *groups, o *Near, theirs *groups, same func(a, b roster.At) bool) bool {
	if len(ours.all) != len(theirs.all) {
		return false
	}
	for _, a := range ours.all {
		at := theirs.find(a.place)
		if at < 0 || theirs.all[at].n != a.n {
			return false
		}
		if a.n == degraded || a.n == n.good {
			continue
		}
		b := o.members(theirs.all[at])
		for i, member := range n.members(a) {
			if !same(member, b[i]) {
				return false
			}
		}
	}
	return true
}
