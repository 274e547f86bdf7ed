package model

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

var nodeCreated = time.Unix(1_700_000_000, 0)

// nodeObject is a Node that is ready, with 4 CPUs of which 3.92 are for Pods, and much
// that nobody reads.
func nodeObject(change ...func(*corev1.Node)) *corev1.Node {
	obj := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: "n1", ResourceVersion: "7", CreationTimestamp: metav1.NewTime(nodeCreated),
			Labels:        map[string]string{corev1.LabelTopologyZone: "z1", corev1.LabelOSStable: "linux"},
			Annotations:   map[string]string{"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubelet"}},
		},
		Spec: corev1.NodeSpec{PodCIDR: "10.1.2.0/24", PodCIDRs: []string{"10.1.2.0/24", "fd00:1:2::/64"}, ProviderID: "kind://n1"},
		Status: corev1.NodeStatus{
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: "192.0.2.1"}, {Type: corev1.NodeHostName, Address: "n1"},
			},
			Capacity:    corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("4")},
			Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("3920m"), corev1.ResourceMemory: resource.MustParse("8Gi")},
			Conditions: []corev1.NodeCondition{
				{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse},
				{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.NewTime(nodeCreated)},
			},
			Images: []corev1.ContainerImage{{Names: []string{"example.org/image"}, SizeBytes: 1}},
		},
	}
	for _, c := range change {
		c(obj)
	}
	return obj
}

// showNode returns what a Node says in one line.
func showNode(n *Node) string {
	if n == nil {
		return "none"
	}
	text := n.Name.Value()
	if n.Zone != (Place{}) {
		text += " in " + n.Zone.Value()
	}
	return fmt.Sprintf("%s %v %v %d", text, n.PodCIDRs, n.Addresses, n.CPU)
}

func addresses(all ...string) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Status.Addresses = nil
		for _, text := range all {
			n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: text})
		}
	}
}

func cidrs(all ...string) func(*corev1.Node) {
	return func(n *corev1.Node) { n.Spec.PodCIDR, n.Spec.PodCIDRs = "", all }
}

