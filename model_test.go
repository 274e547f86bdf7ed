package endpoints

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// naive is what the plugin should answer, straight from the objects: the
// Kubernetes DNS specification 1.1.0 with the rules of the design, without an
// index, a cache or any other cleverness. It shares no code with the plugin, so
// that a rule misread in one of the two shows as a difference.
type naive struct {
	services []*corev1.Service
	slices   []*discoveryv1.EndpointSlice

	zones       []string // in lower case
	primary     string   // the zone that PTR records point into
	fallsIn     []string // the zones in which a name that is not owned falls through
	podNames    bool
	ttl         uint32
	negativeTTL uint32

	// next answers what the plugin passes on: the other plugins of the server.
	next func(name string, qtype uint16) naiveAnswer
}

// naiveAnswer is one expected answer. Records are in the form of dns.RR.String,
// sorted; the serial of an SOA record is zero.
type naiveAnswer struct {
	passed        bool // to the next plugin; all else is then unset
	rcode         int
	authoritative bool
	answer        []string
	authority     []string
	additional    []string
}

func (n *naive) ask(q dns.Question, opcode int) naiveAnswer {
	transfers := q.Qclass == dns.ClassINET && (opcode == dns.OpcodeNotify || opcode == dns.OpcodeQuery && (q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR))
	if transfers && n.zoneOf(q.Name) != "" {
		if opcode == dns.OpcodeNotify {
			return naiveAnswer{rcode: dns.RcodeNotImplemented}
		}
		return naiveAnswer{rcode: dns.RcodeRefused}
	}
	if opcode != dns.OpcodeQuery || q.Qclass != dns.ClassINET || q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR {
		return naiveAnswer{passed: true}
	}
	return n.lookup(q.Name, q.Qtype, 0)
}

// lookup takes the number of CNAME records that led to name.
func (n *naive) lookup(name string, qtype uint16, hops int) naiveAnswer {
	zone := n.zoneOf(name)
	if zone == "" {
		return naiveAnswer{passed: true}
	}
	a := &naiveQuestion{naive: n, name: name, qtype: qtype, hops: hops}
	labels := dns.SplitDomainName(name)
	for i := range labels {
		labels[i] = strings.ToLower(labels[i])
	}
	a.labels = labels[:len(labels)-dns.CountLabel(zone)]
	a.zone = naiveLast(name, dns.CountLabel(zone))
	var got naiveAnswer
	if strings.HasSuffix(zone, "in-addr.arpa.") || strings.HasSuffix(zone, "ip6.arpa.") {
		got = a.reverse()
	} else {
		got = a.forward()
	}
	slices.Sort(got.answer)
	slices.Sort(got.authority)
	slices.Sort(got.additional)
	return got
}

// zoneOf returns the longest zone that name is in, or nothing.
// falls reports whether a name that nobody owns passes on.
func (n *naive) falls(name string) bool {
	return slices.ContainsFunc(n.fallsIn, func(zone string) bool { return dns.IsSubDomain(zone, strings.ToLower(name)) })
}

func (n *naive) zoneOf(name string) string {
	longest := ""
	for _, zone := range n.zones {
		if dns.IsSubDomain(zone, strings.ToLower(name)) && len(zone) > len(longest) {
			longest = zone
		}
	}
	return longest
}

// naiveQuestion is a question within a zone of ours. zone has the case of the
// question, labels are those in front of it, in lower case.
type naiveQuestion struct {
	*naive
	name   string
	qtype  uint16
	labels []string
	zone   string
	hops   int
}

func (q *naiveQuestion) forward() naiveAnswer {
	if len(q.labels) == 1 && q.labels[0] == "dns-version" {
		if q.qtype == dns.TypeANY {
			return q.any(28800)
		}
		if q.qtype != dns.TypeTXT {
			return q.nodata()
		}
		return naiveFound(&dns.TXT{Hdr: q.header(q.name, dns.TypeTXT, 28800), Txt: []string{"1.1.0"}})
	}
	if count := len(q.labels); count >= 3 && q.labels[count-1] == "svc" {
		below := q.labels[:count-3]
		// The stock plugin may have names of topology zones.
		if len(below) > 0 && below[len(below)-1] == "_zone" && q.falls(q.name) {
			return naiveAnswer{passed: true}
		}
		for _, service := range q.services {
			if naiveServes(service) && service.Namespace == q.labels[count-2] && service.Name == q.labels[count-3] {
				return q.owned(service, below)
			}
		}
		// Nobody has such a name.
		if len(below) > 2 || len(below) == 2 && !naiveIsPort(below[0], below[1]) {
			return q.nxdomain()
		}
	}
	if strings.HasSuffix("."+strings.ToLower(q.name), ".svc."+strings.ToLower(q.zone+q.zone)) {
		return q.nxdomain()
	}
	return q.notOwned()
}

