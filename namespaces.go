package endpoints

import (
	"cmp"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/index"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
)

// namespace is what is known of the Services of a namespace together.
type namespace struct {
	// services counts those that are served, and dated those of them that declare an
	// SOA record.
	services, dated int
	// serial is of when an answer of the dated ones changed last.
	serial uint32
}

// serialIn returns the serial of a namespace, 0 where no Service in it declares an SOA
// record.
func (c *cache) serialIn(name string) uint32 {
	n, _ := c.namespaces.Get(name)
	if n.dated == 0 {
		return 0
	}
	return n.serial
}

// date gives sets to be published that declare an SOA record their serial: the next one
// where their records change.
func (c *cache) date(changes []index.Change[string, *records.Set], next uint32) {
	for _, change := range changes {
		before, after := c.set(change.Key), setOf(change)
		if !isDated(after) {
			continue
		}
		after.Serial = next
		if isDated(before) && before.EqualRecords(after) {
			after.Serial = before.Serial
		}
	}
}

// countNamespaces keeps count of the Services in namespaces. It looks at the sets as
// they are before the changes, and at those after them when they have been dated.
func (c *cache) countNamespaces(changes []index.Change[string, *records.Set], next uint32) {
	changed := make(map[string]*namespace)
	for _, change := range changes {
		before, after := c.set(change.Key), setOf(change)
		name := cmp.Or(after, before).Service.Namespace
		n := changed[name]
		if n == nil {
			known, _ := c.namespaces.Get(name)
			n = &known
			changed[name] = n
		}
		n.services += toInt(after != nil) - toInt(before != nil)
		n.dated += toInt(isDated(after)) - toInt(isDated(before))
		if isDated(before) != isDated(after) || isDated(after) && after.Serial == next {
			n.serial = next
		}
	}
	entries := make([]index.Change[string, namespace], 0, len(changed))
	for name, n := range changed {
		e := index.Change[string, namespace]{Key: name}
		if n.services > 0 {
			e.Value = n
		}
		entries = append(entries, e)
	}
	c.namespaces.Apply(entries)
}

// setOf returns the set after a change, or nil.
func setOf(change index.Change[string, *records.Set]) *records.Set {
	if change.Value == nil {
		return nil
	}
	return *change.Value
}

func isDated(set *records.Set) bool { return set != nil && set.Declared().SOA }