func TestNewNode(t *testing.T) {
	many := make([]string, maxNodeAddresses+5)
	for i := range many {
		many[i] = fmt.Sprintf("192.0.2.%d", i+1)
	}
	for _, tc := range []struct {
		name   string
		change func(*corev1.Node)
		want   string
		// wrong are parts of the error, empty for none.
		wrong []string
	}{
		{"as the kubelet makes it", func(*corev1.Node) {}, "n1 in z1 [10.1.2.0/24 fd00:1:2::/64] [192.0.2.1] 3920", nil},
		{"bare", func(n *corev1.Node) { *n = corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}} }, "n1 [] [] 0", nil},
		{"without a zone", func(n *corev1.Node) { n.Labels = nil }, "n1 [10.1.2.0/24 fd00:1:2::/64] [192.0.2.1] 3920", nil},
		{"a zone as it is written", func(n *corev1.Node) { n.Labels[corev1.LabelTopologyZone] = "Z.1" }, "n1 in Z.1 [10.1.2.0/24 fd00:1:2::/64] [192.0.2.1] 3920", nil},
		{"the other family first", cidrs("fd00:1:2::/64", "10.1.2.0/24"), "n1 in z1 [10.1.2.0/24 fd00:1:2::/64] [192.0.2.1] 3920", nil},
		{"one podCIDR in the older field", func(n *corev1.Node) { n.Spec.PodCIDRs = nil }, "n1 in z1 [10.1.2.0/24] [192.0.2.1] 3920", nil},
		{"no podCIDR, as with a CNI that does not ask for one", cidrs(), "n1 in z1 [] [192.0.2.1] 3920", nil},
		{"a podCIDR with the bits of a host", cidrs("10.1.2.3/24"), "n1 in z1 [10.1.2.0/24] [192.0.2.1] 3920", nil},
		{"a podCIDR with leading zeros", cidrs("010.001.002.000/24"), "n1 in z1 [10.1.2.0/24] [192.0.2.1] 3920", nil},
		{"bad podCIDRs beside a good one", cidrs("10.1.2.0/33", "10.1.2.0", "", "10.1.2.0/24"), "n1 in z1 [10.1.2.0/24] [192.0.2.1] 3920",
			[]string{`podCIDR "10.1.2.0/33" is not a network`, `podCIDR "10.1.2.0" is not`, `podCIDR "" is not`}},
		{"a second podCIDR of a family", cidrs("10.1.2.0/24", "10.1.3.0/24", "fd00::/64"), "n1 in z1 [10.1.2.0/24 fd00::/64] [192.0.2.1] 3920",
			[]string{`podCIDR "10.1.3.0/24" is the second one of its address family`}},
		{"the podCIDR of all addresses", cidrs("0.0.0.0/0", "::/0"), "n1 in z1 [] [192.0.2.1] 3920",
			[]string{`"0.0.0.0/0" is the network of all addresses`, `"::/0" is the network`}},
		{"an IPv4 podCIDR in the form of an IPv6 one", cidrs("::ffff:10.1.2.0/120"), "n1 in z1 [] [192.0.2.1] 3920", []string{"in the form of an IPv6 one"}},
		{"more faults than are named", cidrs("a", "b", "c", "d", "e", "10.1.2.0/24"), "n1 in z1 [10.1.2.0/24] [192.0.2.1] 3920", []string{`"a"`, `"b"`, `"c"`, `"d"`}},
		{"addresses inside and outside, in any order, each once", func(n *corev1.Node) {
			n.Status.Addresses = []corev1.NodeAddress{
				{Type: corev1.NodeExternalIP, Address: "203.0.113.9"}, {Type: corev1.NodeInternalIP, Address: "2001:db8::1"},
				{Type: corev1.NodeInternalIP, Address: "192.0.2.1"}, {Type: corev1.NodeInternalIP, Address: "::ffff:192.0.2.1"},
				{Type: corev1.NodeExternalDNS, Address: "n1.example.org"}, {Type: corev1.NodeInternalDNS, Address: "192.0.2.7"},
			}
		}, "n1 in z1 [10.1.2.0/24 fd00:1:2::/64] [192.0.2.1 203.0.113.9 2001:db8::1] 3920", nil},
		{"bad addresses beside a good one", addresses("no", "0.0.0.0", "fe80::1%eth0", "192.0.2.1"), "n1 in z1 [10.1.2.0/24 fd00:1:2::/64] [192.0.2.1] 3920",
			[]string{`InternalIP "no" is not`, `"0.0.0.0" is not`, `"fe80::1%eth0" is not`}},
		{"not ready", func(n *corev1.Node) { n.Status.Conditions[1].Status = corev1.ConditionUnknown }, "n1 in z1 [10.1.2.0/24 fd00:1:2::/64] [192.0.2.1] 0", nil},
		{"no condition yet", func(n *corev1.Node) { n.Status.Conditions = nil }, "n1 in z1 [10.1.2.0/24 fd00:1:2::/64] [192.0.2.1] 0", nil},
		{"of the control plane", func(n *corev1.Node) { n.Labels["node-role.kubernetes.io/control-plane"] = "" }, "n1 in z1 [10.1.2.0/24 fd00:1:2::/64] [192.0.2.1] 0", nil},
		{"of the control plane, by the older label", func(n *corev1.Node) { n.Labels["node-role.kubernetes.io/master"] = "" }, "n1 in z1 [10.1.2.0/24 fd00:1:2::/64] [192.0.2.1] 0", nil},
		{"without CPUs", func(n *corev1.Node) { n.Status.Allocatable = nil }, "n1 in z1 [10.1.2.0/24 fd00:1:2::/64] [192.0.2.1] 0", nil},
		{"with fewer than no CPUs", func(n *corev1.Node) { n.Status.Allocatable[corev1.ResourceCPU] = resource.MustParse("-1") }, "n1 in z1 [10.1.2.0/24 fd00:1:2::/64] [192.0.2.1] 0", nil},
		{"without a name", func(n *corev1.Node) { n.Name = "" }, "none", []string{"metadata.name has 0 bytes"}},
		{"with too long a name", func(n *corev1.Node) { n.Name = strings.Repeat("n", MaxName+1) }, "none", []string{"metadata.name has 254 bytes"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			obj := nodeObject(tc.change)
			before := obj.DeepCopy()
			got, err := NewNode(obj)
			if show := showNode(got); show != tc.want {
				t.Errorf("got  %s\nwant %s", show, tc.want)
			}
			text := ""
			if err != nil {
				text = err.Error()
			}
			for _, part := range tc.wrong {
				if !strings.Contains(text, part) {
					t.Errorf("the error is %q, want one with %q", text, part)
				}
			}
			if n := len(strings.Split(text, "\n")); err != nil && n != len(tc.wrong) || err == nil && len(tc.wrong) > 0 {
				t.Errorf("the error is %q, want %d lines", text, len(tc.wrong))
			}
			if !reflect.DeepEqual(obj, before) {
				t.Error("the object has changed")
			}
			if got == nil {
				return
			}
			TrimNode(obj)
			trimmed, again := NewNode(obj)
			if !reflect.DeepEqual(trimmed, got) || fmt.Sprint(again) != fmt.Sprint(err) {
				t.Errorf("trimmed it is %s, %v, want %s, %v", showNode(trimmed), again, showNode(got), err)
			}
			if obj.ManagedFields != nil || obj.Annotations != nil || obj.Status.Images != nil {
				t.Errorf("of the trimmed object is left %+v", obj)
			}
		})
	}
	t.Run("more addresses than are kept", func(t *testing.T) {
		got, err := NewNode(nodeObject(addresses(many...)))
		if len(got.Addresses) != maxNodeAddresses || err == nil || !strings.Contains(err.Error(), `"192.0.2.33" is one too many`) {
			t.Errorf("%d addresses are kept, with the error %v", len(got.Addresses), err)
		}
	})
}

