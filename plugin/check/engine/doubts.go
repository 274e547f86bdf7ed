package engine

import (
	"net/netip"
	"time"
)

const (
	// witnessCount is how many addresses must have passed for a process to know that it is
	// cut off, and trusted for how long each one counts.
	witnessCount = 5
	trusted      = 10 * time.Minute
	// silent is for how many intervals nothing has passed when a process is called blind.
	silent = 2
	// leastLate is the least that a tick is late by which counts, and mostLate for how long
	// one is remembered: longer than any timeout.
	leastLate = tick
	mostLate  = 15 * time.Second
	// pause is from when on a tick that came late means that this process did not run.
	pause = time.Second
)

// doubts knows when failures say more of this process than of its targets: it may be cut off
// from all of them, or have been too slow to look.
type doubts struct {
	// witnesses are the addresses that passed last, the last one first.
	witnesses [witnessCount]witness
	// passed is when the last check passed.
	passed time.Duration
	// late has the ticks that came late, in order of time. Each is less late than the one
	// before it: a later and worse one makes the one before it useless.
	late []lateness
	// resumed is when this process last ran again after a pause.
	resumed time.Duration
	// blind is what was told last.
	blind bool
}

// witness is an address that passed.
type witness struct {
	addr netip.Addr
	// task is the one that passed, or nil where it is gone since.
	task   *task
	passed time.Duration
	// gear is the interval at which it was asked.
	gear time.Duration
}

type lateness struct{ at, by time.Duration }

// pass notes that a task passed.
func (d *doubts) pass(t *task, gear, now time.Duration) {
	w := witness{addr: t.at.Addr(), task: t, passed: now, gear: gear}
	d.passed = now
	// One that is there already moves to the front; else the last one goes.
	at := 0
	for at < witnessCount-1 && d.witnesses[at].addr != w.addr {
		at++
	}
	copy(d.witnesses[1:at+1], d.witnesses[:at])
	d.witnesses[0] = w
}

// forget takes a task out that nobody wants any more. That its address passed remains true.
func (d *doubts) forget(t *task) {
	for i := range d.witnesses {
		if d.witnesses[i].task == t {
			d.witnesses[i].task = nil
		}
	}
}

// canTell reports whether enough addresses passed of late.
func (d *doubts) canTell(now time.Duration) bool {
	last := &d.witnesses[witnessCount-1]
	return last.addr.IsValid() && now-last.passed <= trusted
}

// isBlind reports whether nothing has passed for so long that each witness was asked again:
// then it is this process that is cut off. A process that did not run is not blind.
func (d *doubts) isBlind(now time.Duration) bool {
	if !d.canTell(now) {
		return false
	}
	var gear time.Duration
	for i := range d.witnesses {
		gear = max(gear, d.witnesses[i].gear)
	}
	return now-max(d.passed, d.resumed) > silent*gear
}

// excuses reports whether failures that began at a time may be those of a process that is
// cut off: nothing has passed since. Whoever waits for two silent intervals to say so has
// let most targets fail before: they take less than that to fail.
func (d *doubts) excuses(began, now time.Duration) bool {
	return d.canTell(now) && d.passed < began || d.isBlind(now)
}

// wasLate notes by how much a tick came late.
func (d *doubts) wasLate(by, now time.Duration) {
	if by < leastLate {
		return
	}
	if by >= pause {
		d.resumed = now
	}
	for len(d.late) > 0 && d.late[len(d.late)-1].by <= by {
		d.late = d.late[:len(d.late)-1]
	}
	for len(d.late) > 0 && now-d.late[0].at > mostLate {
		d.late = d.late[1:]
	}
	d.late = append(d.late, lateness{now, by})
}

// starved reports whether a tick since a time came late by more than a quarter of a timeout:
// then it does not count that nothing came in time.
func (d *doubts) starved(since, timeout time.Duration) bool {
	for _, l := range d.late {
		if l.at >= since && l.by > timeout/4 {
			return true
		}
	}
	return false
}
