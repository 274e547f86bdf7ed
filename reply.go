package endpoints

import (
	"math"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"

	"github.com/miekg/dns"
)

// reply is a message with room for its question, and for the OPT record that
// the server adds, so that all are one allocation.
type reply struct {
	dns.Msg
	question [1]dns.Question
	extra    [1]dns.RR
}

// newReply returns an authoritative reply to r without any records.
func newReply(r *dns.Msg) *dns.Msg { return new(reply).to(r) }

func (m *reply) to(r *dns.Msg) *dns.Msg {
	m.question[0] = r.Question[0]
	m.MsgHdr = dns.MsgHdr{
		Id:               r.Id,
		Response:         true,
		Opcode:           r.Opcode,
		Authoritative:    true,
		RecursionDesired: r.RecursionDesired,
		CheckingDisabled: r.CheckingDisabled,
	}
	m.Question, m.Extra = m.question[:], m.extra[:0]
	return &m.Msg
}

// denial is a negative answer.
type denial struct {
	rcode int
	// ttl is how long it may be kept, in seconds.
	ttl uint32
	// note says why.
	note string
}

// negative denies with the stanza's TTL.
func (h *handler) negative(q *query, rcode int, note string) *dns.Msg {
	return h.deny(q, denial{rcode: rcode, ttl: h.negativeTTL, note: note})
}

// negativeReply is a reply with its authority section, in one allocation.
type negativeReply struct {
	reply
	soa dns.SOA
	ns  [1]dns.RR
}

// deny says that there are no records, or no name (RFC 2308, sections 3 and 5).
func (h *handler) deny(q *query, d denial) *dns.Msg {
	n := &negativeReply{soa: authority(q, d.ttl, d.ttl)}
	n.ns[0] = &n.soa
	m := n.to(q.r)
	m.Rcode = d.rcode
	m.Ns = n.ns[:]
	explain(q, m, dns.ExtendedErrorCodeOther, d.note)
	return m
}

// notReady says that it is too early to know (RFC 8914, section 4.15).
func (h *handler) notReady(q *query) *dns.Msg {
	m := newReply(q.r)
	m.Rcode = dns.RcodeServerFailure
	m.Authoritative = false
	explain(q, m, dns.ExtendedErrorCodeNotReady, "the first list of Services and EndpointSlices is not complete")
	return m
}

// explanation is an OPT record with its one option, in one allocation.
type explanation struct {
	dns.OPT
	ede    dns.EDNS0_EDE
	option [1]dns.EDNS0
}

// explain adds an Extended DNS Error for a client that can read one (RFC 8914,
// section 2, and RFC 6891, section 7).
func explain(q *query, m *dns.Msg, code uint16, text string) {
	asked := q.r.IsEdns0()
	if asked == nil {
		return
	}
	text = q.shortened(text)
	if opt := m.IsEdns0(); opt != nil {
		opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: code, ExtraText: text})
		return
	}
	e := &explanation{ede: dns.EDNS0_EDE{InfoCode: code, ExtraText: text}}
	e.option[0] = &e.ede
	e.Hdr = dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}
	e.SetUDPSize(asked.UDPSize())
	e.Option = e.option[:]
	m.Extra = append(m.Extra, &e.OPT)
}

// sureNote is the length in bytes of a text that fits into any answer without
// records: what 512 bytes leave beside the longest question, an SOA record, an OPT
// record and staleNote.
const sureNote = 100

// sizeSOA is the size of the SOA record of a zone in bytes, with its names
// compressed.
const sizeSOA = 2 + 10 + 9 + 13 + 20

// shortened cuts off what a client has no room for: the server can leave out all
// but the OPT record. A name with escapes takes four times its length in a text.
func (q *query) shortened(text string) string {
	if len(text) <= sureNote {
		return text
	}
	most := capacity(q) - headerSize - (len(q.asked.Owner) + 1 + 4) - sizeSOA - records.NoteSize("")
	if len(text) <= most {
		return text
	}
	const dots = " ..."
	return source.Shorten(text, max(most, sureNote)-len(dots))
}

const staleNote = "as known before the start, until the first list is complete"

// explainStale says that the answer is of before the first list (RFC 8914, section 4.4),
// behind what else there is to say: who reads one reason only reads the first.
// What an alias leads to may have said it already.
func explainStale(q *query, m *dns.Msg) {
	if opt := m.IsEdns0(); opt != nil {
		for _, option := range opt.Option {
			if ede, ok := option.(*dns.EDNS0_EDE); ok && ede.InfoCode == dns.ExtendedErrorCodeStaleAnswer {
				return
			}
		}
	}
	explain(q, m, dns.ExtendedErrorCodeStaleAnswer, staleNote)
}

// The timers of the SOA record, in seconds, are the stock kubernetes plugin's.
const (
	soaRefresh = 7200
	soaRetry   = 1800
	soaExpire  = 86400
)

// authority returns the SOA record of the zone, with its TTL and the one of negative
// answers, in seconds.
func authority(q *query, ttl, negativeTTL uint32) dns.SOA {
	return dns.SOA{
		Hdr:     header(q.zone, dns.TypeSOA, ttl),
		Ns:      under("ns.dns", q.zone),
		Mbox:    under("hostmaster", q.zone),
		Serial:  uint32(q.cache.modified.Load()),
		Refresh: soaRefresh,
		Retry:   soaRetry,
		Expire:  soaExpire,
		Minttl:  negativeTTL,
	}
}

// under returns the name of labels in a zone.
func under(labels, zone string) string {
	if zone == "." {
		return labels + "."
	}
	return labels + "." + zone
}

func header(owner string, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

// shareTTL gives records of one name and type the least of their TTLs: all have to
// have the same (RFC 2181, section 5.2).
func shareTTL(rrs []dns.RR) {
	least := uint32(math.MaxUint32)
	for _, rr := range rrs {
		least = min(least, rr.Header().Ttl)
	}
	for _, rr := range rrs {
		rr.Header().Ttl = least
	}
}
