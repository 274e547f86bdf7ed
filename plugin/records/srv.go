package records

import (
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

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

// srv draws SRV records for the ports, and the addresses of their targets as far as
// there is room. Where not all may be given, or fit, backups go first.
func (s *Set) srv(a *Answer, q *Question, m *match, room int) {
	d := drawers.Get().(*drawer)
	defer d.release()
	a.Truncated = s.drawPart(d, q, m, room)
	all, used := s.nameTargets(q, d.drawn)
	if len(d.drawn) > 0 && len(all) == 0 {
		// No target can be named.
		a.Truncated = false
		return
	}
	a.Outcome, a.Records = Found, srvRecords(q, all)
	if !a.Truncated {
		// Who is to ask again has no use for a part more (RFC 2181, section 9).
		a.Extra = s.glue(d, q, all, room-used)
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
		d.drawTargets(s.roster, m.ports, of, k, share)
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
	d.drawTargets(s.roster, m.ports, of, k, share)
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
func (d *drawer) drawTargets(r *roster.Roster, ports []portSet, of choice, k int64, share Share) {
	d.drawn = slices.Grow(d.drawn[:0], int(k))
	// Of a port that has less than a record, some clients get one.
	shift, before := share.first(of.n), int64(0)
	for i := range ports {
		p := &ports[i]
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

// nameTargets gives each record its target's name, and returns the records and
// their size, in bytes. All names lie in one string. A record whose target would
// be longer than a name can be is left out.
func (s *Set) nameTargets(q *Question, all []drawn) (named []drawn, used int) {
	var names strings.Builder
	names.Grow(len(all) * (len("255-255-255-255.") + len(q.service())))
	named = all[:0]
	var text [roster.MaxLabel]byte
	for _, each := range all {
		label := s.roster.AppendLabel(text[:0], each.target)
		start := names.Len()
		names.Write(label)
		names.WriteByte('.')
		names.WriteString(q.service())
		each.name = names.String()[start:]
		if len(each.name) > name.Max {
			continue
		}
		each.pointable = q.Offset+used+sizeSRV < pointable
		used += sizeSRV + sizeTarget(len(label), q)
		named = append(named, each)
	}
	return named, used
}

func srvRecords(q *Question, all []drawn) []dns.RR {
	block := make([]dns.SRV, len(all))
	rrs := make([]dns.RR, len(all))
	for j, d := range all {
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

// glue returns the addresses of the targets, those of each target once and
// whole, as far as there is room.
func (s *Set) glue(d *drawer, q *Question, all []drawn, room int) []dns.RR {
	all = s.distinct(d, all)
	fit, n4, n6 := 0, 0, 0
	for _, each := range all {
		v4, v6 := s.meaning(each.target)
		owner := sizePointer
		if !each.pointable {
			owner += len(each.name) - len(q.service())
		}
		room -= v4.len()*(owner+sizeA-sizePointer) + v6.len()*(owner+sizeAAAA-sizePointer)
		if room < 0 {
			break
		}
		fit, n4, n6 = fit+1, n4+v4.len(), n6+v6.len()
	}
	var block block
	block.grow(n4, n6)
	for _, each := range all[:fit] {
		v4, v6 := s.meaning(each.target)
		for _, of := range [...]pool{v4, v6} {
			for i := range int32(of.len()) {
				block.append(each.name, q.TTL, s.roster.Bytes(of.at(i)))
			}
		}
	}
	return block.rrs
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
