package health

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"pgregory.net/rapid"
)

// watched is a Service with one slice, whose first Pod is the one to look at.
// Nine others are always up.
type watched struct {
	damping Damping
	memory  Memory
	slice   *model.Slice
	now     time.Time
	flaps   int
}

var theOne = model.PodID{1}

func nobody(model.PodID) bool { return false }

func watch(d Damping) *watched {
	w := &watched{damping: d, now: epoch}
	w.report(isUp)
	return w
}

func sliceOf(of ...model.Endpoint) *model.Slice { return &model.Slice{Endpoints: of} }

func pod(id byte, c model.Conditions) model.Endpoint {
	return model.Endpoint{ID: model.PodID{id}, Conditions: c}
}

// report is a new state of the slice, in which the Pod has those conditions.
func (w *watched) report(c model.Conditions) {
	after := sliceOf(pod(theOne[0], c))
	for i := range byte(9) {
		after.Endpoints = append(after.Endpoints, pod(10+i, isUp))
	}
	w.flaps += w.memory.observed(w.damping, w.slice, after, nobody, w.now)
	w.slice = after
}

// flap takes the Pod down at the time given since epoch, and up again. It
// returns what is remembered of it while it is down.
func (w *watched) flap(at, down time.Duration) Past {
	w.now = epoch.Add(at)
	w.report(isDown)
	past := *w.memory.pasts[theOne]
	w.now = w.now.Add(down)
	w.report(isUp)
	return past
}

func (w *watched) decide() Verdict {
	all := make([]Candidate, len(w.slice.Endpoints))
	for i, e := range w.slice.Endpoints {
		all[i] = Candidate{Conditions: e.Conditions, Past: w.memory.pasts[e.ID]}
	}
	v, _ := decide(&Policy{Damping: w.damping}, guard{}, all, w.now)
	return v
}

func (w *watched) tier() Tier {
	v := w.decide()
	return v.Tiers[0]
}

func TestFlapSeries(t *testing.T) {
	for _, c := range []struct {
		every time.Duration
		// suppressed is the first flap after which the Pod is damped, 0 for none.
		suppressed int
		// steady is the penalty right after a flap in the long run, 0 for the ceiling.
		steady float64
	}{
		{10 * time.Second, 3, 0},
		{40 * time.Second, 4, 0},
		{60 * time.Second, 4, 0},
		{80 * time.Second, 6, 0},
		{100 * time.Second, 0, 2279},
		{120 * time.Second, 0, 2000},
		{300 * time.Second, 0, 1215},
	} {
		t.Run("every "+c.every.String(), func(t *testing.T) {
			w := watch(on)
			first := 0
			for n := 1; n <= 100; n++ {
				w.flap(time.Duration(n-1)*c.every, 2*time.Second)
				if first == 0 && w.tier() == Damped {
					first = n
				}
				if past := w.memory.pasts[theOne]; past.Penalty > 4243 {
					t.Fatalf("the penalty is %v", past.Penalty)
				}
			}
			if first != c.suppressed {
				t.Errorf("damped at flap %d, want %d", first, c.suppressed)
			}
			if w.flaps != 100 {
				t.Errorf("%d flaps are counted", w.flaps)
			}
			if got := w.memory.pasts[theOne].Penalty; c.steady > 0 && math.Abs(got-c.steady) > 1 {
				t.Errorf("the penalty gets to %v, want %v", got, c.steady)
			}
		})
	}
}

func TestOneOrTwoFlapsAreNeverDamped(t *testing.T) {
	for _, apart := range []time.Duration{time.Second, 5 * time.Second, time.Minute} {
		w := watch(on)
		for n := range 2 {
			w.flap(time.Duration(n)*apart, 500*time.Millisecond)
			if w.tier() != Good {
				t.Errorf("%v apart, flap %d: %v", apart, n+1, w.tier())
			}
		}
	}
}

