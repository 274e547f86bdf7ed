package differences

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// A Port is one of an endpoint, or of a Service.
type Port struct {
	// Name may be empty. Protocol is in lower case.
	Name, Protocol string
	// Number is 0 for a port without a number, which stands for all ports.
	Number int32
}

// A Standing says whether k8s_endpoints publishes an endpoint, and if not, why.
type Standing int

// The standings.
const (
	Ready Standing = iota
	Unready
	Terminating
	// Draining serves while it terminates, and the Service has no ready endpoint of
	// the address family.
	Draining
	// Outdated is ready by an older slice, while a newer one says otherwise of
	// the same Pod.
	Outdated
	// Replaced is ready by an older slice, while a newer one gives the address to
	// another Pod.
	Replaced
)

// An Endpoint is one address of a Service.
type Endpoint struct {
	// Address is in the form that netip.Addr writes.
	Address string
	// Hostname and Pod are in lower case, or empty.
	Hostname, Pod string
	Ports         []Port
	Standing      Standing
	// Zone is the topology zone, or empty.
	Zone string
}

// Published reports whether k8s_endpoints publishes the endpoint, with its default
// options.
func (e Endpoint) Published() bool { return e.Standing == Ready || e.Standing == Draining }

// Dashed is the label that stands for the address.
func (e Endpoint) Dashed() string {
	label := strings.NewReplacer(".", "-", ":", "-").Replace(e.Address)
	if strings.HasSuffix(label, "-") {
		label += "0"
	}
	return label
}

// Called is the endpoint name that SRV and PTR records of k8s_endpoints give.
func (e Endpoint) Called(podNames bool) string {
	switch {
	case e.Hostname != "":
		return e.Hostname
	case podNames && e.Pod != "" && !strings.Contains(e.Pod, "."):
		return e.Pod
	}
	return e.Dashed()
}

// A Kind is a kind of Service.
type Kind int

// The kinds of Services.
const (
	Headless Kind = iota
	ExternalName
	ClusterIP
	// Absent is the kind where there are slices, and no Service that k8s_endpoints
	// could serve.
	Absent
)

// A Service is one of the cluster, as the API server knows it, whatever answers say.
type Service struct {
	Namespace, Name string
	Kind            Kind
	Endpoints       []Endpoint
	// FQDN is an endpoint of a slice of the address type FQDN, or empty.
	FQDN string
	// Target is the external name, with a final dot, or an address.
	Target string
	// Flatten is set where an ExternalName Service wants the addresses of its target as its own, and Targets are
	// further ones that it wants to lead to, each with a final dot or an address.
	Flatten bool
	Targets []string
	// Links is how many further ExternalName Services Target leads through, or
	// Loop where they lead to each other.
	Links int
	// Ports are those of an ExternalName or a ClusterIP Service.
	Ports []Port
	// Address is the cluster IP.
	Address string
	// Wishes are what a headless Service says of topology already, such as a field or an
	// annotation and its value, though Kubernetes heeds none of it there.
	Wishes []string
	// ForPeers is set where its endpoints are for each other: it publishes them before they
	// are ready (Service.spec.publishNotReadyAddresses).
	ForPeers bool
}

// Loop is more links than any server follows.
const Loop = 1000

// FullName is the name of the Service in a zone, which ends in a dot.
func (s *Service) FullName(zone string) string { return s.Name + "." + s.Namespace + ".svc." + zone }

// served reports whether k8s_endpoints owns the names of the Service.
func (s *Service) served() bool { return s != nil && (s.Kind == Headless || s.Kind == ExternalName) }

// isLiteral reports whether the external name is an address.
func (s *Service) isLiteral() bool {
	_, err := netip.ParseAddr(s.Target)
	return err == nil
}

// endpointsThat returns the endpoints that a condition holds for.
func (s *Service) endpointsThat(condition func(Endpoint) bool) []Endpoint {
	var found []Endpoint
	for _, e := range s.Endpoints {
		if condition(e) {
			found = append(found, e)
		}
	}
	return found
}

// has returns the endpoints of a standing.
func (s *Service) has(standing Standing) []Endpoint {
	return s.endpointsThat(func(e Endpoint) bool { return e.Standing == standing })
}

// named returns the published endpoints that have a name, in whatever form.
func (s *Service) named(label string) []Endpoint {
	return s.endpointsThat(func(e Endpoint) bool {
		return e.Published() && slices.Contains([]string{e.Hostname, e.Pod, e.Dashed()}, label)
	})
}

// hasProtocol reports whether a published named port has the protocol.
func (s *Service) hasProtocol(protocol string) bool {
	return slices.ContainsFunc(s.allPorts(), func(p Port) bool {
		return p.Name != "" && p.Number > 0 && p.Protocol == protocol
	})
}

// hasPort reports whether there are SRV records of a port.
func (s *Service) hasPort(name, protocol string) bool {
	return slices.ContainsFunc(s.allPorts(), func(p Port) bool {
		return p.Name != "" && p.Name == name && p.Protocol == protocol && p.Number > 0
	})
}

// allPorts are the ports of an ExternalName Service, or those of all published
// endpoints.
func (s *Service) allPorts() []Port {
	if s.Kind == ExternalName {
		return s.Ports
	}
	var all []Port
	for _, e := range s.endpointsThat(Endpoint.Published) {
		all = append(all, e.Ports...)
	}
	return all
}

// ReverseName is the name of the PTR records of an address.
func ReverseName(address string) string {
	name, err := dns.ReverseAddr(address)
	if err != nil {
		panic(err)
	}
	return name
}
