package records

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// claim is what one slice says of one address.
type claim struct {
	endpoint *model.Endpoint
	slice    *model.Slice
}

// merged is an address, the endpoint that holds it and the slices that carry
// this endpoint there: the union of their ports is the endpoint's.
type merged struct {
	claim
	slices []*model.Slice
}

// merge returns one endpoint for each address, sorted by address. The result
// does not depend on the order of the slices.
//
// Of two claims for the same Pod the newer slice tells the truth: an endpoint
// that moves between slices stands in both for a moment. Of two Pods, which is
// an address used again, the one that is not terminating has it, then the one
// that is ready, then the one in the newer slice.
func merge(all []*model.Slice) []merged {
	claims := sortedClaims(all)
	result := make([]merged, 0, len(claims))
	// Nearly every endpoint stands in one slice: those share one array.
	single := make([]*model.Slice, 0, len(claims))
	for len(claims) > 0 {
		n := samePod(claims)
		m := merged{claim: newest(claims[:n])}
		if n == 1 {
			single = append(single, m.slice)
			m.slices = single[len(single)-1 : len(single) : len(single)]
		} else {
			m.slices = slicesOf(claims[:n])
		}
		result = appendHolder(result, m)
		claims = claims[n:]
	}
	return result
}

// sortedClaims puts the claims for one address together, and among them those
// of one Pod.
func sortedClaims(all []*model.Slice) []claim {
	all = slices.SortedFunc(slices.Values(all), func(a, b *model.Slice) int { return strings.Compare(a.Name, b.Name) })
	n := 0
	for _, s := range all {
		n += len(s.Endpoints)
	}
	claims := make([]claim, 0, n)
	for _, s := range all {
		for i := range s.Endpoints {
			claims = append(claims, claim{&s.Endpoints[i], s})
		}
	}
	slices.SortStableFunc(claims, func(a, b claim) int {
		return cmp.Or(a.endpoint.Address.Compare(b.endpoint.Address), bytes.Compare(a.endpoint.ID[:], b.endpoint.ID[:]))
	})
	return claims
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

// slicesOf returns the slices of one Pod's claims, each once.
func slicesOf(claims []claim) []*model.Slice {
	with := make([]*model.Slice, 0, len(claims))
	for _, c := range claims {
		with = append(with, c.slice)
	}
	return slices.Compact(with)
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
