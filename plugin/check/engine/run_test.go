package engine

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// runs begins an engine in a bubble, and returns what ends it.
func runs(t *testing.T, probe func(ctx context.Context, at netip.AddrPort, s *check.Spec) check.Cause) (e *Engine, end func()) {
	e = New(Options{Rate: 1000, Inflight: 64, Probe: probe})
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { e.Run(ctx) })
	return e, func() {
		cancel()
		done.Wait()
	}
}

func TestRunChecksAndTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		e, end := runs(t, func(ctx context.Context, at netip.AddrPort, s *check.Spec) check.Cause {
			asked.Add(1)
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) != s.Timeout {
				t.Errorf("a check has until %v", deadline)
			}
			time.Sleep(time.Millisecond)
			if at == target(2) {
				return check.Refused
			}
			return check.Passed
		})
		told := make(chan struct{}, 10)
		g := e.Group(keyOf("orders"), func() { told <- struct{}{} })
		g.Watch(tcp(), everything(t), false, targets(1, 3))
		time.Sleep(10 * time.Second)
		equal(t, "the verdicts", verdicts(g, targets(1, 3)...), []check.Verdict{check.Passing, check.Failing, check.Passing})
		between(t, "how often it is told", len(told), 1, 4)
		between(t, "the number of checks", asked.Load(), 5, 8)
		end()
		before := asked.Load()
		g.Watch(tcp(), everything(t), false, targets(1, 9))
		g.Asked()
		time.Sleep(time.Minute)
		equal(t, "the number of checks after the end", asked.Load()-before, int64(0))
	})
}

// goroutines counts those of engines: others of the process come and go.
func goroutines() (n int) {
	stacks := make([]byte, 1<<20)
	for stack := range bytes.SplitSeq(stacks[:runtime.Stack(stacks, true)], []byte("\n\n")) {
		if bytes.Contains(stack, []byte("engine.(*Engine).")) {
			n++
		}
	}
	return n
}

func TestThereIsOneGoroutineWhereNoCheckIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, end := runs(t, func(context.Context, netip.AddrPort, *check.Spec) check.Cause { return check.Passed })
		g := e.Group(keyOf("orders"), func() {})
		g.Watch(tcp(), everything(t), false, targets(0, 60))
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "the number of goroutines", goroutines(), 1)
		end()
		synctest.Wait()
		equal(t, "the number of goroutines left", goroutines(), 0)
	})
}

func TestTheEndDoesNotWaitForTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flying atomic.Int64
		e, end := runs(t, func(ctx context.Context, _ netip.AddrPort, _ *check.Spec) check.Cause {
			flying.Add(1)
			defer flying.Add(-1)
			<-ctx.Done()
			return check.Void
		})
		g := e.Group(keyOf("orders"), func() {})
		g.Watch(tcp(), everything(t), false, targets(0, 60))
		time.Sleep(time.Second)
		synctest.Wait()
		equal(t, "the number of checks under way, in a lane of 48", flying.Load(), int64(48))
		at := time.Now()
		end()
		equal(t, "the number of checks under way after the end", flying.Load(), int64(0))
		equal(t, "the time until the end", time.Since(at), time.Duration(0))
	})
}

func TestAnEngineWithoutChecksSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looked atomic.Int64
		e := New(Options{
			Rate: 200, Inflight: 256,
			Probe: func(context.Context, netip.AddrPort, *check.Spec) check.Cause { return check.Passed },
			Now: func() time.Time {
				looked.Add(1)
				return time.Now()
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { e.Run(ctx) })
		g := e.Group(keyOf("orders"), func() {})
		g.Watch(tcp(), everything(t), false, targets(0, 10))
		time.Sleep(time.Minute)
		g.Close()
		time.Sleep(2 * time.Minute)
		before := looked.Load()
		time.Sleep(time.Hour)
		equal(t, "how often it looks at the time in an hour", looked.Load()-before, int64(0))
		cancel()
		done.Wait()
	})
}

// All methods may be called at once: the race detector looks on.
func TestManyCallAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		e, end := runs(t, func(context.Context, netip.AddrPort, *check.Spec) check.Cause {
			time.Sleep(time.Millisecond)
			return check.Cause(n.Add(1) % int64(check.Causes))
		})
		guard := everything(t)
		var callers sync.WaitGroup
		for i := range 16 {
			g := e.Group(keyOf(fmt.Sprintf("team-%d/db", i)), func() {})
			for j := range 4 {
				callers.Go(func() {
					for k := range 100 {
						switch j {
						case 0:
							g.Watch(tcp(), guard, k%2 == 0, targets(k%5, 5))
							e.Restore(e.Failing())
						default:
							g.Asked()
							g.Findings().Of(target(k % 5).Addr())
						}
						time.Sleep(100 * time.Millisecond)
					}
					if j == 0 {
						g.Close()
					}
				})
			}
		}
		callers.Wait()
		end()
	})
}
