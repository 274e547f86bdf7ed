package node

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// diary is what happened, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// want fails the test where other things have happened, or in another order.
func (d *diary) want(t *testing.T, lines ...string) {
	t.Helper()
	if !slices.Equal(d.lines, lines) {
		t.Errorf("got %q, want %q", d.lines, lines)
	}
}

// sharingOf is one whose API server only writes into the diary.
func sharingOf(d *diary) *sharing {
	return newSharing(
		func() error { d.note("stop"); return nil },
		func(context.Context) error { d.note("start"); return nil },
	)
}

func TestLivesShareTheTimeWithoutTheAPIServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		s := sharingOf(&d)
		var lives sync.WaitGroup
		// Both go on before one of them waits.
		s.enter(true)
		s.enter(true)
		for range 2 {
			lives.Go(func() {
				defer s.leave()
				if err := s.without(t.Context(), func() error { d.note("away"); return nil }); err != nil {
					t.Error(err)
				}
				d.note("back")
			})
			synctest.Wait()
		}
		lives.Wait()
		d.want(t, "stop", "away", "away", "start", "back", "back")
	})
}

func TestTheAPIServerStaysUntilOtherLivesHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		s := sharingOf(&d)
		var lives sync.WaitGroup
		s.enter(false)
		s.enter(true)
		lives.Go(func() {
			defer s.leave()
			if err := s.without(t.Context(), func() error { return nil }); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		// One that leaves it alone begins after it is back.
		lives.Go(func() {
			s.enter(false)
			d.note("next")
			s.leave()
		})
		synctest.Wait()
		d.note("end")
		s.leave()
		lives.Wait()
		d.want(t, "end", "stop", "start", "next")
	})
}

func TestWhyTheAPIServerDoesNotGoIsToldToAll(t *testing.T) {
	refused := errors.New("it does not stop")
	s := newSharing(func() error { return refused }, func(context.Context) error { return errors.New("it never went") })
	s.enter(true)
	defer s.leave()
	err := s.without(t.Context(), func() error { return errors.New("it did something all the same") })
	if err == nil || err.Error() != refused.Error() {
		t.Errorf("got %v, want %v", err, refused)
	}
}
