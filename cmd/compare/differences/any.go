package differences

import (
	"github.com/miekg/dns"
)

// anyType is the difference in answers to ANY.
var anyType = Difference{
	Name:    "ANY gets one HINFO record at a name that has records.",
	Reason:  "Nobody is to ask for everything (RFC 8482, section 4.2), and NODATA would say that nothing is there.",
	Example: "ANY sts.test.svc.cluster.local.",
	change: func(x *Comparison, m *dns.Msg) {
		if x.Type != dns.TypeANY || !x.answersHere() || !x.hasRecords() {
			return
		}
		hinfo := record(x.Name, "HINFO", `"RFC8482" ""`)
		if x.isVersion() {
			hinfo.Header().Ttl = versionTTL
		}
		x.positive(m, []dns.RR{hinfo}, nil)
	},
}

// versionTTL is that of the version of the specification, in seconds.
const versionTTL = 28800

// hasRecords reports whether k8s_endpoints has records of any type at the name, but for
// an alias.
func (x *Comparison) hasRecords() bool {
	name, protocol, isPort := x.port()
	label, isLabel := x.label()
	z, isZonal := x.zonal()
	switch {
	case len(x.publishers) > 0, x.isVersion():
		return true
	case x.Setup == Alone && x.zone() != "" && (x.prefix() == "" || x.prefix() == "ns.dns."):
		return true
	case x.is(Headless):
		return len(x.service.endpointsThat(Endpoint.Published)) > 0
	case x.is(ExternalName):
		return x.service.isLiteral()
	case isZonal:
		return x.hasZonalRecords(z)
	case isPort:
		return x.service.hasPort(name, protocol)
	}
	return isLabel && len(x.service.named(label)) > 0
}
