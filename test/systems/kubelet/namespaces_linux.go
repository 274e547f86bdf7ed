package kubelet

import (
	"net/netip"
	"os"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/pod"
)

// Namespaces is the Runtime that puts Pods into namespaces of Linux.
type Namespaces struct {
	// Init is the program of that name, below package pod.
	Init string
}

// Connect makes a network.
func (n Namespaces) Connect(address netip.Addr) (Network, error) {
	made, err := pod.Connect(address)
	if err != nil {
		return nil, err
	}
	return bridged{made, n.Init}, nil
}

type bridged struct {
	*pod.Network
	init string
}

func (b bridged) Start(box pod.Box, log *os.File) (Process, error) {
	return b.Network.Start(b.init, box, log)
}
