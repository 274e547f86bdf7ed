package endpoints

import (
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
)

// countChange brings the metrics up to date with a Service whose Set was before
// and is after. Nil is a Service that is not served.
func countChange(before, after *records.Set) {
	was, is := tallyOf(before), tallyOf(after)
	for tier, n := range is.Tiers {
		if change := n - was.Tiers[tier]; change != 0 {
			endpoints.WithLabelValues(health.Tier(tier).String()).Add(float64(change))
		}
	}
	if was.FailOpen != is.FailOpen {
		failOpenServices.Add(float64(toInt(is.FailOpen) - toInt(was.FailOpen)))
	}
	if more := is.Observed - was.Observed; more > 0 {
		wouldDampTotal.Add(float64(more))
	}
	if before != nil && after != nil && bestOf(was) != bestOf(is) {
		tierChangesTotal.WithLabelValues(bestOf(is)).Inc()
	}
}

func tallyOf(set *records.Set) records.Tally {
	if set == nil {
		return records.Tally{}
	}
	return set.Tally()
}

// bestOf is the tier that the Service name has, as metrics call it.
func bestOf(t records.Tally) string {
	if !t.Any {
		return "none"
	}
	return t.Best.String()
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
