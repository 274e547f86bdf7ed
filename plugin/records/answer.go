package records

import (
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"

	"github.com/miekg/dns"
)

// Answer answers for a name at or below the name of the Service.
//
// What is found out about the question is found out first, and returned: the
// stack of a question is small, and drawing records must not begin deep in it.
func (s *Set) Answer(q *Question) (a Answer) {
	room := q.Room
	if s.near != nil {
		a.Near = s.narrow(q)
	}
	if q.Explain {
		// What is reduced is known before it is drawn.
		if a.Note = s.note(q, &a.Near, Found); a.Note != "" {
			room -= NoteSize(a.Note)
		}
	}
	var m match
	switch {
	case s.declares(q):
		s.declaredAnswer(&a, q, room)
	case s.Service.Kind == model.ExternalName:
		s.external(&a, q)
	case s.explains(q):
		s.explanation(&a, q, room)
	default:
		s.match(&m, q)
		if a.Near.Group != nil {
			m.from = pool{list: a.Near.Group}
		}
		a.Outcome = m.outcome
		if q.Type == dns.TypeANY && m.outcome == NoData && s.hasRecords(q) {
			a.Outcome, a.Records = Found, AnswerANY(q.Owner, q.TTL)
		}
	}
	switch {
	case m.from.len() > 0:
		s.addresses(&a, q, &m, room)
	case len(m.ports) > 0:
		m.near = s.near.srv(s.roster, &q.Client)
		s.srv(&a, q, &m, room)
	}
	if q.Explain && a.Outcome != Found {
		a.Note = s.note(q, &a.Near, a.Outcome)
	}
	return a
}

// Wants reports whether the answer depends on where the client is.
func (s *Set) Wants(q *Question) bool {
	return s.near != nil && (q.wantsAll() || s.explains(q))
}

// narrow says which endpoints of the Service name the client gets.
func (s *Set) narrow(q *Question) (r topology.Narrowing) {
	if s.near == nil || q.Name.Kind != name.Service {
		return r
	}
	switch q.Type {
	case dns.TypeA:
		return s.near.narrow(s.roster, roster.IPv4, &q.Client)
	case dns.TypeAAAA:
		return s.near.narrow(s.roster, roster.IPv6, &q.Client)
	}
	return r
}
