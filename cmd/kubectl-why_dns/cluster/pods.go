package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kube"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// pods reads those that the selector matches, and more of those that are not ready.
func (r *reading) pods(ctx context.Context) {
	q, c := &r.f.Question, &r.f.Cluster
	o := metav1.ListOptions{LabelSelector: labels.Set(c.Service.Spec.Selector).String()}
	err := kube.Each(ctx, func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return r.Clients.CoreV1().Pods(q.Namespace).List(ctx, o)
	}, o, func(p *corev1.Pod) error {
		if c.Pods = append(c.Pods, *p); len(c.Pods) == maxPods {
			c.MoreThan = true
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		r.failed(of("Pods", q.Namespace), err)
		return
	}
	c.PodsKnown = true
	slices.SortFunc(c.Pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	if len(c.Pods) == 0 {
		r.others(ctx)
		return
	}
	var group sync.WaitGroup
	group.Go(func() { r.events(ctx) })
	group.Go(func() { r.nodes(ctx) })
	group.Wait()
}

// maxOwners is how many Pods are read that have an address.
const maxOwners = 5

// owners reads the Pods that have the address that is asked about.
func (r *reading) owners(ctx context.Context) {
	selector := fields.Set{"status.podIP": r.f.Question.Address.String()}.String()
	list, err := r.Clients.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: selector, Limit: maxOwners})
	if err != nil {
		r.failed("Pods with the address "+r.f.Question.Address.String(), err)
		return
	}
	r.f.Cluster.Pods, r.f.Cluster.PodsKnown = list.Items, true
}

// IsReady reports whether the condition Ready of a Pod holds.
func IsReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// events reads those of Pods that are not ready: of the one that is asked about first.
func (r *reading) events(ctx context.Context) {
	q, c := &r.f.Question, &r.f.Cluster
	var asked []string
	for i := range c.Pods {
		p := &c.Pods[i]
		if IsReady(p) {
			continue
		}
		if q.Endpoint != "" && (p.Name == q.Endpoint || p.Spec.Hostname == q.Endpoint) {
			asked = slices.Insert(asked, 0, p.Name)
		} else {
			asked = append(asked, p.Name)
		}
	}
	c.Events = make(map[string][]corev1.Event)
	var group sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for _, name := range asked[:min(len(asked), maxEvents)] {
		group.Go(func() {
			found, err := r.eventsOf(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			c.Events[name] = found
		})
	}
	group.Wait()
	if failed != nil {
		r.failed(of("Events", q.Namespace), failed)
		return
	}
	c.EventsKnown = true
}

func (r *reading) eventsOf(ctx context.Context, pod string) ([]corev1.Event, error) {
	selector := fields.Set{"involvedObject.kind": "Pod", "involvedObject.name": pod}.String()
	list, err := r.Clients.CoreV1().Events(r.f.Question.Namespace).List(ctx, metav1.ListOptions{FieldSelector: selector, Limit: kube.PageSize})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// nodes reads conditions of Nodes that several Pods are on which are not ready.
func (r *reading) nodes(ctx context.Context) {
	c := &r.f.Cluster
	on := make(map[string]int)
	for i := range c.Pods {
		if p := &c.Pods[i]; p.Spec.NodeName != "" && !IsReady(p) {
			on[p.Spec.NodeName]++
		}
	}
	var asked []string
	for node, n := range on {
		if n >= 2 {
			asked = append(asked, node)
		}
	}
	slices.Sort(asked)
	c.Pressed = make(map[string]string)
	for _, name := range asked[:min(len(asked), maxNodes)] {
		node, err := r.Clients.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			r.failed("Node "+name, err)
			continue
		}
		if text := wrong(node); text != "" {
			c.Pressed[name] = text
		}
	}
}

// wrong says which conditions of a Node are not as they should be.
func wrong(node *corev1.Node) string {
	var all []string
	for _, condition := range node.Status.Conditions {
		want := corev1.ConditionFalse
		if condition.Type == corev1.NodeReady {
			want = corev1.ConditionTrue
		}
		if condition.Status == want {
			continue
		}
		text := string(condition.Type)
		if condition.Type == corev1.NodeReady {
			text = "not Ready"
		}
		all = append(all, fmt.Sprintf("%s since %s", text, condition.LastTransitionTime.UTC().Format(time.TimeOnly)))
	}
	if node.Spec.Unschedulable {
		all = append(all, "unschedulable")
	}
	return strings.Join(all, ", ")
}
