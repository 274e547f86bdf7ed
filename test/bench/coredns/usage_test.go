package coredns

import (
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"
)

func TestThePeakIsTheLargestHeapThatACollectionMet(t *testing.T) {
	const trace = `gc 1 @0.019s 1%: 0.01+1.2+0.02 ms clock, 0.02+0.1/1.0/0+0.04 ms cpu, 3->4->2 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 2 P
CoreDNS-1.15.0
gc 2 @0.041s 2%: 0.01+1.2+0.02 ms clock, 0.02+0.1/1.0/0+0.04 ms cpu, 97->98->50 MB, 99 MB goal, 0 MB stacks, 0 MB globals, 2 P
gc 3 @0.141s 2%: 0.01+1.2+0.02 ms clock, 0.02+0.1/1.0/0+0.04 ms cpu, 60->60->50 MB, 99 MB goal, 0 MB stacks, 0 MB globals, 2 P (forced)
`
	traced, err := process.Start("/bin/sh", t.TempDir()+"/log", "-c", "cat <<'EOF'\n"+trace+"EOF")
	if err != nil {
		t.Fatal(err)
	}
	<-traced.Done()
	p := &Process{Process: traced}
	if got := p.Collections(); got != 3 {
		t.Errorf("%d collections, want 3", got)
	}
	for skipped, want := range map[int]uint64{0: 98 << 20, 2: 60 << 20, 3: 0} {
		if got := p.PeakHeap(skipped); got != want {
			t.Errorf("after %d: %d bytes, want %d", skipped, got, want)
		}
	}
}
