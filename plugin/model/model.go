// Package model holds Services and EndpointSlices as this plugin sees them,
// and makes them from API objects, once, at the door: what is unset gets its
// meaning here, what would not pass an API server's validation is refused
// here, and everything downstream may rely on it.
//
// Values of this package are immutable once a source has handed them out.
package model

import (
	"net/netip"
	"time"
)

// ServiceKind tells which kind of Service this plugin serves.
type ServiceKind uint8

// The kinds of Services that are served.
const (
	Headless ServiceKind = iota + 1
	ExternalName
)

// String returns the kind as it stands in metrics.
func (k ServiceKind) String() string {
	switch k {
	case Headless:
		return "headless"
	case ExternalName:
		return "external_name"
	}
	return "unknown"
}

// ServiceKey names a Service. Both parts are lower case.
type ServiceKey struct {
	Namespace, Name string
}

// String returns the key as people write it, namespace first.
func (k ServiceKey) String() string { return k.Namespace + "/" + k.Name }

// Service is a headless or an ExternalName Service, or one that is left out.
type Service struct {
	ServiceKey
	// Kind is zero where the Service is left out.
	Kind ServiceKind
	// Refused is why it is left out, in short words of at most MaxRefused bytes; empty
	// where it is not. Such a Service has a key, and nothing else.
	Refused string
	// HasSelector is true where the EndpointSlice controller makes its slices.
	HasSelector bool
	// PublishNotReady asks to disregard any indication that endpoints are not ready
	// (Service.spec.publishNotReadyAddresses).
	PublishNotReady bool
	// Distribution is what it asks for with spec.trafficDistribution, unless its
	// annotation service.kubernetes.io/topology-mode asks for hints of another kind.
	Distribution Distribution
	// Target is the domain name, with a final dot, that an ExternalName Service
	// leads to. Where that is an address, Address holds it and Target is empty.
	Target  string
	Address netip.Addr
	// Ports are those of an ExternalName Service. Those of a headless one stand in its
	// slices.
	Ports []Port
	// Annotations are its wishes.
	Annotations Annotations
	// Created is when the API server made it, 0 where nobody says that. Two Services of one
	// name, one after the other, differ in it.
	Created Moment
}

// Protocol is the transport protocol of a port.
type Protocol uint8

// The protocols that the Kubernetes API knows.
const (
	TCP Protocol = iota
	UDP
	SCTP
)

// String returns the protocol as it stands in a name, in lower case and
// without its underscore.
func (p Protocol) String() string {
	switch p {
	case UDP:
		return "udp"
	case SCTP:
		return "sctp"
	}
	return "tcp"
}

// Port is one port of an EndpointSlice or of an ExternalName Service.
type Port struct {
	// Name is a lower-case label, or empty. Only a named port has SRV records.
	Name     string
	Protocol Protocol
	// Number is 1 to 65535.
	Number uint16
}

// PodID tells endpoints of different Pods apart: the UID of the Pod, or, for
// an endpoint without one, a digest of its address and hostname.
type PodID [16]byte

// Endpoint is one address of an endpoint: an endpoint with several addresses
// is several Endpoints with the same names and the same Pod.
type Endpoint struct {
	// Address is an IPv4 address or an IPv6 one, never one mapped into the other,
	// and has no zone.
	Address netip.Addr
	// Hostname and Pod are lower-case labels of at most 63 bytes, or empty.
	Hostname string
	Pod      string
	ID       PodID
	Conditions
	// Hints, Zone and Node are set only where ReadPlaces was called. Zone and Node are
	// indexes plus one into the slice's Places, 0 for none.
	Hints      Hints
	Zone, Node uint16
}

// Conditions are the conditions of an endpoint with their defaults resolved.
type Conditions uint8

// The conditions as bits.
const (
	Ready Conditions = 1 << iota
	Serving
	Terminating
	// AllConditions is the largest value.
	AllConditions = Ready | Serving | Terminating
)

// Has reports whether all of want hold.
func (c Conditions) Has(want Conditions) bool { return c&want == want }

// SliceKey names an EndpointSlice.
type SliceKey struct {
	Namespace, Name string
}

// String returns the key as people write it, namespace first.
func (k SliceKey) String() string { return k.Namespace + "/" + k.Name }

// Slice is an EndpointSlice.
type Slice struct {
	SliceKey
	// Service is the name of the Service that the slice belongs to, in the
	// slice's own namespace.
	Service string
	// Refused is why the slice is left out, in short words of at most MaxRefused
	// bytes; empty where it is not. Such a slice has neither ports nor endpoints.
	Refused string
	// Version orders the slices of one Service, and the states of each: the newer one
	// is the larger one.
	Version uint64
	// Ports holds the usable ports: those with a number.
	Ports     []Port
	Endpoints []Endpoint
	// Names is nil but for a slice of the address type FQDN, which has no Endpoints. It is set
	// only where ReadNames was called.
	Names *Names
	// Places is nil where no endpoint has a place or a hint, and where ReadPlaces was
	// not called.
	Places *Places
	// Triggered is when the change that led to this state of the slice
	// happened, as the controller noted it; zero where nobody did.
	Triggered Moment
}

// Moment is a time in nanoseconds since 1970, or 0 for none. It is a third of a
// time.Time: a slice may have few endpoints to share its bytes among.
type Moment int64

// MomentOf returns 0 for the zero time, and for one that is not within 292 years of 1970.
func MomentOf(t time.Time) Moment {
	m := Moment(t.UnixNano())
	if t.IsZero() || !m.Time().Equal(t) {
		return 0
	}
	return m
}

// Time returns the zero time for 0.
func (m Moment) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(m)).UTC()
}

// Owner returns the key of the Service that the slice belongs to.
func (s *Slice) Owner() ServiceKey { return ServiceKey{Namespace: s.Namespace, Name: s.Service} }

// NamedEndpoint is one endpoint of a slice of the address type FQDN.
type NamedEndpoint struct {
	// Name is in lower case, with a final dot.
	Name string
	Conditions
}

// Names are the endpoints of a slice of the address type FQDN. They stand apart from the slice,
// since hardly any has them.
type Names struct{ Endpoints []NamedEndpoint }

// Named returns the endpoints of a slice of the address type FQDN, of another one nothing.
func (s *Slice) Named() []NamedEndpoint {
	if s.Names == nil {
		return nil
	}
	return s.Names.Endpoints
}
