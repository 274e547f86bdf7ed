package records

import (
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// Memory is what one compilation of a Service leaves behind for the next one. The
// zero value is the beginning. It must not be used for two Services, nor at once.
type Memory struct {
	health health.Memory
	// current is the Roster of a large Service, and judged says which checks fail in it.
	current *roster.Current
	judged  *check.Findings
	// found is what checks had found at the last compilation, where damping looks.
	found *check.Findings
	// gate is that of a Service whose name waits, or has waited.
	gate gate
	// Began is when this process began to watch, for a Service that was there before:
	// who is not ready then may have been for long. It is zero for others.
	Began time.Time
	// Flaps are how many endpoints flapped at the last compilation because of their checks.
	Flaps int
	// Next is when to compile again even if nothing changes; zero is never.
	Next time.Time
}

// Empty reports whether nothing is to be remembered: the zero value does as well.
func (m *Memory) Empty() bool {
	return m.health.Empty() && m.current == nil && m.found == nil && m.gate == gate{} && m.Next.IsZero()
}

// Observe takes note of changes, in their order, and returns how many Pods
// flapped. All are the slices as they are now.
func (m *Memory) Observe(d health.Damping, changes []health.Transition, all []*model.Slice) (flaps int) {
	return m.health.Observe(d, changes, all)
}
