// Package engine decides when endpoints are checked, and how many at once. It asks nothing
// itself: that is what Options.Probe is for.
//
// One goroutine owns all that is known; whoever calls leaves word in a mailbox, and does
// not wait. Reading order: engine.go is the goroutine, group.go what it is told and tells,
// and core.go its turns, which are pure but for the time that is handed in. want.go takes
// what Services want, and second.go tells what came of it, once a second, in words.go, too.
// task.go is one check; a task waits on the wheel until it is due (wheel.go), then in a lane
// until there is room for it (lanes.go). table.go finds tasks, budget.go and pairs.go bound
// how many there are. doubts.go knows when it is this process that fails, and failures.go
// what outlives it.
package engine

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// Options are what an Engine goes by. Rate, Inflight and Probe have to be there.
type Options struct {
	// Rate is what checks may cost in a second, as Kind.Units counts it; a quarter of it may
	// come at once.
	Rate int
	// Inflight is how many checks are under way at once: a quarter of these are of targets
	// whose last check failed.
	Inflight int
	// Probe makes one check. The context ends with the timeout of the Spec.
	Probe func(ctx context.Context, at netip.AddrPort, s *check.Spec) check.Cause
	// Now is time.Now by default, Log writes a line of the log, and nothing by default.
	Now func() time.Time
	Log func(format string, args ...any)
	// Metrics are told what happens, and nobody by default.
	Metrics Metrics
}

// Metrics are told what happens, by the goroutine of the Engine: they must not block. Of the
// gauges, they are told at whole seconds, where they have changed.
type Metrics interface {
	// Checks is how many of a kind there are with a verdict.
	Checks(kind check.Kind, verdict check.Verdict, count int)
	// Checked is that a check ended, and how long it took.
	Checked(kind check.Kind, result check.Cause, took time.Duration)
	// Turned is that a check got another verdict.
	Turned(kind check.Kind, verdict check.Verdict)
	// Refused is that an address is not checked, or not now.
	Refused(reason check.Refusal)
	// Lag is by how much checks are late: the most that one of those in front is.
	Lag(lag time.Duration)
	// Inflight is how many checks are under way in a lane, passing or failing.
	Inflight(lane string, count int)
	// Blind is whether this process seems to be cut off from all targets.
	Blind(blind bool)
}

// Engine makes the checks of any number of Services.
type Engine struct {
	mail   mailbox
	core   *core
	probe  func(ctx context.Context, at netip.AddrPort, s *check.Spec) check.Cause
	now    func() time.Time
	probes sync.WaitGroup
}

// New returns an Engine that makes no checks before Run.
func New(o Options) *Engine {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.Metrics == nil {
		o.Metrics = nobody{}
	}
	e := &Engine{probe: o.Probe, now: o.Now}
	e.mail.wake = make(chan struct{}, 1)
	e.core = newCore(&o, &e.mail, o.Now())
	return e
}

// Run makes checks until the context ends, and returns when none is under way. It is called
// once.
func (e *Engine) Run(ctx context.Context) {
	e.core.launch = func(t *task) {
		e.probes.Go(func() { e.ask(ctx, t) })
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			e.probes.Wait()
			return
		case <-e.mail.wake:
		case <-timer.C:
		}
		if next, some := e.core.turn(e.now()); some {
			timer.Reset(next - e.core.elapsed(e.now()))
		} else {
			timer.Stop()
		}
	}
}

// ask makes one check. What it reads of the task does not change.
func (e *Engine) ask(ctx context.Context, t *task) {
	ctx, cancel := context.WithTimeout(ctx, t.spec.Timeout)
	defer cancel()
	began := e.now()
	cause := e.probe(ctx, t.at, &t.spec.Spec)
	e.mail.postResult(result{task: t, cause: cause, began: began, took: e.now().Sub(began)})
}

// Group returns the checks of a Service, of which there are none before Group.Watch.
// changed is called by the goroutine of the Engine, at most once a whole second, when
// Group.Findings has changed; it must not block.
func (e *Engine) Group(key model.ServiceKey, changed func()) *Group {
	g := &Group{key: key, changed: changed, mail: &e.mail, second: &e.mail.second}
	g.asked.Store(-awake)
	return g
}

// Failing returns the checks that fail, for the next process.
func (e *Engine) Failing() []check.Remembered { return e.core.failures.list(e.core.begin) }

// Restore says which checks failed in the process before this one. Those of them that are
// wanted within five minutes begin as failing; one success ends that. It replaces what was
// restored before.
func (e *Engine) Restore(all []check.Remembered) {
	if len(all) > 0 {
		e.mail.postRestored(all)
	}
}

// nobody reads these Metrics.
type nobody struct{}

func (nobody) Checks(check.Kind, check.Verdict, int)          {}
func (nobody) Checked(check.Kind, check.Cause, time.Duration) {}
func (nobody) Turned(check.Kind, check.Verdict)               {}
func (nobody) Refused(check.Refusal)                          {}
func (nobody) Lag(time.Duration)                              {}
func (nobody) Inflight(string, int)                           {}
func (nobody) Blind(bool)                                     {}
