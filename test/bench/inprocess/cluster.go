package inprocess

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Sizes are how many endpoints the Services of the benchmarks have: each of
// them stands there once with IPv4 and once with IPv6 addresses.
var Sizes = []int{1, 10, 100, 1000, 5000}

// maxPerSlice is how many endpoints the EndpointSlice controller puts into one.
const maxPerSlice = 100

// ServiceName returns the name of the Service of that family and size.
func ServiceName(family corev1.IPFamily, size int) string {
	return fmt.Sprintf("%s-%d", strings.ToLower(string(family)), size)
}

// Hostname returns the name of an endpoint. All have the same length, so that
// an answer has the same size whichever are drawn.
func Hostname(i int) string { return fmt.Sprintf("pod-%04d", i) }

// Address returns the address of an endpoint. No two Services share one.
func Address(family corev1.IPFamily, size, i int) netip.Addr {
	if family == corev1.IPv4Protocol {
		return netip.AddrFrom4([4]byte{10, byte(len(fmt.Sprint(size))), byte(i >> 8), byte(i)})
	}
	return netip.AddrFrom16([16]byte{0: 0xfd, 3: byte(len(fmt.Sprint(size))), 5: byte(i >> 8), 7: 1, 15: byte(i)})
}

// Cluster returns the objects of the benchmarks: headless Services of all
// sizes and both families, one of type ExternalName, and one with a cluster IP,
// whose name falls through.
func Cluster() []runtime.Object {
	objects := []runtime.Object{
		&corev1.Namespace{TypeMeta: metav1.TypeMeta{Kind: "Namespace", APIVersion: "v1"}, ObjectMeta: meta("default", "", nil)},
		service("web", corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "www.example.org"}),
		service("clusterip", corev1.ServiceSpec{ClusterIP: "10.96.0.10", ClusterIPs: []string{"10.96.0.10"}}),
	}
	for _, family := range []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol} {
		for _, size := range Sizes {
			objects = append(objects, service(ServiceName(family, size), corev1.ServiceSpec{
				ClusterIP:  corev1.ClusterIPNone,
				ClusterIPs: []string{corev1.ClusterIPNone},
			}))
			for from := 0; from < size; from += maxPerSlice {
				objects = append(objects, slice(family, size, from))
			}
		}
	}
	return objects
}

func meta(name, namespace string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels, ResourceVersion: "1"}
}

func service(name string, spec corev1.ServiceSpec) *corev1.Service {
	if spec.Type == "" {
		spec.Type = corev1.ServiceTypeClusterIP
		spec.Selector = map[string]string{"app": name}
		spec.Ports = []corev1.ServicePort{{Name: "sql", Protocol: corev1.ProtocolTCP, Port: 5432}}
	}
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{Kind: "Service", APIVersion: "v1"},
		ObjectMeta: meta(name, "default", nil),
		Spec:       spec,
	}
}

func slice(family corev1.IPFamily, size, from int) *discoveryv1.EndpointSlice {
	name := ServiceName(family, size)
	port, number, protocol, yes := "sql", int32(5432), corev1.ProtocolTCP, true
	made := &discoveryv1.EndpointSlice{
		TypeMeta: metav1.TypeMeta{Kind: "EndpointSlice", APIVersion: "discovery.k8s.io/v1"},
		ObjectMeta: meta(fmt.Sprintf("%s-%d", name, from), "default", map[string]string{
			discoveryv1.LabelServiceName: name,
			discoveryv1.LabelManagedBy:   "endpointslice-controller.k8s.io",
			corev1.IsHeadlessService:     "",
		}),
		AddressType: discoveryv1.AddressType(family),
		Ports:       []discoveryv1.EndpointPort{{Name: &port, Port: &number, Protocol: &protocol}},
	}
	for i := from; i < min(size, from+maxPerSlice); i++ {
		hostname := Hostname(i)
		made.Endpoints = append(made.Endpoints, discoveryv1.Endpoint{
			Addresses:  []string{Address(family, size, i).String()},
			Hostname:   &hostname,
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: hostname},
			Conditions: discoveryv1.EndpointConditions{Ready: &yes, Serving: &yes},
		})
	}
	return made
}

// Zones are those of a cluster.
const Zones = "cluster.local in-addr.arpa ip6.arpa"

// Changes are what a source tells of the objects.
func Changes(tb testing.TB, objects []runtime.Object) (changes []model.Change) {
	tb.Helper()
	for _, object := range objects {
		switch object := object.(type) {
		case *corev1.Service:
			service, err := model.NewService(object)
			if err != nil {
				tb.Fatal(err)
			}
			if service != nil {
				changes = append(changes, model.ServiceChange(service))
			}
		case *discoveryv1.EndpointSlice:
			slice, err := model.NewSlice(object)
			if err != nil {
				tb.Fatal(err)
			}
			changes = append(changes, model.SliceChange(slice))
		}
	}
	return changes
}
