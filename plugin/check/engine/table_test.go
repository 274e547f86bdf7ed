package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// Two addresses may have one hash: then each is found, and none of the other.
func TestTasksOfOneHashAreToldApart(t *testing.T) {
	b := newTable()
	spec, other := b.hold(check.Spec{Kind: check.TCP}), b.hold(check.Spec{Kind: check.TLS})
	one, second, two := &task{at: target(1), spec: spec}, &task{at: target(1), spec: other}, &task{at: target(2), spec: spec}
	for _, added := range []*task{one, two, second} {
		b.add(added)
	}
	// As if target 2 had the hash of target 1.
	delete(b.tasks, b.hash(two.at))
	two.sibling = one
	second.sibling = two
	for _, tc := range []struct {
		task     *task
		siblings int
	}{{one, 2}, {second, 2}, {two, 0}} {
		found, siblings := b.find(tc.task.at, tc.task.spec)
		if tc.task != two && found != tc.task || siblings != tc.siblings {
			t.Errorf("%v: found %p of %d, want %p of %d", tc.task.at, found, siblings, tc.task, tc.siblings)
		}
	}
	equal(t, "the tasks", len(slices.Collect(b.all)), 3)
	b.drop(one)
	found, siblings := b.find(target(1), other)
	equal(t, "who is left", fmt.Sprint(found == second, siblings), "true 1")
}
