package differences

import (
	"strings"

	"github.com/miekg/dns"
)

// planned are the differences at ExternalName Services whose annotations ask for more than an alias.
var planned = []Difference{
	{
		Name:    "An ExternalName Service with the annotation `flatten` has the addresses of its target as its own, and no alias.",
		Reason:  "The Service asks for it: some clients and caches keep an alias whose target did not resolve, or take none.",
		Example: "A flattened.test.svc.cluster.local.",
		change:  flatten,
	},
	{
		Name:    "An ExternalName Service with the annotation `targets` leads to the first of these that resolves.",
		Reason:  "The Service asks for it.",
		Example: "A several.test.svc.cluster.local.",
		change:  leadToTarget,
	},
}

// isPlanned reports whether annotations ask for more than an alias.
func (s *Service) isPlanned() bool { return s.Flatten || len(s.Targets) > 0 }

func flatten(x *Comparison, m *dns.Msg) {
	if !x.is(ExternalName) || !x.service.Flatten {
		return
	}
	switch found := x.lookUpPlanned(x.service.Target); {
	case x.Type == dns.TypeANY:
		x.positive(m, []dns.RR{record(x.Name, "HINFO", `"RFC8482" ""`)}, nil)
	case found != nil && failed(found):
		x.failLike(m, found, x.service.Target)
	case found != nil && hasType(found.Answer, x.Type):
		var answer []dns.RR
		for _, rr := range found.Answer {
			if rr.Header().Rrtype == x.Type {
				rr = dns.Copy(rr)
				rr.Header().Name = x.Name
				answer = append(answer, rr)
			}
		}
		x.positive(m, x.aged(answer), nil)
	default:
		x.negative(m, dns.RcodeSuccess)
	}
}

// aged gives records the TTL that ours have, which is at most that of the Corefile: what is kept grows old.
func (x *Comparison) aged(all []dns.RR) []dns.RR {
	least := uint32(ttl)
	for _, rr := range x.Ours.Answer {
		least = min(least, rr.Header().Ttl)
	}
	for _, rr := range all {
		rr.Header().Ttl = least
	}
	return all
}

// lookUpPlanned asks ours for the addresses of a name; it returns nil where the question is for none.
func (x *Comparison) lookUpPlanned(name string) *dns.Msg {
	if !x.asksAddress() {
		return nil
	}
	return x.LookUp(name)
}

// failLike makes m say that an external name could not be resolved, as found says.
func (x *Comparison) failLike(m, found *dns.Msg, target string) {
	if found.Rcode == dns.RcodeRefused {
		x.fail(m, "the look-up of the external name "+target+" is refused")
		return
	}
	x.fail(m, "SERVFAIL for the external name "+target)
}

// ledTo returns which of the targets ours leads to, by its alias or by its reason for having none.
func (x *Comparison) ledTo() string {
	for _, target := range x.service.Targets {
		for _, rr := range x.Ours.Answer {
			if alias, ok := rr.(*dns.CNAME); ok && strings.EqualFold(alias.Target, target) {
				return target
			}
		}
		if len(x.Ours.Answer) == 0 && strings.Contains(Reason(x.Ours), " "+target) {
			return target
		}
	}
	return x.service.Target
}

// leadToTarget goes by which of the targets ours leads to: that depends on when each was looked up.
func leadToTarget(x *Comparison, m *dns.Msg) {
	if !x.is(ExternalName) || len(x.service.Targets) == 0 || x.service.Flatten {
		return
	}
	target := x.ledTo()
	alias := record(x.Name, "CNAME", target)
	if x.Type == dns.TypeCNAME || x.Type == dns.TypeANY {
		x.positive(m, []dns.RR{alias}, nil)
		return
	}
	found := x.LookUp(target)
	if failed(found) {
		x.failLike(m, found, target)
		return
	}
	answer := []dns.RR{alias}
	for _, rr := range found.Answer {
		answer = append(answer, dns.Copy(rr))
	}
	if x.asksAddress() && len(found.Answer) > 0 {
		for _, rr := range answer[1:] {
			// What is kept grows old, and the TTL of another target than the first is short.
			for _, ours := range x.Ours.Answer {
				if ours.Header().Rrtype == rr.Header().Rrtype && ours.Header().Ttl < rr.Header().Ttl {
					rr.Header().Ttl = ours.Header().Ttl
				}
			}
		}
	}
	x.positive(m, answer, nil)
	m.Rcode, m.Ns = found.Rcode, found.Ns
	m.Extra = append(m.Extra, WithoutOPT(found.Extra)...)
}
