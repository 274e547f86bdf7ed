package apiserver

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// TestWatchesThatAreOpenAndSilent lasts a minute and a half: it waits for the
// real bound.
func TestWatchesThatAreOpenAndSilent(t *testing.T) {
	t.Parallel()
	d, s := newDoorSite(t)
	lists := s.counted("relists_total")
	release := d.silence()
	defer release()
	s.faults++
	asked := d.count()
	_, err := s.turn(within(t))
	must(t, err)
	until(t, "a request", func(context.Context) error {
		if d.count() == asked {
			return errors.New("nothing is asked for")
		}
		return nil
	})
	s.soon.Store(2)
	release()
	s.settle(2)
	until(t, "a line for each stream", func(context.Context) error {
		if n := s.lines("anew: nothing came for 1m30s"); n != streams {
			return fmt.Errorf("%d of %d", n, streams)
		}
		return nil
	})
	if n := s.counted("relists_total"); n != lists {
		t.Errorf("it was listed %d times: a watch should go on where it was", n-lists)
	}
	if n := d.count() - asked; n > streams {
		t.Errorf("%d requests were made, want one for each stream", n)
	}
	if n := s.lines(lostLine); n != 0 {
		t.Errorf("%d lines tell of an API server that is lost", n)
	}
	s.stop()
}
