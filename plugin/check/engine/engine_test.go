package engine

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

func TestANewTargetIsAskedWithinASecondAndThenEachInterval(t *testing.T) {
	w := newWorld(t, 200, 256)
	g := w.service("orders", tcp(), target(1))
	g.Asked()
	w.pass(100 * time.Second)
	when := w.dialsOf(target(1))
	if len(when) < 3 {
		t.Fatalf("dialled at %v", when)
	}
	between(t, "the first check", when[0], 0, 100*time.Millisecond)
	between(t, "the second one, which finds the phase", when[1]-when[0], 0, 10200*time.Millisecond)
	for i := 2; i < len(when); i++ {
		between(t, "an interval", when[i]-when[i-1], 10*time.Second, 10200*time.Millisecond)
	}
	equal(t, "the verdict", verdicts(g, target(1)), []check.Verdict{check.Passing})
}

// So that it is found to be back as soon as one that refuses.
func TestATargetThatHangsIsAskedEachIntervalToo(t *testing.T) {
	w := newWorld(t, 200, 256)
	w.dead(check.TimedOut, 2*time.Second, func(netip.AddrPort) bool { return true })
	w.service("orders", tcp(), target(1)).Asked()
	w.pass(2 * time.Minute)
	when := w.dialsOf(target(1))
	if len(when) < 10 {
		t.Fatalf("dialled at %v", when)
	}
	for i := len(when) - 4; i < len(when); i++ {
		between(t, "an interval", when[i]-when[i-1], 10*time.Second, 10200*time.Millisecond)
	}
}

func TestATargetThatNobodyAskedForIsCheckedWithinASecondToo(t *testing.T) {
	w := newWorld(t, 200, 256)
	w.service("orders", tcp(), targets(0, 50)...)
	w.pass(1100 * time.Millisecond)
	for _, at := range targets(0, 50) {
		between(t, fmt.Sprintf("the number of checks of %v in the first second", at), len(w.dialsOf(at)), 1, 2)
	}
}

func TestGears(t *testing.T) {
	w := newWorld(t, 200, 256)
	g := w.service("orders", tcp(), target(1))
	w.pass(5 * time.Minute)
	idle := len(w.dialsOf(target(1)))
	between(t, "the number of checks in 5 minutes without a question", idle, 5, 7)

	// The first question is the only one: it counts for 5 minutes.
	g.Asked()
	w.pass(200 * time.Millisecond)
	between(t, "the number of checks right after the first question", len(w.dialsOf(target(1))), idle+1, idle+2)
	w.pass(5 * time.Minute)
	busy := len(w.dialsOf(target(1))) - idle
	between(t, "the number of checks in the 5 minutes after it", busy, 30, 33)

	w.pass(10 * time.Minute)
	between(t, "the number of checks in 10 more minutes", len(w.dialsOf(target(1)))-idle-busy, 9, 12)
}

func TestAServiceThatIsAskedForAllTheTimeIsMovedToTheFrontOnce(t *testing.T) {
	w := newWorld(t, 200, 256)
	g := w.service("orders", tcp(), target(1))
	for range 1000 {
		g.Asked()
		w.pass(100 * time.Millisecond)
	}
	between(t, "the number of checks in 100 s", len(w.dials), 10, 12)
}

func TestTheFirstQuestionMovesTheChecksToTheFront(t *testing.T) {
	w := newWorld(t, 12, 256)
	crowd := w.service("crowd/crowd", tcp(), targets(1000, 60)...)
	for i := range 20 {
		w.service(fmt.Sprintf("crowd-%d/crowd", i), tcp(), targets(2000+60*i, 60)...)
	}
	g := w.service("orders", tcp(), target(1), target(2))
	_ = crowd
	w.pass(3 * time.Second)
	if w.core.lanes.lag(w.core.elapsed(w.now)) < time.Second {
		t.Fatal("nothing waits")
	}
	before := len(w.dials)
	g.Asked()
	w.pass(time.Second)
	after := w.dials[before:]
	if len(after) < 2 || after[0].at.Port() != 5432 ||
		!slices.Contains(targets(1, 2), after[0].at) || !slices.Contains(targets(1, 2), after[1].at) {
		t.Errorf("dialled first: %v", after[:min(len(after), 3)])
	}
}

