//go:build linux

// Command checks measures what own checks of endpoints cost, and how soon they see what
// happens: the built CoreDNS, and targets in a network of their own, in which each address
// of 10.0.0.0/8 is this machine. It needs root for that network, two cores, iptables,
// taskset and dnsperf, and the repository as its working folder.
//
//	go run ./test/bench/checks            everything, half an hour
//	go run ./test/bench/checks -short     less of everything, in some minutes; only prints
//	go run ./test/bench/checks -only cpu,detection
//
// Figures go to docs/performance.json; `go run ./test/bench -render` writes them into the
// documents.
//
// Read main.go first, then world.go (CoreDNS and its targets); detection.go, load.go and
// engine.go have the measures.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/coredns"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
	"github.com/k8s-endpoints/k8s_endpoints/test/network"
)

// published is where the documents take figures from.
const published = "docs/performance.json"

// insideVariable has the path of CoreDNS for the process in the network of its own.
const insideVariable = "CHECKS_BENCH_COREDNS"

// bench is a run.
type bench struct {
	// program is the CoreDNS that is measured.
	program string
	short   bool
	found   []figures.Check
	began   time.Time
}

// measure is a part of a run.
type measure struct {
	name string
	run  func(context.Context, *bench) error
}

var measures = []measure{
	{"engine", measureEngine},
	{"detection", measureDetection},
	{"one", measureOne},
	{"crowd", measureCrowd},
	{"cpu", measureCPU},
	{"queries", measureQueries},
	{"memory", measureMemory},
	{"stopped", measureStopped},
	{"false", measureFalse},
}

func main() {
	short := flag.Bool("short", false, "measure less of everything, and only print")
	only := flag.String("only", "", "run only these `MEASURES`, separated by commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *short, *only); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, short bool, only string) error {
	program := os.Getenv(insideVariable)
	if program == "" {
		return enter(ctx)
	}
	if err := network.Up(); err != nil {
		return err
	}
	b := &bench{program: program, short: short, began: time.Now()}
	for _, m := range measures {
		if only != "" && !slices.Contains(strings.Split(only, ","), m.name) {
			continue
		}
		b.say("%s", m.name)
		if err := m.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if short {
		return nil
	}
	return b.save()
}

// enter runs this program again in a network of its own. What needs the module proxy is
// built before.
func enter(ctx context.Context) error {
	program, err := coredns.Build(ctx, "./cmd/coredns")
	if err != nil {
		return err
	}
	code, err := network.Enter(0, insideVariable+"="+program)
	if err == nil && code != 0 {
		os.Exit(code)
	}
	return err
}

func command(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// note keeps a figure, and prints it.
func (b *bench) note(measure, target, measured string, met bool) {
	b.found = append(b.found, figures.Check{Measure: measure, Target: target, Measured: measured, Met: met})
	b.say("%s: %s (target %s, met: %t)", measure, measured, target, met)
}

// save puts the figures into the published report, in place of those of the same measures.
func (b *bench) save() error {
	report, err := figures.Load(published)
	if err != nil {
		return err
	}
	for _, found := range b.found {
		at := slices.IndexFunc(report.Checks, func(c figures.Check) bool { return c.Measure == found.Measure })
		if at < 0 {
			report.Checks = append(report.Checks, found)
			continue
		}
		report.Checks[at] = found
	}
	if report.Runs == nil {
		report.Runs = make(map[string]figures.Run)
	}
	report.Runs["checks"] = figures.Run{
		Date:    time.Now().UTC().Format(time.DateOnly),
		Command: strings.TrimSpace("go run ./test/bench/checks " + strings.Join(os.Args[1:], " ")),
	}
	return report.Save(published)
}

// either returns the first where the run is whole, and the second in short.
func either[T any](b *bench, whole, short T) T {
	if b.short {
		return short
	}
	return whole
}