// A Pod that crashes 5 s after it is up, and is restarted with the kubelet's
// back-off.
func TestCrashLoop(t *testing.T) {
	w := watch(on)
	at := 5 * time.Second
	var damped []string
	var free time.Duration
	for n, down := range []int{10, 20, 40, 80, 160, 300, 300, 300, 300} {
		past := w.flap(at, time.Duration(down)*time.Second)
		damped = append(damped, fmt.Sprintf("%d %v", n+1, w.tier() == Damped))
		if !past.Until.IsZero() {
			free = max(free, past.Until.Sub(epoch))
		}
		at += time.Duration(down+5) * time.Second
	}
	want := []string{"1 false", "2 false", "3 true", "4 true", "5 true", "6 false", "7 false", "8 false", "9 false"}
	if !slices.Equal(damped, want) {
		t.Errorf("damped after restart %v, want %v", damped, want)
	}
	if free < 515*time.Second || free > 525*time.Second {
		t.Errorf("free for good after %v, want about 520 s", free)
	}
}

func TestReleaseIsWhereThePenaltyFallsBelowTheThreshold(t *testing.T) {
	w := watch(on)
	for n := range 3 {
		w.flap(time.Duration(n)*10*time.Second, time.Second)
	}
	past := w.memory.pasts[theOne]
	if got := decayed(past.Penalty, past.Until.Sub(past.At), on.HalfLife); math.Abs(got-750) > 0.01 {
		t.Errorf("the penalty is %v at the end", got)
	}
	if v := w.decide(); v.Tiers[0] != Damped || !v.Next.Equal(past.Until) {
		t.Errorf("tier %v, next %v, want %v", v.Tiers[0], v.Next, past.Until)
	}
	w.now = past.Until.Add(-1)
	if w.tier() != Damped {
		t.Error("it is free too early")
	}
	w.now = past.Until
	if v := w.decide(); v.Tiers[0] != Good || !v.Next.IsZero() {
		t.Errorf("at the end: tier %v, next %v", v.Tiers[0], v.Next)
	}
}

func TestAFlapWhileDampedProlongsIt(t *testing.T) {
	w := watch(on)
	for n := range 3 {
		w.flap(time.Duration(n)*10*time.Second, time.Second)
	}
	before := w.memory.pasts[theOne].Until
	// By then the penalty is not above the threshold of damping again.
	w.flap(before.Sub(epoch)-time.Second, 2*time.Second)
	past := w.memory.pasts[theOne]
	if past.Penalty >= 2500 {
		t.Fatalf("the penalty is %v", past.Penalty)
	}
	if !past.Until.After(before) || w.tier() != Damped {
		t.Errorf("damped until %v, before until %v", past.Until, before)
	}
}

func TestDampingNeverLastsTooLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Damping{Mode: DampingOn, HalfLife: time.Duration(rapid.IntRange(10, 172).Draw(t, "half-life in s")) * time.Second}
		w := watch(d)
		var at time.Duration
		var last Past
		for range rapid.IntRange(1, 30).Draw(t, "flaps") {
			last = w.flap(at, time.Duration(rapid.IntRange(1, 100).Draw(t, "down in s"))*time.Second)
			if last.Penalty > 750*math.Exp2(300/d.HalfLife.Seconds())+0.01 {
				t.Fatalf("the penalty is %v", last.Penalty)
			}
			if last.Until.Sub(last.At) > 300*time.Second {
				t.Fatalf("damped for %v", last.Until.Sub(last.At))
			}
			if !last.At.Equal(epoch.Add(at)) {
				t.Fatalf("the flap at %v is noted at %v", at, last.At.Sub(epoch))
			}
			at = w.now.Sub(epoch) + time.Duration(rapid.IntRange(1, 100).Draw(t, "up in s"))*time.Second
		}
		w.now = last.At.Add(300 * time.Second)
		w.report(isUp)
		if w.tier() != Good {
			t.Fatal("300 s after the last flap it is still damped")
		}
	})
}

