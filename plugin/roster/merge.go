package roster

import (
	"bytes"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// claim is an endpoint of one slice, which claims its address.
type claim struct {
	endpoint *model.Endpoint
	slice    *model.Slice
	// ports is the group of those who have the slice's ports.
	ports [1]int32
	position
}

// position is where an endpoint stands: in which slice, and where in it.
type position struct{ in, index int32 }

// holder is the endpoint that holds an address. Its ports are those of all slices
// that carry it there.
type holder struct {
	claim
	// several are its groups of ports where it stands in several slices, which is
	// rare.
	several []int32
}

// groups returns the groups of ports that the endpoint is in.
func (h *holder) groups() []int32 {
	if h.several != nil {
		return h.several
	}
	return h.ports[:]
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
// Of two claims for the same Pod the newer slice tells the truth: an endpoint
// that moves between slices stands in both for a moment. Of two Pods, which is
// an address used again, the one that is not terminating has it, then the one
// that is ready, then the one in the newer slice.
func (m *merger) merge(all []*model.Slice, groups []int32) (holders []holder, claims int) {
	left := m.sortedClaims(all, groups)
	m.holders = m.holders[:0]
	for len(left) > 0 {
		n := samePod(left)
		h := holder{claim: newest(left[:n])}
		if n > 1 {
			h.several = groupsOf(left[:n])
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
		m.unsorted = append(m.unsorted, claim{&s.Endpoints[i], s, [1]int32{group}, position{in, int32(i)}})
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

// groupsOf returns the groups of ports of one Pod's claims, each once.
func groupsOf(claims []claim) []int32 {
	groups := make([]int32, 0, len(claims))
	for _, c := range claims {
		groups = append(groups, c.ports[0])
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// appendHolder appends h, or lets it take the place of the last one where that
// is another Pod's claim for the same address, and a weaker one.
func appendHolder(holders []holder, h holder) []holder {
	last := len(holders) - 1
	if last < 0 || holders[last].endpoint.Address != h.endpoint.Address {
		return append(holders, h)
	}
	if outranks(h.claim, holders[last].claim) {
		holders[last] = h
	}
	return holders
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
