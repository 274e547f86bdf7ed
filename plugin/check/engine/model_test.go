package engine

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"golang.org/x/time/rate"
	"pgregory.net/rapid"
)

// A naive is an engine as one would write it at first: lists, and nothing but searches.
type naive struct {
	limits
	checks []*naiveCheck
	// due has those that wait, in the order in which they came.
	due     []*naiveCheck
	groups  []*naiveGroup
	said    []*naiveGroup
	waiting []*naiveGroup
	left    map[pair]time.Duration
	new     map[string]*rate.Limiter
	units   *rate.Limiter
	room    [laneCount]int
	late    []lateness
	// order has the namespaces that wait.
	order []string
	// ripened is the tick up to which checks have come out, listened the one in which groups
	// were last listened to.
	ripened, listened, second int64
}

type naiveCheck struct {
	at    netip.AddrPort
	spec  check.Spec
	state check.State
	// results are those that alone has not taken yet.
	results []naiveResult
	alone   check.State
	phase   uint64
	turn    int64
	due     time.Duration
	left    time.Duration
	place   place
	failed  bool
	urgent  bool
	settled bool
	wanted  time.Duration
	ended   time.Duration
}

// naiveResult is a result, and what it was taken with.
type naiveResult struct {
	cause check.Cause
	gear  time.Duration
	wall  time.Time
}

type naiveGroup struct {
	group   *Group
	guard   *check.Guard
	ns      string
	spec    check.Spec
	targets []netip.AddrPort
	refused map[netip.AddrPort]check.Refusal
	asked   int64
	// These are what it said, and the engine has not heard.
	order *order
	woken bool
	said  bool
}

func (n *naive) wants(g *naiveGroup, c *naiveCheck) bool {
	if g.spec != c.spec || !slices.Contains(g.targets, c.at) {
		return false
	}
	return g.refused[c.at] == check.NoRefusal
}

func (n *naive) owners(c *naiveCheck) (all []*naiveGroup) {
	for _, g := range n.groups {
		if n.wants(g, c) {
			all = append(all, g)
		}
	}
	return all
}

func (n *naive) isWantedIn(c *naiveCheck, ns string) bool {
	return slices.ContainsFunc(n.owners(c), func(g *naiveGroup) bool { return g.ns == ns })
}

func (n *naive) find(at netip.AddrPort, s check.Spec) *naiveCheck {
	for _, c := range n.checks {
		if c.at == at && c.spec == s {
			return c
		}
	}
	return nil
}

func (n *naive) gear(c *naiveCheck, now time.Duration) time.Duration {
	for _, g := range n.owners(c) {
		if int64(now/time.Second)-g.asked < awake {
			return c.spec.Interval
		}
	}
	return c.spec.Idle
}

// put has a check come out of the wheel at a time.
func (n *naive) put(c *naiveCheck, at time.Duration) {
	n.due = slices.DeleteFunc(n.due, func(d *naiveCheck) bool { return d == c })
	c.turn = max(int64((at+tick-1)/tick), n.ripened+1)
	c.place, c.urgent = onWheel, false
}

// leave notes that a group does not want a check any more.
func (n *naive) leave(g *naiveGroup, c *naiveCheck, now time.Duration) {
	if !n.isWantedIn(c, g.ns) {
		n.left[pair{g.ns, c.at}] = now + remembered
	}
	if len(n.owners(c)) == 0 {
		c.left = now
		if c.place != inFlight {
			n.put(c, now+forgotten)
		}
	}
}

func (n *naive) drop(g *naiveGroup, at netip.AddrPort, now time.Duration) {
	c := n.find(at, g.spec)
	had := c != nil && n.wants(g, c)
	g.targets = slices.DeleteFunc(slices.Clone(g.targets), func(a netip.AddrPort) bool { return a == at })
	delete(g.refused, at)
	if had {
		n.leave(g, c, now)
	}
}

func (n *naive) follow(g *naiveGroup, o *order, now time.Duration) {
	targets := slices.Clone(o.targets)
	slices.SortFunc(targets, netip.AddrPort.Compare)
	targets = slices.Compact(targets)
	same := g.spec == o.spec && g.guard == o.guard
	for _, at := range slices.Clone(g.targets) {
		if !same || !slices.Contains(targets, at) || len(targets) == 0 {
			n.drop(g, at, now)
		}
	}
	if len(targets) == 0 {
		return
	}
	had := g.targets
	g.spec, g.guard, g.targets = o.spec, o.guard, nil
	g.targets = slices.Clone(had)
	for _, at := range targets {
		if !slices.Contains(had, at) {
			n.join(g, at, now, true)
		}
	}
}

