package model

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unique"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	netutils "k8s.io/utils/net"
)

// MaxName is the length of the longest name of an object, in bytes: no longer
// one can be asked for (RFC 1035, section 2.3.4).
const MaxName = 253

// maxLabel is that of the longest label (RFC 1035, section 2.3.4).
const maxLabel = 63

// maxAnnotations is how much an API server lets the annotations of an object
// have together, in bytes.
const maxAnnotations = 256 << 10

// NewService makes a Service from its API object, which it does not keep and
// does not change. It returns nil for a Service that is neither headless nor
// of type ExternalName. An error says what an API server would have refused. The
// Service is then one that is left out, or nil where nobody can ask for its name.
func NewService(obj *corev1.Service) (*Service, error) {
	kind := kindOf(obj)
	if kind == 0 {
		return nil, nil
	}
	key, err := NewServiceKey(obj.Namespace, obj.Name)
	if err != nil {
		return nil, err
	}
	s := &Service{ServiceKey: key, Kind: kind, HasSelector: len(obj.Spec.Selector) > 0}
	if err := s.read(obj); err != nil {
		return &Service{ServiceKey: key, Refused: Refusal(err)}, err
	}
	return s, nil
}

// read reads what an API server would have checked.
func (s *Service) read(obj *corev1.Service) (err error) {
	if err := checkAnnotations(obj.Annotations); err != nil {
		return err
	}
	s.Annotations, s.Created = annotations(obj.Annotations), MomentOf(obj.CreationTimestamp.Time)
	if s.Kind == Headless {
		s.PublishNotReady = obj.Spec.PublishNotReadyAddresses
		s.Distribution = distribution(obj)
		return nil
	}
	if s.Target, s.Address, err = ParseTarget(obj.Spec.ExternalName); err != nil {
		return err
	}
	s.Ports, err = servicePorts(obj.Spec.Ports)
	return err
}

// kindOf follows the stock kubernetes plugin: the type ExternalName goes
// before what spec.clusterIP says.
func kindOf(obj *corev1.Service) ServiceKind {
	switch {
	case obj.Spec.Type == corev1.ServiceTypeExternalName:
		return ExternalName
	case obj.Spec.ClusterIP == corev1.ClusterIPNone:
		return Headless
	}
	return 0
}

// distribution follows the EndpointSlice controller: hints by the annotation of older
// days, which has an even older name, go before the field.
func distribution(obj *corev1.Service) Distribution {
	mode, ok := obj.Annotations[corev1.DeprecatedAnnotationTopologyAwareHints]
	if !ok {
		mode = obj.Annotations[corev1.AnnotationTopologyMode]
	}
	if mode == "Auto" || mode == "auto" {
		return NoDistribution
	}
	switch value(obj.Spec.TrafficDistribution) {
	case corev1.ServiceTrafficDistributionPreferClose, corev1.ServiceTrafficDistributionPreferSameZone:
		return PreferSameZone
	case corev1.ServiceTrafficDistributionPreferSameNode:
		return PreferSameNode
	}
	return NoDistribution
}

func checkAnnotations(all map[string]string) error {
	n := 0
	for name, text := range all {
		n += len(name) + len(text)
	}
	if n > maxAnnotations {
		return Refuse(fmt.Sprintf("annotations of %d bytes", n), "the annotations have %d bytes; they may have at most %d", n, maxAnnotations)
	}
	return nil
}

// CheckNamespace refuses what is no name of a namespace.
func CheckNamespace(namespace string) error {
	if !isLabel(namespace) {
		return fmt.Errorf("namespace %.80q is not a DNS label", namespace)
	}
	return nil
}

// NewServiceKey returns the key of a Service, in lower case. It refuses names
// that are no labels.
func NewServiceKey(namespace, name string) (ServiceKey, error) {
	if err := CheckNamespace(namespace); err != nil {
		return ServiceKey{}, err
	}
	if !isLabel(name) {
		return ServiceKey{}, fmt.Errorf("the Service name %.80q is not a DNS label", name)
	}
	return ServiceKey{Namespace: intern(namespace), Name: intern(name)}, nil
}

