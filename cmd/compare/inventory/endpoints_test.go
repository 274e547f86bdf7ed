package inventory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The conditions of endpoints, as in the slices that the controller makes.
var (
	yes, no     = true, false
	isReady     = discoveryv1.EndpointConditions{Ready: &yes, Serving: &yes, Terminating: &no}
	isUnready   = discoveryv1.EndpointConditions{Ready: &no, Serving: &no, Terminating: &no}
	isDraining  = discoveryv1.EndpointConditions{Ready: &no, Serving: &yes, Terminating: &yes}
	isDying     = discoveryv1.EndpointConditions{Ready: &no, Serving: &no, Terminating: &yes}
	isAnnounced = discoveryv1.EndpointConditions{Ready: &yes, Serving: &no, Terminating: &yes}
)

func pod(name, address string, conditions discoveryv1.EndpointConditions) discoveryv1.Endpoint {
	ref := &corev1.ObjectReference{Kind: "Pod", Name: name, UID: types.UID(name)}
	return discoveryv1.Endpoint{Addresses: []string{address}, TargetRef: ref, Conditions: conditions}
}

func slice(version string, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	made := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "slice-" + version, ResourceVersion: version,
			Labels: map[string]string{discoveryv1.LabelServiceName: "db"},
		},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: endpoints,
	}
	if strings.Contains(endpoints[0].Addresses[0], ":") {
		made.AddressType = discoveryv1.AddressTypeIPv6
	}
	return made
}

func TestTheStandingOfEndpoints(t *testing.T) {
	names := []string{"ready", "unready", "terminating", "draining", "outdated", "replaced"}
	tests := []struct {
		name   string
		slices []*discoveryv1.EndpointSlice
		want   []string
	}{
		{"what is unset is ready", []*discoveryv1.EndpointSlice{slice("1", pod("a", "10.0.0.1", discoveryv1.EndpointConditions{}))}, []string{"10.0.0.1 ready"}},
		{"one that drains beside a ready one only terminates",
			[]*discoveryv1.EndpointSlice{slice("1", pod("a", "10.0.0.1", isReady), pod("b", "10.0.0.2", isDraining))},
			[]string{"10.0.0.1 ready", "10.0.0.2 terminating"}},
		{"one that drains is used where the others are unready or dying",
			[]*discoveryv1.EndpointSlice{slice("1", pod("a", "10.0.0.1", isUnready), pod("b", "10.0.0.2", isDraining), pod("c", "10.0.0.3", isDying))},
			[]string{"10.0.0.1 unready", "10.0.0.2 draining", "10.0.0.3 terminating"}},
		{"one that drains is used where only the other family is ready",
			[]*discoveryv1.EndpointSlice{slice("1", pod("a", "10.0.0.1", isDraining)), slice("2", pod("b", "fd00::1", isReady))},
			[]string{"10.0.0.1 draining", "fd00::1 ready"}},
		{"what is always published is ready while it terminates", []*discoveryv1.EndpointSlice{slice("1", pod("a", "10.0.0.1", isAnnounced))}, []string{"10.0.0.1 ready"}},
		{"of one Pod the newer slice counts, by number",
			[]*discoveryv1.EndpointSlice{slice("9", pod("a", "10.0.0.1", isReady)), slice("10", pod("a", "10.0.0.1", isUnready))},
			[]string{"10.0.0.1 outdated", "10.0.0.1 unready"}},
		{"a Pod may stand in two slices",
			[]*discoveryv1.EndpointSlice{slice("9", pod("a", "10.0.0.1", isReady)), slice("10", pod("a", "10.0.0.1", isReady))},
			[]string{"10.0.0.1 ready", "10.0.0.1 ready"}},
		{"of two Pods the newer slice counts",
			[]*discoveryv1.EndpointSlice{slice("9", pod("a", "10.0.0.1", isReady)), slice("10", pod("b", "10.0.0.1", isReady))},
			[]string{"10.0.0.1 ready", "10.0.0.1 replaced"}},
		{"of two Pods the one that is ready counts, however old its slice",
			[]*discoveryv1.EndpointSlice{slice("9", pod("a", "10.0.0.1", isReady)), slice("10", pod("b", "10.0.0.1", isUnready))},
			[]string{"10.0.0.1 ready", "10.0.0.1 unready"}},
		{"of two Pods the one that does not terminate counts",
			[]*discoveryv1.EndpointSlice{slice("9", pod("a", "10.0.0.1", isUnready)), slice("10", pod("b", "10.0.0.1", isAnnounced))},
			[]string{"10.0.0.1 replaced", "10.0.0.1 unready"}},
		{"a slice with an address that does not parse is left out, and no other one",
			[]*discoveryv1.EndpointSlice{slice("1", pod("a", "ten", isReady), pod("b", "10.0.0.2", isReady)), slice("2", pod("c", "10.0.0.3", isReady))},
			[]string{"10.0.0.3 ready"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			s := &differences.Service{Namespace: "default", Name: "db"}
			addEndpoints(s, tc.slices)
			var got []string
			for _, e := range s.Endpoints {
				got = append(got, fmt.Sprint(e.Address, " ", names[e.Standing]))
			}
			slices.Sort(got)
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
