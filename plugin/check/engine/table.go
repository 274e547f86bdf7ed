package engine

import (
	"hash/maphash"
	"iter"
	"net/netip"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// table has all tasks, and each Spec once.
type table struct {
	// tasks has the first task of each hash of an address and port; the others are its
	// siblings, nearly always of the same one. The hash is a quarter of the whole key, which
	// the task has anyway.
	tasks map[uint64]*task
	seed  maphash.Seed
	specs map[check.Spec]*spec
	count int
}

func newTable() table {
	return table{tasks: make(map[uint64]*task), seed: maphash.MakeSeed(), specs: make(map[check.Spec]*spec)}
}

// of yields the tasks of an address and port.
func (b *table) of(at netip.AddrPort) iter.Seq[*task] {
	return func(yield func(*task) bool) {
		for t := b.tasks[b.hash(at)]; t != nil; t = t.sibling {
			if t.at == at && !yield(t) {
				return
			}
		}
	}
}

func (b *table) hash(at netip.AddrPort) uint64 { return maphash.Comparable(b.seed, at) }

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
	for t := range b.of(at) {
		siblings++
		if t.spec == s {
			found = t
		}
	}
	return found, siblings
}

// isChecked reports whether a namespace has the address and port checked in any way.
func (b *table) isChecked(at netip.AddrPort, namespace string) bool {
	for t := range b.of(at) {
		if t.isWantedIn(namespace) {
			return true
		}
	}
	return false
}

func (b *table) add(t *task) {
	t.spec.holders++
	hash := b.hash(t.at)
	t.sibling = b.tasks[hash]
	b.tasks[hash] = t
	b.count++
}

func (b *table) drop(t *task) {
	hash := b.hash(t.at)
	switch before := b.tasks[hash]; {
	case before != t:
		for before.sibling != t {
			before = before.sibling
		}
		before.sibling = t.sibling
	case t.sibling != nil:
		b.tasks[hash] = t.sibling
	default:
		delete(b.tasks, hash)
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
