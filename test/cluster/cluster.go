// Package cluster runs a real control plane for tests: etcd, kube-apiserver
// and kube-controller-manager, each a process of its own, on 127.0.0.1. There
// is no kubelet and no scheduler: a test says when a Pod is ready.
//
// One control plane starts in seconds. Tests of one package may share it,
// started in TestMain, each with a Namespace of its own.
//
// Read cluster.go first. apiserver.go, controllers.go and etcd.go stop, pause
// and start the processes; binaries.go builds their programs; pods.go,
// services.go, slices.go and endpoints.go write objects; users.go and grants.go
// give rights. The packages below are also of use without a Cluster.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"

	"k8s.io/client-go/kubernetes"
)

// startLimit bounds a start, which takes some 5 seconds on two idle cores.
const startLimit = 2 * time.Minute

// startAttempts is how often a start is tried while other processes take the
// ports that it has found free.
const startAttempts = 3

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

// Start builds the control plane where that is not done yet (see Binaries),
// starts it, and returns when the API server is ready, the namespace default
// is there, and the controllers work. An error carries the end of the log of
// the process that failed. The caller calls Stop.
//
// Only the controllers that most tests need run, and those named here, such as
// deployment-controller, by the names that kube-controller-manager gives them.
func Start(ctx context.Context, moreControllers ...string) (*Cluster, error) {
	programs, err := Binaries(ctx)
	if err != nil {
		return nil, err
	}
	for range startAttempts {
		var c *Cluster
		if c, err = startOnce(ctx, programs, moreControllers...); !errors.Is(err, errPortTaken) {
			return c, err
		}
	}
	return nil, err
}

// New starts a Cluster for one test, as Start does. It is stopped when the test
// ends; the logs of a test that failed show the end of those of the control
// plane.
func New(t testing.TB, moreControllers ...string) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), moreControllers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.Logs())
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func startOnce(ctx context.Context, programs string, moreControllers ...string) (_ *Cluster, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	dir, err := os.MkdirTemp("", "k8s_endpoints-cluster-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, programs: programs, tokens: newTokens(), moreControllers: moreControllers}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	if err := c.prepare(); err != nil {
		return nil, err
	}
	return c, c.start(ctx)
}

// prepare makes all that needs no process: ports, keys, tokens.
func (c *Cluster) prepare() error {
	found, err := loopback.Ports(3)
	if err != nil {
		return err
	}
	c.ports = ports{etcd: found[0], etcdPeer: found[1], apiServer: found[2]}
	c.url = loopbackURL("https", c.ports.apiServer)
	key, err := newKey()
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(c.path(serviceAccountKey), key, 0o600),
		os.WriteFile(c.path(tokens), []byte(tokenFile(c.tokens)), 0o600),
	)
}

func (c *Cluster) start(ctx context.Context) (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.etcd, err = c.run(etcdProgram, c.etcdFlags()); err != nil {
		return err
	}
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	if err := c.startControllers(ctx); err != nil {
		return err
	}
	return c.CreateNode(ctx, DefaultNode, "zone-a")
}

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