// Each of them sees that the other one is asked for, and nobody has hurried yet.
func TestTheFirstQuestionsAboutTwoServicesOfOneTargetMoveItToTheFront(t *testing.T) {
	for i := range 20 {
		w := newWorld(t, 200, 256)
		one, other := w.service(fmt.Sprintf("one-%d", i), tcp(), target(i)), w.service(fmt.Sprintf("other-%d", i), tcp(), target(i))
		w.pass(2 * time.Second)
		before := len(w.dials)
		one.Asked()
		other.Asked()
		w.pass(12 * time.Second)
		if len(w.dials) == before {
			t.Errorf("the target %d was not dialled within 12 s", i)
		}
	}
}

func TestProcessesDoNotMarchTogether(t *testing.T) {
	// Both begin at the same time. How the phases of many targets differ is as random as the
	// phases themselves: a quarter of them come within an eighth of the interval.
	a, b := newWorld(t, 200, 256), newWorld(t, 200, 256)
	for _, w := range []*world{a, b} {
		w.service("orders", tcp(), targets(0, 60)...).Asked()
		w.pass(30 * time.Second)
	}
	near := 0
	for _, at := range targets(0, 60) {
		x, y := a.dialsOf(at), b.dialsOf(at)
		apart := (x[len(x)-1] - y[len(y)-1]).Abs()
		if apart = min(apart, 10*time.Second-apart); apart < 10*time.Second/8 {
			near++
		}
	}
	between(t, "the number of targets that two processes ask close together", near, 3, 32)
}

func TestDelaysAreLongerAndShorterByUpToATenth(t *testing.T) {
	for _, row := range []struct {
		random float64
		want   time.Duration
	}{{0, 9 * time.Second}, {0.5, 10 * time.Second}, {1, 11 * time.Second}} {
		w := newWorld(t, 200, 256)
		w.core.random = func() float64 { return row.random }
		w.service("orders", tcp(), target(1)).Asked()
		w.pass(2 * time.Minute)
		when := w.dialsOf(target(1))
		between(t, "an interval", when[5]-when[4], row.want, row.want+200*time.Millisecond)
	}
}

func TestOneCheckHoweverManyServicesWantIt(t *testing.T) {
	w := newWorld(t, 200, 256)
	var all []*Group
	for i := range 100 {
		g := w.service(fmt.Sprintf("team-%d/db", i%10), tcp(), target(1))
		g.Asked()
		all = append(all, g)
	}
	other := w.service("other", web("/healthz"), target(1))
	w.refuses(target(1))
	w.pass(60 * time.Second)
	between(t, "the number of checks in a minute", len(w.dialsOf(target(1))), 2+5+1, 2*(2+7)+2)
	for _, g := range append(all, other) {
		equal(t, "a verdict", verdicts(g, target(1)), []check.Verdict{check.Failing})
	}
	equal(t, "the number of tasks", w.core.table.count, 2)
	for _, g := range all {
		g.Close()
	}
	w.pass(time.Second)
	equal(t, "the number of tasks that fail", len(w.e.Failing()), 1)
	w.pass(61 * time.Second)
	equal(t, "the number of tasks a minute later", w.core.table.count, 1)
}

