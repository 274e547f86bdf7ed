package records

import (
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/wire"

	"github.com/miekg/dns"
)

// One weight for all: clients spread evenly, and no record changes because
// others come and go. The priority is by tier, with room in between.
const (
	srvWeight       = 100
	srvPerTier      = 10
	srvBestPriority = srvPerTier * uint16(health.Good)
)

// pointable is how much of a message compression pointers can reach, in bytes
// (RFC 1035, section 4.1.4).
const pointable = 1 << 14

// isPointable reports whether the name of the target can be pointed to.
func (d *drawn) isPointable() bool { return d.at < pointable }

// srv draws SRV records for the ports, and the addresses of their targets as far as
// there is room. Where not all may be given, or fit, backups go first.
func (s *Set) srv(a *Answer, q *Question, m *match, room int) {
	d := drawers.Get().(*drawer)
	defer d.release()
	a.Truncated = s.drawPart(d, q, m, room)
	all, used := s.place(q, d.drawn)
	if len(d.drawn) > 0 && len(all) == 0 {
		// No target can be named.
		a.Truncated = false
		return
	}
	a.Outcome = Found
	if q.Wire != nil {
		s.writeSRV(q, all, used)
	} else {
		a.Records = s.recordsSRV(q, all)
	}
	if a.Truncated {
		// Who is to ask again has no use for a part more (RFC 2181, section 9).
		return
	}
	glued, n4, n6 := s.glue(d, q, all, room-used)
	if q.Wire != nil {
		s.writeGlue(q, glued)
	} else {
		a.Extra = s.recordsGlue(q, glued, n4, n6)
	}
}

// drawPart draws as many targets as may be in the answer and fit into the room, and
// reports whether more of them may be there.
func (s *Set) drawPart(d *drawer, q *Question, m *match, room int) (cut bool) {
	fixed, share := sizeSRV+sizeTarget(0, q), q.Share.of(s.salt)
	of, k := m.bounded()
	size := of.sizeOf(k, fixed)
	if size > int64(room) && k < of.n && k*int64(fixed) <= int64(room) {
		// The largest ones may not be among them.
		d.drawTargets(s.roster, m, of, k, share)
		size = s.sizeOf(d.drawn, fixed)
	}
	if cut = size > int64(room); cut {
		of = fitting(m.ports, func(c choice) bool { return m.allows(c) && c.sizeOf(c.n, fixed) <= int64(room) })
		k = min(k, of.n)
		if of.sizeOf(k, fixed) > int64(room) {
			// Each record takes as much as the largest one could, or else short
			// names would be drawn more often than long ones.
			k = min(k, int64(max(room/(fixed+of.longest), 0)))
		}
	}
	d.drawTargets(s.roster, m, of, k, share)
	return cut
}

// sizeOf is what records take, in bytes, where each takes fixed bytes and its label.
func (s *Set) sizeOf(all []drawn, fixed int) (size int64) {
	for _, each := range all {
		size += int64(fixed + s.roster.LabelLen(each.target))
	}
	return size
}

// allows reports whether all of a choice may be in an answer.
func (m *match) allows(c choice) bool { return m.most == 0 || c.n <= int64(m.most) }

// bounded returns what SRV records are drawn from, and how many.
func (m *match) bounded() (of choice, k int64) {
	of = fitting(m.ports, m.allows)
	if m.allows(of) {
		return of, of.n
	}
	return of, int64(m.most)
}

// choice is the targets of the runs up to a tier: how many they are, and the
// lengths of all their labels together and of the longest one.
type choice struct {
	worst    health.Tier
	n, total int64
	longest  int
}

// sizeOf is what k records take, in bytes, where each takes fixed bytes and its label.
// Of a part it is what the largest ones take.
func (c choice) sizeOf(k int64, fixed int) int64 {
	if k == c.n {
		return k*int64(fixed) + c.total
	}
	return k * int64(fixed+c.longest)
}

// fitting returns the choice of most tiers that fits, or else that of the best tier
// alone. It looks at each run once: there may be as many as ports.
func fitting(ports []portSet, fits func(choice) bool) (of choice) {
	var tiers [health.Tiers]choice
	for i := range ports {
		p := &ports[i]
		t := &tiers[p.tier]
		t.n += int64(p.who.Len())
		t.total += p.total
		t.longest = max(t.longest, int(p.longest))
	}
	for tier, t := range tiers {
		if t.n == 0 {
			continue
		}
		more := choice{health.Tier(tier), of.n + t.n, of.total + t.total, max(of.longest, t.longest)}
		ok := fits(more)
		if !ok && of.n > 0 {
			break
		}
		of = more
		if !ok {
			break
		}
	}
	return of
}

