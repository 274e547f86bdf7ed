package records

import (
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// srvFar is what the priority of a target outside the client's zone has more than that
// of one in it: it stays in the answer, behind those of its tier and before the next
// tier (RFC 2782).
const srvFar = srvPerTier / 2

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
// it has enough, unless those near the client stand in a list.
func (d *drawer) drawPort(r *roster.Roster, m *match, p *portSet, share Share, w drawing) {
	if listed := m.near.listed(r, p); w.near && listed != nil {
		d.drawListed(r, p, listed, share, w.k)
		return
	}
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

// drawListed draws k of the targets of a port from a list.
func (d *drawer) drawListed(r *roster.Roster, p *portSet, listed []roster.At, share Share, k int64) {
	next := int(share.first(int64(len(listed))))
	for range k {
		d.drawn = append(d.drawn, drawn{target: r.Target(listed[next]), number: p.port.Number, priority: srvPerTier * uint16(p.tier)})
		if next++; next == len(listed) {
			next = 0
		}
	}
}
