package differences

import (
	"strings"

	"github.com/miekg/dns"
)

// negativeTTLs is how long a negative answer may be cached.
var negativeTTLs = Difference{
	Name:    "A negative answer may be cached for 1 second, not for `ttl`.",
	Reason:  "A Pod that has just become ready must not hide behind a cached answer from before. This also holds for what *kubernetes* denies, where the name may be one of a Service that comes.",
	Example: "A nope.sts.test.svc.cluster.local.",
	passing: true,
	change: func(x *Comparison, m *dns.Msg) {
		for _, rr := range m.Ns {
			if soa, ok := rr.(*dns.SOA); ok && (x.answersHere() || x.mayBeOwned()) && strings.EqualFold(soa.Hdr.Name, x.zone()) && soa.Minttl == ttl {
				soa.Hdr.Ttl, soa.Minttl = negativeTTL, negativeTTL
				x.touched = true
			}
		}
	},
}

// existence are the differences in which names exist, and for which types.
var existence = []Difference{
	{
		Name:    "The name `dns-version` exists for all types of questions.",
		Reason:  "It has a TXT record, so another type is NODATA (RFC 2308, section 2.2).",
		Example: "A dns-version.cluster.local.",
		change: nodata(func(x *Comparison, m *dns.Msg) bool {
			return x.isVersion() && x.Type != dns.TypeTXT && m.Rcode == dns.RcodeNameError
		}),
	},
	{
		Name:    "A question for the SOA of a name that does not exist answers NXDOMAIN.",
		Reason:  "The name does not exist, whatever the type (RFC 2308, section 2.1).",
		Example: "SOA nope.sts.test.svc.cluster.local.",
		change: nxdomain(func(x *Comparison, m *dns.Msg) bool {
			isMissing := x.service.served() && x.answersHere() && !x.exists() || x.isNobodys()
			return x.Type == dns.TypeSOA && isMissing && m.Rcode == dns.RcodeSuccess
		}),
	},
	{
		Name:    "`svc` and namespaces exist for questions of type TXT.",
		Reason:  "They exist for all other types too.",
		Example: "TXT test.svc.cluster.local.",
		change: nodata(func(x *Comparison, m *dns.Msg) bool {
			return x.Type == dns.TypeTXT && x.forward() && x.isAbove() && m.Rcode == dns.RcodeNameError
		}),
	},
	{
		Name:    "A name above reverse names of endpoints exists.",
		Reason:  "NXDOMAIN would deny those too (RFC 8020).",
		Example: "PTR 1.10.in-addr.arpa.",
		change: nodata(func(x *Comparison, m *dns.Msg) bool {
			return x.isAboveReverse() && x.answersHere() && m.Rcode == dns.RcodeNameError
		}),
	},
}

// reasons is the text that a negative or a reduced answer carries.
var reasons = Difference{
	Name:    "A negative or reduced answer says why, in an Extended DNS Error.",
	Reason:  "Whoever looks for a Pod that is missing learns it from `dig` (RFC 8914); a client without EDNS gets none.",
	Example: "A nope.sts.test.svc.cluster.local.",
	change:  addReason,
}

// addReason says which answers carry a reason. Its text is taken from our answer.
func addReason(x *Comparison, m *dns.Msg) {
	if !x.answersHere() || len(onlyOPT(m.Extra)) == 0 {
		return
	}
	why := Reason(x.Ours)
	if why == "" {
		why = "a reason"
	}
	drained := !x.is(ExternalName) && x.Type != dns.TypeANY && len(m.Answer) > 0 && x.service != nil &&
		len(x.service.has(Draining)) > 0
	_, isLabel := x.label()
	switch found := x.lookUpTarget(); {
	case IsNegative(m):
		explain(m, why)
	case x.is(ExternalName) && x.service.isPlanned() && Reason(x.Ours) != "" && m.Rcode == dns.RcodeSuccess:
		explain(m, why)
	case drained && !isLabel:
		explain(m, "draining endpoints only")
	case found != nil && !failed(found) && Reason(found) != "":
		explain(m, Reason(found))
	default:
		return
	}
	x.touched = true
}
