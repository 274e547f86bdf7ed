package endpoints

import (
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
)

// remembered is what is kept of a Service between two turns of compiling it.
type remembered struct {
	memory  records.Memory
	counted counted
}

// counted is what a Service has added to the metrics.
type counted struct {
	tiers    [health.Tiers]int
	failOpen bool
	observed int
	// best is the tier that the Service name has, and is empty at first.
	best string
}

// count brings the metrics up to date with memory, which is nil for a Service
// that is not served any more. Nothing was counted of a nil remembered.
func (r *remembered) count(memory *records.Memory) {
	if r == nil {
		return
	}
	var now counted
	if memory != nil {
		now = counted{tiers: memory.Counts, failOpen: memory.FailOpen, observed: memory.Observed, best: "none"}
		if !memory.Empty {
			now.best = memory.Best.String()
		}
	}
	for tier, n := range now.tiers {
		if change := n - r.counted.tiers[tier]; change != 0 {
			endpoints.WithLabelValues(health.Tier(tier).String()).Add(float64(change))
		}
	}
	failOpenServices.Add(float64(toInt(now.failOpen) - toInt(r.counted.failOpen)))
	if more := now.observed - r.counted.observed; more > 0 {
		wouldDampTotal.Add(float64(more))
	}
	if memory != nil && r.counted.best != "" && r.counted.best != now.best {
		tierChangesTotal.WithLabelValues(now.best).Inc()
	}
	r.counted = now
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
