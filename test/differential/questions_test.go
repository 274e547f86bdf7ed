package differential

import (
	"maps"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	"github.com/miekg/dns"
)

// askedTypes are the types of questions for each name.
var askedTypes = []uint16{
	dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypePTR, dns.TypeCNAME, dns.TypeTXT,
	dns.TypeMX, dns.TypeNS, dns.TypeSOA, dns.TypeHTTPS, dns.TypeANY,
}

// questions are all that the servers are asked. Those whose answer is not
// negative are asked over TCP too.
func questions(services []*differences.Service) []differences.Question {
	var all []differences.Question
	for _, name := range names(services) {
		for _, typ := range askedTypes {
			all = append(all, differences.Question{Name: name, Type: typ, Way: differences.OverUDP})
		}
	}
	for _, s := range services {
		if s.Kind != differences.Headless || s.Namespace != mainSpace {
			continue
		}
		for _, name := range []string{s.FullName(zone), "_one._tcp." + s.FullName(zone), "_sql._tcp." + s.FullName(zone)} {
			for _, typ := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV} {
				all = append(all, differences.Question{Name: name, Type: typ, Way: differences.SmallUDP})
			}
		}
	}
	return all
}

// names returns every name that exists, and near misses of each, in a fixed
// order.
func names(services []*differences.Service) []string {
	all := make(map[string]bool)
	add := func(names ...string) {
		for _, name := range names {
			all[name] = true
		}
	}
	for _, s := range services {
		add(serviceNames(s)...)
		for _, e := range s.Endpoints {
			add(differences.ReverseName(e.Address))
		}
		if s.Address != "" {
			add(differences.ReverseName(s.Address))
		}
	}
	add(zoneNames()...)
	add(reverseNames()...)
	return slices.Sorted(maps.Keys(all))
}

// thorough are the Services for which all near misses are asked, one or two of
// each shape. Of the others, some are.
var thorough = []string{"sts", "hand", "mixed", "any-port", "dotted", "fqdn", "reused", "web", "outside", "literal", "ported"}

// serviceNames returns the names at and below a Service, and near misses.
func serviceNames(s *differences.Service) []string {
	full := s.FullName(zone)
	found := []string{full}
	below := []string{"nope", "_nope._tcp", "_._tcp", "tcp"}
	below = append(below, endpointNames(s)...)
	below = append(below, portNames(s)...)
	below = append(below, zoneLabels(s)...)
	if slices.Contains(thorough, s.Name) {
		below = append(below, nearMisses(s)...)
		found = append(found, besideNames(s)...)
	}
	for _, labels := range below {
		found = append(found, labels+"."+full)
	}
	return found
}

// maxNamed is how many endpoints of a Service are asked for: those of a big one
// are all alike.
const maxNamed = 8

// endpointNames returns the names of endpoints, in each form, whether they are
// published or not.
func endpointNames(s *differences.Service) []string {
	var labels []string
	for _, e := range s.Endpoints[:min(len(s.Endpoints), maxNamed)] {
		labels = append(labels, e.Dashed(), e.Hostname, e.Pod)
	}
	if s.FQDN != "" {
		labels = append(labels, strings.ReplaceAll(s.FQDN, ".", "-"))
	}
	return slices.DeleteFunc(labels, func(label string) bool { return label == "" })
}

// portNames returns the names of ports and protocols, and the same without
// underscores.
func portNames(s *differences.Service) []string {
	all := slices.Clone(s.Ports)
	for _, e := range s.Endpoints {
		all = append(all, e.Ports...)
	}
	if s.FQDN != "" {
		all = append(all, sql)
	}
	var labels []string
	for _, p := range all {
		labels = append(labels, "_"+p.Protocol)
		if p.Name != "" {
			labels = append(labels, "_"+p.Name+"._"+p.Protocol, p.Name+"."+p.Protocol)
		}
	}
	return labels
}

// zoneLabels returns the names of the zones of the endpoints of a Service, with ports in front, and of one that nobody
// is in.
func zoneLabels(s *differences.Service) []string {
	zones := []string{"no-such-zone"}
	for _, e := range s.Endpoints {
		if e.Zone != "" {
			zones = append(zones, strings.ToLower(e.Zone))
		}
	}
	if len(zones) == 1 {
		return nil
	}
	var labels []string
	for _, zone := range zones {
		for _, directive := range []string{"pin", "prefer"} {
			for _, port := range []string{"", "_tcp.", "_one._tcp.", "_two._tcp.", "_sql._tcp.", "_nope._tcp.", "_one._udp."} {
				labels = append(labels, port+zone+"."+directive+"._zone")
			}
		}
	}
	return append(labels, "EU-1.PIN._ZONE", "_One._tcp.EU-1.pin._zone")
}