func TestLeavingIsImmediate(t *testing.T) {
	w := watch(on)
	for n := range 10 {
		w.now = epoch.Add(time.Duration(n) * 10 * time.Second)
		w.report(isDown)
		if v := w.decide(); v.Tiers[0] != Sick || v.Published(Sick) {
			t.Errorf("flap %d: tier %v", n+1, v.Tiers[0])
		}
		w.now = w.now.Add(5 * time.Second)
		w.report(isUp)
	}
	w.report(isDraining)
	if v := w.decide(); v.Tiers[0] != Draining || v.Published(Draining) {
		t.Errorf("told to terminate: tier %v", v.Tiers[0])
	}
}

func TestPenaltiesAreForgotten(t *testing.T) {
	everybody := func(model.PodID) bool { return true }
	w := watch(on)
	w.flap(0, time.Second)
	// 1000 falls below 375 after 120 s * log2(1000/375) = 169.8 s.
	w.memory.forgetGone(on, everybody, epoch.Add(169*time.Second))
	if len(w.memory.pasts) != 1 {
		t.Error("forgotten too early")
	}
	w.memory.forgetGone(on, everybody, epoch.Add(170*time.Second))
	if len(w.memory.pasts) != 0 {
		t.Error("not forgotten")
	}

	w = watch(on)
	w.flap(0, time.Second)
	w.now = epoch.Add(170 * time.Second)
	w.report(isUp)
	if len(w.memory.pasts) != 0 {
		t.Error("not forgotten when the Pod is seen again")
	}
}

func TestAPodThatIsDownIsRememberedAsLongAsItIsThere(t *testing.T) {
	for _, d := range []Damping{{}, on} {
		w := watch(d)
		w.report(isDown)
		w.memory.forgetGone(d, func(model.PodID) bool { return true }, epoch.Add(1000*time.Hour))
		w.now = epoch.Add(1000 * time.Hour)
		if w.tier() != Sick {
			t.Errorf("damping %v: a Pod that was up is %v", d, w.tier())
		}
		nobodyIsLeft := func(id model.PodID) bool { return id != theOne }
		w.memory.forgetGone(d, nobodyIsLeft, epoch)
		w.memory.forgetGone(d, nobodyIsLeft, epoch.Add(moveTime-1))
		if len(w.memory.pasts) != 1 {
			t.Errorf("damping %v: a Pod that may be about to move is forgotten", d)
		}
		w.memory.forgetGone(d, nobodyIsLeft, epoch.Add(moveTime))
		if len(w.memory.pasts) != 0 {
			t.Errorf("damping %v: a Pod that is gone is remembered", d)
		}
	}
}

func TestWithoutDampingAPodThatIsUpIsNotRemembered(t *testing.T) {
	w := watch(Damping{})
	for n := range 10 {
		w.flap(time.Duration(n)*10*time.Second, time.Second)
		if len(w.memory.pasts) != 0 || w.tier() != Good {
			t.Fatalf("flap %d: %v, tier %v", n+1, w.memory.pasts, w.tier())
		}
	}
	if w.flaps != 0 {
		t.Errorf("%d flaps are counted", w.flaps)
	}
}

