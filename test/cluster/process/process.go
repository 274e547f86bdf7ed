// Package process runs the programs that tests need, so that none of them
// outlives the test: not even one that was killed.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A Process is a running program whose output goes to a file.
type Process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start runs the program at path. What it prints, on either stream, is
// appended to the file log. On Linux the kernel kills the program when the
// calling process ends.
func Start(path, log string, args ...string) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = dieWithParent()
	if err := startOnParentThread(cmd); err != nil {
		return nil, err
	}
	p := &Process{name: filepath.Base(path), log: log, cmd: cmd, done: make(chan struct{})}
	go p.wait()
	return p, nil
}

func (p *Process) wait() {
	p.err = p.cmd.Wait()
	close(p.done)
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Signal sends a signal. It returns os.ErrProcessDone where the program has
// ended.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Resume lets the program run on after Pause.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// Kill ends the program at once and returns when it is gone.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL) }

// Stop asks the program to end (SIGTERM) and returns when it is gone. It kills
// a program that takes longer than grace.
func (p *Process) Stop(grace time.Duration) error {
	timer := time.AfterFunc(grace, func() { _ = p.Signal(syscall.SIGKILL) })
	defer timer.Stop()
	return p.end(syscall.SIGTERM)
}

func (p *Process) end(s os.Signal) error {
	err := p.Signal(s)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s (pid %d): %w", p.name, p.PID(), err)
	}
	<-p.done
	return nil
}

// Log returns all that the program has printed.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Tail returns the last lines that the program has printed.
func (p *Process) Tail(lines int) string {
	all := strings.Split(strings.TrimSpace(p.Log()), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// tailLines is how many lines of a log an error shows: enough for the stack of
// one failure.
const tailLines = 30

// Failure returns an error that says how the program ended, if it has, and
// the tail of its log.
func (p *Process) Failure() error {
	state := "still runs"
	select {
	case <-p.done:
		state = fmt.Sprintf("ended: %v", p.err)
	default:
	}
	return fmt.Errorf("%s (pid %d) %s; the end of its log:\n%s", p.name, p.PID(), state, p.Tail(tailLines))
}

// PortTaken reports whether the program complained that another process listens
// on one of its addresses.
func (p *Process) PortTaken() bool {
	return strings.Contains(p.Log(), syscall.EADDRINUSE.Error())
}
