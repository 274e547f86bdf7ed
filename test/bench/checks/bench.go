//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
)

// published is where the documents take figures from.
const published = "docs/performance.json"

// bench is a run.
type bench struct {
	// program is the CoreDNS that is measured.
	program string
	short   bool
	found   []figures.Check
	began   time.Time
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
