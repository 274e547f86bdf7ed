package cluster

import (
	"context"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// CreateService creates the Service.
func (c *Cluster) CreateService(ctx context.Context, s *corev1.Service) error {
	_, err := c.clients.CoreV1().Services(s.Namespace).Create(ctx, s, metav1.CreateOptions{})
	return err
}

// DeleteService deletes the Service. The slices that a controller made for it
// follow.
func (c *Cluster) DeleteService(ctx context.Context, namespace, name string) error {
	return c.clients.CoreV1().Services(namespace).Delete(ctx, name, metav1.DeleteOptions{})
}

// PatchService applies a JSON merge patch (RFC 7396) to the Service.
func (c *Cluster) PatchService(ctx context.Context, namespace, name, patch string) error {
	_, err := c.clients.CoreV1().Services(namespace).Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// ToExternalName changes the Service, of whatever type, into one that stands
// for target. The API server takes its cluster IP away; the controllers leave
// its slices.
func (c *Cluster) ToExternalName(ctx context.Context, namespace, name, target string) error {
	return c.PatchService(ctx, namespace, name, fmt.Sprintf(
		`{"spec":{"type":"ExternalName","externalName":%s,"clusterIP":null,"clusterIPs":null}}`, strconv.Quote(target)))
}

// ToHeadless changes an ExternalName Service into a headless one. (A ClusterIP
// Service must become an ExternalName one first: its address cannot be
// changed.)
func (c *Cluster) ToHeadless(ctx context.Context, namespace, name string) error {
	return c.PatchService(ctx, namespace, name, `{"spec":{"type":"ClusterIP","clusterIP":"None","externalName":null}}`)
}

// ToClusterIP changes an ExternalName Service into one to which the API server
// gives an address.
func (c *Cluster) ToClusterIP(ctx context.Context, namespace, name string) error {
	return c.PatchService(ctx, namespace, name, `{"spec":{"type":"ClusterIP","externalName":null}}`)
}
