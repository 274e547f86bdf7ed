package differences

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// The TTLs of the Corefiles, in seconds.
const (
	ttl         = 5
	negativeTTL = 1
)

// negative makes m a negative answer: that of k8s_endpoints, or of the stock plugin
// behind it where k8s_endpoints passes the question on.
func (x *Comparison) negative(m *dns.Msg, rcode int) {
	x.touched = true
	seconds := uint32(ttl)
	if x.answersHere() || x.mayBeOwned() {
		seconds = negativeTTL
	}
	m.Rcode = rcode
	m.Authoritative = true
	m.Truncated = false
	m.Answer = nil
	m.Extra = onlyOPT(m.Extra)
	m.Ns = []dns.RR{&dns.SOA{
		Hdr: header(x.zone(), dns.TypeSOA, seconds), Ns: "ns.dns." + x.zone(), Mbox: "hostmaster." + x.zone(),
		Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: seconds,
	}}
}

// positive makes m an answer with these records.
func (x *Comparison) positive(m *dns.Msg, answer, extra []dns.RR) {
	x.touched = true
	m.Rcode = dns.RcodeSuccess
	m.Authoritative = true
	m.Truncated = false
	m.Answer = answer
	m.Ns = nil
	m.Extra = append(extra, onlyOPT(m.Extra)...)
}

// fail makes m say that an external name could not be resolved.
func (x *Comparison) fail(m *dns.Msg, why string) {
	x.touched = true
	m.Rcode = dns.RcodeServerFailure
	m.Authoritative = false
	m.Truncated = false
	m.Answer, m.Ns, m.Extra = nil, nil, onlyOPT(m.Extra)
	explain(m, why)
}

// addresses makes m the answer for the name of these endpoints: their addresses of
// the family that the question asks for.
func (x *Comparison) addresses(m *dns.Msg, of []Endpoint) {
	var answer []dns.RR
	for _, e := range of {
		rr := addressRecord(x.Name, e.Address)
		if rr.Header().Rrtype == x.Type {
			answer = append(answer, rr)
		}
	}
	if len(answer) == 0 {
		x.negative(m, dns.RcodeSuccess)
		return
	}
	x.positive(m, dns.Dedup(answer, nil), nil)
}

// keep leaves only the records in the answer that a condition holds for, and the
// additional addresses of their targets. It reports whether any record is left.
func (x *Comparison) keep(m *dns.Msg, condition func(dns.RR) bool) bool {
	x.touched = true
	m.Answer = slices.DeleteFunc(m.Answer, func(rr dns.RR) bool { return !condition(rr) })
	m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool {
		return rr.Header().Rrtype != dns.TypeOPT && !slices.ContainsFunc(m.Answer, func(answer dns.RR) bool {
			srv, ok := answer.(*dns.SRV)
			return ok && srv.Target == rr.Header().Name
		})
	})
	return len(m.Answer) > 0
}

// pointers are the PTR records for the address of the question: one for each
// Service that has an endpoint there that the condition holds for.
func (x *Comparison) pointers(condition func(Endpoint) bool) []dns.RR {
	var found []dns.RR
	for _, s := range x.publishers {
		at := slices.IndexFunc(s.Endpoints, func(e Endpoint) bool {
			return condition(e) && strings.EqualFold(ReverseName(e.Address), x.Name)
		})
		if at >= 0 {
			found = append(found, record(x.Name, "PTR", s.Endpoints[at].Called(x.podNames())+"."+s.FullName(x.Cluster.Zone)))
		}
	}
	return found
}
