package pod

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/k8s-endpoints/k8s_endpoints/test/network"

	"golang.org/x/sys/unix"
)

// The main goroutine keeps the main thread: one that has gone into another network must end,
// which the main thread cannot.
func init() { runtime.LockOSThread() }

// A Network is that of one Pod. It outlives the processes in it, as Kubernetes has it.
type Network struct {
	namespace *os.File
	// link is its end on the bridge.
	link string
}

// links makes the names of links unique: one that is gone may still be on its way out.
var links atomic.Int64

// OpenBridge makes the bridge that all Pods are at, in the network of this process.
func OpenBridge() error {
	return errors.Join(
		// With an address of its own, since a bridge else takes the lowest of its ports, and
		// each new Pod would change it.
		network.IP("link", "add", Bridge, "address", hardware(Gateway), "type", "bridge"),
		network.IP("address", "add", fmt.Sprintf("%s/%d", Gateway, Range.Bits()), "dev", Bridge),
		network.IP("link", "set", Bridge, "up"),
		os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0),
		// All goes by way of the gateway, where it is seen.
		os.WriteFile("/proc/sys/net/ipv4/conf/all/send_redirects", []byte("0"), 0),
		os.WriteFile("/proc/sys/net/ipv4/conf/"+Bridge+"/send_redirects", []byte("0"), 0),
	)
}

// Connect makes a network with the address, which is in Range, at the bridge.
func Connect(address netip.Addr) (*Network, error) {
	n := &Network{link: fmt.Sprintf("p%d", links.Add(1))}
	failed := make(chan error)
	go func() {
		// The thread is in the new network, and ends with the goroutine.
		runtime.LockOSThread()
		failed <- n.enter(address)
	}()
	if err := <-failed; err != nil {
		return nil, fmt.Errorf("a network for %s: %w", address, err)
	}
	if err := network.IP("link", "set", n.link, "master", Bridge, "up"); err != nil {
		return nil, errors.Join(err, n.namespace.Close())
	}
	return n, nil
}

// enter leaves the network that the calling thread is in for a new one.
func (n *Network) enter(address netip.Addr) (err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	steps := []string{
		"link set lo up",
		fmt.Sprintf("link add eth0 address %s type veth peer name %s netns %d", hardware(address), n.link, os.Getpid()),
		fmt.Sprintf("address add %s/32 dev eth0", address),
		"link set eth0 up",
		fmt.Sprintf("route add %s dev eth0", Gateway),
		fmt.Sprintf("route add default via %s", Gateway),
	}
	ip := exec.Command("ip", "-batch", "-")
	ip.Stdin = strings.NewReader(strings.Join(steps, "\n") + "\n")
	if out, err := ip.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, bytes.TrimSpace(out))
	}
	n.namespace, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	return err
}

// Close takes the network from the bridge.
func (n *Network) Close() error {
	return errors.Join(network.IP("link", "delete", n.link), n.namespace.Close())
}

// hardware is one for each address, as CNI's bridge has it: what others have in their caches
// is right again when the address is used again.
func hardware(address netip.Addr) string {
	b := address.As4()
	return fmt.Sprintf("0a:58:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3])
}
