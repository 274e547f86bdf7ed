package coredns

import (
	"context"
	"fmt"
	"io"
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
	text, err := get(ctx, url)
	if err != nil {
		return 0, err
	}
	const mark = "# HeapAlloc = "
	for line := range strings.Lines(text) {
		if number, ok := strings.CutPrefix(line, mark); ok {
			return strconv.ParseUint(strings.TrimSpace(number), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no line %q", url, mark)
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", url, response.Status)
	}
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

// Counter returns the sum of all series with that name, 0 where there are none. The
// plugin prometheus must listen on the address.
func Counter(ctx context.Context, prometheus, name string) (float64, error) {
	return CounterWith(ctx, prometheus, name, "")
}

// CounterWith returns the same of those series whose labels have a text.
func CounterWith(ctx context.Context, prometheus, name, labels string) (float64, error) {
	text, err := get(ctx, "http://"+prometheus+"/metrics")
	if err != nil {
		return 0, err
	}
	return sum(text, name, labels)
}

func sum(text, name, labels string) (total float64, err error) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		if found, of, _ := strings.Cut(words[0], "{"); found != name || !strings.Contains(of, labels) {
			continue
		}
		one, err := strconv.ParseFloat(words[len(words)-1], 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", line, err)
		}
		total += one
	}
	return total, nil
}
