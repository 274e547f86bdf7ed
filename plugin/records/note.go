package records

import (
	"fmt"
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
	case ofService && q.Type == dns.TypeA && outcome != NoName:
		return s.noteAddresses(q, roster.IPv4)
	case ofService && q.Type == dns.TypeAAAA && outcome != NoName:
		return s.noteAddresses(q, roster.IPv6)
	case ofService && outcome == NoName, q.Type == dns.TypeSRV && (ofService || q.Name.Kind == name.Port):
		if text := s.noteFamily(s.betterFamily()); text != "" {
			return text
		}
	}
	switch outcome {
	case Found:
		return ""
	case NoData:
		return "no records of this type here, in " + s.Service.String()
	}
	return "no such " + part(q.Name.Kind) + " in " + s.Service.String()
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

func countTiers(counts *[health.Tiers]int32) string {
	var parts []string
	for _, tier := range []health.Tier{health.Starting, health.Sick, health.Draining, health.Dying} {
		if counts[tier] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[tier], tier))
		}
	}
	return strings.Join(parts, ", ")
}
