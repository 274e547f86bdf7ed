package records

import (
	"net"
	"net/netip"
	"slices"
	"sort"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"

	"github.com/miekg/dns"
)

// Outcome is what a question about a Set meets.
type Outcome uint8

const (
	// NoName means that neither the name nor one below it exists.
	NoName Outcome = iota
	// NoData means that the name, or one below it, exists, and has no records
	// of the type (RFC 2308, section 2.2, and RFC 8020).
	NoData
	// Found means that there are records.
	Found
	// Elsewhere means that the name is an alias of the Service's Target, of
	// whatever type the question is.
	Elsewhere
)

// Answer is what a question about a Set gets.
type Answer struct {
	Outcome Outcome
	Records []dns.RR
	// Extra holds the addresses of the targets of SRV records, as far as they
	// fit: all addresses of a target or none.
	Extra []dns.RR
	// Note says why there is less than a client could expect, where the question
	// wants to know.
	Note string
	// Truncated tells that Records is a random part of what there is, because
	// the rest does not fit (RFC 2181, section 9).
	Truncated bool
}

// Question is a question and what its answer must fit.
type Question struct {
	// Owner is the name as it was asked, and Name its parts.
	Owner string
	Name  name.Name
	Type  uint16
	// TTL of the records, in seconds.
	TTL uint32
	// Offset is where in the message the records begin, and Room how much of it
	// is left for them, in bytes, with names compressed.
	Offset, Room int
	// MaxAnswers bounds the addresses of the Service name; 0 is no bound.
	MaxAnswers int
	// Explain asks for a Note, for which there must be room.
	Explain bool
}

// service returns the part of the owner from the Service's name on.
func (q *Question) service() string { return q.Owner[q.Name.At:] }

// Answer answers for a name at or below the name of the Service.
//
// What is found out about the question is found out first, and returned: the
// stack of a question is small, and drawing records must not begin deep in it.
func (s *Set) Answer(q *Question) (a Answer) {
	room := q.Room
	if q.Explain {
		// What is reduced is known before it is drawn.
		if a.Note = s.note(q, Found); a.Note != "" {
			room -= NoteSize(a.Note)
		}
	}
	var m match
	switch {
	case s.Service.Kind == model.ExternalName:
		s.external(&a, q)
	case s.explains(q):
		s.explanation(&a, q, room)
	default:
		s.match(&m, q)
		a.Outcome = m.outcome
	}
	switch {
	case m.from.n > 0:
		s.addresses(&a, q, &m, room)
	case len(m.runs) > 0:
		s.srv(&a, q, m.runs, room)
	}
	if q.Explain && a.Outcome != Found {
		a.Note = s.note(q, a.Outcome)
	}
	return a
}

// NoteSize is the size of a note as an Extended DNS Error, in bytes (RFC 8914,
// section 2).
func NoteSize(note string) int { return 6 + len(note) }

// Sizes of records in bytes (RFC 1035, section 4.1.3, RFC 3596 and RFC 2782),
// with a compression pointer for the owner.
const (
	sizePointer = 2
	sizeFixed   = 10 // type, class, TTL, length
	sizeA       = sizePointer + sizeFixed + 4
	sizeAAAA    = sizePointer + sizeFixed + 16
	sizeSRV     = sizePointer + sizeFixed + 6 // and the target, not compressed
)

// match is what a question leads to: addresses or ports to draw records of, or
// an outcome without any.
type match struct {
	outcome Outcome
	from    span
	// most bounds how many addresses are drawn; 0 is no bound.
	most int
	runs []run
}

// match finds what a question leads to.
func (s *Set) match(m *match, q *Question) {
	switch q.Name.Kind {
	case name.Service:
		s.matchService(m, q)
	case name.Endpoint:
		s.matchEndpoint(m, q)
	case name.Protocol:
		if s.hasProtocol(q.Name.Protocol) {
			m.outcome = NoData
		}
	case name.Port:
		s.matchPort(m, q)
	}
}

// matchService is for the name of the Service. It does not exist where nothing
// is published (Kubernetes DNS specification 1.1.0, section 2.4.1), unless an
// endpoint below it has a name: NXDOMAIN would deny that too (RFC 8020).
func (s *Set) matchService(m *match, q *Question) {
	if s.Len() == 0 {
		return
	}
	m.outcome, m.most = NoData, q.MaxAnswers
	switch q.Type {
	case dns.TypeA:
		m.from = s.name[family4]
	case dns.TypeAAAA:
		m.from = s.name[family6]
	case dns.TypeSRV:
		m.runs = s.numbers
	}
}

