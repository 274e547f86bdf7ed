package engine

import (
	"net/netip"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// table has all tasks, and each Spec once.
type table struct {
	// tasks has the first task of each address and port; the others are its siblings.
	tasks map[netip.AddrPort]*task
	specs map[check.Spec]*spec
	count int
}

func newTable() table {
	return table{tasks: make(map[netip.AddrPort]*task), specs: make(map[check.Spec]*spec)}
}

// hold returns the Spec for one more that has it.
func (b *table) hold(s check.Spec) *spec {
	held := b.specs[s]
	if held == nil {
		held = &spec{Spec: s, digest: s.Digest()}
		b.specs[s] = held
	}
	held.holders++
	return held
}

// release is the opposite of hold.
func (b *table) release(s *spec) {
	if s.holders--; s.holders == 0 {
		delete(b.specs, s.Spec)
	}
}

// find returns the task, or nil, and how many there are of its address and port.
func (b *table) find(at netip.AddrPort, s *spec) (found *task, siblings int) {
	for t := b.tasks[at]; t != nil; t = t.sibling {
		siblings++
		if t.spec == s {
			found = t
		}
	}
	return found, siblings
}

// isChecked reports whether a namespace has the address and port checked in any way.
func (b *table) isChecked(at netip.AddrPort, namespace string) bool {
	for t := b.tasks[at]; t != nil; t = t.sibling {
		if t.isWantedIn(namespace) {
			return true
		}
	}
	return false
}

func (b *table) add(t *task) {
	t.spec.holders++
	t.sibling = b.tasks[t.at]
	b.tasks[t.at] = t
	b.count++
}

func (b *table) drop(t *task) {
	if b.tasks[t.at] != t {
		before := b.tasks[t.at]
		for before.sibling != t {
			before = before.sibling
		}
		before.sibling = t.sibling
	} else if t.sibling != nil {
		b.tasks[t.at] = t.sibling
	} else {
		delete(b.tasks, t.at)
	}
	t.sibling = nil
	b.release(t.spec)
	b.count--
}

// all yields every task.
func (b *table) all(yield func(*task) bool) {
	for _, t := range b.tasks {
		for ; t != nil; t = t.sibling {
			if !yield(t) {
				return
			}
		}
	}
}
