package facts

//lint:file-ignore SA1019 Endpoints are deprecated, and clusters still have them.

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// Cluster is what the API server says.
type Cluster struct {
	// Service is what is asked about. ServiceKnown is true where the API server said whether there is one.
	Service      *corev1.Service
	ServiceKnown bool
	// Namesakes are Services with that name elsewhere or nearly that name, "N/S".
	Namesakes []string
	// PodNamed is the Pod that has the name of the Service that there is not.
	PodNamed *corev1.Pod

	// Pods are those that the selector matches.
	Pods      []corev1.Pod
	PodsKnown bool
	// Others are Pods that it does not match, where it matches none.
	Others []Labelled
	// InNamespace is how many Pods the namespace has; MoreThan is true where there are more than were read.
	InNamespace int
	MoreThan    bool
	// Events are those of Pods that are not ready, by the name of the Pod.
	Events      map[string][]corev1.Event
	EventsKnown bool

	Slices      []discoveryv1.EndpointSlice
	SlicesKnown bool
	// Legacy is the Endpoints object with the name of the Service.
	Legacy *corev1.Endpoints
	// Renewed is when kube-controller-manager renewed its lease last; zero is not known.
	Renewed time.Time
	// Pressed are Nodes that are not as they should be: their conditions, in words.
	Pressed map[string]string
	// NetworkPolicies are those that select the Pods.
	NetworkPolicies []string
}

// Labelled is the little that is read of other Pods.
type Labelled struct {
	Namespace, Name string
	Labels          map[string]string
	// Workload is the owner of the Pod, without the hash of a ReplicaSet.
	Workload string
}
