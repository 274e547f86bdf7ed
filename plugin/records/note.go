package records

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	"github.com/miekg/dns"
)

// note says why an answer has less than a client could expect, or nothing at
// all. It is empty where there is nothing to say.
func (s *Set) note(q *Question, c *Client, outcome Outcome) string {
	if s.Service.Kind == model.ExternalName {
		return noteExternal(s.Service, q, outcome)
	}
	text, leftOut := s.noteServed(q, c, outcome), s.leftOut()
	switch {
	case leftOut == "":
		return text
	case text != "":
		return fmt.Sprintf(why.TextApartFrom, leftOut, text)
	case q.wantsAll(), q.Name.Kind == name.Zonal:
		return leftOut
	}
	return ""
}

// leftOut is empty where no slice is left out.
func (s *Set) leftOut() string {
	if s.missing == nil {
		return ""
	}
	return s.missing.leftOut
}

// noteLeftOut says how many slices are left out, and why the first of them is; nothing
// where none is.
func noteLeftOut(all []*model.Slice) string {
	var first *model.Slice
	n := 0
	for _, slice := range all {
		if slice.Refused == "" {
			continue
		}
		if n++; first == nil || slice.Name < first.Name {
			first = slice
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(why.TextLeftOut, first.Refused)
	}
	return fmt.Sprintf(why.TextSeveralLeftOut, n, first.Refused)
}

// noteServed looks at the slices that are not left out.
func (s *Set) noteServed(q *Question, c *Client, outcome Outcome) string {
	ofService := q.Name.Kind == name.Service
	switch {
	case s.Waits() && s.isEmptied(q, outcome):
		return s.waits()
	case len(s.outside) > 0 && s.roster.Len() == 0 && outcome == Found:
		return ""
	case q.Name.Kind == name.Zonal && s.zoned != nil:
		return s.noteZonal(q, outcome)
	case outcome == NoName && q.Name.Kind == name.Endpoint:
		return s.noteEndpoint(q.Name.Endpoint)
	case outcome == NoName && !ofService && !q.ofPort():
		return why.TextNoName + s.Service.String()
	case outcome == NoName && !ofService && !s.knows(q):
		return why.TextNoPort + s.Service.String()
	case ofService && q.Type == dns.TypeA && outcome != NoName:
		return s.noteAddresses(q, c, roster.IPv4)
	case ofService && q.Type == dns.TypeAAAA && outcome != NoName:
		return s.noteAddresses(q, c, roster.IPv6)
	case outcome == NoName, q.Type == dns.TypeSRV && (ofService || q.Name.Kind == name.Port):
		if text := s.noteFamily(s.betterFamily()); text != "" {
			return text
		}
	}
	switch outcome {
	case Found:
		return cmp.Or(s.notePort(q), s.noteRecords(q))
	case NoData:
		return why.TextNoType + s.Service.String()
	}
	return why.TextNobodyOffers + s.Service.String()
}

// knows reports whether somebody offers the port or protocol that was asked for,
// published or not. Of a Service without endpoints, that is not known.
func (s *Set) knows(q *Question) bool {
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
		if reason := s.noteNameless(text, several); reason != "" {
			return reason
		}
	}
	return why.TextNoEndpoint + s.Service.String()
}

// noteNameless says why endpoints of that name have none, by the best of them. It is
// empty where all have one.
func (s *Set) noteNameless(text string, all []roster.At) string {
	if s.missing == nil {
		return ""
	}
	for t := range s.missing.nameless {
		if slices.ContainsFunc(all, s.missing.nameless[t].Has) {
			return fmt.Sprintf(why.TextNameless, text, health.Tier(t), s.missing.podNames)
		}
	}
	return ""
}

// NoteReverse says why an address of an endpoint has no name. It is empty where it
// has one, or is nobody's.
func (s *Set) NoteReverse(addr netip.Addr) string {
	at, ok := s.roster.Find(addr)
	if !ok {
		return ""
	}
	text := s.noteNameless(s.roster.Label(s.roster.Target(at)), []roster.At{at})
	if text == "" {
		return ""
	}
	return fmt.Sprintf(why.TextIn, text, s.Service)
}

// noteAddresses looks at the bound of the question too.
func (s *Set) noteAddresses(q *Question, c *Client, family int) string {
	if text := cmp.Or(s.noteFamily(family), noteNear(c, q)); text != "" {
		return text
	}
	if all := s.name[family].Len(); q.MaxAnswers > 0 && q.MaxAnswers < all {
		return fmt.Sprintf(why.TextBounded, q.MaxAnswers, all)
	}
	return ""
}

