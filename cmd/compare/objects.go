package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/pager"
)

// pageSize is how many objects the API server is asked for at once.
const pageSize = 500

// key names a Service.
type key struct{ namespace, name string }

// read learns from the API server what there is to ask for. It reads all slices,
// since no label tells those of headless Services for certain, and keeps only
// those.
func read(ctx context.Context, clients kubernetes.Interface, zone string) (*differences.Cluster, error) {
	services, err := readServices(ctx, clients)
	if err != nil {
		return nil, fmt.Errorf("cannot list Services: %w", err)
	}
	of := make(map[key][]*discoveryv1.EndpointSlice)
	err = each(ctx, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return clients.DiscoveryV1().EndpointSlices("").List(ctx, o)
	}, func(slice *discoveryv1.EndpointSlice) {
		owner := key{slice.Namespace, slice.Labels[discoveryv1.LabelServiceName]}
		if s := services[owner]; s != nil && s.Kind == differences.Headless {
			of[owner] = append(of[owner], slice)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list EndpointSlices: %w", err)
	}
	var all []*differences.Service
	for k, s := range services {
		addEndpoints(s, of[k])
		s.Links = links(services, s, zone)
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *differences.Service) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return differences.NewCluster(zone, all), nil
}

func readServices(ctx context.Context, clients kubernetes.Interface) (map[key]*differences.Service, error) {
	all := make(map[key]*differences.Service)
	err := each(ctx, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return clients.CoreV1().Services("").List(ctx, o)
	}, func(obj *corev1.Service) { all[key{obj.Namespace, obj.Name}] = newService(obj) })
	return all, err
}

// each calls take with every object that list returns, page by page.
func each[T runtime.Object](ctx context.Context, list pager.ListPageFunc, take func(T)) error {
	pages := pager.New(list)
	pages.PageSize = pageSize
	return pages.EachListItem(ctx, metav1.ListOptions{}, func(obj runtime.Object) error {
		typed, ok := obj.(T)
		if !ok {
			return fmt.Errorf("the API server sent an object of the type %T", obj)
		}
		take(typed)
		return nil
	})
}

func newService(obj *corev1.Service) *differences.Service {
	s := &differences.Service{Namespace: obj.Namespace, Name: obj.Name, Kind: differences.ClusterIP}
	for _, p := range obj.Spec.Ports {
		s.Ports = append(s.Ports, newPort(p.Name, p.Protocol, p.Port))
	}
	switch {
	case obj.Spec.Type == corev1.ServiceTypeExternalName:
		s.Kind, s.Target = differences.ExternalName, target(obj.Spec.ExternalName)
	case obj.Spec.ClusterIP == corev1.ClusterIPNone:
		s.Kind, s.Ports = differences.Headless, nil
	default:
		s.Address, _ = canonical(obj.Spec.ClusterIP)
	}
	return s
}

// target is an external name with a final dot, or an address without.
func target(externalName string) string {
	if address, ok := canonical(externalName); ok {
		return address
	}
	return strings.ToLower(strings.TrimSuffix(externalName, ".")) + "."
}

func newPort(name string, protocol corev1.Protocol, number int32) differences.Port {
	if protocol == "" {
		protocol = corev1.ProtocolTCP
	}
	return differences.Port{Name: strings.ToLower(name), Protocol: strings.ToLower(string(protocol)), Number: number}
}

// links counts the ExternalName Services that the target of one leads through.
func links(services map[key]*differences.Service, s *differences.Service, zone string) int {
	for n := 0; n <= len(services); n++ {
		owner, ok := strings.CutSuffix(s.Target, ".svc."+zone)
		name, namespace, two := strings.Cut(owner, ".")
		next := services[key{namespace, name}]
		if !ok || !two || next == nil || next.Kind != differences.ExternalName {
			return n
		}
		s = next
	}
	return differences.Loop
}