// naiveIsPort reports whether two labels may be those of a port of the stock plugin, which
// does not ask for underscores.
func naiveIsPort(port, protocol string) bool {
	hasBoth := strings.HasPrefix(port, "_") && strings.HasPrefix(protocol, "_")
	return hasBoth || slices.Contains([]string{"", "tcp", "udp", "sctp"}, strings.TrimPrefix(protocol, "_"))
}

// notOwned answers for a name that this plugin has no Service for.
func (q *naiveQuestion) notOwned() naiveAnswer {
	if q.falls(q.name) {
		if q.standsAbove() {
			return q.nodata()
		}
		return naiveAnswer{passed: true}
	}
	if len(q.labels) == 0 {
		switch q.qtype {
		case dns.TypeSOA:
			return naiveFound(q.soa(q.ttl))
		case dns.TypeANY:
			return q.any(q.ttl)
		case dns.TypeNS:
			return naiveFound(&dns.NS{Hdr: q.header(q.name, dns.TypeNS, q.ttl), Ns: "ns.dns." + q.zone})
		}
		return q.nodata()
	}
	if len(q.labels) == 1 && q.labels[0] == "dns" {
		return q.nodata()
	}
	if len(q.labels) == 2 && q.labels[0] == "ns" && q.labels[1] == "dns" {
		return q.nameServer()
	}
	if q.isReverse() {
		if q.isPartOfAddress() {
			return q.nodata()
		}
		return q.nxdomain()
	}
	if len(q.labels) == 1 && q.labels[0] == "svc" {
		return q.nodata()
	}
	if len(q.labels) == 2 && q.labels[1] == "svc" {
		for _, service := range q.services {
			if naiveServes(service) && service.Namespace == q.labels[0] {
				return q.nodata()
			}
		}
	}
	return q.nxdomain()
}

// standsAbove reports whether a name of ours lies below the one of the question. Whoever is
// next has the records of the zone, and what else there may be at a zone of Services.
func (q *naiveQuestion) standsAbove() bool {
	if len(q.labels) == 0 && (!q.isReverse() || q.qtype == dns.TypeSOA || q.qtype == dns.TypeNS) {
		return false
	}
	for _, service := range q.services {
		if !naiveServes(service) {
			continue
		}
		if !q.isReverse() {
			if dns.IsSubDomain(strings.ToLower(q.name), service.Namespace+".svc."+strings.ToLower(q.zone)) {
				return true
			}
			continue
		}
		for _, claim := range q.claims(service) {
			reversed, err := dns.ReverseAddr(claim.address.String())
			if err == nil && service.Spec.Type != corev1.ServiceTypeExternalName &&
				dns.IsSubDomain(strings.ToLower(q.name), reversed) && dns.CountLabel(reversed) > dns.CountLabel(q.name) {
				return true
			}
		}
	}
	return false
}

// nameServer answers for ns.dns: the questions of the tests come to 127.0.0.1.
func (q *naiveQuestion) nameServer() naiveAnswer {
	switch q.qtype {
	case dns.TypeA:
		return naiveFound(q.address(q.name, netip.MustParseAddr("127.0.0.1")))
	case dns.TypeANY:
		return q.any(q.ttl)
	}
	return q.nodata()
}

func naiveServes(service *corev1.Service) bool {
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return !strings.Contains(service.Spec.ExternalName, " ")
	}
	return service.Spec.ClusterIP == corev1.ClusterIPNone
}

func (q *naiveQuestion) owned(service *corev1.Service, below []string) naiveAnswer {
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return q.externalName(service, below)
	}
	return q.headless(service, below)
}

