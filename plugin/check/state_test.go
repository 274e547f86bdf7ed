package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// epoch is when all tests begin.
var epoch = time.Unix(1e9, 0)

// took says what a result did to a state.
func took(s *State, next time.Duration, turned bool) string {
	word := ""
	if turned {
		word = " at once"
	}
	return fmt.Sprintf("%v%s, %v", s.Verdict(), word, next)
}

func TestResultsTurnTheVerdict(t *testing.T) {
	const idle = time.Minute
	for _, c := range []struct {
		name  string
		start State
		edit  func(*Spec)
		gear  time.Duration
		// steps are causes, or durations that pass. Those in capitals come while this process
		// seems to be cut off.
		steps string
		// want has the verdict after each cause, whether it has turned, and when the next
		// check comes.
		want []string
	}{
		{"the first success is enough", State{}, asItIs, 0, "passed passed", []string{"pass at once, 10s", "pass, 10s"}},
		{"three failures in a row from the start", State{}, asItIs, 0, "refused timeout reset unreachable",
			[]string{"unknown, 1s", "unknown, 1s", "fail at once, 10s", "fail, 10s"}},
		{"a success between failures begins anew", State{}, asItIs, 0, "passed tls status passed protocol other other",
			[]string{"pass at once, 10s", "pass, 1s", "pass, 1s", "pass, 10s", "pass, 1s", "pass, 1s", "fail at once, 10s"}},
		{"a success before anything failed for good", State{}, asItIs, 0, "refused refused passed",
			[]string{"unknown, 1s", "unknown, 1s", "pass at once, 10s"}},
		{"two successes in a row end it", State{verdict: Failing}, asItIs, 0, "passed passed", []string{"fail, 1s", "pass at once, 10s"}},
		{"a failure between successes begins anew", State{verdict: Failing}, asItIs, 0, "passed refused passed passed",
			[]string{"fail, 1s", "fail, 10s", "fail, 1s", "pass at once, 10s"}},
		{"failures before a verdict do not count after it", State{}, asItIs, 0, "refused refused refused passed passed refused refused refused",
			[]string{"unknown, 1s", "unknown, 1s", "fail at once, 10s", "fail, 1s", "pass at once, 10s", "pass, 1s", "pass, 1s", "fail at once, 10s"}},
		{"one failure, where one is enough", State{verdict: Passing}, func(s *Spec) { s.Fall = 1 }, 0, "refused", []string{"fail at once, 10s"}},
		{"one success, where one is enough", State{verdict: Failing}, func(s *Spec) { s.Rise = 1 }, 0, "passed", []string{"pass at once, 10s"}},
		{"as many as can be", State{verdict: Passing}, func(s *Spec) { s.Fall = 10 }, 0, strings.Repeat("refused ", 10),
			append(slices.Repeat([]string{"pass, 1s"}, 9), "fail at once, 10s")},

		{"idle, all is slow but doubt", State{}, asItIs, idle, "passed refused passed refused refused refused passed passed",
			[]string{"pass at once, 1m0s", "pass, 1s", "pass, 1m0s", "pass, 1s", "pass, 1s", "fail at once, 1m0s", "fail, 1s", "pass at once, 1m0s"}},
		{"doubt takes a tenth of a long interval", State{verdict: Passing}, func(s *Spec) { s.Interval = time.Minute }, time.Minute, "refused", []string{"pass, 6s"}},
		{"doubt takes a second at least", State{verdict: Passing}, func(s *Spec) { s.Interval = 2 * time.Second }, 2 * time.Second, "refused", []string{"pass, 1s"}},

		{"what is no result changes nothing, and is hurried once", State{}, asItIs, 0, "void void void refused refused void void refused void",
			[]string{"unknown, 1s", "unknown, 10s", "unknown, 10s", "unknown, 1s", "unknown, 1s", "unknown, 1s", "unknown, 10s", "fail at once, 10s", "fail, 1s"}},
		{"successes on both sides of what is no result", State{verdict: Failing}, asItIs, 0, "passed void passed",
			[]string{"fail, 1s", "fail, 1s", "pass at once, 10s"}},

		{"one success ends what was kept", Restored(), asItIs, 0, "passed", []string{"pass at once, 10s"}},
		{"one success ends what was kept, after what is no result", Restored(), asItIs, 0, "void passed", []string{"fail, 1s", "pass at once, 10s"}},
		{"a failure makes what was kept its own", Restored(), asItIs, 0, "refused passed passed", []string{"fail, 10s", "fail, 1s", "pass at once, 10s"}},

		{"cut off, nothing begins to fail", State{verdict: Passing}, asItIs, 0, "REFUSED REFUSED REFUSED REFUSED",
			[]string{"pass, 1s", "pass, 1s", "pass, 1s", "pass, 1s"}},
		{"cut off, it is looked at in a hurry for two intervals only", State{verdict: Passing}, asItIs, 0,
			"REFUSED REFUSED REFUSED 19s REFUSED 1s REFUSED", []string{"pass, 1s", "pass, 1s", "pass, 1s", "pass, 1s", "pass, 10s"}},
		{"cut off from the start", State{}, asItIs, 0, "REFUSED REFUSED REFUSED", []string{"unknown, 1s", "unknown, 1s", "unknown, 1s"}},
		{"no longer cut off, one failure more is enough", State{verdict: Passing}, asItIs, 0, "REFUSED REFUSED REFUSED 9m59s refused",
			[]string{"pass, 1s", "pass, 1s", "pass, 1s", "fail at once, 10s"}},
		{"a success takes it back", State{verdict: Passing}, asItIs, 0, "REFUSED REFUSED REFUSED passed refused refused refused",
			[]string{"pass, 1s", "pass, 1s", "pass, 1s", "pass, 10s", "pass, 1s", "pass, 1s", "fail at once, 10s"}},
		{"what a success took back does not age", State{verdict: Passing}, asItIs, 0, "REFUSED REFUSED REFUSED passed 9m refused 1m refused refused",
			[]string{"pass, 1s", "pass, 1s", "pass, 1s", "pass, 10s", "pass, 1s", "pass, 1s", "fail at once, 10s"}},
		{"after ten minutes it is forgotten", State{verdict: Passing}, asItIs, 0, "REFUSED REFUSED REFUSED 10m refused refused refused",
			[]string{"pass, 1s", "pass, 1s", "pass, 1s", "pass, 1s", "pass, 1s", "fail at once, 10s"}},
		{"after ten minutes it begins anew, still cut off", State{verdict: Passing}, asItIs, 0, "REFUSED REFUSED REFUSED 10m REFUSED REFUSED REFUSED 20s REFUSED refused",
			[]string{"pass, 1s", "pass, 1s", "pass, 1s", "pass, 1s", "pass, 1s", "pass, 1s", "pass, 10s", "fail at once, 10s"}},
		{"what is no result does not bring it about", State{verdict: Passing}, asItIs, 0, "REFUSED REFUSED REFUSED void refused",
			[]string{"pass, 1s", "pass, 1s", "pass, 1s", "pass, 1s", "fail at once, 10s"}},
		{"cut off, what fails may pass again", State{verdict: Failing}, asItIs, 0, "REFUSED PASSED PASSED", []string{"fail, 10s", "fail, 1s", "pass at once, 10s"}},
	} {
		s, spec, now := c.start, specWith(TCP, c.edit), epoch
		gear := c.gear
		if gear == 0 {
			gear = spec.Interval
		}
		var got []string
		for step := range strings.FieldsSeq(c.steps) {
			if d, err := time.ParseDuration(step); err == nil {
				now = now.Add(d)
				continue
			}
			next, turned := s.Take(causeNamed(t, strings.ToLower(step)), &spec, gear, step == strings.ToUpper(step), now)
			got = append(got, took(&s, next, turned))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got\n%q, want\n%q", c.name, got, c.want)
		}
	}
}

