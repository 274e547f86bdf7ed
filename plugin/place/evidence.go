package place

import (
	"fmt"
	"net/netip"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// evidence says whether the podCIDRs of Nodes are where their Pods are. With network
// plugins that give out addresses of their own, they are not, and nothing in a Node says
// so. Endpoints do: a slice has the address and the node of each.
type evidence struct {
	of  map[model.ServiceKey]weight
	sum Evidence
	// begun is true after all Services were looked at, and used while the podCIDRs count.
	begun, used bool
	example     example
}

// Evidence is how many endpoints lie in the podCIDR of their own node, and how many in that
// of another one or in none.
type Evidence struct{ Agree, Differ, Unknown int }

// weight is the evidence of one Service.
type weight struct{ agree, differ, unknown uint8 }

// example is an endpoint in the podCIDR of another node.
type example struct {
	service model.ServiceKey
	address netip.Addr
	node    model.Place
	other   *Client
}

// sample is how many endpoints of a Service count.
const sample = 64

// When podCIDRs are not used any more, and when they are again: as many percent of the
// endpoints differ.
const (
	leastDiffer = 2
	tooMany     = 5
	fewEnough   = 1
)

// weigh looks at some endpoints of a Service, spread evenly. One that is in no podCIDR, such
// as those on the network of their node, says nothing. Without slices, the Service is gone.
func (e *evidence) weigh(key model.ServiceKey, slices []*model.Slice, podCIDRs *prefixes) {
	var w weight
	for endpoint := range sampled(slices) {
		found, ok := podCIDRs.Lookup(endpoint.address)
		switch {
		case !ok:
			w.unknown++
		case found.Node == endpoint.node:
			w.agree++
		default:
			w.differ++
			e.example = example{key, endpoint.address, endpoint.node, found}
		}
	}
	e.sum.add(e.of[key], -1)
	e.sum.add(w, 1)
	if w == (weight{}) {
		delete(e.of, key)
		return
	}
	e.of[key] = w
}

func (e *Evidence) add(w weight, sign int) {
	e.Agree += sign * int(w.agree)
	e.Differ += sign * int(w.differ)
	e.Unknown += sign * int(w.unknown)
}

// located is an endpoint whose node is known.
type located struct {
	address netip.Addr
	node    model.Place
}

// sampled yields up to sample endpoints whose node is known, each at the same distance from
// the one before.
func sampled(slices []*model.Slice) func(yield func(located) bool) {
	return func(yield func(located) bool) {
		all := 0
		for _, slice := range slices {
			for i := range slice.Endpoints {
				if slice.Endpoints[i].Node != 0 {
					all++
				}
			}
		}
		n := min(all, sample)
		at, taken := 0, 0
		for _, slice := range slices {
			for i := range slice.Endpoints {
				e := &slice.Endpoints[i]
				if e.Node == 0 {
					continue
				}
				if at == taken*all/n {
					taken++
					if !yield(located{e.Address, slice.NodeOf(e)}) || taken == n {
						return
					}
				}
				at++
			}
		}
	}
}

// decide returns what there is to log, where the podCIDRs begin or cease to count.
func (e *evidence) decide() string {
	weighed := e.sum.Agree + e.sum.Differ
	switch {
	case !e.begun:
	case e.used && e.sum.Differ >= leastDiffer && 100*e.sum.Differ > tooMany*weighed:
		e.used = false
		return fmt.Sprintf("The podCIDRs of Nodes are not where their Pods are, and are not used: %d of %d endpoints differ, such as %s", e.sum.Differ, weighed, e.example)
	case !e.used && 100*e.sum.Differ < fewEnough*weighed:
		e.used = true
		return fmt.Sprintf("The podCIDRs of Nodes are used again: %d of %d endpoints differ", e.sum.Differ, weighed)
	}
	return ""
}

// String says where the endpoint is, and where its address would have it.
func (x example) String() string {
	return fmt.Sprintf("%s of the Service %s, which is on %s and in the podCIDR %s of %s",
		x.address, x.service, x.node.Value(), x.other.Prefix(x.address), x.other.Node.Value())
}

// doubted returns the Services with endpoints that differ.
func (e *evidence) doubted() (all []model.ServiceKey) {
	if e.sum.Differ == 0 {
		return nil
	}
	for key, w := range e.of {
		if w.differ > 0 {
			all = append(all, key)
		}
	}
	return all
}