// join makes a target one of the group, with a check or with a reason why it has none.
func (n *naive) join(g *naiveGroup, at netip.AddrPort, now time.Duration, first bool) check.Refusal {
	refusal := n.mayJoin(g, at, now)
	c := n.find(at, g.spec)
	wasWanted := c != nil && len(n.owners(c)) > 0
	if first {
		g.targets = append(g.targets, at)
		slices.SortFunc(g.targets, netip.AddrPort.Compare)
	}
	if refusal != check.NoRefusal {
		if first || refusal != check.ByBudget {
			g.refused[at] = refusal
		}
		if first && isForNow(refusal) {
			n.wait(g)
		}
		return refusal
	}
	if c == nil {
		c = &naiveCheck{at: at, spec: g.spec, phase: phaseOf(taskKey{at, g.spec.Digest()})}
		c.due = now + time.Duration(c.phase%uint64(firstWithin))
		n.checks = append(n.checks, c)
	}
	delete(g.refused, at)
	if !wasWanted {
		c.wanted = now
		if c.place != inFlight {
			n.put(c, c.due)
		}
	}
	return check.NoRefusal
}

func (n *naive) mayJoin(g *naiveGroup, at netip.AddrPort, now time.Duration) check.Refusal {
	if refusal := g.guard.Admit(g.ns, at, g.spec.Kind); refusal != check.NoRefusal {
		return refusal
	}
	c := n.find(at, g.spec)
	siblings, known, count := 0, false, 0
	for _, other := range n.checks {
		wanted := n.isWantedIn(other, g.ns)
		if other.at == at {
			siblings++
			known = known || wanted
		}
		if wanted {
			count++
		}
	}
	switch {
	case c == nil && siblings >= n.specs:
		return check.BySpecs
	case c != nil && n.isWantedIn(c, g.ns):
		return check.NoRefusal
	case count >= n.limits.checks:
		return check.ByBudget
	case known:
		return check.NoRefusal
	}
	until, left := n.left[pair{g.ns, at}]
	delete(n.left, pair{g.ns, at})
	if left && now < until || n.limiter(g.ns).AllowN(begin.Add(now), 1) {
		return check.NoRefusal
	}
	return check.ByBudget
}

func (n *naive) limiter(ns string) *rate.Limiter {
	if n.new[ns] == nil {
		n.new[ns] = rate.NewLimiter(rate.Limit(n.limits.new)/60, n.limits.new)
	}
	return n.new[ns]
}

func (n *naive) wait(g *naiveGroup) {
	if !slices.Contains(n.waiting, g) {
		n.waiting = append(n.waiting, g)
	}
	if !slices.Contains(n.order, g.ns) {
		n.order = append(n.order, g.ns)
	}
}

// retry lets the groups of each namespace that wait have another go, in the order in which
// they began to wait, until there is no budget.
func (n *naive) retry(now time.Duration) {
	namespaces := n.order
	n.order = nil
	for _, ns := range namespaces {
		var turns []*naiveGroup
		for _, g := range n.waiting {
			if g.ns == ns {
				turns = append(turns, g)
			}
		}
		for _, g := range turns {
			n.waiting = slices.DeleteFunc(n.waiting, func(w *naiveGroup) bool { return w == g })
			spent, left := false, false
			for _, at := range g.targets {
				if !isForNow(g.refused[at]) {
					continue
				}
				refusal := n.join(g, at, now, false)
				if refusal == check.ByBudget {
					spent, left = true, true
					break
				}
				left = left || refusal == check.BySpecs
			}
			if left {
				n.wait(g)
			}
			if spent {
				break
			}
		}
		for _, g := range n.waiting {
			if g.ns == ns {
				n.wait(g)
			}
		}
	}
}

func (n *naive) hurry(g *naiveGroup, now time.Duration) {
	for _, at := range g.targets {
		c := n.find(at, g.spec)
		soon := c != nil && c.due-now <= c.spec.Interval+c.spec.Interval/10
		if c == nil || !n.wants(g, c) || c.place == inFlight || soon && slices.ContainsFunc(n.owners(c), func(o *naiveGroup) bool {
			return o != g && int64(now/time.Second)-o.asked < awake
		}) {
			continue
		}
		if c.place == onWheel {
			c.due = min(c.due, now)
		}
		n.due = slices.DeleteFunc(n.due, func(d *naiveCheck) bool { return d == c })
		c.place, c.urgent, c.settled = inLane, true, false
		n.due = append(n.due, c)
	}
}

