package external

import "time"

// The families of addresses. They are those of package roster.
const (
	IPv4 = iota
	IPv6
	families
)

// kept is what is known of the addresses of a name in one family.
type kept struct {
	// last is the last good answer, nil where there was none. It is current until then.
	last  *Found
	until time.Time
	// none is the last denial, nil where an answer after it was good.
	none *Found
	// failing is since when look-ups fail, zero where the last one did not, and why is what
	// the last one gave. ended is true where one of them denied that there are addresses.
	failing time.Time
	why     Result
	ended   bool
}

// leastKept is for how long an answer counts at least: the plugin cache keeps it as long.
const leastKept = 5 * time.Second

// take takes an answer over. It reports false for one that is neither good nor bad: the
// plugin cache with serve_stale answers with a TTL of zero while its upstream is down.
func (k *kept) take(f *Found, now time.Time) (counts bool) {
	if f.Result == Good {
		if f.TTL == 0 && k.last != nil && k.last.TTL > 0 {
			if k.failing.IsZero() {
				k.failing, k.why = now, Nothing
			}
			return false
		}
		*k = kept{last: f, until: now.Add(max(f.TTL, leastKept))}
		return true
	}
	if k.failing.IsZero() {
		k.failing = now
	}
	k.why = f.Result
	if f.Result.denies() {
		k.none, k.until, k.ended = f, now, true
	}
	return true
}

// Answer is what is kept of the addresses of a name. Its fields are not to be written to.
type Answer struct {
	*Found
	// Left is how long the answer is current; 0 where it is stale.
	Left time.Duration
	// Since is how long look-ups have failed, where the answer is stale, and Why what the
	// last one gave.
	Stale bool
	Since time.Duration
	Why   Result
}

// answer returns what may be answered now, false for nothing. Denials are no answer.
func (k *kept) answer(l LastGood, now time.Time) (a Answer, ok bool) {
	switch {
	case k.last == nil:
		return a, false
	case k.none == nil && now.Before(k.until):
		return Answer{Found: k.last, Left: k.until.Sub(now)}, true
	case k.failing.IsZero() || l.For == 0:
		return a, false
	}
	since := now.Sub(k.failing)
	if since > l.For || k.ended && !l.NXDomain {
		return a, false
	}
	return Answer{Found: k.last, Stale: true, Since: since, Why: k.why}, true
}
