package checks

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/targets"

	"golang.org/x/sys/unix"
)

// insideVariable is 1 for the test binary that runs in a network of its own.
const insideVariable = "CHECKS_TEST_INSIDE"

// inside runs a test again in a network of its own that leads nowhere, and returns whether
// this is there. It takes root.
func inside(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideVariable) == "1" {
		polltest.Must(t, command("ip", "link", "set", "lo", "up"))
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("only root can make a network for this test alone")
	}
	if _, err := exec.LookPath("iptables"); err != nil {
		t.Skip("iptables is missing: run `make targets`")
	}
	self, err := os.Executable()
	polltest.Must(t, err)
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("in a network of its own: %v\n%s", err, out)
	}
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("in a network of its own: %s", out)
	}
	return false
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// A firewall drops, rejects, and lets through again; a network has no way, and has one.
func TestWhatANetworkDoes(t *testing.T) {
	if !inside(t) {
		return
	}
	s := targets.Redis(t)
	rule := func(verb string, target ...string) error {
		return command("iptables", append([]string{"-w", verb, "INPUT", "-p", "tcp", "--dport", fmt.Sprint(s.At.Port()), "-j"}, target...)...)
	}
	spec := check.Spec{Kind: check.Redis}
	expect(t, s.At, spec, check.Passed)

	polltest.Must(t, rule("-A", "DROP"))
	expect(t, s.At, spec, check.TimedOut)
	expect(t, s.At, check.Spec{Kind: check.TCP}, check.TimedOut)
	polltest.Must(t, rule("-D", "DROP"))
	expect(t, s.At, spec, check.Passed)

	for with, want := range map[string]check.Cause{
		"tcp-reset":              check.Refused,
		"icmp-port-unreachable":  check.Refused,
		"icmp-host-unreachable":  check.Unreachable,
		"icmp-net-unreachable":   check.Unreachable,
		"icmp-admin-prohibited":  check.Unreachable,
		"icmp-proto-unreachable": check.Other,
	} {
		t.Run(with, func(t *testing.T) {
			polltest.Must(t, rule("-A", "REJECT", "--reject-with", with))
			expect(t, s.At, spec, want)
			polltest.Must(t, rule("-D", "REJECT", "--reject-with", with))
			expect(t, s.At, spec, check.Passed)
		})
	}
	t.Run("no way", func(t *testing.T) {
		expect(t, netip.MustParseAddrPort("10.1.2.3:80"), check.Spec{Kind: check.HTTP}, check.Unreachable)
	})
}

// A program that does not accept: its kernel does until the queue is full, and then drops.
// TCP passes as often as there is room in it.
func TestAQueueThatFills(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	polltest.Must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	const room = 5
	polltest.Must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, room))
	name, err := unix.Getsockname(fd)
	polltest.Must(t, err)
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(name.(*unix.SockaddrInet4).Port))
	// A kernel takes one more than it was told.
	for range room + 1 {
		expect(t, at, check.Spec{Kind: check.TCP}, check.Passed)
	}
	expect(t, at, check.Spec{Kind: check.TCP}, check.TimedOut)
	expect(t, at, check.Spec{Kind: check.Postgres}, check.TimedOut)
}
