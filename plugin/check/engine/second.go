package engine

import (
	"fmt"
	"maps"
	"net/netip"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// sweepEach is how many seconds lie between two sweeps of the budget.
const sweepEach = 60

// tally counts what is checked: the tasks with an owner, and the members without a task.
type tally [check.Kinds][check.Verdicts]int

func (t *tally) add(kind check.Kind, verdict check.Verdict, n int) { t[kind][verdict] += n }

func (t *tally) move(kind check.Kind, from, to check.Verdict) {
	t.add(kind, from, -1)
	t.add(kind, to, 1)
}

// tell does what is done at whole seconds.
func (c *core) tell(now time.Duration) {
	c.retry(now)
	stale := c.stale
	c.stale = nil
	for _, g := range stale {
		g.stale = false
		c.publish(g, now)
	}
	c.tellBlind(now)
	c.words.count(now)
	c.tellMetrics(now)
	if c.second%sweepEach == 0 {
		c.budget.sweep(c.wall)
	}
}

// hasNews reports whether there is something to do at the next whole second, though there
// are no tasks.
func (c *core) hasNews() bool {
	return len(c.stale) > 0 || len(c.budget.waiting) > 0 || c.words.dropped > 0 || c.tally != c.shown || c.doubts.blind
}

// publish swaps the findings of a Service, if they have changed.
func (c *core) publish(g *Group, now time.Duration) {
	old, found := g.found.Load(), c.findings(g)
	if same(old, found) {
		return
	}
	g.found.Store(found)
	if g.closed {
		return
	}
	if found != nil {
		if line := lineOf(g, old, found, func(since time.Time) time.Duration {
			return c.wallOf(now).Sub(since).Round(time.Second)
		}); line != "" {
			c.words.say(line, now)
		}
	}
	g.changed()
}

// wallOf returns the time on the wall. It has no monotonic reading, so that equal ones are
// the same.
func (c *core) wallOf(at time.Duration) time.Time { return c.begin.Add(at).Round(0) }

// findings returns what is known of the members of a Service, or nil where it has none.
func (c *core) findings(g *Group) *check.Findings {
	if len(g.members) == 0 {
		return nil
	}
	f := new(check.Findings)
	for i := range g.members {
		m := &g.members[i]
		switch addr := m.at.Addr(); m.verdict() {
		case check.Failing:
			put(&f.Failing, addr, c.wallOf(m.task.turned))
		case check.Unknown:
			put(&f.Unknown, addr, struct{}{})
		case check.NotAllowed:
			put(&f.NotAllowed, addr, m.refusal)
		}
	}
	return f
}

func put[V any](m *map[netip.Addr]V, addr netip.Addr, value V) {
	if *m == nil {
		*m = make(map[netip.Addr]V)
	}
	(*m)[addr] = value
}

func same(a, b *check.Findings) bool {
	if a == nil || b == nil {
		return a == b
	}
	return maps.Equal(a.Failing, b.Failing) && maps.Equal(a.Unknown, b.Unknown) && maps.Equal(a.NotAllowed, b.NotAllowed)
}

// tellBlind notes whether this process began or ceased to be blind.
func (c *core) tellBlind(now time.Duration) {
	blind := c.table.count > 0 && c.doubts.isBlind(now)
	if blind == c.doubts.blind {
		return
	}
	c.doubts.blind = blind
	c.metrics.Blind(blind)
	switch {
	case blind:
		c.words.say(fmt.Sprintf("No check has passed for %v, of %d addresses that did: verdicts are held",
			(now-c.doubts.passed).Round(time.Second), c.passedAddresses(now)), now)
	case c.doubts.canTell(now) && c.table.count > 0:
		c.words.say("A check passes again: verdicts count", now)
	default:
		c.words.say(fmt.Sprintf("No check has passed for %v: verdicts count", trusted), now)
	}
}

// passedAddresses counts the addresses that passed of late.
func (c *core) passedAddresses(now time.Duration) int {
	passed := make(map[netip.Addr]struct{})
	for t := range c.table.all {
		if t.passed > 0 && now-t.passed <= trusted {
			passed[t.at.Addr()] = struct{}{}
		}
	}
	return len(passed)
}

func (c *core) tellMetrics(now time.Duration) {
	for kind := range c.tally {
		for verdict, count := range c.tally[kind] {
			if count != c.shown[kind][verdict] {
				c.metrics.Checks(check.Kind(kind), check.Verdict(verdict), count)
			}
		}
	}
	c.shown = c.tally
	c.metrics.Lag(c.lanes.lag(now))
	for i, name := range Lanes {
		c.metrics.Inflight(name, c.lanes.lane[i].inflight)
	}
}
