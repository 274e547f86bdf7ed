package cluster

import (
	"fmt"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/question"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
)

var must = polltest.Must

// read asks about a Service of a cluster that has these Pods, which its selector does not match.
func read(t *testing.T, pods int) *facts.Facts {
	t.Helper()
	scheme := metadatafake.NewTestScheme()
	must(t, metav1.AddMetaToScheme(scheme))
	var objects []runtime.Object
	for i := range pods {
		objects = append(objects, &metav1.PartialObjectMetadata{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: fmt.Sprintf("web-7d4-%d", i), Labels: map[string]string{"app": "web", "pod-template-hash": "7d4"},
				OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web-7d4"}},
			},
		})
	}
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	service.Spec.ClusterIP, service.Spec.Selector = corev1.ClusterIPNone, map[string]string{"app": "wep"}
	r := Reader{Clients: fake.NewClientset(service), Metadata: metadatafake.NewSimpleMetadataClient(scheme, objects...)}
	all, err := question.Parse("web", "shop", "cluster.local")
	must(t, err)
	f := new(facts.Facts)
	r.Read(t.Context(), f, all)
	return f
}

func TestPodsThatAreNotSelectedAreReadByTheirMetadata(t *testing.T) {
	f := read(t, 3)
	c := &f.Cluster
	if c.InNamespace != 3 || c.MoreThan || len(c.Others) != 3 || c.Others[0].Workload != "web" || !c.PodsKnown || len(f.Skipped) > 0 {
		t.Errorf("got %+v, and skipped %v", c, f.Skipped)
	}
}

func TestNoMorePodsAreReadThanThatIsSaid(t *testing.T) {
	if c := &read(t, maxPods+10).Cluster; c.InNamespace != maxPods || !c.MoreThan {
		t.Errorf("got %d, more than that: %v", c.InNamespace, c.MoreThan)
	}
}
