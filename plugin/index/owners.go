package index

import (
	"iter"
	"net/netip"
	"slices"
)

// Owners has the keys of those who own an address. Nearly all addresses are IPv4
// ones, which take a quarter of the memory here.
type Owners struct {
	v4       *Map[[4]byte, *owners]
	v6       *Map[[16]byte, *owners]
	networks *networks
}

// owners are the keys of those who own one address, sorted.
type owners struct{ keys []string }

// NewOwners returns an Owners without addresses.
func NewOwners() Owners {
	return Owners{New[[4]byte, *owners](), New[[16]byte, *owners](), new(networks)}
}

// Of returns the keys of those who own an address, sorted. Nobody may write to
// them.
func (x Owners) Of(addr netip.Addr) []string {
	if of := x.of(addr); of != nil {
		return of.keys
	}
	return nil
}

// In reports whether somebody owns an address in a network, which is one of more than
// one address: of 3 bytes or less, or of 31 hexadecimal digits or less.
func (x Owners) In(network netip.Prefix) bool { return x.networks.meet(network) }

func (x Owners) of(addr netip.Addr) *owners {
	var of *owners
	if addr.Is4() {
		of, _ = x.v4.Get(addr.As4())
	} else {
		of, _ = x.v6.Get(addr.As16())
	}
	return of
}

// Apply makes changes. It has one caller at a time. Addresses with the same single
// owner share one value.
func (x Owners) Apply(changes AddressChanges) {
	single := make(map[string]*owners)
	var v4 []Change[[4]byte, *owners]
	var v6 []Change[[16]byte, *owners]
	more := make(map[netip.Addr]int)
	for addr, of := range changes {
		before := x.of(addr)
		value := before.after(of, single)
		switch {
		case before == nil && value != nil:
			more[networkOf(addr)]++
		case before != nil && value == nil:
			more[networkOf(addr)]--
		}
		if addr.Is4() {
			v4 = append(v4, Change[[4]byte, *owners]{addr.As4(), value})
			continue
		}
		v6 = append(v6, Change[[16]byte, *owners]{addr.As16(), value})
	}
	x.v4.Apply(v4)
	x.v6.Apply(v6)
	x.networks.apply(more)
}

// after returns the owners after the changes, nil where there are none. Those
// with one key come from single. Thousands may share an address.
func (o *owners) after(changes []ownerChange, single map[string]*owners) **owners {
	owns := make(map[string]bool, len(changes))
	for _, change := range changes {
		owns[change.key] = change.begins
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

// AddressChanges collects who begins and who ends to own an address. Of one key
// and address the later one counts. The zero value is empty and ready for use.
type AddressChanges map[netip.Addr][]ownerChange

type ownerChange struct {
	key    string
	begins bool
}

// Begin notes addresses that key owns from now on.
func (a *AddressChanges) Begin(key string, addresses iter.Seq[netip.Addr]) {
	a.note(ownerChange{key, true}, addresses)
}

// End notes addresses that key does not own any more.
func (a *AddressChanges) End(key string, addresses iter.Seq[netip.Addr]) {
	a.note(ownerChange{key, false}, addresses)
}

func (a *AddressChanges) note(change ownerChange, addresses iter.Seq[netip.Addr]) {
	if *a == nil {
		*a = make(AddressChanges)
	}
	for addr := range addresses {
		(*a)[addr] = append((*a)[addr], change)
	}
}
