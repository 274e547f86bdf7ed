package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/inventory"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/report"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/servers"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kube"

	"k8s.io/client-go/kubernetes"
)

// compare asks all questions, and asks those again whose answers are in the way of a switch.
func compare(ctx context.Context, o *options, progress io.Writer) (_ *report.Report, err error) {
	clients, err := kube.Connect(o.Kubeconfig, o.Context)
	if err != nil {
		return nil, err
	}
	if o.KubeDNS == "" {
		if o.KubeDNS, err = kube.FindKubeDNS(ctx, clients); err != nil {
			return nil, err
		}
	}
	s, err := servers.Start(o.Config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	if err := s.Check(ctx); err != nil {
		return nil, err
	}
	return o.rounds(ctx, s, clients, progress)
}

// rounds asks all questions once. Those that are in the way of a switch it asks once more after a while, and judges
// the answers by the cluster as it is then.
func (o *options) rounds(ctx context.Context, s *servers.Servers, clients kubernetes.Interface, progress io.Writer) (*report.Report, error) {
	cluster, leftOut, err := inventory.Read(ctx, clients, o.Zone)
	if err != nil {
		return nil, err
	}
	for _, why := range leftOut {
		fmt.Fprintln(progress, "k8s_endpoints leaves this out:", why)
	}
	questions, err := o.askAll(cluster)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "asking %d questions, at most %g in a second\n", len(questions), o.Rate)
	began := time.Now()
	results, err := o.round(ctx, s, cluster, questions)
	if err != nil {
		return nil, err
	}
	r := &report.Report{KubeDNS: s.KubeDNS.Address(), Ours: s.Ours.Address(), IsLocal: s.IsLocal, Zone: o.Zone, EndpointsKept: o.endpointsKept, Cluster: cluster}
	var again []differences.Question
	for _, one := range results {
		if one.IsInTheWay() {
			again = append(again, one.Question)
		} else {
			r.Add(one)
		}
	}
	r.Again = len(again)
	if r.Again > 0 {
		fmt.Fprintf(progress, "asking %d questions again in %v\n", r.Again, o.settle)
		wait(ctx, o.settle)
		if cluster, _, err = inventory.Read(ctx, clients, o.Zone); err != nil {
			return nil, err
		}
		if results, err = o.round(ctx, s, cluster, again); err != nil {
			return nil, err
		}
		for _, one := range results {
			r.Add(one)
		}
	}
	r.Took = time.Since(began)
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

// maxUnanswered is how many questions in a row may have no answer before the servers are checked again: each takes
// three timeouts.
const maxUnanswered = 20

// round asks both servers all questions. It gives up where one of them answers no more.
func (o *options) round(ctx context.Context, s *servers.Servers, c *differences.Cluster, questions []differences.Question) ([]*report.Result, error) {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	results := make([]*report.Result, len(questions))
	var group sync.WaitGroup
	var unanswered atomic.Int64
	next := make(chan int)
	for range o.concurrency {
		group.Go(func() {
			for i := range next {
				j := &judge{ctx: ctx, options: o, servers: s, cluster: c, question: questions[i]}
				if results[i] = j.judge(); results[i].Err == nil {
					unanswered.Store(0)
				} else if unanswered.Add(1)%maxUnanswered == 0 {
					if err := s.Check(ctx); err != nil {
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
