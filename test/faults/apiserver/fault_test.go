package apiserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// streams are those of a source.
const streams = 3

// Parts of the lines that are logged at a loss and at the return.
const (
	lostLine = "is lost, what is known is served on"
	backLine = "is back after"
)

// A fault is what happens to the connection of a site with the API server.
type fault struct {
	name string
	// begin makes the API server unusable for CoreDNS, end usable again.
	begin, end func(ctx context.Context) error
	// turnsAfter is set where nothing can be changed while the fault lasts:
	// there is no API server at all.
	turnsAfter bool
	// tried counts the requests of CoreDNS; nil where nobody sees them. most is
	// by how many that may grow in a time.
	tried func() int
	most  func(time.Duration) int
	// losses is how many lines may be logged at a loss: one, or one for each
	// stream where each has its own reason.
	losses int
	// perStream is set where the reason is no outage: each stream logs it by
	// itself.
	perStream bool
	// lists is how many streams have to list again at least, because the API server
	// has forgotten where they were.
	lists int
}

// leastTries is how many requests a fault lasts for at least.
const leastTries = 3

// outageMost bounds the tries of a source in an outage: those under way on each
// stream, then one at a time, and one or two of each stream at the return.
func outageMost(d time.Duration) int { return streams + retries(d) + 2*streams }

// streamMost bounds the tries of a source where each stream fails by itself.
func streamMost(d time.Duration) int { return streams * (1 + retries(d) + 2) }

// suffer has the site go through a fault.
func (s *site) suffer(f fault) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*limit)
	defer cancel()
	s.faults++
	lost, back, warnings := s.lines(lostLine), s.lines(backLine), s.lines("[WARNING]")
	failed, listed := s.counted("watch_errors_total"), s.counted("relists_total")
	tried, began := 0, time.Now()
	if f.tried != nil {
		tried = f.tried()
	}
	must(s.t, f.begin(ctx))
	state := s.shown.Load() + 1
	if !f.turnsAfter {
		_, err := s.turn(ctx)
		must(s.t, err)
	}
	until(s.t, f.name+" is noticed", func(ctx context.Context) error { return s.noticed(ctx, f, lost, failed) })
	if f.tried != nil {
		until(s.t, "retries", func(context.Context) error {
			if n := f.tried() - tried; n < leastTries {
				return fmt.Errorf("%d requests", n)
			}
			return nil
		})
	}
	if !f.perStream {
		s.says("/", "is lost since")
	}
	lasted := time.Since(began)
	s.soon.Store(state)
	must(s.t, f.end(ctx))
	ended := time.Now()
	if f.turnsAfter {
		_, err := s.turn(ctx)
		must(s.t, err)
	}
	s.settle(state)
	until(s.t, "all streams", func(ctx context.Context) error {
		up, all, err := s.up(ctx)
		if err == nil && (up != all || all != streams) {
			err = fmt.Errorf("%d of %d streams are up", up, all)
		}
		return err
	})
	s.told(f, state)
	back, lost, warnings = s.lines(backLine)-back, s.lines(lostLine)-lost, s.lines("[WARNING]")-warnings
	took, n := time.Since(ended), 0
	if f.tried != nil {
		n = f.tried() - tried
		if most := f.most(time.Since(began)); n > most {
			s.t.Errorf("%s: %d requests were made in %s, want %d at most", f.name, n, time.Since(began), most)
		}
	}
	s.t.Logf("%s: lasted %.1f s, right again %.1f s after, %d requests, %d warnings", f.name, lasted.Seconds(), took.Seconds(), n, warnings)
	if n := s.counted("relists_total") - listed; n < f.lists {
		s.t.Errorf("%s: %d streams listed again, want %d at least", f.name, n, f.lists)
	}
	s.checkLines(f, lost, back, warnings)
}

// noticed reports whether no stream is up any more, and whether that was
// logged, or, where the reason may be the same as before, counted.
func (s *site) noticed(ctx context.Context, f fault, lost, failed int) error {
	up, all, err := s.up(ctx)
	switch {
	case err != nil:
		return err
	case up > 0 || all != streams:
		return fmt.Errorf("%d of %d streams are up", up, all)
	case !f.perStream && s.lines(lostLine) == lost:
		return errors.New("it was not logged")
	case f.perStream && s.counted("watch_errors_total") < failed+streams:
		return errors.New("it was not counted")
	}
	return nil
}

func (s *site) checkLines(f fault, lost, back, warnings int) {
	s.t.Helper()
	if lost != back {
		s.t.Errorf("%s: %d lines tell of a loss, and %d of a return", f.name, lost, back)
	}
	most := f.losses
	if f.perStream {
		most *= streams
	}
	if warnings > most {
		s.t.Errorf("%s: logged %d warnings, want %d at most:\n%s", f.name, warnings, most, s.server.Log())
	}
}

// sufferAll has the site go through each fault once, or with -soak through
// random ones.
func (s *site) sufferAll(faults ...fault) {
	s.t.Helper()
	if *soak == 0 {
		for _, f := range faults {
			s.suffer(f)
		}
		s.stop()
		return
	}
	s.t.Logf("-seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, uint64(len(faults))))
	for began := time.Now(); time.Since(began) < *soak && !s.t.Failed(); {
		s.suffer(faults[random.IntN(len(faults))])
	}
	s.stop()
}
