package health

import (
	"testing"
	"time"
)

// timeline decides again and again about one address family.
type timeline struct {
	t      *testing.T
	policy Policy
	guard  guard
	now    time.Time
}

func failOpenAt(t *testing.T, percent int) *timeline {
	return &timeline{t: t, policy: Policy{FailOpen: percent}, now: epoch}
}

func (l *timeline) decide(all ...[]Candidate) Verdict {
	var v Verdict
	v, l.guard = decide(&l.policy, l.guard, together(all...), l.now)
	return v
}

func (l *timeline) pass(d time.Duration) { l.now = l.now.Add(d) }

// expect decides about healthy and sick endpoints.
func (l *timeline) expect(healthy, sick int, open bool, when string) Verdict {
	l.t.Helper()
	v := l.decide(times(healthy, aGood), times(sick, aSick))
	if v.FailOpen != open {
		l.t.Errorf("%d healthy, %d sick, %s: fail open is %v, want %v", healthy, sick, when, v.FailOpen, open)
	}
	return v
}

func TestFailOpenIsOffByDefault(t *testing.T) {
	l := failOpenAt(t, FailOpenUnset)
	for range 10 {
		if v := l.expect(0, 10, false, "without fail_open"); inName(&v) != "nothing" || !v.Next.IsZero() {
			t.Errorf("the name has %s, next is %v", inName(&v), v.Next)
		}
		l.pass(time.Hour)
	}
}

func TestFailOpenThresholds(t *testing.T) {
	for _, percent := range []int{1, 10, 33, 50, 51, 67, 99, 100} {
		for n := 2; n <= 23; n++ {
			enough := (percent*n + 99) / 100
			leave := min(n, enough+n/10)
			for healthy := 1; healthy <= n; healthy++ {
				l := failOpenAt(t, percent)
				l.expect(healthy, n-healthy, false, "at first")
				l.pass(2 * time.Second)
				l.expect(healthy, n-healthy, healthy < enough, "after 2 s")

				l.guard = guard{open: true}
				l.expect(healthy, n-healthy, healthy < n, "at first, when it is open")
				l.pass(10 * time.Second)
				l.expect(healthy, n-healthy, healthy < leave, "after 10 s, when it was open")
			}
		}
	}
}

func TestFailOpenTakesItsTime(t *testing.T) {
	l := failOpenAt(t, 50)
	l.expect(10, 0, false, "to begin with")
	l.pass(time.Minute)
	below := l.now
	if v := l.expect(4, 6, false, "at once"); !v.Next.Equal(below.Add(2 * time.Second)) {
		t.Errorf("it changes at %v", v.Next)
	}
	l.pass(2*time.Second - 1)
	l.expect(4, 6, false, "just before 2 s")
	l.pass(1)
	if v := l.expect(4, 6, true, "after 2 s"); inName(&v) != "4 good, 6 sick" || !v.Next.IsZero() {
		t.Errorf("the name has %s, next is %v", inName(&v), v.Next)
	}
	l.pass(time.Hour)
	l.expect(5, 5, true, "with as many as it takes to enter")
	l.pass(time.Hour)
	above := l.now
	if v := l.expect(6, 4, true, "at once"); !v.Next.Equal(above.Add(10*time.Second)) || inName(&v) != "6 good, 4 sick" {
		t.Errorf("the name has %s, next is %v", inName(&v), v.Next)
	}
	l.pass(10*time.Second - 1)
	l.expect(6, 4, true, "just before 10 s")
	l.pass(1)
	if v := l.expect(6, 4, false, "after 10 s"); inName(&v) != "6 good" || !v.Next.IsZero() {
		t.Errorf("the name has %s, next is %v", inName(&v), v.Next)
	}
}

func TestFailOpenDoesNotFlutter(t *testing.T) {
	l := failOpenAt(t, 50)
	for range 20 {
		l.expect(4, 6, false, "while it comes and goes")
		l.pass(2*time.Second - 1)
		l.expect(5, 5, false, "while it comes and goes")
		l.pass(time.Second)
	}
	l.expect(4, 6, false, "at last below")
	l.pass(2 * time.Second)
	l.expect(4, 6, true, "at last below for 2 s")
	for range 20 {
		l.expect(6, 4, true, "while it comes and goes")
		l.pass(10*time.Second - 1)
		l.expect(5, 5, true, "while it comes and goes")
		l.pass(time.Second)
	}
}

func TestFailOpenCountsThoseThatHaveBeenUp(t *testing.T) {
	for _, c := range []struct {
		name string
		all  [][]Candidate
		open bool
	}{
		{"scaling up from 1 to 10 is no alarm", [][]Candidate{times(1, aGood), times(9, aStarting)}, false},
		{"starting, draining and dying endpoints do not count", [][]Candidate{times(2, aGood), times(2, aSick), times(9, aStarting), times(9, aDraining), times(9, aDying)}, false},
		{"those taken out do not count", [][]Candidate{times(2, aGood), times(2, aSick), times(9, aTakenOut)}, false},
		{"the same with sick ones is an alarm", [][]Candidate{times(1, aGood), times(9, aSick)}, true},
		{"damped ones are healthy", [][]Candidate{times(4, aGood), times(1, aDamped), times(5, aSick)}, false},
		{"one damped and nine sick are an alarm", [][]Candidate{times(4, aGood), times(1, aDamped), times(6, aSick)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := failOpenAt(t, 50)
			l.policy.Damping = on
			l.decide(c.all...)
			l.pass(3 * time.Second)
			if v := l.decide(c.all...); v.FailOpen != c.open {
				t.Errorf("fail open is %v", v.FailOpen)
			}
		})
	}
}