// ParseTarget reads an external name, which is a domain name or an address. It returns the
// name with a final dot, or the address.
func ParseTarget(externalName string) (string, netip.Addr, error) {
	if addr, err := netip.ParseAddr(externalName); err == nil && addr.Zone() == "" {
		return "", addr.Unmap(), nil
	}
	if why, ok := strings.CutPrefix(externalName, refusedValue); ok {
		return "", netip.Addr{}, Refuse(why, "it was left out: %s", why)
	}
	name := strings.TrimSuffix(externalName, ".")
	if len(name) > MaxName {
		return "", netip.Addr{}, Refuse(fmt.Sprintf("externalName of %d bytes", len(name)),
			"spec.externalName has %d bytes; a domain name has at most %d", len(name), MaxName)
	}
	for label := range strings.SplitSeq(name, ".") {
		if !isTargetLabel(label) {
			return "", netip.Addr{}, Refuse("externalName "+quoted(externalName),
				"spec.externalName %.80q is not a domain name: the label %.80q is not 1 to %d letters, digits, hyphens and underscores",
				externalName, label, maxLabel)
		}
	}
	return name + ".", netip.Addr{}, nil
}

// servicePorts takes each name once: an answer has one record of it, whatever a
// manifest says. A port without a name is kept for checks.
func servicePorts(ports []corev1.ServicePort) ([]Port, error) {
	var all []Port
	known := make(map[string]bool)
	for _, p := range ports {
		port, err := newPort(p.Name, p.Protocol, p.Port)
		if err != nil {
			return nil, err
		}
		if known[port.Name] && port.Name != "" {
			return nil, Refuse("two ports "+port.Name, "two ports have the name %q", port.Name)
		}
		known[port.Name] = true
		all = append(all, port)
	}
	return all, nil
}

func newPort(name string, protocol corev1.Protocol, number int32) (Port, error) {
	if name != "" && !isLabel(name) {
		return Port{}, Refuse("port name "+quoted(name), "port name %.80q is not a DNS label", name)
	}
	if number < 1 || number > 65535 {
		return Port{}, Refuse(fmt.Sprintf("port number %d", number), "port number %d is not in 1 to 65535", number)
	}
	p := Port{Name: intern(name), Number: uint16(number)}
	switch protocol {
	case corev1.ProtocolTCP, "":
		p.Protocol = TCP
	case corev1.ProtocolUDP:
		p.Protocol = UDP
	case corev1.ProtocolSCTP:
		p.Protocol = SCTP
	default:
		return Port{}, Refuse("port protocol "+quoted(string(protocol)), "port protocol %.80q is not TCP, UDP or SCTP", protocol)
	}
	return p, nil
}

// NewSlice makes a Slice from its API object, which it does not keep and does
// not change. An error says what an API server would have refused, or what
// cannot be served: a slice of no Service, or of the address type FQDN. The Slice is
// then one that is left out, or nil where it belongs to no Service.
//
// Version is the object's resourceVersion, zero where that is not a number.
func NewSlice(obj *discoveryv1.EndpointSlice) (*Slice, error) {
	service := obj.Labels[discoveryv1.LabelServiceName]
	if service == "" {
		return nil, fmt.Errorf("the label %s is missing: the slice belongs to no Service", discoveryv1.LabelServiceName)
	}
	owner, err := NewServiceKey(obj.Namespace, service)
	if err != nil {
		return nil, err
	}
	if len(obj.Name) > MaxName {
		return nil, fmt.Errorf("metadata.name has %d bytes; a name has at most %d", len(obj.Name), MaxName)
	}
	s := &Slice{SliceKey: SliceKey{Namespace: owner.Namespace, Name: obj.Name}, Service: owner.Name}
	s.Version, _ = strconv.ParseUint(obj.ResourceVersion, 10, 64)
	if err := s.read(obj); err != nil {
		s.Ports, s.Refused = nil, Refusal(err)
		return s, err
	}
	s.Triggered = triggered(obj.Annotations)
	return s, nil
}

// read reads what an API server would have checked.
func (s *Slice) read(obj *discoveryv1.EndpointSlice) (err error) {
	if s.Ports, err = slicePorts(obj.Ports); err != nil {
		return err
	}
	s.Endpoints, err = endpoints(obj)
	return err
}

func triggered(annotations map[string]string) Moment {
	at, _ := time.Parse(time.RFC3339Nano, annotations[corev1.EndpointsLastChangeTriggerTime])
	return MomentOf(at)
}

// slicePorts leaves out a port without a number: it stands for all ports, and
// an SRV record cannot say that.
func slicePorts(ports []discoveryv1.EndpointPort) ([]Port, error) {
	var usable []Port
	for _, p := range ports {
		if p.Port == nil {
			continue
		}
		port, err := newPort(value(p.Name), value(p.Protocol), *p.Port)
		if err != nil {
			return nil, err
		}
		usable = append(usable, port)
	}
	return usable, nil
}

