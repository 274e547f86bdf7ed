// Package networktest runs the tests of a package in a network of their own, where this is
// root, and skips those that need it where it is not.
package networktest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/network"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

// A Network is that of the tests of one package.
type Network struct {
	// Variable is 1 in the environment of the test binary that runs inside.
	Variable string
	// Flags are further namespaces that it has of its own (clone(2)).
	Flags uintptr
	// Needs are built before: inside, no module could be fetched for a build.
	Needs []func(context.Context) error
	// Furnish makes the network what the tests want, from inside.
	Furnish func() error

	// outside says why the tests are not inside, and is nil where they are.
	outside error
}

// Main runs the tests, inside where that can be, and returns the exit status.
func (n *Network) Main(run func() int) int {
	if os.Getenv(n.Variable) == "1" {
		if err := n.Furnish(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return run()
	}
	var code int
	if code, n.outside = n.enter(); n.outside != nil {
		return run()
	}
	return code
}

// Inside skips a test that is not in the network.
func (n *Network) Inside(t *testing.T) {
	t.Helper()
	if n.outside != nil {
		t.Skip(n.outside)
	}
}

// enter runs this program again inside, and returns its exit status. An error says why it
// cannot.
func (n *Network) enter() (code int, err error) {
	if os.Getuid() != 0 {
		return 0, errors.New("only root can make a network for these tests alone")
	}
	for _, build := range n.Needs {
		if err := build(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1, nil
		}
	}
	return network.Enter(n.Flags, n.Variable+"=1")
}

// Server builds the CoreDNS of the tests.
func Server(ctx context.Context) error {
	_, err := server.Binary(ctx)
	return err
}

// ControlPlane builds the control plane of the tests.
func ControlPlane(ctx context.Context) error {
	_, err := cluster.Binaries(ctx)
	return err
}
