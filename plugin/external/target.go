package external

import (
	"net/netip"
	"slices"
	"time"
)

// When a name is looked up again.
const (
	leastRefresh = 5 * time.Second
	mostRefresh  = 5 * time.Minute
	// A failure is looked at again soon, a few times, and then less often (RFC 8767,
	// section 5, names 30 s).
	soon      = 5 * time.Second
	soonTimes = 3
	later     = 30 * time.Second
)

// State is how a target is, for metrics.
type State uint8

// The states.
const (
	// Unknown is that no look-up has ended.
	Unknown State = iota
	// Up is that the last look-up gave addresses.
	Up
	// Stale is that it failed, and an older answer is kept.
	Stale
	// Down is that it failed, and nothing is kept.
	Down
	// States is how many there are.
	States
)

// String returns the state as it stands in metrics.
func (s State) String() string { return [...]string{"unknown", "good", "stale", "down"}[s] }

// target is what is known of one name. It has no clock, and asks nobody.
type target struct {
	kept [families]kept
	// fails and passes count the last look-ups in a row, and down is the verdict of that.
	fails, passes int
	down          bool
	// since is when the verdict turned, and looked when the last look-up ended.
	since, looked time.Time
	// next is when the name is looked up again.
	next time.Time
	// outage is the time without addresses that led to the verdict.
	outage outage
}

// outage is a time in which a name had no addresses.
type outage struct {
	began, ended time.Time
	// hadOld is true where an older answer is kept, and denied where a look-up said that
	// there are no such addresses any more.
	hadOld, denied bool
}

// isCovered reports whether last good answers bridge it.
func (o *outage) isCovered(l LastGood, now time.Time) bool {
	if !o.ended.IsZero() {
		now = o.ended
	}
	return o.hadOld && l.For > 0 && now.Sub(o.began) <= l.For && (!o.denied || l.NXDomain)
}

// limits are how many look-ups in a row turn a verdict.
type limits struct{ fall, rise int }

// take takes over what a look-up of both families gave.
func (t *target) take(found *[families]Found, l limits, now time.Time) {
	t.looked = now
	good, void := false, false
	for family := range found {
		f := &found[family]
		void = !t.kept[family].take(f, now) || void
		// Where a name has addresses of one family, it is well that it has none of the other.
		good = good || f.Result == Good
	}
	if t.since.IsZero() {
		t.since = now
	}
	switch {
	case void:
	case good:
		t.pass(l, now)
	default:
		t.suffer(now)
		t.fail(l, now)
	}
	t.schedule(found, good, now)
}

// suffer takes note of a time without addresses.
func (t *target) suffer(now time.Time) {
	if !t.down && t.fails == 0 {
		t.outage = outage{began: now}
	}
	t.outage.ended = time.Time{}
	t.outage.hadOld, t.outage.denied = false, true
	for i := range t.kept {
		t.outage.hadOld = t.outage.hadOld || t.kept[i].last != nil
		t.outage.denied = t.outage.denied && (t.kept[i].last == nil || t.kept[i].ended)
	}
}

func (t *target) pass(l limits, now time.Time) {
	if t.passes++; t.passes == 1 {
		t.outage.ended = now
	}
	t.fails = 0
	if t.down && t.passes >= l.rise {
		t.down, t.since = false, now
	}
}

func (t *target) fail(l limits, now time.Time) {
	t.passes = 0
	if t.fails++; !t.down && t.fails >= l.fall {
		t.down, t.since = true, now
	}
}

// schedule sets when the name is looked up again. A verdict that is about to turn is not
// kept waiting for a long TTL.
func (t *target) schedule(found *[families]Found, good bool, now time.Time) {
	switch {
	case good && !t.down:
		ttl := mostRefresh
		for family := range found {
			if f := &found[family]; f.Result == Good {
				ttl = min(ttl, f.TTL)
			}
		}
		pause := max(ttl, leastRefresh)
		t.next = now.Add(pause - pause/10)
	case good, t.fails <= soonTimes:
		t.next = now.Add(soon)
	default:
		t.next = now.Add(later)
	}
}

// answer returns what may be answered now, in one family. Where a name has no addresses of
// the family, that is an answer as long as it has others: else two targets would share the
// clients, one by each family.
func (t *target) answer(family int, l LastGood, now time.Time) (Answer, bool) {
	k, other := &t.kept[family], &t.kept[1-family]
	a, ok := k.answer(l, now)
	if k.none == nil || ok && !other.failing.IsZero() {
		return a, ok
	}
	theirs, has := other.answer(l, now)
	if !has {
		return a, ok
	}
	return Answer{Found: k.none, Left: max(theirs.Left, leastKept)}, true
}

// isDown reports whether the target is down for a Service with such last good answers.
func (t *target) isDown(l LastGood, now time.Time) bool {
	return t.down && !t.outage.isCovered(l, now)
}

// hasAny reports whether there is an answer with addresses in any family.
func (t *target) hasAny(l LastGood, now time.Time) bool {
	for family := range families {
		if _, ok := t.kept[family].answer(l, now); ok {
			return true
		}
	}
	return false
}

// state is that for metrics.
func (t *target) state() State {
	switch {
	case t.looked.IsZero():
		return Unknown
	case t.fails > 0 && t.outage.hadOld && !t.outage.denied:
		return Stale
	case t.fails > 0 || t.down:
		return Down
	}
	return Up
}

// addresses returns those that are kept, each once, those that are current first.
func (t *target) addresses(most int) (all []netip.Addr) {
	for i := range t.kept {
		if last := t.kept[i].last; last != nil {
			for _, addr := range last.Addresses {
				if len(all) < most && !slices.Contains(all, addr) {
					all = append(all, addr)
				}
			}
		}
	}
	return all
}

// lastResult is what the last look-up gave: Good where there are addresses in any family.
func (t *target) lastResult() Result {
	if t.kept[IPv4].failing.IsZero() && t.kept[IPv4].last != nil || t.kept[IPv6].failing.IsZero() && t.kept[IPv6].last != nil {
		return Good
	}
	return t.kept[IPv4].why
}
