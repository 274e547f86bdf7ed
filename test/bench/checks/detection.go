//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/checks/fleet"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/coredns"

	"github.com/miekg/dns"
)

// pairs returns Services of two endpoints each, so that one of them may fail without fail
// open.
func pairs(n int, check string) []service {
	all := make([]service, n)
	for i := range all {
		all[i] = service{namespace: i / 30, name: fmt.Sprintf("pair-%d", i), endpoints: of(2*i, 2), check: check}
	}
	return all
}

// measureDetection has targets fail and come back, and takes the time until the answer
// shows it.
func measureDetection(ctx context.Context, b *bench) (err error) {
	services := pairs(500, "redis")
	all := fleet.New(2 * len(services))
	if err := fleet.Listen(ctx, all); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.Close(all)) }()
	w, err := b.start(ctx, setting{services, checking})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	if err := w.passing(ctx, "redis", len(all)); err != nil {
		return err
	}
	faults := rand.Perm(len(services))[:either(b, 200, 40)]
	for _, phase := range []struct {
		name  string
		fault func(*fleet.Target) error
		left  int
		want  time.Duration
	}{
		{"a target refuses, to the answer without it", (*fleet.Target).Refuse, 1, 14 * time.Second},
		{"it answers again, to the answer with it", func(t *fleet.Target) error { return t.Answer(ctx) }, 2, 13 * time.Second},
		{"a target hangs, to the answer without it", func(t *fleet.Target) error { return t.Hang(ctx) }, 1, 20 * time.Second},
		{"it answers again after that", func(t *fleet.Target) error { return t.Answer(ctx) }, 2, 13 * time.Second},
	} {
		took, err := w.fault(ctx, services, faults, phase.left, func(i int) error { return phase.fault(all[2*i]) })
		if err != nil {
			return err
		}
		p99, most := quantile(took, .99), took[len(took)-1]
		b.note(fmt.Sprintf("%s: p50 / p99 / longest of %d, 1,000 checks at 10 s", phase.name, len(took)),
			fmt.Sprintf("p99 ≤ %s, none > %s", seconds(phase.want), seconds(phase.want+2*time.Second)),
			fmt.Sprintf("%s / %s / %s", seconds(quantile(took, .5)), seconds(p99), seconds(most)),
			p99 <= phase.want && most <= phase.want+2*time.Second)
	}
	return nil
}

// spread is over how long faults come.
const spread = 10 * time.Second

// fault makes a change to each of the chosen Services at a random time, while clients ask
// for all, and returns how long it took until each has as many addresses as are left,
// sorted.
func (w *world) fault(ctx context.Context, services []service, chosen []int, left int, change func(i int) error) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, spread+time.Minute)
	defer cancel()
	began := make([]time.Time, len(services))
	at := make([]time.Time, len(services))
	for _, i := range chosen {
		at[i] = time.Now().Add(rand.N(spread))
	}
	var took []time.Duration
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for len(took) < len(chosen) {
		for i := range services {
			answer, err := coredns.Ask(ctx, w.address, question(services[i].fqdn()))
			if err != nil {
				return nil, err
			}
			now := time.Now()
			switch {
			case at[i].IsZero():
			case began[i].IsZero() && now.After(at[i]):
				if err := change(i); err != nil {
					return nil, err
				}
				began[i] = time.Now()
			case !began[i].IsZero() && count(answer) == left:
				took = append(took, now.Sub(began[i]))
				at[i] = time.Time{}
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("of %d faults, %d were seen: %w", len(chosen), len(took), ctx.Err())
		case <-ticker.C:
		}
	}
	slices.Sort(took)
	return took, nil
}

func count(m *dns.Msg) (n int) {
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == dns.TypeA {
			n++
		}
	}
	return n
}

