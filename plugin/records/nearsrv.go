package records

import (
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
)

// srvFar is what the priority of a target outside the client's zone has more than that
// of one in it: it stays in the answer, behind those of its tier and before the next
// tier (RFC 2782).
const srvFar = srvPerTier / 2

// nearSRV are the good endpoints of the client's zone, by family. Of a family without
// a list, all are.
type nearSRV [roster.Families][]roster.At

// narrowSRV returns nil where the client's place makes no difference to SRV records.
func (s *Set) narrowSRV(c *Client) *nearSRV {
	n := s.near
	if n == nil || n.policy.Mode != topology.On || n.always != topology.NotAsked || c.Zone == (model.Place{}) {
		return nil
	}
	if !n.policy.Peers && isIn(s.roster, c.Address) {
		return nil
	}
	var near nearSRV
	for family, of := range n.of {
		if of != nil && !n.unhealthy[family] {
			near[family] = of.InZone(c.Zone)
		}
	}
	if near[roster.IPv4] == nil && near[roster.IPv6] == nil {
		return nil
	}
	return &near
}

// has reports whether an endpoint is near the client.
func (n *nearSRV) has(r *roster.Roster, at roster.At) bool {
	list := n[r.Family(at)]
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
		list := n[family]
		if list == nil {
			near += int64(who.Len())
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

// drawNearFirst draws k of the targets of a choice into d.drawn, in random order: those
// near the client, and others only as far as k is more.
func (d *drawer) drawNearFirst(r *roster.Roster, m *match, of choice, k int64, share Share) {
	d.near = d.near[:0]
	var total int64
	for i := range m.ports {
		p, n := &m.ports[i], int64(0)
		if p.tier == health.Good {
			n = m.near.of(r, p)
		}
		d.near = append(d.near, n)
		total += n
	}
	d.drawn = slices.Grow(d.drawn[:0], int(k))
	some := min(k, total)
	d.drawSome(r, m, of, share, drawing{k: some, of: total, near: true})
	d.drawSome(r, m, of, share, drawing{k: k - some, of: of.n - total})
	shuffle(d.rand, d.drawn)
}

// drawing is k of those near the client, or of the others.
type drawing struct {
	k, of int64
	near  bool
}

func (d *drawer) drawSome(r *roster.Roster, m *match, of choice, share Share, w drawing) {
	if w.k == 0 {
		return
	}
	shift, before := share.first(w.of), int64(0)
	for i := range m.ports {
		p := &m.ports[i]
		if p.tier > of.worst {
			continue
		}
		n := d.near[i]
		if !w.near {
			n = int64(p.who.Len()) - n
		}
		some := ((before+n)*w.k+shift)/w.of - (before*w.k+shift)/w.of
		before += n
		d.drawPort(r, m, p, share, drawing{k: some, near: w.near})
	}
}

// drawPort draws from one port. It looks at each target from the client's share on, until
// it has enough.
func (d *drawer) drawPort(r *roster.Roster, m *match, p *portSet, share Share, w drawing) {
	n := int64(p.who.Len())
	next := share.first(n)
	for w.k > 0 {
		at := p.who.At(int32(next))
		if next++; next == n {
			next = 0
		}
		good := p.tier == health.Good
		if w.near != (good && m.near.has(r, at)) {
			continue
		}
		w.k--
		one := drawn{target: r.Target(at), number: p.port.Number, priority: srvPerTier * uint16(p.tier)}
		if good && !w.near {
			one.priority += srvFar
		}
		d.drawn = append(d.drawn, one)
	}
}
