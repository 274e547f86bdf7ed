package cluster

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// probe is a Service that comes and goes at each start of the controllers.
const probe = "controllers-work"

// startControllers returns when the controllers have made the slice of a
// Service, and have removed it after the Service was deleted.
func (c *Cluster) startControllers(ctx context.Context) error {
	kubeconfig, err := c.Kubeconfig(AdminUser)
	if err != nil {
		return err
	}
	if c.controllers, err = c.run(controllersProgram, c.controllersFlags(kubeconfig)); err != nil {
		return err
	}
	service := HeadlessService(metav1.NamespaceDefault, probe, map[string]string{"app": probe})
	if err := c.CreateService(ctx, service); err != nil {
		return err
	}
	if err := c.awaitProbe(ctx, true); err != nil {
		return fmt.Errorf("the controllers made no slice: %w", err)
	}
	if err := c.DeleteService(ctx, service.Namespace, service.Name); err != nil {
		return err
	}
	if err := c.awaitProbe(ctx, false); err != nil {
		return fmt.Errorf("the controllers did not remove the slice of a deleted Service: %w", err)
	}
	return nil
}

func (c *Cluster) awaitProbe(ctx context.Context, exists bool) error {
	return c.await(ctx, func(ctx context.Context) error {
		slices, err := c.Slices(ctx, metav1.NamespaceDefault, probe)
		if err != nil {
			return err
		}
		if (len(slices) > 0) != exists {
			return fmt.Errorf("%s/%s has %d slices", metav1.NamespaceDefault, probe, len(slices))
		}
		return nil
	}, c.controllers, c.apiServer, c.etcd)
}

// StopControllers ends the controllers at once. Objects stay as they are: for
// measurements, which the work of controllers would disturb.
func (c *Cluster) StopControllers() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.controllers.Kill()
}
