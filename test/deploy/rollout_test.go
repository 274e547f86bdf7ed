package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// dns is the Deployment coredns. The cluster has no scheduler and no kubelets:
// dns does their part.
type dns struct {
	cluster   *cluster.Cluster
	addresses int
	// rolledOut is set once a server ran: from then on, one always has to.
	rolledOut bool
}

const (
	system             = metav1.NamespaceSystem
	revisionAnnotation = "deployment.kubernetes.io/revision"
)

func (d *dns) kubectl(t *testing.T, command string) string {
	t.Helper()
	kubeconfig, err := d.cluster.Kubeconfig(cluster.AdminUser)
	must(t, err)
	args := append([]string{"--kubeconfig", kubeconfig, "--cache-dir", t.TempDir()}, strings.Fields(command)...)
	return string(tool(t, "kubectl", args...))
}

// lastRevision is the number to go back to, as docs/migration.md says to find it.
func (d *dns) lastRevision(t *testing.T) string {
	t.Helper()
	history := strings.TrimSpace(d.kubectl(t, "-n kube-system rollout history deployment/coredns"))
	lines := strings.Split(history, "\n")
	number, _, _ := strings.Cut(lines[len(lines)-1], " ")
	return number
}

func (d *dns) deployment(ctx context.Context) (*appsv1.Deployment, error) {
	return d.cluster.Clients().AppsV1().Deployments(system).Get(ctx, "coredns", metav1.GetOptions{})
}

// revision waits for the ReplicaSet of a revision.
func (d *dns) revision(t *testing.T, number string) (found *appsv1.ReplicaSet) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		all, err := d.cluster.Clients().AppsV1().ReplicaSets(system).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, set := range all.Items {
			if set.Annotations[revisionAnnotation] == number {
				found = &set
				return nil
			}
		}
		return fmt.Errorf("none of %d ReplicaSets is revision %s", len(all.Items), number)
	})
	return found
}

// rollOut has the Pods of a revision get ready, and those of others end, until
// there are no others. It returns the ReplicaSet as it is then.
func (d *dns) rollOut(t *testing.T, number string) *appsv1.ReplicaSet {
	t.Helper()
	set := d.revision(t, number)
	until(t, func(ctx context.Context) error {
		now, err := d.deployment(ctx)
		if err != nil {
			return err
		}
		want, s := *now.Spec.Replicas, now.Status
		ready, err := d.runPods(ctx, set)
		if err != nil {
			return err
		}
		if d.rolledOut && ready < want {
			t.Errorf("%d Pods are ready, want %d at any time", ready, want)
		}
		if s.ObservedGeneration != now.Generation || s.UpdatedReplicas != want || s.Replicas != want || s.AvailableReplicas != want {
			return fmt.Errorf("revision %s is not rolled out: %+v", number, s)
		}
		return nil
	})
	d.rolledOut = true
	return d.revision(t, number)
}

// runPods starts the Pods of the ReplicaSet, removes those that are deleted, and
// returns how many were ready.
func (d *dns) runPods(ctx context.Context, set *appsv1.ReplicaSet) (ready int32, err error) {
	all, err := d.cluster.Clients().CoreV1().Pods(system).List(ctx, metav1.ListOptions{LabelSelector: "k8s-app=kube-dns"})
	if err != nil {
		return 0, err
	}
	for _, pod := range all.Items {
		switch {
		case pod.DeletionTimestamp != nil:
			err = errors.Join(err, d.cluster.DeletePod(ctx, system, pod.Name))
		case pod.Spec.NodeName != "":
			ready++
		case metav1.IsControlledBy(&pod, set):
			err = errors.Join(err, d.startPod(ctx, pod.Name))
		}
	}
	return ready, err
}

// startPod has the Pod run on a Node, and be ready there.
func (d *dns) startPod(ctx context.Context, pod string) error {
	err := d.cluster.Clients().CoreV1().Pods(system).Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: pod},
		Target:     corev1.ObjectReference{Kind: "Node", Name: cluster.DefaultNode},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	d.addresses++
	return d.cluster.PodReady(ctx, system, pod, fmt.Sprintf("10.244.0.%d", d.addresses))
}

// wantHeldBack checks that no Pod of the old ReplicaSet goes while none of the
// new one is ready.
func (d *dns) wantHeldBack(t *testing.T, old *appsv1.ReplicaSet) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		now, err := d.deployment(ctx)
		if err != nil {
			return err
		}
		// The controller says so after it has seen to the old Pods.
		if now.Status.ObservedGeneration != now.Generation || now.Status.UpdatedReplicas == 0 {
			return fmt.Errorf("there is no Pod of the new template: %+v", now.Status)
		}
		return nil
	})
	now, err := d.cluster.Clients().AppsV1().ReplicaSets(system).Get(within(t), old.Name, metav1.GetOptions{})
	must(t, err)
	if *now.Spec.Replicas != *old.Spec.Replicas {
		t.Errorf("the old ReplicaSet %s has %d replicas, want %d", old.Name, *now.Spec.Replicas, *old.Spec.Replicas)
	}
}

// wantServed checks that the Service leads to ready Pods of these ReplicaSets, of
// each of them and of no other one.
func (d *dns) wantServed(t *testing.T, sets ...*appsv1.ReplicaSet) {
	t.Helper()
	want := make(map[string]bool)
	for _, set := range sets {
		want[set.Name] = true
	}
	until(t, func(ctx context.Context) error {
		all, err := d.cluster.Slices(ctx, system, "kube-dns")
		if err != nil {
			return err
		}
		got := make(map[string]bool)
		for _, slice := range all {
			for _, endpoint := range slice.Endpoints {
				if *endpoint.Conditions.Ready {
					pod := endpoint.TargetRef.Name
					got[pod[:strings.LastIndex(pod, "-")]] = true
				}
			}
		}
		if !maps.Equal(got, want) {
			return fmt.Errorf("the Service leads to Pods of %v, want %v", got, want)
		}
		return nil
	})
}
