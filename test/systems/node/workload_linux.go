package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// nodeName is where all Pods run.
const nodeName = cluster.DefaultNode

// strict refuses fields that there are none of.
var strict = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

// Create creates objects, which are documents of YAML, in the place.
func (p *Place) Create(ctx context.Context, documents string) error {
	reader := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(documents)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		object, _, err := strict.Decode(document, nil, nil)
		if err == nil {
			err = p.create(ctx, object)
		}
		if err != nil {
			return fmt.Errorf("%w in\n%s", err, document)
		}
	}
}

// create gives each Pod its node: there is no scheduler.
func (p *Place) create(ctx context.Context, object runtime.Object) error {
	api, options := p.node.cluster.Clients(), metav1.CreateOptions{}
	var err error
	switch o := object.(type) {
	case *corev1.Service:
		_, err = api.CoreV1().Services(p.Namespace).Create(ctx, o, options)
	case *appsv1.StatefulSet:
		o.Spec.Template.Spec.NodeName = nodeName
		_, err = api.AppsV1().StatefulSets(p.Namespace).Create(ctx, o, options)
	case *appsv1.Deployment:
		o.Spec.Template.Spec.NodeName = nodeName
		_, err = api.AppsV1().Deployments(p.Namespace).Create(ctx, o, options)
	case *corev1.Pod:
		o.Spec.NodeName = nodeName
		_, err = api.CoreV1().Pods(p.Namespace).Create(ctx, o, options)
	default:
		err = fmt.Errorf("a %T cannot be created here", object)
	}
	return err
}

// A resource is an object by its path.
type resource struct {
	api        rest.Interface
	kind, name string
}

func (p *Place) pods(name string) resource {
	return resource{p.node.cluster.Clients().CoreV1().RESTClient(), "pods", name}
}

// resource is that of "StatefulSet/NAME" or "Deployment/NAME".
func (p *Place) resource(workload string) (resource, error) {
	kind, name, _ := strings.Cut(workload, "/")
	switch kind {
	case "StatefulSet", "Deployment":
		return resource{p.node.cluster.Clients().AppsV1().RESTClient(), strings.ToLower(kind) + "s", name}, nil
	}
	return resource{}, fmt.Errorf("%q is neither a StatefulSet nor a Deployment", workload)
}

func (p *Place) patch(ctx context.Context, r resource, patch any) error {
	body, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	return r.api.Patch(types.MergePatchType).Namespace(p.Namespace).Resource(r.kind).Name(r.name).Body(body).Do(ctx).Error()
}

// Scale asks for so many members of a workload.
func (p *Place) Scale(ctx context.Context, workload string, members int) error {
	r, err := p.resource(workload)
	if err != nil {
		return err
	}
	return p.patch(ctx, r, map[string]any{"spec": map[string]any{"replicas": members}})
}

// Roll restarts a workload as `kubectl rollout restart` does.
func (p *Place) Roll(ctx context.Context, workload string) error {
	r, err := p.resource(workload)
	if err != nil {
		return err
	}
	stamp := map[string]any{"kubectl.kubernetes.io/restartedAt": time.Now().Format(time.RFC3339Nano)}
	return p.patch(ctx, r, map[string]any{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": stamp}}}})
}

// settled is what the status of both kinds has.
type settled struct {
	Metadata struct{ Generation int64 }
	Spec     struct{ Replicas int32 }
	Status   struct {
		ObservedGeneration                       int64
		Replicas, UpdatedReplicas, ReadyReplicas int32
		CurrentRevision, UpdateRevision          string
	}
}

// Settled returns nil when a workload has all the members that it should have, ready and of
// its newest form, and no other.
func (p *Place) Settled(ctx context.Context, workload string) error {
	r, err := p.resource(workload)
	if err != nil {
		return err
	}
	text, err := r.api.Get().Namespace(p.Namespace).Resource(r.kind).Name(r.name).SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx).Raw()
	if err != nil {
		return err
	}
	var w settled
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	s := w.Status
	// A StatefulSet has revisions, and counts those of the newest only while there are two.
	newest := s.UpdatedReplicas == w.Spec.Replicas || s.UpdateRevision != ""
	if s.ObservedGeneration < w.Metadata.Generation || s.Replicas != w.Spec.Replicas || s.ReadyReplicas != w.Spec.Replicas ||
		!newest || s.CurrentRevision != s.UpdateRevision {
		return fmt.Errorf("of %d members of %s there are %d, ready %d, updated %d", w.Spec.Replicas, workload, s.Replicas, s.ReadyReplicas, s.UpdatedReplicas)
	}
	return nil
}
