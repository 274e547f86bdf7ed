package source

import (
	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const subsystem = "k8s_endpoints"

// badObjects counts each time an object was left out.
var badObjects = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace,
	Subsystem: subsystem,
	Name:      "bad_objects_total",
	Help:      "Counter of objects that were left out because something is wrong with them.",
}, []string{"kind"})
