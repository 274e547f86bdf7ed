package records

import (
	"bytes"
	"iter"
	"net/netip"
	"reflect"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// Equal reports whether two Sets give the same answers, but for EqualReasons.
func (s *Set) Equal(o *Set) bool {
	return reflect.DeepEqual(s.Service, o.Service) &&
		s.noteFamily(roster.IPv4) == o.noteFamily(roster.IPv4) && s.noteFamily(roster.IPv6) == o.noteFamily(roster.IPv6) &&
		slices.Equal(s.explained(), o.explained()) && s.EqualRecords(o)
}

// EqualRecords reports whether two Sets of a Service that has no alias give the same
// records.
func (s *Set) EqualRecords(o *Set) bool {
	return s.Service.Kind == o.Service.Kind && reflect.DeepEqual(s.declared, o.declared) && reflect.DeepEqual(s.plan, o.plan) && reflect.DeepEqual(s.outside, o.outside) &&
		s.equalNames(o) && s.near.equal(o.near, s.sameEndpoint(o)) &&
		s.zoned.equal(o.zoned, func(a, b roster.Selection) bool { return s.equalEndpoints(o, a, b) }) &&
		s.equalEndpoints(o, s.name[roster.IPv4], o.name[roster.IPv4]) && s.equalEndpoints(o, s.name[roster.IPv6], o.name[roster.IPv6]) &&
		s.equalPorts(o, s.ports, o.ports) && s.equalPorts(o, s.numbers, o.numbers)
}

func (s *Set) equalPorts(o *Set, ours, theirs []portSet) bool {
	return slices.EqualFunc(ours, theirs, func(a, b portSet) bool {
		return a.port == b.port && a.tier == b.tier && s.equalEndpoints(o, a.who, b.who)
	})
}

// EqualReasons reports whether two Sets say the same of endpoints that have no names, of
// slices that are left out, of what is to be checked, and of how endpoints stand.
func (s *Set) EqualReasons(o *Set) bool {
	return s.equalMissing(o) && s.EqualChecks(o) && s.equalStood(o)
}

func (s *Set) equalMissing(o *Set) bool {
	if s.missing == nil || o.missing == nil {
		return s.missing == o.missing
	}
	for t := range s.missing.nameless {
		if !s.equalEndpoints(o, s.missing.nameless[t], o.missing.nameless[t]) {
			return false
		}
	}
	return s.missing.podNames == o.missing.podNames && s.missing.leftOut == o.missing.leftOut && s.missing.waits == o.missing.waits
}

// equalEndpoints compares endpoints by address and target. Of one Roster, as most
// changes leave it, only places are compared.
func (s *Set) equalEndpoints(o *Set, a, b roster.Selection) bool {
	if s.roster == o.roster {
		return a.Equal(b)
	}
	if a.Len() != b.Len() {
		return false
	}
	for i := range int32(a.Len()) {
		x, y := a.At(i), b.At(i)
		if s.roster.Address(x) != o.roster.Address(y) || s.roster.Label(s.roster.Target(x)) != o.roster.Label(o.roster.Target(y)) {
			return false
		}
	}
	return true
}

// sameEndpoint compares the endpoints of two Sets by address.
func (s *Set) sameEndpoint(o *Set) func(a, b roster.At) bool {
	if s.roster == o.roster {
		return func(a, b roster.At) bool { return a == b }
	}
	return func(a, b roster.At) bool { return s.roster.Address(a) == o.roster.Address(b) }
}

// equalNames compares the endpoints that have names, and what they are called.
func (s *Set) equalNames(o *Set) bool {
	if !s.equalEndpoints(o, s.named, o.named) {
		return false
	}
	return s.roster == o.roster || slices.Equal(s.names(), o.names())
}

// named is a name and an address that it has.
type named struct {
	text string
	addr netip.Addr
}

func (s *Set) names() (all []named) {
	for text, at := range s.roster.Names {
		if s.named.Has(at) {
			all = append(all, named{text, s.roster.Address(at)})
		}
	}
	return all
}

// Without yields each address that an endpoint has here, published or not, and none
// in o, which may be nil.
func (s *Set) Without(o *Set) iter.Seq[netip.Addr] {
	theirs := &nobody
	if o != nil {
		theirs = o.roster
	}
	return func(yield func(netip.Addr) bool) {
		if s.roster == theirs {
			return
		}
		for addr := range without(s.roster.Packed(roster.IPv4), theirs.Packed(roster.IPv4), 4) {
			if !yield(netip.AddrFrom4([4]byte(addr))) {
				return
			}
		}
		for addr := range without(s.roster.Packed(roster.IPv6), theirs.Packed(roster.IPv6), 16) {
			if !yield(netip.AddrFrom16([16]byte(addr))) {
				return
			}
		}
	}
}

// without yields the addresses that are in a and not in b, both of which have the
// order of a Roster. Most changes are of few addresses: what is alike at both ends
// is skipped without looking at each.
func without(a, b []byte, width int) iter.Seq[[]byte] {
	front := alike(min(len(a), len(b)), width, func(from, to int) bool { return bytes.Equal(a[from:to], b[from:to]) })
	a, b = a[front:], b[front:]
	back := alike(min(len(a), len(b)), width, func(from, to int) bool {
		return bytes.Equal(a[len(a)-to:len(a)-from], b[len(b)-to:len(b)-from])
	})
	a, b = a[:len(a)-back], b[:len(b)-back]
	return func(yield func([]byte) bool) {
		for len(a) > 0 {
			order := -1
			if len(b) > 0 {
				order = roster.Compare(a[:width], b[:width])
			}
			switch {
			case order > 0:
				b = b[width:]
				continue
			case order == 0:
				b = b[width:]
			case !yield(a[:width]):
				return
			}
			a = a[width:]
		}
	}
}

// alike returns how many of n bytes are equal, in whole items, where equal
// compares a part of them.
func alike(n, width int, equal func(from, to int) bool) int {
	at := 0
	for step := width << 10; step >= width; step >>= 2 {
		for at+step <= n && equal(at, at+step) {
			at += step
		}
	}
	return at
}
