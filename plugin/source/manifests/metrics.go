package manifests

import (
	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const subsystem = "k8s_endpoints"

var (
	manifestErrors = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: subsystem,
		Name:      "manifest_errors_total",
		Help:      "Counter of failed attempts to read a manifest or a directory of manifests while running.",
	})
	skippedObjects = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: subsystem,
		Name:      "skipped_objects_total",
		Help:      "Counter of documents in manifests that were skipped because their kind is not served, or because they are no objects.",
	}, []string{"kind"})
)

// kindLabel bounds the values of the label kind: a manifest may name any.
func kindLabel(kind string) string {
	switch kind {
	case noObject, "ConfigMap", "CronJob", "DaemonSet", "Deployment", "Ingress", "Job", "Pod", "ReplicaSet", "Secret",
		"ServiceAccount", "StatefulSet", "Endpoints":
		return kind
	case betaKind:
		return "EndpointSlice"
	}
	return "other"
}
