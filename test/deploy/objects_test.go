package deploy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
)

// objects are those of one manifest.
type objects []*unstructured.Unstructured

func parse(t *testing.T, manifest []byte) (all objects) {
	t.Helper()
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	for {
		var o unstructured.Unstructured
		err := documents.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		must(t, err)
		if len(o.Object) > 0 {
			all = append(all, &o)
		}
	}
}

func readManifest(t *testing.T, file string) objects {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	return parse(t, text)
}

// only decodes the one object of a kind into o.
func (all objects) only(t *testing.T, kind string, o any) {
	t.Helper()
	found := 0
	for _, each := range all {
		if each.GetKind() == kind {
			found++
			must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(each.Object, o))
		}
	}
	if found != 1 {
		t.Fatalf("there are %d objects of the kind %s, want 1", found, kind)
	}
}

// kustomize renders an overlay.
func kustomize(t *testing.T, overlay string) objects {
	t.Helper()
	return parse(t, tool(t, "kustomize", "build", "../../../deploy/kubernetes/overlays/"+overlay))
}

// kustomizeWithTopology renders an overlay with the component topology.
func kustomizeWithTopology(t *testing.T, overlay string) objects {
	t.Helper()
	return parse(t, tool(t, "kustomize", "build", "../testdata/topology-"+overlay))
}

// tool runs the tool of the nested module that has its name, and returns its
// output.
func tool(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"tool", name}, args...)...)
	cmd.Dir = name
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, &complaints)
	}
	return out
}

// A writer writes objects with the rights of an administrator.
type writer struct {
	client dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

func newWriter(t *testing.T, c *cluster.Cluster) *writer {
	t.Helper()
	client, err := dynamic.NewForConfig(c.Admin())
	must(t, err)
	kinds, err := discovery.NewDiscoveryClientForConfig(c.Admin())
	must(t, err)
	return &writer{client: client, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kinds))}
}

func (w *writer) resource(t *testing.T, o *unstructured.Unstructured) dynamic.ResourceInterface {
	t.Helper()
	kind := o.GroupVersionKind()
	mapping, err := w.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	must(t, err)
	if o.GetNamespace() == "" {
		return w.client.Resource(mapping.Resource)
	}
	return w.client.Resource(mapping.Resource).Namespace(o.GetNamespace())
}

// apply applies the objects on the server, as `kubectl apply --server-side`
// does. Unknown fields are errors.
func (w *writer) apply(t *testing.T, all objects, force bool, dryRun ...string) objects {
	t.Helper()
	var applied objects
	for _, o := range all {
		text, err := o.MarshalJSON()
		must(t, err)
		result, err := w.resource(t, o).Patch(within(t), o.GetName(), "application/apply-patch+yaml", text, metav1.PatchOptions{
			FieldManager: "kubectl", FieldValidation: metav1.FieldValidationStrict, Force: &force, DryRun: dryRun,
		})
		if err != nil {
			t.Fatalf("%s %s/%s: %v", o.GetKind(), o.GetNamespace(), o.GetName(), err)
		}
		applied = append(applied, result)
	}
	return applied
}

func (w *writer) create(t *testing.T, all objects) {
	t.Helper()
	for _, o := range all {
		_, err := w.resource(t, o).Create(within(t), o, metav1.CreateOptions{FieldManager: "kubeadm"})
		must(t, err)
	}
}

// get returns the object as it is now.
func (w *writer) get(ctx context.Context, t *testing.T, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	t.Helper()
	return w.resource(t, o).Get(ctx, o.GetName(), metav1.GetOptions{})
}

// remove deletes the objects, the last first.
func (w *writer) remove(t *testing.T, all objects) {
	t.Helper()
	for i := range all {
		o := all[len(all)-1-i]
		must(t, w.resource(t, o).Delete(within(t), o.GetName(), metav1.DeleteOptions{}))
	}
}