func TestAHeartbeatMakesAnEqualNode(t *testing.T) {
	was, err := NewNode(nodeObject())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		change func(*corev1.Node)
		equal  bool
	}{
		{"a heartbeat", func(n *corev1.Node) {
			n.ResourceVersion = "8"
			n.Status.Conditions[1].LastHeartbeatTime = metav1.Now()
			n.Status.Images = nil
			n.Annotations["a"] = "b"
			n.Status.Allocatable[corev1.ResourceMemory] = resource.MustParse("7Gi")
		}, true},
		{"the CPUs in another form", func(n *corev1.Node) { n.Status.Allocatable[corev1.ResourceCPU] = resource.MustParse("3.92") }, true},
		{"the time in another time zone", func(n *corev1.Node) { n.CreationTimestamp.Time = nodeCreated.In(time.FixedZone("", 3600)) }, true},
		{"a zone", func(n *corev1.Node) { n.Labels[corev1.LabelTopologyZone] = "z2" }, false},
		{"a podCIDR", cidrs("10.1.2.0/24"), false},
		{"an address", addresses("192.0.2.2"), false},
		{"CPUs", func(n *corev1.Node) { n.Status.Allocatable[corev1.ResourceCPU] = resource.MustParse("1") }, false},
		{"readiness", func(n *corev1.Node) { n.Status.Conditions[1].Status = corev1.ConditionFalse }, false},
		{"made anew", func(n *corev1.Node) { n.CreationTimestamp = metav1.NewTime(nodeCreated.Add(time.Hour)) }, false},
	} {
		is, err := NewNode(nodeObject(tc.change))
		if err != nil {
			t.Fatal(err)
		}
		if was.Equal(is) != tc.equal || is.Equal(was) != tc.equal {
			t.Errorf("%s: equal %t, want %t: %s, %s", tc.name, !tc.equal, tc.equal, showNode(was), showNode(is))
		}
	}
}

// Whatever stands in a Node, what is taken of it is in good form.
func TestWhatIsTakenOfANodeIsInGoodForm(t *testing.T) {
	parts := rapid.StringMatching(`[0-9a-f.:]{0,20}(/[0-9]{1,3})?`)
	texts := rapid.SliceOfN(rapid.OneOf(parts, drawnTexts, rapid.SampledFrom([]string{
		"10.1.2.0/24", "fd00:1::/64", "::ffff:10.0.0.0/97", "0.0.0.0/0", "192.0.2.1", "::ffff:192.0.2.1", "fe80::1%eth0",
	})), 0, 5)
	rapid.Check(t, func(t *rapid.T) {
		n, err := NewNode(nodeObject(cidrs(texts.Draw(t, "podCIDRs")...), addresses(texts.Draw(t, "addresses")...)))
		if n == nil {
			t.Fatalf("there is no Node: %v", err)
		}
		families := make(map[bool]bool)
		for _, prefix := range n.PodCIDRs {
			if !prefix.IsValid() || prefix != prefix.Masked() || prefix.Bits() == 0 || prefix.Addr().Is4In6() || families[prefix.Addr().Is4()] {
				t.Fatalf("got the podCIDRs %v", n.PodCIDRs)
			}
			families[prefix.Addr().Is4()] = true
		}
		for i, addr := range n.Addresses {
			if !addr.IsValid() || addr.Is4In6() || addr.Zone() != "" || addr.IsUnspecified() || i > 0 && n.Addresses[i-1].Compare(addr) >= 0 {
				t.Fatalf("got the addresses %v", n.Addresses)
			}
		}
	})
}
