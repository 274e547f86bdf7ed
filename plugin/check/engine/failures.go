package engine

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// failures has the tasks that fail, for those who write them down. Its methods may be called
// at once.
type failures struct {
	mu sync.Mutex
	// since has for each task when it turned.
	since map[*task]time.Duration
}

// set notes whether a task fails.
func (f *failures) set(t *task, fails bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !fails {
		delete(f.since, t)
		return
	}
	if f.since == nil {
		f.since = make(map[*task]time.Duration)
	}
	f.since[t] = t.turned
}

// list returns all of them in the order of their addresses. The begin is when the engine began.
func (f *failures) list(begin time.Time) []check.Remembered {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]check.Remembered, 0, len(f.since))
	for t, since := range f.since {
		all = append(all, check.Remembered{At: t.at, Spec: t.spec.digest, Since: begin.Add(since).Round(0)})
	}
	slices.SortFunc(all, func(a, b check.Remembered) int { return a.At.Compare(b.At) })
	return all
}

// restoredFor is for how long checks that failed before the restart begin as failing.
const restoredFor = 5 * time.Minute

// restored has the checks that failed in the process before this one.
type restored struct {
	since map[taskKey]time.Time
	until time.Duration
}

// taskKey tells tasks apart, also in another process.
type taskKey struct {
	at   netip.AddrPort
	spec check.Digest
}

func newRestored(all []check.Remembered, now time.Duration) restored {
	r := restored{since: make(map[taskKey]time.Time, len(all)), until: now + restoredFor}
	for _, one := range all {
		r.since[taskKey{one.At, one.Spec}] = one.Since
	}
	return r
}

// take returns since when the task failed, if it did. A second time, it has not.
func (r *restored) take(t *task, now time.Duration) (since time.Time, failed bool) {
	if len(r.since) == 0 {
		return since, false
	}
	if now >= r.until {
		r.since = nil
		return since, false
	}
	key := taskKey{t.at, t.spec.digest}
	since, failed = r.since[key]
	delete(r.since, key)
	return since, failed
}