func (n *naive) settle(c *naiveCheck, cause check.Cause, began time.Time, now time.Duration) {
	n.room[c.lane()]++
	c.place, c.ended = nowhere, now
	if cause == check.TimedOut && slices.ContainsFunc(n.late, func(l lateness) bool {
		return l.at >= began.Sub(begin) && l.by > c.spec.Timeout/4
	}) {
		cause = check.Void
	}
	if len(n.owners(c)) == 0 {
		cause = check.Void
	}
	if cause != check.Void {
		c.failed = cause.Fails()
	}
	gear := n.gear(c, now)
	c.results = append(c.results, naiveResult{cause, gear, begin.Add(now)})
	delay, _ := c.state.Take(cause, &c.spec, gear, false, begin.Add(now))
	switch {
	case delay < gear:
		c.due = now + delay
	case c.settled:
		// What hangs takes nothing of the interval, and what was late by more is due now.
		c.due = max(now, began.Sub(begin)+delay)
	default:
		c.settled = true
		c.due = now + time.Duration(c.phase%uint64(gear))
	}
	if len(n.owners(c)) == 0 {
		n.put(c, c.left+forgotten)
		return
	}
	n.put(c, c.due)
}

func (c *naiveCheck) lane() int {
	if c.failed {
		return failing
	}
	return passing
}

// turn does what the engine should do in its turn, and returns the checks that it begins.
func (n *naive) turn(results []result, late, now time.Duration) (begun []string) {
	if late >= leastLate {
		n.late = append(n.late, lateness{now, late})
	}
	for _, r := range results {
		n.settle(n.find(r.task.at, r.task.spec.Spec), r.cause, r.began, now)
	}
	if at := int64(now / tick); at > n.listened {
		n.listened = at
		n.listen(now)
	}
	n.ripen(now)
	for c := n.first(); c != nil; c = n.first() {
		if owners := n.owners(c); owners[0].guard.Admit(owners[0].ns, c.at, c.spec.Kind) != check.NoRefusal {
			for _, g := range owners {
				g.refused[c.at] = g.guard.Admit(g.ns, c.at, c.spec.Kind)
				n.leave(g, c, now)
			}
			continue
		}
		if !n.units.AllowN(begin.Add(now), c.spec.Kind.Units()) {
			break
		}
		n.due = slices.DeleteFunc(n.due, func(d *naiveCheck) bool { return d == c })
		n.room[c.lane()]--
		c.place, c.urgent = inFlight, false
		begun = append(begun, fmt.Sprint(c.at, c.spec.Path))
	}
	if second := int64(now / time.Second); second > n.second {
		n.second = second
		n.retry(now)
	}
	return begun
}

func (n *naive) listen(now time.Duration) {
	said := n.said
	n.said = nil
	for _, g := range said {
		o, woken := g.order, g.woken
		g.order, g.woken, g.said = nil, false, false
		if o != nil {
			n.follow(g, o, now)
		}
		if woken {
			n.hurry(g, now)
		}
	}
}

func (n *naive) ripen(now time.Duration) {
	n.ripened = int64(now / tick)
	var ripe []*naiveCheck
	for _, c := range n.checks {
		if c.place == onWheel && c.turn <= n.ripened {
			ripe = append(ripe, c)
		}
	}
	slices.SortFunc(ripe, func(a, b *naiveCheck) int {
		return inTurn(&task{turn: a.turn, due: a.due, phase: a.phase}, &task{turn: b.turn, due: b.due, phase: b.phase})
	})
	for _, c := range ripe {
		if len(n.owners(c)) == 0 {
			n.checks = slices.DeleteFunc(n.checks, func(d *naiveCheck) bool { return d == c })
			continue
		}
		c.place = inLane
		n.due = append(n.due, c)
	}
}

// first returns the check to begin next: of the foremost in the lanes that have room, one
// that is urgent, or the one that came first.
func (n *naive) first() (first *naiveCheck) {
	for lane := range laneCount {
		c := n.foremost(lane)
		if c == nil || n.room[lane] == 0 {
			continue
		}
		if first == nil || c.urgent && !first.urgent ||
			c.urgent == first.urgent && slices.Index(n.due, c) < slices.Index(n.due, first) {
			first = c
		}
	}
	return first
}