func TestWhatIsAFlap(t *testing.T) {
	for _, c := range []struct {
		name string
		// The states of one slice, a minute apart.
		states []*model.Slice
		flaps  int
		// was tells that the first Pod is remembered to have been up.
		was bool
	}{
		{"a Pod that goes down", []*model.Slice{sliceOf(pod(1, isUp)), sliceOf(pod(1, isDown))}, 1, true},
		{"down, and set ready all the time", []*model.Slice{sliceOf(pod(1, isUp)), sliceOf(pod(1, forcedDown))}, 1, true},
		{"down in another place of the slice", []*model.Slice{sliceOf(pod(1, isUp), pod(2, isUp)), sliceOf(pod(2, isUp), pod(1, isDown))}, 1, true},
		{"down, and stays down", []*model.Slice{sliceOf(pod(1, isUp)), sliceOf(pod(1, isDown)), sliceOf(pod(1, isDown), pod(2, isUp)), sliceOf(pod(2, isUp), pod(1, isDown))}, 1, true},
		{"two Pods down", []*model.Slice{sliceOf(pod(1, isUp), pod(2, isUp)), sliceOf(pod(1, isDown), pod(2, isDown))}, 2, true},
		{"a Pod with two addresses down", []*model.Slice{sliceOf(pod(1, isUp), pod(1, isUp)), sliceOf(pod(1, isDown), pod(1, isDown))}, 1, true},
		{"down, up and down", []*model.Slice{sliceOf(pod(1, isUp)), sliceOf(pod(1, isDown)), sliceOf(pod(1, isUp)), sliceOf(pod(1, isDown))}, 2, true},
		{"down, and then deleted", []*model.Slice{sliceOf(pod(1, isUp)), sliceOf(pod(1, isDown)), sliceOf(pod(1, isDying))}, 1, true},

		{"deletion is none", []*model.Slice{sliceOf(pod(1, isUp), pod(2, isUp)), sliceOf(pod(2, isUp))}, 0, false},
		{"termination is none", []*model.Slice{sliceOf(pod(1, isUp)), sliceOf(pod(1, isDraining)), sliceOf(pod(1, isDying)), sliceOf()}, 0, false},
		{"termination at once is none", []*model.Slice{sliceOf(pod(1, isUp)), sliceOf(pod(1, isDying))}, 0, false},
		{"termination of a Pod that is set ready is none", []*model.Slice{sliceOf(pod(1, isUp)), sliceOf(pod(1, forcedDrain)), sliceOf(pod(1, forcedDying))}, 0, false},
		{"addition is none", []*model.Slice{sliceOf(), sliceOf(pod(1, isDown)), sliceOf(pod(1, isUp))}, 0, false},
		{"addition in front of others is none", []*model.Slice{sliceOf(pod(2, isUp)), sliceOf(pod(1, isDown), pod(2, isUp)), sliceOf(pod(2, isUp), pod(1, isDown))}, 0, false},
		{"scaling up from 1 to 4 is none", []*model.Slice{
			sliceOf(pod(1, isUp)),
			sliceOf(pod(1, isUp), pod(2, isDown), pod(3, isDown), pod(4, isDown)),
			sliceOf(pod(4, isDown), pod(2, isUp), pod(3, isDown), pod(1, isUp)),
			sliceOf(pod(1, isUp), pod(2, isUp), pod(3, isUp), pod(4, isUp)),
		}, 0, false},
		{"a new Pod in the same place is none", []*model.Slice{sliceOf(pod(1, isUp)), sliceOf(pod(2, isDown)), sliceOf(pod(2, isUp))}, 0, false},
		{"a Pod that has not been up yet makes none", []*model.Slice{sliceOf(pod(1, isDown)), sliceOf(pod(1, isDown))}, 0, false},
		{"a Pod that is set ready and never was up makes none", []*model.Slice{sliceOf(pod(1, forcedDown)), sliceOf(pod(1, isDown))}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var memory Memory
			var before *model.Slice
			flaps := 0
			for i, after := range c.states {
				flaps += memory.observed(on, before, after, nobody, epoch.Add(time.Duration(i)*time.Minute))
				before = after
			}
			if flaps != c.flaps {
				t.Errorf("%d flaps, want %d", flaps, c.flaps)
			}
			if past := memory.pasts[theOne]; (past != nil && past.WasUp) != c.was {
				t.Errorf("it remembers %+v, want that it was up before: %v", past, c.was)
			}
			if c.flaps == 0 && len(memory.pasts) != 0 {
				t.Errorf("it remembers %v", memory.pasts)
			}
		})
	}
}