// Headless Services

func (q *naiveQuestion) headless(service *corev1.Service, below []string) naiveAnswer {
	all := q.endpoints(service)
	named := naiveWithNames(all)
	if len(named) == 0 {
		return q.nxdomain()
	}
	switch len(below) {
	case 0:
		inName := naiveInName(all)
		listed := naiveListed(all, func(naivePort) bool { return true })
		switch {
		case q.qtype == dns.TypeANY && len(inName)+len(listed) > 0:
			return q.any(q.ttl)
		case q.qtype == dns.TypeSRV:
			return q.srv(all, q.name, func(naivePort) bool { return true })
		}
		return q.addresses(inName)
	case 1:
		for _, p := range naiveNamedPorts(all) {
			if below[0] == "_"+p.protocol {
				return q.nodata()
			}
		}
		if matching := naiveMeant(all, below[0]); len(matching) > 0 {
			if q.qtype == dns.TypeANY {
				return q.any(q.ttl)
			}
			return q.addresses(matching)
		}
	case 2:
		for _, p := range naiveNamedPorts(all) {
			if below[0] != "_"+p.name || below[1] != "_"+p.protocol {
				continue
			}
			switch q.qtype {
			case dns.TypeANY:
				return q.any(q.ttl)
			case dns.TypeSRV:
				return q.srv(all, naiveCut(q.name, 2), p.sameName)
			}
			return q.nodata()
		}
	}
	return q.nxdomain()
}

// any answers ANY at a name that has records (RFC 8482).
func (q *naiveQuestion) any(ttl uint32) naiveAnswer {
	return naiveFound(&dns.HINFO{Hdr: q.header(q.name, dns.TypeHINFO, ttl), Cpu: "RFC8482"})
}

// How good an endpoint is, for a Service or for a port.
const (
	naiveReady = iota
	naiveDraining
	naiveOut
)

// naiveInName returns who is in the Service name: those who are ready and, where nobody
// of an address family is, those who serve while they terminate.
func naiveInName(all []naiveEndpoint) (in []naiveEndpoint) {
	best := map[bool]int{true: naiveOut, false: naiveOut}
	for _, e := range all {
		best[e.address.Is4()] = min(best[e.address.Is4()], e.tier)
	}
	for _, e := range all {
		if e.tier == best[e.address.Is4()] && e.tier < naiveOut {
			in = append(in, e)
		}
	}
	return in
}

// naiveListed returns the ports that SRV records list, of those that are asked for: of the
// endpoints of an address family that offer any, the best.
func naiveListed(all []naiveEndpoint, asked func(naivePort) bool) (listed []naiveOffer) {
	best := map[bool]int{true: naiveOut, false: naiveOut}
	for _, e := range all {
		for _, p := range e.ports {
			if asked(p) {
				best[e.address.Is4()] = min(best[e.address.Is4()], p.tier)
			}
		}
	}
	for _, e := range all {
		for _, p := range e.ports {
			if asked(p) && p.tier == best[e.address.Is4()] && p.tier < naiveOut {
				listed = append(listed, naiveOffer{e, p})
			}
		}
	}
	return listed
}

// naiveOffer is a port of an endpoint.
type naiveOffer struct {
	naiveEndpoint
	port naivePort
}

// naiveNamedPorts returns the ports with names that SRV records list, each name once.
func naiveNamedPorts(all []naiveEndpoint) (ports []naivePort) {
	for _, e := range all {
		for _, p := range e.ports {
			if p.name != "" && !slices.ContainsFunc(ports, p.sameName) && len(naiveListed(all, p.sameName)) > 0 {
				ports = append(ports, p)
			}
		}
	}
	return ports
}

// naiveName marks who has a name: who is ready, in the Service name or in an SRV record.
func naiveName(all []naiveEndpoint) {
	named := make(map[netip.Addr]bool)
	for _, e := range naiveInName(all) {
		named[e.address] = true
	}
	asked := []func(naivePort) bool{func(naivePort) bool { return true }}
	for _, p := range naiveNamedPorts(all) {
		asked = append(asked, p.sameName)
	}
	for _, by := range asked {
		for _, offer := range naiveListed(all, by) {
			named[offer.address] = true
		}
	}
	for i, e := range all {
		all[i].named = named[e.address] || e.tier == naiveReady
	}
}

