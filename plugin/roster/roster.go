// Package roster says who is in a Service, and what they are called: all its
// endpoints, published or not, and the names that each of them has.
//
// Reading order: bits.go and selection.go have sets of endpoints. roster.go is
// what record sets share, with the names of labels.go. current.go adds what the
// slices say now, and places.go where that is, which parts.go parts by place. build.go
// makes all of it of slices, by way of groups.go (who has which ports), merge.go (who
// holds which address), ring.go (their order) and sort.go.
package roster

import (
	"iter"
	"net/netip"
	"sort"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

// The address families, as indexes.
const (
	IPv4 = iota
	IPv6
	Families
)

// At is the place of an endpoint in a Roster, from 0 to Len()-1. Each address of an
// endpoint has a place of its own.
type At int32

// Target is what SRV and PTR records call an endpoint: the index of a label, or
// ^At of the endpoint whose dashed address is its name. Endpoints with one label
// are one Target.
type Target int32

// dashed returns the target of an endpoint that has no other name than its address.
func dashed(at At) Target { return Target(^at) }

// endpoint returns the endpoint whose dashed address the target is.
func (t Target) endpoint() (At, bool) { return At(^t), t < 0 }

// A Roster is all endpoints of a Service with their names, in the order of the ring
// of their addresses, IPv4 first. It does not depend on conditions, and is immutable: Sets share it.
type Roster struct {
	// v4 and v6 are the addresses, back to back.
	v4, v6 []byte
	labels labels
	// targets holds the target of each endpoint.
	targets []Target
	// longest is the length of the longest label of a target, in bytes. Of the labels,
	// hostnames is how many, the first ones, are hostnames, and aliases is the first that is
	// nobody's specified name.
	longest, hostnames, aliases int32
	// groups has each list of ports, and who offers it.
	groups []Group
}

// A Group is who offers the same ports.
type Group struct {
	Ports []model.Port
	// Members are sorted. Nil is everybody, as it nearly always is.
	Members []At
	// Others has the conditions of members that have other ones for these ports than
	// for any. A Roster with such members is not kept.
	Others map[At]model.Conditions
}

// All yields the members of a group of r.
func (g *Group) All(r *Roster) iter.Seq[At] {
	return func(yield func(At) bool) {
		n := r.Len()
		if g.Members != nil {
			n = len(g.Members)
		}
		for i := range n {
			at := At(i)
			if g.Members != nil {
				at = g.Members[i]
			}
			if !yield(at) {
				return
			}
		}
	}
}

// Len returns the number of places.
func (r *Roster) Len() int { return len(r.targets) }

// Split returns the number of IPv4 addresses, which is the first place of an
// IPv6 one.
func (r *Roster) Split() int { return len(r.v4) / 4 }

// Groups returns who offers which ports.
func (r *Roster) Groups() []Group { return r.groups }

// Is4 reports whether an endpoint has an IPv4 address.
func (r *Roster) Is4(at At) bool { return int(at) < len(r.v4)/4 }

// Family returns the address family of an endpoint.
func (r *Roster) Family(at At) int {
	if r.Is4(at) {
		return IPv4
	}
	return IPv6
}

// Bytes returns the address of an endpoint, 4 bytes or 16, which nobody may write
// to.
func (r *Roster) Bytes(at At) []byte {
	if r.Is4(at) {
		from := int(at) * 4
		return r.v4[from : from+4 : from+4]
	}
	from := (int(at) - len(r.v4)/4) * 16
	return r.v6[from : from+16 : from+16]
}

// Packed returns the addresses of a family back to back, in the order of Compare,
// which nobody may write to.
func (r *Roster) Packed(family int) []byte {
	if family == IPv4 {
		return r.v4
	}
	return r.v6
}

// Address returns the address of an endpoint.
func (r *Roster) Address(at At) netip.Addr {
	addr, _ := netip.AddrFromSlice(r.Bytes(at))
	return addr
}

// Find returns the endpoint with an address.
func (r *Roster) Find(addr netip.Addr) (At, bool) {
	key := ringKeyOf(addr)
	if addr.Is4() {
		i, found := find4(r.v4, uint32(key.low))
		return At(i), found
	}
	i, found := sort.Find(r.Len()-r.Split(), func(i int) int { return key.compare(ringKey6(r.v6[16*i:])) })
	return At(r.Split() + i), found
}

// guesses is how often find4 looks where a key should be before it bisects.
const guesses = 6

// find4 returns where a key of the ring stands among IPv4 addresses in its order, or would
// stand. Keys are spread evenly: from each it is known how far away another one should be. Of
// addresses that are chosen to break that, half are left each time after a few.
func find4(v4 []byte, key uint32) (at int, found bool) {
	n := len(v4) / 4
	from, to := 0, n
	at = int(uint64(key) * uint64(n) >> 32)
	for looked := 0; from < to; looked++ {
		is := uint32(ringKey4(v4[4*at:]).low)
		switch {
		case is == key:
			return at, true
		case is < key:
			from = at + 1
		default:
			to = at
		}
		if looked >= guesses {
			at = int(uint(from+to) / 2)
			continue
		}
		at += int((int64(key) - int64(is)) * int64(n) >> 32)
		at = max(from, min(at, to-1))
	}
	return from, false
}

// Target returns what SRV and PTR records call an endpoint.
func (r *Roster) Target(at At) Target { return r.targets[at] }

// Rank returns how well a target names an endpoint, the best first: by its hostname,
// by its Pod, or by its address.
func (r *Roster) Rank(t Target) int {
	switch {
	case t < 0:
		return 2
	case int32(t) < r.hostnames:
		return 0
	}
	return 1
}

// AppendLabel appends the label of a target.
func (r *Roster) AppendLabel(dst []byte, t Target) []byte {
	if at, ok := t.endpoint(); ok {
		return name.AppendDashed(dst, r.Address(at))
	}
	return append(dst, r.labels.all[t].text...)
}

// Label returns the label of a target.
func (r *Roster) Label(t Target) string {
	if t < 0 {
		return string(r.AppendLabel(nil, t))
	}
	return r.labels.all[t].text
}

// LabelLen returns the length of the label of a target, in bytes.
func (r *Roster) LabelLen(t Target) int {
	if t < 0 {
		var text [MaxLabel]byte
		return len(r.AppendLabel(text[:0], t))
	}
	return len(r.labels.all[t].text)
}

// LongestLabel returns the length of the longest label that a target has, in bytes.
func (r *Roster) LongestLabel() int { return int(r.longest) }

// MaxLabel is the length of the longest label, in bytes (RFC 1035, section
// 2.3.4).
const MaxLabel = 63

// Resolve returns what a label means, in lower case: one of the names of an
// endpoint, or its dashed address.
func (r *Roster) Resolve(text string) (Target, bool) {
	if at, ok := r.labels.find(text); ok {
		return Target(at), true
	}
	if addr, ok := name.ParseDashed(text); ok {
		if at, ok := r.Find(addr); ok {
			return dashed(at), true
		}
	}
	return 0, false
}

// Meaning returns the endpoints that a target means: one, or several, sorted, where
// those are not nil.
func (r *Roster) Meaning(t Target) (one At, several []At) {
	if at, ok := t.endpoint(); ok {
		return at, nil
	}
	of := r.labels.all[t].at
	if of < 0 {
		return 0, r.labels.several[^of]
	}
	return At(of), nil
}

// Shared yields each label that means several endpoints, with these.
func (r *Roster) Shared(yield func(Target, []At) bool) {
	if len(r.labels.several) == 0 {
		return
	}
	for i := range r.labels.all {
		if at := r.labels.all[i].at; at < 0 && !yield(Target(i), r.labels.several[^at]) {
			return
		}
	}
}

// Ordinal returns a number for a target, of its own, that is less than Ordinals.
func (r *Roster) Ordinal(t Target) int32 {
	if at, ok := t.endpoint(); ok {
		return int32(len(r.labels.all)) + int32(at)
	}
	return int32(t)
}

// Ordinals returns how many targets there could be.
func (r *Roster) Ordinals() int { return len(r.labels.all) + r.Len() }

// Names yields each label besides dashed addresses, with one of the endpoints that
// it means, in the order of the endpoints.
func (r *Roster) Names(yield func(text string, at At) bool) {
	for i := range r.labels.all {
		one, several := r.Meaning(Target(i))
		if several == nil {
			if !yield(r.labels.all[i].text, one) {
				return
			}
			continue
		}
		for _, at := range several {
			if !yield(r.labels.all[i].text, at) {
				return
			}
		}
	}
}

func familyOf(addr netip.Addr) int {
	if addr.Is4() {
		return IPv4
	}
	return IPv6
}
