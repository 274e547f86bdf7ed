package health

import (
	"encoding/binary"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// A Mark is how one endpoint stands, in a byte that can be kept: its tier, what its slice
// says of it, and whether its Service or its check takes it out.
type Mark uint8

const (
	markTier  Mark = 1<<3 - 1
	markReady Mark = 1 << (iota + 2)
	markServing
	markTerminating
	markTakenOut
	markFailing
)

// Tier returns the tier.
func (m Mark) Tier() Tier { return Tier(m & markTier) }

// Known reports whether there is such a tier.
func (m Mark) Known() bool { return m&markTier < Mark(Tiers) }

// Conditions returns what the slice says, and of ready what publishNotReadyAddresses does.
func (m Mark) Conditions() (is model.Conditions) {
	for _, each := range []struct {
		mark Mark
		is   model.Conditions
	}{{markReady, model.Ready}, {markServing, model.Serving}, {markTerminating, model.Terminating}} {
		if m&each.mark != 0 {
			is |= each.is
		}
	}
	return is
}

// TakenOut reports whether the Service takes the endpoint out by its name.
func (m Mark) TakenOut() bool { return m&markTakenOut != 0 }

// Failing reports whether the endpoint is not what its slice says, because its check fails.
func (m Mark) Failing() bool { return m&markFailing != 0 }

// Up reports whether an endpoint is good or damped.
func (m Mark) Up() bool { return m.Tier() <= Damped }

// Terminating reports whether the slice says that the Pod terminates.
func (m Mark) Terminating() bool { return m&markTerminating != 0 }

// spread has, for each byte, its bits in a byte each.
var spread = func() (all [256]uint64) {
	for i := range all {
		for bit := range 8 {
			all[i] |= uint64(i>>bit&1) << (8 * bit)
		}
	}
	return all
}()

// AppendMarks appends a Mark for each endpoint to dst, in the order of the Roster.
func (s *Standings) AppendMarks(dst []byte) []byte {
	from, words := len(dst), len(s.of.Ready)
	dst = slices.Grow(dst, 64*words)[:from+64*words]
	for w := range words {
		planes := s.planes(w)
		for i := range 8 {
			var eight uint64
			for bit, plane := range planes {
				eight |= spread[plane>>(8*i)&0xff] << bit
			}
			binary.LittleEndian.PutUint64(dst[from+64*w+8*i:], eight)
		}
	}
	return dst[:from+s.of.n]
}

// planes returns the bits of the Marks of 64 endpoints, the lowest first.
func (s *Standings) planes(w int) [8]uint64 {
	k := s.of.sixtyFour(s.policy, w)
	ready := s.of.Ready[w]
	if s.of.notReadyToo {
		ready = k.all
	}
	return [8]uint64{
		s.Tiers[Damped][w] | s.Tiers[Sick][w] | s.Tiers[Dying][w],
		s.Tiers[Draining][w] | s.Tiers[Sick][w],
		s.Tiers[Starting][w] | s.Tiers[Dying][w],
		ready, s.of.Serving[w], k.terminating, k.takenOut & k.all, k.failing,
	}
}

// A Rule says which endpoints of one address family the Service name has, by how they stand.
// The zero value is none.
type Rule uint16

const (
	// The lowest bits are tiers.
	ruleFailOpen Rule = 1 << (Tiers + iota)
	ruleOnlyReady
	ruleOnlyFailing
	ruleExists
	ruleEnd
)

// Known reports whether there is such a Rule.
func (r Rule) Known() bool { return r < ruleEnd }

// FailsOpen reports whether sick endpoints are published because too few are not.
func (r Rule) FailsOpen() bool { return r&ruleFailOpen != 0 }

// Existing returns the Rule of a name that exists though it has nobody, since there are names
// below it.
func (r Rule) Existing() Rule { return r | ruleExists }

// Exists reports whether it is that of such a name.
func (r Rule) Exists() bool { return r&ruleExists != 0 }

// LastRung reports whether those are published who do not serve, because nobody does.
func (r Rule) LastRung() bool { return r&ruleOnlyReady != 0 }

// Tiers returns the tiers that may be published, the best first.
func (r Rule) Tiers() (all []Tier) {
	for t := range Tier(Tiers) {
		if r&(1<<t) != 0 {
			all = append(all, t)
		}
	}
	return all
}

// Has reports whether the name has an endpoint.
func (r Rule) Has(m Mark) bool {
	t := m.Tier()
	switch {
	case r&(1<<t) == 0:
		return false
	case t == Sick && r&ruleOnlyFailing != 0:
		return m.Failing()
	case (t == Sick || t == Starting) && r&ruleOnlyReady != 0:
		return m&markReady != 0 && !m.Failing()
	}
	return true
}

// Rule returns which endpoints of a family the Service name has.
func (s *Standings) Rule(family int) (r Rule) {
	c := &s.choices[family]
	for t, has := range c.inName {
		if has {
			r |= 1 << t
		}
	}
	if s.FailOpen[family] {
		r |= ruleFailOpen
	}
	if c.onlyReady {
		r |= ruleOnlyReady
	}
	if c.onlyFailing {
		r |= ruleOnlyFailing
	}
	return r
}

// Rules returns them by family.
func (s *Standings) Rules() [roster.Families]Rule {
	return [roster.Families]Rule{s.Rule(roster.IPv4), s.Rule(roster.IPv6)}
}
