package apiserver

import (
	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const subsystem = "k8s_endpoints"

var (
	// relists counts lists after the first one of a stream.
	relists = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: subsystem,
		Name:      "relists_total",
		Help:      "Counter of lists after the first one, by stream.",
	}, []string{"stream"})
	// watchErrors counts failed requests; what client-go retries by itself is one.
	watchErrors = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: subsystem,
		Name:      "watch_errors_total",
		Help:      "Counter of list and watch requests that failed, by stream.",
	}, []string{"stream"})
)
