// Package workload makes Services and EndpointSlices as the controllers make
// them for StatefulSets and Deployments, without their Pods.
package workload

import (
	"fmt"
	"net/netip"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Namespace is that of all objects.
const Namespace = metav1.NamespaceDefault

// PerSlice is how many endpoints the controller puts into one slice.
const PerSlice = 100

// The port of all Services.
const (
	PortName   = "sql"
	portNumber = 5432
)

// Where endpoints run: enough nodes that their names are shared as in a large
// cluster.
const nodes, zones = 500, 3

// A Service is one to be created, and its endpoints.
type Service struct {
	Name string
	// ClusterIP has an address of its own; without it the Service is headless.
	ClusterIP bool
	Endpoints int
	// First is the number of its first endpoint among those of the cluster: no
	// two have one address.
	First int
}

// Services returns n Services with the same number of endpoints each.
func Services(n, endpoints int, template Service) []Service {
	all := make([]Service, n)
	for i := range all {
		all[i] = template
		all[i].Name = fmt.Sprintf("%s-%d", template.Name, i)
		all[i].Endpoints = endpoints
		all[i].First = template.First + i*endpoints
	}
	return all
}

// FQDN is the name of the Service in the zone cluster.local.
func (s Service) FQDN() string { return s.Name + "." + Namespace + ".svc.cluster.local." }

// Pod is the name of an endpoint's Pod, and its hostname.
func (s Service) Pod(i int) string { return fmt.Sprintf("%s-%d", s.Name, i) }

// PodFQDN is the DNS name of an endpoint.
func (s Service) PodFQDN(i int) string { return s.Pod(i) + "." + s.FQDN() }

// Address returns the address of an endpoint, in 10.128.0.0/9.
func (s Service) Address(i int) netip.Addr {
	n := s.First + i
	return netip.AddrFrom4([4]byte{10, 128 | byte(n>>16), byte(n >> 8), byte(n)})
}

// object has no selector, so that the controllers leave its slices alone.
func (s Service) object() *corev1.Service {
	o := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: s.Name, Labels: map[string]string{"app": s.Name}},
		Spec: corev1.ServiceSpec{
			Type:  corev1.ServiceTypeClusterIP,
			Ports: []corev1.ServicePort{{Name: PortName, Protocol: corev1.ProtocolTCP, Port: portNumber}},
		},
	}
	if !s.ClusterIP {
		o.Spec.ClusterIP = corev1.ClusterIPNone
	}
	return o
}

func (s Service) sliceName(number int) string { return fmt.Sprintf("%s-%05x", s.Name, number) }

// slices are those of the Service with the UID, labelled as the controller's.
func (s Service) slices(service types.UID) []*discoveryv1.EndpointSlice {
	var all []*discoveryv1.EndpointSlice
	for first := 0; first < s.Endpoints; first += PerSlice {
		slice := s.slice(service, first/PerSlice)
		for i := first; i < min(first+PerSlice, s.Endpoints); i++ {
			slice.Endpoints = append(slice.Endpoints, s.endpoint(i))
		}
		all = append(all, slice)
	}
	return all
}

func (s Service) slice(service types.UID, number int) *discoveryv1.EndpointSlice {
	name, protocol, port, yes := PortName, corev1.ProtocolTCP, int32(portNumber), true
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: Namespace,
			Name:      s.sliceName(number),
			Labels: map[string]string{
				"app":                        s.Name,
				discoveryv1.LabelServiceName: s.Name,
				discoveryv1.LabelManagedBy:   "endpointslice-controller.k8s.io",
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "v1", Kind: "Service", Name: s.Name, UID: service,
				Controller: &yes, BlockOwnerDeletion: &yes,
			}},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Protocol: &protocol, Port: &port}},
	}
	if !s.ClusterIP {
		slice.Labels[corev1.IsHeadlessService] = ""
	}
	return slice
}

func (s Service) endpoint(i int) discoveryv1.Endpoint {
	pod := s.Pod(i)
	node, zone := fmt.Sprintf("node-%d", i%nodes), fmt.Sprintf("zone-%d", i%zones)
	yes, no := true, false
	e := discoveryv1.Endpoint{
		Addresses:  []string{s.Address(i).String()},
		Conditions: discoveryv1.EndpointConditions{Ready: &yes, Serving: &yes, Terminating: &no},
		NodeName:   &node,
		Zone:       &zone,
		TargetRef: &corev1.ObjectReference{
			Kind: "Pod", Namespace: Namespace, Name: pod, UID: types.UID(uuid.NewString()),
		},
	}
	if !s.ClusterIP {
		e.Hostname = &pod
	}
	return e
}