func (n *naive) foremost(lane int) *naiveCheck {
	for _, is := range []func(c *naiveCheck) bool{
		func(c *naiveCheck) bool { return c.failed && c.state.Verdict() == check.Passing },
		func(c *naiveCheck) bool { return c.failed && c.state.Verdict() == check.Unknown },
		func(c *naiveCheck) bool { return c.urgent },
		func(c *naiveCheck) bool { return true },
	} {
		for _, c := range n.due {
			if c.lane() == lane && is(c) {
				return c
			}
		}
	}
	return nil
}

// found is what the engine should have found of a group.
func (n *naive) found(g *naiveGroup) (all []check.Verdict) {
	for _, at := range g.targets {
		if g.refused[at] != check.NoRefusal {
			all = append(all, check.NotAllowed)
			continue
		}
		all = append(all, n.find(at, g.spec).state.Verdict())
	}
	return all
}

// phaseOf is the same in each run, so that what fails can be run again.
func phaseOf(key taskKey) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, key.at, key.spec)
	return h.Sum64()
}

// twins are an engine and the naive one, to which the same happens.
type twins struct {
	*world
	t     *rapid.T
	naive *naive
	begun []string
	// tokens are the units that are left.
	tokens float64
	filled time.Duration
	slow   int
	flying map[*task]bool
	random *rand.Rand
}

const (
	twinRate     = 20
	twinInflight = 6
)

func newTwins(outer testing.TB, t *rapid.T) *twins {
	w := &twins{world: newWorld(outer, twinRate, twinInflight), t: t, tokens: leastBurst, flying: make(map[*task]bool)}
	w.random = rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "answers"), 0))
	small := limits{checks: 5, new: 6, specs: 3}
	w.core.budget.limits = small
	w.core.phase = phaseOf
	w.guard = guardOf(outer, "*", "to", "10.0.0.0/29", "ports", "5432", "kinds", "tcp", "http")
	w.naive = &naive{
		limits: small, left: make(map[pair]time.Duration), new: make(map[string]*rate.Limiter),
		units: rate.NewLimiter(twinRate, leastBurst), listened: -1, ripened: 0,
	}
	for i := range w.core.lanes.lane {
		w.naive.room[i] = w.core.lanes.lane[i].most
	}
	for i := range 5 {
		key := keyOf(fmt.Sprintf("team-%d/db-%d", i%2, i))
		w.naive.groups = append(w.naive.groups, &naiveGroup{
			group: w.e.Group(key, func() {}), ns: key.Namespace, asked: -awake,
			refused: make(map[netip.AddrPort]check.Refusal),
		})
	}
	w.answer = w.draw
	w.core.launch = func(task *task) {
		w.world.launch(task)
		w.begun = append(w.begun, fmt.Sprint(task.at, task.spec.Path))
		w.tokens -= float64(task.spec.Kind.Units())
		if w.tokens < -1e-6 {
			t.Fatalf("%v: more units are spent than there are", w.now.Sub(begin))
		}
		if w.flying[task] {
			t.Fatalf("%v is asked twice at once", task.at)
		}
		w.flying[task] = true
	}
	return w
}

// draw is how targets answer.
func (w *twins) draw(*world, netip.AddrPort, *check.Spec) (check.Cause, time.Duration) {
	causes := []check.Cause{check.Passed, check.Passed, check.Refused, check.Refused, check.TimedOut, check.Void}
	cause := causes[w.random.IntN(len(causes))]
	if cause == check.TimedOut {
		return cause, time.Hour
	}
	return cause, time.Duration(1+w.random.IntN(1499)) * time.Millisecond
}

// both has both engines take their turn, and compares them.
func (w *twins) both() {
	now := w.now.Sub(begin)
	w.tokens = min(leastBurst, w.tokens+(now-w.filled).Seconds()*twinRate)
	w.filled = now
	var late time.Duration
	if !w.next.IsZero() {
		late = w.now.Sub(w.next)
	}
	w.begun = nil
	w.land()
	results := slices.Clone(w.e.mail.results)
	for _, r := range results {
		delete(w.flying, r.task)
	}
	w.world.turn()
	begun := w.naive.turn(results, late, now)
	if got, want := strings.Join(w.begun, " "), strings.Join(begun, " "); got != want {
		w.t.Fatalf("at %v it begins %q, want %q", now, got, want)
	}
	w.compare(now)
}

