package manifests

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	netutils "k8s.io/utils/net"
)

// maxMirrored is how many addresses of a subset the mirroring controller takes
// over, unless its flags say otherwise.
const maxMirrored = 1000

// maxOffered bounds the pairs of an address and a port that the subsets of an
// Endpoints object have: they are the square of what stands in the manifest.
const maxOffered = 1_000_000

// Kubernetes wants nobody to write these any more. Manifests have them, and
// clusters mirror them.
type (
	legacyEndpoints = corev1.Endpoints      //lint:ignore SA1019 see above
	legacySubset    = corev1.EndpointSubset //lint:ignore SA1019 see above
)

// unmirrored returns why the EndpointSlice mirroring controller of Kubernetes
// would leave an object alone, nil where it would not. Whether there is a
// Service, and slices besides, is for the definitions to say.
func unmirrored(obj *legacyEndpoints) error {
	if obj.Labels[discoveryv1.LabelSkipMirror] == "true" {
		return fmt.Errorf("its label %s says so", discoveryv1.LabelSkipMirror)
	}
	if _, election := obj.Annotations[resourcelock.LeaderElectionRecordAnnotationKey]; election {
		return errors.New("it is the record of a leader election")
	}
	return nil
}

// written returns the addresses of an object in the order in which they stand
// there.
func written(obj *legacyEndpoints) (all []string) {
	for i := range obj.Subsets {
		for j := range obj.Subsets[i].Addresses {
			all = append(all, obj.Subsets[i].Addresses[j].IP)
		}
		for j := range obj.Subsets[i].NotReadyAddresses {
			all = append(all, obj.Subsets[i].NotReadyAddresses[j].IP)
		}
	}
	return all
}

// mirror returns the slices that the mirroring controller makes: for each set
// of ports that the same addresses offer, one slice for each address family.
// It also returns how many addresses are too many, and left out.
func mirror(obj *legacyEndpoints) (made []discoveryv1.EndpointSlice, tooMany int, err error) {
	if n := offered(obj); n > maxOffered {
		return nil, 0, model.Refuse(fmt.Sprintf("%d pairs of an address and a port", n),
			"its subsets have %d pairs of an address and a port; they may have at most %d", n, maxOffered)
	}
	var r repacking
	for i := range obj.Subsets {
		r.addSubset(&obj.Subsets[i])
	}
	for n, group := range r.groups() {
		if excess := len(group.addresses) - maxMirrored; excess > 0 {
			tooMany += excess
			group.addresses = group.addresses[:maxMirrored]
		}
		ipv4 := newMirror(obj, discoveryv1.AddressTypeIPv4, n, group.ports)
		ipv6 := newMirror(obj, discoveryv1.AddressTypeIPv6, n, group.ports)
		for _, a := range group.addresses {
			endpoint, is4, err := mirrorAddress(r.addresses[a.index], a.ready)
			if err != nil {
				return nil, 0, err
			}
			slice := &ipv6
			if is4 {
				slice = &ipv4
			}
			slice.Endpoints = append(slice.Endpoints, endpoint)
		}
		for _, slice := range []discoveryv1.EndpointSlice{ipv4, ipv6} {
			if len(slice.Endpoints) > 0 {
				made = append(made, slice)
			}
		}
	}
	return made, tooMany, nil
}

// offered returns how many pairs of an address and a port an object has.
func offered(obj *legacyEndpoints) (n int64) {
	for i := range obj.Subsets {
		subset := &obj.Subsets[i]
		n += int64(len(subset.Addresses)+len(subset.NotReadyAddresses)) * int64(max(1, len(subset.Ports)))
	}
	return n
}

// mirrorName returns the name of a slice that is made of an object. It holds slashes, which
// that of a real one cannot.
func mirrorName(obj *legacyEndpoints, part string) string {
	return "endpoints/" + obj.Name + "/" + part
}

func newMirror(obj *legacyEndpoints, family discoveryv1.AddressType, n int, ports []corev1.EndpointPort) discoveryv1.EndpointSlice {
	slice := discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: obj.Namespace,
			Name:      mirrorName(obj, fmt.Sprintf("%s/%d", strings.ToLower(string(family)), n)),
			Labels:    map[string]string{discoveryv1.LabelServiceName: obj.Name},
		},
		AddressType: family,
	}
	for i := range ports {
		slice.Ports = append(slice.Ports, discoveryv1.EndpointPort{
			Name: &ports[i].Name, Protocol: &ports[i].Protocol, Port: &ports[i].Port,
		})
	}
	return slice
}

