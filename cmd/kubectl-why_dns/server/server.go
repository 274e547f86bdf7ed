// Package server asks the servers of a cluster: DNS, with the reasons that k8s_endpoints gives, and its status pages.
//
// Read server.go first, then ask.go (one question), page.go (one page) and forward.go (the way to a Pod).
package server

import (
	"context"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/question"

	"github.com/miekg/dns"
)

// atOnce is how many servers are asked at once, and limit how long one may take.
const (
	atOnce = 5
	limit  = 3 * time.Second
)

// settle is how long replicas that differ get to become alike: a change reaches them one after the other.
const settle = 2 * time.Second

// A Server is one that is to be asked.
type Server struct {
	Name string
	// DNS finds the way to its DNS, nil where that is not asked. Page is the same for its status page.
	DNS, Page func(context.Context) (*Way, error)
	// Guess is true where nobody said that it can be reached from here.
	Guess bool
}

// Way leads to a server.
type Way struct {
	// Address is host:port for DNS, and the URL for a page.
	Address string
	// TCP is true where it does not carry UDP, and Forwarded where it is a port-forward.
	TCP, Forwarded bool
	// Close ends it. It may be nil.
	Close func()
}

// To is the way to an address that needs no preparation.
func To(address string, tcp bool) func(context.Context) (*Way, error) {
	return func(context.Context) (*Way, error) { return &Way{Address: address, TCP: tcp}, nil }
}

// Keep opens a way once, for many questions. It ends with the context, and not before.
func Keep(ctx context.Context, open func(context.Context) (*Way, error)) func(context.Context) (*Way, error) {
	once := sync.OnceValues(func() (*Way, error) { return open(ctx) })
	return func(context.Context) (*Way, error) {
		way, err := once()
		if err != nil {
			return nil, err
		}
		kept := *way
		kept.Close = nil
		return &kept, nil
	}
}

// Ask asks all servers, and those that differ once more.
func Ask(ctx context.Context, f *facts.Facts, servers []Server) {
	replicas := make([]facts.Replica, len(servers))
	each := func(do func(context.Context, *Server, *facts.Replica)) {
		var group sync.WaitGroup
		slots := make(chan struct{}, atOnce)
		for i := range servers {
			group.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				ctx, cancel := context.WithTimeout(ctx, limit)
				defer cancel()
				do(ctx, &servers[i], &replicas[i])
			})
		}
		group.Wait()
	}
	a := asker{question: f.Question}
	each(a.first)
	if facts.AnswersDiffer(replicas) || facts.PagesDiffer(replicas) {
		wait(ctx, settle)
		each(a.again)
	}
	f.Servers.Replicas = append(f.Servers.Replicas, replicas...)
}

// Choose returns the first of the readings of a name that a server does not deny, or else the first one.
func Choose(ctx context.Context, s *Server, readings []question.Question) question.Question {
	if s.DNS == nil || len(readings) == 1 {
		return readings[0]
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	way, err := s.DNS(ctx)
	if err != nil {
		return readings[0]
	}
	defer way.close()
	for _, q := range readings {
		if a := Question(ctx, way, q.Name(), q.Types()[0]); a.Err == "" && a.Rcode == dns.RcodeSuccess {
			return q
		}
	}
	return readings[0]
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// asker asks one question of many servers.
type asker struct{ question question.Question }

func (a *asker) first(ctx context.Context, s *Server, r *facts.Replica) {
	r.Name, r.Guess = s.Name, s.Guess
	var group sync.WaitGroup
	group.Go(func() { a.dns(ctx, s, r) })
	group.Go(func() { a.page(ctx, s, r) })
	group.Wait()
}

func (a *asker) again(ctx context.Context, s *Server, r *facts.Replica) {
	var group sync.WaitGroup
	if r.Service != nil {
		group.Go(func() { a.page(ctx, s, r) })
	}
	if s.DNS != nil && r.Err == "" {
		group.Go(func() {
			if way, err := s.DNS(ctx); err == nil {
				defer way.close()
				r.Again = a.answers(ctx, way)
			}
		})
	}
	group.Wait()
}

// explained is the label of the name that says why.
const explained = "_explain."

func (a *asker) dns(ctx context.Context, s *Server, r *facts.Replica) {
	if s.DNS == nil {
		return
	}
	way, err := s.DNS(ctx)
	if err != nil {
		r.Err = short(err)
		return
	}
	defer way.close()
	r.TCP = way.TCP
	var group sync.WaitGroup
	group.Go(func() { r.Answers = a.answers(ctx, way) })
	if a.question.Service != "" {
		group.Go(func() {
			said := Question(ctx, way, explained+a.question.ServiceName()+".", dns.TypeTXT)
			r.Explained = &said
		})
	}
	group.Wait()
}

func (a *asker) answers(ctx context.Context, way *Way) []facts.Answer {
	types := a.question.Types()
	all := make([]facts.Answer, len(types))
	var group sync.WaitGroup
	for i, typ := range types {
		group.Go(func() { all[i] = Question(ctx, way, a.question.Name(), typ) })
	}
	group.Wait()
	return all
}

func (w *Way) close() {
	if w.Close != nil {
		w.Close()
	}
}
