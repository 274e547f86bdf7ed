package main

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// A claim is what one slice says of one address.
type claim struct {
	differences.Endpoint
	// pod tells Pods apart.
	pod string
	// version is that of the slice: the newer one has the larger.
	version                     uint64
	ready, serving, terminating bool
}

// addEndpoints adds what the slices of a headless Service say, each address as
// often as it stands there.
func addEndpoints(s *differences.Service, all []*discoveryv1.EndpointSlice) {
	byAddress := make(map[string][]*claim)
	var claims []*claim
	for _, slice := range all {
		if slice.AddressType == discoveryv1.AddressTypeFQDN {
			s.FQDN = "endpoint"
			continue
		}
		for _, c := range claimsOf(slice) {
			byAddress[c.Address] = append(byAddress[c.Address], c)
			claims = append(claims, c)
		}
	}
	for _, rivals := range byAddress {
		settle(rivals)
	}
	for _, is4 := range []bool{true, false} {
		addFamily(s, slices.DeleteFunc(slices.Clone(claims), func(c *claim) bool { return strings.Contains(c.Address, ".") != is4 }))
	}
	slices.SortStableFunc(s.Endpoints, func(a, b differences.Endpoint) int { return cmp.Compare(a.Address, b.Address) })
}

func claimsOf(slice *discoveryv1.EndpointSlice) []*claim {
	// A version that is no number is older than all.
	version, _ := strconv.ParseUint(slice.ResourceVersion, 10, 64)
	var ports []differences.Port
	for _, p := range slice.Ports {
		ports = append(ports, newPort(value(p.Name), value(p.Protocol), value(p.Port)))
	}
	var claims []*claim
	for _, e := range slice.Endpoints {
		for _, text := range e.Addresses {
			address, ok := canonical(text)
			if !ok {
				continue
			}
			c := newClaim(e, address)
			c.Ports, c.version = ports, version
			claims = append(claims, c)
		}
	}
	return claims
}

func newClaim(e discoveryv1.Endpoint, address string) *claim {
	c := &claim{Endpoint: differences.Endpoint{Address: address, Hostname: strings.ToLower(value(e.Hostname))}}
	c.pod = "hostname " + c.Hostname
	if e.TargetRef != nil && e.TargetRef.Kind == "Pod" {
		c.Pod, c.pod = strings.ToLower(e.TargetRef.Name), string(e.TargetRef.UID)
	}
	// What is unset means what the API says of it.
	c.ready = e.Conditions.Ready == nil || *e.Conditions.Ready
	c.serving = c.ready
	if e.Conditions.Serving != nil {
		c.serving = *e.Conditions.Serving
	}
	c.terminating = value(e.Conditions.Terminating)
	return c
}

// settle says of all claims to one address which of them k8s_endpoints goes by:
// of those of a Pod the newest; of Pods one that does not terminate, then one
// that is ready, then the newest.
func settle(claims []*claim) {
	newest := make(map[string]*claim)
	for _, c := range claims {
		if best := newest[c.pod]; best == nil || c.version > best.version {
			newest[c.pod] = c
		}
	}
	var holder *claim
	for _, c := range newest {
		if holder == nil || better(c, holder) {
			holder = c
		}
	}
	for _, c := range claims {
		switch {
		case !c.ready:
			c.Standing = differences.Unready
		case c.pod != holder.pod:
			c.Standing = differences.Replaced
		case !holder.ready:
			c.Standing = differences.Outdated
		default:
			c.Standing = differences.Ready
		}
		c.serving = c.serving && c == holder
	}
}

func better(a, b *claim) bool {
	switch {
	case a.terminating != b.terminating:
		return !a.terminating
	case a.ready != b.ready:
		return a.ready
	}
	return a.version > b.version
}

// addFamily adds the claims to addresses of one family. Where none of them is
// ready, those drain that serve and terminate.
func addFamily(s *differences.Service, claims []*claim) {
	isReady := func(c *claim) bool { return c.Standing == differences.Ready }
	someReady := slices.ContainsFunc(claims, isReady)
	for _, c := range claims {
		switch {
		case c.Standing != differences.Unready || !c.terminating:
		case c.serving && !someReady:
			c.Standing = differences.Draining
		default:
			c.Standing = differences.Terminating
		}
		s.Endpoints = append(s.Endpoints, c.Endpoint)
	}
}

// canonical writes an address as netip does.
func canonical(text string) (address string, ok bool) {
	parsed, err := netip.ParseAddr(text)
	if err != nil || parsed.Zone() != "" {
		return "", false
	}
	return parsed.Unmap().String(), true
}

func value[T any](p *T) T {
	if p == nil {
		var none T
		return none
	}
	return *p
}