// matchEndpoint is for an endpoint name in front of the name of the Service.
func (s *Set) matchEndpoint(m *match, q *Question) {
	v4, v6 := s.endpointAddresses(q.Name.Endpoint)
	if v4.n+v6.n == 0 {
		return
	}
	m.outcome = NoData
	switch q.Type {
	case dns.TypeA:
		m.from = v4
	case dns.TypeAAAA:
		m.from = v6
	}
}

// matchPort is for _port._protocol in front of the name of the Service.
func (s *Set) matchPort(m *match, q *Question) {
	runs := s.runsOf(q.Name.Port, q.Name.Protocol)
	if len(runs) == 0 {
		return
	}
	m.outcome = NoData
	if q.Type == dns.TypeSRV {
		m.runs = runs
	}
}

// endpointAddresses returns the addresses that an endpoint name resolves to.
func (s *Set) endpointAddresses(text string) (v4, v6 span) {
	if s.labels == nil {
		return span{}, span{}
	}
	if at, ok := s.labels.find(text); ok {
		return s.targetAddresses(at)
	}
	if addr, ok := name.ParseDashed(text); ok {
		if i, ok := s.find(addr); ok {
			return s.targetAddresses(^i)
		}
	}
	return span{}, span{}
}

// targetAddresses returns the addresses of a target.
func (s *Set) targetAddresses(target int32) (v4, v6 span) {
	at := ^target
	if target >= 0 {
		at = s.labels.all[target].at
	}
	if at < 0 {
		return s.cut(s.several[^at])
	}
	if target >= 0 && s.places != nil {
		if at = s.places[at]; at == nowhere {
			return span{}, span{}
		}
	}
	one := span{first: at, n: 1}
	if s.is4(at) {
		return one, span{}
	}
	return span{}, one
}

// cut parts sorted indexes by family.
func (s *Set) cut(indexes []int32) (v4, v6 span) {
	split := int32(sort.Search(len(indexes), func(i int) bool { return !s.is4(indexes[i]) }))
	return span{n: split, indexes: indexes}, span{first: split, n: int32(len(indexes)) - split, indexes: indexes}
}

// Reverse returns the endpoint name that a PTR record gives for an address.
func (s *Set) Reverse(addr netip.Addr) (endpoint string, ok bool) {
	i, ok := s.find(addr)
	if !ok {
		return "", false
	}
	if target := s.targets[i]; target != dashed {
		return s.labels.all[target].text, true
	}
	return dashedLabel(addr), true
}

func dashedLabel(addr netip.Addr) string { return string(name.AppendDashed(nil, addr)) }

// span is a range of addresses of one family: of the Set's, or of some of them.
type span struct {
	first, n int32
	indexes  []int32
}

func (p span) equal(o span) bool {
	return p.first == o.first && p.n == o.n && slices.Equal(p.indexes, o.indexes)
}

func (p span) at(i int32) int32 {
	if p.indexes != nil {
		return p.indexes[p.first+i]
	}
	return p.first + i
}

// addresses draws A or AAAA records.
func (s *Set) addresses(a *Answer, q *Question, m *match, room int) {
	n, k, size := int(m.from.n), int(m.from.n), sizeAAAA
	if m.most > 0 {
		k = min(k, m.most)
	}
	if s.is4(m.from.at(0)) {
		size = sizeA
	}
	fit := max(room/size, 0)
	a.Outcome, a.Truncated = Found, fit < k
	k = min(k, fit)
	if n == 1 && k == 1 {
		a.Records = singleRecord(q.Owner, q.TTL, s.bytes(m.from.at(0)))
		return
	}
	d := drawers.Get().(*drawer)
	order := d.draw(n, k)
	if size == sizeA {
		a.Records = s.recordsA(q, m.from, order)
	} else {
		a.Records = s.recordsAAAA(q, m.from, order)
	}
	d.release()
}

// recordsA makes all records in two allocations. Their headers are their own,
// since other plugins write into those; the addresses are the Set's, since none
// writes into those. There is room for one more in the slice: the server appends
// to the last section of a message.
func (s *Set) recordsA(q *Question, from span, order []int32) []dns.RR {
	block, rrs := make([]dns.A, len(order)), make([]dns.RR, len(order), len(order)+1)
	for j, i := range order {
		at := from.at(i) * net.IPv4len
		setA(&block[j], q.Owner, q.TTL, s.v4[at:at+net.IPv4len:at+net.IPv4len])
		rrs[j] = &block[j]
	}
	return rrs
}

func (s *Set) recordsAAAA(q *Question, from span, order []int32) []dns.RR {
	block, rrs := make([]dns.AAAA, len(order)), make([]dns.RR, len(order), len(order)+1)
	n4 := int32(len(s.v4) / net.IPv4len)
	for j, i := range order {
		at := (from.at(i) - n4) * net.IPv6len
		setAAAA(&block[j], q.Owner, q.TTL, s.v6[at:at+net.IPv6len:at+net.IPv6len])
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

func header(owner string, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}
