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
func (s *Set) external(q Question) Answer {
	switch q.Name.Kind {
	case name.Service:
		if s.Service.Address.IsValid() {
			return literal(q, s.Service.Address)
		}
		return Answer{Outcome: Elsewhere}
	case name.Protocol:
		if slices.ContainsFunc(s.Service.Ports, func(p model.Port) bool { return p.Protocol.String() == q.Name.Protocol }) {
			return Answer{Outcome: NoData}
		}
	case name.Port:
		return s.externalPort(q)
	}
	return Answer{}
}

func literal(q Question, addr netip.Addr) Answer {
	if q.Type != dns.TypeA && q.Type != dns.TypeAAAA || (q.Type == dns.TypeA) != addr.Is4() {
		return Answer{Outcome: NoData}
	}
	return Answer{Outcome: Found, Records: singleRecord(q.Owner, q.TTL, addr.AsSlice())}
}

// externalPort gives the external name as the target of the port. An SRV record
// cannot have an address there: then the target is the Service's own name.
func (s *Set) externalPort(q Question) Answer {
	var a Answer
	target, addr := s.Service.Target, s.Service.Address
	if addr.IsValid() {
		target = q.service()
	}
	for _, p := range s.Service.Ports {
		if p.Name != q.Name.Port || p.Protocol.String() != q.Name.Protocol {
			continue
		}
		a.Outcome = NoData
		if q.Type == dns.TypeSRV {
			a.Records = append(a.Records, &dns.SRV{
				Hdr:      header(q.Owner, dns.TypeSRV, q.TTL),
				Priority: srvBestPriority,
				Weight:   srvWeight,
				Port:     p.Number,
				Target:   target,
			})
		}
	}
	if len(a.Records) == 0 {
		return a
	}
	a.Outcome = Found
	if addr.IsValid() {
		a.Extra = singleRecord(target, q.TTL, addr.AsSlice())
	}
	return a
}
