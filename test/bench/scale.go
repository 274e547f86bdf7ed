package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/coredns"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
	"github.com/k8s-endpoints/k8s_endpoints/test/bench/workload"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gate"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
)

// population is the Services of a cluster.
type population struct {
	services, perService int
	clusterIP            bool
	// builds says that the images are measured here.
	builds bool
}

func (p population) endpoints() int { return p.services * p.perService }

// populations are 100,000 endpoints behind ClusterIP
// Services, 150,000 headless ones, and 10,000 headless Services.
var populations = []population{
	{services: 2000, perService: 50, clusterIP: true},
	{services: 150, perService: 1000, builds: true},
	{services: 10000, perService: 3},
}

// The witness is a Service of one endpoint in an otherwise empty cluster. Both
// kinds of lists are sorted by name, so whoever knows it knows all.
var witness = workload.Service{Name: "witness", Endpoints: 1, First: 1<<20 - 1}

// measureScale measures memory, and the time from the start to the first right
// answer, in clusters with many objects.
func measureScale(ctx context.Context, b *bench) error {
	b.report.Memory, b.report.Starts, b.report.Builds = nil, nil, nil
	for _, p := range populations {
		p.services /= b.divisor
		err := b.with(ctx, func(ctx context.Context, sc *scene) error { return b.scale(ctx, sc, p) })
		if err != nil {
			return fmt.Errorf("%d Services of %d endpoints: %w", p.services, p.perService, err)
		}
	}
	return nil
}

func (b *bench) scale(ctx context.Context, sc *scene, p population) error {
	if err := sc.Create(ctx, []workload.Service{witness}); err != nil {
		return err
	}
	idle, err := b.idle(ctx, sc)
	if err != nil {
		return err
	}
	var images []*image
	if p.builds {
		if images, err = buildImages(ctx); err != nil {
			return err
		}
		if err := b.startImages(ctx, sc, images, func(i *image) *tried { return &i.idle }); err != nil {
			return err
		}
	}
	services := workload.Services(p.services, p.perService, workload.Service{Name: "db", ClusterIP: p.clusterIP})
	if err := sc.Create(ctx, services); err != nil {
		return err
	}
	b.say("created %d Services of %d endpoints", p.services, p.perService)
	if err := b.memory(ctx, sc, p, idle); err != nil {
		return err
	}
	if err := b.firstAnswers(ctx, sc, p); err != nil {
		return err
	}
	if err := b.startImages(ctx, sc, images, func(i *image) *tried { return &i.full }); err != nil {
		return err
	}
	b.noteImages(p, images)
	return nil
}

// footprint is the memory of a process.
type footprint struct{ heap, peakRSS uint64 }

func (b *bench) idle(ctx context.Context, sc *scene) (map[string]footprint, error) {
	idle := make(map[string]footprint)
	err := b.alone(sc, settings{traced: true}, func(plugin string, s *server) (err error) {
		var f footprint
		if err = s.serves(ctx, witness); err != nil {
			return err
		}
		if f.peakRSS, err = s.PeakRSS(); err != nil {
			return err
		}
		f.heap, err = s.settledHeap(ctx)
		idle[plugin] = f
		return err
	})
	return idle, err
}

// unsettled is how much of a heap may change between two looks at it.
const unsettled = 200

// settledHeap returns the live heap once it no longer changes.
func (s *server) settledHeap(ctx context.Context) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, syncLimit)
	defer cancel()
	var last uint64
	err := poll.Until(ctx, func(ctx context.Context) error {
		now, err := coredns.LiveHeap(ctx, s.pprof)
		if err != nil {
			return err
		}
		change := max(now, last) - min(now, last)
		last = now
		if change > now/unsettled {
			return fmt.Errorf("the heap has changed by %d of %d bytes", change, now)
		}
		return nil
	})
	return last, err
}

