package endpoints

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apitypes "k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

// Everything is drawn from small pools, so that names and addresses collide.
var (
	poolNamespaces = []string{"a", "default"}
	poolServices   = []string{"db", "web", "x"}
	poolIPv4       = []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}
	poolIPv6       = []string{"fd00::1", "fd00::", "::1", "2001:db8:0:1:1:1:1:1"}
	poolHostnames  = []string{"h", "db-0", "pod-1", "10-0-0-2", "fd00--0", "H"}
	poolPods       = []string{"pod-1", "pod-2", "h", "10-0-0-3", "pod.with.dots", strings.Repeat("p", 63), strings.Repeat("p", 64)}
	poolUIDs       = []string{"", "one", "two", "2b5d8e4a-6f0c-4f1e-9a53-0d7c1b9e8f60", "2b5d8e4a-6f0c-4f1e-9a53-0d7c1b9e8f61"}
	poolTargets    = []string{
		"example.org", "example.org.", "alias.example.org", "nodata.example.org", "Missing.example.org",
		"refused.example.org", "broken.example.org", "lost.example.org",
		"db.default.svc.cluster.local", "Web.Default.svc.Cluster.local.", "x.a.svc.cluster.local",
		"h.db.default.svc.cluster.local", "nobody.default.svc.cluster.local", "_http._tcp.db.default.svc.cluster.local",
		"dns-version.cluster.local", "cluster.local", "1.0.0.10.in-addr.arpa",
		"192.0.2.7", "2001:db8::7", "::ffff:192.0.2.8",
	}
)

// notAName is an external name for which a Service is left out.
const notAName = "not a name"

// drawnCluster holds objects by kind, namespace and name.
type drawnCluster map[string]any

// poolVersions are of equal length and not: versions are numbers, not text.
var poolVersions = [][]string{{"9", "10", "99", "100"}, {"8", "11", "98", "101"}, {"7", "12", "97", "102"}}

// drawCluster gives no two slices the same version.
func drawCluster(t *rapid.T, poolVersions []string) drawnCluster {
	c := make(drawnCluster)
	for _, namespace := range poolNamespaces {
		for _, name := range poolServices {
			if service := drawService(t, namespace, name); service != nil {
				c["Service "+namespace+"/"+name] = service
			}
			versions := rapid.Permutation(poolVersions).Draw(t, "versions")
			for i := range rapid.IntRange(0, 3).Draw(t, "slices of "+namespace+"/"+name) {
				slice := drawSlice(t, namespace, name)
				slice.Name = fmt.Sprintf("%s-%d", name, i)
				slice.ResourceVersion = versions[i]
				c["EndpointSlice "+namespace+"/"+slice.Name] = slice
			}
		}
	}
	return c
}

func drawService(t *rapid.T, namespace, name string) *corev1.Service {
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	switch rapid.SampledFrom([]string{"headless", "headless", "headless", "ExternalName", "ExternalName", "ClusterIP", "left out", "none"}).Draw(t, "kind") {
	case "headless":
		service.Spec.ClusterIP = corev1.ClusterIPNone
	case "ExternalName":
		service.Spec.Type = corev1.ServiceTypeExternalName
		service.Spec.ExternalName = rapid.SampledFrom(poolTargets).Draw(t, "external name")
		service.Spec.Ports = rapid.SliceOfNDistinct(rapid.SampledFrom([]corev1.ServicePort{
			{Name: "http", Protocol: corev1.ProtocolTCP, Port: 80},
			{Name: "dns", Protocol: corev1.ProtocolUDP, Port: 53},
			{Name: "web", Port: 8080},
			{Port: 9000},
		}), 0, 2, func(p corev1.ServicePort) string { return p.Name }).Draw(t, "ports")
	case "ClusterIP":
		service.Spec.ClusterIP = "10.96.0.1"
	case "left out":
		service.Spec.Type, service.Spec.ExternalName = corev1.ServiceTypeExternalName, notAName
	default:
		return nil
	}
	return service
}

func drawSlice(t *rapid.T, namespace, service string) *discoveryv1.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: namespace, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       rapid.SliceOfN(rapid.SampledFrom(poolPorts()), 0, 3).Draw(t, "ports"),
	}
	pool := poolIPv4
	switch rapid.IntRange(0, 15).Draw(t, "address type") {
	case 0:
		slice.AddressType, pool = discoveryv1.AddressTypeFQDN, []string{"example.org"}
	case 1, 2, 3, 4, 5:
		slice.AddressType, pool = discoveryv1.AddressTypeIPv6, poolIPv6
	}
	for range rapid.IntRange(0, 4).Draw(t, "endpoints") {
		endpoint := drawEndpoint(t, pool)
		if isDecided(slice.Endpoints, endpoint) {
			slice.Endpoints = append(slice.Endpoints, endpoint)
		}
	}
	return slice
}

func poolPorts() []discoveryv1.EndpointPort {
	port := func(name string, protocol corev1.Protocol, number int32) discoveryv1.EndpointPort {
		return discoveryv1.EndpointPort{Name: &name, Protocol: &protocol, Port: &number}
	}
	name, number := "any", int32(7000)
	return []discoveryv1.EndpointPort{
		port("http", corev1.ProtocolTCP, 80),
		port("http", corev1.ProtocolTCP, 8080),
		port("http", corev1.ProtocolUDP, 80),
		port("web", corev1.ProtocolTCP, 80),
		port("dns", corev1.ProtocolUDP, 53),
		port("Peer", corev1.ProtocolSCTP, 7000),
		port("", corev1.ProtocolTCP, 9000),
		{Port: &number},
		{Name: &name, Port: &number},
		{Name: &name},
	}
}

