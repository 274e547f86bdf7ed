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

// settled returns a world with a Service of so many targets, which have passed.
func settled(t *testing.T, count int) (*world, *Group) {
	w := newWorld(t, 1000, 256)
	g := w.service("orders", tcp(), targets(0, count)...)
	g.Asked()
	w.pass(30 * time.Second)
	for len(w.flights) > 0 {
		w.pass(time.Millisecond)
	}
	return w, g
}

func failingOf(g *Group) int { return len(g.Findings().Failing) }

func TestAProcessThatIsCutOffBlamesNoTarget(t *testing.T) {
	for _, row := range []struct {
		name  string
		count int
		cause check.Cause
		took  time.Duration
		want  int
	}{
		{"five targets that refuse at once are held", 5, check.Refused, time.Millisecond, 0},
		{"five targets that hang are held", 5, check.TimedOut, time.Hour, 0},
		{"fifty that are unreachable are held", 50, check.Unreachable, time.Millisecond, 0},
		{"four are too few to tell", 4, check.Refused, time.Millisecond, 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, g := settled(t, row.count)
			w.dead(row.cause, row.took, every)
			for range 8 {
				g.Asked()
				w.pass(time.Minute)
				equal(t, "the number that fail", failingOf(g), row.want)
			}
			if row.want == 0 {
				equal(t, "what metrics were told of being blind", w.blind, []bool{true})
				if len(w.lines) != 1 || !strings.HasPrefix(w.lines[0], "No check has passed for 2") ||
					!strings.HasSuffix(w.lines[0], fmt.Sprintf(", of %d addresses that did: verdicts are held", row.count)) {
					t.Errorf("logged: %q", w.lines)
				}
			}
			// One that passes ends it, and those that fail still count.
			w.lines = nil
			w.refuses(targets(1, row.count-1)...)
			g.Asked()
			w.pass(30 * time.Second)
			equal(t, "the number that fail when one passes", failingOf(g), row.count-1)
			if row.want == 0 && (len(w.lines) < 2 || !slices.Contains(w.lines, "A check passes again: verdicts count")) {
				t.Errorf("logged: %q", w.lines)
			}
		})
	}
}

func TestWhatIsHeldIsHeldForTenMinutes(t *testing.T) {
	w, g := settled(t, 5)
	w.dead(check.Refused, time.Millisecond, every)
	for range 9 {
		g.Asked()
		w.pass(time.Minute)
	}
	equal(t, "the number that fail after 9 minutes", failingOf(g), 0)
	for range 3 {
		g.Asked()
		w.pass(time.Minute)
	}
	equal(t, "the number that fail after 12 minutes", failingOf(g), 5)
	equal(t, "what metrics were told", w.blind, []bool{true, false})
}

func TestWhoWantsToBeEmptyIsNotHeld(t *testing.T) {
	w, g := settled(t, 5)
	g.Watch(tcp(), w.guard, true, targets(0, 5))
	other := w.service("others", tcp(), targets(5, 5)...)
	other.Asked()
	w.pass(30 * time.Second)
	w.dead(check.Refused, time.Millisecond, every)
	g.Asked()
	w.pass(30 * time.Second)
	equal(t, "the number that fail", fmt.Sprint(failingOf(g), failingOf(other)), "5 0")
}

func TestOneDeadTargetOfFewIsNotTakenForACut(t *testing.T) {
	// Of five, each is asked every ten seconds: nothing may pass while one fails three times.
	// The witnesses are called then.
	worst := time.Duration(0)
	for i := range 20 {
		w, g := settled(t, 5)
		w.pass(time.Duration(i) * 700 * time.Millisecond)
		w.refuses(target(2))
		for at := w.now; failingOf(g) == 0; {
			w.pass(time.Second)
			if worst = max(worst, w.now.Sub(at)); worst > time.Minute {
				t.Fatal("it is never found")
			}
		}
	}
	between(t, "the longest time to find it", worst, time.Second, 14*time.Second)
}

func TestTheWitnessesAreCalledAlsoInALowGear(t *testing.T) {
	for i := range 10 {
		w := newWorld(t, 1000, 256)
		g := w.service("orders", tcp(), targets(0, 5)...)
		w.pass(2*time.Minute + time.Duration(i)*7*time.Second)
		w.refuses(target(2))
		for w.checked["tcp refused"] == 0 {
			w.pass(100 * time.Millisecond)
		}
		w.pass(4 * time.Second)
		equal(t, "the number that fail 4 s after the first failure", failingOf(g), 1)
	}
}