func TestATargetThatMovesKeepsItsVerdictForAMinute(t *testing.T) {
	for _, row := range []struct {
		name string
		gone time.Duration
		want check.Verdict
	}{
		{"back within a minute", 59 * time.Second, check.Failing},
		{"back after more than a minute", 61 * time.Second, check.Unknown},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, 200, 256)
			w.refuses(target(1))
			g := w.service("orders", tcp(), target(1), target(2))
			w.pass(20 * time.Second)
			g.Watch(tcp(), w.guard, false, targets(2, 1))
			w.pass(100 * time.Millisecond)
			before := len(w.dialsOf(target(1)))
			w.pass(row.gone - 100*time.Millisecond)
			equal(t, "the number of checks that nobody wants", len(w.dialsOf(target(1)))-before, 0)
			w.answer = nothing
			g.Watch(tcp(), w.guard, false, targets(1, 2))
			w.pass(time.Second)
			equal(t, "the verdict", verdicts(g, target(1)), []check.Verdict{row.want})
		})
	}
}

func TestToComeAndGoMakesNoCheckSooner(t *testing.T) {
	w := newWorld(t, 200, 256)
	g := w.service("orders", tcp(), target(1))
	g.Asked()
	w.pass(time.Second)
	for range 500 {
		g.Watch(tcp(), w.guard, false, nil)
		w.pass(100 * time.Millisecond)
		g.Watch(tcp(), w.guard, false, targets(1, 1))
		w.pass(100 * time.Millisecond)
	}
	between(t, "the number of checks in 100 s", len(w.dialsOf(target(1))), 8, 13)
}

func TestWhatTheGuardRefusesIsNeverDialled(t *testing.T) {
	w := newWorld(t, 200, 256)
	w.guard = guardOf(t, "databases", "to", "10.0.0.0/24", "ports", "5432", "kinds", "tcp")
	metadata := netip.MustParseAddrPort("169.254.169.254:5432")
	all := append(targets(1, 2), netip.AddrPortFrom(target(3).Addr(), 80), target(300), metadata)
	g := w.service("orders", tcp(), all...)
	elsewhere := w.service("sales/orders", tcp(), target(1))
	kind := w.service("web", web("/healthz"), target(1))
	w.pass(10 * time.Second)

	found := g.Findings()
	equal(t, "what is refused", fmt.Sprint(len(found.NotAllowed), found.NotAllowed[target(3).Addr()],
		found.NotAllowed[target(300).Addr()], found.NotAllowed[metadata.Addr()]), "3 port address never")
	equal(t, "the verdict in another namespace", elsewhere.Findings().NotAllowed[target(1).Addr()], check.ByAddress)
	equal(t, "the verdict of another kind", kind.Findings().NotAllowed[target(1).Addr()], check.ByKind)
	equal(t, "the refusals", fmt.Sprint(w.refused), "map[address:2 kind:1 never:1 port:1]")
	for _, d := range w.dials {
		if d.at != target(1) && d.at != target(2) {
			t.Errorf("%v was dialled", d.at)
		}
	}

	// What is forbidden later is not dialled from then on.
	w.guard.Forbid(target(2).Addr())
	before := len(w.dialsOf(target(2)))
	g.Asked()
	w.pass(time.Minute)
	equal(t, "the number of checks of what is forbidden", len(w.dialsOf(target(2)))-before, 0)
	equal(t, "its verdict", g.Findings().NotAllowed[target(2).Addr()], check.ByNever)
	equal(t, "the verdicts of both", verdicts(g, target(1), target(2)), []check.Verdict{check.Passing, check.NotAllowed})
}

func TestOneOwnerThatIsRefusedDoesNotEndTheCheckOfAnother(t *testing.T) {
	w := newWorld(t, 200, 256)
	other := everything(t)
	first := w.service("a/orders", tcp(), target(1))
	w.pass(200 * time.Millisecond)
	second := w.e.Group(keyOf("b/orders"), func() {})
	second.Watch(tcp(), other, false, targets(1, 1))
	w.pass(time.Second)
	w.guard.Forbid(target(1).Addr())
	second.Asked()
	w.pass(time.Minute)
	equal(t, "the verdicts", fmt.Sprint(verdicts(first, target(1)), verdicts(second, target(1))), "[refused] [pass]")
}

