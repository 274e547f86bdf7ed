package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kube"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// maxElsewhere is how many Pods of other namespaces are kept.
const maxElsewhere = 50

// A census has the Pods of namespaces, each of which is read once for all Services.
type census struct {
	mu  sync.Mutex
	all map[string]func() ([]facts.Labelled, error)
}

// of returns the Pods of a namespace. The error is errEnough where there are more than were read.
func (c *census) of(namespace string, read func() ([]facts.Labelled, error)) ([]facts.Labelled, error) {
	c.mu.Lock()
	if c.all == nil {
		c.all = make(map[string]func() ([]facts.Labelled, error))
	}
	once := c.all[namespace]
	if once == nil {
		once = sync.OnceValues(read)
		c.all[namespace] = once
	}
	c.mu.Unlock()
	return once()
}

// others reads the labels of Pods that the selector may mean: those of the namespace, and those elsewhere that match.
func (r *reading) others(ctx context.Context) {
	q, c := &r.f.Question, &r.f.Cluster
	pods := corev1.SchemeGroupVersion.WithResource("pods")
	all, err := r.census.of(q.Namespace, func() (all []facts.Labelled, err error) {
		err = r.metadata(ctx, pods, q.Namespace, "", maxPods, func(p *metav1.PartialObjectMetadata) error {
			all = append(all, labelled(p))
			return nil
		})
		return all, err
	})
	c.Others, c.InNamespace = slices.Clone(all), len(all)
	switch {
	case errors.Is(err, errEnough):
		c.MoreThan = true
	case err != nil:
		r.failed(of("labels of Pods", q.Namespace), err)
		return
	}
	selector := labels.Set(c.Service.Spec.Selector).String()
	found := 0
	err = r.metadata(ctx, pods, metav1.NamespaceAll, selector, maxPods, func(p *metav1.PartialObjectMetadata) error {
		if p.Namespace == q.Namespace {
			return nil
		}
		c.Others = append(c.Others, labelled(p))
		if found++; found == maxElsewhere {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		r.failed("Pods of other namespaces", err)
	}
}

// labelled keeps of a Pod what near misses are found by.
func labelled(p *metav1.PartialObjectMetadata) facts.Labelled {
	made := facts.Labelled{Namespace: p.Namespace, Name: p.Name, Labels: p.Labels}
	for _, owner := range p.OwnerReferences {
		made.Workload = owner.Name
		if hash := p.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; owner.Kind == "ReplicaSet" && hash != "" {
			made.Workload = strings.TrimSuffix(owner.Name, "-"+hash)
		}
	}
	return made
}

// metadata lists nothing but the metadata of objects, most of them at most.
func (r *reading) metadata(ctx context.Context, of schema.GroupVersionResource, namespace, selector string, most int, take func(*metav1.PartialObjectMetadata) error) error {
	read := 0
	return kube.Each(ctx, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return r.Metadata.Resource(of).Namespace(namespace).List(ctx, o)
	}, metav1.ListOptions{LabelSelector: selector}, func(obj *metav1.PartialObjectMetadata) error {
		if read == most {
			return errEnough
		}
		read++
		return take(obj)
	})
}
