// Package coredns runs the CoreDNS processes that are measured, on 127.0.0.1,
// and reads how much CPU and memory they use.
package coredns

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"
)

// AnyCore lets a program run on all cores.
const AnyCore = -1

// stopGrace is longer than the 5 seconds that CoreDNS gives to queries that it
// has not answered yet.
const stopGrace = 15 * time.Second

// A Program is a CoreDNS and the Corefile that it is to be started with.
type Program struct {
	Path, Corefile string
	// Core is the only one that the process runs on, or AnyCore.
	Core int
	// Env is added to the environment.
	Env []string
}

// A Process is a CoreDNS that was started.
type Process struct {
	*process.Process
	dir     string
	Started time.Time
}

// Start starts a CoreDNS. The caller calls Stop.
func Start(p Program) (*Process, error) {
	dir, err := os.MkdirTemp("", "k8s_endpoints-bench-")
	if err != nil {
		return nil, err
	}
	corefile := filepath.Join(dir, "Corefile")
	if err := os.WriteFile(corefile, []byte(p.Corefile), 0o600); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	args, err := commandLine(p, corefile)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	started := time.Now()
	running, err := process.Start(args[0], filepath.Join(dir, "log"), args[1:]...)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &Process{Process: running, dir: dir, Started: started}, nil
}

// commandLine sets the core and the environment by programs that end in the one
// that is measured, so its process id is theirs.
func commandLine(p Program, corefile string) ([]string, error) {
	args := []string{p.Path, "-conf", corefile}
	if p.Core != AnyCore {
		args = append([]string{"taskset", "-c", strconv.Itoa(p.Core)}, args...)
	}
	if len(p.Env) > 0 {
		args = append(append([]string{"env"}, p.Env...), args...)
	}
	path, err := exec.LookPath(args[0])
	args[0] = path
	return args, err
}

// Stop ends the process and removes its folder. It returns an error where
// CoreDNS had ended before.
func (p *Process) Stop() error {
	var err error
	select {
	case <-p.Done():
		err = p.Failure()
	default:
	}
	return errors.Join(err, p.Process.Stop(stopGrace), os.RemoveAll(p.dir))
}

// Address returns host:port of a port on which a CoreDNS may listen.
func Address() (string, error) {
	port, err := loopback.Port()
	return net.JoinHostPort(loopback.Address, strconv.Itoa(port)), err
}