func TestBudgetOfANamespace(t *testing.T) {
	w := newWorld(t, 10_000, 4096)
	g := w.service("orders", tcp(), targets(0, 70)...)
	other := w.service("sales/orders", tcp(), targets(0, 60)...)
	w.pass(900 * time.Millisecond)
	equal(t, "the number of pairs that begin at once", w.core.budget.namespaces["databases"].checks, 60)
	w.pass(200 * time.Millisecond)
	between(t, "the number of those without budget", len(g.Findings().NotAllowed), 9, 10)
	equal(t, "the reason", g.Findings().NotAllowed[target(69).Addr()], check.ByBudget)
	equal(t, "the number without budget elsewhere", len(other.Findings().NotAllowed), 0)
	equal(t, "the refusals, each once", w.refused["budget"], 10)
	w.pass(5 * time.Second)
	between(t, "the number without budget 6 s after the start", len(g.Findings().NotAllowed), 3, 5)
	w.pass(6 * time.Second)
	equal(t, "the number without budget 12 s after the start", len(g.Findings().NotAllowed), 0)
	equal(t, "the refusals in all", w.refused["budget"], 10)
}

func TestServicesOfANamespaceTakeTurnsAtItsBudget(t *testing.T) {
	w := newWorld(t, 10_000, 4096)
	large := w.service("large", tcp(), targets(0, 300)...)
	w.pass(time.Second)
	small := w.service("small", tcp(), targets(1000, 2)...)
	w.pass(6 * time.Second)
	equal(t, "the number of the small Service without budget", len(small.Findings().NotAllowed), 0)
	between(t, "the number of the large Service without budget", len(large.Findings().NotAllowed), 230, 240)
}

func TestANamespaceHasAThousandChecks(t *testing.T) {
	w := newWorld(t, 100_000, 4096)
	w.core.budget.new = 5000
	g := w.service("orders", tcp(), targets(0, 990)...)
	more := w.service("more", tcp(), targets(980, 30)...)
	w.pass(2 * time.Second)
	equal(t, "the number that one Service has not", len(g.Findings().NotAllowed), 0)
	equal(t, "the number that the other one has not", len(more.Findings().NotAllowed), 10)
	equal(t, "the number of tasks", w.core.table.count, 1000)
	g.Watch(tcp(), w.guard, false, targets(0, 985))
	w.pass(2 * time.Second)
	equal(t, "the number that it has not after some are free", len(more.Findings().NotAllowed), 10-0)
	g.Watch(tcp(), w.guard, false, targets(0, 975))
	w.pass(2 * time.Second)
	equal(t, "the number that it has not after more are free", len(more.Findings().NotAllowed), 5)
}

func TestToBringAPairBackIsNotNew(t *testing.T) {
	for _, row := range []struct {
		name string
		gone time.Duration
		want int
	}{
		{"within an hour", 50 * time.Minute, 0},
		{"after an hour", 61 * time.Minute, 40},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld(t, 1000, 256)
			g := w.service("orders", tcp(), targets(0, 40)...)
			w.pass(time.Second)
			g.Watch(tcp(), w.guard, false, nil)
			w.pass(row.gone)
			// Sixty others use the budget up.
			other := w.service("other", tcp(), targets(100, 60)...)
			w.pass(100 * time.Millisecond)
			g.Watch(tcp(), w.guard, false, targets(0, 40))
			w.pass(900 * time.Millisecond)
			between(t, "the number without budget", len(g.Findings().NotAllowed), max(row.want-1, 0), row.want)
			equal(t, "the number of others without budget", len(other.Findings().NotAllowed), 0)
		})
	}
}

