package records

import (
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
)

// Answer answers for a name at or below the name of the Service.
//
// What is found out about the question is found out first, and returned: the
// stack of a question is small, and drawing records must not begin deep in it.
func (s *Set) Answer(q *Question) Answer { return s.AnswerTo(q, nil) }

// AnswerTo answers like Answer to a client, which may be nil where Wants is false. It
// says in it what topology found out.
func (s *Set) AnswerTo(q *Question, c *Client) (a Answer) {
	room := q.Room
	if s.checked != nil && s.checked.asked != nil {
		s.checked.asked()
	}
	if c != nil {
		s.narrow(q, c)
	}
	if q.Explain {
		// What is reduced is known before it is drawn.
		if a.Note = s.note(q, c, Found); a.Note != "" {
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
		s.explanation(&a, q, c, room)
	default:
		s.match(&m, q)
		// Written here, the client stays on the stack.
		switch {
		case c == nil:
		case c.Near.Group != nil:
			m.from = pool{list: c.Near.Group}
		case !c.srv.isEmpty():
			m.near = &c.srv
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
		s.srv(&a, q, &m, room)
	}
	if len(s.outside) > 0 {
		s.addOutsideTo(&a, q)
	}
	if q.Explain && a.Outcome != Found {
		a.Note = s.note(q, c, a.Outcome)
	}
	return a
}

// Wants reports whether the answer depends on where the client is.
func (s *Set) Wants(q *Question) bool {
	return s.near != nil && (q.wantsAll() || s.explains(q))
}

// narrow finds out what the client gets.
func (s *Set) narrow(q *Question, c *Client) {
	switch {
	case s.near == nil || !q.wantsAll():
	case q.Type == dns.TypeSRV:
		c.srv = s.near.srv(s.roster, c)
	case q.Type == dns.TypeA:
		c.Near = s.near.narrow(s.roster, roster.IPv4, c)
	case q.Type == dns.TypeAAAA:
		c.Near = s.near.narrow(s.roster, roster.IPv6, c)
	}
}
