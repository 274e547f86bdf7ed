package life

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/kubelet"

	"github.com/miekg/dns"
)

// All are the lives, in the order in which a system goes through them.
var All = []Script{
	{Name: drivers.Cold, Fresh: true, Parallel: true, run: cold},
	{Name: drivers.Staggered, Fresh: true, Parallel: true, run: staggered},
	{Name: drivers.Ordered, Fresh: true, run: cold},
	{Name: drivers.Together, Fresh: true, Parallel: true, OwnServer: true, run: together},
	{Name: drivers.Rolling, run: rolling},
	{Name: drivers.Drain, run: drain},
	{Name: drivers.Absent, run: absent},
	{Name: drivers.Reuse, run: reuse},
	{Name: drivers.Exchange, run: exchange},
	{Name: drivers.Scale, run: scale},
	{Name: drivers.Reload, OwnServer: true, run: reload},
	{Name: drivers.Own, run: own},
	// A server that all lives share waits the longer before it tries again the more often the API
	// server has gone, the stock plugin up to 90 s, and each life would wait with it.
	{Name: drivers.Away, WithoutAPI: true, OwnServer: true, run: away},
	{Name: drivers.Outage, WithoutAPI: true, OwnServer: true, Keeps: true, run: outage},
}

func cold(ctx context.Context, s *Stage) error {
	if err := s.create(ctx); err != nil {
		return err
	}
	s.awaitWhole(ctx, s.asBegun)
	return nil
}

// together has the server start along with all members.
func together(ctx context.Context, s *Stage) error {
	ready := make(chan error, 1)
	go func() { ready <- s.Server.Start(ctx) }()
	if err := errors.Join(s.create(ctx), <-ready); err != nil {
		return err
	}
	s.awaitWhole(ctx, s.asBegun)
	return nil
}

// steps are how far members come apart, one for each repeat in turn.
var steps = []time.Duration{200 * time.Millisecond, 50 * time.Millisecond, time.Second}

func staggered(ctx context.Context, s *Stage) error {
	kind, name, _ := strings.Cut(s.System.Workload, "/")
	if kind == "Deployment" {
		return grown(ctx, s)
	}
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

// grown is staggered for members whose names nobody knows before they are there.
func grown(ctx context.Context, s *Stage) error {
	first := s.At
	first.Replicas = 1
	objects, err := s.System.Objects(first)
	if err != nil {
		return err
	}
	if err := s.Create(ctx, objects); err != nil {
		return err
	}
	for members := 2; members <= s.System.Members; members++ {
		if err := wait(ctx, steps[s.repeat%len(steps)]); err != nil {
			return err
		}
		if err := s.Scale(ctx, s.System.Workload, members); err != nil {
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

// exchange has a second one of the system on addresses that both share: while both roll, what one
// gives back the other takes.
func exchange(ctx context.Context, s *Stage) error {
	place, err := s.Node.OpenBeside(ctx, s.System.Key, s.Place)
	if err != nil {
		return err
	}
	s.neighbour = &Stage{Place: place, Node: s.Node, System: s.System}
	if err := s.neighbour.Form(ctx); err != nil {
		return err
	}
	for range exchanges {
		// What leads up to it does not count.
		s.begun = time.Now()
		if err := errors.Join(s.Roll(ctx, s.System.Workload), s.neighbour.Roll(ctx, s.System.Workload)); err != nil {
			return err
		}
		s.awaitWhole(ctx, func(ctx context.Context) error { return errors.Join(s.asBegun(ctx), s.neighbour.asBegun(ctx)) })
		if !s.result.Whole || exchanged(s.Lives(), s.neighbour.Lives()) {
			return nil
		}
	}
	s.result.Whole, s.result.Why = false, "no address went from one to the other"
	return nil
}

// exchanges is how often both roll at the most: where new members start before old ones end, the
// first time only gives addresses back, and who takes them is not said.
const exchanges = 4

// exchanged reports whether an address has been of both.
func exchanged(one, other []kubelet.Life) bool {
	had := make(map[netip.Addr]bool)
	for _, each := range one {
		had[each.Address] = true
	}
	return slices.ContainsFunc(other, func(l kubelet.Life) bool { return had[l.Address] })
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
		if err := s.Server.Reload(ctx); err != nil {
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
func away(ctx context.Context, s *Stage) error {
	victim, err := s.victim()
	if err != nil {
		return err
	}
	return s.withoutAPI(ctx, func() error { return s.crash(ctx, victim) })
}

// outage is away, and the server starts again before. Whoever asks it then has an answer of what
// it kept.
func outage(ctx context.Context, s *Stage) error {
	victim, err := s.victim()
	if err != nil {
		return err
	}
	known := s.Address(victim)
	return s.withoutAPI(ctx, func() error {
		if err := s.restartServer(ctx, known); err != nil {
			return err
		}
		return s.crash(ctx, victim)
	})
}

// silentAfter is for how long a server may give no answer: what it has not got by then it has
// not kept.
const silentAfter = 10 * time.Second

// restartServer notes when the server that starts again has a name for an address.
func (s *Stage) restartServer(ctx context.Context, known netip.Addr) error {
	limited, cancel := context.WithTimeout(ctx, silentAfter)
	defer cancel()
	took, err := s.Server.Restart(limited, func(ctx context.Context) error { return s.answers(ctx, known) })
	switch {
	case err == nil:
		s.result.Answered = took.Seconds()
	case limited.Err() == nil || ctx.Err() != nil:
		return err
	default:
		s.result.Silent = true
	}
	return nil
}

// answerLimit bounds one question to a server that may not listen yet.
const answerLimit = 500 * time.Millisecond

// answers returns nil where the server has a name for an address.
func (s *Stage) answers(ctx context.Context, known netip.Addr) error {
	name, err := dns.ReverseAddr(known.String())
	if err != nil {
		return err
	}
	client := &dns.Client{Timeout: answerLimit}
	answer, _, err := client.ExchangeContext(ctx, new(dns.Msg).SetQuestion(name, dns.TypePTR), net.JoinHostPort(s.Server.Address, "53"))
	if err == nil && len(answer.Answer) == 0 {
		err = fmt.Errorf("%s has no name for %s: %s", s.Server.Name, known, dns.RcodeToString[answer.Rcode])
	}
	return err
}

// crash kills a member, and waits until it is back and all are whole.
func (s *Stage) crash(ctx context.Context, victim string) error {
	if err := s.Kill(victim); err != nil {
		return err
	}
	restarts := s.restarts()
	s.awaitWhole(ctx, func(ctx context.Context) error {
		if s.restarts() == restarts {
			return fmt.Errorf("%s has not started again", victim)
		}
		return s.whole(ctx, s.System.Members)
	})
	return nil
}

// withoutAPI begins the life with the API server gone, and waits at the end until the system is
// whole with it, too.
func (s *Stage) withoutAPI(ctx context.Context, do func() error) error {
	err := s.Node.WithoutAPI(ctx, func() error {
		s.begun = time.Now()
		return do()
	})
	if err != nil || !s.result.Whole {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, atLeast)
	defer cancel()
	if err := poll.Until(limited, s.asBegun); err != nil {
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
