package endpoints

import (
	"context"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// waitedTotal counts denials by what waiting made of them.
var waitedTotal = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace,
	Subsystem: pluginName,
	Name:      "waited_denials_total",
	Help:      "Counter of denials of endpoint names that waited for the next change of their Service, by result: found, denied, or full where too many waited.",
}, []string{"result"})

// isEarly reports whether a denial may come a moment too early: the name of an endpoint below
// a headless Service is asked for by those who start along with the endpoint.
func (q *query) isEarly(set *records.Set, a *records.Answer) bool {
	return q.patience > 0 && a.Outcome == records.NoName && q.asked.Name.Kind == name.Endpoint &&
		set.Service.Kind == model.Headless && !q.waited && !q.stale
}

// waitFor waits until the name of an endpoint exists, its Service is another one, or patience
// is over.
func (q *query) waitFor(ctx context.Context, set *records.Set) {
	q.waited = true
	w, ok := q.cache.watchers.join(q.asked.Name.Key)
	if !ok {
		waitedTotal.WithLabelValues("full").Inc()
		return
	}
	defer w.leave()
	over := time.NewTimer(q.patience)
	defer over.Stop()
	result := "denied"
	defer func() { waitedTotal.WithLabelValues(result).Inc() }()
	for {
		changed := w.changed()
		// What was swapped in before that is looked at here, and what comes after wakes.
		now := q.cache.set(q.asked.Name.Key)
		switch {
		case now == nil:
			return
		case now.Has(&q.asked):
			result = "found"
			return
		case changed == nil || !waits(ctx, changed, over.C):
			return
		}
	}
}

// waits reports whether something changed before the time was over.
func waits(ctx context.Context, changed <-chan struct{}, over <-chan time.Time) bool {
	select {
	case <-changed:
		return true
	case <-over:
	case <-ctx.Done():
	}
	return false
}
