package differences

import (
	"slices"

	"github.com/miekg/dns"
)

// ports are the differences in SRV records, and in the names of ports and protocols.
var ports = []Difference{
	{
		Name:    "The name of an endpoint has no SRV records.",
		Reason:  "The specification gives them to port names and to the Service; an endpoint name has addresses.",
		Example: "SRV sts-0.sts.test.svc.cluster.local.",
		Relied:  true,
		change: nodata(func(x *Comparison, m *dns.Msg) bool {
			_, ok := x.label()
			return ok && x.Type == dns.TypeSRV && len(m.Answer) > 0
		}),
	},
	{
		Name:    "The labels of a port and a protocol need their underscores.",
		Reason:  "The names of the specification have them; without them, the same labels may be another name.",
		Example: "SRV sql.tcp.sts.test.svc.cluster.local.",
		Relied:  true,
		change: nxdomain(func(x *Comparison, m *dns.Msg) bool {
			_, _, underscored := x.port()
			return x.service.served() && x.service.Kind == Headless && len(x.below) == 2 && !underscored && m.Rcode == dns.RcodeSuccess && x.Type != dns.TypeSOA
		}),
	},
	{
		Name:    "A lone underscore is no port and no protocol.",
		Reason:  "*kubernetes* takes it for any port or any protocol; the specification has no wildcards.",
		Example: "SRV _._tcp.sts.test.svc.cluster.local.",
		Relied:  true,
		change: nxdomain(func(x *Comparison, m *dns.Msg) bool {
			name, protocol, ok := x.port()
			return ok && (name == "" || protocol == "") && m.Rcode == dns.RcodeSuccess && x.Type != dns.TypeSOA
		}),
	},
	{
		Name:    "A named port without a number has no name.",
		Reason:  "It stands for all ports, which no SRV record can say, so nothing would be there to ask for.",
		Example: "SRV _all._tcp.any-port.test.svc.cluster.local.",
		change: nxdomain(func(x *Comparison, m *dns.Msg) bool {
			name, protocol, ok := x.port()
			return ok && m.Rcode == dns.RcodeSuccess && x.Type != dns.TypeSOA && slices.ContainsFunc(x.service.Endpoints, func(e Endpoint) bool {
				return slices.Contains(e.Ports, Port{name, protocol, 0})
			})
		}),
	},
	{
		Name:    "The name of a port has no addresses.",
		Reason:  "The specification gives it SRV records; a client that asks for addresses there has mistaken the name.",
		Example: "A _sql._tcp.sts.test.svc.cluster.local.",
		Relied:  true,
		change: nodata(func(x *Comparison, m *dns.Msg) bool {
			_, _, ok := x.port()
			return ok && (x.Type == dns.TypeA || x.Type == dns.TypeAAAA) && len(m.Answer) > 0
		}),
	},
	{
		Name:    "The name of a protocol exists where a port has that protocol.",
		Reason:  "Names exist below it, so NXDOMAIN would deny those too (RFC 8020).",
		Example: "A _tcp.sts.test.svc.cluster.local.",
		change: nodata(func(x *Comparison, m *dns.Msg) bool {
			return x.service.served() && len(x.below) == 1 && x.below[0][0] == '_' && x.service.hasProtocol(x.below[0][1:]) && m.Rcode == dns.RcodeNameError
		}),
	},
}
