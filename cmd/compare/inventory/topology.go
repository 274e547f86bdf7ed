package inventory

import (
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// hinted is what Services say by their slices.
const hinted = "hints"

// wishes returns what a Service says of topology by its field and its annotations.
func wishes(obj *corev1.Service) (all []string) {
	if how := obj.Spec.TrafficDistribution; how != nil && *how != "" {
		all = append(all, "trafficDistribution: "+*how)
	}
	for _, annotation := range []string{corev1.AnnotationTopologyMode, corev1.DeprecatedAnnotationTopologyAwareHints} {
		if mode := obj.Annotations[annotation]; mode == "Auto" || mode == "auto" {
			all = append(all, annotation+": "+mode)
		}
	}
	return all
}

// addHints notes where the slices of a Service have hints, whoever wrote them.
func addHints(s *differences.Service, obj *discoveryv1.EndpointSlice) {
	has := func(e discoveryv1.Endpoint) bool {
		return e.Hints != nil && len(e.Hints.ForZones)+len(e.Hints.ForNodes) > 0
	}
	if !slices.Contains(s.Wishes, hinted) && slices.ContainsFunc(obj.Endpoints, has) {
		s.Wishes = append(s.Wishes, hinted)
	}
}
