package differences

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// zones are the differences in names of topology zones, where both plugins have them.
var zones = []Difference{
	{
		Name:    "The names above those of zones exist.",
		Reason:  "Names exist below them, so NXDOMAIN would deny those too (RFC 8020).",
		Example: "A pin._zone.hand.test.svc.cluster.local.",
		Only:    WithZonal,
		change: nodata(func(x *Comparison, m *dns.Msg) bool {
			return x.isAboveZones() && m.Rcode == dns.RcodeNameError
		}),
	},
	{
		Name:    "The name of a zone may have a port in front.",
		Reason:  "*kubernetes* takes the labels of the port for a part of the zone, and answers for all zones where that is preferred. No zone begins with an underscore.",
		Example: "SRV _one._tcp.eu-1.pin._zone.hand.test.svc.cluster.local.",
		Only:    WithZonal,
		change: func(x *Comparison, m *dns.Msg) {
			if z, ok := x.zonal(); ok && z.protocol != "" {
				x.answerZonal(m, z)
			}
		},
	},
	{
		Name:    "Names of zones have the endpoints that are published, not those that are ready.",
		Reason:  "A zone has what the name of the Service has, less what is elsewhere: also those that serve while they terminate, where no endpoint is ready.",
		Example: "A eu-1.pin._zone.down.test.svc.cluster.local.",
		Only:    WithZonal,
		change: func(x *Comparison, m *dns.Msg) {
			if z, ok := x.zonal(); ok && len(x.service.has(Draining)) > 0 {
				x.answerZonal(m, z)
			}
		},
	},
}

// zonal is a name of a zone, taken apart.
type zonal struct {
	zone           string
	prefer         bool
	port, protocol string
}

// isAboveZones reports whether names of zones lie below the name of the question.
func (x *Comparison) isAboveZones() bool {
	if x.Setup != WithZonal || x.service == nil || x.service.Kind != Headless || !x.isZonal() {
		return false
	}
	return len(x.below) == 1 || len(x.below) == 2 && isDirective(x.below[0])
}

// hasDirective reports whether the question is for a name of the option zonal, or for one above such names.
func (x *Comparison) hasDirective() bool {
	front, _ := x.front()
	n := len(front)
	return n > 0 && front[n-1] == "_zone" && (n == 1 || isDirective(front[n-2]))
}

func isDirective(label string) bool { return label == "pin" || label == "prefer" }

// zonal returns what a name of a zone asks for, where k8s_endpoints answers for such names.
func (x *Comparison) zonal() (z zonal, ok bool) {
	n := len(x.below)
	if x.Setup != WithZonal || x.service == nil || x.service.Kind != Headless || n < 3 || !x.hasDirective() {
		return z, false
	}
	z.prefer = x.below[n-2] == "prefer"
	labels := x.below[:n-2]
	isPart := func(at int) bool { return at < len(labels) && strings.HasPrefix(labels[at], "_") && labels[at] != "_" }
	switch {
	case isPart(0) && isPart(1) && !isPart(2) && len(labels) > 2:
		z.port, z.protocol, labels = labels[0][1:], labels[1][1:], labels[2:]
	case isPart(0) && !isPart(1) && len(labels) > 1:
		z.protocol, labels = labels[0][1:], labels[1:]
	}
	z.zone = strings.Join(labels, ".")
	return z, true
}

// inZone returns the published endpoints that a name of a zone stands for.
func (x *Comparison) inZone(z zonal) []Endpoint {
	offers := func(e Endpoint) bool { return e.Published() && len(z.portsOf(e)) > 0 }
	if z.protocol == "" {
		offers = Endpoint.Published
	}
	found := x.service.endpointsThat(func(e Endpoint) bool { return offers(e) && strings.ToLower(e.Zone) == z.zone })
	if len(found) == 0 && z.prefer {
		return x.service.endpointsThat(offers)
	}
	return found
}

// portsOf returns the ports of an endpoint that SRV records are for.
func (z zonal) portsOf(e Endpoint) []Port {
	return slices.DeleteFunc(slices.Clone(e.Ports), func(p Port) bool {
		return p.Number == 0 || z.protocol != "" && (p.Name != z.port || p.Protocol != z.protocol)
	})
}

// hasZonalRecords reports whether a name of a zone has records of any type.
func (x *Comparison) hasZonalRecords(z zonal) bool {
	return len(x.inZone(z)) > 0 && (z.protocol == "" || z.port != "")
}

// answerZonal makes m the answer for a name of a zone.
func (x *Comparison) answerZonal(m *dns.Msg, z zonal) {
	switch {
	case x.Type == dns.TypeSRV && x.hasZonalRecords(z):
		x.answerZonalPorts(m, z)
	case x.asksAddress() && z.protocol == "":
		x.addresses(m, x.inZone(z))
	default:
		x.negative(m, dns.RcodeSuccess)
	}
}

func (x *Comparison) answerZonalPorts(m *dns.Msg, z zonal) {
	var answer, extra []dns.RR
	for _, e := range x.inZone(z) {
		priority := 0
		if e.Standing == Draining {
			priority = 20
		}
		target := e.Called(x.podNames()) + "." + x.tail
		for _, p := range z.portsOf(e) {
			answer = append(answer, record(x.Name, "SRV", fmt.Sprintf("%d 100 %d %s", priority, p.Number, target)))
		}
		for _, named := range x.service.named(e.Called(x.podNames())) {
			extra = append(extra, addressRecord(target, named.Address))
		}
	}
	if len(answer) == 0 {
		x.negative(m, dns.RcodeSuccess)
		return
	}
	x.positive(m, dns.Dedup(answer, nil), dns.Dedup(extra, nil))
}
