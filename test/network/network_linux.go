// Package network runs a program once more in a network of its own, in which addresses that
// a test needs are this machine's. It needs root, and Debian's iproute2.
package network

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Enter runs this program again, with the same arguments, in a new network and in other new
// namespaces that flags name (clone(2)), and returns its exit status. The environment is
// what this program has, and env. An error says why it cannot.
func Enter(flags uintptr, env ...string) (code int, err error) {
	if os.Getuid() != 0 {
		return 0, errors.New("only root can make a network for this program alone")
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | flags, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("a network for this program alone: %w", err)
	}
	err = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status >= 0 {
		return status, nil
	}
	fmt.Fprintln(os.Stderr, err)
	return 1, nil
}

// Up brings the loopback interface up. Each address of 10.0.0.0/8, and of the networks, is
// then this machine's; only 10.0.0.1 is one of the interface.
func Up(networks ...string) error {
	failed := []error{
		IP("link", "set", "lo", "up"),
		IP("address", "add", "10.0.0.1/8", "dev", "lo"),
	}
	if len(networks) > 0 {
		// An IPv6 address of a route is else not one to listen on.
		failed = append(failed, os.WriteFile("/proc/sys/net/ipv6/ip_nonlocal_bind", []byte("1"), 0))
	}
	for _, each := range networks {
		failed = append(failed, IP("route", "add", "local", each, "dev", "lo"))
	}
	return errors.Join(failed...)
}

// IP runs the program ip.
func IP(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
