package deploy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

func TestBeside(t *testing.T) {
	w, all := newWriter(t, shared.Get(t)), kustomize(t, "beside")
	w.apply(t, all, false, metav1.DryRunAll)
	for _, o := range all {
		if _, err := w.get(within(t), t, o); !apierrors.IsNotFound(err) {
			t.Errorf("after a dry run, %s %s: got the error %v, want that it is not there", o.GetKind(), o.GetName(), err)
		}
	}
	first := w.apply(t, all, false)
	wantUnchanged(t, first, w.apply(t, all, false))
	wantFit(t, first)
	wantAdmitted(t, first)
	serve(t, first)

	var service corev1.Service
	first.only(t, "Service", &service)
	if service.Name == "kube-dns" || service.Labels["k8s-app"] == "kube-dns" || service.Spec.Selector["k8s-app"] == "kube-dns" {
		t.Errorf("the Service %s is mixed up with the cluster's own: %+v", service.Name, service.Spec.Selector)
	}
	w.remove(t, all)
}

func TestInPlaceOfKubeDNS(t *testing.T) {
	w, all := newWriter(t, shared.Get(t)), kustomize(t, "kube-dns")
	before := readManifest(t, "testdata/kubeadm.yaml")
	w.create(t, before)
	stock := w.now(t, before)

	w.apply(t, all, true, metav1.DryRunAll)
	var old appsv1.Deployment
	w.now(t, before).only(t, "Deployment", &old)
	if got := old.Spec.Template.Spec.Containers[0].Image; got != "coredns:stock" {
		t.Errorf("after a dry run, the image is %s", got)
	}
	first := w.apply(t, all, true)
	wantUnchanged(t, first, w.apply(t, all, true))
	wantFit(t, first)
	wantAdmitted(t, first)
	serve(t, first)
	wantInPlace(t, before, first)
	wantUntouched(t, stock, w.now(t, stock))
}

// wantInPlace checks that Pods still find the server, and that the fields of
// the Deployment that others set stay.
func wantInPlace(t *testing.T, before, after objects) {
	t.Helper()
	var was, is corev1.Service
	before.only(t, "Service", &was)
	after.only(t, "Service", &is)
	if is.Name != was.Name || is.Spec.ClusterIP != was.Spec.ClusterIP || !maps.Equal(is.Labels, was.Labels) {
		t.Errorf("the Service is %s at %s with the labels %v, want %s at %s with %v",
			is.Name, is.Spec.ClusterIP, is.Labels, was.Name, was.Spec.ClusterIP, was.Labels)
	}
	if len(is.Spec.Ports) != len(was.Spec.Ports) {
		t.Errorf("the Service has the ports %v, want %v", is.Spec.Ports, was.Spec.Ports)
	}
	var old, now appsv1.Deployment
	before.only(t, "Deployment", &old)
	after.only(t, "Deployment", &now)
	if now.Name != old.Name || *now.Spec.Replicas != *old.Spec.Replicas {
		t.Errorf("the Deployment is %s with %d replicas, want %s with %d", now.Name, *now.Spec.Replicas, old.Name, *old.Spec.Replicas)
	}
	if n := len(now.Spec.Template.Spec.Containers); n != 1 {
		t.Errorf("the Pod has %d containers, want 1", n)
	}
}

// now returns the objects as they are now.
func (w *writer) now(t *testing.T, all objects) (now objects) {
	t.Helper()
	for _, o := range all {
		got, err := w.get(within(t), t, o)
		must(t, err)
		now = append(now, got)
	}
	return now
}

func wantUnchanged(t *testing.T, first, second objects) {
	t.Helper()
	for i := range first {
		if first[i].GetResourceVersion() != second[i].GetResourceVersion() {
			t.Errorf("%s %s changed when it was applied again", first[i].GetKind(), first[i].GetName())
		}
	}
}

