package endpoints

import (
	"context"
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// outside answers for a Service that has names in its slices, with the addresses of these
// beside its own. A name that has none leaves the others.
func (p *planned) outside(ctx context.Context) *dns.Msg {
	if len(p.plan.Targets) > 1 {
		// All are looked up at the same time.
		for i := range p.plan.Targets {
			p.look(ctx, p.plan.Targets[i].Name)
		}
	}
	all, ttl := p.set.Published(family(p.asked.Type)), p.asked.TTL
	var notes []reason
	failed, first := -1, reached{}
	for i := range p.plan.Targets {
		r := p.reach(ctx, &p.plan.Targets[i])
		if !r.ok {
			if failed < 0 {
				failed, first = i, r
			}
			continue
		}
		for _, addr := range p.passing(r.Addresses) {
			if !slices.Contains(all, addr) {
				all = append(all, addr)
			}
		}
		if len(r.Addresses) > 0 {
			ttl = min(ttl, p.ttlFrom(i, &r))
		}
		if r.Stale && len(notes) == 0 {
			staleAnswersTotal.Inc()
			notes = p.notes(i, &r)
		}
	}
	switch {
	case len(all) > 0:
	case failed >= 0:
		return p.lastTry(ctx, failed, &first)
	default:
		return p.nothing(fmt.Sprintf(textTargetFamily, p.plan.Targets[0]))
	}
	p.asked.TTL = ttl
	return p.noteAll(p.flatOf(all, notes), notes)
}
