package records

import (
	"iter"
	"maps"
	"net/netip"
	"slices"
	"time"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// settleChecks says how a Service without checks is compiled, or one with them. Those that
// have a selector have none: the kubelet looks after their endpoints.
func (o *Options) settleChecks(service *model.Service) {
	switch {
	case o.Check == check.Wanted{} || service.HasSelector:
		o.CheckMode, o.Found = check.Off, nil
	case o.CheckMode == check.Off:
		o.Found = nil
	case o.CheckMode == check.On:
		o.Policy = o.Policy.Checked()
	}
}

// judge takes over which checks fail. It looks for nobody where that is known already.
func (m *Memory) judge(c *roster.Current, o *Options, now time.Time) {
	var found *check.Findings
	if o.CheckMode == check.On {
		found = o.Found
	}
	m.observeChecks(o.Policy.Damping, c, found, now)
	if c == m.current {
		if m.judged == found {
			return
		}
		m.judged = found
	}
	if found == nil {
		c.Failing = nil
		return
	}
	c.Fail(maps.Keys(found.Failing))
}

// observeChecks counts endpoints whose checks passed and fail now, where damping looks.
func (m *Memory) observeChecks(d health.Damping, c *roster.Current, found *check.Findings, now time.Time) {
	if d.Mode == health.DampingOff {
		found = nil
	}
	before := m.found
	m.found, m.Flaps = found, 0
	if before == nil || found == nil || before == found {
		return
	}
	for addr := range found.Failing {
		if was, _ := before.Of(addr); was != check.Passing {
			continue
		}
		if at, ok := c.Find(addr); ok && m.health.Fail(d, c.Endpoint(at), now) {
			m.Flaps++
		}
	}
}

// compileChecks notes whom to check, and what checks changed or would change.
func (s *Set) compileChecks(b *roster.Bits, o *Options, c *roster.Current, st *health.Standings) {
	*b = st.Called(*b)
	s.checked = &checked{wanted: unique.Make(o.Check), mode: o.CheckMode, asked: o.Asked, called: roster.Select(*b, c.Len()), failing: st.Failing}
	if o.CheckMode != check.Observe || o.Found == nil {
		return
	}
	for addr := range o.Found.Failing {
		if at, ok := c.Find(addr); ok && b.Has(at) {
			s.checked.observed++
		}
	}
}

// Checkable appends what is to be checked of the Service to dst: each address once, of
// endpoints that their slices call up and that have the port. It is the first one that
// fits, where an endpoint is in several slices.
func (s *Set) Checkable(w *check.Wanted, dst []netip.AddrPort) []netip.AddrPort {
	for at, number := range s.targets(w) {
		dst = append(dst, netip.AddrPortFrom(s.roster.Address(at), number))
	}
	return dst
}

// targets yields whom to check, with the number of the port.
func (s *Set) targets(w *check.Wanted) iter.Seq2[roster.At, uint16] {
	return func(yield func(roster.At, uint16) bool) {
		if s.checked == nil {
			return
		}
		groups := s.roster.Groups()
		var seen roster.Bits
		if len(groups) > 1 {
			seen = roster.NewBits(s.roster.Len())
		}
		for i := range groups {
			number, ok := w.PortIn(groups[i].Ports)
			if !ok {
				continue
			}
			for at := range groups[i].All(s.roster) {
				if seen.Has(at) || !s.isCalledUp(&groups[i], at) {
					continue
				}
				if seen != nil {
					seen.Add(at)
				}
				if !yield(at, number) {
					return
				}
			}
		}
	}
}

// isCalledUp reports whether slices call an endpoint up or draining for the ports of a group.
func (s *Set) isCalledUp(g *roster.Group, at roster.At) bool {
	is, differs := g.Others[at]
	if s.Service.PublishNotReady {
		is |= model.Ready
	}
	return s.checked.called.Has(at) && (!differs || s.publish.Calls(is))
}

// EqualChecks reports whether the same is to be checked of two Sets, in the same way.
func (s *Set) EqualChecks(o *Set) bool {
	a, b := s.checked, o.checked
	switch {
	case a == nil || b == nil:
		return a == b
	case a.wanted != b.wanted || a.mode != b.mode || (a.asked == nil) != (b.asked == nil):
		return false
	case s.roster == o.roster:
		return a.called.Equal(b.called)
	}
	wanted := a.wanted.Value()
	return slices.Equal(s.Checkable(&wanted, nil), o.Checkable(&wanted, nil))
}

// byCheck reports whether all sick endpoints of a family are so because their check fails.
func (s *Set) byCheck(family int) bool {
	return s.checked != nil && s.checked.failing[family] > 0 && s.checked.failing[family] == int(s.counts[family][health.Sick])
}
