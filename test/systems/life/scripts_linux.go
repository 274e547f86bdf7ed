package life

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
)

// All are the lives, in the order in which a system goes through them.
var All = []Script{
	{Name: drivers.Cold, Fresh: true, Parallel: true, run: cold},
	{Name: drivers.Staggered, Fresh: true, Parallel: true, run: staggered},
	{Name: drivers.Ordered, Fresh: true, run: cold},
	{Name: drivers.Rolling, run: rolling},
	{Name: drivers.Drain, run: drain},
	{Name: drivers.Absent, run: absent},
	{Name: drivers.Reuse, run: reuse},
	{Name: drivers.Scale, run: scale},
	{Name: drivers.Reload, run: reload},
	{Name: drivers.Own, run: own},
	{Name: drivers.Away, Alone: true, run: away},
}

func cold(ctx context.Context, s *Stage) error {
	if err := s.create(ctx); err != nil {
		return err
	}
	s.awaitWhole(ctx, s.asBegun)
	return nil
}

func (s *Stage) asBegun(ctx context.Context) error { return s.settledAndWhole(ctx, s.System.Members) }

// steps are how far members come apart, one for each repeat in turn.
var steps = []time.Duration{200 * time.Millisecond, 50 * time.Millisecond, time.Second}

func staggered(ctx context.Context, s *Stage) error {
	_, name, _ := strings.Cut(s.System.Workload, "/")
	members := make([]string, s.System.Members)
	for i := range members {
		members[i] = fmt.Sprintf("%s-%d", name, i)
	}
	s.Hold(members...)
	if err := s.create(ctx); err != nil {
		return err
	}
	for _, each := range members {
		s.Release(each)
		if err := wait(ctx, steps[s.repeat%len(steps)]); err != nil {
			return err
		}
	}
	s.awaitWhole(ctx, s.asBegun)
	return nil
}

func rolling(ctx context.Context, s *Stage) error {
	if err := s.Roll(ctx, s.System.Workload); err != nil {
		return err
	}
	s.awaitWhole(ctx, s.asBegun)
	return nil
}

// deleteVictim deletes a member, and returns the address that it had.
func deleteVictim(ctx context.Context, s *Stage) (at netip.Addr, err error) {
	victim, err := s.victim()
	if err != nil {
		return at, err
	}
	return s.Address(victim), s.Delete(ctx, victim)
}

func drain(ctx context.Context, s *Stage) error {
	at, err := deleteVictim(ctx, s)
	if err != nil {
		return err
	}
	s.awaitWhole(ctx, func(ctx context.Context) error { return errors.Join(s.Gone(at), s.asBegun(ctx)) })
	return nil
}

// gone is for how long a member is absent.
const gone = 10 * time.Second

func absent(ctx context.Context, s *Stage) error {
	victim, err := s.victim()
	if err != nil {
		return err
	}
	if err := s.Remove(ctx, victim); err != nil {
		return err
	}
	if err := wait(ctx, gone); err != nil {
		return err
	}
	s.Return(victim)
	s.awaitWhole(ctx, s.asBegun)
	return nil
}

// settleLimit bounds what takes a kubelet a second.
const settleLimit = 30 * time.Second

func reuse(ctx context.Context, s *Stage) error {
	at, err := deleteVictim(ctx, s)
	if err != nil {
		return err
	}
	// Who takes the member's place has got the spare address by then.
	limited, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	err = poll.Until(limited, func(ctx context.Context) error { return errors.Join(s.Gone(at), s.Intrude(ctx, at)) })
	if err != nil {
		return err
	}
	s.awaitWhole(ctx, s.asBegun)
	return s.Delete(ctx, "stranger")
}

// more is how many members come and go.
const more = 4

func scale(ctx context.Context, s *Stage) error {
	members := s.System.Members
	if err := s.Scale(ctx, s.System.Workload, members+more); err != nil {
		return err
	}
	s.awaitWhole(ctx, func(ctx context.Context) error { return s.settledAndWhole(ctx, members+more) })
	up := s.result
	s.result.Whole = false
	if err := s.Scale(ctx, s.System.Workload, members); err != nil {
		return err
	}
	s.awaitWhole(ctx, s.asBegun)
	s.result.Whole = s.result.Whole && up.Whole
	if up.Why != "" {
		s.result.Why = up.Why
	}
	return nil
}

const (
	reloads    = 6
	reloadEach = 700 * time.Millisecond
	// rolledAt is the reload after which members roll.
	rolledAt = 1
)

func reload(ctx context.Context, s *Stage) error {
	for i := range reloads {
		if err := s.Node.Reload(ctx, s.Server.Name); err != nil {
			return err
		}
		if i == rolledAt {
			if err := s.Roll(ctx, s.System.Workload); err != nil {
				return err
			}
		}
		if err := wait(ctx, reloadEach); err != nil {
			return err
		}
	}
	s.awaitWhole(ctx, s.asBegun)
	return nil
}

// away counts the time until a member is back that died while the API server was away.
func away(ctx context.Context, s *Stage) (err error) {
	victim, err := s.victim()
	if err != nil {
		return err
	}
	if err := s.Node.StopAPI(); err != nil {
		return err
	}
	s.begun = time.Now()
	if err := s.Kill(victim); err != nil {
		return errors.Join(err, s.Node.StartAPI(ctx))
	}
	restarts := s.restarts()
	s.awaitWhole(ctx, func(ctx context.Context) error {
		if s.restarts() == restarts {
			return fmt.Errorf("%s has not started again", victim)
		}
		return s.whole(ctx, s.System.Members)
	})
	if err := s.Node.StartAPI(ctx); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, atLeast)
	defer cancel()
	if err := poll.Until(limited, s.asBegun); err != nil && s.result.Whole {
		s.result.Whole, s.result.Why = false, "after the return of the API server: "+Brief(err)
	}
	return nil
}

func own(ctx context.Context, s *Stage) error {
	followed, err := s.System.Turn.Make(ctx, s.Place)
	if err != nil {
		return err
	}
	// What leads up to it does not count.
	s.begun = time.Now()
	s.awaitWhole(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, askLimit)
		defer cancel()
		return followed(ctx, s.Place)
	})
	return nil
}
