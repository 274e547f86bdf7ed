package records

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
)

// note says why an answer has less than a client could expect, or nothing at
// all. It is empty where there is nothing to say.
func (s *Set) note(q *Question, outcome Outcome) string {
	if s.Service.Kind == model.ExternalName {
		return noteExternal(s.Service, q, outcome)
	}
	ofService := q.Name.Kind == name.Service
	switch {
	case outcome == NoName && q.Name.Kind == name.Endpoint:
		return s.noteEndpoint(q.Name.Endpoint)
	case outcome == NoName && !ofService && !s.knows(q):
		return "no such " + part(q.Name.Kind) + " in " + s.Service.String()
	case ofService && q.Type == dns.TypeA && outcome != NoName:
		return s.noteAddresses(q, roster.IPv4)
	case ofService && q.Type == dns.TypeAAAA && outcome != NoName:
		return s.noteAddresses(q, roster.IPv6)
	case outcome == NoName, q.Type == dns.TypeSRV && (ofService || q.Name.Kind == name.Port):
		if text := s.noteFamily(s.betterFamily()); text != "" {
			return text
		}
	}
	switch outcome {
	case Found:
		return s.noteRecords(q)
	case NoData:
		return "no records of this type here, in " + s.Service.String()
	}
	return "nobody who is published offers this port, in " + s.Service.String()
}

// knows reports whether somebody offers the port or protocol that was asked for,
// published or not. Of a Service without endpoints, that is not known.
func (s *Set) knows(q *Question) bool {
	switch q.Name.Kind {
	case name.Port, name.Protocol:
	default:
		return false
	}
	return s.roster.Len() == 0 || slices.ContainsFunc(s.roster.Groups(), func(g roster.Group) bool {
		return slices.ContainsFunc(g.Ports, func(p model.Port) bool {
			return p.Protocol.String() == q.Name.Protocol && p.Name != "" && (q.Name.Kind == name.Protocol || p.Name == q.Name.Port)
		})
	})
}

// noteEndpoint says why an endpoint name does not exist.
func (s *Set) noteEndpoint(text string) string {
	if target, ok := s.roster.Resolve(text); ok {
		one, several := s.roster.Meaning(target)
		if several == nil {
			several = []roster.At{one}
		}
		if tier, ok := s.namelessTier(several); ok {
			return fmt.Sprintf("endpoint %s is %s, and pod_names %s gives no name to it", text, tier, s.podNames)
		}
	}
	return "no such endpoint in " + s.Service.String()
}

// namelessTier returns the best tier of endpoints without a name.
func (s *Set) namelessTier(all []roster.At) (health.Tier, bool) {
	if s.nameless == nil {
		return 0, false
	}
	for t := range s.nameless {
		if slices.ContainsFunc(all, s.nameless[t].Has) {
			return health.Tier(t), true
		}
	}
	return 0, false
}

// NoteReverse says why an address of an endpoint has no name. It is empty where it
// has one, or is nobody's.
func (s *Set) NoteReverse(addr netip.Addr) string {
	at, ok := s.roster.Find(addr)
	if !ok || s.named.Has(at) {
		return ""
	}
	return s.noteEndpoint(s.roster.Label(s.roster.Target(at)))
}

// noteAddresses looks at the bound of the question too.
func (s *Set) noteAddresses(q *Question, family int) string {
	if text := s.noteFamily(family); text != "" {
		return text
	}
	if all := s.name[family].Len(); q.MaxAnswers > 0 && q.MaxAnswers < all {
		return fmt.Sprintf("%d of %d addresses", q.MaxAnswers, all)
	}
	return ""
}

// noteRecords looks at the bound of the question for SRV records.
func (s *Set) noteRecords(q *Question) string {
	if q.MaxAnswers == 0 || q.Type != dns.TypeSRV {
		return ""
	}
	var m match
	s.match(&m, q)
	var all int64
	for i := range m.ports {
		all += int64(m.ports[i].who.Len())
	}
	if _, k := m.bounded(); k < all {
		return fmt.Sprintf("%d of %d SRV records", k, all)
	}
	return ""
}

func part(kind name.Kind) string {
	switch kind {
	case name.Endpoint:
		return "endpoint"
	case name.Port, name.Protocol:
		return "port"
	}
	return "name"
}

func noteExternal(service *model.Service, q *Question, outcome Outcome) string {
	switch outcome {
	case NoData:
		return "no records of this type here, in " + service.String()
	case NoName:
		return "no such " + part(q.Name.Kind) + " in " + service.String() + ", which is an ExternalName Service"
	}
	return ""
}

// betterFamily is the family that has the better endpoints, IPv4 where they are
// alike.
func (s *Set) betterFamily() int {
	if s.rank(roster.IPv6) < s.rank(roster.IPv4) {
		return roster.IPv6
	}
	return roster.IPv4
}

// rank is the best tier that a family has endpoints in, behind all those of a
// family in the Service name where none of them is.
func (s *Set) rank(family int) int {
	rank := slices.IndexFunc(s.counts[family][:], func(n int32) bool { return n > 0 })
	if rank < 0 {
		rank = health.Tiers
	}
	if s.name[family].Len() == 0 {
		rank += health.Tiers + 1
	}
	return rank
}

// noteFamily says what is wrong with the endpoints of a family.
func (s *Set) noteFamily(family int) string {
	counts := &s.counts[family]
	healthy := counts[health.Good] + counts[health.Damped]
	switch {
	case s.lastRung[family]:
		return s.noteLastRung(counts)
	case s.failOpen[family]:
		return fmt.Sprintf("fail open: %d of %d serving", healthy, healthy+counts[health.Sick])
	case counts[health.Good] > 0:
		return ""
	case counts[health.Damped] > 0:
		return "damped endpoints only"
	case s.name[family].Len() > 0:
		return "draining endpoints only"
	case *counts == [health.Tiers]int32{}:
		if s.counts != [roster.Families][health.Tiers]int32{} {
			return s.Service.String() + " has no endpoints of this address family"
		}
		return s.Service.String() + " has no endpoints"
	}
	return "no endpoint is ready: " + countTiers(counts)
}

// noteLastRung says why those are published who do not serve.
func (s *Set) noteLastRung(counts *[health.Tiers]int32) string {
	who := countTiers(&[health.Tiers]int32{health.Sick: counts[health.Sick], health.Starting: counts[health.Starting]})
	yet := " yet"
	if counts[health.Sick] > 0 {
		yet = ""
	}
	if s.Service.PublishNotReady {
		return "nobody serves" + yet + ": " + who + ", as publishNotReadyAddresses asks"
	}
	return "nobody serves: the EndpointSlices call endpoints ready that do not"
}

func countTiers(counts *[health.Tiers]int32) string {
	var parts []string
	for _, tier := range []health.Tier{health.Starting, health.Sick, health.Draining, health.Dying} {
		if counts[tier] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[tier], tier))
		}
	}
	return strings.Join(parts, ", ")
}
