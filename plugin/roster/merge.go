package roster

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// claim is an endpoint of one slice, which claims its address.
type claim struct {
	endpoint *model.Endpoint
	slice    *model.Slice
	// group is of those who have the slice's ports.
	group int32
	position
}

// position is where an endpoint stands: in which slice, and where in it.
type position struct{ in, index int32 }

// holder is the endpoint that holds an address. Its ports are those of all slices
// that carry it there, and its conditions the best that it has for any of them.
type holder struct {
	claim
	conditions model.Conditions
	// several are its groups of ports, each with its own conditions, where it stands
	// in several slices, which is rare.
	several []stand
}

// stand is what an endpoint is for one group of ports.
type stand struct {
	group      int32
	conditions model.Conditions
}

// groups yields the groups of ports that the endpoint is in.
func (h *holder) groups(yield func(int32) bool) {
	if h.several == nil {
		yield(h.group)
		return
	}
	for _, s := range h.several {
		if !yield(s.group) {
			return
		}
	}
}

// merger finds who holds which address, in memory that it keeps.
type merger struct {
	sorter   sorter
	unsorted []claim
	claims   []claim
	holders  []holder
}

// merge returns the holder of each address, in the order of the ring, and how many claims
// there are. The holders are good until the next call. Groups has the group of
// ports of each slice.
//
// Of two claims for the same Pod and the same ports the newer slice tells the truth:
// an endpoint that moves between slices stands in both for a moment. For other ports
// the Pod may be in other conditions: then it is up if it is up for any. Of two Pods, which is
// an address used again, the one that is not terminating has it, then the one
// that is ready, then the one in the newer slice.
func (m *merger) merge(all []*model.Slice, groups []int32) (holders []holder, claims int) {
	left := m.sortedClaims(all, groups)
	m.holders = m.holders[:0]
	for len(left) > 0 {
		n := samePod(left)
		h := holder{claim: newest(left[:n])}
		h.conditions = h.endpoint.Conditions
		if n > 1 {
			h.stand(left[:n])
		}
		m.holders = appendHolder(m.holders, h)
		left = left[n:]
	}
	return m.holders, len(m.claims)
}

// sortedClaims puts the claims for one address together, and among them those
// of one Pod. All IPv4 addresses come first.
func (m *merger) sortedClaims(all []*model.Slice, groups []int32) []claim {
	m.claims = m.claims[:0]
	for family := range Families {
		m.unsorted, m.sorter.keys = m.unsorted[:0], m.sorter.keys[:0]
		for i, s := range all {
			// The addresses of a slice are of one family.
			if len(s.Endpoints) > 0 && familyOf(s.Endpoints[0].Address) == family {
				m.add(s, int32(i), groups[i])
			}
		}
		for _, i := range m.sorter.sort() {
			m.claims = append(m.claims, m.unsorted[i])
		}
	}
	sortPods(m.claims)
	return m.claims
}

func (m *merger) add(s *model.Slice, in, group int32) {
	for i := range s.Endpoints {
		m.unsorted = append(m.unsorted, claim{&s.Endpoints[i], s, group, position{in, int32(i)}})
		m.sorter.keys = append(m.sorter.keys, ringKeyOf(s.Endpoints[i].Address))
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

// stand takes over the groups of ports of one Pod's claims, each with the conditions
// of the newest. The endpoint is ready, or serves, if it does for any of them.
func (h *holder) stand(claims []claim) {
	slices.SortStableFunc(claims, func(a, b claim) int { return cmp.Compare(a.group, b.group) })
	anyOf, allOf := model.Conditions(0), model.AllConditions
	for len(claims) > 0 {
		n := 1
		for n < len(claims) && claims[n].group == claims[0].group {
			n++
		}
		s := stand{claims[0].group, newest(claims[:n]).endpoint.Conditions}
		anyOf, allOf = anyOf|s.conditions, allOf&s.conditions
		h.several = append(h.several, s)
		claims = claims[n:]
	}
	h.conditions = anyOf&(model.Ready|model.Serving) | allOf&model.Terminating
}

// appendHolder appends h, or lets it take the place of the last one where that
// is another Pod's claim for the same address, and a weaker one.
func appendHolder(holders []holder, h holder) []holder {
	last := len(holders) - 1
	if last < 0 || holders[last].endpoint.Address != h.endpoint.Address {
		return append(holders, h)
	}
	if h.outranks(&holders[last]) {
		holders[last] = h
	}
	return holders
}

// outranks compares the claims of two Pods to one address.
func (h *holder) outranks(o *holder) bool {
	if h.conditions.Has(model.Terminating) != o.conditions.Has(model.Terminating) {
		return o.conditions.Has(model.Terminating)
	}
	if h.conditions.Has(model.Ready) != o.conditions.Has(model.Ready) {
		return h.conditions.Has(model.Ready)
	}
	if h.slice.Version != o.slice.Version {
		return h.slice.Version > o.slice.Version
	}
	return cmp.Or(cmp.Compare(h.in, o.in), cmp.Compare(h.index, o.index)) < 0
}
