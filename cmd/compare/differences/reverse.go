package differences

import (
	"strings"

	"github.com/miekg/dns"
)

// reverseNames are the differences in the reverse zones.
var reverseNames = []Difference{
	{
		Name:    "A reverse name exists for all types of questions.",
		Reason:  "It has a PTR record, so another type is NODATA (RFC 2308, section 2.2).",
		Example: "A 1.0.1.10.in-addr.arpa.",
		change: nodata(func(x *Comparison, m *dns.Msg) bool {
			return len(x.publishers) > 0 && x.Type != dns.TypePTR && m.Rcode == dns.RcodeNameError
		}),
	},
	{
		Name:    "A name below the reverse name of an IPv6 address does not exist.",
		Reason:  "*kubernetes* does not look at up to three labels too many.",
		Example: "PTR 1." + ReverseName("fd00:1::1"),
		change: nxdomain(func(x *Comparison, m *dns.Msg) bool {
			return x.Type == dns.TypePTR && strings.EqualFold(x.zone(), "ip6.arpa.") && dns.CountLabel(x.prefix()) > 32 && len(m.Answer) > 0
		}),
	},
	{
		Name:    "Only endpoints of headless Services have PTR records, and endpoint names.",
		Reason:  "Endpoints behind other Services are not watched, so that they cost nothing. The specification gives them no such records. A *kubernetes* that keeps its endpoints still answers for those of Services with a cluster IP.",
		Example: "PTR 1.0.5.10.in-addr.arpa.",
		Relied:  true,
		change:  dropOtherEndpoints,
	},
	{
		Name:    "An endpoint whose address is the cluster IP of another Service has a PTR record.",
		Reason:  "What the slices of headless Services say is answered whatever other Services have; *kubernetes* looks at cluster IPs first.",
		Example: "PTR 7.7.96.10.in-addr.arpa.",
		change: func(x *Comparison, m *dns.Msg) {
			if len(x.Cluster.clusterIPs[strings.ToLower(x.Name)]) > 0 && x.Type == dns.TypePTR && len(m.Answer) > 0 && len(x.publishers) > 0 {
				x.positive(m, x.pointers(Endpoint.Published), nil)
			}
		},
	},
}

// dropOtherEndpoints takes the endpoints of Services that are not headless out of
// an answer.
func dropOtherEndpoints(x *Comparison, m *dns.Msg) {
	if x.service != nil && x.service.Kind == ClusterIP && len(x.below) == 1 && m.Rcode == dns.RcodeSuccess && x.Type != dns.TypeSOA {
		x.negative(m, dns.RcodeNameError)
		return
	}
	if x.Type != dns.TypePTR || len(m.Answer) == 0 {
		return
	}
	left := x.keep(m, func(rr dns.RR) bool {
		if ptr, ok := rr.(*dns.PTR); ok && strings.HasSuffix(ptr.Ptr, "."+x.Cluster.Zone) {
			s, begin := x.Cluster.at(ptr.Ptr)
			return s == nil || s.Kind == Headless || begin == 0
		}
		return true
	})
	if !left {
		x.negative(m, dns.RcodeNameError)
	}
}
