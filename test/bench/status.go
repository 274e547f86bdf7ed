package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/dnsperf"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/workload"

	"github.com/miekg/dns"
)

const (
	// readEach is how often somebody reads the status page while questions are answered.
	readEach = 5 * time.Second
	// watchedRound is so many times as long as another one, so that the page is read in it.
	watchedRound = 5
)

// watched is the Service that is asked for, and whose page is read.
var watched = workload.Service{Name: "watched", Endpoints: 10}

// measureWatched finds how many questions a server answers while somebody reads its status
// page, for each that one answers which has none. They take turns.
func measureWatched(ctx context.Context, b *bench) (check figures.Check, err error) {
	dir, err := os.MkdirTemp("", "k8s_endpoints-watched-")
	if err != nil {
		return check, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	questions := filepath.Join(dir, "questions")
	if err := dnsperf.Write(questions, question(watched.FQDN(), dns.TypeA, clientEDNS)); err != nil {
		return check, err
	}
	err = b.with(ctx, func(ctx context.Context, sc *scene) (err error) {
		if err := sc.Create(ctx, []workload.Service{watched}); err != nil {
			return err
		}
		without, err := b.start(sc, figures.Ours, settings{pinned: true})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, without.Stop()) }()
		with, err := b.start(sc, figures.Ours, settings{pinned: true, status: true})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, with.Stop()) }()
		for _, s := range []*server{without, with} {
			if err := s.serves(ctx, watched); err != nil {
				return err
			}
		}
		check, err = b.takeTurns(ctx, questions, without, with)
		return err
	})
	return check, err
}

// takeTurns asks both in each round.
func (b *bench) takeTurns(ctx context.Context, questions string, without, with *server) (figures.Check, error) {
	var rates []float64
	pages := 0
	for range b.rounds {
		load := dnsperf.Load{Address: without.address, Questions: questions, Duration: watchedRound * b.round, Core: loadCore}
		alone, err := dnsperf.Run(ctx, load)
		if err != nil {
			return figures.Check{}, err
		}
		load.Address = with.address
		reading := with.keepReading(ctx)
		beside, err := dnsperf.Run(ctx, load)
		read, failed := reading()
		if err = errors.Join(err, failed); err != nil {
			return figures.Check{}, err
		}
		pages += read
		rates = append(rates, beside.PerSecond/alone.PerSecond)
		b.say("with a reader %.0f q/s, without a page %.0f q/s", beside.PerSecond, alone.PerSecond)
	}
	if pages == 0 {
		return figures.Check{}, errors.New("nobody has read a page")
	}
	return watchedCheck(rates), nil
}

func watchedCheck(rates []float64) figures.Check {
	const least = 0.99
	median := figures.Median(rates)
	return figures.Check{
		Measure: fmt.Sprintf("queries a second while the status page is read each %s, against no page", readEach),
		Target:  fmt.Sprintf("≥ %.0f %%", 100*least), Measured: fmt.Sprintf("%.1f %%", 100*median), Met: median >= least,
	}
}

// keepReading reads the page of the Service now and then, until the function that it returns
// is called. That says how many pages were read.
func (s *server) keepReading(ctx context.Context) (stop func() (read int, err error)) {
	ctx, cancel := context.WithCancel(ctx)
	var read int
	done := make(chan error, 1)
	go func() {
		ticker := time.NewTicker(readEach)
		defer ticker.Stop()
		for {
			if err := s.readPage(ctx); err != nil {
				if ctx.Err() != nil {
					err = nil
				}
				done <- err
				return
			}
			read++
			select {
			case <-ctx.Done():
				done <- nil
				return
			case <-ticker.C:
			}
		}
	}()
	return func() (int, error) {
		cancel()
		err := <-done
		return read, err
	}
}

func (s *server) readPage(ctx context.Context) error {
	return read(ctx, "http://"+s.page+"/services/"+workload.Namespace+"/"+watched.Name, io.Discard)
}
