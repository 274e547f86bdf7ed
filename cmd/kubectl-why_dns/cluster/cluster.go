// Package cluster asks the API server what it knows of a Service, with the rights of whoever runs the command. Each part is
// optional: what may not be read is noted, and stands in the way of nothing else. It only gets and lists.
//
// Read cluster.go first, then reading.go (what all have in common), service.go (the Service itself), pods.go, others.go
// (near misses), servers.go and client.go.
package cluster

import (
	"context"
	"sync"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/question"
)

// Read finds out which of the readings of a name there is, and all that the API server says of it.
func (r *Reader) Read(ctx context.Context, f *facts.Facts, readings []question.Question) {
	run := &reading{Reader: r, f: f}
	run.choose(ctx, readings)
	service := f.Cluster.Service
	switch {
	case run.f.Question.Address.IsValid():
		run.owners(ctx)
		return
	case service == nil && f.Cluster.ServiceKnown:
		run.namesakes(ctx)
		return
	case service == nil:
		return
	}
	var group sync.WaitGroup
	group.Go(func() { run.slices(ctx) })
	group.Go(func() { run.legacy(ctx) })
	group.Go(func() { run.lease(ctx) })
	if len(service.Spec.Selector) > 0 {
		group.Go(func() { run.pods(ctx) })
	}
	if r.Connects {
		group.Go(func() { run.networkPolicies(ctx) })
	}
	group.Wait()
}
