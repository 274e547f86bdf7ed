package differences

import (
	"strings"

	"github.com/miekg/dns"
)

// alone are the differences where no plugin stands behind k8s_endpoints.
var alone = []Difference{
	{
		Name:    "Names of Services with a cluster IP are not answered.",
		Reason:  "They are left to *kubernetes*.",
		Example: "A web.test.svc.cluster.local.",
		Only:    Alone,
		Relied:  true,
		change: nxdomain(func(x *Comparison, m *dns.Msg) bool {
			isTheirs := x.service != nil && x.service.Kind == ClusterIP ||
				len(x.Cluster.clusterIPs[strings.ToLower(x.Name)]) > 0 && len(x.publishers) == 0
			return isTheirs && m.Rcode == dns.RcodeSuccess
		}),
	},
	{
		Name:    "The SOA record of a zone gives `negative_ttl` as its minimum.",
		Reason:  "It is the same record as in negative answers (RFC 2308, section 4).",
		Example: "SOA cluster.local.",
		Only:    Alone,
		change: func(x *Comparison, m *dns.Msg) {
			if x.Type == dns.TypeSOA && x.prefix() == "" && len(m.Answer) == 1 {
				m.Answer[0].(*dns.SOA).Minttl = negativeTTL
				x.touched = true
			}
		},
	},
	{
		Name:    "A zone has an NS record, `ns.dns`, which has the address that the question came to.",
		Reason:  "The SOA record names the same server, and a resolver that believes the zone looks for it. *kubernetes* has it only where it is bound to an address that is not a loopback one.",
		Example: "NS cluster.local.",
		Only:    Alone,
		change: func(x *Comparison, m *dns.Msg) {
			switch {
			case x.zone() != "" && x.prefix() == "ns.dns." && x.Type == dns.TypeA:
				x.positive(m, []dns.RR{record(x.Name, "A", "127.0.0.1")}, nil)
			case x.zone() != "" && (x.prefix() == "ns.dns." || x.prefix() == "dns."):
				x.negative(m, dns.RcodeSuccess)
			case x.prefix() == "" && x.zone() != "" && x.Type == dns.TypeNS && len(m.Answer) == 0:
				x.positive(m, []dns.RR{record(x.Name, "NS", "ns.dns."+x.zone())}, nil)
			}
		},
	},
	{
		Name:    "A namespace in which no Service is served does not exist, nor does `pod`.",
		Reason:  "Nothing is answered below: Namespaces and Pods are not watched.",
		Example: "A vacant.svc.cluster.local.",
		Only:    Alone,
		change: nxdomain(func(x *Comparison, m *dns.Msg) bool {
			namespace, ok := strings.CutSuffix(x.prefix(), ".svc.")
			isVacant := ok && !strings.Contains(namespace, ".") && !x.Cluster.served[namespace]
			return x.forward() && (x.prefix() == "pod." || isVacant) && m.Rcode == dns.RcodeSuccess
		}),
	},
	{
		Name:    "A zone exists for questions of type TXT.",
		Reason:  "It exists for all other types too.",
		Example: "TXT cluster.local.",
		Only:    Alone,
		change: nodata(func(x *Comparison, m *dns.Msg) bool {
			return x.Type == dns.TypeTXT && x.prefix() == "" && x.zone() != "" && m.Rcode == dns.RcodeNameError
		}),
	},
	{
		Name:    "Any name on the way to reverse names exists.",
		Reason:  "Reverse names may come below, and NXDOMAIN would deny those too (RFC 8020).",
		Example: "PTR 9.in-addr.arpa.",
		Only:    Alone,
		change: nodata(func(x *Comparison, m *dns.Msg) bool {
			return x.isOnTheWay() && m.Rcode == dns.RcodeNameError
		}),
	},
	{
		Name:    "The name `dns-version` is only in zones that are not reverse ones.",
		Reason:  "The specification has it in the zone of the cluster.",
		Example: "TXT dns-version.in-addr.arpa.",
		Only:    Alone,
		change: nxdomain(func(x *Comparison, m *dns.Msg) bool {
			return !x.forward() && x.prefix() == "dns-version." && len(m.Answer) > 0
		}),
	},
	{
		Name:    "Without *kubernetes* behind it, no name that does not exist has NODATA for SOA.",
		Reason:  "The name does not exist, whatever the type (RFC 2308, section 2.1).",
		Example: "SOA nope.cluster.local.",
		Only:    Alone,
		change: nxdomain(func(x *Comparison, m *dns.Msg) bool {
			return x.Type == dns.TypeSOA && len(m.Answer) == 0 && x.zone() != "" && !x.service.served() && !existsInZone(x)
		}),
	},
}

// existsInZone reports whether a name that no Service owns exists.
func existsInZone(x *Comparison) bool {
	if prefix := x.prefix(); prefix == "ns.dns." || prefix == "dns." {
		return true
	}
	if x.forward() {
		return x.isNamespace() || x.isVersion()
	}
	return x.prefix() == "" || x.isOnTheWay() || len(x.publishers) > 0
}