func causeNamed(t *testing.T, name string) Cause {
	t.Helper()
	for c := range Causes {
		if c.String() == name {
			return c
		}
	}
	t.Fatalf("no cause is %q", name)
	return 0
}

// result is what a check ended with, and when.
type result struct {
	cause Cause
	blind bool
	at    time.Time
}

// naiveVerdict works the verdict out from all results at once, by looking back from each of
// them.
func naiveVerdict(spec *Spec, restored bool, all []result) Verdict {
	all = slices.DeleteFunc(slices.Clone(all), func(r result) bool { return r.cause == Void })
	verdict := Unknown
	if restored {
		verdict = Failing
	}
	// Results before from have been used up: by a verdict, or since they are too old.
	from := 0
	var held time.Time
	for i, r := range all {
		if !r.cause.Fails() {
			held = time.Time{}
			first := restored && i == 0
			if verdict != Failing || first || run(all[from:i+1]) >= int(spec.Rise) {
				verdict, from = Passing, i+1
			}
			continue
		}
		if verdict == Failing {
			continue
		}
		if !held.IsZero() && r.at.Sub(held) >= 10*time.Minute {
			from, held = i, time.Time{}
		}
		switch enough := run(all[from:i+1]) >= int(spec.Fall); {
		case enough && r.blind && held.IsZero():
			held = r.at
		case enough && !r.blind:
			verdict, from, held = Failing, i+1, time.Time{}
		}
	}
	return verdict
}

