package records

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
)

// near is how a Set narrows what its Service name has, by where the client is.
type near struct {
	policy topology.Policy
	// always is what each question meets, whoever asks.
	always topology.Result
	// of is nil for a family without a wish.
	of [roster.Families]*topology.Near
	// unhealthy are the families that have others than good endpoints in the name.
	unhealthy [roster.Families]bool
}

// A Client is who asks. Where it is counts only where Set.Wants says so.
type Client struct {
	Address netip.Addr
	// Zone and Node are zero where nobody knows. A client of which both are is anywhere.
	Zone, Node model.Place
	// InZone and OnNode are what an answer says that has only those near the client.
	InZone, OnNode string
	// Where says where the client is, for people.
	Where string

	// Near is what it got of the addresses of a Service name.
	Near topology.Narrowing
	// srv are those near it, for SRV records.
	srv nearSRV
}

// TakesZones reports whether the Set depends on the zones that nodes have.
func (s *Set) TakesZones() bool { return s.takesZones }

// compileNear groups the endpoints of the Service name, where the Service wants that.
func (s *Set) compileNear(d *topology.Decider, o *Options, c *roster.Current, st *health.Standings) {
	p := &o.Topology
	if p.Mode == topology.Off {
		return
	}
	wanted := topology.Wanted{Policy: *p, Wish: s.Service.Distribution, Demand: o.Demand}
	n := near{policy: *p}
	wants := false
	for family := range roster.Families {
		n.unhealthy[family] = !onlyGood(st, family) && (s.Service.Distribution != model.NoDistribution || p.Level != topology.ByWish)
		if !n.unhealthy[family] {
			n.of[family] = d.Decide(&wanted, c, st, family)
		}
		wants = wants || n.unhealthy[family] || n.of[family] != nil
	}
	if !wants {
		return
	}
	if s.Service.PublishNotReady && !p.Own {
		n = near{policy: *p, always: topology.ToPeers}
	}
	s.near = &n
}

// onlyGood reports whether the Service name has good endpoints of a family, and no
// others, or has none at all.
func onlyGood(st *health.Standings, family int) bool {
	for tier := health.Good + 1; int(tier) < health.Tiers; tier++ {
		if st.Counts[family][tier] > 0 && st.Published(family, tier) {
			return false
		}
	}
	return true
}

// narrow says which endpoints of the Service name the client gets.
func (n *near) narrow(all *roster.Roster, family int, c *Client) (r topology.Narrowing) {
	switch {
	case n.always != topology.NotAsked:
		r.Result = n.always
	case n.unhealthy[family]:
		r.Result = topology.Unhealthy
	case n.of[family] == nil:
	case c.Zone == model.Place{} && c.Node == model.Place{}:
		r.Result = topology.UnknownClient
	default:
		r = n.nearest(all, family, c)
	}
	r.Mode = n.policy.Mode
	return r
}

// nearest is for a client of which it is known where it is.
func (n *near) nearest(all *roster.Roster, family int, c *Client) topology.Narrowing {
	r := n.of[family].For(c.Zone, c.Node)
	if !n.policy.Peers && isIn(all, c.Address) {
		r.Result, r.Group, r.FarOfGroup = topology.Peer, nil, r.FarOfAll
	}
	if n.policy.Mode == topology.Observe {
		r.Group = nil
	}
	return r
}

// isIn reports whether an address is that of an endpoint, published or not.
func isIn(all *roster.Roster, addr netip.Addr) bool {
	_, ok := all.Find(addr)
	return ok
}

// equal reports whether two Sets narrow alike.
func (n *near) equal(o *near, same func(a, b roster.At) bool) bool {
	if n == nil || o == nil {
		return n == o
	}
	return n.policy == o.policy && n.always == o.always && n.unhealthy == o.unhealthy &&
		n.of[roster.IPv4].Equal(o.of[roster.IPv4], same) && n.of[roster.IPv6].Equal(o.of[roster.IPv6], same)
}

// state is what the Service does about topology.
func (n *near) state() topology.Result {
	switch {
	case n == nil:
		return topology.NotAsked
	case n.always != topology.NotAsked:
		return n.always
	}
	for _, of := range n.of {
		if of != nil {
			return of.State()
		}
	}
	return topology.Unhealthy
}

// Places yields the zones that the endpoints of the Service name are in, with how many
// are in each, as far as topology looks at them. A zone may come twice.
func (s *Set) Places() iter.Seq[topology.Count] {
	return func(yield func(topology.Count) bool) {
		if s.near == nil {
			return
		}
		for _, of := range s.near.of {
			if of == nil {
				continue
			}
			for _, each := range of.Places() {
				if !yield(each) {
					return
				}
			}
		}
	}
}

// explain says how the Service name narrows.
func (n *near) explain() (lines []string) {
	if n == nil {
		return nil
	}
	if n.always == topology.ToPeers {
		return []string{"topology: not narrowed, because its endpoints are for each other: publishNotReadyAddresses is set, and no annotation asks for it"}
	}
	for family, of := range n.of {
		record := [...]string{"A", "AAAA"}[family]
		switch {
		case n.unhealthy[family]:
			lines = append(lines, fmt.Sprintf("topology: %s not narrowed, because not only good endpoints are published", record))
		case of != nil:
			lines = append(lines, fmt.Sprintf("topology: %s %s", record, of))
		}
	}
	return lines
}

// nearSRV are the good endpoints of the client's zone, by family. Of a family without
// a list, all are.
type nearSRV struct {
	in [roster.Families][]roster.At
	// good is how many good endpoints a family with a list has.
	good [roster.Families]int
}

// srv is empty where the client's place makes no difference to SRV records.
func (n *near) srv(all *roster.Roster, c *Client) (near nearSRV) {
	if n.policy.Mode != topology.On || n.always != topology.NotAsked || c.Zone == (model.Place{}) {
		return near
	}
	if !n.policy.Peers && isIn(all, c.Address) {
		return near
	}
	for family, of := range n.of {
		if of != nil && !n.unhealthy[family] {
			near.in[family], near.good[family] = of.InZone(c.Zone), of.Good()
		}
	}
	return near
}

// isEmpty reports whether all are near, or nobody knows.
func (n *nearSRV) isEmpty() bool { return n.in[roster.IPv4] == nil && n.in[roster.IPv6] == nil }

// listed returns those of a port that are near the client where they stand in one list:
// where all good endpoints offer the port, and are of one family. Else it returns nil.
func (n *nearSRV) listed(r *roster.Roster, p *portSet) []roster.At {
	if p.tier != health.Good {
		return nil
	}
	v4, v6 := p.who.Split(r.Split())
	for family, who := range [...]roster.Selection{v4, v6} {
		if who.Len() == p.who.Len() && who.Len() == n.good[family] {
			return n.in[family]
		}
	}
	return nil
}

// has reports whether an endpoint is near the client.
func (n *nearSRV) has(r *roster.Roster, at roster.At) bool {
	list := n.in[r.Family(at)]
	if list == nil {
		return true
	}
	_, found := slices.BinarySearch(list, at)
	return found
}

// of returns how many of the targets of a port are near the client.
func (n *nearSRV) of(r *roster.Roster, p *portSet) (near int64) {
	v4, v6 := p.who.Split(r.Split())
	for family, who := range [...]roster.Selection{v4, v6} {
		list := n.in[family]
		switch {
		case list == nil:
			near += int64(who.Len())
			continue
		case who.Len() == n.good[family]:
			// All of them offer it, as nearly always.
			near += int64(len(list))
			continue
		}
		for _, at := range list {
			if who.Has(at) {
				near++
			}
		}
	}
	return near
}
