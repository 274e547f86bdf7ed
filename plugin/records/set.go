// Package records compiles a Service into its record set, and draws answers
// from it.
//
// Reading order: set.go has the Set. compile.go makes one: roster says who is in the
// Service, health who is published, ports.go who offers which port, and memory.go
// remembers for the next time. question.go has what is asked and answered, match.go finds
// where a question leads; addresses.go, srv.go, external.go and declared.go make the
// records, with draw.go for their choice and order, near.go for who gets only those near
// it, gate.go for names that wait, and zonal.go for names of zones, with zones.go for who is
// in which. note.go and explain.go say why there is less than a client could expect, and
// answer.go puts all together. checks.go says what is to be checked, and takes over what
// checks found, which is kept as checked.go says; checkexplain.go explains it. stand.go keeps
// how endpoints stand, as stood.go says, for those who ask later what was, with the dates of
// dates.go, and look.go tells people. equal.go compares two Sets.
package records

import (
	"net/netip"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
)

// A Set is all records of one Service. It is immutable: any number of queries
// may draw from it at once.
//
// It knows no zone and no TTL: names are put together when an answer is, so
// that all zones share one Set, and a name in an answer ends like the question.
type Set struct {
	// Service is what the Set was compiled from.
	Service *model.Service
	// declared is what it says of its answers, nil where that is nothing.
	declared *Declared
	// plan is nil but for an ExternalName Service that is more than an alias, and for a
	// headless one with names in its slices. These are outside.
	plan    *external.Plan
	outside []outsider

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
	// missing is nil where every endpoint has a name, no slice is left out, and nobody is
	// waited for.
	missing *missing
	// counts, failOpen and lastRung are the policy's, by family; for the others see
	// Tally.
	counts   [roster.Families][health.Tiers]int32
	failOpen [roster.Families]bool
	lastRung [roster.Families]bool
	observed int32
	best     health.Tier
	any      bool
	// takesZones is true where endpoints have the zones of their nodes.
	takesZones bool
	// near is nil where all clients get the same, and zoned where nobody asks for a zone.
	near  *near
	zoned *zoned
	// checked is nil where endpoints are not checked.
	checked *checked
	// publish is by which condition the policy goes.
	publish health.Publish
	// Serial is for the SOA record of a Service that declares one. It is not of the
	// Service, but of when it changed: who publishes a Set sets it before.
	Serial uint32
	// stood is nil where nobody asks what was, nor for an explanation.
	stood *stood
}

// outsider is a published endpoint that is a name (EndpointSlices of the address type FQDN).
type outsider struct {
	name  string
	ports []model.Port
}

// missing is what a client may look for in a Set in vain, and why.
type missing struct {
	// nameless are the endpoints without a name, by tier, as podNames has it.
	nameless [health.Tiers]roster.Selection
	podNames health.PodNames
	// leftOut says how many slices are left out, and why; empty is none.
	leftOut string
	// waits says for whom the name of the Service waits; empty is nobody.
	waits string
}

// Options are what a Set is compiled with besides objects.
type Options struct {
	Naming roster.Naming
	Policy health.Policy
	// Topology says when clients get only those near them, and ZoneOf in which zone a node
	// is, where slices do not say it. It may be nil.
	Topology topology.Policy
	ZoneOf   func(node model.Place) model.Place
	// Demand is where clients are, for a topology with a bound of overload.
	Demand topology.Demand
	// MinEndpoints is how many endpoints there are to be, once, before the Service name has
	// records; 0 is none.
	MinEndpoints int
	// Drain holds the endpoint names, in lower case and sorted, that are taken
	// out.
	Drain []string
	// Zonal makes the Set answer for names of zones.
	Zonal bool
	// Explain makes the Set answer for _explain, and History has a State with About.
	Explain, History bool
	// Look keeps how endpoints stand, and since when, for those who look at the Set.
	Look bool
	// FQDNSlices makes a headless Service have what names in its slices lead to.
	FQDNSlices bool
	// CheckMode says whether Check counts.
	CheckMode check.Mode
	// About is what a State has of the Service as a whole.
	About string
	// Before is what is served so far, nil where that is nothing.
	Before *Set
	// Declared is kept in the Set.
	Declared Declared
	// Check is what a Service asks for, and Found what checks have found; it may be nil.
	Check check.Wanted
	Found *check.Findings
	// Asked is called for each question about a Service whose endpoints are checked, from
	// any goroutine. It may be nil.
	Asked func()
	// External is what an ExternalName Service wants done about what it leads to, and Rules
	// which names and addresses that may be, nil for any.
	External external.Wish
	Rules    *external.Rules
}

// Declared is what a Service says of its answers, and the records that it has besides
// those of its endpoints. The zero value says nothing.
type Declared struct {
	// TTL and NegativeTTL are in seconds.
	TTL, NegativeTTL *uint32
	// MaxAnswers is a count, 0 for all.
	MaxAnswers *int
	// TXT are the strings of the TXT record at the Service name, and ServiceConfig
	// those at _grpc_config below it, each as it is written in a zone file, without
	// quotes.
	TXT, ServiceConfig []string
	// SOA makes the Service name, and the one of its namespace, have an SOA record.
	SOA bool
}

// saysNothing reports whether d is the zero value.
func (d *Declared) saysNothing() bool {
	return d.TTL == nil && d.NegativeTTL == nil && d.MaxAnswers == nil && d.TXT == nil && d.ServiceConfig == nil && !d.SOA
}

// nothing is declared by a Service without annotations.
var nothing Declared

// Declared returns what the Service says of its answers. Nobody may write to it.
func (s *Set) Declared() *Declared {
	if s.declared == nil {
		return &nothing
	}
	return s.declared
}

// Plan returns what is done about what the Service leads to, nil where it is no more than an
// alias. Nobody may write to it.
func (s *Set) Plan() *external.Plan { return s.plan }

// Check returns what the Service wants to have checked, the zero value where that is nothing.
func (s *Set) Check() check.Wanted {
	if s.checked == nil {
		return check.Wanted{}
	}
	return s.checked.wanted.Value()
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