// A StatefulSet's Pod comes back with its name and, often, its address.
func TestANewPodWithTheSameNameAndAddressDoesNotInherit(t *testing.T) {
	named := func(id byte, c model.Conditions) *model.Slice {
		e := pod(id, c)
		e.Hostname, e.Pod = "db-0", "db-0"
		return sliceOf(e)
	}
	var memory Memory
	flaps := memory.observed(on, named(1, isUp), named(1, isDown), nobody, epoch)
	flaps += memory.observed(on, named(1, isDown), named(2, isDown), nobody, epoch.Add(time.Minute))
	flaps += memory.observed(on, named(2, isDown), named(2, isUp), nobody, epoch.Add(2*time.Minute))
	if flaps != 1 || memory.pasts[model.PodID{2}] != nil {
		t.Errorf("%d flaps, the new Pod has %+v", flaps, memory.pasts[model.PodID{2}])
	}
}

func TestBothFamiliesReportOneFlap(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
		// restored tells that the first family has reported the Pod up again by then.
		restored bool
		flaps    int
	}{
		{"at once", 0, false, 1},
		{"within a second", 999 * time.Millisecond, false, 1},
		{"within a second, while the first is up again", 999 * time.Millisecond, true, 1},
		{"long after, while the first is still down", time.Minute, false, 1},
		{"after a second, while the first is up again: another one", time.Second, true, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var memory Memory
			known := func(model.PodID) bool { return true }
			flaps := memory.observed(on, sliceOf(pod(1, isUp)), sliceOf(pod(1, isDown)), known, epoch)
			if c.restored {
				flaps += memory.observed(on, sliceOf(pod(1, isDown)), sliceOf(pod(1, isUp)), known, epoch.Add(c.after))
			}
			flaps += memory.observed(on, sliceOf(pod(1, isUp)), sliceOf(pod(1, isDown)), known, epoch.Add(c.after))
			if flaps != c.flaps {
				t.Errorf("%d flaps, want %d", flaps, c.flaps)
			}
			if past := memory.pasts[theOne]; c.flaps == 1 && past.Penalty != 1000 || !past.WasUp {
				t.Errorf("it remembers %+v", past)
			}
		})
	}
}

func TestObserveChangesNothingAndCounts(t *testing.T) {
	observe := Damping{Mode: DampingObserve, HalfLife: DefaultHalfLife}
	w, damped := watch(observe), watch(on)
	for n := range 5 {
		w.flap(time.Duration(n)*10*time.Second, time.Second)
		damped.flap(time.Duration(n)*10*time.Second, time.Second)
		want := 0
		if damped.tier() == Damped {
			want = 1
		}
		if v := w.decide(); v.Tiers[0] != Good || v.Observed != want || v.Counts[Good] != 10 {
			t.Errorf("flap %d: tier %v, observed %d, want %d", n+1, v.Tiers[0], v.Observed, want)
		}
		if v := damped.decide(); v.Observed != 0 {
			t.Errorf("flap %d: %d are only observed", n+1, v.Observed)
		}
	}
	if w.flaps != 5 || damped.flaps != 5 {
		t.Errorf("%d and %d flaps are counted", w.flaps, damped.flaps)
	}
}

func TestDampingIsCapped(t *testing.T) {
	for _, c := range []struct{ good, flapped, damped int }{
		{0, 1, 0}, {0, 2, 0}, {2, 2, 0}, {3, 1, 0}, {4, 1, 1}, {0, 5, 1}, {4, 5, 1}, {5, 5, 2}, {0, 10, 2}, {13, 1, 1}, {0, 100, 20},
	} {
		v, _ := decide(&Policy{Damping: on}, guard{}, together(times(c.good, aGood), times(c.flapped, aDamped)), epoch)
		if v.Counts[Damped] != c.damped {
			t.Errorf("%d of %d that flapped are damped, beside %d others; want %d", v.Counts[Damped], c.flapped, c.good, c.damped)
		}
	}
}

