// Package report gathers the results of a comparison, says whether a switch is safe, and writes all that down as text
// or as JSON.
//
// Read result.go first (one question), then report.go (all of them), then text.go or json.go; topology.go
// has a list that is no result.
package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	"github.com/miekg/dns"
)

// The exit statuses.
const (
	// Safe says that all answers are alike, or differ as documented and for the better.
	Safe = 0
	// Decide says that there are differences that somebody has to decide on.
	Decide = 1
	// Unknown says that neither could be found out.
	Unknown = 2
)

// A Report has all results, by what they mean for a switch.
type Report struct {
	// KubeDNS and Ours are the addresses of the servers, and Zone is that of the cluster.
	KubeDNS, Ours, Zone string
	// IsLocal is set where ours runs in this process.
	IsLocal bool
	// EndpointsKept is set where kubernetes is to keep its endpoints behind k8s_endpoints.
	EndpointsKept bool
	// Cluster has the Services that were asked for.
	Cluster *differences.Cluster
	// Again counts the questions that were asked a second time.
	Again int
	// Took is how long it all took.
	Took time.Duration

	questions, alike int
	// improved and undecided are documented differences, by their names.
	improved, undecided map[string]*group
	unexplained, failed []*Result
	// better counts answers whose differences are all for the better, and waiting those that somebody has to decide
	// on.
	better, waiting     int
	kubeDNSTTL, oursTTL ttls
}

// A group is the answers that show a difference.
type group struct {
	*differences.Difference
	results []*Result
}

// ttls are the largest that a server gave to positive and negative answers about headless and ExternalName Services,
// in seconds.
type ttls struct{ positive, negative uint32 }

// Add takes a result.
func (r *Report) Add(one *Result) {
	r.questions++
	if one.Err != nil {
		r.failed = append(r.failed, one)
		return
	}
	if s := r.Cluster.Of(one.Name); s != nil && s.Kind != differences.ClusterIP {
		r.kubeDNSTTL.add(one.KubeDNS, r.Zone)
		r.oursTTL.add(one.Ours, r.Zone)
	}
	switch {
	case !one.Differs:
		r.alike++
	case !one.IsExplained:
		r.unexplained = append(r.unexplained, one)
	case len(one.Undecided) > 0:
		r.waiting++
		r.undecided = gather(r.undecided, one.Undecided, one)
	default:
		r.better++
		r.improved = gather(r.improved, one.Met, one)
	}
}

func gather(groups map[string]*group, met []differences.Met, one *Result) map[string]*group {
	if groups == nil {
		groups = make(map[string]*group)
	}
	for _, d := range met {
		g := groups[d.Name]
		if g == nil {
			g = &group{Difference: d.Difference}
			groups[d.Name] = g
		}
		g.results = append(g.results, one)
	}
	return groups
}

func (t *ttls) add(m *dns.Msg, zone string) {
	for _, rr := range m.Answer {
		if dns.IsSubDomain(zone, dns.CanonicalName(rr.Header().Name)) {
			t.positive = max(t.positive, rr.Header().Ttl)
		}
	}
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok && len(m.Answer) == 0 && dns.IsSubDomain(zone, dns.CanonicalName(soa.Hdr.Name)) {
			t.negative = max(t.negative, min(soa.Hdr.Ttl, soa.Minttl))
		}
	}
}

// Status is the exit status.
func (r *Report) Status() int {
	switch {
	case r.waiting > 0 || len(r.unexplained) > 0:
		return Decide
	case len(r.failed) > 0 || r.questions == 0:
		return Unknown
	}
	return Safe
}

// verdict is the status in words.
func (r *Report) verdict() string {
	switch r.Status() {
	case Safe:
		return "Safe to switch, where no answer by hand is yes: what differs is documented, and for the better."
	case Decide:
		return "Do not switch before somebody has decided on what stands above."
	}
	return "It could not be found out whether it is safe to switch: some questions have no answer."
}

// byHand are the questions that somebody has to answer by hand.
func (r *Report) byHand() []differences.ByHand {
	return slices.DeleteFunc(slices.Clone(differences.AllByHand), func(b differences.ByHand) bool { return b.Change(r.EndpointsKept) == "" })
}

// count counts the Services of a kind.
func (r *Report) count(k differences.Kind) int {
	n := 0
	for _, s := range r.Cluster.Services {
		if s.Kind == k {
			n++
		}
	}
	return n
}

// sorted are groups, the largest first.
func sorted(groups map[string]*group) []*group {
	var all []*group
	for _, g := range groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *group) int {
		return cmp.Or(cmp.Compare(len(b.results), len(a.results)), cmp.Compare(a.Name, b.Name))
	})
	return all
}
