package cluster

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// DefaultNode is the Node of Pods that name none. Its zone is zone-a.
const DefaultNode = "node-a"

// nodeAddress is the address of all Nodes, from a range for documentation
// (RFC 5737, section 3).
const nodeAddress = "192.0.2.10"

// termination is how long a terminating Pod would be given, so long that no
// test sees the end of it.
const termination = time.Hour

// A Pod is the part of a Pod that tests set.
type Pod struct {
	Namespace, Name string
	Labels          map[string]string
	// Hostname and Subdomain give the Pod a name of its own under the Service
	// that Subdomain names.
	Hostname, Subdomain string
	// Node is where the Pod runs; the empty one is DefaultNode. The Node must
	// exist: the controllers leave out Pods of Nodes that they do not know.
	Node string
	// Ports are those that a Service may name as its targets.
	Ports []corev1.ContainerPort
}

// CreatePod creates the Pod. It is pending, with no address, until PodReady.
func (c *Cluster) CreatePod(ctx context.Context, p Pod) error {
	grace := int64(termination / time.Second)
	node := p.Node
	if node == "" {
		node = DefaultNode
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, Labels: p.Labels},
		Spec: corev1.PodSpec{
			Hostname:  p.Hostname,
			Subdomain: p.Subdomain,
			// A Pod without a Node is removed at once when it is deleted:
			// nobody could still be running it.
			NodeName:                      node,
			TerminationGracePeriodSeconds: &grace,
			Containers:                    []corev1.Container{{Name: "none", Image: "none", Ports: p.Ports}},
		},
	}
	_, err := c.clients.CoreV1().Pods(p.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	return err
}

// PodReady makes the Pod running and ready at the addresses, at most one of
// each family. Without addresses it keeps those that it has.
func (c *Cluster) PodReady(ctx context.Context, namespace, name string, addresses ...string) error {
	status := podStatus(corev1.ConditionTrue)
	status["phase"] = corev1.PodRunning
	if len(addresses) == 0 {
		return c.patchPodStatus(ctx, namespace, name, status)
	}
	ips := make([]corev1.PodIP, len(addresses))
	for i, address := range addresses {
		ips[i].IP = address
	}
	status["podIP"], status["podIPs"] = addresses[0], ips
	status["hostIP"], status["hostIPs"] = nodeAddress, []corev1.HostIP{{IP: nodeAddress}}
	return c.patchPodStatus(ctx, namespace, name, status)
}

// PodUnready makes the Pod unready. It keeps its phase and its addresses.
func (c *Cluster) PodUnready(ctx context.Context, namespace, name string) error {
	return c.patchPodStatus(ctx, namespace, name, podStatus(corev1.ConditionFalse))
}

// TerminatePod deletes the Pod with a grace period, as `kubectl delete` does.
// It stays, terminating and as ready as it was, until DeletePod.
func (c *Cluster) TerminatePod(ctx context.Context, namespace, name string) error {
	return c.clients.CoreV1().Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{})
}

// DeletePod removes the Pod at once.
func (c *Cluster) DeletePod(ctx context.Context, namespace, name string) error {
	return c.clients.CoreV1().Pods(namespace).Delete(ctx, name, *metav1.NewDeleteOptions(0))
}

// podStatus is the part of a status that is about readiness. The controllers
// take the time of the last transition for the moment when a change of
// endpoints was triggered.
func podStatus(ready corev1.ConditionStatus) map[string]any {
	return map[string]any{"conditions": []corev1.PodCondition{{
		Type:               corev1.PodReady,
		Status:             ready,
		LastTransitionTime: metav1.Now(),
	}}}
}

func (c *Cluster) patchPodStatus(ctx context.Context, namespace, name string, status map[string]any) error {
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return err
	}
	_, err = c.clients.CoreV1().Pods(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}