func (w *twins) compare(now time.Duration) {
	for i := range w.core.lanes.lane {
		if lane := &w.core.lanes.lane[i]; lane.inflight > lane.most || lane.most-lane.inflight != w.naive.room[i] {
			w.t.Fatalf("at %v %d checks are under way in a lane of %d, and room is for %d", now, lane.inflight, lane.most, w.naive.room[i])
		}
	}
	if w.core.table.count != len(w.naive.checks) {
		w.t.Fatalf("at %v there are %d checks, want %d", now, w.core.table.count, len(w.naive.checks))
	}
	var lag time.Duration
	for _, c := range w.naive.due {
		lag = max(lag, now-c.due)
	}
	between(w.world.t, "the lag of the first ones", w.core.lanes.lag(now), 0, lag)
	for _, c := range w.naive.checks {
		w.compareCheck(c, lag, now)
	}
	if now > 0 && now%time.Second == 0 {
		for _, g := range w.naive.groups {
			got, want := verdicts(g.group, g.targets...), w.naive.found(g)
			if !slices.Equal(got, want) {
				w.t.Fatalf("at %v %v is found to be %v, want %v", now, g.group.key, got, want)
			}
		}
	}
	tallied := 0
	for kind := range w.core.tally {
		for verdict, n := range w.core.tally[kind] {
			if tallied += n; n < 0 {
				w.t.Fatalf("at %v %d checks of %v have the verdict %v", now, n, check.Kind(kind), check.Verdict(verdict))
			}
		}
	}
}

func (w *twins) compareCheck(c *naiveCheck, lag, now time.Duration) {
	for _, r := range c.results {
		c.alone.Take(r.cause, &c.spec, r.gear, false, r.wall)
	}
	c.results = c.results[:0]
	if c.alone != c.state {
		w.t.Fatalf("the verdict of %v depends on more than its results", c.at)
	}
	idle, most := now-max(c.ended, c.wanted), 2*c.spec.Idle+lag+time.Second
	// The engine must not sleep past the moment when the check is due.
	at := begin.Add(time.Duration(c.turn) * tick)
	overslept := c.place == onWheel && at.After(w.now) && (w.next.IsZero() || w.next.After(at))
	// Who wants it is asked last, since it takes longest.
	switch {
	case idle <= most && !overslept, c.place == inFlight, len(w.naive.owners(c)) == 0:
	case overslept:
		w.t.Fatalf("the engine sleeps until %v, and %v is due at %v", w.next, c.at, at)
	default:
		w.t.Fatalf("at %v %v was not asked for %v, want %v at most", now, c.at, idle, most)
	}
}

// let lets time pass.
func (w *twins) let(d time.Duration) { w.passBy(d, w.both) }

func (w *twins) anyGroup() *naiveGroup {
	return w.naive.groups[rapid.IntRange(0, len(w.naive.groups)-1).Draw(w.t, "group")]
}

func (n *naive) say(g *naiveGroup) {
	if !g.said {
		g.said = true
		n.said = append(n.said, g)
	}
}

func (w *twins) watch(t *rapid.T) {
	g := w.anyGroup()
	s := rapid.SampledFrom([]check.Spec{tcp(), web("/healthz"), web("/readyz"), web("/ping")}).Draw(t, "spec")
	s.Interval, s.Idle, s.Timeout = 2*time.Second, 5*time.Second, 1500*time.Millisecond
	if s.Kind == check.TCP {
		s.Interval, s.Idle = 10*time.Second, 150*time.Second
	}
	var all []netip.AddrPort
	for i := range 10 {
		if rapid.Bool().Draw(t, "wanted") {
			all = append(all, target(i))
		}
	}
	g.group.Watch(s, w.guard, true, all)
	g.order = &order{spec: s, guard: w.guard, targets: all}
	w.naive.say(g)
}

func (w *twins) ask(*rapid.T) {
	g := w.anyGroup()
	g.group.Asked()
	if last := g.asked; last != w.naive.second {
		g.asked = w.naive.second
		if g.asked-last >= awake {
			g.woken = true
			w.naive.say(g)
		}
	}
}

func TestTheEngineDoesWhatANaiveOneDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newTwins(t, rt)
		rt.Repeat(map[string]func(*rapid.T){
			"watch": w.watch,
			"more":  w.watch,
			"ask":   w.ask,
			"pass": func(t *rapid.T) {
				w.let(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
			},
			"pass long": func(t *rapid.T) {
				w.let(time.Duration(rapid.IntRange(1, 90).Draw(t, "s")) * time.Second)
			},
			"fall asleep": func(t *rapid.T) {
				if w.slow++; w.slow < 3 {
					w.let(awake * time.Second)
				}
			},
			"stop": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 40000).Draw(t, "ms")) * time.Millisecond)
				w.both()
			},
			"forbid": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "seldom") == 0 {
					w.guard.Forbid(target(rapid.IntRange(0, 9).Draw(t, "target")).Addr())
				}
			},
		})
	})
}