func TestAnotherSpecOfAPairIsNotNew(t *testing.T) {
	w := newWorld(t, 1000, 256)
	g := w.service("orders", tcp(), targets(0, 60)...)
	w.pass(time.Second)
	g.Watch(web("/healthz"), w.guard, false, targets(0, 60))
	w.pass(time.Second)
	equal(t, "the number without budget", len(g.Findings().NotAllowed), 0)
	also := w.service("also", web("/readyz"), targets(0, 60)...)
	w.pass(time.Second)
	equal(t, "the number without budget of another Service", len(also.Findings().NotAllowed), 0)
}

func TestPairsAreBoundedAndOnesThatComeAndGoDoNotPushOthersOut(t *testing.T) {
	var p pairs
	for i := range mostPairs + 10 {
		p.remember(pair{"a", target(i)}, time.Duration(i))
	}
	equal(t, "the number of pairs", len(p.at), mostPairs)
	equal(t, "the number in order", p.order.Len(), mostPairs)
	if p.takes(pair{"a", target(9)}, time.Minute) || !p.takes(pair{"a", target(10)}, time.Minute) {
		t.Error("it is not the oldest ones that were forgotten")
	}
	p = pairs{}
	p.remember(pair{"a", target(0)}, 0)
	for range 3 * mostPairs {
		p.remember(pair{"b", target(1)}, 0)
	}
	if !p.takes(pair{"a", target(0)}, time.Minute) || p.takes(pair{"a", target(0)}, time.Minute) {
		t.Error("a pair was pushed out by another one, or is there twice")
	}
	if p.takes(pair{"b", target(1)}, remembered) {
		t.Error("a pair is remembered for more than an hour")
	}
}

func TestSixteenWaysToCheckOneTarget(t *testing.T) {
	w := newWorld(t, 1000, 256)
	var all []*Group
	for i := range 20 {
		all = append(all, w.service(fmt.Sprintf("team-%d/db", i), web(fmt.Sprintf("/%d", i)), target(1)))
	}
	w.pass(2 * time.Second)
	refused := 0
	for _, g := range all {
		if g.Findings().NotAllowed[target(1).Addr()] == check.BySpecs {
			refused++
		}
	}
	equal(t, "the number that is refused", refused, 4)
	between(t, "the number of checks", len(w.dials), 16, 20)
	for _, g := range all[:5] {
		g.Close()
	}
	w.pass(time.Minute)
	equal(t, "the verdict while the old ones are remembered", verdicts(all[16], target(1)), []check.Verdict{check.NotAllowed})
	w.pass(3 * time.Second)
	for _, g := range all[16:] {
		equal(t, "the verdict when they are forgotten", verdicts(g, target(1)), []check.Verdict{check.Passing})
	}
}

func TestAnotherSpecIsAnotherCheck(t *testing.T) {
	w := newWorld(t, 200, 256)
	w.refuses(target(1))
	g := w.service("orders", tcp(), target(1))
	w.pass(10 * time.Second)
	equal(t, "the verdict", verdicts(g, target(1)), []check.Verdict{check.Failing})
	w.refuses()
	g.Watch(web("/healthz"), w.guard, false, targets(1, 1))
	w.pass(3 * time.Second)
	equal(t, "the verdict of another check", verdicts(g, target(1)), []check.Verdict{check.Passing})
	w.pass(2 * time.Minute)
	equal(t, "the number of Specs", len(w.core.table.specs), 1)
	g.Close()
	w.pass(2 * time.Minute)
	equal(t, "the number of Specs, tasks and namespaces at the end",
		fmt.Sprint(len(w.core.table.specs), w.core.table.count, len(w.core.table.tasks), len(w.core.budget.namespaces)), "0 0 0 0")
	if !w.next.IsZero() {
		t.Errorf("an engine without checks wants to look at the time at %v", w.next)
	}
}

