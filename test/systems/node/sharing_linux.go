package node

import (
	"context"
	"errors"
	"sync"
)

// sharing lets lives that go on at the same time share the API server, and the times without
// it: each such time costs a start of the control plane, and is enough for all who wait for it.
type sharing struct {
	stop  func() error
	start func(context.Context) error

	mu      sync.Mutex
	changed *sync.Cond
	// inside are the lives that go on, and waiting are those of them that wait for the API
	// server to go.
	inside, waiting int
	// gone is true while the API server is away, left counts the lives that have something to
	// do until it is back, and failed is why it did not go or come back.
	gone   bool
	left   int
	failed error
}

func newSharing(stop func() error, start func(context.Context) error) *sharing {
	s := &sharing{stop: stop, start: start}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// enter begins a life. One that will wait for the API server to go says so: others do not begin
// while somebody waits, since they would have to end first.
func (s *sharing) enter(waits bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.gone || !waits && s.waiting > 0 {
		s.changed.Wait()
	}
	s.inside++
}

// leave ends what enter began.
func (s *sharing) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside--
	s.changed.Broadcast()
}

// without does something while the API server is away, within a life. It goes when all lives
// that go on wait for it, and is back when all of them have done what they do.
func (s *sharing) without(ctx context.Context, do func() error) error {
	var failed error
	if s.awaitGone() {
		failed = do()
	}
	return errors.Join(failed, s.awaitBack(ctx))
}

// awaitGone reports whether the API server has gone.
func (s *sharing) awaitGone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting++
	s.changed.Broadcast()
	for !s.gone && s.waiting < s.inside {
		s.changed.Wait()
	}
	if !s.gone {
		s.failed = s.stop()
		s.gone, s.left = true, s.waiting
		s.changed.Broadcast()
	}
	s.waiting--
	return s.failed == nil
}

func (s *sharing) awaitBack(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left--; s.left == 0 {
		if s.failed == nil {
			s.failed = s.start(ctx)
		}
		s.gone = false
		s.changed.Broadcast()
	}
	for s.gone {
		s.changed.Wait()
	}
	return s.failed
}
