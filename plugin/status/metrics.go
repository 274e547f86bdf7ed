package status

import (
	"strconv"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
)

const subsystem = "k8s_endpoints"

// Why requests are turned away, as metrics have it.
const (
	byHost   = "host"
	byMethod = "method"
	byBusy   = "busy"
	byFetch  = "fetch"
)

var (
	requestsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: subsystem,
		Name:      "status_requests_total",
		Help:      "Counter of requests to the status page, by the form of the reply and its code.",
	}, []string{"form", "code"})
	rejectedTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: subsystem,
		Name:      "status_rejected_total",
		Help:      "Counter of requests to the status page that were turned away, by reason.",
	}, []string{"reason"})
)

func init() { prometheus.MustRegister(requestsTotal, rejectedTotal) }

func count(form string, code int) {
	requestsTotal.WithLabelValues(form, strconv.Itoa(code)).Inc()
}
