// Package cluster runs a real control plane for tests: etcd, kube-apiserver
// and kube-controller-manager, each a process of its own, on 127.0.0.1. There
// is no kubelet and no scheduler: a test says when a Pod is ready.
//
// One control plane starts in seconds. Tests of one package may share it,
// started in TestMain, each with a Namespace of its own.
//
// Read cluster.go first, then start.go. apiserver.go, controllers.go and etcd.go
// stop, pause and start the processes; binaries.go builds their programs;
// pods.go, services.go, slices.go and endpoints.go write objects; users.go and
// grants.go give rights. The packages below are also of use without a Cluster.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"

	"k8s.io/client-go/kubernetes"
)

// startLimit bounds a start, which takes some 5 seconds on two idle cores.
const startLimit = 2 * time.Minute

// A Cluster is a running control plane.
type Cluster struct {
	dir, programs string
	url           string
	ports         ports
	tokens        map[User]string
	clients       kubernetes.Interface
	// moreControllers run in this Cluster beside those of every one.
	moreControllers []string

	etcd *process.Process

	// mu guards what StopAPIServer and StartAPIServer replace.
	mu                     sync.Mutex
	apiServer, controllers *process.Process
}

type ports struct{ etcd, etcdPeer, apiServer int }

var errPortTaken = errors.New("another process took the port")

// Stop ends the processes of this Cluster and removes its folder. A second
// Stop does nothing.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	for _, p := range c.running() {
		err = errors.Join(err, p.Kill())
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

// running are the processes that were started, the one that needs the others
// first.
func (c *Cluster) running() []*process.Process {
	var started []*process.Process
	for _, p := range []*process.Process{c.controllers, c.apiServer, c.etcd} {
		if p != nil {
			started = append(started, p)
		}
	}
	return started
}

// Clients returns clients with the rights of AdminUser.
func (c *Cluster) Clients() kubernetes.Interface { return c.clients }

// URL returns the address of the API server.
func (c *Cluster) URL() string { return c.url }

// Logs returns the end of the logs of all processes.
func (c *Cluster) Logs() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all string
	for _, p := range c.running() {
		all += fmt.Sprintln(p.Failure())
	}
	return all
}

func (c *Cluster) path(name string) string { return filepath.Join(c.dir, name) }

// caFile has the certificate that the API server made for itself, and that of
// its signer.
func (c *Cluster) caFile() string { return c.path("certificates/apiserver.crt") }

func (c *Cluster) run(program string, flags []string) (*process.Process, error) {
	return process.Start(filepath.Join(c.programs, program), c.path(program+".log"), flags...)
}

// await waits for the condition. It gives up when ctx is done or one of the
// processes, which the condition needs, has ended.
func (c *Cluster) await(ctx context.Context, condition func(context.Context) error, needed ...*process.Process) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan *process.Process, len(needed))
	for _, p := range needed {
		go func() {
			select {
			case <-p.Done():
				ended <- p
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	err := poll.Until(ctx, condition)
	if err == nil {
		return nil
	}
	select {
	case p := <-ended:
		return failure(p)
	default:
		return errors.Join(err, failure(needed[0]))
	}
}

func failure(p *process.Process) error {
	if p.PortTaken() {
		return fmt.Errorf("%w: %w", errPortTaken, p.Failure())
	}
	return p.Failure()
}
