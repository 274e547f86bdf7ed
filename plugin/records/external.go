package records

import (
	"net/netip"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"

	"github.com/miekg/dns"
)

// external answers for an ExternalName Service. One whose target is an address
// has that address, as kube-dns had it; any other one is an alias (Kubernetes
// DNS specification 1.1.0, section 2.5). Its named ports have SRV records.
func (s *Set) external(a *Answer, q *Question) {
	switch q.Name.Kind {
	case name.Service:
		if !s.Service.Address.IsValid() {
			a.Outcome = Alias
			return
		}
		literal(a, q, s.Service.Address)
	case name.Protocol:
		if slices.ContainsFunc(s.Service.Ports, func(p model.Port) bool { return p.Protocol.String() == q.Name.Protocol }) {
			a.Outcome = NoData
		}
	case name.Port:
		s.externalPort(a, q)
	}
}

func literal(a *Answer, q *Question, addr netip.Addr) {
	if q.Type == dns.TypeANY {
		a.Outcome, a.Records = Found, AnswerANY(q.Owner, q.TTL)
		return
	}
	if q.Type != dns.TypeA && q.Type != dns.TypeAAAA || (q.Type == dns.TypeA) != addr.Is4() {
		a.Outcome = NoData
		return
	}
	a.Outcome, a.Records = Found, singleRecord(q.Owner, q.TTL, addr.AsSlice())
}

// externalPort gives the external name as the target of the port. An SRV record
// cannot have an address there: then the target is the Service's own name.
func (s *Set) externalPort(a *Answer, q *Question) {
	target, addr := s.Service.Target, s.Service.Address
	if addr.IsValid() {
		target = q.service()
	}
	for _, p := range s.Service.Ports {
		if p.Name != q.Name.Port || p.Protocol.String() != q.Name.Protocol {
			continue
		}
		a.Outcome = NoData
		if q.Type == dns.TypeANY {
			a.Outcome, a.Records = Found, AnswerANY(q.Owner, q.TTL)
			return
		}
		if q.Type == dns.TypeSRV {
			a.Records = append(a.Records, &dns.SRV{
				Hdr:      Header(q.Owner, dns.TypeSRV, q.TTL),
				Priority: srvBestPriority,
				Weight:   srvWeight,
				Port:     p.Number,
				Target:   target,
			})
		}
	}
	if len(a.Records) == 0 {
		return
	}
	a.Outcome = Found
	// What does not fit would be left out by the server, with TC set, as if the
	// answer were not whole (RFC 2181, section 9).
	if addr.IsValid() && sizeSRV+len(target)+1+sizePointer+sizeFixed+addr.BitLen()/8 <= q.Room {
		a.Extra = singleRecord(target, q.TTL, addr.AsSlice())
	}
}
