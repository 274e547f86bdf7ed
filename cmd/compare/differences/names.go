package differences

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// endpointNames are the differences in the names of endpoints.
var endpointNames = []Difference{
	{
		Name:    "An endpoint also has the name of its dashed address.",
		Reason:  "Whatever an endpoint is called, clients that know only its address can name it.",
		Example: "A 10-1-0-1.sts.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			addEndpointName(x, m, func(e Endpoint, label string) bool { return e.Dashed() == label })
		},
	},
	{
		Name:    "An endpoint also has the name of its Pod.",
		Reason:  "Whether SRV and PTR records use it is the choice of `endpoint_pod_names`; both answers to that find the Pod.",
		Example: "A plain-a.plain.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			addEndpointName(x, m, func(e Endpoint, label string) bool { return e.Pod == label })
		},
	},
	{
		Name:    "A Pod whose name has a dot is called by its dashed address.",
		Reason:  "An endpoint name is one label. *kubernetes* makes two, and then does not find that name.",
		Example: "SRV dotted.test.svc.cluster.local.",
		Only:    WithPodNames,
		change:  callDottedPodsByAddress,
	},
	{
		Name:    "The names of a topology zone do not exist.",
		Reason:  "The option `zonal` of *kubernetes* does not start beside `noendpoints`: the one here takes its place. A *kubernetes* that keeps its endpoints answers them, since names below `_zone` pass on.",
		Example: "A " + ZonalLabels + "sts.test.svc.cluster.local.",
		Relied:  true,
		change: nxdomain(func(x *Comparison, m *dns.Msg) bool {
			return x.Setup != WithZonal && x.isZonal() && m.Rcode == dns.RcodeSuccess && (x.Type != dns.TypeSOA || x.answersHere())
		}),
	},
}

// ZonalLabels stand in front of the name of a headless Service in a name that the
// option zonal of kubernetes gives to it, for a topology zone that no cluster has:
// the name has all addresses of the Service.
const ZonalLabels = "no-such-zone.prefer._zone."

// addEndpointName answers for an endpoint name in a form that the stock plugin does
// not know.
func addEndpointName(x *Comparison, m *dns.Msg, is func(e Endpoint, label string) bool) {
	label, ok := x.label()
	if !ok || m.Rcode != dns.RcodeNameError && x.Type != dns.TypeSOA {
		return
	}
	named := x.service.named(label)
	if slices.ContainsFunc(named, func(e Endpoint) bool { return is(e, label) }) {
		x.addresses(m, named)
	}
}

func callDottedPodsByAddress(x *Comparison, m *dns.Msg) {
	if len(m.Answer) == 0 {
		return
	}
	x.touched = true
	for _, s := range x.Cluster.dotted {
		for _, e := range s.Endpoints {
			if !strings.Contains(e.Pod, ".") || e.Hostname != "" {
				continue
			}
			rename := func(name string) string {
				if rest, ok := strings.CutPrefix(name, e.Pod+"."+s.Name+"."); ok {
					return e.Dashed() + "." + s.Name + "." + rest
				}
				return name
			}
			for _, rr := range slices.Concat(m.Answer, m.Extra) {
				switch rr := rr.(type) {
				case *dns.SRV:
					rr.Target = rename(rr.Target)
				case *dns.PTR:
					rr.Ptr = rename(rr.Ptr)
				}
				rr.Header().Name = rename(rr.Header().Name)
			}
		}
	}
}
