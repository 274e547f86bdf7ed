// Package inventory learns from the API server of a cluster which Services it has, and what their slices say. It reads
// Services and slices through plugin/model, as k8s_endpoints does, and besides the little that only the stock plugin
// looks at.
//
// Read inventory.go first, then endpoints.go and topology.go.
package inventory

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kube"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
)

// A reader gathers Services.
type reader struct {
	zone     string
	services map[model.ServiceKey]*differences.Service
	slices   map[model.ServiceKey][]*discoveryv1.EndpointSlice
	// leftOut says which objects k8s_endpoints refuses, and why.
	leftOut []error
}

// Read returns all Services of the cluster. It lists all slices, since no label tells those of headless Services for
// certain, and keeps of the others what has a hostname. The errors in leftOut are the objects that k8s_endpoints refuses, and why; those
// stand in the way of no other object.
func Read(ctx context.Context, clients kubernetes.Interface, zone string) (c *differences.Cluster, leftOut []error, err error) {
	r := &reader{zone: zone, services: make(map[model.ServiceKey]*differences.Service), slices: make(map[model.ServiceKey][]*discoveryv1.EndpointSlice)}
	err = kube.Each(ctx, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return clients.CoreV1().Services("").List(ctx, o)
	}, metav1.ListOptions{}, r.addService)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot list Services: %w", err)
	}
	err = kube.Each(ctx, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return clients.DiscoveryV1().EndpointSlices("").List(ctx, o)
	}, metav1.ListOptions{}, r.addSlice)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot list EndpointSlices: %w", err)
	}
	var all []*differences.Service
	for key, s := range r.services {
		r.leftOut = append(r.leftOut, addEndpoints(s, r.slices[key])...)
		s.Links = r.links(s)
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *differences.Service) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return differences.NewCluster(zone, all), r.leftOut, nil
}

func (r *reader) addService(obj *corev1.Service) error {
	key := model.ServiceKey{Namespace: obj.Namespace, Name: obj.Name}
	s := &differences.Service{Namespace: obj.Namespace, Name: obj.Name}
	r.services[key] = s
	read, err := model.NewService(obj)
	switch {
	case err != nil:
		s.Kind = differences.Absent
		r.leftOut = append(r.leftOut, fmt.Errorf("the Service %s: %w", key, err))
	case read == nil:
		s.Kind = differences.ClusterIP
		if address, err := netip.ParseAddr(obj.Spec.ClusterIP); err == nil {
			s.Address = address.String()
		}
	case read.Kind == model.Headless:
		s.Kind, s.Wishes, s.ForPeers = differences.Headless, wishes(obj), obj.Spec.PublishNotReadyAddresses
	default:
		s.Kind, s.Target, s.Ports = differences.ExternalName, strings.ToLower(read.Target), portsOf(read.Ports)
		if read.Address.IsValid() {
			s.Target = read.Address.String()
		}
		addPlan(s, read)
	}
	return nil
}

func (r *reader) addSlice(obj *discoveryv1.EndpointSlice) error {
	owner := model.ServiceKey{Namespace: obj.Namespace, Name: obj.Labels[discoveryv1.LabelServiceName]}
	switch s := r.services[owner]; {
	case s == nil:
	case s.Kind == differences.Headless:
		r.slices[owner] = append(r.slices[owner], obj)
		addHints(s, obj)
	case s.Kind == differences.ClusterIP:
		addHostnames(s, obj)
	}
	return nil
}

// links counts the ExternalName Services that the target of one leads through.
func (r *reader) links(s *differences.Service) int {
	for n := 0; n <= len(r.services); n++ {
		owner, ok := strings.CutSuffix(s.Target, ".svc."+r.zone)
		name, namespace, two := strings.Cut(owner, ".")
		next := r.services[model.ServiceKey{Namespace: namespace, Name: name}]
		if !ok || !two || next == nil || next.Kind != differences.ExternalName {
			return n
		}
		s = next
	}
	return differences.Loop
}
