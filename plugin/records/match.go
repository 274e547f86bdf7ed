package records

import (
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
)

// match is where a question leads: to addresses or ports to draw records of, or to
// an outcome without any.
type match struct {
	outcome Outcome
	from    pool
	// most bounds how many records are drawn; 0 is no bound.
	most  int
	ports []portSet
	// near are those near the client; nil makes no difference.
	near *nearSRV
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
	case name.Zonal:
		s.matchZonal(m, q)
	case name.ZonalTree:
		if s.zoned != nil {
			m.outcome = NoData
		}
	}
}

// Has reports whether the name that is asked for exists. It is below a headless Service.
func (s *Set) Has(q *Question) bool {
	var m match
	s.match(&m, q)
	return m.outcome != NoName
}

// matchService is for the name of the Service. It does not exist where nothing
// is published (Kubernetes DNS specification 1.1.0, section 2.4.1), unless it has
// another record, or an endpoint below it has a name: NXDOMAIN would deny those too
// (RFC 8020).
func (s *Set) matchService(m *match, q *Question) {
	if s.Len() == 0 && !s.Declared().declaresAtName() {
		return
	}
	m.outcome, m.most = NoData, q.MaxAnswers
	switch q.Type {
	case dns.TypeA:
		m.from.in = s.name[roster.IPv4]
	case dns.TypeAAAA:
		m.from.in = s.name[roster.IPv6]
	case dns.TypeSRV:
		m.ports = s.numbers
	}
}

// matchEndpoint is for an endpoint name in front of the name of the Service.
func (s *Set) matchEndpoint(m *match, q *Question) {
	target, ok := s.roster.Resolve(q.Name.Endpoint)
	if !ok {
		return
	}
	v4, v6 := s.meaning(target)
	if v4.len()+v6.len() == 0 {
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
	ports := s.portsOf(q.Name.Port, q.Name.Protocol)
	if len(ports) == 0 {
		return
	}
	m.outcome = NoData
	if q.Type == dns.TypeSRV {
		m.ports, m.most = ports, q.MaxAnswers
	}
}

// hasProtocol reports whether a name _protocol stands above a port's name.
func (s *Set) hasProtocol(protocol string) bool {
	return slices.ContainsFunc(s.protocols, func(p model.Protocol) bool { return p.String() == protocol })
}

// portsOf returns the sets of one port.
func (s *Set) portsOf(port, protocol string) []portSet {
	first, end := s.rangeOf(port, protocol)
	return s.ports[first:end]
}

// rangeOf returns where in s.ports the sets of one port begin and end.
func (s *Set) rangeOf(port, protocol string) (first, end int) {
	first, _ = slices.BinarySearchFunc(s.ports, port, func(p portSet, port string) int { return strings.Compare(p.port.Name, port) })
	ports := s.ports
	for first < len(ports) && ports[first].port.Name == port && ports[first].port.Protocol.String() != protocol {
		first++
	}
	end = first
	for end < len(ports) && ports[end].port.Name == port && ports[end].port.Protocol == ports[first].port.Protocol {
		end++
	}
	return first, end
}

// meaning returns the endpoints that a target means and that have names, by family.
func (s *Set) meaning(t roster.Target) (v4, v6 pool) {
	one, several := s.roster.Meaning(t)
	if several != nil {
		return s.split(s.withNames(several))
	}
	if !s.named.Has(one) {
		return pool{}, pool{}
	}
	of := pool{in: roster.Range(int(one), 1)}
	if s.roster.Is4(one) {
		return of, pool{}
	}
	return pool{}, of
}

// withNames returns those of some endpoints that have names.
func (s *Set) withNames(all []roster.At) []roster.At {
	nameless := func(at roster.At) bool { return !s.named.Has(at) }
	if !slices.ContainsFunc(all, nameless) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), nameless)
}

// split parts sorted endpoints by family.
func (s *Set) split(all []roster.At) (v4, v6 pool) {
	n, _ := slices.BinarySearch(all, roster.At(s.roster.Split()))
	return pool{list: all[:n]}, pool{list: all[n:]}
}

// pool is endpoints of one family to draw from.
type pool struct {
	in roster.Selection
	// list takes the place of in, where it is not nil.
	list []roster.At
}

func (p *pool) len() int {
	if p.list != nil {
		return len(p.list)
	}
	return p.in.Len()
}

func (p *pool) at(i int32) roster.At {
	if p.list != nil {
		return p.list[i]
	}
	return p.in.At(i)
}

// place turns indexes into the places that they stand for. An answer of many records from a
// list asks once which of the two it is, not for each of them.
func (p *pool) place(indexes []int32) {
	if p.list == nil {
		for i, index := range indexes {
			indexes[i] = int32(p.in.At(index))
		}
		return
	}
	list := p.list
	for i, index := range indexes {
		indexes[i] = int32(list[index])
	}
}

// hasRecords reports whether a name that exists has records of any type.
func (s *Set) hasRecords(q *Question) bool {
	switch q.Name.Kind {
	case name.Endpoint, name.Port:
		return true
	case name.Service:
		return s.name[roster.IPv4].Len()+s.name[roster.IPv6].Len()+len(s.numbers) > 0 || s.Declared().declaresAtName()
	case name.Zonal:
		return s.hasZonal(q)
	}
	return false
}
