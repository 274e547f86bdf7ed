package engine

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// lane has the tasks that are due, and counts those of its kind that are being asked.
type lane struct {
	waiting        [ranks]list
	inflight, most int
}

// rank says which of a lane go before others.
type rank uint8

// The ranks. Targets that fail for good may fill their lane for minutes if they hang. Whether
// one has just begun to fail must not wait for them, least of all if it is published.
const (
	published rank = iota
	unknown
	urgent
	due
	ranks
)

// The lanes: a target that hangs takes its whole timeout, so those that failed may not take
// the room of the others.
const (
	passing = iota
	failing
	laneCount
)

// Lanes are the lanes, as Metrics have them.
var Lanes = [laneCount]string{"passing", "failing"}

// lanes say which task is asked next: the first one that came, of the foremost in each lane
// that has room.
type lanes struct {
	lane [laneCount]lane
	// came counts the tasks that came.
	came int64
	// units is what checks may cost.
	units *rate.Limiter
}

// leastBurst is what the dearest check costs.
const leastBurst = 12

// newLanes returns empty lanes for so many units a second, and so many tasks at once.
func newLanes(perSecond, inflight int) lanes {
	l := lanes{units: rate.NewLimiter(rate.Limit(perSecond), max(perSecond/4, leastBurst))}
	l.lane[failing].most = max(inflight/4, 1)
	l.lane[passing].most = max(inflight-l.lane[failing].most, 1)
	return l
}

func (l *lanes) of(t *task) *lane {
	if t.failed {
		return &l.lane[failing]
	}
	return &l.lane[passing]
}

func rankOf(t *task) rank {
	switch v := t.state.Verdict(); {
	case t.failed && v == check.Passing:
		return published
	case t.failed && v == check.Unknown:
		return unknown
	case t.urgent:
		return urgent
	}
	return due
}

// push adds a task that is due, behind those of its rank.
func (l *lanes) push(t *task) {
	l.came++
	t.turn, t.place, t.rank = l.came, inLane, rankOf(t)
	l.of(t).waiting[t.rank].push(t)
}

func (l *lanes) remove(t *task) {
	l.of(t).waiting[t.rank].remove(t)
	t.place, t.urgent = nowhere, false
}

// first returns the task of the lane that goes before the others.
func (l *lane) first() *task {
	for i := range l.waiting {
		if t := l.waiting[i].first; t != nil {
			return t
		}
	}
	return nil
}

// first returns the task to ask next, or nil where there is none, or no room for it.
func (l *lanes) first() (first *task) {
	for i := range l.lane {
		lane := &l.lane[i]
		if lane.inflight >= lane.most {
			continue
		}
		if t := lane.first(); t != nil && (first == nil || t.goesBefore(first)) {
			first = t
		}
	}
	return first
}

// goesBefore reports whether a task goes before one of the other lane.
func (t *task) goesBefore(other *task) bool {
	if t.urgent != other.urgent {
		return t.urgent
	}
	return t.turn < other.turn
}

// take takes out the task that first returned, to be asked, if its units are there.
func (l *lanes) take(t *task, now time.Time) bool {
	if !l.units.AllowN(now, t.spec.Kind.Units()) {
		return false
	}
	l.remove(t)
	t.place = inFlight
	l.of(t).inflight++
	return true
}

// back is the end of what take began. The task's lane is the one it was taken from.
func (l *lanes) back(t *task) {
	t.place = nowhere
	l.of(t).inflight--
}

// isBusy reports whether there are tasks in the lanes.
func (l *lanes) isBusy() bool {
	for i := range l.lane {
		if lane := &l.lane[i]; lane.inflight > 0 || lane.first() != nil {
			return true
		}
	}
	return false
}

// lag returns by how much tasks are late, as far as those in front can tell.
func (l *lanes) lag(now time.Duration) (lag time.Duration) {
	for i := range l.lane {
		for rank := range l.lane[i].waiting {
			if t := l.lane[i].waiting[rank].first; t != nil {
				lag = max(lag, now-t.due)
			}
		}
	}
	return lag
}
