package endpoints

import "sync/atomic"

// phase is how far a cache has come. It only grows.
type phase uint32

const (
	// unsynced means that any name could exist that is not known.
	unsynced phase = iota
	// restored means that a full state is served that may be out of date: of a
	// snapshot, or of the feed before a reload.
	restored
	// current means that what the source has told of is served.
	current
)

// progress tells queries and others who wait how far a cache has come.
type progress struct {
	phase atomic.Uint32
	// synced is closed once a full state is served, current once it is that of the
	// source.
	synced, current chan struct{}
}

func newProgress() *progress {
	return &progress{synced: make(chan struct{}), current: make(chan struct{})}
}

func (p *progress) at() phase { return phase(p.phase.Load()) }

// isSynced reports whether a full state is served.
func (p *progress) isSynced() bool { return p.at() != unsynced }

// isStale reports whether that state may be out of date.
func (p *progress) isStale() bool { return p.at() == restored }

// isCurrent reports whether it is that of the source.
func (p *progress) isCurrent() bool { return p.at() == current }

// reach notes that a phase has begun. Only the goroutine that publishes calls it.
func (p *progress) reach(now phase) {
	before := phase(p.phase.Swap(uint32(now)))
	if before == now {
		return
	}
	p.count(before, -1)
	p.count(now, +1)
	// First the last one: who waits for the first full state may ask for the rest.
	if now == current {
		close(p.current)
	}
	if before == unsynced {
		close(p.synced)
	}
}

// forget takes the cache out of the metrics.
func (p *progress) forget() { p.count(p.at(), -1) }

func (p *progress) count(at phase, n float64) {
	if at == restored {
		staleSources.Add(n)
	}
}
