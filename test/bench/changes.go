package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/inject"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/workload"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gate"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// changedSizes are those of the Services that change, in endpoints.
var changedSizes = []int{1, 100, 1000, 10000}

const (
	// stormRate is in events per second.
	stormRate = 500
	// Of so many events in a storm, one is waited for: the questions must not
	// be a storm too.
	stormSample = 10
	// askStep is the time between two questions for the changed endpoint: the
	// times are no more exact.
	askStep = 500 * time.Microsecond
	// stormStep is gentler, since several are asked for at a time.
	stormStep = time.Millisecond
	// changeLimit bounds the wait for one change.
	changeLimit = 30 * time.Second
)

// measureChanges changes the readiness of endpoints, of one at a time.
func measureChanges(ctx context.Context, b *bench) error {
	b.report.Changes = nil
	return b.with(ctx, func(ctx context.Context, sc *scene) error {
		var services []workload.Service
		first := 0
		for _, n := range changedSizes {
			services = append(services, workload.Service{Name: fmt.Sprintf("db-%d", n), Endpoints: n, First: first})
			first += n
		}
		if err := sc.Create(ctx, services); err != nil {
			return err
		}
		return b.throughGate(sc, func(injector *inject.Injector, kubeconfig string) error {
			return b.alone(sc, settings{kubeconfig: kubeconfig}, func(plugin string, s *server) error {
				return b.changeAll(ctx, sc, plugin, &victim{server: s, injector: injector}, services)
			})
		})
	})
}

// throughGate opens a gate at which events can be injected.
func (b *bench) throughGate(sc *scene, do func(injector *inject.Injector, kubeconfig string) error) error {
	injector := new(inject.Injector)
	g, err := gate.New(sc.Cluster, injector.Wrap)
	if err != nil {
		return err
	}
	defer g.Close()
	kubeconfig, err := sc.gateKubeconfig(g)
	if err != nil {
		return err
	}
	return do(injector, kubeconfig)
}

func (b *bench) changeAll(ctx context.Context, sc *scene, plugin string, v *victim, services []workload.Service) error {
	for _, service := range services {
		var err error
		if v.Target, err = sc.Target(ctx, service); err != nil {
			return err
		}
		v.next = 0
		if err := v.server.serves(ctx, service); err != nil {
			return err
		}
		c, err := v.oneByOne(ctx, b.steadyEvents)
		if err != nil {
			return fmt.Errorf("%s: %w", service.Name, err)
		}
		b.note(c, plugin, service)
	}
	// The last one is the largest.
	c, err := v.storm(ctx, b.stormFor)
	if err != nil {
		return fmt.Errorf("%d events per second: %w", stormRate, err)
	}
	b.note(c, plugin, v.Service)
	return b.profiled(ctx, "storm-"+plugin, v.server.pprof, profileTime, func(ctx context.Context) error {
		_, err := v.quietStorm(ctx, profileTime)
		return err
	})
}

func (b *bench) note(c figures.Changes, plugin string, service workload.Service) {
	c.Server, c.Endpoints = plugin, service.Endpoints
	b.report.Changes = append(b.report.Changes, c)
	b.say("%-13s %5d endpoints, %3.0f events/s: %.2f ms CPU each, answer after p50 %.1f p99 %.1f ms, after the watch p50 %.1f p99 %.1f ms",
		plugin, c.Endpoints, c.PerSecond, c.CPUPerEvent, c.Answer.P50, c.Answer.P99, c.Lag.P50, c.Lag.P99)
}

// victim is a Service that changes, and the server that has to follow.
type victim struct {
	*workload.Target
	server   *server
	injector *inject.Injector
	// next is the number of the next change.
	next int
}

// event is a change that was waited for.
type event struct {
	version        string
	sent, answered time.Time
}

// oneByOne makes n changes, each after the answer to the one before. For the
// CPU it makes n more, without questions.
func (v *victim) oneByOne(ctx context.Context, n int) (figures.Changes, error) {
	watch, err := v.Watch(ctx)
	if err != nil {
		return figures.Changes{}, err
	}
	defer watch.Stop()
	var events []event
	for range n {
		e, err := v.follow(ctx, v.change(), askStep)
		if err != nil {
			return figures.Changes{}, err
		}
		events = append(events, e)
	}
	c, err := times(ctx, watch, events)
	if err != nil {
		return c, err
	}
	c.Events = n
	c.CPUPerEvent, _, err = v.cpu(func() (int, error) { return n, v.quietly(ctx, n) })
	return c, err
}

func (v *victim) change() workload.Change {
	c := v.Nth(v.next)
	v.next++
	return c
}

// follow makes the change and returns when an answer shows it.
func (v *victim) follow(ctx context.Context, c workload.Change, step time.Duration) (event, error) {
	e := event{sent: time.Now()}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() (err error) {
		e.version, err = v.Make(ctx, c)
		return err
	})
	work.Go(func() (err error) {
		e.answered, err = v.answered(ctx, c, step)
		return err
	})
	return e, work.Wait()
}

