package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// A claim is what one slice says of one address.
type claim struct {
	model.Endpoint
	// said is the endpoint as the stock plugin sees it.
	said differences.Endpoint
	// version is that of the slice: the newer one has the larger.
	version uint64
}

// addEndpoints adds what the slices of a headless Service say, each address as often as it stands there. It returns
// why it leaves slices out.
func addEndpoints(s *differences.Service, all []*discoveryv1.EndpointSlice) (leftOut []error) {
	byAddress := make(map[string][]*claim)
	var claims []*claim
	for _, slice := range all {
		if slice.AddressType == discoveryv1.AddressTypeFQDN {
			s.FQDN = "endpoint"
			continue
		}
		made, err := claimsOf(slice)
		if err != nil {
			leftOut = append(leftOut, fmt.Errorf("the EndpointSlice %s/%s: %w", slice.Namespace, slice.Name, err))
		}
		for _, c := range made {
			byAddress[c.said.Address] = append(byAddress[c.said.Address], c)
		}
		claims = append(claims, made...)
	}
	for _, rivals := range byAddress {
		settle(rivals)
	}
	for _, is4 := range []bool{true, false} {
		addFamily(s, slices.DeleteFunc(slices.Clone(claims), func(c *claim) bool { return c.Address.Is4() != is4 }))
	}
	slices.SortStableFunc(s.Endpoints, func(a, b differences.Endpoint) int { return cmp.Compare(a.Address, b.Address) })
	return leftOut
}

// addHostnames adds the endpoints of a Service with a cluster IP that kubernetes gives a name of their own: those that
// are ready, and have a hostname. A slice that cannot be read is left out: k8s_endpoints does not look at it either.
func addHostnames(s *differences.Service, slice *discoveryv1.EndpointSlice) {
	made, err := claimsOf(slice)
	if err != nil {
		return
	}
	for _, c := range made {
		if c.said.Hostname != "" && c.Has(model.Ready) {
			s.Endpoints = append(s.Endpoints, c.said)
		}
	}
}

func claimsOf(obj *discoveryv1.EndpointSlice) ([]*claim, error) {
	slice, err := model.NewSlice(obj)
	if err != nil {
		return nil, err
	}
	ports := append(portsOf(slice.Ports), portsWithoutNumber(obj)...)
	var claims []*claim
	for _, e := range obj.Endpoints {
		// The model leaves out a name that is no label; the stock plugin does not.
		pod := ""
		if e.TargetRef != nil && e.TargetRef.Kind == "Pod" {
			pod = strings.ToLower(e.TargetRef.Name)
		}
		for range e.Addresses {
			read := slice.Endpoints[len(claims)]
			said := differences.Endpoint{Address: read.Address.String(), Hostname: read.Hostname, Pod: pod, Zone: value(e.Zone, ""), Ports: ports}
			claims = append(claims, &claim{Endpoint: read, said: said, version: slice.Version})
		}
	}
	return claims, nil
}

func portsOf(all []model.Port) []differences.Port {
	var ports []differences.Port
	for _, p := range all {
		ports = append(ports, differences.Port{Name: p.Name, Protocol: p.Protocol.String(), Number: int32(p.Number)})
	}
	return ports
}

// portsWithoutNumber are the ports that the model leaves out, while the stock plugin does not.
func portsWithoutNumber(obj *discoveryv1.EndpointSlice) []differences.Port {
	var ports []differences.Port
	for _, p := range obj.Ports {
		if p.Port == nil {
			ports = append(ports, differences.Port{
				Name: strings.ToLower(value(p.Name, "")), Protocol: strings.ToLower(string(value(p.Protocol, corev1.ProtocolTCP))),
			})
		}
	}
	return ports
}

// value is what p points to, or unset where that is nothing.
func value[T any](p *T, unset T) T {
	if p == nil {
		return unset
	}
	return *p
}

// settle finds the one claim to an address that k8s_endpoints goes by: of the claims of a Pod the newest; of several
// Pods one that does not terminate, then one that is ready, then the newest, then the first.
func settle(claims []*claim) {
	newest := make(map[model.PodID]*claim)
	for _, c := range claims {
		if best := newest[c.ID]; best == nil || c.version > best.version {
			newest[c.ID] = c
		}
	}
	var holder *claim
	for _, c := range claims {
		if newest[c.ID] == c && (holder == nil || outranks(c, holder)) {
			holder = c
		}
	}
	for _, c := range claims {
		switch {
		case !c.Has(model.Ready):
			c.said.Standing = differences.Unready
		case c.ID != holder.ID:
			c.said.Standing = differences.Replaced
		case !holder.Has(model.Ready):
			c.said.Standing = differences.Outdated
		}
		if c != holder {
			c.Conditions &^= model.Serving
		}
	}
}

// outranks compares claims of two Pods to one address.
func outranks(a, b *claim) bool {
	switch {
	case a.Has(model.Terminating) != b.Has(model.Terminating):
		return b.Has(model.Terminating)
	case a.Has(model.Ready) != b.Has(model.Ready):
		return a.Has(model.Ready)
	}
	return a.version > b.version
}

// addFamily adds the claims to addresses of one family. Where none of them is ready, those drain that serve and
// terminate.
func addFamily(s *differences.Service, claims []*claim) {
	noneReady := !slices.ContainsFunc(claims, func(c *claim) bool { return c.said.Standing == differences.Ready })
	for _, c := range claims {
		if c.said.Standing == differences.Unready && c.Has(model.Terminating) {
			c.said.Standing = differences.Terminating
			if noneReady && c.Has(model.Serving) {
				c.said.Standing = differences.Draining
			}
		}
		s.Endpoints = append(s.Endpoints, c.said)
	}
}