func naiveWithNames(all []naiveEndpoint) (named []naiveEndpoint) {
	for _, e := range all {
		if e.named {
			named = append(named, e)
		}
	}
	return named
}

// addresses answers a question of type A or AAAA; of any other it says that the
// name exists.
func (q *naiveQuestion) addresses(endpoints []naiveEndpoint) naiveAnswer {
	var rrs []dns.RR
	for _, e := range endpoints {
		if rr := q.address(q.name, e.address); rr.Header().Rrtype == q.qtype {
			rrs = append(rrs, rr)
		}
	}
	if len(rrs) == 0 {
		return q.nodata()
	}
	return naiveFound(rrs...)
}

// srv answers with the ports that are asked for.
func (q *naiveQuestion) srv(all []naiveEndpoint, service string, asked func(naivePort) bool) naiveAnswer {
	var rrs, extra []dns.RR
	listed := naiveListed(all, asked)
	for _, offer := range listed {
		target := offer.name(q.podNames) + "." + service
		tier := offer.port.tier
		for _, other := range listed {
			// A target is in its best tier only.
			if other.name(q.podNames) == offer.name(q.podNames) && other.port.number == offer.port.number {
				tier = min(tier, other.port.tier)
			}
		}
		rrs = append(rrs, q.service(target, offer.port.number, uint16(20*tier)))
		for _, same := range naiveMeant(all, offer.name(q.podNames)) {
			extra = append(extra, q.address(target, same.address))
		}
	}
	if len(rrs) == 0 {
		return q.nodata()
	}
	got := naiveFound(rrs...)
	got.additional = naiveText(extra)
	return got
}

// naiveEndpoint is one address of a Service, and who holds it.
type naiveEndpoint struct {
	address  netip.Addr
	dashed   string
	hostname string
	pod      string // its name, where that is a label
	ports    []naivePort
	tier     int
	podNames bool
	named    bool // it has a name of its own
}

// naivePort is a port that has a number, and how good its endpoint is for it.
type naivePort struct {
	name, protocol string
	number         uint16
	tier           int
}

func (p naivePort) sameName(o naivePort) bool { return p.name == o.name && p.protocol == o.protocol }

// name is the one that SRV and PTR records give.
func (e naiveEndpoint) name(podNames bool) string {
	switch {
	case e.hostname != "":
		return e.hostname
	case podNames && e.pod != "":
		return e.pod
	}
	return e.dashed
}

func naiveDashes(address netip.Addr) string {
	dashed := strings.NewReplacer(".", "-", ":", "-").Replace(address.String())
	if strings.HasSuffix(dashed, "-") {
		dashed += "0"
	}
	return dashed
}

// naiveMeant returns the endpoints with names that a name means: those whose specified
// name it is or, where it is nobody's, those who have it besides.
func naiveMeant(all []naiveEndpoint, name string) (meant []naiveEndpoint) {
	specified := false
	for _, e := range all {
		specified = specified || name == e.name(e.podNames)
	}
	for _, e := range naiveWithNames(all) {
		if name == e.name(e.podNames) || !specified && (name == e.pod || name == e.dashed) {
			meant = append(meant, e)
		}
	}
	return meant
}

// naiveClaim is what one slice says of one address.
type naiveClaim struct {
	slice    *discoveryv1.EndpointSlice
	endpoint *discoveryv1.Endpoint
	address  netip.Addr
	index    int // of the endpoint in the slice
}

func (c naiveClaim) ready() bool {
	return c.endpoint.Conditions.Ready == nil || *c.endpoint.Conditions.Ready
}

func (c naiveClaim) serving() bool {
	if c.endpoint.Conditions.Serving == nil {
		return c.ready()
	}
	return *c.endpoint.Conditions.Serving
}

func (c naiveClaim) tier() int {
	switch {
	case c.ready():
		return naiveReady
	case c.serving() && c.terminating():
		return naiveDraining
	}
	return naiveOut
}

func (c naiveClaim) terminating() bool {
	return c.endpoint.Conditions.Terminating != nil && *c.endpoint.Conditions.Terminating
}