// quantile returns that of sorted durations.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// passing returns once so many checks of a kind pass.
func (w *world) passing(ctx context.Context, kind string, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	return w.until(ctx, func() error {
		got, err := w.counter(ctx, "checks", fmt.Sprintf(`kind=%q,verdict="pass"`, kind))
		if err == nil && int(got) != n {
			err = fmt.Errorf("%.0f of %d checks pass", got, n)
		}
		return err
	})
}

// until returns once nothing is wrong any more.
func (w *world) until(ctx context.Context, wrong func() error) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := wrong()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-w.Done():
			return w.Failure()
		case <-ticker.C:
		}
	}
}

// measureOne takes the time from a verdict to the answer, in a small Service and a large
// one, and counts what was compiled for it.
func measureOne(ctx context.Context, b *bench) error {
	for _, n := range []int{2, 10_000} {
		if err := b.measureOne(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measureOne(ctx context.Context, n int) (err error) {
	all := fleet.New(n)
	if err := fleet.Listen(ctx, all); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.Close(all)) }()
	// Only those of the first slice have the port: else a namespace could not have all checked.
	s := service{name: "one", endpoints: of(0, n), check: "redis redis", ported: min(n, perSlice)}
	checked := min(n, perSlice)
	w, err := b.start(ctx, setting{[]service{s}, checking + "\n check_rate 1000"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	if err := w.passing(ctx, "redis", checked); err != nil {
		return err
	}
	if err := all[0].Refuse(); err != nil {
		return err
	}
	// The log says when the verdict was found, and the answer when it counted.
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var turned time.Time
	if err := w.until(ctx, func() error {
		failed, err := w.counter(ctx, "check_verdicts_total", `verdict="fail"`)
		if err == nil && failed == 0 {
			err = errors.New("nothing fails")
		}
		turned = time.Now()
		return err
	}); err != nil {
		return err
	}
	name := fleet.Address(0).String()
	if err := w.until(ctx, func() error {
		answer, err := coredns.Ask(ctx, w.address, question(dashed(name)+"."+s.fqdn()))
		if err == nil && count(answer) > 0 {
			err = errors.New("it has a name still")
		}
		return err
	}); err != nil {
		return err
	}
	took := time.Since(turned)
	b.note(fmt.Sprintf("one verdict in a Service of %s, to the answer", thousands(n)), "≤ 1.1 s", seconds(took), took <= 1100*time.Millisecond)
	return nil
}

// measureCrowd has one of a hundred living targets die among very many that hang.
func measureCrowd(ctx context.Context, b *bench) (err error) {
	const living = 50
	dead := either(b, 9_900, 900)
	services := pairs(living, "redis")
	for first := 0; first < dead; first += 50 {
		services = append(services, service{
			namespace: len(services), name: fmt.Sprintf("crowd-%d", first), endpoints: of(2*living+first, 50), check: "redis",
		})
	}
	all := fleet.New(2*living + dead)
	if err := fleet.Listen(ctx, all[:2*living]); err != nil {
		return err
	}
	for _, t := range all[2*living:] {
		if err := t.Hang(ctx); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, fleet.Close(all)) }()
	w, err := b.start(ctx, setting{services, checking + "\n check_rate 1000"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	// All are known to be dead before one of the living dies.
	wait, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	if err := w.until(wait, func() error {
		failing, err := w.counter(wait, "checks", `verdict="fail"`)
		if err == nil && int(failing) < dead {
			err = fmt.Errorf("%.0f of %d fail", failing, dead)
		}
		return err
	}); err != nil {
		return err
	}
	took, err := w.fault(ctx, services[:living], rand.Perm(living), 1, func(i int) error { return all[2*i].Refuse() })
	if err != nil {
		return err
	}
	p99 := quantile(took, .99)
	b.note(fmt.Sprintf("one of 100 living targets refuses among %s that hang: p50 / p99 of %d", thousands(dead), living), "p99 ≤ 16 s",
		fmt.Sprintf("%s / %s", seconds(quantile(took, .5)), seconds(p99)), p99 <= 16*time.Second)
	return nil
}
