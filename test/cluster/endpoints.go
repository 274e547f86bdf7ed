package cluster

//lint:file-ignore SA1019 Endpoints are deprecated, and clusters still have them.

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LegacyEndpoints returns Endpoints as a user writes them for a Service of the
// same name without a selector. The controllers mirror them into slices.
func LegacyEndpoints(namespace, name string, ports []corev1.EndpointPort, addresses ...string) *corev1.Endpoints {
	subset := corev1.EndpointSubset{Ports: ports}
	for _, address := range addresses {
		subset.Addresses = append(subset.Addresses, corev1.EndpointAddress{IP: address})
	}
	return &corev1.Endpoints{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Subsets:    []corev1.EndpointSubset{subset},
	}
}

// CreateEndpoints creates the Endpoints.
func (c *Cluster) CreateEndpoints(ctx context.Context, e *corev1.Endpoints) error {
	_, err := c.clients.CoreV1().Endpoints(e.Namespace).Create(ctx, e, metav1.CreateOptions{})
	return err
}