func (c naiveClaim) hostname() string {
	if c.endpoint.Hostname == nil {
		return ""
	}
	return strings.ToLower(*c.endpoint.Hostname)
}

func (c naiveClaim) podName() string {
	if c.endpoint.TargetRef == nil || !naiveLabel(c.endpoint.TargetRef.Name) {
		return ""
	}
	return strings.ToLower(c.endpoint.TargetRef.Name)
}

func naiveLabel(name string) bool {
	if len(name) < 1 || len(name) > 63 || strings.Trim(name, "-") != name {
		return false
	}
	return strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// samePod compares the Pods of two claims to the same address.
func (c naiveClaim) samePod(d naiveClaim) bool {
	var one, other string
	if c.endpoint.TargetRef != nil {
		one = string(c.endpoint.TargetRef.UID)
	}
	if d.endpoint.TargetRef != nil {
		other = string(d.endpoint.TargetRef.UID)
	}
	return one == other && (one != "" || c.hostname() == d.hostname())
}

// newer compares resource versions, which are decimal numbers without leading
// zeros: a longer one is the larger one.
func (c naiveClaim) newer(d naiveClaim) bool {
	one, other := c.slice.ResourceVersion, d.slice.ResourceVersion
	if len(one) != len(other) {
		return len(one) > len(other)
	}
	return one > other
}

// beats decides between two claims to the same address.
func (c naiveClaim) beats(d naiveClaim) bool {
	if c.samePod(d) {
		if c.newer(d) || d.newer(c) {
			return c.newer(d)
		}
		return c.ready() && !d.ready()
	}
	if c.terminating() != d.terminating() {
		return !c.terminating()
	}
	if c.ready() != d.ready() {
		return c.ready()
	}
	if c.newer(d) || d.newer(c) {
		return c.newer(d)
	}
	if c.slice.Name != d.slice.Name {
		return c.slice.Name < d.slice.Name
	}
	return c.index < d.index
}

// endpoints returns the endpoints of a headless Service, one for each address. One that
// stands in slices of different ports is what it is for any of them.
func (q *naiveQuestion) endpoints(service *corev1.Service) []naiveEndpoint {
	claims := q.claims(service)
	var addresses []netip.Addr
	for _, c := range claims {
		if !slices.Contains(addresses, c.address) {
			addresses = append(addresses, c.address)
		}
	}
	var all []naiveEndpoint
	for _, address := range addresses {
		winner := naiveWinner(address, claims)
		e := naiveEndpoint{
			address:  address,
			dashed:   naiveDashes(address),
			hostname: winner.hostname(),
			pod:      winner.podName(),
			podNames: q.podNames,
			tier:     winner.tier(),
		}
		for _, c := range naiveStands(winner, claims) {
			for _, p := range naivePorts(c.slice) {
				p.tier = max(e.tier, c.tier())
				e.ports = append(e.ports, p)
			}
		}
		all = append(all, e)
	}
	naiveName(all)
	return all
}

// naiveWinner finds what each Pod is at an address, then compares the Pods.
func naiveWinner(address netip.Addr, claims []naiveClaim) naiveClaim {
	var pods []naiveClaim
claim:
	for _, c := range claims {
		if c.address != address {
			continue
		}
		for _, known := range pods {
			if c.samePod(known) {
				continue claim
			}
		}
		pods = append(pods, naiveUnion(c, claims))
	}
	winner := pods[0]
	for _, c := range pods[1:] {
		if c.beats(winner) {
			winner = c
		}
	}
	return winner
}

// naiveStands returns, of the claims of one Pod to one address, the one that counts for
// each list of ports.
func naiveStands(pod naiveClaim, claims []naiveClaim) (stands []naiveClaim) {
claim:
	for _, c := range claims {
		if c.address != pod.address || !c.samePod(pod) {
			continue
		}
		for i := range stands {
			if fmt.Sprint(naivePorts(c.slice)) == fmt.Sprint(naivePorts(stands[i].slice)) {
				if c.beats(stands[i]) {
					stands[i] = c
				}
				continue claim
			}
		}
		stands = append(stands, c)
	}
	return stands
}

// naiveUnion is the newest claim of a Pod to an address, in the conditions that it has for
// any ports.
func naiveUnion(pod naiveClaim, claims []naiveClaim) naiveClaim {
	newest := pod
	for _, c := range claims {
		if c.address == pod.address && c.samePod(pod) && c.beats(newest) {
			newest = c
		}
	}
	ready, serving, terminating := false, false, true
	for _, c := range naiveStands(pod, claims) {
		ready, serving, terminating = ready || c.ready(), serving || c.serving(), terminating && c.terminating()
	}
	endpoint := *newest.endpoint
	endpoint.Conditions = discoveryv1.EndpointConditions{Ready: &ready, Serving: &serving, Terminating: &terminating}
	newest.endpoint = &endpoint
	return newest
}

// naivePorts returns the ports of a slice that have a number.
func naivePorts(slice *discoveryv1.EndpointSlice) []naivePort {
	var ports []naivePort
	for _, p := range slice.Ports {
		if p.Port == nil {
			continue
		}
		protocol, name := corev1.ProtocolTCP, ""
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		if p.Name != nil {
			name = *p.Name
		}
		ports = append(ports, naivePort{name: strings.ToLower(name), protocol: strings.ToLower(string(protocol)), number: uint16(*p.Port)})
	}
	return ports
}

// claims leaves out slices of no Service and slices of names.
func (q *naiveQuestion) claims(service *corev1.Service) []naiveClaim {
	var claims []naiveClaim
	for _, slice := range q.slices {
		if slice.Namespace != service.Namespace || slice.Labels[discoveryv1.LabelServiceName] != service.Name {
			continue
		}
		if slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		for i := range slice.Endpoints {
			for _, address := range slice.Endpoints[i].Addresses {
				claims = append(claims, naiveClaim{slice, &slice.Endpoints[i], netip.MustParseAddr(address), i})
			}
		}
	}
	return claims
}

// ExternalName Services

func (q *naiveQuestion) externalName(service *corev1.Service, below []string) naiveAnswer {
	address, err := netip.ParseAddr(service.Spec.ExternalName)
	if len(below) == 0 {
		if err == nil && q.qtype == dns.TypeANY {
			return q.any(q.ttl)
		}
		if err == nil {
			return q.addresses([]naiveEndpoint{{address: address}})
		}
		return q.chase(dns.Fqdn(service.Spec.ExternalName))
	}
	for _, p := range service.Spec.Ports {
		if p.Name == "" {
			continue
		}
		name, protocol := "_"+strings.ToLower(p.Name), "_tcp"
		if p.Protocol != "" {
			protocol = "_" + strings.ToLower(string(p.Protocol))
		}
		if len(below) == 1 && below[0] == protocol {
			return q.nodata()
		}
		if len(below) != 2 || below[0] != name || below[1] != protocol {
			continue
		}
		if q.qtype == dns.TypeANY {
			return q.any(q.ttl)
		}
		if q.qtype != dns.TypeSRV {
			return q.nodata()
		}
		if err != nil {
			return naiveFound(q.service(dns.Fqdn(service.Spec.ExternalName), uint16(p.Port), 0))
		}
		target := naiveCut(q.name, 2)
		got := naiveFound(q.service(target, uint16(p.Port), 0))
		got.additional = naiveText([]dns.RR{q.address(target, address)})
		return got
	}
	return q.nxdomain()
}

// naiveMaxChain is the number of CNAME records after which a chain ends.
const naiveMaxChain = 8

// chase answers with the CNAME record and with what its target resolves to in
// the whole server. The response code is that of the end of the chain (RFC 6604).
func (q *naiveQuestion) chase(target string) naiveAnswer {
	cname := naiveFound(&dns.CNAME{Hdr: q.header(q.name, dns.TypeCNAME, q.ttl), Target: target})
	if q.qtype == dns.TypeCNAME || q.qtype == dns.TypeANY {
		return cname
	}
	if q.hops+1 > naiveMaxChain {
		return naiveAnswer{rcode: dns.RcodeServerFailure}
	}
	end := q.lookup(target, q.qtype, q.hops+1)
	if end.passed {
		end = q.next(target, q.qtype)
		if q.mayBeOwned(target) {
			end.authority = naiveBounded(end.authority, q.negativeTTL)
		}
	}
	switch end.rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
		cname.rcode = end.rcode
		cname.answer = append(cname.answer, end.answer...)
		cname.additional = end.additional
		// Whose name servers the target has is not asked for.
		if !slices.ContainsFunc(end.answer, func(rr string) bool { return strings.Contains(rr, "\t"+dns.TypeToString[q.qtype]+"\t") }) {
			cname.authority = end.authority
		}
		return cname
	}
	return naiveAnswer{rcode: dns.RcodeServerFailure}
}

