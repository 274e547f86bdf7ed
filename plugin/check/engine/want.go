package engine

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// follow does what a Service wants from now on.
func (c *core) follow(g *Group, o *order, now time.Duration) {
	targets := unique(o.targets)
	g.closed = g.closed || o.closed
	if g.closed || len(targets) == 0 {
		c.end(g, now)
		return
	}
	if g.namespace == nil {
		g.namespace = c.budget.join(g.key.Namespace)
	}
	if s := c.table.hold(o.spec); s == g.spec && g.guard == o.guard {
		c.table.release(s)
		c.leaveAllBut(g, targets, now)
	} else {
		c.leaveAllBut(g, nil, now)
		if g.spec != nil {
			c.table.release(g.spec)
		}
		g.spec = s
	}
	g.guard, g.failOpenOff = o.guard, o.failOpenOff
	c.joinAll(g, targets, now)
}

// end ends all checks of a Service.
func (c *core) end(g *Group, now time.Duration) {
	c.leaveAllBut(g, nil, now)
	g.members = nil
	if g.spec != nil {
		c.table.release(g.spec)
		g.namespace.groups--
		g.spec, g.namespace, g.guard = nil, nil, nil
	}
	c.mark(g)
}

// unique returns the targets in order, each once.
func unique(targets []netip.AddrPort) []netip.AddrPort {
	if slices.IsSortedFunc(targets, func(a, b netip.AddrPort) int { return cmp.Or(a.Compare(b), -1) }) {
		return targets
	}
	targets = slices.Clone(targets)
	slices.SortFunc(targets, netip.AddrPort.Compare)
	return slices.Compact(targets)
}

// leaveAllBut lets go of the members that are not among the targets, which are in order.
func (c *core) leaveAllBut(g *Group, targets []netip.AddrPort, now time.Duration) {
	for i := range g.members {
		m := &g.members[i]
		if _, stays := slices.BinarySearchFunc(targets, m.at, netip.AddrPort.Compare); !stays {
			c.leave(g, i, now)
			c.mark(g)
		}
	}
}

// leave ends one member.
func (c *core) leave(g *Group, at int, now time.Duration) {
	m := &g.members[at]
	if m.refusal != check.NoRefusal {
		c.tally.add(g.spec.Kind, check.NotAllowed, -1)
		m.refusal = check.NoRefusal
	}
	t := m.task
	if t == nil {
		return
	}
	t.disown(m)
	name := g.key.Namespace
	if !t.isWantedIn(name) {
		g.namespace.checks--
		c.budget.pairs.remember(pair{name, t.at}, now)
	}
	if len(t.owners) == 0 {
		c.park(t, now)
	}
}

// park has a task forgotten that nobody wants any more, unless somebody wants it again.
func (c *core) park(t *task, now time.Duration) {
	t.left, t.held = now, false
	c.doubts.forget(t)
	c.tally.add(t.spec.Kind, t.state.Verdict(), -1)
	c.failures.set(t, false)
	switch t.place {
	case onWheel:
		c.wheel.remove(t)
	case inLane:
		c.lanes.remove(t)
	case inFlight:
		// It goes to the wheel when its result is there.
		return
	}
	c.wheel.put(t, now+forgotten)
}

// joinAll makes the targets the members: those that are members remain what they are.
func (c *core) joinAll(g *Group, targets []netip.AddrPort, now time.Duration) {
	old := g.members
	if slices.EqualFunc(old, targets, func(m member, at netip.AddrPort) bool {
		return m.at == at && (m.task != nil || m.refusal != check.NoRefusal)
	}) {
		return
	}
	g.members = make([]member, len(targets))
	for i, at := range targets {
		g.members[i].at = at
		for len(old) > 0 && old[0].at.Compare(at) < 0 {
			old = old[1:]
		}
		if len(old) > 0 && old[0].at == at {
			g.members[i] = old[0]
			if t := old[0].task; t != nil {
				t.owners[old[0].owner].member = i
			}
		}
	}
	for i := range g.members {
		if m := &g.members[i]; m.task == nil && m.refusal == check.NoRefusal {
			c.mark(g)
			if refusal := c.join(g, i, now); refusal != check.NoRefusal {
				c.refuse(g, i, refusal)
			}
		}
	}
}

// refuse notes why a member has no task.
func (c *core) refuse(g *Group, at int, refusal check.Refusal) {
	g.members[at].refusal = refusal
	c.tally.add(g.spec.Kind, check.NotAllowed, 1)
	c.metrics.Refused(refusal)
	c.mark(g)
	if isForNow(refusal) {
		c.budget.wait(g.namespace, g)
	}
}

