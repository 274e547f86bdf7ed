package records

import (
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
)

// matchZonal is for what the Service name and those of its ports have in one zone. Where
// the Service is, the name exists, whatever the zone and whoever is published: that is
// what the stock plugin says.
func (s *Set) matchZonal(m *match, q *Question) {
	if s.zoned == nil {
		return
	}
	m.outcome, m.most = NoData, q.MaxAnswers
	zone, ofPort := s.zoned.find(q.Name.Zone), q.Name.Protocol != ""
	switch {
	case ofPort && q.Type == dns.TypeSRV:
		first, end := s.rangeOf(q.Name.Port, q.Name.Protocol)
		all := s.ports[first:end]
		m.ports = portsIn(zone, all, s.zoned.ports[first:end])
		if len(m.ports) == 0 && q.Name.Prefer {
			m.ports = all
		}
		return
	case ofPort:
		return
	case q.Name.Prefer && s.inName(roster.IPv4, zone).Len()+s.inName(roster.IPv6, zone).Len() == 0:
		zone = everywhere
	}
	switch q.Type {
	case dns.TypeA:
		m.from.in = s.inName(roster.IPv4, zone)
	case dns.TypeAAAA:
		m.from.in = s.inName(roster.IPv6, zone)
	case dns.TypeSRV:
		m.ports = portsIn(zone, s.numbers, s.zoned.numbers)
	}
}

// inName returns those of the Service name that are in a zone.
func (s *Set) inName(family int, zone in) roster.Selection {
	switch {
	case zone == everywhere:
		return s.name[family]
	case zone == nowhere || s.zoned.name[family] == nil:
		return roster.Selection{}
	}
	return s.zoned.name[family][zone].who
}

// portsIn returns what ports have in a zone. Parts are who offers each of them, by zone.
func portsIn(zone in, all []portSet, parts [][]offer) (ports []portSet) {
	switch zone {
	case everywhere:
		return all
	case nowhere:
		return nil
	}
	for i := range all {
		if part := &parts[i][zone]; part.who.Len() > 0 {
			if ports == nil {
				ports = make([]portSet, 0, len(all)-i)
			}
			ports = append(ports, portSet{port: all[i].port, tier: all[i].tier, offer: *part})
		}
	}
	return ports
}

// hasZonal reports whether a name of a zone has records of any type.
func (s *Set) hasZonal(q *Question) bool {
	of := *q
	for _, of.Type = range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV} {
		var m match
		if s.matchZonal(&m, &of); m.from.len()+len(m.ports) > 0 {
			return true
		}
	}
	return false
}