// mayBeOwned reports whether a Service could get a name that passed on.
func (n *naive) mayBeOwned(name string) bool {
	lower := strings.ToLower(name)
	zone := n.zoneOf(name)
	if dns.IsSubDomain("in-addr.arpa.", zone) || dns.IsSubDomain("ip6.arpa.", zone) {
		return true
	}
	return zone != "" && dns.IsSubDomain("svc."+zone, lower) && dns.CountLabel(lower) >= dns.CountLabel(zone)+3
}

// naiveBounded returns SOA records with no TTL above the one of negative answers.
func naiveBounded(authority []string, ttl uint32) (bounded []string) {
	for _, text := range authority {
		rr, err := dns.NewRR(text)
		if soa, ok := rr.(*dns.SOA); err == nil && ok {
			soa.Hdr.Ttl, soa.Minttl = min(soa.Hdr.Ttl, ttl), min(soa.Minttl, ttl)
		}
		bounded = append(bounded, rr.String())
	}
	return bounded
}

// Reverse names

func (q *naiveQuestion) isReverse() bool {
	zone := strings.ToLower(q.zone)
	return dns.IsSubDomain("in-addr.arpa.", zone) || dns.IsSubDomain("ip6.arpa.", zone)
}

func (q *naiveQuestion) reverse() naiveAnswer {
	var rrs []dns.RR
	for _, service := range q.services {
		if !naiveServes(service) || service.Spec.Type == corev1.ServiceTypeExternalName {
			continue
		}
		for _, e := range naiveWithNames(q.endpoints(service)) {
			reversed, err := dns.ReverseAddr(e.address.String())
			if err != nil || reversed != strings.ToLower(q.name) {
				continue
			}
			owner := e.name(q.podNames) + "." + service.Name + "." + service.Namespace + ".svc." + q.primary
			rrs = append(rrs, &dns.PTR{Hdr: q.header(q.name, dns.TypePTR, q.ttl), Ptr: owner})
		}
	}
	switch {
	case len(rrs) == 0:
		return q.notOwned()
	case q.qtype == dns.TypeANY:
		return q.any(q.ttl)
	case q.qtype != dns.TypePTR:
		return q.nodata()
	}
	return naiveFound(rrs...)
}

