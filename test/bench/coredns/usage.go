package coredns

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// CPU returns the CPU time that the process has used so far. The threads of a Go
// program hardly ever end, so it is the sum of theirs, which is finer than the
// hundredths of a second that /proc/PID/stat counts.
func (p *Process) CPU() (time.Duration, error) {
	threads, err := procfs.AllThreads(p.PID())
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, thread := range threads {
		used, err := thread.Schedstat()
		if err != nil {
			return 0, err
		}
		sum += time.Duration(used.RunningNanoseconds)
	}
	return sum, nil
}

// PeakRSS returns the largest size that the process had in memory since its
// start, or since ResetPeakRSS, in bytes.
func (p *Process) PeakRSS() (uint64, error) {
	proc, err := procfs.NewProc(p.PID())
	if err != nil {
		return 0, err
	}
	status, err := proc.NewStatus()
	return status.VmHWM, err
}

// ResetPeakRSS makes the present size the largest (proc(5), clear_refs).
func (p *Process) ResetPeakRSS() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.PID()), []byte("5"), 0)
}

// TraceHeap is the environment that PeakHeap needs.
const TraceHeap = "GODEBUG=gctrace=1"

// heapTrace matches the part of a line of a trace with the heap in MiB: at the
// start of a collection, at its end, and its live part.
var heapTrace = regexp.MustCompile(`^gc \d+ @.* (\d+)->(\d+)->(\d+) MB, `)

// Collections returns the number of garbage collections so far.
func (p *Process) Collections() int { return len(p.heapSizes()) }

// PeakHeap returns the largest heap that a collection met, in bytes, of those
// after the first skipped ones. A heap is largest right before it is collected.
func (p *Process) PeakHeap(skipped int) uint64 {
	var peak uint64
	for _, size := range p.heapSizes()[skipped:] {
		peak = max(peak, size)
	}
	return peak
}

func (p *Process) heapSizes() []uint64 {
	var sizes []uint64
	for line := range strings.Lines(p.Log()) {
		if found := heapTrace.FindStringSubmatch(line); found != nil {
			start, _ := strconv.ParseUint(found[1], 10, 64)
			end, _ := strconv.ParseUint(found[2], 10, 64)
			sizes = append(sizes, max(start, end)<<20)
		}
	}
	return sizes
}

// collections is how many it takes to empty a sync.Pool, and one more for
// memory that a finalizer kept.
const collections = 3

// LiveHeap returns the size of the heap after it was collected, in bytes. The
// plugin pprof must listen on the address.
func LiveHeap(ctx context.Context, pprof string) (uint64, error) {
	var size uint64
	for range collections {
		var err error
		if size, err = heap(ctx, pprof); err != nil {
			return 0, err
		}
	}
	return size, nil
}

func heap(ctx context.Context, pprof string) (uint64, error) {
	url := "http://" + pprof + "/debug/pprof/heap?gc=1&debug=1"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", url, response.Status)
	}
	const mark = "# HeapAlloc = "
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if number, ok := strings.CutPrefix(lines.Text(), mark); ok {
			return strconv.ParseUint(number, 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no line %q: %v", url, mark, lines.Err())
}