func TestTargetsThatHangDoNotHoldUpOthers(t *testing.T) {
	w := newWorld(t, 10_000, 64)
	w.core.budget.new = 1000
	hang := func(at netip.AddrPort) bool { return at.Addr().Compare(target(1000).Addr()) >= 0 }
	w.dead(check.TimedOut, time.Hour, hang)
	g := w.service("orders", tcp(), targets(0, 10)...)
	w.service("dead", tcp(), targets(1000, 400)...).Asked()
	g.Asked()
	w.pass(2 * time.Minute)
	w.answer = func(_ *world, at netip.AddrPort, _ *check.Spec) (check.Cause, time.Duration) {
		switch {
		case hang(at):
			return check.TimedOut, time.Hour
		case at == target(3):
			return check.Refused, time.Millisecond
		}
		return check.Passed, time.Millisecond
	}
	w.pass(15 * time.Second)
	equal(t, "the verdict", verdicts(g, target(2), target(3)), []check.Verdict{check.Passing, check.Failing})
	between(t, "the number of those that hang", w.inflight["failing"], 1, 16)
	equal(t, "the lanes", fmt.Sprint(w.core.lanes.lane[passing].most, w.core.lanes.lane[failing].most), "48 16")
}

func TestWhatDoesNotFitTheBudgetWaitsInOrder(t *testing.T) {
	w := newWorld(t, 20, 256)
	w.core.budget.new = 1000
	w.service("orders", tcp(), targets(0, 400)...).Asked()
	w.pass(200 * time.Second)
	between(t, "the number of checks in 200 s at 20 a second", len(w.dials), 3900, 4020)
	least, most := len(w.dials), 0
	for _, at := range targets(0, 400) {
		n := len(w.dialsOf(at))
		least, most = min(least, n), max(most, n)
	}
	if most-least > 3 {
		t.Errorf("targets were checked from %d to %d times, want about 10 times each", least, most)
	}
	between(t, "the lag", w.lag, 5*time.Second, 15*time.Second)
}

func TestADearCheckWaitsUntilItsUnitsAreThere(t *testing.T) {
	s := tcp()
	s.Kind = check.TLS
	w := newWorld(t, 12, 256)
	w.service("orders", s, targets(0, 5)...)
	w.pass(5200 * time.Millisecond)
	between(t, "the number of checks of 12 units in 5 s at 12 units a second", len(w.dials), 5, 6)
	for i := 1; i < len(w.dials); i++ {
		if apart := w.dials[i].when - w.dials[i-1].when; apart < 900*time.Millisecond {
			t.Errorf("two checks of 12 units are %v apart", apart)
		}
	}
}

func TestFindingsChangeAtWholeSeconds(t *testing.T) {
	w := newWorld(t, 200, 256)
	var told []time.Duration
	g := w.e.Group(keyOf("orders"), func() { told = append(told, w.now.Sub(begin)) })
	g.Watch(tcp(), w.guard, false, targets(0, 20))
	for i := range 60 {
		w.refuses(targets(0, i%21)...)
		g.Asked()
		w.pass(time.Second)
	}
	if len(told) < 10 {
		t.Fatalf("told at %v", told)
	}
	for i, at := range told {
		if at%time.Second != 0 || i > 0 && at == told[i-1] {
			t.Errorf("told at %v", told)
			break
		}
	}
	told = nil
	w.refuses()
	w.pass(5 * time.Minute)
	told = nil
	w.pass(5 * time.Minute)
	equal(t, "how often it is told while nothing changes", len(told), 0)
	g.Watch(tcp(), w.guard, false, nil)
	w.pass(time.Second)
	equal(t, "how often it is told of the end", len(told), 1)
	if g.Findings() != nil {
		t.Errorf("found after the end: %v", g.Findings())
	}
}

func TestAGroupThatIsClosedIsNotTold(t *testing.T) {
	w := newWorld(t, 200, 256)
	told := 0
	g := w.e.Group(keyOf("orders"), func() { told++ })
	g.Watch(tcp(), w.guard, false, targets(0, 2))
	w.pass(2 * time.Second)
	told = 0
	g.Close()
	g.Watch(tcp(), w.guard, false, targets(0, 2))
	w.pass(2 * time.Minute)
	equal(t, "how often it is told", told, 0)
	equal(t, "the number of tasks", w.core.table.count, 0)
}