// isPartOfAddress is true for a reverse name that lies above names of whole
// addresses.
func (q *naiveQuestion) isPartOfAddress() bool {
	labels := dns.SplitDomainName(strings.ToLower(q.name))
	labels = labels[:len(labels)-2]
	if strings.HasSuffix(strings.ToLower(q.name), "ip6.arpa.") {
		for _, label := range labels {
			if len(label) != 1 || !strings.Contains("0123456789abcdef", label) {
				return false
			}
		}
		return len(labels) < 32
	}
	for _, label := range labels {
		if !naiveOctet(label) {
			return false
		}
	}
	return len(labels) < 4
}

func naiveOctet(label string) bool {
	_, err := netip.ParseAddr(label + ".0.0.0")
	return err == nil
}

// Answers and records

func naiveFound(rrs ...dns.RR) naiveAnswer {
	return naiveAnswer{authoritative: true, answer: naiveText(rrs)}
}

func (q *naiveQuestion) nodata() naiveAnswer {
	return naiveAnswer{authoritative: true, authority: naiveText([]dns.RR{q.soa(q.negativeTTL)})}
}

func (q *naiveQuestion) nxdomain() naiveAnswer {
	got := q.nodata()
	got.rcode = dns.RcodeNameError
	return got
}

func (q *naiveQuestion) soa(ttl uint32) dns.RR {
	return &dns.SOA{
		Hdr:     q.header(q.zone, dns.TypeSOA, ttl),
		Ns:      "ns.dns." + q.zone,
		Mbox:    "hostmaster." + q.zone,
		Refresh: 7200,
		Retry:   1800,
		Expire:  86400,
		Minttl:  q.negativeTTL,
	}
}

