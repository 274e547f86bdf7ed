package differential

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// A difference is one in which an answer of k8s_endpoints is to differ from that
// of the stock plugin.
type difference struct {
	// name is a sentence that says what is different, and reason why.
	name, reason string
	// example is a question at which the test has to meet it.
	example string
	// only is the setup in which it is there; the empty one means all.
	only setup
	// change makes the stock answer, which it may write to, into ours. It
	// leaves answers alone for which the reason is not one. The test asks for
	// equality with the result, so a difference excuses nothing but itself.
	change func(x *comparison, m *dns.Msg)
}

// differences are all, in the order in which they are applied.
var differences = []difference{
	{
		name:    "A negative answer may be cached for 1 second, not for `ttl`.",
		reason:  "A Pod that has just become ready must not hide behind a cached answer from before.",
		example: "A nope.sts.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			for _, rr := range m.Ns {
				if soa, ok := rr.(*dns.SOA); ok && x.answersHere() && strings.EqualFold(soa.Hdr.Name, x.zone()) && soa.Minttl == ttl {
					soa.Hdr.Ttl, soa.Minttl = negativeTTL, negativeTTL
					x.touched = true
				}
			}
		},
	},
	{
		name:    "Where no endpoint is ready, those are published that serve while they terminate.",
		reason:  "They are the only ones that can be used, and kube-proxy sends traffic to them too. The option `fallback none` turns it off.",
		example: "A down.test.svc.cluster.local.",
		change:  addDraining,
	},
	{
		name:    "An endpoint that the newer of two slices calls unready is not published.",
		reason:  "An endpoint that moves between slices stands in both for a moment; the older one may be out of date.",
		example: "A moved.test.svc.cluster.local.",
		change:  func(x *comparison, m *dns.Msg) { dropStanding(x, m, outdated) },
	},
	{
		name:    "An address that two Pods claim belongs to one of them.",
		reason:  "The address was used again: the Pod in the older slice is gone.",
		example: "SRV _sql._tcp.reused.test.svc.cluster.local.",
		change:  func(x *comparison, m *dns.Msg) { dropStanding(x, m, replaced) },
	},
	{
		name:    "A slice of the address type FQDN is left out.",
		reason:  "No address record can be made of it, and the type is deprecated.",
		example: "A fqdn.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			if x.service != nil && x.service.fqdn != "" && m.Rcode == dns.RcodeSuccess {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		name:    "SRV records of a Service are those of its named ports.",
		reason:  "An unnamed port has no SRV record (Kubernetes DNS specification 1.1.0, section 2.4.2).",
		example: "SRV mixed.test.svc.cluster.local.",
		change:  dropUnnamedPorts,
	},
	{
		name:    "The name of an endpoint has no SRV records.",
		reason:  "The specification gives them to port names and to the Service; an endpoint name has addresses.",
		example: "SRV sts-0.sts.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			if _, ok := x.label(); ok && x.typ == dns.TypeSRV && len(m.Answer) > 0 {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
	{
		name:    "The labels of a port and a protocol need their underscores.",
		reason:  "The names of the specification have them; without them, the same labels may be another name.",
		example: "SRV sql.tcp.sts.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			_, _, underscored := x.port()
			if x.service.served() && x.service.kind == headless && len(x.below) == 2 && !underscored && m.Rcode == dns.RcodeSuccess && x.typ != dns.TypeSOA {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		name:    "A lone underscore is no port and no protocol.",
		reason:  "*kubernetes* takes it for any port or any protocol; the specification has no wildcards.",
		example: "SRV _._tcp.sts.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			name, protocol, ok := x.port()
			if ok && (name == "" || protocol == "") && m.Rcode == dns.RcodeSuccess && x.typ != dns.TypeSOA {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		name:    "A named port without a number has no name.",
		reason:  "It stands for all ports, which no SRV record can say, so nothing would be there to ask for.",
		example: "SRV _all._tcp.any-port.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			name, protocol, ok := x.port()
			if !ok || m.Rcode != dns.RcodeSuccess || x.typ == dns.TypeSOA {
				return
			}
			for _, e := range x.service.endpoints {
				if slices.Contains(e.ports, port{name, protocol, 0}) {
					x.negative(m, dns.RcodeNameError)
				}
			}
		},
	},
	{
		name:    "The name of a port has no addresses.",
		reason:  "The specification gives it SRV records; a client that asks for addresses there has mistaken the name.",
		example: "A _sql._tcp.sts.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			if _, _, ok := x.port(); ok && (x.typ == dns.TypeA || x.typ == dns.TypeAAAA) && len(m.Answer) > 0 {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
	{
		name:    "The name of a protocol exists where a port has that protocol.",
		reason:  "Names exist below it, so NXDOMAIN would deny those too (RFC 8020).",
		example: "A _tcp.sts.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			if x.service.served() && len(x.below) == 1 && x.below[0][0] == '_' && x.service.hasProtocol(x.below[0][1:]) && m.Rcode == dns.RcodeNameError {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
	{
		name:    "An endpoint also has the name of its dashed address.",
		reason:  "Whatever an endpoint is called, clients that know only its address can name it.",
		example: "A 10-1-0-1.sts.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			addEndpointName(x, m, func(e endpoint, label string) bool { return e.dashed() == label })
		},
	},
	{
		name:    "An endpoint also has the name of its Pod.",
		reason:  "Whether SRV and PTR records use it is the choice of `endpoint_pod_names`; both answers to that find the Pod.",
		example: "A plain-a.plain.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			addEndpointName(x, m, func(e endpoint, label string) bool { return e.pod == label })
		},
	},
	{
		name:    "A Pod whose name has a dot is called by its dashed address.",
		reason:  "An endpoint name is one label. *kubernetes* makes two, and then does not find that name.",
		example: "SRV dotted.test.svc.cluster.local.",
		only:    withPodNames,
		change:  callDottedPodsByAddress,
	},
	{
		name:    "An ExternalName Service answers with its alias for any type.",
		reason:  "A name that has a CNAME has it for every type (RFC 1034, section 3.6.2), and the target may have such records.",
		example: "MX rich.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			switch x.typ {
			case dns.TypeA, dns.TypeAAAA, dns.TypeCNAME:
			case dns.TypeANY:
				if x.is(externalName) && !x.service.isLiteral() {
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
		name:    "An ExternalName Service whose target cannot be resolved answers SERVFAIL.",
		reason:  "The response code is that of the end of the chain (RFC 6604); a lone CNAME looks like a name without records.",
		example: "A failing.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			if found := x.lookUpTarget(); found != nil && found.Rcode == dns.RcodeServerFailure {
				x.fail(m, "SERVFAIL for the external name "+x.service.target)
			}
		},
	},
	{
		name:    "An ExternalName Service whose target does not exist answers NXDOMAIN.",
		reason:  "The response code is that of the end of the chain (RFC 6604), and its SOA says how long that may be cached.",
		example: "A missing.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			if found := x.lookUpTarget(); x.asksAddress() && found != nil && found.Rcode == dns.RcodeNameError {
				x.follow(m, found)
			}
		},
	},
	{
		name:    "An ExternalName Service whose target has no address answers with its alias and the target's SOA.",
		reason:  "The alias is there, and the SOA says how long its lack of addresses may be cached (RFC 2308, section 2.2).",
		example: "AAAA v4-outside.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			if found := x.lookUpTarget(); x.asksAddress() && found != nil && found.Rcode == dns.RcodeSuccess && !hasType(found.Answer, x.typ) {
				x.follow(m, found)
			}
		},
	},
	{
		name:    "An ExternalName Service leads to all names that k8s_endpoints answers for.",
		reason:  "Its target is resolved like a question; *kubernetes* has no answer for some of those names, as this list says.",
		example: "A to-literal.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			if found := x.lookUpTarget(); x.asksAddress() && found != nil && len(m.Answer) == 0 && found.Rcode == dns.RcodeSuccess && hasType(found.Answer, x.typ) {
				x.follow(m, found)
			}
		},
	},
	{
		name:    "ExternalName Services in a loop, or more than 8 in a row, answer SERVFAIL.",
		reason:  "There is no end of the chain to tell of.",
		example: "A ring-a.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			if !x.is(externalName) || x.typ == dns.TypeCNAME || x.typ == dns.TypeANY || x.service.links < maxLinks {
				return
			}
			x.fail(m, "ExternalName Services lead to each other in a loop or too long a chain")
		},
	},
	{
		name:    "An ExternalName Service has SRV records for its named ports.",
		reason:  "Its ports are in the API; the target of the records is the external name.",
		example: "SRV _sql._tcp.ported.test.svc.cluster.local.",
		change:  addExternalPorts,
	},
	{
		name:    "An ExternalName Service whose target is an address has that address.",
		reason:  "People write addresses there, and kube-dns answered so.",
		example: "A literal.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			if x.is(externalName) && x.service.isLiteral() {
				x.addresses(m, []endpoint{{address: x.service.target}})
			}
		},
	},
	{
		name:    "A reverse name exists for all types of questions.",
		reason:  "It has a PTR record, so another type is NODATA (RFC 2308, section 2.2).",
		example: "A 1.0.1.10.in-addr.arpa.",
		change: func(x *comparison, m *dns.Msg) {
			if len(x.publishers) > 0 && x.typ != dns.TypePTR && m.Rcode == dns.RcodeNameError {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
	{
		name:    "A name below the reverse name of an IPv6 address does not exist.",
		reason:  "*kubernetes* does not look at up to three labels too many.",
		example: "PTR 1." + reverseOf("fd00:1::1"),
		change: func(x *comparison, m *dns.Msg) {
			if x.typ == dns.TypePTR && strings.EqualFold(x.zone(), "ip6.arpa.") && dns.CountLabel(x.prefix()) > 32 && len(m.Answer) > 0 {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		name:    "Only endpoints of headless Services have PTR records, and endpoint names.",
		reason:  "Endpoints behind other Services are not watched, so that they cost nothing. The specification gives them no such records.",
		example: "PTR 1.0.5.10.in-addr.arpa.",
		change:  dropOtherEndpoints,
	},
	{
		name:    "An endpoint whose address is the cluster IP of another Service has a PTR record.",
		reason:  "What the slices of headless Services say is answered whatever other Services have; *kubernetes* looks at cluster IPs first.",
		example: "PTR 7.7.96.10.in-addr.arpa.",
		change: func(x *comparison, m *dns.Msg) {
			if len(x.publishers) > 0 && x.typ == dns.TypePTR && len(m.Answer) == 1 && strings.ToLower(x.name) == reverseOf(webClusterIP) {
				x.touched = true
				m.Answer[0].(*dns.PTR).Ptr = "10-96-7-7.vip.test.svc." + zone
			}
		},
	},
	{
		name:    "The name `dns-version` exists for all types of questions.",
		reason:  "It has a TXT record, so another type is NODATA (RFC 2308, section 2.2).",
		example: "A dns-version.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			if x.isVersion() && x.typ != dns.TypeTXT && m.Rcode == dns.RcodeNameError {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
	{
		name:    "A question for the SOA of a name that does not exist answers NXDOMAIN.",
		reason:  "The name does not exist, whatever the type (RFC 2308, section 2.1).",
		example: "SOA nope.sts.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
			if x.typ == dns.TypeSOA && x.service.served() && !x.exists() && m.Rcode == dns.RcodeSuccess {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		name:    "Names in an answer end as the question was written, capitals included.",
		reason:  "They then compress to a pointer into the question; DNS does not tell capitals apart.",
		example: "SRV STS.test.svc.cluster.local.",
		change:  takeCapitals,
	},
	{
		name:    "Each SRV record has the weight 100, not a share of 100.",
		reason:  "No record changes because others come and go, and more than 100 endpoints still have equal weights.",
		example: "SRV sts.test.svc.cluster.local.",
		change: func(x *comparison, m *dns.Msg) {
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
		name:    "An answer that does not fit is a random part of all.",
		reason:  "Each address is as likely as any other, and only what is sent is built. *kubernetes* sends the first ones.",
		example: "A big.test.svc.cluster.local.",
		change:  takeTheRandomPart,
	},
	{
		name:    "Additional addresses that do not fit are left out without TC.",
		reason:  "The answer is whole; clients ask for the addresses they miss, instead of again over TCP (RFC 2181, section 9).",
		example: "SRV medium.test.svc.cluster.local.",
		change:  takeTheAdditionalPart,
	},
	{
		name:    "Names of Services with a cluster IP are not answered.",
		reason:  "They are left to *kubernetes*.",
		example: "A web.test.svc.cluster.local.",
		only:    alone,
		change: func(x *comparison, m *dns.Msg) {
			isTheirs := x.service != nil && x.service.kind == clusterIP
			for _, s := range world.services {
				isTheirs = isTheirs || s.address != "" && reverseOf(s.address) == strings.ToLower(x.name) && len(x.publishers) == 0
			}
			if isTheirs && m.Rcode == dns.RcodeSuccess {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		name:    "The SOA record of a zone gives `negative_ttl` as its minimum.",
		reason:  "It is the same record as in negative answers (RFC 2308, section 4).",
		example: "SOA cluster.local.",
		only:    alone,
		change: func(x *comparison, m *dns.Msg) {
			if x.typ == dns.TypeSOA && x.prefix() == "" && len(m.Answer) == 1 {
				m.Answer[0].(*dns.SOA).Minttl = negativeTTL
				x.touched = true
			}
		},
	},
	{
		name:    "A zone has an NS record, `ns.dns`, whose addresses are not known.",
		reason:  "The SOA record names the same server. *kubernetes* has it only where it is bound to an address that is not a loopback one.",
		example: "NS cluster.local.",
		only:    alone,
		change: func(x *comparison, m *dns.Msg) {
			switch {
			case x.prefix() == "ns.dns." && m.Rcode == dns.RcodeSuccess:
				x.negative(m, dns.RcodeNameError)
			case x.prefix() == "" && x.zone() != "" && x.typ == dns.TypeNS && len(m.Answer) == 0:
				x.positive(m, []dns.RR{record(x.name, "NS", "ns.dns."+x.zone())}, nil)
			}
		},
	},
	{
		name:    "A namespace in which no Service is served does not exist, nor does `pod`.",
		reason:  "Nothing is answered below: Namespaces and Pods are not watched.",
		example: "A vacant.svc.cluster.local.",
		only:    alone,
		change: func(x *comparison, m *dns.Msg) {
			nothing := []string{"pod.", plainSpace + ".svc.", vacantSpace + ".svc."}
			if x.forward() && slices.Contains(nothing, x.prefix()) && m.Rcode == dns.RcodeSuccess {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		name:    "The zone, `svc` and namespaces exist for questions of type TXT.",
		reason:  "They exist for all other types too.",
		example: "TXT test.svc.cluster.local.",
		only:    alone,
		change: func(x *comparison, m *dns.Msg) {
			there := []string{"", "svc.", mainSpace + ".svc.", otherSpace + ".svc."}
			if x.typ == dns.TypeTXT && slices.Contains(there, x.prefix()) && (x.forward() || x.prefix() == "") && m.Rcode == dns.RcodeNameError && x.zone() != "" {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
	{
		name:    "A name on the way to reverse names exists.",
		reason:  "Reverse names may be below, so NXDOMAIN would deny those too (RFC 8020).",
		example: "PTR 1.10.in-addr.arpa.",
		only:    alone,
		change: func(x *comparison, m *dns.Msg) {
			if slices.Contains(reverseTree, x.name) && m.Rcode == dns.RcodeNameError {
				x.negative(m, dns.RcodeSuccess)
			}
		},
	},
	{
		name:    "The name `dns-version` is only in zones that are not reverse ones.",
		reason:  "The specification has it in the zone of the cluster.",
		example: "TXT dns-version.in-addr.arpa.",
		only:    alone,
		change: func(x *comparison, m *dns.Msg) {
			if !x.forward() && x.prefix() == "dns-version." && len(m.Answer) > 0 {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		name:    "Without *kubernetes* behind it, no name that does not exist has NODATA for SOA.",
		reason:  "The name does not exist, whatever the type (RFC 2308, section 2.1).",
		example: "SOA nope.cluster.local.",
		only:    alone,
		change: func(x *comparison, m *dns.Msg) {
			if x.typ == dns.TypeSOA && len(m.Answer) == 0 && x.zone() != "" && !x.service.served() && !existsInZone(x) {
				x.negative(m, dns.RcodeNameError)
			}
		},
	},
	{
		name:    "A negative or reduced answer says why, in an Extended DNS Error.",
		reason:  "Whoever looks for a Pod that is missing learns it from `dig` (RFC 8914); a client without EDNS gets none.",
		example: "A nope.sts.test.svc.cluster.local.",
		change:  addReason,
	},
}

// reverseTree are the names among the questions that are on the way to reverse
// names.
var reverseTree = []string{"10.in-addr.arpa.", "1.10.in-addr.arpa.", "0.1.10.in-addr.arpa.", "d.f.ip6.arpa.", "1.0.0.0.0.d.f.ip6.arpa."}

// existsInZone tells whether a name that no Service owns exists.
func existsInZone(x *comparison) bool {
	there := []string{"", "svc.", mainSpace + ".svc.", otherSpace + ".svc."}
	if x.forward() {
		return slices.Contains(there, x.prefix()) || x.isVersion()
	}
	return x.prefix() == "" || slices.Contains(reverseTree, x.name) || len(x.publishers) > 0
}

// addDraining answers for the endpoints that drain, and for what is below.
func addDraining(x *comparison, m *dns.Msg) {
	drains := func(e endpoint) bool { return e.standing == draining }
	for _, s := range x.publishers {
		if of := s.endpointsThat(drains); len(of) > 0 && x.typ == dns.TypePTR {
			x.positive(m, []dns.RR{record(x.name, "PTR", of[0].called(x.podNames())+"."+s.fullName())}, nil)
		}
	}
	if x.service == nil || len(x.service.endpointsThat(drains)) == 0 {
		return
	}
	name, protocol, isPort := x.port()
	label, isLabel := x.label()
	switch {
	case isLabel && len(x.service.named(label)) > 0:
		x.addresses(m, x.service.named(label))
	case x.typ == dns.TypeSRV && (x.is(headless) || isPort && x.service.hasPort(name, protocol)):
		var answer, extra []dns.RR
		for _, e := range x.service.endpointsThat(drains) {
			target := e.called(x.podNames()) + "." + x.tail
			answer = append(answer, record(x.name, "SRV", fmt.Sprintf("20 100 %d %s", e.ports[0].number, target)))
			extra = append(extra, addressRecord(target, e.address))
		}
		x.positive(m, answer, extra)
	case x.is(headless):
		x.addresses(m, x.service.endpointsThat(drains))
	case isPort && x.service.hasPort(name, protocol):
		x.negative(m, dns.RcodeSuccess)
	}
}

// addReason takes over the text of the reason, but not whether there is one.
func addReason(x *comparison, m *dns.Msg) {
	if !x.answersHere() || len(onlyOPT(m.Extra)) == 0 {
		return
	}
	why := reason(x.ours)
	if why == "" {
		why = "a reason"
	}
	drained := !x.is(externalName) && len(m.Answer) > 0 && x.service != nil &&
		len(x.service.endpointsThat(func(e endpoint) bool { return e.standing == draining })) > 0
	_, isLabel := x.label()
	switch found := x.lookUpTarget(); {
	case negative(m):
		explain(m, why)
	case drained && !isLabel:
		explain(m, "draining endpoints only")
	case found != nil && found.Rcode != dns.RcodeServerFailure && reason(found) != "":
		explain(m, reason(found))
	default:
		return
	}
	x.touched = true
}

// dropStanding takes the endpoints of a standing out of an answer.
func dropStanding(x *comparison, m *dns.Msg, lost standing) {
	if x.service == nil && x.typ != dns.TypePTR || m.Rcode != dns.RcodeSuccess {
		return
	}
	gone := func(s *service) (addresses, names []string) {
		for _, e := range s.endpoints {
			if e.standing != lost {
				continue
			}
			names = append(names, e.called(x.podNames())+"."+s.fullName())
			if !slices.ContainsFunc(s.endpoints, func(o endpoint) bool { return o.published() && o.address == e.address }) {
				addresses = append(addresses, e.address)
			}
		}
		return addresses, names
	}
	services := []*service{x.service}
	if x.service == nil {
		services = world.services
	}
	var addresses, names []string
	for _, s := range services {
		a, n := gone(s)
		addresses, names = append(addresses, a...), append(names, n...)
	}
	if label, ok := x.label(); ok && len(x.service.named(label)) == 0 && slices.Contains(names, strings.ToLower(x.name)) && x.typ != dns.TypeSOA {
		x.negative(m, dns.RcodeNameError)
		return
	}
	before := len(m.Answer)
	left := x.keep(m, func(rr dns.RR) bool {
		switch rr := rr.(type) {
		case *dns.A:
			return !slices.Contains(addresses, rr.A.String())
		case *dns.SRV:
			return !slices.Contains(names, strings.ToLower(rr.Target))
		case *dns.PTR:
			return !slices.Contains(names, rr.Ptr)
		}
		return true
	})
	if before > 0 && !left {
		x.negative(m, dns.RcodeNameError)
	}
}

func dropUnnamedPorts(x *comparison, m *dns.Msg) {
	if !x.is(headless) || x.typ != dns.TypeSRV || len(m.Answer) == 0 {
		return
	}
	left := x.keep(m, func(rr dns.RR) bool {
		srv := rr.(*dns.SRV)
		return slices.ContainsFunc(x.service.endpoints, func(e endpoint) bool {
			isTarget := strings.HasPrefix(srv.Target, e.called(x.podNames())+".") || strings.HasPrefix(srv.Target, e.pod+".")
			return isTarget && slices.ContainsFunc(e.ports, func(p port) bool { return p.name != "" && p.number == int32(srv.Port) })
		})
	})
	if !left {
		x.negative(m, dns.RcodeSuccess)
	}
}

// addEndpointName answers for a name of an endpoint that the stock plugin does
// not use.
func addEndpointName(x *comparison, m *dns.Msg, is func(e endpoint, label string) bool) {
	label, ok := x.label()
	if !ok || m.Rcode != dns.RcodeNameError && x.typ != dns.TypeSOA {
		return
	}
	named := x.service.named(label)
	if slices.ContainsFunc(named, func(e endpoint) bool { return is(e, label) }) {
		x.addresses(m, named)
	}
}

func callDottedPodsByAddress(x *comparison, m *dns.Msg) {
	if len(m.Answer) == 0 {
		return
	}
	x.touched = true
	for _, s := range world.services {
		if s.kind != headless {
			continue
		}
		for _, e := range s.endpoints {
			if !strings.Contains(e.pod, ".") || e.hostname != "" {
				continue
			}
			rename := func(name string) string {
				if rest, ok := strings.CutPrefix(name, e.pod+"."+s.name+"."); ok {
					return e.dashed() + "." + s.name + "." + rest
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

func hasType(rrs []dns.RR, typ uint16) bool {
	return slices.ContainsFunc(rrs, func(rr dns.RR) bool { return rr.Header().Rrtype == typ })
}

func addExternalPorts(x *comparison, m *dns.Msg) {
	name, protocol, ok := x.port()
	if !ok || x.service.kind != externalName || !x.service.hasPort(name, protocol) {
		return
	}
	if x.typ != dns.TypeSRV {
		x.negative(m, dns.RcodeSuccess)
		return
	}
	target := x.service.target
	var extra []dns.RR
	if x.service.isLiteral() {
		target = x.tail
		extra = []dns.RR{addressRecord(target, x.service.target)}
	}
	var answer []dns.RR
	for _, p := range x.service.ports {
		if p.name == name && p.protocol == protocol {
			answer = append(answer, record(x.name, "SRV", fmt.Sprintf("0 100 %d %s", p.number, target)))
		}
	}
	x.positive(m, answer, extra)
}

// dropOtherEndpoints takes what the stock plugin says of endpoints of other
// Services than headless ones out of an answer.
func dropOtherEndpoints(x *comparison, m *dns.Msg) {
	if x.service != nil && x.service.kind == clusterIP && len(x.below) == 1 && m.Rcode == dns.RcodeSuccess && x.typ != dns.TypeSOA {
		x.negative(m, dns.RcodeNameError)
		return
	}
	if x.typ != dns.TypePTR || len(m.Answer) == 0 {
		return
	}
	left := x.keep(m, func(rr dns.RR) bool {
		for _, s := range world.services {
			if ptr, ok := rr.(*dns.PTR); ok && s.kind != headless && strings.HasSuffix(ptr.Ptr, "."+s.fullName()) {
				return false
			}
		}
		return true
	})
	if !left {
		x.negative(m, dns.RcodeNameError)
	}
}

// takeCapitals ends targets and their addresses as the question ends.
func takeCapitals(x *comparison, m *dns.Msg) {
	if len(m.Answer) == 0 {
		return
	}
	if !x.is(headless) && !(x.service != nil && x.service.kind == headless && len(x.below) == 2) {
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
	for _, rr := range withoutOPT(m.Extra) {
		rr.Header().Name = end(rr.Header().Name)
	}
}

// takeTheRandomPart takes our part of the answer where that is one of the whole,
// and as large as fits. Addresses of the targets that are in it may fill what
// room is left.
func takeTheRandomPart(x *comparison, m *dns.Msg) {
	if x.way != smallUDP || !x.stock.Truncated || !x.ours.Truncated {
		return
	}
	whole := x.whole()
	whole.Truncated = true
	part := onlyPart(whole, x.ours)
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
func takeTheAdditionalPart(x *comparison, m *dns.Msg) {
	if x.way != smallUDP || !x.stock.Truncated || x.ours.Truncated {
		return
	}
	whole := x.whole()
	part := onlyPart(whole, x.ours)
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

// largest is the size of the largest record with its owner compressed, in
// bytes.
func largest(rrs []dns.RR) int {
	size := 0
	for _, rr := range rrs {
		size = max(size, dns.Len(rr)-len(rr.Header().Name)-1+2)
	}
	return size
}