// nearMisses returns labels below a Service that are nearly those of a port or
// of an endpoint.
func nearMisses(s *differences.Service) []string {
	labels := []string{
		"*", "_", "_nope", "_tcp", "_udp", "_sctp", "sctp", "a.b", "a.b.c", "_._", "_._udp", "_._nope", `a\.b`, "10-99-0-1", "fd00--99",
		"_a.b", "a._b", "a._tcp", "x._sql._tcp",
		"_zone", "prefer._zone", "no-such-zone.nope._zone", "no-such-zone.pin._zone", "no-such-zone.prefer._zone", "a.b.prefer._zone",
		"pin._zone", "_one._two._three.a.prefer._zone", "_sql._tcp.pin._zone", "_.a.pin._zone",
	}
	for _, pair := range portNames(s) {
		name, protocol, two := strings.Cut(pair, ".")
		if !two {
			continue
		}
		other := "_udp"
		if strings.HasSuffix(protocol, "udp") {
			other = "_tcp"
		}
		bareName, bareProtocol := strings.TrimPrefix(name, "_"), strings.TrimPrefix(protocol, "_")
		labels = append(labels,
			name, name+"."+other, name+"._nope", name+"._", "_"+bareName+"."+bareProtocol, bareName+"._"+bareProtocol,
			"__"+bareName+"._"+bareProtocol, strings.ToUpper(pair),
		)
	}
	for _, label := range endpointNames(s) {
		labels = append(labels, label+"."+label, "_sql._tcp."+label, "_"+label, label+"x", strings.ToUpper(label))
	}
	return labels
}

// besideNames returns the name of a Service with capitals, and names beside it.
func besideNames(s *differences.Service) []string {
	full, beside := s.FullName(zone), s.Name+"."+s.Namespace+"."
	return []string{
		strings.ToUpper(full), "_SQL._tcp." + strings.ToUpper(full), strings.ToUpper(s.Name) + "." + s.Namespace + ".svc." + zone, beside + "Svc.Cluster.Local.",
		beside + zone, beside + "pod." + zone, beside + "svc.svc." + zone, beside + "svc.nope." + zone,
		full + zone, full + s.Namespace + ".svc." + zone, full + "svc." + zone, "www.example." + full,
		s.Name + ".nope.svc." + zone, s.Name + "x." + s.Namespace + ".svc." + zone, `a\.` + full,
	}
}

// zoneNames returns the names of the zone itself, and others that no Service
// owns.
func zoneNames() []string {
	found := []string{zone, strings.ToUpper(zone), "local.", "nope.", "www.example.net."}
	for _, label := range []string{"www", "rich", "v4", "missing", "failing"} {
		found = append(found, label+".example.org.")
	}
	for _, label := range []string{
		"svc", "pod", "nope", "_tcp", "ns.dns", "dns", "apex.dns", "hostmaster", "dns-version", "DNS-Version", "x.dns-version", "dns-version.svc",
		"10-1-0-1.test.pod", "*", "svc.svc",
	} {
		found = append(found, label+"."+zone)
	}
	for _, namespace := range []string{mainSpace, otherSpace, plainSpace, vacantSpace, "nope"} {
		found = append(found, namespace+".svc."+zone, namespace+".pod."+zone, "nope."+namespace+".svc."+zone, "_tcp."+namespace+".svc."+zone)
	}
	return found
}

// reverseNames returns names in the reverse zones that are not the reverse
// names of endpoints.
func reverseNames() []string {
	return []string{
		"in-addr.arpa.", "9.in-addr.arpa.", "10.in-addr.arpa.", "1.10.in-addr.arpa.", "0.1.10.in-addr.arpa.", "99.0.1.10.in-addr.arpa.", "1.1.0.1.10.in-addr.arpa.",
		"01.0.1.10.in-addr.arpa.", "256.0.1.10.in-addr.arpa.", "x.in-addr.arpa.", "dns-version.in-addr.arpa.", "1.0.1.10.IN-ADDR.arpa.", "ns.dns.in-addr.arpa.",
		"ip6.arpa.", "d.f.ip6.arpa.", "1.0.0.0.0.d.f.ip6.arpa.", "g.ip6.arpa.", "dns-version.ip6.arpa.", "10.ip6.arpa.",
		differences.ReverseName("fd00:1::99"), "1." + differences.ReverseName("fd00:1::1"), strings.ToUpper(differences.ReverseName("fd00:1::1")),
	}
}
