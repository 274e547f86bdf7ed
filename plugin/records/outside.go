package records

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
)

// maxOutside bounds the names of one Service: an answer for its name may look all of them up.
const maxOutside = 100

// compileOutside finds the names in slices that are published: those that are up, and where
// nobody at all is up, those that still serve. No other tier is kept of names, since nobody
// knows what stands behind one.
func (s *Set) compileOutside(all []*model.Slice, o *Options, counts [roster.Families][health.Tiers]int) {
	if !o.FQDNSlices {
		return
	}
	others := counts[roster.IPv4][health.Good] + counts[roster.IPv6][health.Good]
	up := func(c model.Conditions) bool {
		if s.Service.PublishNotReady {
			c |= model.Ready
		}
		return o.Policy.Publish.Up(c)
	}
	s.takeOutside(all, o, up)
	if len(s.outside) == 0 && others == 0 && o.Policy.Fallback != health.FallbackNone {
		s.takeOutside(all, o, func(c model.Conditions) bool { return c.Has(model.Serving) })
	}
	s.explainOutside(all, o)
	if len(s.outside) == 0 {
		return
	}
	wish := external.Wish{LastGood: o.External.LastGood, Flatten: true}
	s.plan = external.NewPlan(&model.Service{}, &wish, o.Rules)
	s.plan.Targets, s.plan.Refused = nil, nil
	for _, each := range s.outside {
		s.plan.Targets = append(s.plan.Targets, external.Target{Name: each.name})
	}
}

// takeOutside takes the names of endpoints in some conditions, sorted and each once.
func (s *Set) takeOutside(all []*model.Slice, o *Options, has func(model.Conditions) bool) {
	s.outside = nil
	for _, slice := range all {
		for _, n := range slice.Named() {
			if has(n.Conditions) && o.Rules.AllowsName(n.Name) {
				s.addOutside(n.Name, slice.Ports)
			}
		}
	}
}

func (s *Set) addOutside(text string, ports []model.Port) {
	at, known := slices.BinarySearchFunc(s.outside, text, func(o outsider, text string) int { return strings.Compare(o.name, text) })
	switch {
	case known:
		of := &s.outside[at]
		for _, p := range ports {
			if !slices.Contains(of.ports, p) {
				of.ports = append(of.ports[:len(of.ports):len(of.ports)], p)
			}
		}
	case len(s.outside) < maxOutside:
		s.outside = slices.Insert(s.outside, at, outsider{text, ports})
	}
}

// explainOutside has a line for each name, whether it is published or not.
func (s *Set) explainOutside(all []*model.Slice, o *Options) {
	if !o.Explain {
		return
	}
	known := make(map[string]bool)
	for _, slice := range all {
		for _, n := range slice.Named() {
			if known[n.Name] {
				continue
			}
			known[n.Name] = true
			line := strings.TrimSuffix(n.Name, ".") + " " + s.whyOutside(n.Name, o)
			s.stood.explain(line)
		}
	}
}

func (s *Set) whyOutside(text string, o *Options) string {
	switch {
	case slices.ContainsFunc(s.outside, func(each outsider) bool { return each.name == text }):
		return "published, as the addresses that it has"
	case !o.Rules.AllowsName(text):
		return "not published, because the Corefile does not let it lead there"
	case len(s.outside) == maxOutside:
		return fmt.Sprintf("not published, because it is none of the first %d", maxOutside)
	}
	return "not published, because it is not up"
}

// HasOutside reports whether an answer needs what names in slices lead to.
func (s *Set) HasOutside(q *Question) bool {
	return len(s.outside) > 0 && q.Name.Kind == name.Service && (q.Type == dns.TypeA || q.Type == dns.TypeAAAA)
}

// HasNames reports whether there are names in slices.
func (s *Set) HasNames() bool { return len(s.outside) > 0 }

// Published returns the addresses of a family that the Service name has of its own.
func (s *Set) Published(family int) (all []netip.Addr) {
	of := s.name[family]
	for i := range int32(of.Len()) {
		all = append(all, s.roster.Address(of.At(i)))
	}
	return all
}

// addOutsideTo adds the SRV records of names in slices to an answer, and has names exist that
// only these have.
func (s *Set) addOutsideTo(a *Answer, q *Question) {
	var rrs []dns.RR
	exists := false
	for i := range s.outside {
		for j, p := range s.outside[i].ports {
			if p.Name == "" || !q.reaches(p) || isShown(s.outside[i].ports[:j], p, q) {
				continue
			}
			exists = true
			if q.Name.Kind != name.Protocol {
				rrs = append(rrs, &dns.SRV{
					Hdr: Header(q.Owner, dns.TypeSRV, q.TTL), Priority: srvBestPriority, Weight: srvWeight,
					Port: p.Number, Target: s.outside[i].name,
				})
			}
		}
	}
	exists = exists || q.Name.Kind == name.Service
	switch {
	case q.Type == dns.TypeSRV && len(rrs) > 0:
		a.Records, a.Outcome = append(a.Records, rrs...), Found
	case a.Outcome == Found || !exists:
	case q.Type == dns.TypeANY && q.Name.Kind != name.Protocol:
		a.Records, a.Outcome = AnswerANY(q.Owner, q.TTL), Found
	default:
		a.Outcome = NoData
	}
}

// reaches reports whether a port is one that the name asks for, or for one of its kind.
func (q *Question) reaches(p model.Port) bool {
	switch q.Name.Kind {
	case name.Service:
		return true
	case name.Protocol:
		return p.Protocol.String() == q.Name.Protocol
	case name.Port:
		return q.isFor(p)
	}
	return false
}

// isShown reports whether a record for one of some ports would be the same: at the Service
// name only the number of a port is to be seen.
func isShown(before []model.Port, p model.Port, q *Question) bool {
	return q.Name.Kind == name.Service && slices.ContainsFunc(before, func(b model.Port) bool { return b.Name != "" && b.Number == p.Number })
}
