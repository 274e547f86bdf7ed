//go:build !race

package history

import (
	"testing"
	"time"
)

func TestRecordingAllocatesNothing(t *testing.T) {
	for _, n := range []int{3, 1000} {
		up := workload(n, -1, 0)
		states := []*State{up, up.marked(sickMark, n/2), workload(n, 1, n+1)}
		r, i := New(MinSize, after(0)), 0
		record := func() {
			r.Record("web.n", up, states[i%3], BySlice, 0, after(time.Duration(i)*time.Millisecond))
			i++
		}
		// The first ones allocate the arena.
		for range 10_000 {
			record()
		}
		if got := testing.AllocsPerRun(100, record); got > 0 {
			t.Errorf("%d endpoints: %v allocations", n, got)
		}
	}
}
