package endpoints

import (
	"iter"
	"math"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"

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

// found answers with records.
func (q *query) found(a *records.Answer) *dns.Msg {
	m := newReply(q.r)
	m.Answer, m.Truncated = a.Records, a.Truncated
	if len(a.Extra) > 0 {
		m.Extra = a.Extra
	}
	if a.Note != "" {
		q.note(m, dns.ExtendedErrorCodeOther, a.Note)
	}
	return m
}

// negative denies with the stanza's TTL.
func (q *query) negative(rcode int, note string) *dns.Msg { return q.deny(rcode, q.negativeTTL, note) }

// negativeReply is a reply with its authority section, in one allocation.
type negativeReply struct {
	reply
	soa dns.SOA
	ns  [1]dns.RR
}

// deny says that there are no records, or no name, and why (RFC 2308, sections 3
// and 5). It may be kept for ttl seconds.
func (q *query) deny(rcode int, ttl uint32, note string) *dns.Msg {
	return q.denyAs(dns.ExtendedErrorCodeOther, rcode, ttl, note)
}

// denyAs denies with a code for why (RFC 8914, section 4).
func (q *query) denyAs(code uint16, rcode int, ttl uint32, note string) *dns.Msg {
	n := &negativeReply{soa: q.authority(ttl, ttl)}
	n.ns[0] = &n.soa
	m := n.to(q.r)
	m.Rcode = rcode
	m.Ns = n.ns[:]
	q.note(m, code, note)
	return m
}

// fail says that there is no answer, and why.
func (q *query) fail(code uint16, why string) *dns.Msg {
	m := newReply(q.r)
	m.Rcode = dns.RcodeServerFailure
	m.Authoritative = false
	q.note(m, code, why)
	return m
}

// notReady says that it is too early to know (RFC 8914, section 4.15).
func (q *query) notReady() *dns.Msg {
	return q.fail(dns.ExtendedErrorCodeNotReady, textNotReady)
}

// any answers ANY at a name that has records (RFC 8482, section 4.2).
func (q *query) any(ttl uint32) *dns.Msg {
	m := newReply(q.r)
	m.Answer = records.AnswerANY(q.asked.Owner, ttl)
	return m
}

// noteOPT is an OPT record with its one option, in one allocation.
type noteOPT struct {
	dns.OPT
	ede    dns.EDNS0_EDE
	option [1]dns.EDNS0
}

// note adds an Extended DNS Error for a client that can read one (RFC 8914,
// section 2, and RFC 6891, section 7).
func (q *query) note(m *dns.Msg, code uint16, text string) {
	asked := q.r.IsEdns0()
	if asked == nil {
		return
	}
	text = q.shortened(text)
	if opt := m.IsEdns0(); opt != nil {
		opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: code, ExtraText: text})
		return
	}
	e := &noteOPT{ede: dns.EDNS0_EDE{InfoCode: code, ExtraText: text}}
	e.option[0] = &e.ede
	answerOPT(&e.OPT, asked, e.option[:])
	m.Extra = append(m.Extra, &e.OPT)
}

// answerOPT makes opt the OPT record of an answer to asked.
func answerOPT(opt, asked *dns.OPT, options []dns.EDNS0) {
	opt.Hdr = dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}
	opt.SetUDPSize(asked.UDPSize())
	opt.Option = options
}

// noteStale says that the answer is of before the first list (RFC 8914, section 4.4).
// It comes behind what else there is to say: who reads one reason only reads the
// first. An answer that an alias leads to may have said it already.
func (q *query) noteStale(m *dns.Msg) {
	for ede := range extendedErrors(m) {
		if ede.InfoCode == dns.ExtendedErrorCodeStaleAnswer {
			return
		}
	}
	q.note(m, dns.ExtendedErrorCodeStaleAnswer, textStale)
}

// extendedErrors yields the Extended DNS Errors of a message.
func extendedErrors(m *dns.Msg) iter.Seq[*dns.EDNS0_EDE] {
	return func(yield func(*dns.EDNS0_EDE) bool) {
		opt := m.IsEdns0()
		if opt == nil {
			return
		}
		for _, option := range opt.Option {
			if ede, ok := option.(*dns.EDNS0_EDE); ok && !yield(ede) {
				return
			}
		}
	}
}

// sureNote is the length in bytes of a text that fits into any answer without
// records: 512 bytes less the longest question, an SOA record, an OPT record and
// textStale.
const sureNote = 100

// shortened cuts off the end of a text that the client has no room for: the server
// can leave out all but the OPT record. A name with escapes takes four times its
// length in a text.
func (q *query) shortened(text string) string {
	if len(text) <= sureNote {
		return text
	}
	return model.Shorten(text, max(q.capacity()-q.offset()-sizeSOA-records.NoteSize(""), sureNote))
}

// The timers of the SOA record, in seconds, are the stock kubernetes plugin's.
const (
	soaRefresh = 7200
	soaRetry   = 1800
	soaExpire  = 86400
)

// nameServerLabels are the name of the zone's name server, in the zone, as kubernetes has
// it.
const nameServerLabels = "ns.dns"

// authority returns the SOA record of the zone, with its TTL and the one of negative
// answers, in seconds.
func (q *query) authority(ttl, negativeTTL uint32) dns.SOA {
	return dns.SOA{
		Hdr:     records.Header(q.zone, dns.TypeSOA, ttl),
		Ns:      under(nameServerLabels, q.zone),
		Mbox:    under("hostmaster", q.zone),
		Serial:  uint32(q.cache.modified.Load()),
		Refresh: soaRefresh,
		Retry:   soaRetry,
		Expire:  soaExpire,
		Minttl:  negativeTTL,
	}
}

// serial answers for the SOA record at a name below the zone, which tells a client by its
// serial that answers there have changed.
func (q *query) serial(serial, ttl uint32) *dns.Msg {
	soa := q.authority(ttl, q.negativeTTL)
	soa.Hdr.Name, soa.Serial = q.asked.Owner, serial
	m := newReply(q.r)
	m.Answer = []dns.RR{&soa}
	return m
}

// under returns the name of labels in a zone.
func under(labels, zone string) string {
	if zone == "." {
		return labels + "."
	}
	return labels + "." + zone
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
