package engine

import (
	"net/netip"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// A task is one check: one address and port, asked in one way, for all Services that want
// it. Times are those since the engine began, as elapsed tells them.
type task struct {
	at   netip.AddrPort
	spec *spec
	// before and after are its neighbours in the list that it waits in.
	before, after *task
	// sibling is another task in the same place of the table.
	sibling *task
	// owners are the Services that want it. Without any it is not asked, and forgotten.
	owners []owner
	state  check.State
	// turn orders those that wait in the same place: the tick at which the wheel gives the
	// task out, or how many came into the lanes before it.
	turn int64
	// phase is where in its interval this process asks.
	phase uint64
	// due is when it is to be asked, and left when its last owner let go of it.
	due, left time.Duration
	// passed is its last success, began the first of the failures since, and turned the last
	// change of its verdict.
	passed, began, turned time.Duration
	// failures are those since the last success.
	failures uint8
	cause    check.Cause
	place    place
	// rank is where it waits in its lane.
	rank rank
	// failed means that its last result was a failure.
	failed bool
	// urgent means that somebody has asked for its Service after a long time.
	urgent bool
	// settled means that it has found its phase.
	settled bool
	// held means that it would fail, were it not in doubt whether it is this process that is
	// cut off.
	held bool
}

// place is where a task is.
type place uint8

const (
	// nowhere is where a task is for a moment only.
	nowhere place = iota
	// onWheel has those that are not due, inLane those that are, and inFlight those that are
	// being asked.
	onWheel
	inLane
	inFlight
)

// owner is a Service that wants a task, and its place in the Group's members.
type owner struct {
	group  *Group
	member int
}

// member is an address and port that a Service wants to have checked. It has a task, or a
// reason why it has none.
type member struct {
	at      netip.AddrPort
	task    *task
	refusal check.Refusal
	// owner is the place of its Group in the task's owners.
	owner int32
}

// verdict is what is known of the member.
func (m *member) verdict() check.Verdict {
	if m.task == nil {
		return check.NotAllowed
	}
	return m.task.state.Verdict()
}

// spec is a Spec that any number of tasks and Groups hold.
type spec struct {
	check.Spec
	digest  check.Digest
	holders int
}

// isWantedIn reports whether a Service of the namespace owns the task.
func (t *task) isWantedIn(namespace string) bool {
	return slices.ContainsFunc(t.owners, func(o owner) bool { return o.group.key.Namespace == namespace })
}

// own makes a member of the Group one of the owners.
func (t *task) own(g *Group, at int) {
	m := &g.members[at]
	m.task, m.owner = t, int32(len(t.owners))
	t.owners = append(t.owners, owner{g, at})
}

// disown is the opposite of own. The last owner moves to where the member's was, so that it
// does not matter how many there are.
func (t *task) disown(m *member) {
	last := len(t.owners) - 1
	moved := t.owners[last]
	t.owners[m.owner] = moved
	moved.group.members[moved.member].owner = m.owner
	t.owners[last] = owner{}
	t.owners = t.owners[:last]
	m.task = nil
}

// list has tasks in the order in which they came. A task is in one list at most.
type list struct{ first, last *task }

func (l *list) push(t *task) {
	t.before, t.after = l.last, nil
	if l.last == nil {
		l.first = t
	} else {
		l.last.after = t
	}
	l.last = t
}

func (l *list) remove(t *task) {
	if t.before == nil {
		l.first = t.after
	} else {
		t.before.after = t.after
	}
	if t.after == nil {
		l.last = t.before
	} else {
		t.after.before = t.before
	}
	t.before, t.after = nil, nil
}

// isSoon reports whether the task waits no longer than it would at full speed. Several
// Services may have been asked for since it was put on the wheel, so that each seems to have
// another one that keeps it going.
func (t *task) isSoon(now time.Duration) bool {
	return t.due-now <= t.spec.Interval+t.spec.Interval/10
}
