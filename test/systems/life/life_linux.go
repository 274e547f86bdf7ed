package life

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/load"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/node"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/results"
)

// Script is a life.
type Script struct {
	// Name is one of those of package drivers.
	Name string
	// Fresh says that it begins with nothing; all others begin with a system that is whole.
	Fresh bool
	// Parallel says that members of a fresh one start together.
	Parallel bool
	// Alone says that no other system may live meanwhile on the node.
	Alone bool

	run func(context.Context, *Stage) error
}

// Stage is where one system lives, until Close.
type Stage struct {
	*node.Place
	Node   *node.Node
	System drivers.System

	// begun is when the life began, and bounds what must hold for it.
	begun  time.Time
	bounds drivers.Bounds
	result results.Trial
	repeat int
}

// Open makes a stage with nothing on it.
func Open(ctx context.Context, n *node.Node, system drivers.System, server string, parallel bool) (*Stage, error) {
	if system.Patient && server == node.Ours {
		server = node.Patient
	}
	place, err := n.Open(ctx, system.Key, server, system.Members, parallel)
	if err != nil {
		return nil, err
	}
	return &Stage{Place: place, Node: n, System: system}, nil
}

// Form starts the system, and returns when it is whole.
func (s *Stage) Form(ctx context.Context) error {
	if err := s.create(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, atLeast)
	defer cancel()
	return poll.Until(ctx, func(ctx context.Context) error { return s.settledAndWhole(ctx, s.System.Members) })
}

// create creates the objects of the system.
func (s *Stage) create(ctx context.Context) error {
	objects, err := s.System.Objects(s.At)
	if err != nil {
		return err
	}
	return s.Create(ctx, objects)
}

// Run takes the system through a life, for the repeat-th time. It waits longer than its bounds
// say. An error says that the life itself went wrong.
func (s *Stage) Run(ctx context.Context, script Script, bounds drivers.Bounds, repeat int) (results.Trial, error) {
	s.begun, s.bounds, s.result, s.repeat = time.Now(), bounds, results.Trial{}, repeat
	before := len(s.Refusals())
	var running *load.Run
	if s.System.Load != nil && !script.Fresh {
		var err error
		if running, err = s.startLoad(ctx); err != nil {
			return s.result, err
		}
	}
	err := script.run(ctx, s)
	if err == nil {
		err = s.observe(ctx)
	}
	if running != nil {
		met, failed := running.Stop()
		s.result.Requests, s.result.Errors, s.result.Slowest = met.Requests, met.Errors, met.Slowest.Seconds()
		if s.result.Why == "" {
			s.result.Why = met.Why
		}
		if err == nil {
			err = failed
		}
	}
	if failed := s.Failed(); len(failed) > 0 && err == nil {
		err = failed[0]
	}
	s.tally(before)
	return s.result, err
}

func (s *Stage) startLoad(ctx context.Context) (*load.Run, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd, err := s.Command(ctx, s.System.Load.Pod, s.System.Load.Args(s.Node.Programs.Get)...)
	if err != nil {
		cancel()
		return nil, err
	}
	return load.Start(cmd, cancel)
}

// observed is for how long contacts and look-ups are counted after the end of a life.
const observed = time.Second

func (s *Stage) observe(ctx context.Context) error { return wait(ctx, observed) }

// atLeast is what a system gets to become whole whatever its bound says, so that one can see
// by how much it misses it.
const atLeast = 45 * time.Second

// awaitWhole notes how long it takes from the beginning of the life until a condition holds.
// That it does not in time is a result, and no error.
func (s *Stage) awaitWhole(ctx context.Context, condition func(context.Context) error) {
	ctx, cancel := context.WithDeadline(ctx, s.begun.Add(max(atLeast, 3*s.bounds.Formed)))
	defer cancel()
	if err := poll.Until(ctx, condition); err != nil {
		s.result.Why = Brief(err)
		return
	}
	s.result.Whole, s.result.Seconds = true, time.Since(s.begun).Seconds()
}

// askLimit bounds one question to all members.
const askLimit = 5 * time.Second

// whole is THE question.
func (s *Stage) whole(ctx context.Context, members int) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return s.System.Whole(ctx, s.Place, members)
}

// settledAndWhole asks Kubernetes first whether it has done its part.
func (s *Stage) settledAndWhole(ctx context.Context, members int) error {
	if err := s.Settled(ctx, s.System.Workload); err != nil {
		return err
	}
	return s.whole(ctx, members)
}

// longest is that of a reason.
const longest = 300

// Brief is a reason in one line, of at most some 300 bytes.
func Brief(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	return text
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// victim is the member that lives are about: the last one.
func (s *Stage) victim() (string, error) {
	_, name, _ := strings.Cut(s.System.Workload, "/")
	var last string
	for _, each := range s.Names() {
		if strings.HasPrefix(each, name+"-") {
			last = each
		}
	}
	if last == "" {
		return "", fmt.Errorf("%s has no member", s.System.Workload)
	}
	return last, nil
}
