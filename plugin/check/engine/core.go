package engine

import (
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

const (
	// mostLetters is how many Groups are listened to in one tick: while many change, checks
	// go on.
	mostLetters = 1000
	// forgotten is for how long a task is kept that nobody wants: slices move endpoints.
	forgotten = time.Minute
	// firstWithin is how soon a new task is asked.
	firstWithin = time.Second
)

// core is what the goroutine of an Engine owns.
type core struct {
	mail    *mailbox
	metrics Metrics
	// launch begins a check, whose result comes by mail.
	launch func(*task)
	// begin is the second in which the engine began: whole seconds are those of the clock on
	// the wall, until it is set.
	begin time.Time
	// phase returns a number that is another one in each process.
	phase func(taskKey) uint64
	// random returns numbers of [0, 1).
	random func() float64

	table    table
	wheel    wheel
	lanes    lanes
	budget   budget
	doubts   doubts
	failures failures
	restored restored
	words    words
	// held are the tasks that are held, and maybe some that were.
	held []*task
	// stale are the Groups to be told at the next whole second.
	stale []*Group
	// tally counts what is checked, and shown is what Metrics know of that.
	tally, shown tally

	// wall is the time of this turn; listened is the tick in which it was last listened to
	// Groups, and second the last one that was told.
	wall             time.Time
	listened, second int64
	// next is when the turn was to come, and zero where none was.
	next time.Duration
	// These are empty between turns, and kept for their room.
	due     []*task
	results []result
	letters []letter
}

func newCore(o *Options, mail *mailbox, now time.Time) *core {
	seed := maphash.MakeSeed()
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	return &core{
		mail: mail, metrics: o.Metrics, begin: now.Add(now.Truncate(time.Second).Sub(now)),
		phase:  func(key taskKey) uint64 { return maphash.Comparable(seed, key) },
		random: random.Float64,
		table:  newTable(), lanes: newLanes(o.Rate, o.Inflight), budget: budget{limits: defaultLimits},
		words: words{log: o.Log}, listened: -1,
	}
}

// elapsed returns the time since the engine began.
func (c *core) elapsed(at time.Time) time.Duration { return at.Sub(c.begin) }

// turn does what is to be done by now, and returns when it is to be called again, unless
// something comes by mail.
func (c *core) turn(wall time.Time) (next time.Duration, some bool) {
	now := c.elapsed(wall)
	c.wall = wall
	if c.next > 0 {
		c.doubts.wasLate(now-c.next, now)
	}
	c.results = c.mail.takeResults(c.results)
	for i := range c.results {
		c.settle(&c.results[i], now)
	}
	if at := int64(now / tick); at > c.listened {
		c.listened = at
		c.listen(now)
	}
	c.ripen(now)
	c.dispatch(now)
	if second := int64(now / time.Second); second > c.second {
		c.second = second
		c.mail.second.Store(second)
		c.tell(now)
	}
	c.next, some = c.nextTurn(now)
	return c.next, some
}

// nextTurn returns when there is something to do, if there is. While checks are under way it
// looks at each tick, to know whether it is on time.
func (c *core) nextTurn(now time.Duration) (next time.Duration, some bool) {
	soon := (now/tick + 1) * tick
	if c.lanes.isBusy() || c.mail.hasLetters() {
		return soon, true
	}
	if at, some := c.wheel.next(); some {
		next = max(soon, time.Duration(at)*tick)
		return min(next, (now/time.Second+1)*time.Second), true
	}
	if c.hasNews() {
		return (now/time.Second + 1) * time.Second, true
	}
	return 0, false
}

// listen takes what Groups said.
func (c *core) listen(now time.Duration) {
	if all := c.mail.takeRestored(); all != nil {
		c.restored = newRestored(all, now)
	}
	c.letters = c.mail.takeLetters(c.letters[:0], mostLetters)
	for _, l := range c.letters {
		if l.order != nil {
			c.follow(l.group, l.order, now)
		}
		if l.woken {
			c.hurry(l.group, now)
		}
	}
	clear(c.letters)
}

// settle takes a result.
func (c *core) settle(r *result, now time.Duration) {
	t, cause := r.task, r.cause
	c.lanes.back(t)
	if cause == check.TimedOut && c.doubts.starved(c.elapsed(r.began), t.spec.Timeout) {
		cause = check.Void
	}
	c.metrics.Checked(t.spec.Kind, cause, r.took)
	if len(t.owners) == 0 {
		// Nobody wants to know any more.
		cause = check.Void
	}
	gear := c.gear(t)
	switch {
	case cause == check.Passed:
		t.failed, t.failures, t.held, t.passed = false, 0, false, now
		c.doubts.pass(t, gear, now)
		c.release(now)
	case cause.Fails():
		if t.failures == 0 {
			t.began = now
		}
		t.failed, t.cause = true, cause
		t.failures += min(1, ^t.failures)
	}
	before := t.state.Verdict()
	excused := cause.Fails() && before != check.Failing && c.excuses(t, now)
	delay, turned := t.state.Take(cause, &t.spec.Spec, gear, excused, c.wall)
	switch {
	case turned:
		c.turned(t, before, now)
	case excused && t.failures >= t.spec.Fall:
		c.hold(t, now)
	}
	c.schedule(t, delay, gear, c.elapsed(r.began), now)
}

// gear returns the interval at which the task is asked while nothing is in doubt.
func (c *core) gear(t *task) time.Duration {
	second := int64(c.elapsed(c.wall) / time.Second)
	if slices.ContainsFunc(t.owners, func(o owner) bool { return o.group.isAwake(second) }) {
		return t.spec.Interval
	}
	return max(t.spec.Interval, t.spec.Idle)
}

// excuses reports whether it may be this process that is cut off, and no Service wants to
// know of it.
func (c *core) excuses(t *task, now time.Duration) bool {
	return c.doubts.excuses(t.began, now) &&
		!slices.ContainsFunc(t.owners, func(o owner) bool { return o.group.failOpenOff })
}

// turned notes that a task got another verdict.
func (c *core) turned(t *task, before check.Verdict, now time.Duration) {
	verdict := t.state.Verdict()
	t.turned, t.held = now, false
	c.metrics.Turned(t.spec.Kind, verdict)
	if len(t.owners) == 0 {
		return
	}
	c.tally.move(t.spec.Kind, before, verdict)
	c.failures.set(t, verdict == check.Failing)
	for _, o := range t.owners {
		c.mark(o.group)
	}
}

// mark has a Group told at the next whole second.
func (c *core) mark(g *Group) {
	if !g.stale {
		g.stale = true
		c.stale = append(c.stale, g)
	}
}

// hold notes that a task would fail, were this process not in doubt. The first one calls the
// witnesses: if one of them passes, it was the target after all.
func (c *core) hold(t *task, now time.Duration) {
	if t.held {
		return
	}
	alone := !slices.ContainsFunc(c.held, func(other *task) bool { return other.held })
	t.held = true
	c.held = append(c.held, t)
	if !alone {
		return
	}
	for _, w := range c.doubts.witnesses {
		if w.task != nil && w.task != t {
			c.forward(w.task, now)
		}
	}
}

// release asks those that are held once more: since a check passed, failures count.
func (c *core) release(now time.Duration) {
	for _, t := range c.held {
		if t.held {
			t.held = false
			c.forward(t, now)
		}
	}
	clear(c.held)
	c.held = c.held[:0]
}

// forward makes a task due that waits for its time.
func (c *core) forward(t *task, now time.Duration) {
	if t.place == onWheel && len(t.owners) > 0 {
		c.wheel.remove(t)
		t.due = min(t.due, now)
		c.wheel.put(t, t.due)
	}
}

// schedule has a task asked after a delay, or forgotten where nobody wants it. Processes that
// began together ask at other times: each one's first full interval ends at its phase, and
// all others are longer or shorter by up to a tenth. These go from the beginning of one check
// to that of the next: a target that hangs is not asked later for that.
func (c *core) schedule(t *task, delay, gear, began, now time.Duration) {
	switch {
	case delay < gear:
		t.due = now + c.jitter(delay)
	case t.settled:
		t.due = max(now, began+c.jitter(delay))
	default:
		t.settled = true
		t.due = now + time.Duration(t.phase%uint64(gear))
	}
	if len(t.owners) == 0 {
		c.wheel.put(t, t.left+forgotten)
		return
	}
	c.wheel.put(t, t.due)
}

// jitter makes a delay longer or shorter by up to a tenth.
func (c *core) jitter(delay time.Duration) time.Duration {
	return time.Duration(float64(delay) * (0.9 + 0.2*c.random()))
}

// ripen moves what is due from the wheel to the lanes, and drops what nobody wants.
func (c *core) ripen(now time.Duration) {
	c.due = c.wheel.advance(int64(now/tick), c.due[:0])
	for _, t := range c.due {
		if len(t.owners) == 0 {
			c.table.drop(t)
			continue
		}
		c.lanes.push(t)
	}
	clear(c.due)
}

// dispatch begins as many checks as there may be.
func (c *core) dispatch(now time.Duration) {
	for {
		t := c.lanes.first()
		switch {
		case t == nil:
			return
		case !c.admits(t, now):
			// It has left the lanes, since nobody may want it any more.
		case c.lanes.take(t, c.wall):
			c.launch(t)
		default:
			return
		}
	}
}
