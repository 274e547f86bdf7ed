package place

import (
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// nodes are the Nodes that are known. They claim what is wanted of them.
type nodes struct {
	wanted             Wanted
	addresses, podCIDR *claims
	notes              *notes
	byName             map[model.Place]*node
	// prefixes counts what they claim, and cpu what is allocatable in each zone, in
	// thousandths.
	prefixes [Sources]int
	cpu      map[model.Place]int64
}

// node is a Node with the clients that it claims prefixes for, in the order of claimsOf.
type node struct {
	object  *model.Node
	clients []Client
}

// claim is a prefix of a Node.
type claim struct {
	source Source
	prefix netip.Prefix
}

// change is what became of one Node.
type change struct {
	node model.Place
	// zoned is true where it has another zone than before, and moved where it has other
	// podCIDRs.
	zoned, moved bool
}

// zoneOf returns the zone of a Node, the zero Place where it is not known.
func (ns *nodes) zoneOf(name model.Place) model.Place {
	if n := ns.byName[name]; n != nil {
		return n.object.Zone
	}
	return model.Place{}
}

// apply takes the new state of a Node. A state that says nothing new of places, as nearly
// all of them, writes nothing.
func (ns *nodes) apply(object *model.Node) change {
	c := change{node: object.Name}
	before := ns.byName[c.node]
	if before == nil {
		before = new(node)
	}
	ns.provide(before.object, -1)
	ns.provide(object, +1)
	if before.object != nil && before.claimsLike(object) {
		before.object = object
		return c
	}
	after := ns.newNode(object)
	ns.withdraw(before)
	ns.byName[c.node] = after
	for i, claim := range ns.claimsOf(object) {
		ns.of(claim.source).add(claim.prefix, &after.clients[i])
		ns.prefixes[claim.source]++
	}
	c.zoned = object.Zone != (model.Place{}) && (before.object == nil || before.object.Zone != object.Zone)
	c.moved = before.object == nil || !slices.Equal(before.object.PodCIDRs, object.PodCIDRs) || before.object.Created != object.Created
	return c
}

// remove takes note that a Node is gone.
func (ns *nodes) remove(name model.Place) change {
	c := change{node: name}
	if n := ns.byName[c.node]; n != nil {
		ns.provide(n.object, -1)
		ns.withdraw(n)
		delete(ns.byName, c.node)
		c.moved = true
	}
	return c
}

// provide adds the CPU of a Node to its zone, n times. Nil has none.
func (ns *nodes) provide(object *model.Node, n int64) {
	if object == nil || object.CPU == 0 || object.Zone == (model.Place{}) {
		return
	}
	if ns.cpu == nil {
		ns.cpu = make(map[model.Place]int64)
	}
	if ns.cpu[object.Zone] += n * object.CPU; ns.cpu[object.Zone] == 0 {
		delete(ns.cpu, object.Zone)
	}
}

// claimsLike reports whether a Node claims what it did, for the same place.
func (n *node) claimsLike(object *model.Node) bool {
	return n.object.Zone == object.Zone && n.object.Created == object.Created &&
		slices.Equal(n.object.PodCIDRs, object.PodCIDRs) && slices.Equal(n.object.Addresses, object.Addresses)
}

func (ns *nodes) newNode(object *model.Node) *node {
	claims := ns.claimsOf(object)
	n := &node{object: object, clients: make([]Client, len(claims))}
	where := ns.notes.where(object.Zone, object.Name)
	where.created = secondsOf(object.Created)
	for i, claim := range claims {
		n.clients[i] = Client{where, claim.source, uint8(claim.prefix.Bits())}
	}
	return n
}

// secondsOf returns a time in seconds since 1970, the nearest one of those until 2106.
func secondsOf(m model.Moment) uint32 {
	return uint32(min(max(int64(m)/int64(time.Second), 0), math.MaxUint32))
}

// withdraw ends what a Node claims.
func (ns *nodes) withdraw(n *node) {
	if n.object == nil {
		return
	}
	for i, claim := range ns.claimsOf(n.object) {
		ns.of(claim.source).remove(claim.prefix, &n.clients[i])
		ns.prefixes[claim.source]--
	}
}

// of returns the claims of a source.
func (ns *nodes) of(s Source) *claims {
	if s == ByPodCIDR {
		return ns.podCIDR
	}
	return ns.addresses
}

// claimsOf returns what a Node claims, always in the same order.
func (ns *nodes) claimsOf(object *model.Node) []claim {
	all := make([]claim, 0, len(object.PodCIDRs)+len(object.Addresses))
	if ns.wanted.Pods {
		for _, prefix := range object.PodCIDRs {
			all = append(all, claim{ByPodCIDR, canonical(prefix)})
		}
	}
	if ns.wanted.Addresses {
		for _, addr := range object.Addresses {
			all = append(all, claim{ByAddress, netip.PrefixFrom(addr, addr.BitLen())})
		}
	}
	return all
}
