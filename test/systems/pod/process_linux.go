package pod

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"

	"golang.org/x/sys/unix"
)

// The files that the program init finds open.
const (
	BoxFile     = 3
	NetworkFile = 4
)

// A Process is a program that runs in a network, with its first process, which is ours.
type Process struct {
	cmd  *exec.Cmd
	env  []string
	done chan struct{}
	err  error
}

// Start runs the program of the box, by way of the program init. What they write goes to the
// log, which is a file.
func (n *Network) Start(init string, b Box, log *os.File) (*Process, error) {
	in, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	defer out.Close()
	cmd := exec.Command(init)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{in, n.namespace}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC}
	if err := process.Keep(cmd); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, env: b.Env, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := json.NewEncoder(out).Encode(b); err != nil {
		return nil, errors.Join(err, p.Signal(syscall.SIGKILL))
	}
	return p, nil
}

// Done is closed when all processes have ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the program ended, once Done is closed: nil with status 0.
func (p *Process) Err() error { return p.err }

// Signal sends the program a signal; SIGKILL goes to all processes.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// leftovers is how long a command's own children may hold its output after its end.
const leftovers = time.Second

// Command is one to run among the processes, where it sees what they see. Whoever starts it
// says where its output goes.
func (p *Process) Command(ctx context.Context, args ...string) *exec.Cmd {
	pid := strconv.Itoa(p.cmd.Process.Pid)
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"-t", pid, "-m", "-n", "-u", "-p", "-i", "--"}, args...)...)
	cmd.Env = p.env
	cmd.WaitDelay = leftovers
	return cmd
}

// Exec runs a command among the processes, and returns what it writes to standard output.
func (p *Process) Exec(ctx context.Context, args ...string) (string, error) {
	cmd := p.Command(ctx, args...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, tail(&complaints))
	}
	return out.String(), nil
}

// shown is how much of what a command complains of stands in an error.
const shown = 500

func tail(r io.Reader) string {
	text, err := io.ReadAll(r)
	if err != nil {
		return err.Error()
	}
	text = bytes.TrimSpace(text)
	return string(text[max(0, len(text)-shown):])
}
