//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// benchmark is the line of the engine's own part.
var benchmark = regexp.MustCompile(`(?m)^BenchmarkCheck\S*\s+\d+\s+([0-9.]+) ns/op`)

// measureEngine runs the benchmark of what the engine does for a check besides asking.
func measureEngine(ctx context.Context, b *bench) error {
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkCheck$", "./plugin/check/engine").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	found := benchmark.FindSubmatch(out)
	if found == nil {
		return fmt.Errorf("there is no line of BenchmarkCheck:\n%s", out)
	}
	nanos, err := strconv.ParseFloat(string(found[1]), 64)
	b.note("the engine's own part of a check: wheel, budget, state, verdict", "≤ 2 µs", fmt.Sprintf("%.2f µs", nanos/1e3), nanos <= 2000)
	return err
}

// frozen stops the process for a while.
func (w *world) frozen(ctx context.Context, pause time.Duration) error {
	if err := syscall.Kill(w.PID(), syscall.SIGSTOP); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
	return syscall.Kill(w.PID(), syscall.SIGCONT)
}
