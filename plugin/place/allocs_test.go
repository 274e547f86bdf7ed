//go:build !race

package place

import (
	"net/netip"
	"runtime"
	"testing"
)

// heap returns the bytes that live.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// 5,000 Nodes with what is known of them, the objects of this package and those of the
// model: docs/topology.md has the figure.
func TestAllocationsThatManyNodesKeep(t *testing.T) {
	const most = 4 << 20
	before := heap()
	known := NewKnown(Wanted{Pods: true, Addresses: true})
	known.Apply(manyNodes())
	known.Begin(nobody)
	took := heap() - before
	t.Logf("5,000 Nodes take %d KiB", took>>10)
	if took > most {
		t.Errorf("5,000 Nodes take %d bytes, more than %d", took, most)
	}
	runtime.KeepAlive(known)
}

func TestAllocationsOfLookups(t *testing.T) {
	known, table := knownOf(t, Wanted{Pods: true, Addresses: true})
	known.Apply(told(nodeAt("n1", "a", 0, "10.1.0.0/24", "fd00::/64", "192.0.2.1")))
	known.Begin(nobody)
	for _, text := range []string{"10.1.0.1", "fd00::1", "::ffff:192.0.2.1", "192.0.2.2", "fe80::1%eth0"} {
		addr := netip.MustParseAddr(text)
		if n := testing.AllocsPerRun(100, func() { table.Lookup(addr) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}
