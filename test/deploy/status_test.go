package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
)

// TestTheComponentStatusAddsNothingElse wants that users are asked for their rights in front of
// the page, and that the page itself is where nobody else gets.
func TestTheComponentStatusAddsNothingElse(t *testing.T) {
	for _, overlay := range []string{"beside", "kube-dns"} {
		t.Run(overlay, func(t *testing.T) {
			plain := kustomize(t, overlay)
			with := parse(t, tool(t, "kustomize", "build", "../testdata/status-"+overlay))
			if got := corefileOf(t, with); got != corefileOf(t, plain) || !strings.Contains(got, "\n        # status\n") {
				t.Errorf("the Corefile is\n%s", got)
			}
			var old, now appsv1.Deployment
			plain.only(t, "Deployment", &old)
			with.only(t, "Deployment", &now)
			pod := &now.Spec.Template.Spec
			at := slices.IndexFunc(pod.Containers, func(c corev1.Container) bool { return c.Name == "kube-rbac-proxy" })
			if at < 0 {
				t.Fatalf("the containers are %v", pod.Containers)
			}
			if want := []string{"--secure-listen-address=:8054", fmt.Sprintf("--upstream=http://%s/", corefile.DefaultStatus)}; !slices.Equal(pod.Containers[at].Args, want) {
				t.Errorf("its arguments are %q, want %q", pod.Containers[at].Args, want)
			}
			pod.Containers = slices.Delete(pod.Containers, at, at+1)
			if !equality.Semantic.DeepEqual(now, old) {
				t.Errorf("the Deployment is\n%+v\nwant\n%+v", now, old)
			}
			wantRoles(t, plain, with)
			if len(with) != len(plain)+1 {
				t.Errorf("there are %d objects, want %d", len(with), len(plain)+1)
			}
		})
	}
}

// wantRoles wants the right to ask who somebody is, and what they may, and a role for readers.
func wantRoles(t *testing.T, plain, with objects) {
	t.Helper()
	var before rbacv1.ClusterRole
	plain.only(t, "ClusterRole", &before)
	want := append(before.Rules,
		rbacv1.PolicyRule{APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"tokenreviews"}, Verbs: []string{"create"}},
		rbacv1.PolicyRule{APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"subjectaccessreviews"}, Verbs: []string{"create"}})
	found := 0
	for _, each := range with {
		if each.GetKind() != "ClusterRole" {
			continue
		}
		var role rbacv1.ClusterRole
		must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(each.Object, &role))
		switch {
		case role.Name == before.Name && !equality.Semantic.DeepEqual(role.Rules, want):
			t.Errorf("the rights are %v, want %v", role.Rules, want)
		case role.Name != before.Name && (len(role.Rules) != 1 || !slices.Equal(role.Rules[0].Verbs, []string{"get"}) || len(role.Rules[0].Resources) > 0):
			t.Errorf("readers may %v", role.Rules)
		}
		found++
	}
	if found != 2 {
		t.Errorf("there are %d roles, want 2", found)
	}
}