func (q *naiveQuestion) service(target string, port, priority uint16) dns.RR {
	return &dns.SRV{Hdr: q.header(q.name, dns.TypeSRV, q.ttl), Priority: priority, Weight: 100, Port: port, Target: target}
}

func (q *naiveQuestion) address(owner string, address netip.Addr) dns.RR {
	if address = address.Unmap(); address.Is4() {
		return &dns.A{Hdr: q.header(owner, dns.TypeA, q.ttl), A: address.AsSlice()}
	}
	return &dns.AAAA{Hdr: q.header(owner, dns.TypeAAAA, q.ttl), AAAA: address.AsSlice()}
}

func (q *naiveQuestion) header(owner string, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

// naiveText returns the records sorted, each once.
func naiveText(rrs []dns.RR) []string {
	var lines []string
	for _, rr := range rrs {
		lines = append(lines, rr.String())
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// naiveLast returns the last count labels of name, with their dots.
func naiveLast(name string, count int) string {
	starts := dns.Split(name)
	if count == 0 {
		return "."
	}
	return name[starts[len(starts)-count]:]
}

// naiveCut returns name without its first count labels.
func naiveCut(name string, count int) string {
	return naiveLast(name, dns.CountLabel(name)-count)
}

// String lists what an answer can come from.
func (n *naive) String() string {
	var text strings.Builder
	write := func(kind, name string, content ...any) {
		encoded, err := json.Marshal(content)
		fmt.Fprintf(&text, "%s %s %.2000s %v\n", kind, name, encoded, err)
	}
	for _, service := range n.services {
		write("Service", service.Namespace+"/"+service.Name, service.Spec)
	}
	for _, slice := range n.slices {
		write("EndpointSlice", slice.Namespace+"/"+slice.Name, slice.ResourceVersion, slice.Ports, slice.Endpoints)
	}
	return text.String()
}

// written is a reply in the form of the model's.
func written(m *dns.Msg) naiveAnswer {
	if m == nil {
		return naiveAnswer{passed: true}
	}
	return naiveAnswer{
		rcode:         m.Rcode,
		authoritative: m.Authoritative,
		answer:        writtenRecords(m.Answer),
		authority:     writtenRecords(m.Ns),
		additional:    writtenRecords(m.Extra),
	}
}

// writtenRecords keeps what is there twice.
func writtenRecords(rrs []dns.RR) []string {
	var lines []string
	for _, rr := range rrs {
		if soa, ok := rr.(*dns.SOA); ok {
			soa.Serial = 0
		}
		if rr.Header().Rrtype != dns.TypeOPT {
			lines = append(lines, rr.String())
		}
	}
	slices.Sort(lines)
	return lines
}

// message is the reply that a is the text of.
func (a naiveAnswer) message(r *dns.Msg) (*dns.Msg, error) {
	m := new(dns.Msg).SetRcode(r, a.rcode)
	for section, text := range map[*[]dns.RR][]string{&m.Answer: a.answer, &m.Ns: a.authority, &m.Extra: a.additional} {
		for _, line := range text {
			rr, err := dns.NewRR(line)
			if err != nil {
				return nil, err
			}
			*section = append(*section, rr)
		}
	}
	return m, nil
}

func equalAnswers(a, b naiveAnswer) bool {
	return a.passed == b.passed && a.rcode == b.rcode && a.authoritative == b.authoritative &&
		slices.Equal(a.answer, b.answer) && slices.Equal(a.authority, b.authority) && slices.Equal(a.additional, b.additional)
}

func (a naiveAnswer) String() string {
	if a.passed {
		return "passes on\n"
	}
	text := fmt.Sprintf("%s authoritative=%v\n", dns.RcodeToString[a.rcode], a.authoritative)
	for _, section := range []struct {
		title string
		lines []string
	}{{"", a.answer}, {"authority  ", a.authority}, {"additional ", a.additional}} {
		for _, line := range section.lines {
			text += "    " + section.title + line + "\n"
		}
	}
	return text
}