// noteNear says that an answer has only those near the client.
func noteNear(c *Client, q *Question) string {
	switch {
	case c == nil || c.Near.Group == nil:
		return ""
	case q.MaxAnswers > 0 && q.MaxAnswers < len(c.Near.Group):
		return fmt.Sprintf(why.TextBoundedNear, q.MaxAnswers, len(c.Near.Group), c.nearness())
	}
	return c.nearness()
}

func (c *Client) nearness() string {
	if c.Near.Result == topology.ToNode {
		return c.OnNode
	}
	return c.InZone
}

// noteZonal says why a name of a zone has less than a client could expect.
func (s *Set) noteZonal(q *Question, outcome Outcome) string {
	family := roster.IPv4
	switch q.Type {
	case dns.TypeA:
	case dns.TypeAAAA:
		family = roster.IPv6
	case dns.TypeSRV:
		family = s.betterFamily()
	default:
		if outcome == Found {
			return ""
		}
		return why.TextNoType + s.Service.String()
	}
	if text := s.noteFamily(family); text != "" {
		return text
	}
	var m match
	s.matchZonal(&m, q)
	n := m.from.len()
	switch {
	case q.Type == dns.TypeSRV && len(m.ports) > 0:
		return s.noteRecords(q)
	case n == 0 && q.Name.Protocol != "":
		return why.TextNobodyOffers + s.Service.String()
	case n == 0:
		return why.TextNobodyInZone + s.Service.String()
	case m.most > 0 && m.most < n:
		return fmt.Sprintf(why.TextBounded, m.most, n)
	}
	return ""
}

// notePort says how good those are who offer the port that was asked for, where the
// Service has better ones.
func (s *Set) notePort(q *Question) string {
	if q.Name.Kind != name.Port || q.Type != dns.TypeSRV {
		return ""
	}
	of := s.portsOf(q.Name.Port, q.Name.Protocol)
	if len(of) == 0 {
		return ""
	}
	// A port may have several numbers, each with tiers of its own.
	best := slices.MinFunc(of, func(a, b portSet) int { return int(a.tier) - int(b.tier) })
	switch best.tier {
	case health.Good:
		return ""
	case health.Damped:
		return why.TextDamped
	case health.Draining:
		return why.TextDraining
	}
	return why.TextNobodyServesPort
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
		return fmt.Sprintf(why.TextBoundedSRV, k, all)
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

// NoteNoType says that a name of a Service has no records of a type.
func NoteNoType(service *model.Service) string { return why.TextNoType + service.String() }

func noteExternal(service *model.Service, q *Question, outcome Outcome) string {
	switch outcome {
	case NoData:
		return why.TextNoType + service.String()
	case NoName:
		return fmt.Sprintf(why.TextNotOfExternalName, part(q.Name.Kind), service)
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
	case s.failOpen[family] && s.byCheck(family):
		return fmt.Sprintf(why.TextFailOpenByCheck, healthy, healthy+counts[health.Sick])
	case s.failOpen[family]:
		return fmt.Sprintf(why.TextFailOpen, healthy, healthy+counts[health.Sick])
	case counts[health.Good] > 0:
		return ""
	case counts[health.Damped] > 0:
		return why.TextDamped
	case s.name[family].Len() > 0:
		return why.TextDraining
	case *counts == [health.Tiers]int32{}:
		if s.counts != [roster.Families][health.Tiers]int32{} {
			return fmt.Sprintf(why.TextNoFamily, s.Service)
		}
		return fmt.Sprintf(why.TextNoEndpoints, s.Service)
	case s.byCheck(family) && counts[health.Draining] == 0:
		return fmt.Sprintf(why.TextNobodyPasses, countTiers(counts))
	case s.publish == health.ByServing:
		return fmt.Sprintf(why.TextNobodyUp, countTiers(counts))
	}
	return fmt.Sprintf(why.TextNobodyReady, countTiers(counts))
}

// noteLastRung says why those are published who do not serve.
func (s *Set) noteLastRung(counts *[health.Tiers]int32) string {
	who := countTiers(&[health.Tiers]int32{health.Sick: counts[health.Sick], health.Starting: counts[health.Starting]})
	switch {
	case !s.Service.PublishNotReady:
		return why.TextCalledReady
	case counts[health.Sick] > 0:
		return fmt.Sprintf(why.TextNobodyServes, who)
	}
	return fmt.Sprintf(why.TextNobodyServesYet, who)
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