// answered returns when the endpoint's own name shows the change.
func (v *victim) answered(ctx context.Context, c workload.Change, step time.Duration) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, changeLimit)
	defer cancel()
	q := question(v.Service.PodFQDN(c.Endpoint), dns.TypeA, 0)
	return v.server.Await(ctx, v.server.address, q, step, func(m *dns.Msg) error {
		if (len(m.Answer) > 0) != c.Ready {
			return fmt.Errorf("ready %t is not shown", c.Ready)
		}
		return nil
	})
}

// pause lets a server finish with one change before the next.
const pause = 10 * time.Millisecond

// quietly makes n changes and waits for the last of them only.
func (v *victim) quietly(ctx context.Context, n int) error {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	var last workload.Change
	for range n {
		last = v.change()
		if _, err := v.Make(ctx, last); err != nil {
			return err
		}
		<-ticker.C
	}
	_, err := v.answered(ctx, last, step)
	return err
}

// cpu returns the milliseconds of CPU that the server used for each of the
// events that do counts, and the share of one core.
func (v *victim) cpu(do func() (int, error)) (perEvent, share float64, err error) {
	before, err := v.server.CPU()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	n, err := do()
	if err != nil {
		return 0, 0, err
	}
	after, err := v.server.CPU()
	used := (after - before).Seconds()
	return used * 1e3 / float64(max(n, 1)), used / time.Since(began).Seconds(), err
}

// storm makes changes at a high rate: first without questions, for the CPU,
// then with a wait for some of them.
func (v *victim) storm(ctx context.Context, duration time.Duration) (figures.Changes, error) {
	var c figures.Changes
	var err error
	c.CPUPerEvent, c.CPU, err = v.cpu(func() (int, error) { return v.quietStorm(ctx, duration/2) })
	if err != nil {
		return c, err
	}
	var waiting errgroup.Group
	answers := make(chan float64, int(duration.Seconds()+1)*stormRate)
	began := time.Now()
	c.Events, err = v.blow(ctx, duration, func(change workload.Change, n int) error {
		sent := time.Now()
		if n%stormSample == 0 {
			waiting.Go(func() error {
				answered, err := v.answered(ctx, change, stormStep)
				answers <- milliseconds(answered.Sub(sent))
				return err
			})
		}
		return v.pretend(change)
	})
	c.PerSecond = float64(c.Events) / time.Since(began).Seconds()
	if err = errors.Join(err, waiting.Wait()); err != nil {
		return c, err
	}
	close(answers)
	var all []float64
	for answer := range answers {
		all = append(all, answer)
	}
	c.Answer = figures.NewQuantiles(all)
	return c, nil
}

// quietStorm returns when the last change is answered for.
func (v *victim) quietStorm(ctx context.Context, duration time.Duration) (int, error) {
	var last workload.Change
	n, err := v.blow(ctx, duration, func(change workload.Change, _ int) error {
		last = change
		return v.pretend(change)
	})
	if err != nil {
		return n, err
	}
	_, err = v.answered(ctx, last, step)
	return n, err
}

// pretend makes an event at the gate, without the API server.
func (v *victim) pretend(c workload.Change) error {
	return v.Pretend(c, func(slice *discoveryv1.EndpointSlice) error {
		told, err := v.injector.Modified(slice)
		if err == nil && told != 1 {
			return fmt.Errorf("%d watches were told of a slice, want 1", told)
		}
		return err
	})
}

// blow makes changes at stormRate for the duration, and returns their number. A
// server that does not read slows it down.
func (v *victim) blow(ctx context.Context, duration time.Duration, do func(workload.Change, int) error) (int, error) {
	began := time.Now()
	for n := 0; ; n++ {
		at := time.Duration(n) * time.Second / stormRate
		if at >= duration || time.Since(began) >= duration {
			return n, nil
		}
		select {
		case <-ctx.Done():
			return n, context.Cause(ctx)
		case <-time.After(at - time.Since(began)):
		}
		if err := do(v.change(), n); err != nil {
			return n, err
		}
	}
}

// times are those of events that were answered.
func times(ctx context.Context, watch *workload.Watch, events []event) (figures.Changes, error) {
	ctx, cancel := context.WithTimeout(ctx, changeLimit)
	defer cancel()
	var toWatch, toAnswer, lag []float64
	for _, e := range events {
		var heard time.Time
		err := poll.Until(ctx, func(context.Context) (err error) {
			heard, err = watch.Heard(e.version)
			return err
		})
		if err != nil {
			return figures.Changes{}, err
		}
		toWatch = append(toWatch, milliseconds(heard.Sub(e.sent)))
		toAnswer = append(toAnswer, milliseconds(e.answered.Sub(e.sent)))
		lag = append(lag, milliseconds(e.answered.Sub(heard)))
	}
	return figures.Changes{
		Watch: figures.NewQuantiles(toWatch), Answer: figures.NewQuantiles(toAnswer), Lag: figures.NewQuantiles(lag),
	}, nil
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