// run is how many results at the end are like the last one.
func run(all []result) (n int) {
	last := all[len(all)-1].cause.Fails()
	for _, r := range slices.Backward(all) {
		if r.cause.Fails() != last {
			break
		}
		n++
	}
	return n
}

func TestAStateIsWhatItsResultsComeTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := specWith(TCP, func(s *Spec) {
			s.Fall, s.Rise = uint8(rapid.IntRange(1, 10).Draw(t, "fall")), uint8(rapid.IntRange(1, 10).Draw(t, "rise"))
			s.Interval = rapid.SampledFrom([]time.Duration{2 * time.Second, 10 * time.Second, time.Hour}).Draw(t, "interval")
		})
		gear := spec.Interval * time.Duration(rapid.IntRange(1, 6).Draw(t, "gear"))
		doubt := max(time.Second, spec.Interval/10)
		s, restored := State{}, rapid.Bool().Draw(t, "restored")
		if restored {
			s = Restored()
		}
		now := epoch
		var all []result
		// Long runs of one result are what matters.
		for range rapid.IntRange(1, 12).Draw(t, "runs") {
			r := result{cause: Cause(rapid.IntRange(0, int(Causes)-1).Draw(t, "cause")), blind: rapid.Bool().Draw(t, "blind")}
			apart := rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, 4 * time.Minute}).Draw(t, "apart")
			for range rapid.IntRange(1, 12).Draw(t, "results") {
				now = now.Add(apart)
				r.at = now
				all = append(all, r)
				before := s.Verdict()
				next, turned := s.Take(r.cause, &spec, gear, r.blind, now)
				if want := naiveVerdict(&spec, restored, all); s.Verdict() != want {
					t.Fatalf("after %v: got %v, want %v", all, s.Verdict(), want)
				}
				if turned != (s.Verdict() != before) || next != gear && next != doubt {
					t.Fatalf("after %v: turned is %v from %v to %v, next is %v", all, turned, before, s.Verdict(), next)
				}
				if turned && (next != gear || r.cause == Void || r.blind && s.Verdict() == Failing) {
					t.Fatalf("after %v: it turned to %v, and next is %v", all, s.Verdict(), next)
				}
			}
		}
	})
}

// A verdict that nobody doubts any more is looked at no more often than the gear says.
func TestWhatLastsIsNotHurried(t *testing.T) {
	for cause := range Causes {
		for _, blind := range []bool{false, true} {
			var s State
			spec, now := specWith(TCP, asItIs), epoch
			var next time.Duration
			for range 30 {
				next, _ = s.Take(cause, &spec, time.Minute, blind, now)
				now = now.Add(next)
			}
			if next != time.Minute {
				t.Errorf("%v for ever, blind is %v: the next check comes after %v", cause, blind, next)
			}
		}
	}
}
