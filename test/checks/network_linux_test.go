package checks

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/network"
	"github.com/k8s-endpoints/k8s_endpoints/test/network/networktest"
	"github.com/k8s-endpoints/k8s_endpoints/test/targets"

	"golang.org/x/sys/unix"
)

// own is the network of these tests. It leads nowhere.
var own = networktest.Network{
	Variable: "CHECKS_TEST_INSIDE",
	Needs:    []func(context.Context) error{networktest.Server, targets.BuildHealth},
	Furnish:  func() error { return network.IP("link", "set", "lo", "up") },
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(own.Main(m.Run))
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// A firewall drops, rejects, and lets through again; a network has no way, and has one.
func TestWhatANetworkDoes(t *testing.T) {
	own.Inside(t)
	if _, err := exec.LookPath("iptables"); err != nil {
		t.Skip("iptables is missing: run `make targets`")
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
