package cluster

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Port returns a port of a Service. Its target port has the same number.
func Port(name string, protocol corev1.Protocol, number int32) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Protocol: protocol, Port: number}
}

// HeadlessService returns a Service of IPv4 alone with spec.clusterIP None.
// Without a selector no controller makes slices for it.
func HeadlessService(namespace, name string, selector map[string]string, ports ...corev1.ServicePort) *corev1.Service {
	s := ClusterIPService(namespace, name, selector, ports...)
	s.Spec.ClusterIP = corev1.ClusterIPNone
	return s
}

// ClusterIPService returns a Service of IPv4 alone, to which the API server
// gives an address. It needs at least one port.
func ClusterIPService(namespace, name string, selector map[string]string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.ServiceSpec{
			Type:     corev1.ServiceTypeClusterIP,
			Selector: selector,
			Ports:    ports,
		},
	}
}

// ExternalNameService returns a Service that stands for another name.
func ExternalNameService(namespace, name, target string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.ServiceSpec{
			Type:         corev1.ServiceTypeExternalName,
			ExternalName: target,
			Ports:        ports,
		},
	}
}

// DualStack makes the Service one of IPv4 and IPv6, and returns it.
func DualStack(s *corev1.Service) *corev1.Service {
	both := corev1.IPFamilyPolicyRequireDualStack
	s.Spec.IPFamilyPolicy = &both
	return s
}

// HandmadeSlice returns an EndpointSlice as a user writes it, with an endpoint
// of unset conditions for each address. The first address gives the address
// type.
func HandmadeSlice(namespace, name, service string, ports []discoveryv1.EndpointPort, addresses ...string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace,
			Name:      name,
			Labels:    map[string]string{discoveryv1.LabelServiceName: service},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       ports,
	}
	for _, address := range addresses {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{address}})
	}
	if len(addresses) > 0 && netip.MustParseAddr(addresses[0]).Is6() {
		s.AddressType = discoveryv1.AddressTypeIPv6
	}
	return s
}

// SlicePort returns a port of an EndpointSlice.
func SlicePort(name string, protocol corev1.Protocol, number int32) discoveryv1.EndpointPort {
	return discoveryv1.EndpointPort{Name: &name, Protocol: &protocol, Port: &number}
}