func TestOnlyThoseThatAreUpCountForTheCap(t *testing.T) {
	v, _ := decide(&Policy{Damping: on}, guard{}, together(
		times(3, aGood), times(1, aDamped), times(5, aSick), times(5, aStarting), times(5, aDraining), times(5, aDying), times(5, aTakenOut)), epoch)
	if v.Counts[Damped] != 0 {
		t.Errorf("%d of 4 are damped", v.Counts[Damped])
	}
}

func TestTheWorstAreDampedFirst(t *testing.T) {
	past := func(penalty float64, ago time.Duration) Candidate {
		p := Past{Penalty: penalty, At: epoch.Add(-ago)}
		p.Until = p.At.Add(time.Duration(on.HalfLife.Seconds() * math.Log2(penalty/750) * float64(time.Second)))
		return Candidate{Conditions: isUp, Past: &p}
	}
	for _, c := range []struct {
		name       string
		candidates []Candidate
		damped     int
	}{
		{"the larger penalty", together([]Candidate{past(2600, 0), past(3000, 0)}, times(4, aGood)), 1},
		{"the larger penalty, the other way round", together([]Candidate{past(3000, 0), past(2600, 0)}, times(4, aGood)), 0},
		{"the larger penalty of today, not of long ago", together([]Candidate{past(3000, 200*time.Second), past(2600, 0)}, times(4, aGood)), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, _ := decide(&Policy{Damping: on}, guard{}, c.candidates, epoch)
			if got := slices.Index(v.Tiers, Damped); got != c.damped || v.Counts[Damped] != 1 {
				t.Errorf("candidate %d is damped, want %d", got, c.damped)
			}
		})
	}
}

func TestACheckThatBeginsToFailIsAFlap(t *testing.T) {
	theEndpoint := pod(theOne[0], isUp)
	w := watch(on)
	for n := range 3 {
		w.now = epoch.Add(time.Duration(n) * 10 * time.Second)
		if !w.memory.Fail(on, &theEndpoint, w.now) {
			t.Errorf("failure %d is no flap", n+1)
		}
		if got, want := w.tier() == Damped, n == 2; got != want {
			t.Errorf("passing again after failure %d, it is damped: %t", n+1, got)
		}
	}
	if past := w.memory.pasts[theOne]; past.WasUp {
		t.Errorf("its slice never called it down, and it remembers %+v", past)
	}
	// The other family, or another port, says the same.
	if w.memory.Fail(on, &theEndpoint, w.now.Add(999*time.Millisecond)) {
		t.Error("it flaps twice in a second")
	}
	// What slices say later is a flap of its own.
	w.now = w.now.Add(time.Minute)
	if w.report(isDown); w.flaps != 1 || !w.memory.pasts[theOne].WasUp {
		t.Errorf("%d flaps, it remembers %+v", w.flaps, w.memory.pasts[theOne])
	}
	w.memory.forgetGone(on, func(model.PodID) bool { return false }, w.now)
	w.memory.forgetGone(on, func(model.PodID) bool { return false }, w.now.Add(moveTime))
	if !w.memory.Empty() {
		t.Errorf("in the end it remembers %+v", w.memory.pasts)
	}
}

func TestAFailingCheckThatIsNoFlap(t *testing.T) {
	up, terminates := pod(theOne[0], isUp), pod(theOne[0], isDraining)
	for name, row := range map[string]struct {
		damping  Damping
		endpoint *model.Endpoint
	}{"without damping": {Damping{}, &up}, "of one that terminates": {on, &terminates}} {
		var memory Memory
		if memory.Fail(row.damping, row.endpoint, epoch) || !memory.Empty() {
			t.Errorf("%s: it remembers %+v", name, memory.pasts)
		}
	}
}