func TestWords(t *testing.T) {
	w := newWorld(t, 200, 256)
	w.core.phase = func(taskKey) uint64 { return uint64(500 * time.Millisecond) }
	g := w.service("orders", tcp(), targets(1, 3)...)
	g.Asked()
	w.pass(30 * time.Second)
	equal(t, "the lines of a good start", w.lines, []string{})
	w.refuses(target(1))
	w.pass(30 * time.Second)
	w.refuses()
	w.pass(4 * time.Minute)
	if len(w.lines) != 2 || w.lines[0] != "Check of databases/orders: 10.0.0.1:5432 fails (refused, 3 times); 2 of 3 pass" ||
		!strings.HasPrefix(w.lines[1], "Check of databases/orders: 10.0.0.1:5432 passes again after ") ||
		!strings.HasSuffix(w.lines[1], "s; 3 of 3 pass") {
		t.Errorf("logged: %q", w.lines)
	}
	w.lines = nil
	w.refuses(targets(1, 3)...)
	for i := range g.members {
		w.core.forward(g.members[i].task, w.core.elapsed(w.now))
	}
	w.pass(5 * time.Second)
	equal(t, "the line when all fail at once", w.lines, []string{
		"Check of databases/orders: 10.0.0.1:5432 fails (refused, 3 times), and 2 more; 0 of 3 pass"})
}

func TestTheLogIsBounded(t *testing.T) {
	w := newWorld(t, 100_000, 4096)
	w.dead(check.Reset, time.Millisecond, every)
	for i := range 100 {
		w.service(fmt.Sprintf("team-%d/db", i), tcp(), target(i)).Asked()
	}
	w.pass(10 * time.Second)
	between(t, "the number of lines", len(w.lines), 20, 21)
	w.pass(30 * time.Second)
	equal(t, "the last line", w.lines[len(w.lines)-1], "80 more lines on checks were left out in 10s")
	equal(t, "the number of lines", len(w.lines), 21)
}

func TestTargetsInAnyOrderAndTwice(t *testing.T) {
	w := newWorld(t, 200, 256)
	w.refuses(target(2))
	g := w.service("orders", tcp(), target(3), target(1), target(2), target(1))
	w.pass(10 * time.Second)
	equal(t, "the number of tasks", w.core.table.count, 3)
	equal(t, "the verdicts", verdicts(g, targets(1, 3)...), []check.Verdict{check.Passing, check.Failing, check.Passing})
	twice := w.service("twice", tcp(), target(1), target(1))
	w.pass(time.Second)
	equal(t, "the number of members", len(twice.members), 1)
}

func TestMetrics(t *testing.T) {
	w := newWorld(t, 200, 256)
	w.guard = guardOf(t, "*", "to", "10.0.0.0/24", "ports", "5432", "kinds", "tcp")
	w.refuses(target(1), target(2))
	g := w.service("orders", tcp(), append(targets(0, 5), target(300))...)
	w.pass(20 * time.Second)
	equal(t, "the checks", fmt.Sprint(w.checks), "map[tcp fail:2 tcp pass:3 tcp refused:1 tcp unknown:0]")
	equal(t, "the verdicts", fmt.Sprint(w.turned), "map[tcp fail:2 tcp pass:3]")
	equal(t, "the refusals", fmt.Sprint(w.refused), "map[address:1]")
	between(t, "the number that passed", w.checked["tcp passed"], 3, 9)
	between(t, "the number that were refused", w.checked["tcp refused"], 6, 8)
	equal(t, "the lag", w.lag, time.Duration(0))
	g.Close()
	w.pass(2 * time.Second)
	equal(t, "the checks after the end", fmt.Sprint(w.checks), "map[tcp fail:0 tcp pass:0 tcp refused:0 tcp unknown:0]")
}
