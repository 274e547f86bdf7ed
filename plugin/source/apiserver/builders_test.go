package apiserver

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func objectMeta(name string, version int) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "n", Name: name, ResourceVersion: strconv.Itoa(version), Labels: map[string]string{}}
}

// headless is a headless Service with a selector.
func headless(name string, version int) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: objectMeta(name, version),
		Spec: corev1.ServiceSpec{
			Type:      corev1.ServiceTypeClusterIP,
			ClusterIP: corev1.ClusterIPNone,
			Selector:  map[string]string{"app": name},
		},
	}
}

// byHand is a headless Service without a selector.
func byHand(name string, version int) *corev1.Service {
	s := headless(name, version)
	s.Spec.Selector = nil
	return s
}

func externalName(name string, version int) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: objectMeta(name, version),
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.org"},
	}
}

// badName is a Service with an external name that is none.
func badName(name string, version int) *corev1.Service {
	s := externalName(name, version)
	s.Spec.ExternalName = "a b"
	return s
}

func clusterIP(name string, version int) *corev1.Service {
	s := headless(name, version)
	s.Spec.ClusterIP = "10.96.0.10"
	return s
}

// trapped is a slice of the EndpointSlice controller without the headless
// label.
func trapped(name, service string, version int) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta:  objectMeta(name, version),
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}}},
	}
	s.Labels[discoveryv1.LabelManagedBy] = sliceController
	s.Labels[discoveryv1.LabelServiceName] = service
	return s
}

// slice is a slice of the EndpointSlice controller for a headless Service.
func slice(name, service string, version int) *discoveryv1.EndpointSlice {
	s := trapped(name, service, version)
	s.Labels[corev1.IsHeadlessService] = ""
	return s
}

// handMade is a slice that nobody manages.
func handMade(name, service string, version int) *discoveryv1.EndpointSlice {
	s := trapped(name, service, version)
	delete(s.Labels, discoveryv1.LabelManagedBy)
	return s
}

// unusable is a slice of an address type that is not served.
func unusable(name, service string, version int) *discoveryv1.EndpointSlice {
	s := slice(name, service, version)
	s.AddressType = discoveryv1.AddressTypeFQDN
	s.Endpoints[0].Addresses = []string{"example.org"}
	return s
}

// node is one with a podCIDR and an address, in a zone unless that is empty.
func node(name string, version int, zone string) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: objectMeta(name, version),
		Spec:       corev1.NodeSpec{PodCIDRs: []string{"10.1.2.0/24"}},
		Status:     corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.0.2.1"}}},
	}
	n.Namespace = ""
	if zone != "" {
		n.Labels[corev1.LabelTopologyZone] = zone
	}
	return n
}

func namespace(name string, version int, label string) *corev1.Namespace {
	n := &corev1.Namespace{ObjectMeta: objectMeta(name, version)}
	n.Namespace = ""
	n.Labels["dns"] = label
	return n
}