func TestWhatIsHeldCountsAsSoonAsACheckPasses(t *testing.T) {
	w, g := settled(t, 5)
	w.dead(check.Refused, time.Millisecond, every)
	for range 3 {
		g.Asked()
		w.pass(time.Minute)
	}
	w.refuses(targets(1, 4)...)
	for passed := w.checked["tcp passed"]; w.checked["tcp passed"] == passed; {
		w.pass(100 * time.Millisecond)
	}
	w.pass(1200 * time.Millisecond)
	equal(t, "the number that fail a second after one has passed", failingOf(g), 4)
}

func TestWhatComesOfATargetThatNobodyWantsDoesNotCount(t *testing.T) {
	w, g := settled(t, 1)
	w.dead(check.TimedOut, time.Hour, every)
	for w.checked["tcp timeout"] < 2 || len(w.flights) == 0 {
		w.pass(100 * time.Millisecond)
	}
	g.Watch(tcp(), w.guard, false, nil)
	w.pass(5 * time.Second)
	equal(t, "the number of failures", w.checked["tcp timeout"], 3)
	w.answer = nothing
	g.Watch(tcp(), w.guard, false, targets(0, 1))
	w.pass(2 * time.Second)
	equal(t, "the verdict", verdicts(g, target(0)), []check.Verdict{check.Passing})
}

func TestHalfOfAllMayFailAtOnce(t *testing.T) {
	w, g := settled(t, 50)
	w.dead(check.TimedOut, time.Hour, func(at netip.AddrPort) bool { return at.Addr().As4()[3] < 49 })
	w.pass(21 * time.Second)
	equal(t, "the number that fail", failingOf(g), 49)
	equal(t, "what metrics were told of being blind", w.blind, []bool{})
}

func TestFewChecksInALowGearAreNotBlind(t *testing.T) {
	w := newWorld(t, 1000, 256)
	w.service("orders", tcp(), targets(0, 5)...)
	w.pass(time.Hour)
	equal(t, "what metrics were told of being blind", w.blind, []bool{})
	equal(t, "the lines", w.lines, []string{})
}

func TestTargetsThatAreGoneAreStillWitnesses(t *testing.T) {
	w, g := settled(t, 8)
	w.dead(check.Refused, time.Millisecond, every)
	g.Watch(tcp(), w.guard, false, targets(0, 2))
	g.Asked()
	w.pass(time.Minute)
	equal(t, "the number that fail", failingOf(g), 0)
	g.Close()
	w.pass(2 * time.Minute)
	equal(t, "what metrics were told", w.blind, []bool{true, false})
}

func TestAProcessThatDidNotRunBlamesNoTarget(t *testing.T) {
	for _, row := range []struct {
		name string
		stop time.Duration
		void bool
	}{
		{"30 s, as by SIGSTOP", 30 * time.Second, true},
		{"more than a quarter of the timeout", 700 * time.Millisecond, true},
		{"less than a quarter of the timeout", 400 * time.Millisecond, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, g := settled(t, 20)
			hang := true
			w.answer = func(*world, netip.AddrPort, *check.Spec) (check.Cause, time.Duration) {
				if hang {
					return check.TimedOut, time.Hour
				}
				return check.Passed, time.Millisecond
			}
			for len(w.flights) == 0 {
				w.pass(100 * time.Millisecond)
			}
			flying := len(w.flights)
			hang = false
			before := w.checked["tcp timeout"]
			w.pass(time.Second)
			w.stop(row.stop)
			w.pass(2 * time.Second)
			equal(t, "the number of void checks", w.checked["tcp void"], map[bool]int{true: flying}[row.void])
			equal(t, "the number of timeouts", w.checked["tcp timeout"]-before, map[bool]int{false: flying}[row.void])
			w.pass(time.Minute)
			equal(t, "the number that fail", failingOf(g), 0)
			equal(t, "the number of verdicts", w.turned["tcp fail"], 0)
			equal(t, "what metrics were told of being blind", w.blind, []bool{})
		})
	}
}

func TestLateTicksAreForgotten(t *testing.T) {
	var d doubts
	for i := range 100_000 {
		d.wasLate(time.Duration(i*7919%1000)*time.Millisecond, time.Duration(i)*tick)
	}
	if len(d.late) > 20 {
		t.Errorf("%d late ticks are remembered", len(d.late))
	}
	d = doubts{}
	d.wasLate(600*time.Millisecond, 10*time.Second)
	for _, row := range []struct {
		name           string
		since, timeout time.Duration
		want           bool
	}{
		{"a check that was under way", 9 * time.Second, 2 * time.Second, true},
		{"one with a longer timeout", 9 * time.Second, 3 * time.Second, false},
		{"one that began later", 11 * time.Second, 2 * time.Second, false},
	} {
		equal(t, row.name, d.starved(row.since, row.timeout), row.want)
	}
}
