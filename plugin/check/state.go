package check

import "time"

// State is what the results of one check have come to. It is pure: whoever has it hands the
// time in. The zero value has no result yet. A check with another Spec or another address
// has another State.
type State struct {
	verdict Verdict
	// fails and passes are how many of them came in a row, as far as they still matter.
	fails, passes uint8
	// restored is true until a result of this process. void is true after a result that is
	// none.
	restored, void bool
	// held is when a failure was the last one needed, and did not count since this process
	// was cut off; zero else.
	held time.Time
}

// Bounds of how long something is remembered or hurried.
const (
	// leastFast is the least time between two checks of one target.
	leastFast = time.Second
	// mostHeld is how long failures of a process that was cut off are remembered.
	mostHeld = 10 * time.Minute
	// hurried is for how many intervals they are looked at in a hurry.
	hurried = 2
)

// Restored returns the state of a check that failed in the process before this one. One
// success ends it.
func Restored() State { return State{verdict: Failing, restored: true} }

// Verdict returns what the results come to.
func (s *State) Verdict() Verdict { return s.verdict }

// Take takes a result, and returns when the next check comes, and whether the verdict is
// another one now. The gear is the time between two checks where nothing is in doubt, and
// blind says that it may be this process that is cut off: then nothing begins to fail.
func (s *State) Take(c Cause, spec *Spec, gear time.Duration, blind bool, now time.Time) (next time.Duration, turned bool) {
	before := s.verdict
	switch {
	case c == Void:
		next = s.takeVoid(spec, gear)
	case c.Fails():
		s.restored, s.void = false, false
		next = s.takeFailure(spec, gear, blind, now)
	default:
		next = s.takeSuccess(spec, gear)
		s.restored, s.void = false, false
	}
	return next, s.verdict != before
}

// takeVoid hurries once: what made it void may last.
func (s *State) takeVoid(spec *Spec, gear time.Duration) time.Duration {
	if s.void {
		return gear
	}
	s.void = true
	return fast(spec)
}

func (s *State) takeSuccess(spec *Spec, gear time.Duration) time.Duration {
	s.fails, s.held = 0, time.Time{}
	if s.verdict == Failing && !s.restored && s.passes+1 < spec.Rise {
		s.passes++
		return fast(spec)
	}
	s.verdict, s.passes = Passing, 0
	return gear
}

func (s *State) takeFailure(spec *Spec, gear time.Duration, blind bool, now time.Time) time.Duration {
	s.passes = 0
	if s.verdict == Failing {
		return gear
	}
	if !s.held.IsZero() && now.Sub(s.held) >= mostHeld {
		s.fails, s.held = 0, time.Time{}
	}
	if s.fails+1 < spec.Fall {
		s.fails++
		return fast(spec)
	}
	if blind {
		return s.hold(spec, gear, now)
	}
	s.verdict, s.fails, s.held = Failing, 0, time.Time{}
	return gear
}

// hold keeps the verdict, and what the failures before this one have come to: one more
// that counts is enough. It takes a new one, since the last ones may say nothing of the target.
func (s *State) hold(spec *Spec, gear time.Duration, now time.Time) time.Duration {
	if s.held.IsZero() {
		s.held = now
	}
	if now.Sub(s.held) < hurried*spec.Interval {
		return fast(spec)
	}
	return gear
}

// fast is the time to the next check where something is in doubt.
func fast(spec *Spec) time.Duration { return max(leastFast, spec.Interval/10) }
