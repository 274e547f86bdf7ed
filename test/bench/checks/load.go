//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/checks/fleet"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/coredns"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/dnsperf"
)

// many is how many checks a large fleet has.
const many = 10_000

// large are Services of ten endpoints each, of many in all, that are checked over TCP.
func large(n int, check string) []service {
	all := make([]service, n/10)
	for i := range all {
		all[i] = service{namespace: i / 6, name: fmt.Sprintf("fleet-%d", i), endpoints: of(10*i, 10), check: check}
	}
	return all
}

// quickly lets a large fleet be checked at its interval.
const quickly = checking + "\n        check_rate 1200"

// withFleet starts a world of a fleet whose targets all answer, for the time that do takes.
func (b *bench) withFleet(ctx context.Context, n int, check, lines string, do func(*world, []service, []*fleet.Target) error) (err error) {
	all := fleet.New(n)
	if err := fleet.Listen(ctx, all); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.Close(all)) }()
	services := large(n, check)
	w, err := b.start(ctx, setting{services, lines})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	if check != "" {
		if err := w.passing(ctx, check, n); err != nil {
			return err
		}
	}
	return do(w, services, all)
}

// askAll asks for each Service once, so that its checks are in the busy gear for five
// minutes.
func (w *world) askAll(ctx context.Context, services []service) error {
	for _, s := range services {
		if _, err := coredns.Ask(ctx, w.address, question(s.fqdn())); err != nil {
			return err
		}
	}
	return nil
}

// cpu returns the share of a core that the process uses within some time.
func (w *world) cpu(ctx context.Context, during time.Duration) (float64, error) {
	before, err := w.CPU()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(during):
	}
	after, err := w.CPU()
	return float64(after-before) / float64(time.Since(began)), err
}

// measureCPU measures a server of which nothing is asked, beyond what the same one takes
// that checks nothing: it rereads its manifests.
func measureCPU(ctx context.Context, b *bench) error {
	during := either(b, time.Minute, 15*time.Second)
	plain, err := b.start(ctx, setting{large(many, ""), ""})
	if err != nil {
		return err
	}
	base, err := plain.cpu(ctx, during)
	if err := errors.Join(err, plain.stop()); err != nil {
		return err
	}
	return b.withFleet(ctx, many, "tcp", quickly, func(w *world, services []service, _ []*fleet.Target) error {
		if err := w.askAll(ctx, services); err != nil {
			return err
		}
		before, err := w.counter(ctx, "checks_total", "")
		if err != nil {
			return err
		}
		busy, err := w.cpu(ctx, during)
		if err != nil {
			return err
		}
		busy -= base
		after, err := w.counter(ctx, "checks_total", "")
		if err != nil {
			return err
		}
		b.note("CPU of 10,000 checks over TCP at 10 s, of one core", "≤ 6.5 %",
			fmt.Sprintf("%.1f %% (%.0f checks/s), beyond %.2f %% without", 100*busy, (after-before)/during.Seconds(), 100*base), busy <= .065)
		if b.short {
			return nil
		}
		// Nobody asks, and five minutes later the fleet is in its idle gear.
		if _, err := w.cpu(ctx, 6*time.Minute); err != nil {
			return err
		}
		idle, err := w.cpu(ctx, 2*during)
		idle -= base
		b.note("the same in the idle gear", "≤ 1.2 %", fmt.Sprintf("%.1f %%", 100*idle), idle <= .012)
		return err
	})
}

// writeQuestions writes the question of dnsperf, for a Service of a fleet, into a file, and
// returns what removes it.
func writeQuestions() (file string, remove func() error, err error) {
	dir, err := os.MkdirTemp("", "k8s_endpoints-checks-")
	if err != nil {
		return "", nil, err
	}
	remove = func() error { return os.RemoveAll(dir) }
	file = filepath.Join(dir, "questions")
	if err := dnsperf.Write(file, question(large(many, "")[7].fqdn())); err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return file, remove, nil
}

