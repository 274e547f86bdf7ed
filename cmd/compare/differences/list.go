// Package differences holds what is different between the answers of k8s_endpoints
// and those of the stock plugin kubernetes, and why. The test in
// test/differential shows that nothing else is.
package differences

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// A Difference is one in which an answer of k8s_endpoints is to differ from that
// of the stock plugin.
type Difference struct {
	// Name is a sentence that says what is different, and Reason why. Both may
	// have marks of Markdown.
	Name, Reason string
	// Example is a question at which the test in test/differential meets it.
	Example string
	// Only is the setup in which it is there; the empty one means all.
	Only Setup
	// Relied tells that clients may rely on records that only the stock plugin
	// has. Where they are all that an answer has, somebody has to decide.
	Relied bool

	// change makes the stock answer, which it may write to, into ours. It
	// leaves answers alone for which the reason is not one. The test asks for
	// equality with the result, so a difference excuses nothing but itself.
	change func(x *Comparison, m *dns.Msg)
}

// All are the differences, in the order in which they are applied.
var All = []Difference{
	{
		Name:    "A negative answer may be cached for 1 second, not for `ttl`.",
		Reason:  "A Pod that has just become ready must not hide behind a cached answer from before.",
		Example: "A nope.sts.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			for _, rr := range m.Ns {
				if soa, ok := rr.(*dns.SOA); ok && x.answersHere() && strings.EqualFold(soa.Hdr.Name, x.zone()) && soa.Minttl == ttl {
					soa.Hdr.Ttl, soa.Minttl = negativeTTL, negativeTTL
					x.touched = true
				}
			}
		},
	},
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
		change: func(x *Comparison, m *dns.Msg) {
			if x.service != nil && x.service.FQDN != "" && m.Rcode == dns.RcodeSuccess && len(x.service.endpointsThat(Endpoint.Published)) == 0 {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		Name:    "SRV records of a Service are those of its named ports.",
		Reason:  "An unnamed port has no SRV record (Kubernetes DNS specification 1.1.0, section 2.4.2).",
		Example: "SRV mixed.test.svc.cluster.local.",
		Relied:  true,
		change:  dropUnnamedPorts,
	},
	{
		Name:    "The name of an endpoint has no SRV records.",
		Reason:  "The specification gives them to port names and to the Service; an endpoint name has addresses.",
		Example: "SRV sts-0.sts.test.svc.cluster.local.",
		Relied:  true,
		change: func(x *Comparison, m *dns.Msg) {
			if _, ok := x.label(); ok && x.Type == dns.TypeSRV && len(m.Answer) > 0 {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
	{
		Name:    "The labels of a port and a protocol need their underscores.",
		Reason:  "The names of the specification have them; without them, the same labels may be another name.",
		Example: "SRV sql.tcp.sts.test.svc.cluster.local.",
		Relied:  true,
		change: func(x *Comparison, m *dns.Msg) {
			_, _, underscored := x.port()
			if x.service.served() && x.service.Kind == Headless && len(x.below) == 2 && !underscored && m.Rcode == dns.RcodeSuccess && x.Type != dns.TypeSOA {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		Name:    "A lone underscore is no port and no protocol.",
		Reason:  "*kubernetes* takes it for any port or any protocol; the specification has no wildcards.",
		Example: "SRV _._tcp.sts.test.svc.cluster.local.",
		Relied:  true,
		change: func(x *Comparison, m *dns.Msg) {
			name, protocol, ok := x.port()
			if ok && (name == "" || protocol == "") && m.Rcode == dns.RcodeSuccess && x.Type != dns.TypeSOA {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		Name:    "A named port without a number has no name.",
		Reason:  "It stands for all ports, which no SRV record can say, so nothing would be there to ask for.",
		Example: "SRV _all._tcp.any-port.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			name, protocol, ok := x.port()
			if !ok || m.Rcode != dns.RcodeSuccess || x.Type == dns.TypeSOA {
				return
			}
			for _, e := range x.service.Endpoints {
				if slices.Contains(e.Ports, Port{name, protocol, 0}) {
					x.negative(m, dns.RcodeNameError)
				}
			}
		},
	},
	{
		Name:    "The name of a port has no addresses.",
		Reason:  "The specification gives it SRV records; a client that asks for addresses there has mistaken the name.",
		Example: "A _sql._tcp.sts.test.svc.cluster.local.",
		Relied:  true,
		change: func(x *Comparison, m *dns.Msg) {
			if _, _, ok := x.port(); ok && (x.Type == dns.TypeA || x.Type == dns.TypeAAAA) && len(m.Answer) > 0 {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
	{
		Name:    "The name of a protocol exists where a port has that protocol.",
		Reason:  "Names exist below it, so NXDOMAIN would deny those too (RFC 8020).",
		Example: "A _tcp.sts.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if x.service.served() && len(x.below) == 1 && x.below[0][0] == '_' && x.service.hasProtocol(x.below[0][1:]) && m.Rcode == dns.RcodeNameError {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
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
		Name:    "An ExternalName Service answers with its alias for any type.",
		Reason:  "A name that has a CNAME has it for every type (RFC 1034, section 3.6.2), and the target may have such records.",
		Example: "MX rich.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			switch x.Type {
			case dns.TypeA, dns.TypeAAAA, dns.TypeCNAME:
			case dns.TypeANY:
				if x.is(ExternalName) && !x.service.isLiteral() {
					x.positive(m, []dns.RR{x.alias()}, nil)
				}
			default:
				if found := x.lookUpTarget(); found != nil && found.Rcode != dns.RcodeServerFailure {
					x.follow(m, found)
				}
			}
		},
	},
	{
		Name:    "An ExternalName Service whose target cannot be resolved answers SERVFAIL.",
		Reason:  "The response code is that of the end of the chain (RFC 6604); a lone CNAME looks like a name without records.",
		Example: "A failing.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if found := x.lookUpTarget(); found != nil && found.Rcode == dns.RcodeServerFailure {
				x.fail(m, "SERVFAIL for the external name "+x.service.Target)
			}
		},
	},
	{
		Name:    "An ExternalName Service whose target does not exist answers NXDOMAIN.",
		Reason:  "The response code is that of the end of the chain (RFC 6604), and its SOA says how long that may be cached.",
		Example: "A missing.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if found := x.lookUpTarget(); x.asksAddress() && found != nil && found.Rcode == dns.RcodeNameError {
				x.follow(m, found)
			}
		},
	},
	{
		Name:    "An ExternalName Service whose target has no address answers with its alias and the target's SOA.",
		Reason:  "The alias is there, and the SOA says how long its lack of addresses may be cached (RFC 2308, section 2.2).",
		Example: "AAAA v4-outside.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if found := x.lookUpTarget(); x.asksAddress() && found != nil && found.Rcode == dns.RcodeSuccess && !hasType(found.Answer, x.Type) {
				x.follow(m, found)
			}
		},
	},
	{
		Name:    "An ExternalName Service leads to all names that k8s_endpoints answers for.",
		Reason:  "Its target is resolved like a question; *kubernetes* has no answer for some of those names, as this list says.",
		Example: "A to-literal.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if found := x.lookUpTarget(); x.asksAddress() && found != nil && len(m.Answer) == 0 && found.Rcode == dns.RcodeSuccess && hasType(found.Answer, x.Type) {
				x.follow(m, found)
			}
		},
	},
	{
		Name:    "ExternalName Services in a loop, or more than 8 in a row, answer SERVFAIL.",
		Reason:  "There is no end of the chain to tell of.",
		Example: "A ring-a.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if !x.is(ExternalName) || x.Type == dns.TypeCNAME || x.Type == dns.TypeANY || x.service.Links < maxLinks {
				return
			}
			x.fail(m, "ExternalName Services lead to each other in a loop or too long a chain")
		},
	},
	{
		Name:    "An ExternalName Service has SRV records for its named ports.",
		Reason:  "Its ports are in the API; the target of the records is the external name.",
		Example: "SRV _sql._tcp.ported.test.svc.cluster.local.",
		change:  addExternalPorts,
	},
	{
		Name:    "An ExternalName Service whose target is an address has that address.",
		Reason:  "People write addresses there, and kube-dns answered so.",
		Example: "A literal.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if x.is(ExternalName) && x.service.isLiteral() {
				x.addresses(m, []Endpoint{{Address: x.service.Target}})
			}
		},
	},
	{
		Name:    "A reverse name exists for all types of questions.",
		Reason:  "It has a PTR record, so another type is NODATA (RFC 2308, section 2.2).",
		Example: "A 1.0.1.10.in-addr.arpa.",
		change: func(x *Comparison, m *dns.Msg) {
			if len(x.publishers) > 0 && x.Type != dns.TypePTR && m.Rcode == dns.RcodeNameError {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
	{
		Name:    "A name below the reverse name of an IPv6 address does not exist.",
		Reason:  "*kubernetes* does not look at up to three labels too many.",
		Example: "PTR 1." + ReverseName("fd00:1::1"),
		change: func(x *Comparison, m *dns.Msg) {
			if x.Type == dns.TypePTR && strings.EqualFold(x.zone(), "ip6.arpa.") && dns.CountLabel(x.prefix()) > 32 && len(m.Answer) > 0 {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		Name:    "Only endpoints of headless Services have PTR records, and endpoint names.",
		Reason:  "Endpoints behind other Services are not watched, so that they cost nothing. The specification gives them no such records.",
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
	{
		Name:    "The name `dns-version` exists for all types of questions.",
		Reason:  "It has a TXT record, so another type is NODATA (RFC 2308, section 2.2).",
		Example: "A dns-version.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if x.isVersion() && x.Type != dns.TypeTXT && m.Rcode == dns.RcodeNameError {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
	{
		Name:    "A question for the SOA of a name that does not exist answers NXDOMAIN.",
		Reason:  "The name does not exist, whatever the type (RFC 2308, section 2.1).",
		Example: "SOA nope.sts.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			if x.Type == dns.TypeSOA && x.service.served() && !x.exists() && m.Rcode == dns.RcodeSuccess {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		Name:    "Names in an answer end as the question was written, capitals included.",
		Reason:  "They then compress to a pointer into the question; DNS does not tell capitals apart.",
		Example: "SRV STS.test.svc.cluster.local.",
		change:  takeCapitals,
	},
	{
		Name:    "Each SRV record has the weight 100, not a share of 100.",
		Reason:  "No record changes because others come and go, and more than 100 endpoints still have equal weights.",
		Example: "SRV sts.test.svc.cluster.local.",
		change: func(x *Comparison, m *dns.Msg) {
			for _, rr := range m.Answer {
				// A share is at least 1, of those that the answer shows at most.
				if srv, ok := rr.(*dns.SRV); ok && x.service.served() && int(srv.Weight) <= max(100/len(m.Answer), 1) {
					srv.Weight = 100
					x.touched = true
				}
			}
		},
	},
	{
		Name:    "An answer that does not fit is a random part of all.",
		Reason:  "Each address is as likely as any other, and only what is sent is built. *kubernetes* sends the first ones.",
		Example: "A big.test.svc.cluster.local.",
		change:  takeTheRandomPart,
	},
	{
		Name:    "Additional addresses that do not fit are left out without TC.",
		Reason:  "The answer is whole; clients ask for the addresses they miss, instead of again over TCP (RFC 2181, section 9).",
		Example: "SRV medium.test.svc.cluster.local.",
		change:  takeTheAdditionalPart,
	},
	{
		Name:    "Names of Services with a cluster IP are not answered.",
		Reason:  "They are left to *kubernetes*.",
		Example: "A web.test.svc.cluster.local.",
		Only:    Alone,
		Relied:  true,
		change: func(x *Comparison, m *dns.Msg) {
			isTheirs := x.service != nil && x.service.Kind == ClusterIP ||
				len(x.Cluster.clusterIPs[strings.ToLower(x.Name)]) > 0 && len(x.publishers) == 0
			if isTheirs && m.Rcode == dns.RcodeSuccess {
				x.negative(m, dns.RcodeNameError)
			}
		},
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
		Name:    "A zone has an NS record, `ns.dns`, whose addresses are not known.",
		Reason:  "The SOA record names the same server. *kubernetes* has it only where it is bound to an address that is not a loopback one.",
		Example: "NS cluster.local.",
		Only:    Alone,
		change: func(x *Comparison, m *dns.Msg) {
			switch {
			case x.prefix() == "ns.dns." && m.Rcode == dns.RcodeSuccess:
				x.negative(m, dns.RcodeNameError)
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
		change: func(x *Comparison, m *dns.Msg) {
			namespace, ok := strings.CutSuffix(x.prefix(), ".svc.")
			isVacant := ok && !strings.Contains(namespace, ".") && !x.Cluster.served[namespace]
			if x.forward() && (x.prefix() == "pod." || isVacant) && m.Rcode == dns.RcodeSuccess {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		Name:    "The zone, `svc` and namespaces exist for questions of type TXT.",
		Reason:  "They exist for all other types too.",
		Example: "TXT test.svc.cluster.local.",
		Only:    Alone,
		change: func(x *Comparison, m *dns.Msg) {
			isZone := x.prefix() == "" && x.zone() != ""
			if x.Type == dns.TypeTXT && (x.isNamespace() || isZone) && m.Rcode == dns.RcodeNameError {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
	{
		Name:    "A name on the way to reverse names exists.",
		Reason:  "Reverse names may be below, so NXDOMAIN would deny those too (RFC 8020).",
		Example: "PTR 1.10.in-addr.arpa.",
		Only:    Alone,
		change: func(x *Comparison, m *dns.Msg) {
			if x.isOnTheWay() && m.Rcode == dns.RcodeNameError {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
	{
		Name:    "The name `dns-version` is only in zones that are not reverse ones.",
		Reason:  "The specification has it in the zone of the cluster.",
		Example: "TXT dns-version.in-addr.arpa.",
		Only:    Alone,
		change: func(x *Comparison, m *dns.Msg) {
			if !x.forward() && x.prefix() == "dns-version." && len(m.Answer) > 0 {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		Name:    "Without *kubernetes* behind it, no name that does not exist has NODATA for SOA.",
		Reason:  "The name does not exist, whatever the type (RFC 2308, section 2.1).",
		Example: "SOA nope.cluster.local.",
		Only:    Alone,
		change: func(x *Comparison, m *dns.Msg) {
			if x.Type == dns.TypeSOA && len(m.Answer) == 0 && x.zone() != "" && !x.service.served() && !existsInZone(x) {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		Name:    "A negative or reduced answer says why, in an Extended DNS Error.",
		Reason:  "Whoever looks for a Pod that is missing learns it from `dig` (RFC 8914); a client without EDNS gets none.",
		Example: "A nope.sts.test.svc.cluster.local.",
		change:  addReason,
	},
}

// existsInZone tells whether a name that no Service owns exists.
func existsInZone(x *Comparison) bool {
	if x.forward() {
		return x.isNamespace() || x.isVersion()
	}
	return x.prefix() == "" || x.isOnTheWay() || len(x.publishers) > 0
}

// addDraining answers for the endpoints that drain, and for what is below.
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
			return p.Name != "" && p.Number > 0 && (!isPort || p.Name == name && p.Protocol == protocol)
		})
	case x.is(Headless):
		x.addDrainingAddresses(m)
	case isPort && len(m.Answer) == 0:
		x.negative(m, dns.RcodeSuccess)
	}
}

// pointers are the PTR records of the Services that publish the address of the
// question, for those of whose endpoints a condition holds.
func (x *Comparison) pointers(condition func(Endpoint) bool) []dns.RR {
	var found []dns.RR
	for _, s := range x.publishers {
		at := slices.IndexFunc(s.Endpoints, func(e Endpoint) bool {
			return condition(e) && strings.EqualFold(ReverseName(e.Address), x.Name)
		})
		if at >= 0 {
			found = append(found, record(x.Name, "PTR", s.Endpoints[at].Called(x.podNames())+"."+s.FullName(x.Cluster.Zone)))
		}
	}
	return found
}

// addPointers adds PTR records to what the stock plugin has of other Services.
func (x *Comparison) addPointers(m *dns.Msg, added []dns.RR) {
	for _, rr := range m.Answer {
		if hasType([]dns.RR{rr}, dns.TypePTR) {
			added = append(added, rr)
		}
	}
	x.positive(m, dns.Dedup(added, nil), nil)
}

// addDrainingAddresses adds those of the family in which no endpoint is ready.
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

// addReason takes over the text of the reason, but not whether there is one.
func addReason(x *Comparison, m *dns.Msg) {
	if !x.answersHere() || len(onlyOPT(m.Extra)) == 0 {
		return
	}
	why := Reason(x.Ours)
	if why == "" {
		why = "a reason"
	}
	drained := !x.is(ExternalName) && len(m.Answer) > 0 && x.service != nil &&
		len(x.service.has(Draining)) > 0
	_, isLabel := x.label()
	switch found := x.lookUpTarget(); {
	case IsNegative(m):
		explain(m, why)
	case drained && !isLabel:
		explain(m, "draining endpoints only")
	case found != nil && found.Rcode != dns.RcodeServerFailure && Reason(found) != "":
		explain(m, Reason(found))
	default:
		return
	}
	x.touched = true
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

// lost returns the addresses that a Service does not have because of endpoints of
// a standing, and the names of those.
func (x *Comparison) lost(s *Service, standing Standing) (addresses, names []string) {
	for _, e := range s.has(standing) {
		names = append(names, e.Called(x.podNames())+"."+s.FullName(x.Cluster.Zone))
		if !slices.ContainsFunc(s.Endpoints, func(o Endpoint) bool { return o.Published() && o.Address == e.Address }) {
			addresses = append(addresses, e.Address)
		}
	}
	return addresses, names
}

func dropUnnamedPorts(x *Comparison, m *dns.Msg) {
	if !x.is(Headless) || x.Type != dns.TypeSRV || len(m.Answer) == 0 {
		return
	}
	left := x.keep(m, func(rr dns.RR) bool {
		srv, ok := rr.(*dns.SRV)
		return !ok || slices.ContainsFunc(x.service.Endpoints, func(e Endpoint) bool {
			isTarget := strings.HasPrefix(srv.Target, e.Called(x.podNames())+".") || strings.HasPrefix(srv.Target, e.Pod+".")
			return isTarget && slices.ContainsFunc(e.Ports, func(p Port) bool { return p.Name != "" && p.Number == int32(srv.Port) })
		})
	})
	if !left {
		x.negative(m, dns.RcodeSuccess)
	}
}

// addEndpointName answers for a name of an endpoint that the stock plugin does
// not use.
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

func addExternalPorts(x *Comparison, m *dns.Msg) {
	name, protocol, ok := x.port()
	if !ok || x.service.Kind != ExternalName || !x.service.hasPort(name, protocol) {
		return
	}
	if x.Type != dns.TypeSRV {
		x.negative(m, dns.RcodeSuccess)
		return
	}
	target := x.service.Target
	var extra []dns.RR
	if x.service.isLiteral() {
		target = x.tail
		extra = []dns.RR{addressRecord(target, x.service.Target)}
	}
	var answer []dns.RR
	for _, p := range x.service.Ports {
		if p.Name == name && p.Protocol == protocol {
			answer = append(answer, record(x.Name, "SRV", fmt.Sprintf("0 100 %d %s", p.Number, target)))
		}
	}
	x.positive(m, answer, extra)
}

// dropOtherEndpoints takes what the stock plugin says of endpoints of other
// Services than headless ones out of an answer.
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

// takeCapitals ends targets and their addresses as the question ends.
func takeCapitals(x *Comparison, m *dns.Msg) {
	if len(m.Answer) == 0 {
		return
	}
	if !x.is(Headless) && !(x.service != nil && x.service.Kind == Headless && len(x.below) == 2) {
		return
	}
	x.touched = true
	end := func(name string) string {
		at := len(name) - len(x.tail)
		if at > 0 && strings.EqualFold(name[at:], x.tail) {
			return name[:at] + x.tail
		}
		return name
	}
	for _, rr := range m.Answer {
		if srv, ok := rr.(*dns.SRV); ok {
			srv.Target = end(srv.Target)
		}
	}
	for _, rr := range WithoutOPT(m.Extra) {
		rr.Header().Name = end(rr.Header().Name)
	}
}

// takeTheRandomPart takes our part of the answer where that is one of the whole,
// and as large as fits. Addresses of the targets that are in it may fill what
// room is left.
func takeTheRandomPart(x *Comparison, m *dns.Msg) {
	if x.Way != SmallUDP || !x.Stock.Truncated || !x.Ours.Truncated {
		return
	}
	whole := x.Whole()
	whole.Truncated = true
	part := onlyPart(whole, x.Ours)
	answer := part.Copy()
	answer.Extra = nil
	if answer.Len()+largest(whole.Answer) <= dns.MinMsgSize || part.Len() > dns.MinMsgSize {
		return
	}
	all := len(part.Extra)
	x.keep(part, func(dns.RR) bool { return true })
	if len(part.Extra) == all {
		*m = *part
	}
}

// takeTheAdditionalPart takes our part of the additional records where the
// answer is whole, and no further ones fit.
func takeTheAdditionalPart(x *Comparison, m *dns.Msg) {
	if x.Way != SmallUDP || !x.Stock.Truncated || x.Ours.Truncated {
		return
	}
	whole := x.Whole()
	part := onlyPart(whole, x.Ours)
	if len(part.Answer) < len(whole.Answer) || len(part.Extra) == len(whole.Extra) || part.Len()+largest(whole.Extra) <= dns.MinMsgSize {
		return
	}
	*m = *part
	x.touched = true
}

// onlyPart returns whole with only those records that part has too.
func onlyPart(whole, part *dns.Msg) *dns.Msg {
	m := whole.Copy()
	m.Compress = true
	in := func(rrs []dns.RR) func(dns.RR) bool {
		return func(rr dns.RR) bool {
			return !slices.ContainsFunc(rrs, func(o dns.RR) bool { return showRecord(o) == showRecord(rr) })
		}
	}
	m.Answer = slices.DeleteFunc(m.Answer, in(part.Answer))
	m.Extra = slices.DeleteFunc(m.Extra, in(part.Extra))
	return m
}
