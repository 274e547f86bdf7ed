package endpoints

import (
	"slices"

	"github.com/miekg/dns"
)

// passedOn hands on what the next plugin writes. A name that a Service may have does not
// exist for longer than this plugin would say so: whoever asks too early finds the Service
// as soon as any other.
type passedOn struct {
	dns.ResponseWriter
	// negativeTTL is in seconds.
	negativeTTL uint32
	// soa and ns are for a negative answer, so that all is one allocation.
	soa dns.SOA
	ns  [1]dns.RR
}

// WriteMsg implements dns.ResponseWriter.
func (p *passedOn) WriteMsg(m *dns.Msg) error {
	at := slices.IndexFunc(m.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA })
	if at >= 0 {
		p.shorten(m, at)
	}
	return p.ResponseWriter.WriteMsg(m)
}

// shorten bounds how long a negative answer is kept (RFC 2308, section 5). The records
// are those of the next plugin, which may write them again: they are copied. A signed
// record keeps its data.
func (p *passedOn) shorten(m *dns.Msg, at int) {
	soa, ok := m.Ns[at].(*dns.SOA)
	if !ok {
		return
	}
	p.soa = *soa
	p.soa.Hdr.Ttl = min(soa.Hdr.Ttl, p.negativeTTL)
	if !slices.ContainsFunc(m.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeRRSIG }) {
		p.soa.Minttl = min(soa.Minttl, p.negativeTTL)
	}
	ns := p.ns[:]
	if len(m.Ns) > 1 {
		ns = slices.Clone(m.Ns)
	}
	ns[at] = &p.soa
	m.Ns = ns
}
