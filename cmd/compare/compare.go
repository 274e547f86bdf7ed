package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	"github.com/miekg/dns"
	"k8s.io/client-go/kubernetes"
)

// compare asks all questions, and asks again what stands in the way.
func compare(ctx context.Context, o *options, progress io.Writer) (_ *report, err error) {
	clients, err := o.connect()
	if err != nil {
		return nil, err
	}
	kubeDNS, err := o.findKubeDNS(ctx, clients)
	if err != nil {
		return nil, err
	}
	s, err := o.start(kubeDNS)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.check(ctx, o); err != nil {
		return nil, err
	}
	return o.rounds(ctx, s, clients, progress)
}

// rounds asks all questions once, and those that stand in the way once more, with
// what is known of the cluster then.
func (o *options) rounds(ctx context.Context, s *servers, clients kubernetes.Interface, progress io.Writer) (*report, error) {
	cluster, err := read(ctx, clients, o.zone)
	if err != nil {
		return nil, err
	}
	questions, err := o.askAll(cluster)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "asking %d questions, at most %g in a second\n", len(questions), o.rate)
	began := time.Now()
	r := newReport(o, s, cluster)
	results, err := o.round(ctx, s, cluster, questions)
	if err != nil {
		return nil, err
	}
	again := r.take(results, isInTheWay)
	if len(again) > 0 {
		fmt.Fprintf(progress, "asking %d questions again in %v\n", len(again), o.settle)
		wait(ctx, o.settle)
		if cluster, err = read(ctx, clients, o.zone); err != nil {
			return nil, err
		}
		r.again = len(again)
		if results, err = o.round(ctx, s, cluster, again); err != nil {
			return nil, err
		}
		r.take(results, nil)
	}
	r.took = time.Since(began)
	return r, ctx.Err()
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// maxUnanswered is how many questions in a row may have no answer before the
// servers are checked again: each takes three timeouts.
const maxUnanswered = 20

// round asks questions of both servers. It gives up where one of them does not
// answer any more.
func (o *options) round(ctx context.Context, s *servers, c *differences.Cluster, questions []differences.Question) ([]*result, error) {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	results := make([]*result, len(questions))
	var group sync.WaitGroup
	var unanswered atomic.Int64
	next := make(chan int)
	for range o.concurrency {
		group.Go(func() {
			for i := range next {
				j := &judge{ctx: ctx, options: o, servers: s, cluster: c}
				if results[i] = j.judge(questions[i]); results[i].err == nil {
					unanswered.Store(0)
				} else if unanswered.Add(1)%maxUnanswered == 0 {
					if err := s.check(ctx, o); err != nil {
						giveUp(err)
					}
				}
			}
		})
	}
	for i := range questions {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	group.Wait()
	return results, context.Cause(ctx)
}

// A result is what became of a question.
type result struct {
	differences.Question
	// err is set where a server gave no answer.
	err error
	// differs tells that the answers are not the same.
	differs bool
	// isExplained tells that the documented differences that the answer shows are
	// all that is different.
	isExplained bool
	met         []differences.Met
	// undecided are those of met of which somebody has to decide.
	undecided []differences.Met

	kubeDNS, ours *dns.Msg
	// kubeDNSView, oursView and want are the answers as they are compared.
	kubeDNSView, oursView, want string
}

// isInTheWay tells whether a switch is not known to be safe because of a result.
func isInTheWay(r *result) bool {
	return r.err != nil || r.differs && !r.isExplained || len(r.undecided) > 0
}

// A judge compares the answers to one question.
type judge struct {
	ctx      context.Context
	options  *options
	servers  *servers
	cluster  *differences.Cluster
	question differences.Question
	// found are the answers of ours to further questions.
	found map[string]*dns.Msg
}

func (j *judge) judge(q differences.Question) *result {
	r := &result{Question: q}
	if r.err = j.askBoth(r); r.err != nil {
		return r
	}
	v := newViewer(j.options.zone, r.kubeDNS, r.ours)
	r.kubeDNSView, r.oursView = v.view(r.kubeDNS), v.view(r.ours)
	if r.differs = r.kubeDNSView != r.oursView; !r.differs {
		return r
	}
	j.question, j.found = r.Question, make(map[string]*dns.Msg)
	x := &differences.Comparison{
		Question: r.Question, Setup: j.options.setup(), Cluster: j.cluster,
		Stock: r.kubeDNS, Ours: r.ours, LookUp: j.lookUp, View: v.view,
	}
	want, met := x.Expect()
	r.want, r.met = v.view(want), met
	r.isExplained = r.want == r.oursView
	if r.kubeDNS.Truncated && r.ours.Truncated {
		r.isExplained = r.isExplained || j.isPart(r)
	}
	for _, d := range met {
		if d.Relied && d.Lost && !j.options.isAccepted(d.Difference) {
			r.undecided = append(r.undecided, d)
		}
	}
	return r
}

// askBoth asks over TCP where one of the two needs that.
func (j *judge) askBoth(r *result) (err error) {
	kubeDNS, ours := j.servers.kubeDNS, j.servers.forOurs(j.leadsOut(r.Name))
	if r.kubeDNS, err = kubeDNS.ask(j.ctx, r.Question); err != nil {
		return fmt.Errorf("kube-dns: %w", err)
	}
	if r.ours, err = ours.ask(j.ctx, r.Question); err != nil {
		return fmt.Errorf("k8s_endpoints: %w", err)
	}
	for server, m := range map[string]*dns.Msg{"kube-dns": r.kubeDNS, "k8s_endpoints": r.ours} {
		if m.Rcode == dns.RcodeRefused {
			return fmt.Errorf("%s refuses the question", server)
		}
	}
	if r.Way == differences.OverTCP || !r.kubeDNS.Truncated && !r.ours.Truncated {
		return nil
	}
	r.Way = differences.OverTCP
	return j.askBoth(r)
}

// leadsOut tells whether ours may have to ask kube-dns for an answer.
func (j *judge) leadsOut(name string) bool {
	s := j.cluster.Of(name)
	return s == nil || s.Kind != differences.Headless
}

// lookUp asks ours for a further name, in the same way and once.
func (j *judge) lookUp(name string) *dns.Msg {
	if m := j.found[name]; m != nil {
		return m
	}
	q := j.question
	q.Name = name
	m, err := j.servers.forOurs(j.leadsOut(name)).ask(j.ctx, q)
	if err != nil {
		// A message that equals no answer.
		m = &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: dns.RcodeBadVers}}
	}
	j.found[name] = m
	return m
}

// isPart tells whether an answer that does not even fit over TCP is a part of
// what is published.
func (j *judge) isPart(r *result) bool {
	s := j.cluster.Of(r.Name)
	if s == nil || len(r.ours.Answer) == 0 {
		return false
	}
	known := make(map[string]bool)
	for _, e := range s.Endpoints {
		if !e.Published() {
			continue
		}
		known[e.Address] = true
		for _, p := range e.Ports {
			known[fmt.Sprintf("%d %s.%s", p.Number, e.Called(j.options.podNames), s.FullName(j.options.zone))] = true
		}
	}
	return !slices.ContainsFunc(r.ours.Answer, func(rr dns.RR) bool { return !known[data(rr)] })
}

// data is what a record says, in the form of isPart.
func data(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.A:
		return rr.A.String()
	case *dns.AAAA:
		return rr.AAAA.String()
	case *dns.SRV:
		return fmt.Sprintf("%d %s", rr.Port, dns.CanonicalName(rr.Target))
	}
	return "a record of another type"
}
