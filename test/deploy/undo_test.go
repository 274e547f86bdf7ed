package deploy

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// The steps are those of docs/migration.md, and a rollout in between that stops
// at its first Pod.
func TestTheSwitchCanBeUndone(t *testing.T) {
	d := &dns{cluster: cluster.New(t, "deployment-controller", "replicaset-controller")}
	w, kubeadms := newWriter(t, d.cluster), readManifest(t, "testdata/kubeadm.yaml")
	w.create(t, kubeadms)
	stock := d.rollOut(t, "1")
	before, number := w.now(t, kubeadms), d.lastRevision(t)

	w.apply(t, kustomize(t, "kube-dns"), true)
	d.wantHeldBack(t, stock)
	first := d.revision(t, "2")
	_, err := d.runPods(within(t), first)
	must(t, err)
	d.wantServed(t, stock, first)
	ours := d.rollOut(t, "2")
	wantServiceKept(t, before, w.now(t, kubeadms))

	w.apply(t, withAnotherCorefile(t, "kube-dns"), true)
	d.wantHeldBack(t, ours)

	d.kubectl(t, "-n kube-system rollout undo deployment/coredns --to-revision="+number)
	undone := d.rollOut(t, "4")
	if undone.UID != stock.UID {
		t.Errorf("the Pods are those of the ReplicaSet %s, want %s, from before the switch", undone.Name, stock.Name)
	}
	d.wantServed(t, stock)
	after := w.now(t, kubeadms)
	wantDeploymentBack(t, before, after)
	wantServiceKept(t, before, after)
	wantUntouched(t, before, after)
}

// withAnotherCorefile renders an overlay after a change of the Corefile.
func withAnotherCorefile(t *testing.T, overlay string) objects {
	t.Helper()
	all := t.TempDir()
	must(t, os.CopyFS(all, os.DirFS("../../deploy/kubernetes")))
	corefile := filepath.Join(all, "base", "Corefile")
	text, err := os.ReadFile(corefile)
	must(t, err, os.WriteFile(corefile, append(text, "# Changed.\n"...), 0o600))
	return parse(t, tool(t, "kustomize", "build", filepath.Join(all, "overlays", overlay)))
}

// wantUntouched checks that all objects but the Deployment and the Service are
// as they were, to the last byte: Pods of the old template need them.
func wantUntouched(t *testing.T, before, after objects) {
	t.Helper()
	for i, was := range before {
		if kind := was.GetKind(); kind == "Deployment" || kind == "Service" {
			continue
		}
		if !reflect.DeepEqual(was.Object, after[i].Object) {
			t.Errorf("the %s is\n%v\nwant\n%v", name(was), after[i].Object, was.Object)
		}
	}
}

// wantDeploymentBack checks that the template of the Pods is as it was, and all
// else but the strategy, which an undone rollout leaves as it is.
func wantDeploymentBack(t *testing.T, before, after objects) {
	t.Helper()
	var was, is appsv1.Deployment
	before.only(t, "Deployment", &was)
	after.only(t, "Deployment", &is)
	was.Spec.Strategy = is.Spec.Strategy
	if !equality.Semantic.DeepEqual(is.Spec, was.Spec) || !maps.Equal(is.Labels, was.Labels) {
		t.Errorf("the Deployment is\n%v %v\nwant\n%v %v", is.Labels, is.Spec, was.Labels, was.Spec)
	}
}

// wantServiceKept checks that addresses, ports and selector are as they were.
func wantServiceKept(t *testing.T, before, after objects) {
	t.Helper()
	var was, is corev1.Service
	before.only(t, "Service", &was)
	after.only(t, "Service", &is)
	if !equality.Semantic.DeepEqual(is.Spec, was.Spec) {
		t.Errorf("the Service is\n%v\nwant\n%v", is.Spec, was.Spec)
	}
}