// memory measures each plugin behind a gate that can make it list anew.
func (b *bench) memory(ctx context.Context, sc *scene, p population, idle map[string]footprint) error {
	g, err := gate.New(sc.Cluster)
	if err != nil {
		return err
	}
	defer g.Close()
	kubeconfig, err := sc.gateKubeconfig(g)
	if err != nil {
		return err
	}
	return b.alone(sc, settings{traced: true, kubeconfig: kubeconfig}, func(plugin string, s *server) error {
		m := figures.Memory{
			Services: p.services, Endpoints: p.endpoints(), ClusterIP: p.clusterIP, Server: plugin,
			IdleHeap: idle[plugin].heap, IdleRSS: idle[plugin].peakRSS,
		}
		if err := s.listOnce(ctx, &m); err != nil {
			return err
		}
		if err := s.listAgain(ctx, &m, sc, g); err != nil {
			return fmt.Errorf("a second list: %w", err)
		}
		m.PerEndpoint = (float64(m.LiveHeap) - float64(m.IdleHeap)) / float64(m.Endpoints)
		b.report.Memory = append(b.report.Memory, m)
		b.say("%-13s live heap %.1f MiB, %.0f bytes per endpoint; peaks: list %.0f MiB (resident %.0f), relist %.0f MiB (resident %.0f)",
			plugin, mib(m.LiveHeap), m.PerEndpoint, mib(m.ListPeakHeap), mib(m.ListPeakRSS), mib(m.RelistPeakHeap), mib(m.RelistPeakRSS))
		return nil
	})
}

func mib(bytes uint64) float64 { return float64(bytes) / (1 << 20) }

func (s *server) listOnce(ctx context.Context, m *figures.Memory) (err error) {
	if err = s.serves(ctx, witness); err != nil {
		return err
	}
	if m.ListPeakRSS, err = s.PeakRSS(); err != nil {
		return err
	}
	// The peak is known only after the collections of settledHeap: they meet
	// the garbage of the list.
	if m.LiveHeap, err = s.settledHeap(ctx); err != nil {
		return err
	}
	m.ListPeakHeap = s.PeakHeap(0)
	return nil
}

// listAgain changes the witness while the gate is closed, so that only another
// list shows it.
func (s *server) listAgain(ctx context.Context, m *figures.Memory, sc *scene, g *gate.Gate) (err error) {
	v := &victim{server: s}
	if v.Target, err = sc.Target(ctx, witness); err != nil {
		return err
	}
	before := s.Collections()
	if err := s.ResetPeakRSS(); err != nil {
		return err
	}
	g.Close()
	unready := v.change()
	if _, err := v.Make(ctx, unready); err != nil {
		return errors.Join(err, g.Open())
	}
	if err := g.ExpireAll(); err != nil {
		return err
	}
	if _, err := v.answered(ctx, unready, step); err != nil {
		return err
	}
	if m.RelistPeakRSS, err = s.PeakRSS(); err != nil {
		return err
	}
	if _, err := s.settledHeap(ctx); err != nil {
		return err
	}
	m.RelistPeakHeap = s.PeakHeap(before)
	// The next server looks for the witness.
	_, err = sc.Target(ctx, witness)
	return err
}

// firstAnswers starts the plugins in turn.
func (b *bench) firstAnswers(ctx context.Context, sc *scene, p population) error {
	seconds := make(map[string][]float64)
	for range b.starts {
		err := b.alone(sc, settings{}, func(plugin string, s *server) error {
			took, err := s.firstAnswer(ctx, witness)
			seconds[plugin] = append(seconds[plugin], took.Seconds())
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, plugin := range plugins {
		start := figures.Start{
			Services: p.services, Endpoints: p.endpoints(), ClusterIP: p.clusterIP, Server: plugin,
			Seconds: figures.NewSeries(seconds[plugin]),
		}
		b.report.Starts = append(b.report.Starts, start)
		b.say("%-13s first right answer %s after the start", plugin, time.Duration(start.Seconds.Median*float64(time.Second)).Round(time.Millisecond))
	}
	return nil
}