// isForNow reports whether what is refused may be admitted later.
func isForNow(r check.Refusal) bool { return r == check.ByBudget || r == check.BySpecs }

// join gives a member its task, or says why it has none.
func (c *core) join(g *Group, at int, now time.Duration) check.Refusal {
	m := &g.members[at]
	if refusal := g.guard.Admit(g.key.Namespace, m.at, g.spec.Kind); refusal != check.NoRefusal {
		return refusal
	}
	t, siblings := c.table.find(m.at, g.spec)
	if t == nil && siblings >= c.budget.specs {
		return check.BySpecs
	}
	if t == nil || !t.isWantedIn(g.key.Namespace) {
		isNew := !c.table.isChecked(m.at, g.key.Namespace)
		if refusal := c.budget.admit(g.namespace, m.at, isNew, now, c.wall); refusal != check.NoRefusal {
			return refusal
		}
		g.namespace.checks++
	}
	if t == nil {
		t = c.create(m.at, g.spec, now)
	}
	first := len(t.owners) == 0
	t.own(g, at)
	if first {
		c.unpark(t)
	}
	return check.NoRefusal
}

// create makes a task, which nobody owns yet.
func (c *core) create(at netip.AddrPort, s *spec, now time.Duration) *task {
	t := &task{at: at, spec: s, phase: c.phase(taskKey{at, s.digest})}
	t.due = now + time.Duration(t.phase%uint64(firstWithin))
	if since, failed := c.restored.take(t, now); failed {
		t.state, t.failed = check.Restored(), true
		t.turned = since.Sub(c.begin)
	}
	c.table.add(t)
	return t
}

// unpark has a task asked that had no owner before. It is due when it would have been: to
// come and go makes nothing sooner.
func (c *core) unpark(t *task) {
	c.tally.add(t.spec.Kind, t.state.Verdict(), 1)
	if t.state.Verdict() == check.Failing {
		c.failures.set(t, true)
	}
	switch t.place {
	case inFlight:
		return
	case onWheel:
		c.wheel.remove(t)
	}
	c.wheel.put(t, t.due)
}

// admits asks the guard right before a dial. Owners that may not want the task any more lose
// it; it is admitted if one is left.
func (c *core) admits(t *task, now time.Duration) bool {
	for len(t.owners) > 0 {
		o := t.owners[0]
		refusal := o.group.guard.Admit(o.group.key.Namespace, t.at, t.spec.Kind)
		if refusal == check.NoRefusal {
			return true
		}
		c.leave(o.group, o.member, now)
		c.refuse(o.group, o.member, refusal)
	}
	return false
}

// hurry moves the tasks of a Service to the front that was not asked for for a long time.
func (c *core) hurry(g *Group, now time.Duration) {
	second := int64(now / time.Second)
	for i := range g.members {
		t := g.members[i].task
		if t == nil || t.isSoon(now) && slices.ContainsFunc(t.owners, func(o owner) bool {
			return o.group != g && o.group.isAwake(second)
		}) {
			continue
		}
		switch t.place {
		case onWheel:
			c.wheel.remove(t)
			t.due = min(t.due, now)
		case inLane:
			c.lanes.remove(t)
		default:
			continue
		}
		t.urgent, t.settled = true, false
		c.lanes.push(t)
	}
}

// retry tries those again for which there was no budget, one Service after another, so that
// none takes all of it.
func (c *core) retry(now time.Duration) {
	for _, n := range c.budget.takeWaiting() {
		for range len(n.waiting) {
			g := n.next()
			left, spent := c.rejoin(g, now)
			if left {
				c.budget.wait(n, g)
			}
			if spent {
				break
			}
		}
		c.budget.waitAgain(n)
	}
}

// rejoin tries the members of a Service again that were refused for now. It reports whether
// any are left, and whether the budget is spent.
func (c *core) rejoin(g *Group, now time.Duration) (left, spent bool) {
	for i := range g.members {
		m := &g.members[i]
		if !isForNow(m.refusal) {
			continue
		}
		refusal := c.join(g, i, now)
		if refusal == check.ByBudget {
			return true, true
		}
		if left = left || refusal == check.BySpecs; refusal == m.refusal {
			continue
		}
		if m.refusal = refusal; refusal == check.NoRefusal {
			c.tally.add(g.spec.Kind, check.NotAllowed, -1)
		}
		c.mark(g)
	}
	return left, false
}
