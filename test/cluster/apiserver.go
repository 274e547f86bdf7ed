package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// StopAPIServer ends the process of the API server at once, as a crash would:
// connections to it break, and new ones are refused.
func (c *Cluster) StopAPIServer() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.apiServer.Kill()
}

// StartAPIServer starts the API server again, after StopAPIServer, on the same
// port and with the same etcd, and returns when it is ready. It starts the
// controllers anew, since the old ones would ask for an API server only every
// 30 seconds after a long absence.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.apiServer.Done():
	default:
		return errors.New("the API server runs already; StopAPIServer goes before StartAPIServer")
	}
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	if err := c.controllers.Kill(); err != nil {
		return err
	}
	return c.startControllers(ctx)
}

// PauseAPIServer makes the API server hang: connections to it stay and new
// ones are taken by the kernel, but nothing is answered until ResumeAPIServer.
func (c *Cluster) PauseAPIServer() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.apiServer.Pause()
}

// ResumeAPIServer ends what PauseAPIServer began.
func (c *Cluster) ResumeAPIServer() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.apiServer.Resume()
}

func (c *Cluster) startAPIServer(ctx context.Context) (err error) {
	if c.apiServer, err = c.run(apiServerProgram, c.apiServerFlags()); err != nil {
		return err
	}
	err = c.await(ctx, c.usable, c.apiServer, c.etcd)
	if err != nil {
		return fmt.Errorf("the API server did not become ready: %w", err)
	}
	return nil
}

// usable returns nil when the API server is ready and the namespace default is
// there.
func (c *Cluster) usable(ctx context.Context) error {
	clients := c.clients
	if clients == nil {
		// The API server makes its certificate when it starts, and may not have
		// written it to the end: only clients that got through are kept.
		if _, err := os.Stat(c.caFile()); err != nil {
			return err
		}
		var err error
		if clients, err = kubernetes.NewForConfig(c.Admin()); err != nil {
			return err
		}
	}
	if err := clients.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error(); err != nil {
		return err
	}
	if _, err := clients.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{}); err != nil {
		return err
	}
	c.clients = clients
	return nil
}
