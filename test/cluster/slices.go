package cluster

import (
	"context"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Slices returns the EndpointSlices of a Service, whoever made them.
func (c *Cluster) Slices(ctx context.Context, namespace, service string) ([]discoveryv1.EndpointSlice, error) {
	list, err := c.clients.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=" + service,
	})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// CreateSlice creates the EndpointSlice.
func (c *Cluster) CreateSlice(ctx context.Context, s *discoveryv1.EndpointSlice) error {
	_, err := c.clients.DiscoveryV1().EndpointSlices(s.Namespace).Create(ctx, s, metav1.CreateOptions{})
	return err
}

// UpdateSlice puts the EndpointSlice in the place of the one with its name, whatever that has
// become.
func (c *Cluster) UpdateSlice(ctx context.Context, s *discoveryv1.EndpointSlice) error {
	_, err := c.clients.DiscoveryV1().EndpointSlices(s.Namespace).Update(ctx, s, metav1.UpdateOptions{})
	return err
}

// DeleteSlice deletes the EndpointSlice.
func (c *Cluster) DeleteSlice(ctx context.Context, namespace, name string) error {
	return c.clients.DiscoveryV1().EndpointSlices(namespace).Delete(ctx, name, metav1.DeleteOptions{})
}
