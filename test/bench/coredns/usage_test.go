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

func TestACounterIsTheSumOfItsSeries(t *testing.T) {
	const text = `# HELP answers_total Counter of answers.
# TYPE answers_total counter
answers_total{server="dns://127.0.0.1:1"} 1.5e+06
answers_total{server="dns://127.0.0.1:2"} 2
answers_total_of_others{server="dns://127.0.0.1:2"} 4
plain 8
`
	for name, want := range map[string]float64{"answers_total": 1500002, "plain": 8, "answers": 0} {
		if got, err := sum(text, name, ""); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
		}
	}
	if got, err := sum("plain many\n", "plain", ""); err == nil {
		t.Errorf("got %v of no number", got)
	}
}
