package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/network"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/contacts"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/kubelet"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/pod"
)

// Programs are where those are that a node needs.
type Programs struct {
	// CoreDNS, Init and Get are files: ours, that of package pod, and that of package load.
	CoreDNS, Init, Get string
	// Apps and Control are folders: of test/systems/apps, and of the control plane.
	Apps, Control string
	// Software is the folder with unpacked Debian packages, and may be absent.
	Software string
}

// Node is one that runs.
type Node struct {
	Programs Programs
	// Contacts are those of all Pods.
	Contacts *contacts.Log
	Kubelet  *kubelet.Kubelet

	folder     string
	kubeconfig string
	cluster    *cluster.Cluster
	sharing    *sharing
	servers    map[string]*Server
	stop       context.CancelFunc
	stopped    sync.WaitGroup

	mu       sync.Mutex
	networks []netip.Prefix
	opened   int
	// returns counts how often the API server has come back.
	returns int
	// owned counts the servers that places have had for themselves.
	owned int
}

// Start makes a node of the network that this process is in, with servers of these names.
// The caller calls Stop.
func Start(ctx context.Context, programs Programs, servers ...string) (_ *Node, err error) {
	if err := furnish(); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "k8s_endpoints-systems-")
	if err != nil {
		return nil, err
	}
	// Programs of other users look for what is theirs below it.
	if err := os.Chmod(folder, 0o755); err != nil {
		return nil, err
	}
	n := &Node{Programs: programs, folder: folder, servers: make(map[string]*Server), stop: func() {}}
	for third := 1; third < 255; third++ {
		n.networks = append(n.networks, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, byte(third), 0}), 24))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Stop())
		}
	}()
	if n.Contacts, err = contacts.Open(pod.Bridge); err != nil {
		return nil, err
	}
	if n.cluster, err = cluster.Start(ctx, "deployment-controller", "replicaset-controller"); err != nil {
		return nil, err
	}
	n.sharing = newSharing(n.cluster.StopAPIServer, n.startAPIServer)
	if n.kubeconfig, err = n.cluster.Kubeconfig(cluster.AdminUser); err != nil {
		return nil, err
	}
	if err := n.startServers(ctx, servers); err != nil {
		return nil, err
	}
	n.Kubelet = kubelet.New(n.cluster.Clients(), kubelet.Namespaces{Init: programs.Init}, filepath.Join(folder, "pods"))
	running, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.stopped.Go(func() { n.Kubelet.Run(running) })
	return n, nil
}

// furnish makes the network of a node.
func furnish() error {
	failed := network.IP("link", "set", "lo", "up")
	for _, each := range addresses {
		failed = errors.Join(failed, network.IP("address", "add", each+"/32", "dev", "lo"))
	}
	return errors.Join(failed, pod.OpenBridge())
}

// Stop ends all that runs.
func (n *Node) Stop() error {
	n.stop()
	n.stopped.Wait()
	var failed error
	for _, each := range n.servers {
		failed = errors.Join(failed, each.stop())
	}
	if n.cluster != nil {
		failed = errors.Join(failed, n.cluster.Stop())
	}
	return errors.Join(failed, os.RemoveAll(n.folder))
}

// API is the control plane.
func (n *Node) API() *cluster.Cluster { return n.cluster }

// Enter begins a life on the node, which others share. One that will call WithoutAPI waits for
// those that go on. The caller calls Leave.
func (n *Node) Enter(waits bool) { n.sharing.enter(waits) }

// Leave ends what Enter began.
func (n *Node) Leave() { n.sharing.leave() }

// WithoutAPI does something while the API server is away, and returns when it is back.
func (n *Node) WithoutAPI(ctx context.Context, do func() error) error {
	return n.sharing.without(ctx, do)
}

func (n *Node) startAPIServer(ctx context.Context) error {
	n.mu.Lock()
	n.returns++
	n.mu.Unlock()
	return n.cluster.StartAPIServer(ctx)
}

func (n *Node) takeNetwork() (netip.Prefix, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.networks) == 0 {
		return netip.Prefix{}, errors.New("there is no network for one more place")
	}
	first := n.networks[0]
	n.networks = n.networks[1:]
	return first, nil
}

// takeName returns one that no place has had.
func (n *Node) takeName(stem string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opened++
	return fmt.Sprintf("%s-%d", stem, n.opened)
}

func (n *Node) giveBack(network netip.Prefix) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.networks = append(n.networks, network)
}
