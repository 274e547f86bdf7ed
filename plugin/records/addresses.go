package records

import (
	"net"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
)

// addresses draws A or AAAA records.
func (s *Set) addresses(a *Answer, q *Question, m *match, room int) {
	n, size := m.from.len(), sizeAAAA
	k := n
	if m.most > 0 {
		k = min(k, m.most)
	}
	if s.roster.Is4(m.from.at(0)) {
		size = sizeA
	}
	fit := max(room/size, 0)
	a.Outcome, a.Truncated = Found, fit < k
	k = min(k, fit)
	if q.Wire != nil {
		q.Wire.Grow(k * size)
	}
	if n == 1 && k == 1 {
		if q.Wire != nil {
			q.Wire.Address(q.TTL, s.roster.Bytes(m.from.at(0)))
			return
		}
		a.Records = singleRecord(q.Owner, q.TTL, s.roster.Bytes(m.from.at(0)))
		return
	}
	d := drawers.Get().(*drawer)
	order := d.draw(q.Share.of(s.salt), n, k)
	switch {
	case q.Wire != nil:
		s.writeAddresses(q, &m.from, order)
	case size == sizeA:
		a.Records = s.recordsA(q, &m.from, order)
	default:
		a.Records = s.recordsAAAA(q, &m.from, order)
	}
	d.release()
}

func (s *Set) writeAddresses(q *Question, from *pool, order []int32) {
	if s.roster.Is4(from.at(0)) {
		from.place(order)
		q.Wire.Addresses4(q.TTL, s.roster.Packed(roster.IPv4), order)
		return
	}
	for _, i := range order {
		q.Wire.Address(q.TTL, s.roster.Bytes(from.at(i)))
	}
}

// recordsA makes all records in two allocations. Their headers are their own,
// since other plugins write into those; the addresses are the Set's, since none
// writes into those. There is room for one more in the slice: the server appends
// to the last section of a message.
func (s *Set) recordsA(q *Question, from *pool, order []int32) []dns.RR {
	block, rrs := make([]dns.A, len(order)), make([]dns.RR, len(order), len(order)+1)
	v4 := s.roster.Packed(roster.IPv4)
	for j, i := range order {
		at := from.at(i) * net.IPv4len
		setA(&block[j], q.Owner, q.TTL, v4[at:at+net.IPv4len:at+net.IPv4len])
		rrs[j] = &block[j]
	}
	return rrs
}

func (s *Set) recordsAAAA(q *Question, from *pool, order []int32) []dns.RR {
	block, rrs := make([]dns.AAAA, len(order)), make([]dns.RR, len(order), len(order)+1)
	v6, n4 := s.roster.Packed(roster.IPv6), roster.At(s.roster.Split())
	for j, i := range order {
		at := (from.at(i) - n4) * net.IPv6len
		setAAAA(&block[j], q.Owner, q.TTL, v6[at:at+net.IPv6len:at+net.IPv6len])
		rrs[j] = &block[j]
	}
	return rrs
}

// singleRecord makes an address record in one allocation with the slice that
// holds it: most Services and nearly all endpoint names have one address.
func singleRecord(owner string, ttl uint32, addr []byte) []dns.RR {
	if len(addr) == net.IPv4len {
		single := new(struct {
			a   dns.A
			rrs [1]dns.RR
		})
		setA(&single.a, owner, ttl, addr)
		single.rrs[0] = &single.a
		return single.rrs[:]
	}
	single := new(struct {
		aaaa dns.AAAA
		rrs  [1]dns.RR
	})
	setAAAA(&single.aaaa, owner, ttl, addr)
	single.rrs[0] = &single.aaaa
	return single.rrs[:]
}

// setA writes field by field, which takes half of the time of making a record
// and copying it.
func setA(rr *dns.A, owner string, ttl uint32, addr []byte) {
	rr.Hdr.Name, rr.Hdr.Rrtype, rr.Hdr.Class, rr.Hdr.Ttl = owner, dns.TypeA, dns.ClassINET, ttl
	rr.A = addr
}

func setAAAA(rr *dns.AAAA, owner string, ttl uint32, addr []byte) {
	rr.Hdr.Name, rr.Hdr.Rrtype, rr.Hdr.Class, rr.Hdr.Ttl = owner, dns.TypeAAAA, dns.ClassINET, ttl
	rr.AAAA = addr
}

// block makes address records of both families in few allocations, as recordsA
// does.
type block struct {
	rrs []dns.RR
	v4  []dns.A
	v6  []dns.AAAA
}

func (b *block) grow(n4, n6 int) {
	b.rrs = make([]dns.RR, 0, n4+n6+1)
	b.v4 = make([]dns.A, n4)
	b.v6 = make([]dns.AAAA, n6)
}

// append needs the room that grow made: the records must not move.
func (b *block) append(owner string, ttl uint32, addr []byte) {
	if len(addr) == net.IPv4len {
		rr := &b.v4[0]
		b.v4 = b.v4[1:]
		setA(rr, owner, ttl, addr)
		b.rrs = append(b.rrs, rr)
		return
	}
	rr := &b.v6[0]
	b.v6 = b.v6[1:]
	setAAAA(rr, owner, ttl, addr)
	b.rrs = append(b.rrs, rr)
}

// Header returns the header of a record, with its TTL in seconds.
func Header(owner string, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

// AnswerANY returns the one record that ANY gets at a name that has records, so that
// nobody asks for more (RFC 8482, section 4.2).
func AnswerANY(owner string, ttl uint32) []dns.RR {
	return []dns.RR{&dns.HINFO{Hdr: Header(owner, dns.TypeHINFO, ttl), Cpu: "RFC8482"}}
}
