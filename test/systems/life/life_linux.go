package life

import (
	"context"
	"errors"
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
	// WithoutAPI says that the API server goes away in it: no other life may go on meanwhile
	// on the node but those of the kind.
	WithoutAPI bool
	// OwnServer says that the stage has a CoreDNS for itself, which runs from the beginning
	// where the system does. With Keeps it has a snapshot.
	OwnServer, Keeps bool

	run func(context.Context, *Stage) error
}

// Stage is where one system lives, until Close.
type Stage struct {
	*node.Place
	Node   *node.Node
	System drivers.System

	// own says that nobody else asks the server, and neighbour is one more of the system, if
	// the life has one.
	own       bool
	neighbour *Stage
	// begun is when the life began, and bounds what must hold for it.
	begun  time.Time
	bounds drivers.Bounds
	result results.Trial
	repeat int
}

// Open makes a stage for a life, with nothing on it.
func Open(ctx context.Context, n *node.Node, system drivers.System, name string, script Script) (*Stage, error) {
	if system.Patient && name == node.Ours {
		name = node.Patient
	}
	server, err := serverFor(ctx, n, name, script)
	if err != nil {
		return nil, err
	}
	s := &Stage{Node: n, System: system, own: script.OwnServer}
	if s.Place, err = n.Open(ctx, system.Key, server, system.Members, script.Parallel || !script.Fresh); err != nil {
		if s.own {
			err = errors.Join(err, n.Dismiss(server))
		}
		return nil, err
	}
	return s, nil
}

// serverFor returns the server that the Pods of a life ask.
func serverFor(ctx context.Context, n *node.Node, name string, script Script) (*node.Server, error) {
	if !script.OwnServer {
		if server := n.Server(name); server != nil {
			return server, n.Settle(ctx, server)
		}
		return nil, fmt.Errorf("the server %q does not run", name)
	}
	server, err := n.OwnServer(name, script.Keeps)
	if err == nil && !script.Fresh {
		err = server.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, n.Dismiss(server))
	}
	return server, nil
}

// Close ends all that lives on the stage.
func (s *Stage) Close() error {
	failed := errors.Join(s.leaveNeighbour(), s.Place.Close())
	if s.own {
		failed = errors.Join(failed, s.Node.Dismiss(s.Server))
	}
	return failed
}

func (s *Stage) leaveNeighbour() error {
	if s.neighbour == nil {
		return nil
	}
	neighbour := s.neighbour
	s.neighbour = nil
	return neighbour.Close()
}

// Form starts the system, and returns when it is whole.
func (s *Stage) Form(ctx context.Context) error {
	if err := s.create(ctx); err != nil {
		return err
	}
	// One that starts slowly does so here, too.
	ctx, cancel := context.WithTimeout(ctx, max(atLeast, 2*s.System.Lives[drivers.Cold].Formed))
	defer cancel()
	return poll.Until(ctx, s.asBegun)
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
	if s.System.Prepare != nil && !script.Fresh {
		if err := s.System.Prepare(ctx, s.Place); err != nil {
			return results.Trial{}, err
		}
	}
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
		s.result.Wrong += s.foreign(met.Who)
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
	return s.result, errors.Join(err, s.leaveNeighbour())
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

// asBegun is settledAndWhole for as many members as there are without any life.
func (s *Stage) asBegun(ctx context.Context) error { return s.settledAndWhole(ctx, s.System.Members) }

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
