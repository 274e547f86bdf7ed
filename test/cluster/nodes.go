package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A Node is the part of a Node that tests set.
type Node struct {
	Name string
	// Zone is that of its label; empty for a Node without it.
	Zone string
	// PodCIDRs are at most one of each family. No controller here gives any.
	PodCIDRs []string
	// Addresses are its own inside of the cluster.
	Addresses []string
	// CPUs makes the Node ready, with so many for Pods; 0 leaves it without a status.
	CPUs int64
}

// CreateNode creates the Node, for Pods to run on.
func (c *Cluster) CreateNode(ctx context.Context, n Node) error {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name},
		Spec:       corev1.NodeSpec{PodCIDRs: n.PodCIDRs},
	}
	if n.Zone != "" {
		node.Labels = map[string]string{corev1.LabelTopologyZone: n.Zone}
	}
	for _, address := range n.Addresses {
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: address})
	}
	if n.CPUs > 0 {
		node.Status.Allocatable = corev1.ResourceList{corev1.ResourceCPU: *resource.NewQuantity(n.CPUs, resource.DecimalSI)}
		node.Status.Capacity = node.Status.Allocatable
		node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	}
	_, err := c.clients.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	return err
}

// PatchNode applies a JSON merge patch (RFC 7396) to the Node, but for its status.
func (c *Cluster) PatchNode(ctx context.Context, name, patch string) error {
	_, err := c.clients.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// PatchNodeStatus is to the status what PatchNode is to the rest: so the kubelet sends
// its heartbeats.
func (c *Cluster) PatchNodeStatus(ctx context.Context, name, patch string) error {
	_, err := c.clients.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
	return err
}

// DeleteNode deletes the Node. Its Pods stay.
func (c *Cluster) DeleteNode(ctx context.Context, name string) error {
	return c.clients.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})
}