// drawTargets draws k of the targets of a choice into d.drawn, in random order. Each
// port gives as many as it has a part in the choice.
func (d *drawer) drawTargets(r *roster.Roster, m *match, of choice, k int64, share Share) {
	if m.near != nil {
		d.drawNearFirst(r, m, of, k, share)
		return
	}
	d.drawn = slices.Grow(d.drawn[:0], int(k))
	// Of a port that has less than a record, some clients get one.
	shift, before := share.first(of.n), int64(0)
	for i := range m.ports {
		p := &m.ports[i]
		if p.tier > of.worst {
			continue
		}
		n := int64(p.who.Len())
		some := ((before+n)*k+shift)/of.n - (before*k+shift)/of.n
		before += n
		next := share.first(n)
		for range some {
			target := r.Target(p.who.At(int32(next)))
			d.drawn = append(d.drawn, drawn{target: target, number: p.port.Number, priority: srvPerTier * uint16(p.tier)})
			if next++; next == n {
				next = 0
			}
		}
	}
	shuffle(d.rand, d.drawn)
}

// sizeTarget is the size in bytes of the name of a target, which is never
// compressed (RFC 2782): its label with the length byte, the Service's part,
// and the root.
func sizeTarget(label int, q *Question) int { return 1 + label + len(q.service()) + 1 }

// place finds where in the message each record and the name of its target stand, and
// returns the records and their size, in bytes. One whose target would be longer than a
// name can be is left out.
func (s *Set) place(q *Question, all []drawn) (placed []drawn, used int) {
	placed = all[:0]
	for _, each := range all {
		label := s.roster.LabelLen(each.target)
		if label+1+len(q.service()) > name.Max {
			continue
		}
		each.at = int32(q.Offset + used + sizeSRV)
		used += sizeSRV + sizeTarget(label, q)
		placed = append(placed, each)
	}
	return placed, used
}

// recordsSRV gives each record its target's name. All names lie in one string.
func (s *Set) recordsSRV(q *Question, all []drawn) []dns.RR {
	var names strings.Builder
	names.Grow(len(all) * (len("255-255-255-255.") + len(q.service())))
	block := make([]dns.SRV, len(all))
	rrs := make([]dns.RR, len(all))
	var text [roster.MaxLabel]byte
	for j := range all {
		d := &all[j]
		start := names.Len()
		names.Write(s.roster.AppendLabel(text[:0], d.target))
		names.WriteByte('.')
		names.WriteString(q.service())
		d.name = names.String()[start:]
		block[j] = dns.SRV{
			Hdr:      Header(q.Owner, dns.TypeSRV, q.TTL),
			Priority: d.priority,
			Weight:   srvWeight,
			Port:     d.number,
			Target:   d.name,
		}
		rrs[j] = &block[j]
	}
	return rrs
}

func (s *Set) writeSRV(q *Question, all []drawn, size int) {
	q.Wire.Grow(size)
	var text [roster.MaxLabel]byte
	for j := range all {
		d := &all[j]
		q.Wire.SRV(&wire.Service{
			TTL:      q.TTL,
			Priority: d.priority,
			Weight:   srvWeight,
			Port:     d.number,
			Target:   s.roster.AppendLabel(text[:0], d.target),
			At:       q.Name.At,
		})
	}
}

// glue returns the targets whose addresses there is room for, those of each target once
// and whole, and how many addresses they are, by family. It reorders all.
func (s *Set) glue(d *drawer, q *Question, all []drawn, room int) (glued []drawn, n4, n6 int) {
	all = s.distinct(d, all)
	fit := 0
	for _, each := range all {
		v4, v6 := s.meaning(each.target)
		owner := sizePointer
		if !each.isPointable() {
			owner += s.roster.LabelLen(each.target) + 1
		}
		room -= v4.len()*(owner+sizeA-sizePointer) + v6.len()*(owner+sizeAAAA-sizePointer)
		if room < 0 {
			break
		}
		fit, n4, n6 = fit+1, n4+v4.len(), n6+v6.len()
	}
	return all[:fit], n4, n6
}

func (s *Set) recordsGlue(q *Question, glued []drawn, n4, n6 int) []dns.RR {
	var block block
	block.grow(n4, n6)
	for _, each := range glued {
		v4, v6 := s.meaning(each.target)
		for _, of := range [...]pool{v4, v6} {
			for i := range int32(of.len()) {
				block.append(each.name, q.TTL, s.roster.Bytes(of.at(i)))
			}
		}
	}
	return block.rrs
}

func (s *Set) writeGlue(q *Question, glued []drawn) {
	q.Wire.Additional()
	var text [roster.MaxLabel]byte
	for _, each := range glued {
		v4, v6 := s.meaning(each.target)
		for _, of := range [...]pool{v4, v6} {
			for i := range int32(of.len()) {
				addr := s.roster.Bytes(of.at(i))
				if each.isPointable() {
					q.Wire.AddressOf(int(each.at), q.TTL, addr)
					continue
				}
				q.Wire.AddressBelow(s.roster.AppendLabel(text[:0], each.target), q.Name.At, q.TTL, addr)
			}
		}
	}
}

// distinct moves the first record of each target to the front, and returns
// those. An endpoint with several ports is the target of several records.
func (s *Set) distinct(d *drawer, all []drawn) []drawn {
	d.seen.grow(s.roster.Ordinals())
	d.order = d.order[:0]
	n := 0
	for _, each := range all {
		id := s.roster.Ordinal(each.target)
		if d.seen.add(id) {
			d.order = append(d.order, id)
			all[n] = each
			n++
		}
	}
	d.seen.remove(d.order)
	return all[:n]
}
