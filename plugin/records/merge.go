package records

import (
	"bytes"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// claim is what one slice says of one address.
type claim struct {
	endpoint *model.Endpoint
	slice    *model.Slice
	// ports is the group of those who have the slice's ports.
	ports int32
	place position
}

// merged is an address, and the endpoint that holds it. Its ports are those of
// all slices that carry the endpoint there.
type merged struct {
	claim
	// all are its groups of ports where it stands in several slices, which is
	// rare; otherwise claim.ports is the only one.
	all []int32
}

// sortedByName puts slices into an order of their own, so that the result does
// not depend on theirs.
func sortedByName(all []*model.Slice) []*model.Slice {
	byName := func(a, b *model.Slice) int { return strings.Compare(a.Name, b.Name) }
	if slices.IsSortedFunc(all, byName) {
		return all
	}
	return slices.SortedFunc(slices.Values(all), byName)
}

// merge leaves one endpoint for each address in c.merged, sorted by address, and
// returns how many claims there are to the addresses.
//
// Of two claims for the same Pod the newer slice tells the truth: an endpoint
// that moves between slices stands in both for a moment. Of two Pods, which is
// an address used again, the one that is not terminating has it, then the one
// that is ready, then the one in the newer slice.
func (c *compiler) merge(all []*model.Slice) int {
	claims := c.sortedClaims(all)
	c.merged = c.merged[:0]
	for len(claims) > 0 {
		n := samePod(claims)
		m := merged{claim: newest(claims[:n])}
		if n > 1 {
			m.all = groupsOf(claims[:n])
		}
		c.merged = appendHolder(c.merged, m)
		claims = claims[n:]
	}
	return len(c.claims)
}

// sortedClaims puts the claims for one address together, and among them those
// of one Pod. All IPv4 addresses come first.
func (c *compiler) sortedClaims(all []*model.Slice) []claim {
	c.claims = c.claims[:0]
	for _, is4 := range []bool{true, false} {
		c.unsorted, c.sorter.keys = c.unsorted[:0], c.sorter.keys[:0]
		for i, s := range all {
			// The addresses of a slice are of one family.
			if len(s.Endpoints) > 0 && s.Endpoints[0].Address.Is4() == is4 {
				c.addClaims(s, int32(i))
			}
		}
		for _, i := range c.sorter.sort() {
			c.claims = append(c.claims, c.unsorted[i])
		}
	}
	sortPods(c.claims)
	return c.claims
}

func (c *compiler) addClaims(s *model.Slice, at int32) {
	ports := c.groups[at]
	for i := range s.Endpoints {
		c.unsorted = append(c.unsorted, claim{&s.Endpoints[i], s, ports, position{at, int32(i)}})
		c.sorter.keys = append(c.sorter.keys, keyOf(s.Endpoints[i].Address))
	}
}

// sortPods sorts the claims for each address by Pod.
func sortPods(claims []claim) {
	for len(claims) > 0 {
		n := 1
		for n < len(claims) && claims[n].endpoint.Address == claims[0].endpoint.Address {
			n++
		}
		if n > 1 {
			slices.SortStableFunc(claims[:n], func(a, b claim) int { return bytes.Compare(a.endpoint.ID[:], b.endpoint.ID[:]) })
		}
		claims = claims[n:]
	}
}

// samePod counts the claims at the front that are of one Pod and address.
func samePod(claims []claim) int {
	n := 1
	for n < len(claims) && claims[n].endpoint.Address == claims[0].endpoint.Address && claims[n].endpoint.ID == claims[0].endpoint.ID {
		n++
	}
	return n
}

// newest returns what the newest slice says of a Pod and, where that says two
// things, the better one.
func newest(claims []claim) claim {
	best := claims[0]
	for _, c := range claims[1:] {
		if c.slice.Version > best.slice.Version ||
			c.slice.Version == best.slice.Version && c.endpoint.Has(model.Ready) && !best.endpoint.Has(model.Ready) {
			best = c
		}
	}
	return best
}

// groupsOf returns the groups of ports of one Pod's claims, each once.
func groupsOf(claims []claim) []int32 {
	groups := make([]int32, 0, len(claims))
	for _, c := range claims {
		groups = append(groups, c.ports)
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// appendHolder appends m, or lets it take the place of the last one where that
// is another Pod's claim for the same address, and a weaker one.
func appendHolder(result []merged, m merged) []merged {
	last := len(result) - 1
	if last < 0 || result[last].endpoint.Address != m.endpoint.Address {
		return append(result, m)
	}
	if outranks(m.claim, result[last].claim) {
		result[last] = m
	}
	return result
}

// outranks compares claims of two Pods for one address.
func outranks(a, b claim) bool {
	if a.endpoint.Has(model.Terminating) != b.endpoint.Has(model.Terminating) {
		return b.endpoint.Has(model.Terminating)
	}
	if a.endpoint.Has(model.Ready) != b.endpoint.Has(model.Ready) {
		return a.endpoint.Has(model.Ready)
	}
	return a.slice.Version > b.slice.Version
}
