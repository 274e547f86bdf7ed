package apiserver

import "time"

// syncTime bounds how long Synced waits for the search and for the Services that it
// finds in need. Without them a name could seem not to exist that does; a request
// that hangs must not hold up all others for good.
const syncTime = 10 * time.Second

// step is what came due.
type step struct {
	// begins are streams of fallbacks to be run.
	begins []*follower
	// search is true once: the slices without the headless label are to be found.
	search bool
	// synced is true once: the Receiver is to be told.
	synced bool
	// next is when to call advance again if nothing wakes earlier; zero is never.
	next time.Time
}

// wait makes the next call of advance no later than at.
func (s *step) wait(at time.Time) {
	if s.next.IsZero() || at.Before(s.next) {
		s.next = at
	}
}

// advance does what is due now.
func (j *join) advance() step {
	j.mu.Lock()
	defer j.mu.Unlock()
	var s step
	now := j.clock.Now()
	if j.unlisted == 0 && j.syncBy.IsZero() {
		j.syncBy = now.Add(syncTime)
		j.needSlices()
		s.search = true
	}
	j.needLacking(now, &s)
	j.advanceFallbacks(now, &s)
	j.sync(now, &s)
	return s
}

// needLacking takes the Services into need that have had no slice for so long.
func (j *join) needLacking(now time.Time, s *step) {
	for service, due := range j.lacking {
		if due.After(now) {
			s.wait(due)
			continue
		}
		j.need(service)
	}
}

func (j *join) advanceFallbacks(now time.Time, s *step) {
	for _, f := range j.fallbacks {
		begins, wait := f.advance(now)
		if begins != nil {
			s.begins = append(s.begins, begins)
		}
		if !wait.IsZero() {
			s.wait(wait)
		}
	}
}

func (j *join) sync(now time.Time, s *step) {
	if j.synced || j.syncBy.IsZero() {
		return
	}
	if now.Before(j.syncBy) && (j.unsearched > 0 || !j.complete()) {
		s.wait(j.syncBy)
		return
	}
	j.synced, s.synced = true, true
}

func (j *join) complete() bool {
	for _, f := range j.fallbacks {
		if !f.complete() {
			return false
		}
	}
	return true
}
