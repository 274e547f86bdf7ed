package inventory

import (
	"slices"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestWhatServicesSayOfTopology(t *testing.T) {
	forZone := func(e discoveryv1.Endpoint) discoveryv1.Endpoint {
		e.Hints = &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: "a"}}}
		return e
	}
	for _, tc := range []struct {
		name   string
		change func(*corev1.Service)
		slices []*discoveryv1.EndpointSlice
		want   []string
		peers  bool
	}{
		{"nothing", func(*corev1.Service) {}, []*discoveryv1.EndpointSlice{slice("1", pod("a", "10.0.0.1", isReady))}, nil, false},
		{"the field", func(s *corev1.Service) { s.Spec.TrafficDistribution = new("PreferClose") }, nil, []string{"trafficDistribution: PreferClose"}, false},
		{"an empty field", func(s *corev1.Service) { s.Spec.TrafficDistribution = new("") }, nil, nil, false},
		{"the annotation", func(s *corev1.Service) {
			s.Annotations = map[string]string{"service.kubernetes.io/topology-mode": "Auto"}
		}, nil,
			[]string{"service.kubernetes.io/topology-mode: Auto"}, false},
		{"the older annotation", func(s *corev1.Service) {
			s.Annotations = map[string]string{"service.kubernetes.io/topology-aware-hints": "auto"}
		}, nil, []string{"service.kubernetes.io/topology-aware-hints: auto"}, false},
		{"an annotation that turns it off", func(s *corev1.Service) {
			s.Annotations = map[string]string{"service.kubernetes.io/topology-mode": "Disabled"}
		}, nil, nil, false},
		{"hints in two slices", func(*corev1.Service) {}, []*discoveryv1.EndpointSlice{
			slice("1", pod("a", "10.0.0.1", isReady), forZone(pod("b", "10.0.0.2", isReady))), slice("2", forZone(pod("c", "10.0.0.3", isReady))),
		}, []string{"hints"}, false},
		{"the field and hints, of peers", func(s *corev1.Service) {
			s.Spec.TrafficDistribution, s.Spec.PublishNotReadyAddresses = new("PreferSameNode"), true
		}, []*discoveryv1.EndpointSlice{slice("1", forZone(pod("a", "10.0.0.1", isReady)))}, []string{"trafficDistribution: PreferSameNode", "hints"}, true},
		{"the field, with a cluster IP", func(s *corev1.Service) {
			s.Spec.ClusterIP, s.Spec.TrafficDistribution = "10.96.0.10", new("PreferClose")
		}, nil, nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			obj := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db"}, Spec: corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone}}
			tc.change(obj)
			r := &reader{services: make(map[model.ServiceKey]*differences.Service), slices: make(map[model.ServiceKey][]*discoveryv1.EndpointSlice)}
			r.addService(obj)
			for _, s := range tc.slices {
				r.addSlice(s)
			}
			got := r.services[model.ServiceKey{Namespace: "default", Name: "db"}]
			if !slices.Equal(got.Wishes, tc.want) || got.ForPeers != tc.peers {
				t.Errorf("got %q, for peers %t; want %q, %t", got.Wishes, got.ForPeers, tc.want, tc.peers)
			}
		})
	}
}
