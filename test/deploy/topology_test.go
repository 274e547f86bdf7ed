package deploy

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/documents"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// topologyLines are what the component adds to the Corefile.
var topologyLines = []string{"topology observe", "clients nodes"}

func TestTheComponentTopologyAddsNothingElse(t *testing.T) {
	for _, overlay := range []string{"beside", "kube-dns"} {
		t.Run(overlay, func(t *testing.T) {
			plain, with := kustomize(t, overlay), kustomizeWithTopology(t, overlay)
			wantFit(t, with)
			if got := withoutLines(t, corefileOf(t, with), topologyLines); got != corefileOf(t, plain) {
				t.Errorf("the Corefile without its lines is\n%swant\n%s", got, corefileOf(t, plain))
			}
			rights, err := documents.NodeRights(t.Context())
			must(t, err)
			var before, after rbacv1.ClusterRole
			plain.only(t, "ClusterRole", &before)
			with.only(t, "ClusterRole", &after)
			if want := append(before.Rules, rights...); !equality.Semantic.DeepEqual(after.Rules, want) {
				t.Errorf("the rights are %v, want %v", after.Rules, want)
			}
			var old, now appsv1.Deployment
			plain.only(t, "Deployment", &old)
			with.only(t, "Deployment", &now)
			pod := &now.Spec.Template.Spec
			wantPlaceOfThePod(t, pod.Containers[0].Env)
			pod.Containers[0].Env = nil
			pod.Volumes[0].ConfigMap.Name = old.Spec.Template.Spec.Volumes[0].ConfigMap.Name
			if !equality.Semantic.DeepEqual(now, old) {
				t.Errorf("the Deployment is\n%+v\nwant\n%+v", now, old)
			}
			if len(plain) != len(with) {
				t.Errorf("there are %d objects, want %d", len(with), len(plain))
			}
		})
	}
}

// withoutLines takes lines out of a Corefile, each of which it has once.
func withoutLines(t *testing.T, corefile string, lines []string) string {
	t.Helper()
	left := slices.Clone(lines)
	var kept strings.Builder
	for line := range strings.Lines(corefile) {
		if at := slices.Index(left, strings.TrimSpace(line)); at >= 0 {
			left = slices.Delete(left, at, at+1)
			continue
		}
		kept.WriteString(line)
	}
	if len(left) > 0 {
		t.Errorf("the Corefile lacks %q", left)
	}
	return kept.String()
}

func wantPlaceOfThePod(t *testing.T, env []corev1.EnvVar) {
	t.Helper()
	from := make(map[string]string)
	for _, each := range env {
		from[each.Name] = each.ValueFrom.FieldRef.FieldPath
	}
	if len(env) != 2 || from["NODE_NAME"] != "spec.nodeName" || from["ZONE"] != "metadata.labels['"+corev1.LabelTopologyZone+"']" {
		t.Errorf("the variables are %v", from)
	}
}

func TestTheComponentTopologyServes(t *testing.T) {
	w, all := newWriter(t, shared.Get(t)), kustomizeWithTopology(t, "beside")
	first := w.apply(t, all, false)
	wantUnchanged(t, first, w.apply(t, all, false))
	wantAdmitted(t, first)
	node := cluster.Node{Name: "topology", Zone: "zone-b", PodCIDRs: []string{"127.0.12.0/24"}}
	must(t, shared.Get(t).CreateNode(within(t), node))
	t.Cleanup(func() { must(t, shared.Get(t).DeleteNode(context.WithoutCancel(t.Context()), node.Name)) })
	wantTheZoneOfTheNode(t, first, node)
	s, namespace := serve(t, first)
	wantObserved(t, s, namespace, "127.0.12.7")
	w.remove(t, all)
}

// wantTheZoneOfTheNode checks that a Pod of the Deployment has the label that ZONE is taken
// from, once it has a Node.
func wantTheZoneOfTheNode(t *testing.T, all objects, node cluster.Node) {
	t.Helper()
	var deployment appsv1.Deployment
	all.only(t, "Deployment", &deployment)
	ctx, pods := within(t), shared.Get(t).Clients().CoreV1().Pods(deployment.Namespace)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "dns-with-topology", Labels: deployment.Spec.Template.Labels},
		Spec:       deployment.Spec.Template.Spec,
	}
	_, err := pods.Create(ctx, pod, metav1.CreateOptions{})
	must(t, err, pods.Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: pod.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: node.Name},
	}, metav1.CreateOptions{}))
	bound, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
	must(t, err, pods.Delete(ctx, pod.Name, *metav1.NewDeleteOptions(0)))
	if got := bound.Labels[corev1.LabelTopologyZone]; got != node.Zone {
		t.Errorf("the Pod on a Node of %s has the label %q", node.Zone, got)
	}
}

// wantObserved asks as a client of a Node in another zone than the endpoint, and checks that
// it gets the endpoint, and that what topology would do is counted.
func wantObserved(t *testing.T, s *server.Server, namespace, from string) {
	t.Helper()
	must(t, shared.Get(t).PatchService(within(t), namespace, "db", `{"spec":{"trafficDistribution":"PreferSameZone"}}`))
	name := "db." + namespace + ".svc.cluster.local."
	counted := fmt.Sprintf("coredns_k8s_endpoints_topology_answers_total{mode=%q,result=%q,server=%q}", "observe", "none_near", "dns://"+s.Address())
	until(t, func(ctx context.Context) error {
		a, err := s.Dig(ctx, name, "A", "-b", from)
		if err != nil {
			return err
		}
		if want := []string{name + " 5 IN A 10.244.1.1"}; !slices.Equal(a.Answer, want) {
			return fmt.Errorf("got\n%swant %q", a, want)
		}
		all, err := s.Samples(ctx)
		if err == nil && all[counted] == 0 {
			err = fmt.Errorf("%s is not counted", counted)
		}
		return err
	})
}

// The chart has no values for these, so they are described.
func TestHelmValuesSayHowToAddTopology(t *testing.T) {
	text, err := os.ReadFile(valuesFile)
	must(t, err)
	for _, want := range append([]string{"kubectl create clusterrole coredns-nodes --verb=list,watch --resource=nodes"}, topologyLines...) {
		if !strings.Contains(string(text), "#   "+want+"\n") {
			t.Errorf("%s does not say %s", valuesFile, want)
		}
	}
}
