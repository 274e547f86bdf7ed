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
	if s.plan != nil && s.isPlanned(q) {
		a.Outcome = Alias
		return
	}
	switch q.Name.Kind {
	case name.Service:
		if !s.Service.Address.IsValid() {
			a.Outcome = Alias
			return
		}
		literal(a, q, s.Service.Address)
	case name.Protocol:
		if slices.ContainsFunc(s.Service.Ports, func(p model.Port) bool { return p.Name != "" && p.Protocol.String() == q.Name.Protocol }) {
			a.Outcome = NoData
		}
	case name.Port:
		s.externalPort(a, q)
	}
}

// isPlanned reports whether the answer depends on what the targets are.
func (s *Set) isPlanned(q *Question) bool {
	if len(s.plan.Targets) == 0 {
		return true
	}
	switch q.Name.Kind {
	case name.Service:
		return true
	case name.Protocol:
		return s.plan.Explain && q.Name.Protocol == Explanation
	case name.Port:
		return q.Type == dns.TypeSRV && slices.ContainsFunc(s.Service.Ports, q.isFor)
	}
	return false
}

// isFor reports whether the name is that of a port.
func (q *Question) isFor(p model.Port) bool {
	return p.Name != "" && p.Name == q.Name.Port && p.Protocol.String() == q.Name.Protocol
}

// Flat answers with addresses of one family that the Service's targets have, drawn and cut
// like those of endpoints. Some of the room is for notes.
func (s *Set) Flat(q *Question, all []netip.Addr, room int) (a Answer) {
	a.Outcome = NoData
	if len(all) == 0 {
		return a
	}
	size := sizeA
	if all[0].Is6() {
		size = sizeAAAA
	}
	k := len(all)
	if q.MaxAnswers > 0 {
		k = min(k, q.MaxAnswers)
	}
	fit := max(room/size, 0)
	a.Outcome, a.Truncated = Found, fit < k
	k = min(k, fit)
	d := drawers.Get().(*drawer)
	defer d.release()
	var b block
	b.grow(k, k)
	for _, i := range d.draw(q.Share.of(s.salt), len(all), k) {
		b.append(q.Owner, q.TTL, all[i].AsSlice())
	}
	a.Records = b.rrs
	return a
}

// SRV answers with the port that was asked for at each of some targets, the best first, and
// with the addresses of the first where that is the Service itself and there is room.
func (s *Set) SRV(q *Question, targets []string, glue []netip.Addr) (a Answer) {
	a.Outcome = Found
	at := slices.IndexFunc(s.Service.Ports, q.isFor)
	room := q.Room
	for i, target := range targets {
		a.Records = append(a.Records, &dns.SRV{
			Hdr:      Header(q.Owner, dns.TypeSRV, q.TTL),
			Priority: srvBestPriority + srvPerTier*uint16(i),
			Weight:   srvWeight,
			Port:     s.Service.Ports[at].Number,
			Target:   target,
		})
		room -= sizeSRV + len(target) + 1
	}
	for _, addr := range glue {
		room -= sizePointer + sizeFixed + addr.BitLen()/8
	}
	if room < 0 || len(glue) == 0 {
		return a
	}
	var b block
	b.grow(len(glue), len(glue))
	for _, addr := range glue {
		b.append(targets[0], q.TTL, addr.AsSlice())
	}
	a.Extra = b.rrs
	return a
}

// OwnName returns the Service's name as it stands in the question.
func (q *Question) OwnName() string { return q.service() }

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
		if !q.isFor(p) {
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