// measureQueries compares the answers of a server that checks 10,000 targets with those of
// one that checks none.
func measureQueries(ctx context.Context, b *bench) (err error) {
	questions, remove, err := writeQuestions()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	rounds, round := either(b, 5, 2), either(b, 10*time.Second, 2*time.Second)
	var ratios []float64
	err = b.withFleet(ctx, many, "tcp", quickly, func(checked *world, services []service, _ []*fleet.Target) error {
		plain, err := b.start(ctx, setting{large(many, ""), ""})
		if err != nil {
			return err
		}
		defer func() { _ = plain.stop() }()
		for range rounds {
			if err := checked.askAll(ctx, services); err != nil {
				return err
			}
			var found [2]dnsperf.Result
			for i, w := range []*world{plain, checked} {
				if found[i], err = dnsperf.Run(ctx, dnsperf.Load{Address: w.address, Questions: questions, Duration: round, Core: otherCore}); err != nil {
					return err
				}
			}
			ratios = append(ratios, found[1].PerSecond/found[0].PerSecond)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(ratios)
	median := ratios[len(ratios)/2]
	b.note("answers per second, A of 10, with 10,000 checks at 10 s, against the same without", "≥ 93 %",
		fmt.Sprintf("%.1f %% (%.1f–%.1f)", 100*median, 100*ratios[0], 100*ratios[len(ratios)-1]), median >= .93)
	return nil
}

// measureMemory takes the live heap and the sockets with all checks passing, then with all
// hanging.
func measureMemory(ctx context.Context, b *bench) error {
	plain, err := b.start(ctx, setting{large(many, ""), ""})
	if err != nil {
		return err
	}
	base, err := coredns.LiveHeap(ctx, plain.pprof)
	if err := errors.Join(err, plain.stop()); err != nil {
		return err
	}
	return b.withFleet(ctx, many, "redis", quickly, func(w *world, _ []service, all []*fleet.Target) error {
		held, err := coredns.LiveHeap(ctx, w.pprof)
		if err != nil {
			return err
		}
		added := float64(held) - float64(base)
		b.note("live heap of 10,000 checks", "≤ 4 MiB", mebibytes(added), added <= 4<<20)
		for _, t := range all {
			if err := t.Hang(ctx); err != nil {
				return err
			}
		}
		if err := w.until(ctx, func() error {
			inflight, err := w.counter(ctx, "checks_inflight", "")
			if err == nil && inflight < 200 {
				err = fmt.Errorf("%.0f in flight", inflight)
			}
			return err
		}); err != nil {
			return err
		}
		hanging, err := coredns.LiveHeap(ctx, w.pprof)
		if err != nil {
			return err
		}
		goroutines, err := coredns.CounterWith(ctx, w.metrics, "go_goroutines", "")
		if err != nil {
			return err
		}
		inflight, err := w.counter(ctx, "checks_inflight", "")
		more := float64(hanging) - float64(held)
		b.note("the same while all hang, beyond that", "≤ 12 MiB, ≤ 256 in flight",
			fmt.Sprintf("%s, %.0f in flight, %.0f goroutines of the whole server", mebibytes(more), inflight, goroutines), more <= 12<<20 && inflight <= 256)
		return err
	})
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

func mebibytes(bytes float64) string { return fmt.Sprintf("%.1f MiB", bytes/(1<<20)) }

// measureStopped stops the process as a debugger or a frozen cgroup would, and counts what
// it then holds against its targets.
func measureStopped(ctx context.Context, b *bench) error {
	pause := either(b, 30*time.Second, 5*time.Second)
	return b.withFleet(ctx, 1000, "redis", checking, func(w *world, services []service, _ []*fleet.Target) error {
		if err := w.askAll(ctx, services); err != nil {
			return err
		}
		if err := w.frozen(ctx, pause); err != nil {
			return err
		}
		if _, err := w.cpu(ctx, 30*time.Second); err != nil {
			return err
		}
		failed, err := w.counter(ctx, "check_verdicts_total", `verdict="fail"`)
		b.note(fmt.Sprintf("verdicts that fail after the process stood still for %s, 1,000 checks", seconds(pause)), "0", fmt.Sprintf("%.0f", failed), failed == 0)
		return err
	})
}

// measureFalse looks for verdicts against targets that answer: under full load on the same
// core, then with lost packets.
func measureFalse(ctx context.Context, b *bench) error {
	during := either(b, 10*time.Minute, 20*time.Second)
	return b.withFleet(ctx, many, "tcp", quickly, func(w *world, services []service, _ []*fleet.Target) (err error) {
		questions, remove, err := writeQuestions()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, remove()) }()
		if err := w.askAll(ctx, services); err != nil {
			return err
		}
		if _, err := dnsperf.Run(ctx, dnsperf.Load{Address: w.address, Questions: questions, Duration: during, Core: serverCore}); err != nil {
			return err
		}
		failed, err := w.counter(ctx, "check_verdicts_total", `verdict="fail"`)
		if err != nil {
			return err
		}
		b.note(fmt.Sprintf("false verdicts, 10,000 checks at 10 s and dnsperf on the same core for %s", during), "0", fmt.Sprintf("%.0f", failed), failed == 0)
		lossy := either(b, 10*time.Minute, 20*time.Second)
		if err := lose(ctx, "-A"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, lose(context.WithoutCancel(ctx), "-D")) }()
		if _, err := w.cpu(ctx, lossy); err != nil {
			return err
		}
		after, err := w.counter(ctx, "check_verdicts_total", `verdict="fail"`)
		b.note(fmt.Sprintf("the same with 2 %% of packets lost for %s, without dnsperf", lossy), "0", fmt.Sprintf("%.0f", after-failed), after == failed)
		return err
	})
}

// lose has iptables add or delete the rule that loses packets to and from targets.
func lose(ctx context.Context, action string) error {
	return command(ctx, "iptables", strings.Fields(action+" INPUT -i lo -p tcp -s 10.0.0.0/8 -m statistic --mode random --probability 0.02 -j DROP")...)
}
