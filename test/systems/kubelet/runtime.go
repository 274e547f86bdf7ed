package kubelet

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"syscall"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/pod"
)

// Runtime makes what Pods run in.
type Runtime interface {
	Connect(netip.Addr) (Network, error)
}

// Network is that of one Pod.
type Network interface {
	// Start runs a program; what it writes goes to the log.
	Start(pod.Box, *os.File) (Process, error)
	Close() error
}

// Process is a program that runs.
type Process interface {
	// Done is closed when it has ended, and Err then says how.
	Done() <-chan struct{}
	Err() error
	Signal(syscall.Signal) error
	// Command is one that can be started beside it, and Exec runs one.
	Command(ctx context.Context, args ...string) *exec.Cmd
	Exec(ctx context.Context, args ...string) (string, error)
}
