package history

import "time"

// An Instant is when something happened, by a clock that people set, and by one that nobody
// does.
type Instant struct {
	Wall time.Time
	// Elapsed is the time since some beginning, the same for all that is given to a Recorder.
	Elapsed time.Duration
}

// clock turns Instants into ticks: milliseconds that never run backwards.
type clock struct {
	start time.Duration
	last  int64
	// shifts say which time of the wall a tick is, from the tick of each on.
	shifts []shift
}

type shift struct{ tick, wall int64 }

const (
	// shiftAbove is by how much a clock may be off until it counts as set.
	shiftAbove = 1000
	// maxShifts bounds how often the clock may be set: before these, times are a guess.
	maxShifts = 64
)

func newClock(now Instant) clock {
	return clock{start: now.Elapsed, shifts: []shift{{0, now.Wall.UnixMilli()}}}
}

// tick returns the tick of now, and by how much the clock was set.
func (c *clock) tick(now Instant) (tick int64, set time.Duration) {
	c.last = max(c.last, (now.Elapsed - c.start).Milliseconds())
	wall := now.Wall.UnixMilli()
	off := wall - c.wallOf(c.last)
	if -shiftAbove <= off && off <= shiftAbove {
		return c.last, 0
	}
	if len(c.shifts) == maxShifts {
		c.shifts = append(c.shifts[:0], c.shifts[1:]...)
	}
	c.shifts = append(c.shifts, shift{c.last, wall})
	return c.last, time.Duration(off) * time.Millisecond
}

// wallOf returns the time of a tick, in milliseconds since 1970.
func (c *clock) wallOf(tick int64) int64 {
	at := len(c.shifts) - 1
	for at > 0 && c.shifts[at].tick > tick {
		at--
	}
	return c.shifts[at].wall + tick - c.shifts[at].tick
}

func (c *clock) time(tick int64) time.Time { return time.UnixMilli(c.wallOf(tick)).UTC() }

// tickOf returns the last tick of a time. Where the clock was set back, there are two such
// times; where it was set forward, there may be none, and it is the last tick before.
func (c *clock) tickOf(t time.Time) int64 {
	wall := t.UnixMilli()
	next := int64(0)
	for at := len(c.shifts) - 1; at >= 0; at-- {
		s := c.shifts[at]
		if wall >= s.wall || at == 0 {
			tick := s.tick + wall - s.wall
			if at < len(c.shifts)-1 {
				tick = min(tick, next)
			}
			return tick
		}
		next = s.tick
	}
	return 0
}

// clone returns a clock that does not change.
func (c *clock) clone() clock {
	cloned := *c
	cloned.shifts = append([]shift(nil), c.shifts...)
	return cloned
}
