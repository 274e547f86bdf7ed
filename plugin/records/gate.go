package records

import (
	"fmt"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	"github.com/miekg/dns"
)

// A gate keeps the name of a Service empty until it has had as many endpoints as it asks
// for: software that makes final what it sees first must not see a part. Once open, it is
// open for the life of the Service. The zero value is undecided.
type gate struct {
	state gateState
	// created tells the Service from another one that had its name before.
	created model.Moment
}

type gateState uint8

const (
	undecided gateState = iota
	closed
	open
)

// settled is how old a Service is that has been there before anybody looked: who closed its
// name now would take it from those who use it.
const settled = 10 * time.Minute

// admits decides whether a gate that is not open yet opens, with so many endpoints there.
func (g *gate) admits(service *model.Service, arrived, wanted int, now time.Time) bool {
	isSettled := service.Created != 0 && now.Sub(service.Created.Time()) > settled
	switch {
	case g.state == undecided && isSettled, arrived >= wanted:
		g.state = open
	case g.state == undecided:
		g.state = closed
	}
	return g.state == open
}

// isOpen reports whether the gate is open for a Service, and forgets another one of its name.
func (g *gate) isOpen(service *model.Service) bool {
	if g.created != service.Created {
		*g = gate{created: service.Created}
	}
	return g.state == open
}

// RestoreGate has the Memory go on with whether the name of a Service waits, as that was
// known before the process began, or before a reload.
func (m *Memory) RestoreGate(service *model.Service, waits bool) {
	m.gate = gate{open, service.Created}
	if waits {
		m.gate.state = closed
	}
}

// wait decides whether the name of the Service waits until there are so many endpoints.
func (s *Set) wait(wanted int, c *roster.Current, m *Memory, now time.Time) {
	switch {
	case wanted == 0:
		m.gate = gate{}
		return
	case m.gate.isOpen(s.Service):
		return
	}
	arrived, leaving := arrivals(c)
	switch {
	case m.gate.admits(s.Service, arrived, wanted, now):
	case leaving > 0:
		s.missing = &missing{waits: fmt.Sprintf(why.TextWaitsBeside, arrived, wanted, leaving)}
	default:
		s.missing = &missing{waits: fmt.Sprintf(why.TextWaits, arrived, wanted)}
	}
}

// arrivals counts the endpoints that have an address, ready or not, and apart from these
// those that terminate: they do not start with the others. A Pod may have an address in each
// family: the family with more of them counts.
func arrivals(c *roster.Current) (arrived, leaving int) {
	var of, terminating [roster.Families]int
	for at := range roster.At(c.Len()) {
		if c.Endpoint(at).Has(model.Terminating) {
			terminating[c.Family(at)]++
		} else {
			of[c.Family(at)]++
		}
	}
	return slices.Max(of[:]), slices.Max(terminating[:])
}

// close takes all records from the Service name and from those of its ports. The names of
// endpoints stay: those who wait for each other ask for these.
func (s *Set) close() {
	s.name = [len(s.name)]roster.Selection{}
	s.ports, s.numbers, s.protocols = nil, nil, nil
	s.outside = nil
	if s.zoned != nil {
		s.zoned = new(zoned)
	}
	s.any, s.best = false, 0
}

// isEmptied reports whether a name would have what is asked for if it did not wait, as far as
// anybody knows.
func (s *Set) isEmptied(q *Question, outcome Outcome) bool {
	switch q.Name.Kind {
	case name.Service, name.Zonal:
		ofEndpoints := q.Type == dns.TypeA || q.Type == dns.TypeAAAA || q.Type == dns.TypeSRV || q.Type == dns.TypeANY
		return outcome == NoName || ofEndpoints && outcome == NoData
	case name.Port, name.Protocol:
		return outcome == NoName && s.knows(q)
	}
	return false
}

// Waits reports whether the name of the Service waits for endpoints.
func (s *Set) Waits() bool { return s.waits() != "" }

func (s *Set) waits() string {
	if s.missing == nil {
		return ""
	}
	return s.missing.waits
}
