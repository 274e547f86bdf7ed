package cluster

//lint:file-ignore SA1019 Endpoints are deprecated, and clusters still have them.

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kube"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/near"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/question"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// choose takes the first reading whose Service there is, or else the first one.
func (r *reading) choose(ctx context.Context, readings []question.Question) {
	r.f.Question = readings[0]
	for _, q := range readings {
		if q.Service == "" {
			continue
		}
		service, err := r.Clients.CoreV1().Services(q.Namespace).Get(ctx, q.Service, metav1.GetOptions{})
		switch {
		case err == nil:
			r.f.Question, r.f.Cluster.Service, r.f.Cluster.ServiceKnown = q, service, true
			return
		case !apierrors.IsNotFound(err):
			r.failed(of("Service "+q.Service, q.Namespace), err)
			r.f.Cluster.ServiceKnown = false
			return
		}
		r.f.Cluster.ServiceKnown = true
	}
}

// maxNamesakes is how many Services of like names are kept.
const maxNamesakes = 8

// namesakes looks for Services that may be meant.
func (r *reading) namesakes(ctx context.Context) {
	q := &r.f.Question
	take := func(s *metav1.PartialObjectMetadata) error {
		same := s.Name == q.Service
		alike := s.Namespace == q.Namespace && near.Alike(s.Name, q.Service)
		if same || alike {
			r.f.Cluster.Namesakes = append(r.f.Cluster.Namesakes, s.Namespace+"/"+s.Name)
		}
		if len(r.f.Cluster.Namesakes) == maxNamesakes {
			return errEnough
		}
		return nil
	}
	list := func(namespace string) error {
		return r.metadata(ctx, corev1.SchemeGroupVersion.WithResource("services"), namespace, "", maxPods, take)
	}
	err := list(metav1.NamespaceAll)
	if apierrors.IsForbidden(err) {
		if err = list(q.Namespace); err == nil {
			r.f.Skip("Services of other namespaces", "no right to")
		}
	}
	if err != nil {
		r.failed("Services of like names", err)
	}
	slices.Sort(r.f.Cluster.Namesakes)
	// Nobody misses a Pod that may not be read, or that there is not.
	if pod, err := r.Clients.CoreV1().Pods(q.Namespace).Get(ctx, q.Service, metav1.GetOptions{}); err == nil {
		r.f.Cluster.PodNamed = pod
	}
}

// slices reads those of the Service.
func (r *reading) slices(ctx context.Context) {
	q, c := &r.f.Question, &r.f.Cluster
	o := metav1.ListOptions{LabelSelector: labels.Set{discoveryv1.LabelServiceName: q.Service}.String()}
	err := kube.Each(ctx, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return r.Clients.DiscoveryV1().EndpointSlices(q.Namespace).List(ctx, o)
	}, o, func(s *discoveryv1.EndpointSlice) error {
		if c.Slices = append(c.Slices, *s); len(c.Slices) == maxSlices {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		r.failed(of("EndpointSlices", q.Namespace), err)
		return
	}
	c.SlicesKnown = true
	slices.SortFunc(c.Slices, func(a, b discoveryv1.EndpointSlice) int { return strings.Compare(a.Name, b.Name) })
}

// legacy reads the Endpoints object. Nobody misses one that may not be read, where there are slices.
func (r *reading) legacy(ctx context.Context) {
	if len(r.f.Cluster.Service.Spec.Selector) > 0 {
		return
	}
	q := &r.f.Question
	endpoints, err := r.Clients.CoreV1().Endpoints(q.Namespace).Get(ctx, q.Service, metav1.GetOptions{})
	switch {
	case err == nil:
		r.f.Cluster.Legacy = endpoints
	case !apierrors.IsNotFound(err):
		r.failed(of("Endpoints "+q.Service, q.Namespace), err)
	}
}

// lease reads when kube-controller-manager was there last.
func (r *reading) lease(ctx context.Context) {
	const name = "kube-controller-manager"
	lease, err := r.Clients.CoordinationV1().Leases(kube.SystemSpace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case err == nil && lease.Spec.RenewTime != nil:
		r.f.Cluster.Renewed = lease.Spec.RenewTime.Time
	case err != nil && !apierrors.IsNotFound(err):
		r.failed(of("Lease "+name, kube.SystemSpace), err)
	}
}

// networkPolicies reads the names of those that select Pods of the Service.
func (r *reading) networkPolicies(ctx context.Context) {
	q := &r.f.Question
	wanted := labels.Set(r.f.Cluster.Service.Spec.Selector)
	err := kube.Each(ctx, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return r.Clients.NetworkingV1().NetworkPolicies(q.Namespace).List(ctx, o)
	}, metav1.ListOptions{}, func(p *networkingv1.NetworkPolicy) error {
		if selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector); err == nil && selector.Matches(wanted) {
			r.f.Cluster.NetworkPolicies = append(r.f.Cluster.NetworkPolicies, p.Name)
		}
		return nil
	})
	if err != nil {
		r.failed(of("NetworkPolicies", q.Namespace), err)
	}
}
