package differences

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// published are the differences in which endpoints are published.
var published = []Difference{
	{
		Name:    "Where no endpoint is ready, those are published that serve while they terminate.",
		Reason:  "They are the only ones that can be used, and kube-proxy sends traffic to them too. The option `fallback none` turns it off.",
		Example: "A down.test.svc.cluster.local.",
		change:  addDraining,
	},
	{
		Name:    "An endpoint that the newer of two slices calls unready is not published.",
		Reason:  "An endpoint that moves between slices stands in both for a moment; the older one may be out of date.",
		Example: "A moved.test.svc.cluster.local.",
		change:  func(x *Comparison, m *dns.Msg) { dropStanding(x, m, Outdated) },
	},
	{
		Name:    "An address that two Pods claim belongs to one of them.",
		Reason:  "The address was used again: the Pod in the older slice is gone. Where both live, on the network of one node, one of them has no name.",
		Example: "SRV _sql._tcp.reused.test.svc.cluster.local.",
		Relied:  true,
		change:  func(x *Comparison, m *dns.Msg) { dropStanding(x, m, Replaced) },
	},
	{
		Name:    "A slice of the address type FQDN is left out.",
		Reason:  "No address record can be made of it, and the type is deprecated.",
		Example: "A fqdn.test.svc.cluster.local.",
		change:  leaveOutFQDN,
	},
}

func leaveOutFQDN(x *Comparison, m *dns.Msg) {
	if !x.answersHere() || x.service == nil || x.service.FQDN == "" || m.Rcode != dns.RcodeSuccess || len(x.service.endpointsThat(Endpoint.Published)) > 0 {
		return
	}
	rcode := dns.RcodeNameError
	if x.exists() {
		rcode = dns.RcodeSuccess
	}
	x.negative(m, rcode)
}

// addDraining answers with the endpoints that drain: for the name of the Service,
// for their own names, and for those of their ports.
func addDraining(x *Comparison, m *dns.Msg) {
	isDraining := func(e Endpoint) bool { return e.Standing == Draining }
	if answer := x.pointers(isDraining); len(answer) > 0 && x.Type == dns.TypePTR {
		x.addPointers(m, answer)
	}
	if x.service == nil || len(x.service.has(Draining)) == 0 {
		return
	}
	name, protocol, isPort := x.port()
	isPort = isPort && x.service.hasPort(name, protocol)
	label, isLabel := x.label()
	switch {
	case isLabel && len(x.service.named(label)) > 0:
		x.addresses(m, x.service.named(label))
	case x.Type == dns.TypeSRV && (x.is(Headless) || isPort):
		x.addDrainingPorts(m, func(p Port) bool {
			return p.Number > 0 && (!isPort || p.Name == name && p.Protocol == protocol)
		})
	case x.is(Headless):
		x.addDrainingAddresses(m)
	case isPort && len(m.Answer) == 0:
		x.negative(m, dns.RcodeSuccess)
	}
}

// addPointers adds PTR records to those of the stock plugin, which are of other
// Services.
func (x *Comparison) addPointers(m *dns.Msg, added []dns.RR) {
	for _, rr := range m.Answer {
		if hasType([]dns.RR{rr}, dns.TypePTR) {
			added = append(added, rr)
		}
	}
	x.positive(m, dns.Dedup(added, nil), nil)
}

// addDrainingAddresses answers with the endpoints that drain, unless one of the
// address family is ready.
func (x *Comparison) addDrainingAddresses(m *dns.Msg) {
	if len(m.Answer) == 0 {
		x.addresses(m, x.service.has(Draining))
	}
}

// addDrainingPorts adds the SRV records of ports that a condition holds for.
func (x *Comparison) addDrainingPorts(m *dns.Msg, condition func(Port) bool) {
	answer, extra := slices.Clone(m.Answer), WithoutOPT(m.Extra)
	for _, rr := range answer {
		// The other family has ready endpoints, whose share is now another.
		if srv, ok := rr.(*dns.SRV); ok {
			srv.Weight = 100
		}
	}
	for _, e := range x.service.has(Draining) {
		target := e.Called(x.podNames()) + "." + x.tail
		for _, p := range e.Ports {
			if condition(p) {
				answer = append(answer, record(x.Name, "SRV", fmt.Sprintf("20 100 %d %s", p.Number, target)))
			}
		}
		extra = append(extra, addressRecord(target, e.Address))
	}
	if len(answer) == 0 {
		x.negative(m, dns.RcodeSuccess)
		return
	}
	x.positive(m, dns.Dedup(answer, nil), dns.Dedup(extra, nil))
}

// dropStanding takes the endpoints of a standing out of an answer.
func dropStanding(x *Comparison, m *dns.Msg, lost Standing) {
	if x.service == nil && x.Type != dns.TypePTR || m.Rcode != dns.RcodeSuccess {
		return
	}
	services := []*Service{x.service}
	if x.service == nil {
		services = x.Cluster.mistaken
	}
	var addresses, names []string
	for _, s := range services {
		a, n := x.lost(s, lost)
		addresses, names = append(addresses, a...), append(names, n...)
	}
	if label, ok := x.label(); ok && len(x.service.named(label)) == 0 && slices.Contains(names, strings.ToLower(x.Name)) && x.Type != dns.TypeSOA {
		x.negative(m, dns.RcodeNameError)
		return
	}
	before := len(m.Answer)
	left := x.keep(m, func(rr dns.RR) bool {
		switch rr := rr.(type) {
		case *dns.A:
			return !slices.Contains(addresses, rr.A.String())
		case *dns.AAAA:
			return !slices.Contains(addresses, rr.AAAA.String())
		case *dns.SRV:
			return !slices.Contains(names, strings.ToLower(rr.Target))
		case *dns.PTR:
			return !slices.Contains(names, rr.Ptr)
		}
		return true
	})
	isEmpty := x.is(Headless) && len(names) > 0 && !x.exists()
	switch {
	case left || before == 0 && !isEmpty:
	case x.service != nil && x.exists():
		x.negative(m, dns.RcodeSuccess)
	default:
		x.negative(m, dns.RcodeNameError)
	}
}

// lost returns the names of the endpoints of a standing, and those of their
// addresses that no other endpoint of the Service publishes.
func (x *Comparison) lost(s *Service, standing Standing) (addresses, names []string) {
	for _, e := range s.has(standing) {
		names = append(names, e.Called(x.podNames())+"."+s.FullName(x.Cluster.Zone))
		if !slices.ContainsFunc(s.Endpoints, func(o Endpoint) bool { return o.Published() && o.Address == e.Address }) {
			addresses = append(addresses, e.Address)
		}
	}
	return addresses, names
}
