// Package records compiles a Service into its record set, and draws answers
// from it.
//
// Reading order: set.go has the Set. compile.go makes one: roster says who is in the
// Service, health who is published, ports.go who offers which port, and memory.go
// remembers for the next time. question.go has what is asked and answered, match.go finds
// where a question leads; addresses.go, srv.go and external.go make the records, with
// draw.go for their choice and order. note.go and explain.go say why there is less than a
// client could expect, and answer.go puts all together. equal.go compares two Sets.
package records

import (
	"net/netip"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// A Set is all records of one Service. It is immutable: any number of queries
// may draw from it at once.
//
// It knows no zone and no TTL: names are put together when an answer is, so
// that all zones share one Set, and a name in an answer ends like the question.
type Set struct {
	// Service is what the Set was compiled from, and Limits what it says of its
	// answers.
	Service *model.Service
	Limits  Limits

	// salt sets the shares of clients in this Service apart from those in others.
	salt uint64
	// roster is all endpoints, published or not. named are those that have a name,
	// and name those that the Service name has, by family.
	roster *roster.Roster
	named  roster.Selection
	name   [roster.Families]roster.Selection
	// ports are the named ports, sorted, with those who have them, and numbers
	// are the same without the names: an SRV record of the Service name shows
	// only the number, and no record stands there twice (RFC 2181, section 5).
	ports, numbers []portSet
	// protocols are those of the ports, each once.
	protocols []model.Protocol
	// nameless are the endpoints without a name, by tier, as podNames has it; nil is
	// nobody.
	nameless *[health.Tiers]roster.Selection
	podNames health.PodNames
	// counts, failOpen and lastRung are the policy's, by family; for the others see
	// Tally.
	counts   [roster.Families][health.Tiers]int32
	failOpen [roster.Families]bool
	lastRung [roster.Families]bool
	observed int32
	best     health.Tier
	any      bool
	// explained has a line for each endpoint and one for the policy, or nothing.
	explained []string
}

// Options are what a Set is compiled with besides objects.
type Options struct {
	Naming roster.Naming
	Policy health.Policy
	// Drain holds the endpoint names, in lower case and sorted, that are taken
	// out.
	Drain []string
	// Explain makes the Set answer for _explain.
	Explain bool
	// Limits are kept in the Set.
	Limits Limits
}

// Limits are what a Service says of its answers; nil is nothing.
type Limits struct {
	// TTL and NegativeTTL are in seconds.
	TTL, NegativeTTL *uint32
	// MaxAnswers is a count, 0 for all.
	MaxAnswers *int
}

// nobody is the Roster of a Service that has no endpoints of its own.
var nobody roster.Roster

// Len returns the number of addresses that have a name.
func (s *Set) Len() int { return s.named.Len() }

// A Pointer is what a PTR record gives for an address.
type Pointer struct {
	// Endpoint is the endpoint name.
	Endpoint string
	// Rank is how well that names the Pod, the best first: by hostname, by the name of
	// the Pod, or by the address.
	Rank int
}

// Reverse returns what a PTR record gives for an address, where it has a name.
func (s *Set) Reverse(addr netip.Addr) (p Pointer, ok bool) {
	at, ok := s.roster.Find(addr)
	if !ok || !s.named.Has(at) {
		return Pointer{}, false
	}
	target := s.roster.Target(at)
	return Pointer{s.roster.Label(target), s.roster.Rank(target)}, true
}
