package cluster

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
)

// startAttempts is how often a start is tried while other processes take the
// ports that it has found free.
const startAttempts = 3

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
	return c.CreateNode(ctx, Node{Name: DefaultNode, Zone: "zone-a"})
}
