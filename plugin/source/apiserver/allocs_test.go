//go:build !race

package apiserver

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"

	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"
)

// knowing takes Nodes as a cache does.
type knowing struct{ *place.Known }

func (k knowing) Apply(changes []model.Change) { k.Known.Apply(changes) }

func (knowing) Synced() {}

// manyNodes are 5,000 Nodes in 3 zones, each with a podCIDR and an address of each family, as
// the API has them.
func manyNodes() []*object {
	all := make([]*object, 5000)
	for i := range all {
		n := node(fmt.Sprintf("ip-192-168-%d-%d.eu-central-1.compute.internal", i>>8, i&255), 2, fmt.Sprintf("eu-central-1%c", 'a'+i%3))
		n.Spec.PodCIDRs = []string{fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255), fmt.Sprintf("fd00:0:0:%x::/64", i)}
		n.Status.Addresses = []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("192.168.%d.%d", i>>8, i&255)},
			{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("fd01::%x", i+1)},
		}
		all[i] = readNodes(n)
	}
	return all
}

// What all packages together keep of 5,000 Nodes: plugin/place has a test of its part.
func TestAllocationsThatManyNodesKeepInAll(t *testing.T) {
	const most = 4 << 20
	live := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	known := place.NewKnown(place.Wanted{Pods: true, Addresses: true})
	j := newJoin(clocktesting.NewFakePassiveClock(sceneStart), knowing{known})
	in := j.enterNodes()
	j.replace(in, manyNodes(), 2)
	known.Begin(func(func(model.ServiceKey, []*model.Slice) bool) {})
	took := live() - before
	if counts := known.Counts(); counts.Nodes != 5000 || counts.Prefixes[place.ByPodCIDR] != 10_000 || counts.Prefixes[place.ByAddress] != 10_000 {
		t.Fatalf("there are %+v", counts)
	}
	t.Logf("5,000 Nodes take %d KiB", took>>10)
	if took > most {
		t.Errorf("5,000 Nodes take %d bytes, more than %d", took, most)
	}
	runtime.KeepAlive(j)
	runtime.KeepAlive(in)
}
