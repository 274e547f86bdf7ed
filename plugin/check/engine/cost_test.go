//go:build !race

package engine

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

func TestATaskIsSmall(t *testing.T) {
	between(t, "the size of a task and its owner", unsafe.Sizeof(task{})+unsafe.Sizeof(owner{}), 1, 208)
	between(t, "the size of a task", unsafe.Sizeof(task{}), 1, 192)
}

// heapInUse returns what is in use after everything that can go has gone.
func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestTenThousandChecksTakeLessThanFourMegabytes(t *testing.T) {
	for _, row := range []struct {
		name  string
		cause check.Cause
		most  uint64
	}{
		{"all pass", check.Passed, 4 << 20},
		// What is found of those that fail is given out, and takes its own room.
		{"all fail", check.Refused, 4<<20 + 10_000*128},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := heapInUse()
			w := newWorld(t, 100_000, 4096)
			w.core.budget.new = 1000
			w.dead(row.cause, time.Millisecond, every)
			for i := range 10 {
				w.service(fmt.Sprintf("team-%d/db", i), tcp(), targets(1000*i, 1000)...)
			}
			w.pass(90 * time.Second)
			equal(t, "the number of tasks", w.core.table.count, 10_000)
			w.dials, w.lines, w.flights = nil, nil, nil
			used := heapInUse() - before
			t.Logf("%d bytes, %d per check", used, used/10_000)
			between(t, "the memory of 10,000 checks", used, 1<<20, row.most)
			runtime.KeepAlive(w)
		})
	}
}

func TestAskedDoesNotAllocate(t *testing.T) {
	w := newWorld(t, 200, 256)
	g := w.service("orders", tcp(), target(1))
	second := int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		second++
		w.e.mail.second.Store(second)
		g.Asked()
		g.Asked()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	(*Group)(nil).Asked()
}

// The engine's own part of a check: it comes out of the wheel, is begun, and its result is
// taken. Ten come in one turn, or each in its own.
func BenchmarkCheck(b *testing.B) {
	for _, each := range []time.Duration{10 * time.Millisecond, time.Millisecond} {
		b.Run(each.String(), func(b *testing.B) { benchmarkChecks(b, each) })
	}
}

func benchmarkChecks(b *testing.B, each time.Duration) {
	w := newWorld(b, 1_000_000, 4096)
	w.core.budget.new = 1000
	var groups []*Group
	for i := range 10 {
		groups = append(groups, w.service(fmt.Sprintf("team-%d/db", i), tcp(), targets(1000*i, 1000)...))
	}
	w.core.launch = func(t *task) {
		w.e.mail.postResult(result{task: t, cause: check.Passed, began: w.now, took: time.Millisecond})
	}
	checks := 0
	w.core.metrics = countOnly{&checks}
	step := func() {
		for _, g := range groups {
			g.Asked()
		}
		w.now = w.now.Add(each)
		w.core.turn(w.now)
	}
	for range time.Minute / each {
		step()
	}
	checks = 0
	b.ResetTimer()
	turns := 0
	for checks < b.N {
		step()
		turns++
	}
	b.ReportMetric(float64(turns)/float64(checks), "turns/check")
}

// countOnly are Metrics that only count the checks.
type countOnly struct{ checks *int }

func (c countOnly) Checked(check.Kind, check.Cause, time.Duration) { *c.checks++ }
func (countOnly) Checks(check.Kind, check.Verdict, int)            {}
func (countOnly) Turned(check.Kind, check.Verdict)                 {}
func (countOnly) Refused(check.Refusal)                            {}
func (countOnly) Lag(time.Duration)                                {}
func (countOnly) Inflight(string, int)                             {}
func (countOnly) Blind(bool)                                       {}

func BenchmarkAsked(b *testing.B) {
	w := newWorld(b, 200, 256)
	g := w.service("orders", tcp(), target(1))
	g.Asked()
	b.ReportAllocs()
	for b.Loop() {
		g.Asked()
	}
}
