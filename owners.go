package endpoints

import (
	"net/netip"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
)

// owners are the keys of the Services that have an endpoint with one address, sorted.
type owners struct{ keys []string }

// ownersIndex holds the owners of each address. Nearly all addresses are IPv4
// ones, whose keys take a quarter of the memory.
type ownersIndex struct {
	v4 *index[[4]byte, *owners]
	v6 *index[[16]byte, *owners]
}

func newOwnersIndex() ownersIndex {
	return ownersIndex{newAddresses4[*owners](), newAddresses6[*owners]()}
}

// get returns the owners of an address, nil where it has none.
func (x ownersIndex) get(addr netip.Addr) *owners {
	var of *owners
	if addr.Is4() {
		of, _ = x.v4.get(addr.As4())
	} else {
		of, _ = x.v6.get(addr.As16())
	}
	return of
}

// apply makes changes. Addresses with the same single owner share one value.
func (x ownersIndex) apply(changes addressChanges) {
	single := make(map[string]*owners)
	var v4 []entry[[4]byte, *owners]
	var v6 []entry[[16]byte, *owners]
	for addr, of := range changes {
		value := x.get(addr).after(of, single)
		if addr.Is4() {
			v4 = append(v4, entry[[4]byte, *owners]{addr.As4(), value})
			continue
		}
		v6 = append(v6, entry[[16]byte, *owners]{addr.As16(), value})
	}
	x.v4.apply(v4)
	x.v6.apply(v6)
}

// after returns the owners after the changes, nil where there are none. Those
// with one key come from single. Thousands of Services may share an address.
func (o *owners) after(changes []ownerChange, single map[string]*owners) **owners {
	owns := make(map[string]bool, len(changes))
	for _, change := range changes {
		owns[change.key] = change.begin
	}
	var keys []string
	if o != nil {
		for _, key := range o.keys {
			if _, changes := owns[key]; !changes {
				keys = append(keys, key)
			}
		}
	}
	for key, begins := range owns {
		if begins {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	if len(keys) > 1 {
		slices.Sort(keys)
		of := &owners{keys}
		return &of
	}
	of := single[keys[0]]
	if of == nil {
		of = &owners{keys}
		single[keys[0]] = of
	}
	return &of
}

// addressChanges collects which Services begin and end to have an address.
type addressChanges map[netip.Addr][]ownerChange

type ownerChange struct {
	key   string
	begin bool
}

func (a *addressChanges) add(key string, before, after *records.Set) {
	if *a == nil {
		*a = make(addressChanges)
	}
	a.mark(key, before, after, false)
	a.mark(key, after, before, true)
}

// mark notes the addresses that are in one Set and not in the other.
func (a addressChanges) mark(key string, in, notIn *records.Set, begin bool) {
	if in == nil {
		return
	}
	for addr := range in.Without(notIn) {
		a[addr] = append(a[addr], ownerChange{key, begin})
	}
}