func endpoints(obj *discoveryv1.EndpointSlice) ([]Endpoint, error) {
	var is4 bool
	switch obj.AddressType {
	case discoveryv1.AddressTypeIPv4:
		is4 = true
	case discoveryv1.AddressTypeIPv6:
	default:
		return nil, badType(string(obj.AddressType))
	}
	made := make([]Endpoint, 0, len(obj.Endpoints))
	for i := range obj.Endpoints {
		var err error
		if made, err = appendEndpoint(made, &obj.Endpoints[i], is4); err != nil {
			return nil, fmt.Errorf("endpoint %d: %w", i, err)
		}
	}
	return made, nil
}

func badType(text string) error {
	short := "type " + text
	switch why, ok := strings.CutPrefix(text, refusedValue); {
	case ok:
		short = why
	case text == "":
		short = "no address type"
	}
	return Refuse(short, "address type %.80q is not IPv4 or IPv6", text)
}

func appendEndpoint(made []Endpoint, obj *discoveryv1.Endpoint, is4 bool) ([]Endpoint, error) {
	e := Endpoint{Conditions: conditions(&obj.Conditions)}
	if hostname := value(obj.Hostname); hostname != "" {
		if !isLabel(hostname) {
			return nil, Refuse("hostname "+quoted(hostname), "hostname %.80q is not a DNS label", hostname)
		}
		e.Hostname = strings.ToLower(strings.Clone(hostname))
	}
	var uid string
	if ref := obj.TargetRef; ref != nil {
		e.Pod = podLabel(ref.Name, e.Hostname)
		uid = string(ref.UID)
	}
	for _, text := range obj.Addresses {
		addr, ok := parseAddress(text)
		if !ok || addr.Is4() != is4 {
			return nil, Refuse("address "+quoted(text), "%.80q is not an address of the slice's address type", text)
		}
		e.Address = addr
		e.ID = podID(uid, addr, e.Hostname)
		made = append(made, e)
	}
	return made, nil
}

// parseAddress reads what API servers before 1.36 let through: leading zeros, which
// make no octal numbers, and IPv4 addresses in the form of IPv6 ones too.
func parseAddress(text string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Unmap(), addr.Zone() == ""
	}
	addr, ok := netip.AddrFromSlice(netutils.ParseIPSloppy(text))
	return addr.Unmap(), ok
}

// podLabel returns the Pod's name where it can be one label of a name. A Pod of
// a StatefulSet is called like its host: the two share their bytes.
func podLabel(pod, hostname string) string {
	if !isLabel(pod) {
		return ""
	}
	if strings.EqualFold(pod, hostname) {
		return hostname
	}
	return strings.ToLower(strings.Clone(pod))
}

// conditions resolves what is unset: ready counts as true, serving as what
// ready says (the mirroring controller sets only ready), terminating as false.
func conditions(obj *discoveryv1.EndpointConditions) Conditions {
	var c Conditions
	if obj.Ready == nil || *obj.Ready {
		c |= Ready
	}
	switch {
	case obj.Serving != nil:
		if *obj.Serving {
			c |= Serving
		}
	case c.Has(Ready):
		c |= Serving
	}
	if value(obj.Terminating) {
		c |= Terminating
	}
	return c
}

// podID tells Pods apart by their UID, which the API server makes as a UUID.
// Others may write anything.
func podID(uid string, addr netip.Addr, hostname string) PodID {
	if id, err := uuid.Parse(uid); err == nil && len(uid) == len("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") {
		return PodID(id)
	}
	text := "uid " + uid
	if uid == "" {
		text = "address " + addr.String() + " " + hostname
	}
	sum := sha256.Sum256([]byte(text))
	return PodID(sum[:16])
}

// isLabel is true for a label as RFC 1123 has it: letters, digits and, inside,
// hyphens. Unlike Kubernetes it lets capitals pass, since DNS does not tell
// them apart.
func isLabel(text string) bool {
	if text == "" || len(text) > maxLabel || text[0] == '-' || text[len(text)-1] == '-' {
		return false
	}
	for i := 0; i < len(text); i++ {
		if !isLetterOrDigit(text[i]) && text[i] != '-' {
			return false
		}
	}
	return true
}

// isTargetLabel is wider than isLabel: names outside of Kubernetes have
// underscores.
func isTargetLabel(text string) bool {
	if text == "" || len(text) > maxLabel {
		return false
	}
	for i := 0; i < len(text); i++ {
		if c := text[i]; !isLetterOrDigit(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func isLetterOrDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// intern lowers text and lets all objects that carry it share its bytes.
func intern(text string) string { return unique.Make(strings.ToLower(text)).Value() }

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
