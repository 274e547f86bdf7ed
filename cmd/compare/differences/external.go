package differences

import (
	"fmt"

	"github.com/miekg/dns"
)

// externalNames are the differences at ExternalName Services.
var externalNames = []Difference{
	{
		Name:    "An ExternalName Service answers with its alias for any type.",
		Reason:  "A name that has a CNAME has it for every type (RFC 1034, section 3.6.2), and the target may have such records.",
		Example: "MX rich.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			switch x.Type {
			case dns.TypeA, dns.TypeAAAA, dns.TypeCNAME:
			case dns.TypeANY:
				if x.is(ExternalName) && !x.service.isLiteral() {
					x.positive(m, []dns.RR{x.alias()}, nil)
				}
			default:
				if found := x.lookUpTarget(); found != nil && !failed(found) {
					x.follow(m, found)
				}
			}
		},
	},
	{
		Name:    "An ExternalName Service whose target cannot be resolved answers SERVFAIL.",
		Reason:  "The response code is that of the end of the chain (RFC 6604); a lone CNAME looks like a name without records.",
		Example: "A failing.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			found := x.lookUpTarget()
			switch {
			case found == nil || !failed(found):
			case found.Rcode == dns.RcodeRefused:
				x.fail(m, "the look-up of the external name "+x.service.Target+" is refused")
			default:
				x.fail(m, "SERVFAIL for the external name "+x.service.Target)
			}
		},
	},
	{
		Name:    "An ExternalName Service whose target does not exist answers NXDOMAIN.",
		Reason:  "The response code is that of the end of the chain (RFC 6604), and its SOA says how long that may be cached.",
		Example: "A missing.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if found := x.lookUpTarget(); x.asksAddress() && found != nil && found.Rcode == dns.RcodeNameError {
				x.follow(m, found)
			}
		},
	},
	{
		Name:    "An ExternalName Service whose target has no address answers with its alias and the target's SOA.",
		Reason:  "The alias is there, and the SOA says how long its lack of addresses may be cached (RFC 2308, section 2.2).",
		Example: "AAAA v4-outside.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if found := x.lookUpTarget(); x.asksAddress() && found != nil && found.Rcode == dns.RcodeSuccess && !hasType(found.Answer, x.Type) {
				x.follow(m, found)
			}
		},
	},
	{
		Name:    "An ExternalName Service leads to all names that k8s_endpoints answers for.",
		Reason:  "Its target is resolved like a question; *kubernetes* has no answer for some of those names, as this list says.",
		Example: "A to-literal.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if found := x.lookUpTarget(); x.asksAddress() && found != nil && len(m.Answer) == 0 && found.Rcode == dns.RcodeSuccess && hasType(found.Answer, x.Type) {
				x.follow(m, found)
			}
		},
	},
	{
		Name:    "ExternalName Services in a loop, or more than 8 in a row, answer SERVFAIL.",
		Reason:  "There is no end of the chain to tell of.",
		Example: "A ring-a.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if !x.is(ExternalName) || x.Type == dns.TypeCNAME || x.Type == dns.TypeANY || x.service.Links < maxLinks {
				return
			}
			x.fail(m, "ExternalName Services lead to each other in a loop or too long a chain")
		},
	},
	{
		Name:    "An ExternalName Service has SRV records for its named ports.",
		Reason:  "Its ports are in the API; the target of the records is the external name.",
		Example: "SRV _sql._tcp.ported.test.svc.cluster.local.",
		change:  addExternalPorts,
	},
	{
		Name:    "An ExternalName Service whose target is an address has that address.",
		Reason:  "People write addresses there, and kube-dns answered so.",
		Example: "A literal.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if x.is(ExternalName) && x.service.isLiteral() {
				x.addresses(m, []Endpoint{{Address: x.service.Target}})
			}
		},
	},
}

func addExternalPorts(x *Comparison, m *dns.Msg) {
	name, protocol, ok := x.port()
	if !ok || x.service.Kind != ExternalName || !x.service.hasPort(name, protocol) {
		return
	}
	if x.Type != dns.TypeSRV {
		x.negative(m, dns.RcodeSuccess)
		return
	}
	target := x.service.Target
	var extra []dns.RR
	if x.service.isLiteral() {
		target = x.tail
		extra = []dns.RR{addressRecord(target, x.service.Target)}
	}
	var answer []dns.RR
	for _, p := range x.service.Ports {
		if p.Name == name && p.Protocol == protocol {
			answer = append(answer, record(x.Name, "SRV", fmt.Sprintf("0 100 %d %s", p.Number, target)))
		}
	}
	x.positive(m, answer, extra)
}

// failed reports whether nobody could say what a name has. One who refuses is no help
// to a client that asks for recursion, as those here do.
func failed(m *dns.Msg) bool { return m.Rcode == dns.RcodeServerFailure || m.Rcode == dns.RcodeRefused }

// alias is the CNAME record of an ExternalName Service.
func (x *Comparison) alias() dns.RR { return record(x.Name, "CNAME", x.service.Target) }

// lookUpTarget asks ours for the external name that the question leads to. It
// returns nil where there is none, where aliases lead to no end, and where the
// question is for the alias alone.
func (x *Comparison) lookUpTarget() *dns.Msg {
	if !x.is(ExternalName) || x.service.isLiteral() || x.service.isPlanned() || x.service.Links >= maxLinks || x.Type == dns.TypeCNAME || x.Type == dns.TypeANY {
		return nil
	}
	return x.LookUp(x.service.Target)
}

// maxLinks is the least number of further links that an answer does not follow.
const maxLinks = 8

// follow makes m the alias and the answer that was found for its target.
func (x *Comparison) follow(m, found *dns.Msg) {
	x.positive(m, []dns.RR{x.alias()}, nil)
	m.Rcode = found.Rcode
	m.Answer = append(m.Answer, found.Answer...)
	m.Ns = found.Ns
	m.Extra = append(m.Extra, WithoutOPT(found.Extra)...)
}
