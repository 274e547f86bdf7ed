package records

import (
	"net/netip"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// Memory is what one compilation of a Service leaves behind for the next one. The
// zero value is the beginning. It must not be used for two Services, nor at once.
type Memory struct {
	health health.Memory
	// current is the Roster of a large Service.
	current *roster.Current
	// since is when each endpoint got its tier, where that is to be explained.
	since map[netip.Addr]tierSince
	// Next is when to compile again even if nothing changes; zero is never.
	Next time.Time
}

// tierSince is a tier, and since when an endpoint has it.
type tierSince struct {
	tier health.Tier
	at   time.Time
}

// Empty reports whether nothing is to be remembered: the zero value does as well.
func (m *Memory) Empty() bool {
	return m.health.Empty() && m.current == nil && len(m.since) == 0 && m.Next.IsZero()
}

// Observe takes note of changes, in their order, and returns how many Pods
// flapped. All are the slices as they are now.
func (m *Memory) Observe(d health.Damping, changes []health.Transition, all []*model.Slice) (flaps int) {
	return m.health.Observe(d, changes, all)
}