func TestFailOpenKeepsDampedEndpoints(t *testing.T) {
	l := failOpenAt(t, 50)
	l.policy.Damping, l.guard = on, guard{open: true}
	if v := l.decide(times(4, aGood), times(1, aDamped), times(9, aSick)); inName(&v) != "4 good, 1 damped, 9 sick" {
		t.Errorf("the name has %s", inName(&v))
	}
}

// A node heartbeat outage turns all Pods not ready, and then ready again one
// after the other.
func TestAClusterWideFalseAlarmNeverEmptiesAName(t *testing.T) {
	for _, draining := range []int{0, 2} {
		for _, fallback := range []Fallback{FallbackDraining, FallbackNone} {
			for _, percent := range []int{1, 50, 100} {
				l := failOpenAt(t, percent)
				l.policy.Fallback = fallback
				for _, sick := range []int{0, 10, 10, 10, 9, 8, 5, 4, 3, 2, 1, 0, 0} {
					for range 8 {
						v := l.decide(times(10-sick, aGood), times(sick, aSick), times(draining, aDraining))
						if inName(&v) == "nothing" {
							t.Fatalf("%d%%, %d sick, %d draining: the name is empty", percent, sick, draining)
						}
						l.pass(time.Second)
					}
				}
				l.pass(10 * time.Second)
				if v := l.decide(times(10, aGood)); v.FailOpen || l.guard.open {
					t.Errorf("%d%%: it is still open", percent)
				}
			}
		}
	}
}

func TestFailOpenForgetsWhatIsGone(t *testing.T) {
	l := failOpenAt(t, 50)
	l.expect(0, 3, true, "with nothing else")
	if v := l.decide(times(3, aStarting)); v.FailOpen || !v.Next.IsZero() || l.guard != (guard{}) {
		t.Errorf("after all Pods are replaced: %+v, %+v", v, l.guard)
	}
	l.policy.FailOpen = FailOpenOff
	l.guard = guard{open: true}
	l.expect(0, 3, false, "after fail_open is turned off")
	if l.guard != (guard{}) {
		t.Errorf("after fail_open is turned off: %+v", l.guard)
	}
}

// Where nobody says otherwise, checks empty no name, and it takes 10 seconds to trust who is
// back.
func TestFailOpenOfAServiceThatIsChecked(t *testing.T) {
	l := failOpenAt(t, FailOpenUnset)
	l.policy = l.policy.Checked()
	step := func(want string, all ...[]Candidate) Verdict {
		t.Helper()
		v := l.decide(all...)
		if got := inName(&v); got != want {
			t.Errorf("%v: the name has %s, want %s", l.now.Sub(epoch), got, want)
		}
		return v
	}
	step("3 good", times(3, aGood))
	step("1 good", times(1, aGood), times(2, aFailing))
	step("3 sick", times(3, aFailing))
	l.pass(time.Hour)
	step("3 sick", times(3, aFailing))
	if v := step("1 good, 2 sick", times(1, aGood), times(2, aFailing)); !v.Next.Equal(l.now.Add(10 * time.Second)) {
		t.Errorf("next is in %v", v.Next.Sub(l.now))
	}
	l.pass(10 * time.Second)
	step("1 good", times(1, aGood), times(2, aFailing))
	if step("3 good", times(3, aGood)); l.guard != (guard{}) {
		t.Errorf("in the end it remembers %+v", l.guard)
	}

	// Those that slices call down are no alarm, and are not published for it.
	step("nothing", times(3, aSick))
	if v := step("1 draining", times(1, aDraining), times(2, aFailing)); !v.Next.Equal(l.now.Add(2 * time.Second)) {
		t.Errorf("next is in %v", v.Next.Sub(l.now))
	}
	l.pass(2 * time.Second)
	step("1 draining, 2 sick", times(1, aDraining), times(2, aFailing), times(1, aSick))

	l.policy.FailOpen = FailOpenOff
	step("nothing", times(3, aFailing))
	l.policy.FailOpen = 50
	step("3 sick", times(2, aFailing), times(1, aSick))
}

func TestOnlyWhatNobodySaysDependsOnChecks(t *testing.T) {
	for from, to := range map[int]int{FailOpenUnset: FailOpenByCheck, FailOpenOff: FailOpenOff, 1: 1, 100: 100} {
		if got := (Policy{FailOpen: from}).Checked(); got != (Policy{FailOpen: to}) {
			t.Errorf("%v becomes %v, want %v", from, got.FailOpen, to)
		}
	}
}