// wantFit checks that the objects belong together.
func wantFit(t *testing.T, all objects) {
	t.Helper()
	var (
		deployment appsv1.Deployment
		service    corev1.Service
		budget     policyv1.PodDisruptionBudget
		binding    rbacv1.ClusterRoleBinding
		account    corev1.ServiceAccount
		role       rbacv1.ClusterRole
		config     corev1.ConfigMap
	)
	for kind, o := range map[string]any{
		"Deployment": &deployment, "Service": &service, "PodDisruptionBudget": &budget,
		"ClusterRoleBinding": &binding, "ServiceAccount": &account, "ClusterRole": &role, "ConfigMap": &config,
	} {
		all.only(t, kind, o)
	}
	pod := deployment.Spec.Template
	for what, selected := range map[string]map[string]string{
		"the Service": service.Spec.Selector, "the Deployment": deployment.Spec.Selector.MatchLabels,
		"the PodDisruptionBudget": budget.Spec.Selector.MatchLabels,
		"the spread over nodes":   pod.Spec.TopologySpreadConstraints[0].LabelSelector.MatchLabels,
		"the spread over zones":   pod.Spec.TopologySpreadConstraints[1].LabelSelector.MatchLabels,
	} {
		if len(selected) == 0 || !labels.SelectorFromSet(selected).Matches(labels.Set(pod.Labels)) {
			t.Errorf("%s selects %v, and the Pods have %v", what, selected, pod.Labels)
		}
	}
	want := rbacv1.Subject{Kind: "ServiceAccount", Namespace: account.Namespace, Name: account.Name}
	if pod.Spec.ServiceAccountName != account.Name || binding.RoleRef.Name != role.Name || !slices.Contains(binding.Subjects, want) {
		t.Errorf("the Pods run as %s, and %v get the rights of %s", pod.Spec.ServiceAccountName, binding.Subjects, binding.RoleRef.Name)
	}
	wantConfigMounted(t, &pod.Spec, config.Name)
	wantTimeToEnd(t, &pod.Spec, config.Data["Corefile"])
}

// wantConfigMounted checks that the Corefile is where the server reads it, and
// that the snapshot's folder can be written.
func wantConfigMounted(t *testing.T, pod *corev1.PodSpec, config string) {
	t.Helper()
	mounted := make(map[string]corev1.Volume)
	for _, mount := range pod.Containers[0].VolumeMounts {
		for _, volume := range pod.Volumes {
			if volume.Name == mount.Name {
				mounted[mount.MountPath] = volume
			}
		}
	}
	if v := mounted["/etc/coredns"].ConfigMap; v == nil || v.Name != config {
		t.Errorf("at /etc/coredns there is %v, want the ConfigMap %s", v, config)
	}
	if args := pod.Containers[0].Args; !slices.Equal(args, []string{"-conf", "/etc/coredns/Corefile"}) {
		t.Errorf("the arguments are %q", args)
	}
	if mounted["/var/cache/coredns"].EmptyDir == nil {
		t.Errorf("there is no emptyDir for %s", snapshotFile)
	}
	if !*pod.Containers[0].SecurityContext.ReadOnlyRootFilesystem {
		t.Error("the root file system can be written")
	}
}

// wantTimeToEnd checks that no Pod is killed while it still answers.
func wantTimeToEnd(t *testing.T, pod *corev1.PodSpec, corefile string) {
	t.Helper()
	match := regexp.MustCompile(`lameduck (\S+)`).FindStringSubmatch(corefile)
	if match == nil {
		t.Fatal("the Corefile has no lameduck")
	}
	lameduck, err := time.ParseDuration(match[1])
	must(t, err)
	// CoreDNS gives 5 seconds to open queries.
	const open = 5 * time.Second
	if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace < lameduck+2*open {
		t.Errorf("the Pod is killed after %v, and answers for %v and up to %v", grace, lameduck, open)
	}
}

// wantAdmitted checks that the API server admits the Pod where only restricted
// ones may run (Pod Security Standards).
func wantAdmitted(t *testing.T, all objects) {
	t.Helper()
	var deployment appsv1.Deployment
	all.only(t, "Deployment", &deployment)
	c, ctx := shared.Get(t), within(t)
	namespace := c.Namespace(t)
	_, err := c.Clients().CoreV1().Namespaces().Patch(ctx, namespace, "application/merge-patch+json",
		[]byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`), metav1.PatchOptions{})
	must(t, err)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "dns", Labels: deployment.Spec.Template.Labels},
		Spec:       deployment.Spec.Template.Spec,
	}
	dryRun := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	admitted, err := c.Clients().CoreV1().Pods(namespace).Create(ctx, pod, dryRun)
	must(t, err)
	if admitted.Spec.Priority == nil || *admitted.Spec.Priority <= 0 {
		t.Error("the Pod has no priority over others")
	}
	// The check of the check: a Pod that is not restricted is refused.
	pod.Spec.Containers[0].SecurityContext = nil
	if _, err := c.Clients().CoreV1().Pods(namespace).Create(ctx, pod, dryRun); !apierrors.IsForbidden(err) {
		t.Errorf("a Pod that may do anything: got the error %v, want that it is forbidden", err)
	}
}

func TestTheOverlaysShareNoName(t *testing.T) {
	names := func(overlay string) (all []string) {
		for _, o := range kustomize(t, overlay) {
			all = append(all, name(o))
		}
		return all
	}
	inPlace := names("kube-dns")
	for _, o := range names("beside") {
		if slices.Contains(inPlace, o) {
			t.Errorf("both overlays have the %s: to delete one would break the other", o)
		}
	}
}

func name(o *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
}
