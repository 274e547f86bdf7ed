package differential

import (
	"net/netip"
	"slices"
	"strings"
)

// zone is the forward zone of all servers.
const zone = "cluster.local."

// reverseZones are the zones of PTR records.
var reverseZones = []string{"in-addr.arpa.", "ip6.arpa."}

// A port is one of an endpoint, or of an ExternalName Service.
type port struct {
	name, protocol string
	// number is 0 where the slice has a port without one, which stands for all.
	number int32
}

// A standing is what is said of an endpoint.
type standing int

const (
	ready standing = iota
	unready
	terminating
	// draining terminates, in a Service of which no endpoint is ready.
	draining
	// outdated is ready by an older slice, while a newer one says otherwise of
	// the same Pod.
	outdated
	// replaced is ready by an older slice, while a newer one gives the address to
	// another Pod.
	replaced
)

// An endpoint is one address of a Service.
type endpoint struct {
	address       string
	hostname, pod string
	ports         []port
	standing      standing
}

// inSlices tells whether a slice says that the endpoint is ready.
func (e endpoint) inSlices() bool {
	return e.standing != unready && e.standing != terminating && e.standing != draining
}

// published tells whether k8s_endpoints is to publish the endpoint.
func (e endpoint) published() bool { return e.standing == ready || e.standing == draining }

func (e endpoint) is4() bool { return strings.Contains(e.address, ".") }

// dashed is the label that stands for the address.
func (e endpoint) dashed() string {
	label := strings.NewReplacer(".", "-", ":", "-").Replace(e.address)
	if strings.HasSuffix(label, "-") {
		label += "0"
	}
	return label
}

// called is the endpoint name that SRV and PTR records of k8s_endpoints give.
func (e endpoint) called(podNames bool) string {
	switch {
	case e.hostname != "":
		return e.hostname
	case podNames && e.pod != "" && !strings.Contains(e.pod, "."):
		return e.pod
	}
	return e.dashed()
}

// A kind of Service.
type kind int

const (
	headless kind = iota
	externalName
	clusterIP
	// absent is no Service: slices that carry the name of none.
	absent
)

// A service is one of the cluster, and what is known of it. The endpoints are
// what the test has written down, not what either plugin says.
type service struct {
	namespace, name string
	kind            kind
	endpoints       []endpoint
	// fqdn is an endpoint that a slice of the address type FQDN holds.
	fqdn string
	// target is the external name, and links how many further ExternalName
	// Services it leads through. A loop has as many as loop says.
	target string
	links  int
	// ports are those of an ExternalName or a ClusterIP Service.
	ports []port
	// address is the cluster IP.
	address string
}

// loop is more than any server follows.
const loop = 1000

func (s *service) fullName() string { return s.name + "." + s.namespace + ".svc." + zone }

// served tells whether k8s_endpoints owns the names of the Service.
func (s *service) served() bool { return s != nil && (s.kind == headless || s.kind == externalName) }

// isLiteral tells whether the external name is an address.
func (s *service) isLiteral() bool {
	_, err := netip.ParseAddr(s.target)
	return err == nil
}

// endpointsThat returns the endpoints that a condition holds for.
func (s *service) endpointsThat(condition func(endpoint) bool) []endpoint {
	var found []endpoint
	for _, e := range s.endpoints {
		if condition(e) {
			found = append(found, e)
		}
	}
	return found
}

// named returns the published endpoints that have a name, in whatever form.
func (s *service) named(label string) []endpoint {
	return s.endpointsThat(func(e endpoint) bool {
		return e.published() && slices.Contains([]string{e.hostname, e.pod, e.dashed()}, label)
	})
}

// hasProtocol tells whether a published named port has the protocol.
func (s *service) hasProtocol(protocol string) bool {
	return slices.ContainsFunc(s.allPorts(), func(p port) bool {
		return p.name != "" && p.number > 0 && p.protocol == protocol
	})
}

// hasPort tells whether a port is there for SRV records.
func (s *service) hasPort(name, protocol string) bool {
	return slices.ContainsFunc(s.allPorts(), func(p port) bool {
		return p.name != "" && p.name == name && p.protocol == protocol && p.number > 0
	})
}

// allPorts are the ports of an ExternalName Service, or of published endpoints.
func (s *service) allPorts() []port {
	if s.kind == externalName {
		return s.ports
	}
	var all []port
	for _, e := range s.endpointsThat(endpoint.published) {
		all = append(all, e.ports...)
	}
	return all
}