func drawEndpoint(t *rapid.T, pool []string) discoveryv1.Endpoint {
	endpoint := discoveryv1.Endpoint{
		Addresses: rapid.SliceOfNDistinct(rapid.SampledFrom(pool), 1, min(2, len(pool)), rapid.ID).Draw(t, "addresses"),
		Conditions: discoveryv1.EndpointConditions{
			Ready:       rapid.SampledFrom([]*bool{nil, new(true), new(true), new(false)}).Draw(t, "ready"),
			Serving:     rapid.SampledFrom([]*bool{nil, new(true), new(false)}).Draw(t, "serving"),
			Terminating: rapid.SampledFrom([]*bool{nil, new(false), new(true)}).Draw(t, "terminating"),
		},
	}
	if rapid.Bool().Draw(t, "has a hostname") {
		endpoint.Hostname = new(rapid.SampledFrom(poolHostnames).Draw(t, "hostname"))
	}
	if rapid.Bool().Draw(t, "has a Pod") {
		endpoint.TargetRef = &corev1.ObjectReference{
			Kind: "Pod",
			Name: rapid.SampledFrom(poolPods).Draw(t, "Pod"),
			UID:  apitypes.UID(rapid.SampledFrom(poolUIDs).Draw(t, "UID")),
		}
	}
	return endpoint
}

// isDecided reports whether the rules say which of two endpoints with the same
// address in one slice has it. No controller writes such a slice, and for most
// of them no answer is wrong.
func isDecided(others []discoveryv1.Endpoint, endpoint discoveryv1.Endpoint) bool {
	for _, other := range others {
		for _, address := range other.Addresses {
			a, b := naiveClaim{endpoint: &other}, naiveClaim{endpoint: &endpoint}
			if slices.Contains(endpoint.Addresses, address) && a.ready() == b.ready() && (a.samePod(b) || a.terminating() == b.terminating()) {
				return false
			}
		}
	}
	return true
}

// change is what a source reports of the object of that key, which is nil where
// it is gone. Of a Service with a cluster IP, it is a removal.
func change(key string, object any) model.Change {
	kind, name, _ := strings.Cut(key, " ")
	namespace, name, _ := strings.Cut(name, "/")
	switch object := object.(type) {
	case *corev1.Service:
		if made, _ := model.NewService(object); made != nil {
			return model.ServiceChange(made)
		}
	case *discoveryv1.EndpointSlice:
		if made, _ := model.NewSlice(object); made != nil {
			made.ReadPlaces(object)
			return model.SliceChange(made)
		}
	}
	if kind == "Service" {
		return model.ServiceChange(&model.Service{ServiceKey: model.ServiceKey{Namespace: namespace, Name: name}}).Removal()
	}
	service, _, _ := strings.Cut(name, "-")
	return model.SliceChange(&model.Slice{SliceKey: model.SliceKey{Namespace: namespace, Name: name}, Service: service}).Removal()
}

func (c drawnCluster) changes() []model.Change {
	var all []model.Change
	for _, key := range slices.Sorted(maps.Keys(c)) {
		all = append(all, change(key, c[key]))
	}
	return all
}

// drawStanza draws the options that the model knows.
func drawStanza(t *rapid.T) *corefile.Stanza {
	s := &corefile.Stanza{
		Zones:       []string{"cluster.local.", "in-addr.arpa.", "ip6.arpa."},
		Primary:     "cluster.local.",
		TTL:         5,
		NegativeTTL: 1,
		Settings:    corefile.Settings{Naming: rapid.SampledFrom([]roster.Naming{roster.ByHostname, roster.ByPodName}).Draw(t, "naming")},
	}
	if rapid.IntRange(0, 4).Draw(t, "zones") == 0 {
		s.Zones = []string{"0.0.10.in-addr.arpa.", "cluster.local.", "alt.cluster.local.", "0.0.0.0.0.0.0.d.f.ip6.arpa."}
	}
	s.Fall = fall.F{Zones: rapid.SampledFrom([][]string{
		nil, {"."}, {"cluster.local."}, {"in-addr.arpa.", "ip6.arpa."}, {"a.svc.cluster.local.", "10.in-addr.arpa."},
	}).Draw(t, "fallthrough")}
	return s
}

// model returns what a plugin with this stanza should answer for the cluster.
func (c drawnCluster) model(s *corefile.Stanza) *naive {
	n := &naive{
		zones:       s.Zones,
		primary:     s.Primary,
		fallsIn:     s.Fall.Zones,
		podNames:    s.Settings.Naming == roster.ByPodName,
		ttl:         s.TTL,
		negativeTTL: s.NegativeTTL,
		next:        elsewhere,
	}
	for _, object := range c {
		switch object := object.(type) {
		case *corev1.Service:
			n.services = append(n.services, object)
		case *discoveryv1.EndpointSlice:
			n.slices = append(n.slices, object)
		}
	}
	return n
}

// oneService is a cluster with a headless Service db in the namespace default.
func oneService(ports []discoveryv1.EndpointPort, endpoints []discoveryv1.Endpoint) drawnCluster {
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db"}}
	service.Spec.ClusterIP = corev1.ClusterIPNone
	return drawnCluster{
		"Service default/db": service,
		"EndpointSlice default/db-0": &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "default", Name: "db-0", ResourceVersion: "1",
				Labels: map[string]string{discoveryv1.LabelServiceName: "db"},
			},
			AddressType: discoveryv1.AddressTypeIPv4,
			Ports:       ports,
			Endpoints:   endpoints,
		},
	}
}

// externalService is an ExternalName Service in the namespace default.
func externalService(name, target string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: target, Ports: ports},
	}
}
