package endpoints

import (
	"sync"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check/engine"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	// checksByVerdict is how many checks there are.
	checksByVerdict = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "checks",
		Help:      "Gauge of own checks of endpoints, by kind and verdict.",
	}, []string{"kind", "verdict"})
	// checksTotal counts the checks that ended.
	checksTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "checks_total",
		Help:      "Counter of own checks of endpoints that were made, by kind and result.",
	}, []string{"kind", "result"})
	// checkDuration is how long they took.
	checkDuration = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "check_duration_seconds",
		// From a quarter of a millisecond to some four seconds.
		Buckets:                     prometheus.ExponentialBuckets(0.00025, 4, 8),
		NativeHistogramBucketFactor: plugin.NativeHistogramBucketFactor,
		Help:                        "Histogram of the time (in seconds) that an own check of an endpoint took, by kind.",
	}, []string{"kind"})
	// checkLag is by how much checks are late.
	checkLag = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "check_lag_seconds",
		Help:      "Gauge of the time (in seconds) by which the own check of an endpoint is late that has waited longest.",
	})
	// checksInflight is how many checks are under way.
	checksInflight = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "checks_inflight",
		Help:      "Gauge of own checks of endpoints that are under way, by whether the one before passed or failed.",
	}, []string{"lane"})
	// checkVerdictsTotal counts the verdicts that changed.
	checkVerdictsTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "check_verdicts_total",
		Help:      "Counter of own checks of endpoints that came to another verdict, by kind and the new verdict.",
	}, []string{"kind", "verdict"})
	// checkRefusalsTotal counts what is not checked.
	checkRefusalsTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "check_refusals_total",
		Help:      "Counter of own checks of endpoints that are wanted and were not made, by reason.",
	}, []string{"reason"})
	// checksBlind is whether this process seems to be cut off.
	checksBlind = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "checks_blind",
		Help:      "Gauge of whether no own check of an endpoint passes any more, so that no verdict turns to fail.",
	})
	// wouldFailTotal counts what checks would have done.
	wouldFailTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "would_fail_total",
		Help:      "Counter of endpoints that own checks would have taken for sick, were they not only to observe.",
	})
)

// registered is done once those metrics are exported that have no labels.
var registered sync.Once

// checkMetrics are those of the one engine of the process.
type checkMetrics struct{}

// begin has all series there from the beginning, with nothing in them: what goes up at once
// from nothing is not seen as a change. Only a process with checks has them.
func (m checkMetrics) begin() {
	registered.Do(func() { prometheus.MustRegister(checkLag, checksBlind, wouldFailTotal) })
	for kind := check.TCP; kind < check.Kinds; kind++ {
		for verdict := range check.Verdicts {
			checksByVerdict.WithLabelValues(kind.String(), verdict.String())
		}
		for result := range check.Causes {
			checksTotal.WithLabelValues(kind.String(), result.String())
		}
		for _, verdict := range []check.Verdict{check.Passing, check.Failing} {
			checkVerdictsTotal.WithLabelValues(kind.String(), verdict.String())
		}
		checkDuration.WithLabelValues(kind.String())
	}
	for _, lane := range engine.Lanes {
		checksInflight.WithLabelValues(lane)
	}
	for reason := check.NoRefusal + 1; reason < check.Refusals; reason++ {
		checkRefusalsTotal.WithLabelValues(reason.String())
	}
}

// Checks implements engine.Metrics.
func (checkMetrics) Checks(kind check.Kind, verdict check.Verdict, count int) {
	checksByVerdict.WithLabelValues(kind.String(), verdict.String()).Set(float64(count))
}

// Checked implements engine.Metrics.
func (checkMetrics) Checked(kind check.Kind, result check.Cause, took time.Duration) {
	checksTotal.WithLabelValues(kind.String(), result.String()).Inc()
	checkDuration.WithLabelValues(kind.String()).Observe(took.Seconds())
}

// Turned implements engine.Metrics.
func (checkMetrics) Turned(kind check.Kind, verdict check.Verdict) {
	checkVerdictsTotal.WithLabelValues(kind.String(), verdict.String()).Inc()
}

// Refused implements engine.Metrics.
func (checkMetrics) Refused(reason check.Refusal) {
	checkRefusalsTotal.WithLabelValues(reason.String()).Inc()
}

// Lag implements engine.Metrics.
func (checkMetrics) Lag(lag time.Duration) { checkLag.Set(lag.Seconds()) }

// Inflight implements engine.Metrics.
func (checkMetrics) Inflight(lane string, count int) {
	checksInflight.WithLabelValues(lane).Set(float64(count))
}

// Blind implements engine.Metrics.
func (checkMetrics) Blind(blind bool) {
	if blind {
		checksBlind.Set(1)
		return
	}
	checksBlind.Set(0)
}