// mirrorAddress takes an address in any form that the API of Endpoints does:
// with leading zeros, or IPv4 in IPv6.
func mirrorAddress(address *corev1.EndpointAddress, ready bool) (endpoint discoveryv1.Endpoint, is4 bool, err error) {
	ip := netutils.ParseIPSloppy(address.IP)
	if ip == nil {
		return endpoint, false, model.Refuse(fmt.Sprintf("address %.40q", address.IP), "%q is not an address", address.IP)
	}
	endpoint = discoveryv1.Endpoint{
		Addresses:  []string{ip.String()},
		Conditions: discoveryv1.EndpointConditions{Ready: &ready},
		TargetRef:  address.TargetRef,
		NodeName:   address.NodeName,
	}
	if address.Hostname != "" {
		endpoint.Hostname = &address.Hostname
	}
	return endpoint, ip.To4() != nil, nil
}

// repacking brings subsets into the form that the controllers of Kubernetes
// bring them into before they read them: an address that several subsets name
// for one port is not ready where one of them says so, and ports that the same
// addresses offer are one set.
type repacking struct {
	addresses []*corev1.EndpointAddress
	known     map[addressKey]int
	// ready holds, by port and index of address, what is so far known; order
	// holds the ports as they came.
	ready map[portKey]map[int]bool
	order []portKey
}

// addressKey tells addresses apart: two Pods may share that of their node.
type addressKey struct{ ip, uid string }

// portKey is the zero value for a subset without ports.
type portKey struct {
	name     string
	protocol corev1.Protocol
	port     int32
	isPort   bool
}

type addressState struct {
	index int
	ready bool
}

type portGroup struct {
	ports     []corev1.EndpointPort
	addresses []addressState
}

func (r *repacking) addSubset(subset *legacySubset) {
	ports := []portKey{{}}
	if len(subset.Ports) > 0 {
		ports = nil
	}
	for _, p := range subset.Ports {
		if p.Protocol == "" {
			p.Protocol = corev1.ProtocolTCP
		}
		ports = append(ports, portKey{p.Name, p.Protocol, p.Port, true})
	}
	for _, port := range ports {
		for i := range subset.Addresses {
			r.add(port, &subset.Addresses[i], true)
		}
		for i := range subset.NotReadyAddresses {
			r.add(port, &subset.NotReadyAddresses[i], false)
		}
	}
}

func (r *repacking) add(port portKey, address *corev1.EndpointAddress, ready bool) {
	if r.ready == nil {
		r.ready = make(map[portKey]map[int]bool)
		r.known = make(map[addressKey]int)
	}
	key := addressKey{ip: address.IP}
	if address.TargetRef != nil {
		key.uid = string(address.TargetRef.UID)
	}
	index, ok := r.known[key]
	if !ok {
		index = len(r.addresses)
		r.known[key] = index
		r.addresses = append(r.addresses, address)
	}
	if r.ready[port] == nil {
		r.ready[port] = make(map[int]bool)
		r.order = append(r.order, port)
	}
	before, ok := r.ready[port][index]
	r.ready[port][index] = ready && (before || !ok)
}

// groups returns the sets of ports in the order of their first ports.
func (r *repacking) groups() []portGroup {
	var made []portGroup
	byAddresses := make(map[string]int)
	for _, port := range r.order {
		addresses := r.sorted(port)
		text := fmt.Sprint(addresses)
		i, ok := byAddresses[text]
		if !ok {
			i = len(made)
			byAddresses[text] = i
			made = append(made, portGroup{addresses: addresses})
		}
		if port.isPort {
			made[i].ports = append(made[i].ports, corev1.EndpointPort{Name: port.name, Protocol: port.protocol, Port: port.port})
		}
	}
	return made
}

// sorted returns the addresses of a port in the order in which the controller
// takes them until it has enough: the ready ones first.
func (r *repacking) sorted(port portKey) []addressState {
	states := make([]addressState, 0, len(r.ready[port]))
	for index, ready := range r.ready[port] {
		states = append(states, addressState{index, ready})
	}
	sort.Slice(states, func(i, j int) bool {
		a, b := states[i], states[j]
		if a.ready != b.ready {
			return a.ready
		}
		if c := strings.Compare(r.addresses[a.index].IP, r.addresses[b.index].IP); c != 0 {
			return c < 0
		}
		return a.index < b.index
	})
	return states
}
