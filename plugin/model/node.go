package model

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	netutils "k8s.io/utils/net"
)

// Node is what of a Node tells where its Pods and itself are: who answers by topology
// finds clients by it.
type Node struct {
	// Name has at most MaxName bytes. Endpoints name their Node so.
	Name Place
	// Zone is the label topology.kubernetes.io/zone, the zero Place where it is missing.
	Zone Place
	// PodCIDRs are where its Pods have their addresses, at most one of each family, IPv4
	// first. Their hosts' bits are zero.
	PodCIDRs []netip.Prefix
	// Addresses are its own, inside of the cluster and outside, sorted and each once, at
	// most 32 of them. None is an IPv4 address mapped into an IPv6 one, or has a zone.
	Addresses []netip.Addr
	// Created is when it came to be: of two that claim an address the newer one has it.
	Created Moment
	// CPU is what it has for Pods, in thousandths of a CPU. It is 0 for a Node that has
	// no share in what clients ask: one that is not ready, or of the control plane.
	CPU int64
}

// maxNodeAddresses bounds the addresses of a Node. It writes them itself.
const maxNodeAddresses = 32

// controlPlaneLabels are those of Nodes that the EndpointSlice controller leaves out
// where it counts the CPUs of a zone.
var controlPlaneLabels = []string{"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"}

// NewNode makes a Node from its API object, which it does not keep and does not change.
// An error says which podCIDRs and addresses are left out, and why. The Node is nil
// where nobody could name it.
func NewNode(obj *corev1.Node) (*Node, error) {
	if obj.Name == "" || len(obj.Name) > MaxName {
		return nil, fmt.Errorf("metadata.name has %d bytes; a name has 1 to %d", len(obj.Name), MaxName)
	}
	n := &Node{
		Name:    placeOf(obj.Name),
		Zone:    placeOf(obj.Labels[corev1.LabelTopologyZone]),
		Created: MomentOf(obj.CreationTimestamp.Time),
		CPU:     clientCPU(obj),
	}
	var f faults
	n.PodCIDRs = podCIDRs(&obj.Spec, &f)
	n.Addresses = nodeAddresses(obj.Status.Addresses, &f)
	return n, errors.Join(f...)
}

// faults are what is left out of an object, as far as it is named.
type faults []error

// maxFaults bounds how many faults of one object are named.
const maxFaults = 4

func (f *faults) add(format string, args ...any) {
	if len(*f) < maxFaults {
		*f = append(*f, fmt.Errorf(format, args...))
	}
}

// podCIDRs returns those that are good. spec.podCIDR is the older form of the first.
func podCIDRs(spec *corev1.NodeSpec, f *faults) (good []netip.Prefix) {
	all := spec.PodCIDRs
	if len(all) == 0 && spec.PodCIDR != "" {
		all = []string{spec.PodCIDR}
	}
	for _, text := range all {
		prefix, err := podCIDR(text)
		isTwin := func(other netip.Prefix) bool { return other.Addr().Is4() == prefix.Addr().Is4() }
		switch {
		case err != nil:
			f.add("podCIDR %.80q %w", text, err)
		case slices.ContainsFunc(good, isTwin):
			f.add("podCIDR %.80q is the second one of its address family", text)
		default:
			good = append(good, prefix)
		}
	}
	slices.SortFunc(good, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return good
}

// podCIDR reads what API servers before 1.36 let through, too: leading zeros.
func podCIDR(text string) (netip.Prefix, error) {
	_, network, err := netutils.ParseCIDRSloppy(text)
	if err != nil {
		return netip.Prefix{}, errors.New("is not a network such as 10.1.2.0/24")
	}
	addr, _ := netip.AddrFromSlice(network.IP)
	bits, _ := network.Mask.Size()
	switch {
	case addr.Is4In6():
		return netip.Prefix{}, errors.New("is an IPv4 network in the form of an IPv6 one")
	case bits == 0:
		return netip.Prefix{}, errors.New("is the network of all addresses")
	}
	return netip.PrefixFrom(addr, bits), nil
}

// nodeAddresses returns those that are good. The order in which they are written makes
// no difference.
func nodeAddresses(all []corev1.NodeAddress, f *faults) (good []netip.Addr) {
	for _, a := range all {
		if a.Type != corev1.NodeInternalIP && a.Type != corev1.NodeExternalIP {
			continue
		}
		addr, ok := parseAddress(a.Address)
		switch {
		case !ok || addr.IsUnspecified():
			f.add("%s %.80q is not an address of a host", a.Type, a.Address)
		case slices.Contains(good, addr):
		case len(good) == maxNodeAddresses:
			f.add("%s %.80q is one too many: more than %d addresses", a.Type, a.Address, maxNodeAddresses)
		default:
			good = append(good, addr)
		}
	}
	slices.SortFunc(good, netip.Addr.Compare)
	return good
}

// clientCPU follows how the EndpointSlice controller counts the CPUs of a zone for its
// hints (KEP-2433).
func clientCPU(obj *corev1.Node) int64 {
	for _, label := range controlPlaneLabels {
		if _, ok := obj.Labels[label]; ok {
			return 0
		}
	}
	isReady := slices.ContainsFunc(obj.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
	if !isReady {
		return 0
	}
	return max(obj.Status.Allocatable.Cpu().MilliValue(), 0)
}

// TrimNode takes out of an API object what NewNode does not read: nearly all of it.
func TrimNode(obj *corev1.Node) {
	trimmed := corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: obj.Name, ResourceVersion: obj.ResourceVersion, CreationTimestamp: obj.CreationTimestamp},
		Spec:       corev1.NodeSpec{PodCIDR: obj.Spec.PodCIDR, PodCIDRs: obj.Spec.PodCIDRs},
		Status:     corev1.NodeStatus{Addresses: obj.Status.Addresses},
	}
	for _, label := range append(controlPlaneLabels, corev1.LabelTopologyZone) {
		if text, ok := obj.Labels[label]; ok {
			metav1.SetMetaDataLabel(&trimmed.ObjectMeta, label, text)
		}
	}
	if cpu, ok := obj.Status.Allocatable[corev1.ResourceCPU]; ok {
		trimmed.Status.Allocatable = corev1.ResourceList{corev1.ResourceCPU: cpu}
	}
	for _, c := range obj.Status.Conditions {
		if c.Type == corev1.NodeReady {
			trimmed.Status.Conditions = append(trimmed.Status.Conditions, corev1.NodeCondition{Type: c.Type, Status: c.Status})
		}
	}
	*obj = trimmed
}

// Equal reports whether nothing tells n and other apart. Neither is nil.
func (n *Node) Equal(other *Node) bool {
	return n == other || n.Name == other.Name && n.Zone == other.Zone && n.CPU == other.CPU && n.Created == other.Created &&
		slices.Equal(n.PodCIDRs, other.PodCIDRs) && slices.Equal(n.Addresses, other.Addresses)
}
