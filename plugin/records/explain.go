package records

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"

	"github.com/miekg/dns"
)

// Explanation is the label, without its underscore, of the name that tells why
// each endpoint is published or not: _explain.S.N.svc.Z.
const Explanation = "explain"

// note says why an answer has less than a client could expect, or nothing at
// all. It is empty where there is nothing to say.
func (s *Set) note(q *Question, outcome Outcome) string {
	if s.Service.Kind == model.ExternalName {
		return noteExternal(s.Service, q, outcome)
	}
	ofService := q.Name.Kind == name.Service
	switch {
	case ofService && q.Type == dns.TypeA && outcome != NoName:
		return s.noteAddresses(q, family4)
	case ofService && q.Type == dns.TypeAAAA && outcome != NoName:
		return s.noteAddresses(q, family6)
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
	if all := int(s.name[family].n); q.MaxAnswers > 0 && q.MaxAnswers < all {
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
	if s.rank(family6) < s.rank(family4) {
		return family6
	}
	return family4
}

// rank is the best tier that a family has endpoints in, behind all those of a
// family in the Service name where none of them is.
func (s *Set) rank(family int) int {
	rank := slices.IndexFunc(s.counts[family][:], func(n int32) bool { return n > 0 })
	if rank < 0 {
		rank = health.Tiers
	}
	if s.name[family].n == 0 {
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
	case s.name[family].n > 0:
		return "draining endpoints only"
	case *counts == [health.Tiers]int32{}:
		if s.counts != [families][health.Tiers]int32{} {
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

// maxExplanation bounds the records of an explanation, in bytes, so that all fit
// into an answer over TCP. It holds some 700 endpoints.
const maxExplanation = 60_000

// explain writes a line for each endpoint, as far as they fit into an answer:
// first for those that are not published.
func (s *Set) explain(u *universe, verdicts [families]health.Verdict, o Options, m *Memory, now time.Time) {
	if !o.Explain {
		return
	}
	m.date(u, verdicts, now)
	s.explained = append(s.explained, "policy: "+o.Policy.String())
	size, left := explanationSize(s.explained[0]), u.len()
	for _, published := range []bool{false, true} {
		for family, of := range u.families() {
			v := &verdicts[family]
			for i, tier := range v.Tiers {
				if v.Published(tier) != published {
					continue
				}
				line := m.explain(v, tier, u.endpoint(of.from+i), o)
				if size += explanationSize(line); size > maxExplanation {
					s.explained = append(s.explained, fmt.Sprintf("and %d more endpoints", left))
					return
				}
				s.explained = append(s.explained, line)
				left--
			}
		}
	}
}

// date notes when each endpoint got the tier that it has.
func (m *Memory) date(u *universe, verdicts [families]health.Verdict, now time.Time) {
	if m.since == nil {
		m.since = make(map[netip.Addr]tierSince)
	}
	for family, of := range u.families() {
		for i, tier := range verdicts[family].Tiers {
			address := u.endpoint(of.from + i).Address
			if since := m.since[address]; since.at.IsZero() || since.tier != tier {
				m.since[address] = tierSince{tier, now}
			}
		}
	}
}

func (m *Memory) explain(v *health.Verdict, tier health.Tier, e *model.Endpoint, o Options) string {
	return fmt.Sprintf("%s %s %s since %s: %s",
		endpointName(e, o.Naming), e.Address, tier, m.since[e.Address].at.UTC().Format(time.RFC3339),
		why(v, tier, e, takenOut(e, o.Drain), m.history[e.ID]))
}

// explanationSize is the size of a line as a TXT record, in bytes.
func explanationSize(line string) int { return sizePointer + sizeFixed + 1 + min(len(line), maxText) }

func endpointName(e *model.Endpoint, naming Naming) string {
	switch {
	case e.Hostname != "":
		return e.Hostname
	case e.Pod != "" && naming == ByPodName:
		return e.Pod
	}
	return dashedLabel(e.Address)
}

// why says whether an endpoint is published, and why not.
func why(v *health.Verdict, tier health.Tier, e *model.Endpoint, drained bool, past *health.Past) string {
	if v.Published(tier) {
		return "published"
	}
	reason := [...]string{
		health.Good:     "it is up",
		health.Damped:   "it flapped, and is damped",
		health.Draining: "it terminates",
		health.Sick:     "it is not ready any more",
		health.Starting: "it has never been ready",
		health.Dying:    "it terminates, and does not serve any more",
	}[tier]
	if tier == health.Damped {
		reason += " until " + past.Until.UTC().Format(time.RFC3339)
	}
	if drained {
		reason = "it is taken out by annotation"
	}
	text := "not published, because " + reason
	if v.Named(tier, e.Conditions) {
		text += "; its own name stays"
	}
	return text
}

// explains tells whether the question is for the name that tells why.
func (s *Set) explains(q *Question) bool {
	return q.Name.Kind == name.Protocol && q.Name.Protocol == Explanation && len(s.explained) > 0
}

// explanation answers for _explain: a TXT record for each line, of which no
// cache is to keep anything.
func (s *Set) explanation(a *Answer, q *Question, room int) {
	if q.Type != dns.TypeTXT {
		a.Outcome = NoData
		return
	}
	a.Outcome = Found
	for _, line := range s.explained {
		if room -= explanationSize(line); room < 0 {
			a.Truncated = true
			break
		}
		a.Records = append(a.Records, &dns.TXT{Hdr: header(q.Owner, dns.TypeTXT, 0), Txt: []string{line[:min(len(line), maxText)]}})
	}
}

// maxText is the length of the longest string in a TXT record, in bytes (RFC
// 1035, section 3.3).
const maxText = 255
