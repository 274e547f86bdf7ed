package main

import (
	"cmp"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	"github.com/miekg/dns"
)

// A report is all that was found out.
type report struct {
	kubeDNS, ours, zone string
	isLocal             bool
	cluster             *differences.Cluster
	// headless and externalNames count Services.
	headless, externalNames int
	// questions counts those to which the rest comes down: again of them were
	// asked a second time.
	questions, alike, again int
	took                    time.Duration

	// improved and undecided are documented differences, by their names.
	improved, undecided map[string]*group
	unexplained, failed []*result
	// better and waiting count answers whose differences are all for the better,
	// and those that somebody has to decide on.
	better, waiting int
	kubeDNSTTL      ttls
	oursTTL         ttls
}

// A group is the answers that show a difference.
type group struct {
	*differences.Difference
	results []*result
}

// ttls are the largest that a server gave to positive and negative answers about
// headless and ExternalName Services, in seconds.
type ttls struct{ positive, negative uint32 }

func newReport(o *options, s *servers, c *differences.Cluster) *report {
	r := &report{
		kubeDNS: s.kubeDNS.udp, ours: s.ours.udp, isLocal: s.isLocal, zone: o.zone, cluster: c,
		improved: make(map[string]*group), undecided: make(map[string]*group),
	}
	for _, service := range c.Services {
		switch service.Kind {
		case differences.Headless:
			r.headless++
		case differences.ExternalName:
			r.externalNames++
		}
	}
	return r
}

// take adds results, but for those that are to be asked again, and returns the
// questions of those.
func (r *report) take(results []*result, isAgain func(*result) bool) []differences.Question {
	var again []differences.Question
	for _, one := range results {
		if isAgain != nil && isAgain(one) {
			again = append(again, one.Question)
			continue
		}
		r.add(one)
	}
	return again
}

func (r *report) add(one *result) {
	r.questions++
	if one.err != nil {
		r.failed = append(r.failed, one)
		return
	}
	if s := r.cluster.Of(one.Name); s != nil && s.Kind != differences.ClusterIP {
		r.kubeDNSTTL.add(one.kubeDNS, r.zone)
		r.oursTTL.add(one.ours, r.zone)
	}
	switch {
	case !one.differs:
		r.alike++
	case !one.isExplained:
		r.unexplained = append(r.unexplained, one)
	case len(one.undecided) > 0:
		r.waiting++
		gather(r.undecided, one.undecided, one)
	default:
		r.better++
		gather(r.improved, one.met, one)
	}
}

func gather(groups map[string]*group, met []differences.Met, one *result) {
	for _, d := range met {
		g := groups[d.Name]
		if g == nil {
			g = &group{Difference: d.Difference}
			groups[d.Name] = g
		}
		g.results = append(g.results, one)
	}
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

// status is the exit status.
func (r *report) status() int {
	switch {
	case r.waiting > 0 || len(r.unexplained) > 0:
		return decide
	case len(r.failed) > 0 || r.questions == 0:
		return cannotBe
	}
	return safe
}

// verdict is the status in words.
func (r *report) verdict() string {
	switch r.status() {
	case safe:
		return "Safe to switch: what differs is documented, and for the better."
	case decide:
		return "Do not switch before somebody has decided on what stands above."
	}
	return "It could not be found out whether it is safe to switch: some questions have no answer."
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
