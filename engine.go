package endpoints

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check/engine"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check/probe"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/reload"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"
)

// engines has the one engine of the process, while a stanza has checks: a reload keeps what
// it knows. Where the reload changes its bounds there are two for a moment.
var engines reload.Pool[bounds, *runningEngine]

// bounds are those of an engine.
type bounds struct{ rate, inflight int }

func boundsOf(terms check.Terms) bounds { return bounds{terms.Rate, terms.Inflight} }

// runningEngine is an engine and what ends it.
type runningEngine struct {
	*engine.Engine
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// start starts an engine, which begins with what fails in the one that it replaces.
func (b bounds) start(others iter.Seq[*runningEngine]) (*runningEngine, error) {
	checkMetrics{}.begin()
	e := runEngine(engine.Options{Rate: b.rate, Inflight: b.inflight, Probe: ask, Metrics: checkMetrics{}, Log: log.Infof})
	for other := range others {
		e.Restore(other.Failing())
	}
	return e, nil
}

// ask makes one check over the network.
func ask(ctx context.Context, at netip.AddrPort, s *check.Spec) check.Cause {
	return probe.Run(ctx, probe.Dial, at, s)
}

func runEngine(o engine.Options) *runningEngine {
	e := &runningEngine{Engine: engine.New(o)}
	var ctx context.Context
	ctx, e.cancel = context.WithCancel(context.Background())
	e.done.Go(func() { e.Run(ctx) })
	return e
}

// End implements reload.Ender.
func (e *runningEngine) End() {
	e.cancel()
	e.done.Wait()
}

// holdEngine takes hold of the engine, where the feed has something checked.
func (f *feed) holdEngine() error {
	terms := f.cache.settings.Checks
	if terms.Mode == check.Off {
		return nil
	}
	b := boundsOf(terms)
	e, err := engines.Hold(b, b.start)
	if err != nil {
		return err
	}
	f.cache.checking = newChecking(terms, e.Engine)
	server := ""
	if from, ok := f.source.(interface{ Server() string }); ok {
		server = from.Server()
	}
	f.cache.forbidOwn(server)
	f.cache.remember(e.Failing())
	return nil
}

// remember has checks begin with the verdicts of a snapshot, where none are newer.
func (f *feed) remember(v snapshot.Verdicts) {
	if e := f.cache.engine; e != nil && len(f.cache.remembered) == 0 {
		failing := v.Young(time.Now())
		e.Restore(failing)
		f.cache.remember(failing)
	}
}

func (f *feed) releaseEngine() {
	if f.cache.engine != nil {
		engines.Release(boundsOf(f.cache.settings.Checks))
	}
}

// agree refuses a stanza that gives the one engine of the process other bounds than another
// stanza does.
func (sub *subscription) agree() error {
	own := sub.stanza.Settings.Checks
	if own.Mode == check.Off {
		return nil
	}
	for _, other := range sub.generation.Held() {
		terms := other.stanza.Settings.Checks
		if terms.Mode != check.Off && boundsOf(terms) != boundsOf(own) {
			return fmt.Errorf("check_rate is one for the whole process: it is %d inflight %d here, and %d inflight %d in another stanza",
				own.Rate, own.Inflight, terms.Rate, terms.Inflight)
		}
	}
	return nil
}
