package systems

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lanes lets systems live in the order in which they join, so many at the same time. Those
// that are Parallel would begin in any order: the one that takes longest may be the last, and all
// others wait for it.
type lanes struct {
	taken chan struct{}
	// begun is closed when whoever joined last has begun, and nil before anybody has joined.
	begun chan struct{}
}

func newLanes(n int) *lanes { return &lanes{taken: make(chan struct{}, n)} }

// join returns what waits for a lane. Everybody who joins has to call it: who comes later waits
// for that.
func (l *lanes) join() (begin func()) {
	before, own := l.begun, make(chan struct{})
	l.begun = own
	return func() {
		if before != nil {
			<-before
		}
		l.taken <- struct{}{}
		close(own)
	}
}

// leave lets the next one have the lane.
func (l *lanes) leave() { <-l.taken }

func TestLanesAreTakenInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, began := newLanes(2), time.Now()
		// The first one takes as long as the three after it.
		takes := []time.Duration{3, 1, 1, 1, 1}
		begins := make([]func(), len(takes))
		for i := range takes {
			begins[i] = l.join()
		}
		seconds := make([]float64, len(takes))
		var all sync.WaitGroup
		for i, begin := range slices.Backward(begins) {
			all.Go(func() {
				begin()
				defer l.leave()
				seconds[i] = time.Since(began).Seconds()
				time.Sleep(takes[i] * time.Second)
			})
			// Whoever is first in line calls last.
			synctest.Wait()
		}
		all.Wait()
		if want := []float64{0, 0, 1, 2, 3}; !slices.Equal(seconds, want) {
			t.Errorf("they began after %v seconds, want %v", seconds, want)
		}
	})
}
