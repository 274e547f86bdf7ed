package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/pod"

	"golang.org/x/sys/unix"
)

// failed is the exit status where the program could not be started.
const failed = 120

// The network is that of a thread, and a program gets it from the thread that starts it.
func init() { runtime.LockOSThread() }

func main() {
	cmd, err := start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
		os.Exit(failed)
	}
	os.Exit(reap(cmd.Process.Pid))
}

func start() (*exec.Cmd, error) {
	var b pod.Box
	if err := json.NewDecoder(os.NewFile(pod.BoxFile, "box")).Decode(&b); err != nil {
		return nil, err
	}
	if err := unix.Setns(pod.NetworkFile, unix.CLONE_NEWNET); err != nil {
		return nil, os.NewSyscallError("setns", err)
	}
	if err := errors.Join(furnish(b), unix.Sethostname([]byte(b.Hostname))); err != nil {
		return nil, err
	}
	if len(b.Args) == 0 {
		return nil, errors.New("the Pod has no command")
	}
	// The program is looked for where it will look for others.
	if err := os.Setenv("PATH", path(b.Env)); err != nil {
		return nil, err
	}
	cmd := exec.Command(b.Args[0], b.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env, cmd.Dir = b.Env, "/mnt"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if b.User != 0 {
		if err := os.Chown("/mnt", b.User, b.User); err != nil {
			return nil, err
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(b.User), Gid: uint32(b.User)}
	}
	return cmd, cmd.Start()
}

// path is the PATH of an environment.
func path(env []string) string {
	for _, each := range env {
		if value, ok := strings.CutPrefix(each, "PATH="); ok {
			return value
		}
	}
	return ""
}

// reap hands signals on and buries processes until the program has ended, and returns its
// status as a shell has it.
func reap(program int) int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for each := range signals {
			// One that has just ended needs none.
			_ = syscall.Kill(program, each.(syscall.Signal))
		}
	}()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			fmt.Fprintln(os.Stderr, "init: wait:", err)
			return failed
		case pid != program:
		case status.Signaled():
			return 128 + int(status.Signal())
		default:
			return status.ExitStatus()
		}
	}
}
