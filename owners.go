package endpoints

import (
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
)

// owners are the keys of the Services that publish one address, sorted.
type owners struct{ keys []string }

// addressChanges collects which Services begin and end to publish an address.
type addressChanges map[[16]byte][]ownerChange

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
		at := addr.As16()
		a[at] = append(a[at], ownerChange{key, begin})
	}
}

// resolve turns the changes into the new owners of each address. Addresses with
// the same single owner share one value.
func (a addressChanges) resolve(index *index[[16]byte, *owners]) []entry[[16]byte, *owners] {
	single := make(map[string]*owners)
	entries := make([]entry[[16]byte, *owners], 0, len(a))
	for addr, changes := range a {
		var keys []string
		if of, ok := index.get(addr); ok {
			keys = slices.Clone(of.keys)
		}
		for _, change := range changes {
			keys = slices.DeleteFunc(keys, func(key string) bool { return key == change.key })
			if change.begin {
				keys = append(keys, change.key)
			}
		}
		slices.Sort(keys)
		e := entry[[16]byte, *owners]{key: addr}
		switch len(keys) {
		case 0:
		case 1:
			if single[keys[0]] == nil {
				single[keys[0]] = &owners{keys}
			}
			of := single[keys[0]]
			e.value = &of
		default:
			of := &owners{keys}
			e.value = &of
		}
		entries = append(entries, e)
	}
	return entries
}
