// Package figures is the form of docs/performance.json: the figures of a run of
// the benchmarks.
package figures

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// The servers that are compared.
const (
	Ours = "k8s_endpoints"
	// Messages is ours where a plugin in front wants messages.
	Messages = "messages"
	Stock    = "kubernetes"
	Ceiling  = "ceiling"
	// Anew is a ceiling that makes its records anew for each answer.
	Anew = "ceiling, records anew"
)

// A Report has the figures of one machine. A section that did not run is empty.
type Report struct {
	Machine Machine `json:"machine"`
	// Runs has the run that each section is of.
	Runs     map[string]Run `json:"runs"`
	ServeDNS []ServeDNS     `json:"serveDNS,omitempty"`
	Queries  []Queries      `json:"queries,omitempty"`
	Memory   []Memory       `json:"memory,omitempty"`
	Changes  []Changes      `json:"changes,omitempty"`
	Starts   []Start        `json:"starts,omitempty"`
	Builds   []Build        `json:"builds,omitempty"`
	History  []Check        `json:"history,omitempty"`
	Checks   []Check        `json:"checks,omitempty"`
}

// Check is a figure in words, beside what it is to be: of own checks of endpoints, or of the
// history.
type Check struct {
	Measure  string `json:"measure"`
	Target   string `json:"target"`
	Measured string `json:"measured"`
	Met      bool   `json:"met"`
}

// Run is one of the benchmarks.
type Run struct {
	Date    string `json:"date"`
	Command string `json:"command"`
	Commit  string `json:"commit,omitempty"`
}

// Machine is where the run took place.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	// MemoryMiB is the size of the memory.
	MemoryMiB uint64 `json:"memoryMiB"`
}

// ServeDNS is a Go benchmark of the handler in process.
type ServeDNS struct {
	Case      string  `json:"case"`
	Endpoints int     `json:"endpoints,omitempty"`
	Client    string  `json:"client,omitempty"`
	Plugin    string  `json:"plugin"`
	Runs      int     `json:"runs"`
	Nanos     float64 `json:"nsPerQuery"`
	// CPUNanos is the time of all cores, garbage collection included.
	CPUNanos float64 `json:"cpuNsPerQuery,omitempty"`
	Bytes    float64 `json:"bytesPerQuery"`
	Allocs   float64 `json:"allocsPerQuery"`
}

// Queries has the figures of dnsperf for one server in one case. Round i of all
// servers of a case were neighbours in time, and that of all cases less than two
// minutes apart.
type Queries struct {
	Case      string `json:"case"`
	Endpoints int    `json:"endpoints"`
	// Client is the size in bytes of the answer that the client takes: 1232 of
	// one with EDNS, 512 of one without.
	Client    int    `json:"client"`
	Server    string `json:"server"`
	PerSecond Series `json:"queriesPerSecond"`
	// CPU is what the server's process used for each question that it answered,
	// of all cores, in nanoseconds.
	CPU Series `json:"cpuNanosecondsPerAnswer"`
	// ResponseBytes is the mean size of an answer.
	ResponseBytes float64 `json:"responseBytes"`
	Lost          int     `json:"lost"`
}

// Memory is that of one server with a cluster of headless Services, or of ClusterIP
// ones, beside that of the same server with an empty cluster.
type Memory struct {
	Services  int    `json:"services"`
	Endpoints int    `json:"endpoints"`
	ClusterIP bool   `json:"clusterIP,omitempty"`
	Server    string `json:"server"`
	// IdleHeap and IdleRSS are those with an empty cluster, in bytes.
	IdleHeap uint64 `json:"idleHeapBytes"`
	IdleRSS  uint64 `json:"idlePeakRSSBytes"`
	// LiveHeap is the heap after the first list and two collections, in bytes.
	LiveHeap    uint64  `json:"liveHeapBytes"`
	PerEndpoint float64 `json:"liveHeapBytesPerEndpoint"`
	// Peaks are the largest sizes until the first list was served, and from
	// then until a second list was. The heap is largest before a collection.
	ListPeakHeap   uint64 `json:"listPeakHeapBytes"`
	ListPeakRSS    uint64 `json:"listPeakRSSBytes"`
	RelistPeakHeap uint64 `json:"relistPeakHeapBytes,omitempty"`
	RelistPeakRSS  uint64 `json:"relistPeakRSSBytes,omitempty"`
}

// Changes is how fast, and at which cost, one server follows changes of
// readiness in one Service.
type Changes struct {
	Endpoints int    `json:"endpoints"`
	Server    string `json:"server"`
	// PerSecond is the rate of events that the API server took; 0 stands for
	// one event after the other.
	PerSecond float64 `json:"eventsPerSecond"`
	Events    int     `json:"events"`
	// CPUPerEvent is in milliseconds, of the whole process, with no queries
	// meanwhile.
	CPUPerEvent float64 `json:"cpuMillisecondsPerEvent"`
	// CPU is the share of one core.
	CPU float64 `json:"cpuCores"`
	// Watch is the time from the write to a plain watch client, Answer that
	// from the write to the first answer that shows it, and Lag that from the
	// watch client to that answer, in milliseconds.
	Watch  Quantiles `json:"writeToWatchMilliseconds"`
	Answer Quantiles `json:"writeToAnswerMilliseconds"`
	Lag    Quantiles `json:"watchToAnswerMilliseconds"`
}

// Start is the time from the start of a process to its first right answer.
type Start struct {
	Services  int    `json:"services"`
	Endpoints int    `json:"endpoints"`
	ClusterIP bool   `json:"clusterIP,omitempty"`
	Server    string `json:"server"`
	Seconds   Series `json:"seconds"`
}

// The builds, by the word for their plugins.
const (
	Whole = "all"
	Slim  = "slim"
)

// Build is a program as it is in an image: its size, and what it takes with an empty
// cluster and with one of headless Services.
type Build struct {
	Plugins string `json:"plugins"`
	// ImageBytes is the size of the compressed layer with the program, without the
	// base that it stands on.
	ImageBytes   int64 `json:"imageBytes"`
	ProgramBytes int64 `json:"programBytes"`
	// Services and Endpoints are those of the large cluster.
	Services  int `json:"services"`
	Endpoints int `json:"endpoints"`
	// RSS is the largest size in memory until the first right answer, in MiB, and
	// Seconds the time until then.
	IdleRSS     Series `json:"idlePeakRSSMiB"`
	IdleSeconds Series `json:"idleSeconds"`
	RSS         Series `json:"peakRSSMiB"`
	Seconds     Series `json:"seconds"`
}

// A Series is a figure measured several times.
type Series struct {
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Rounds []float64 `json:"rounds"`
}

// NewSeries needs at least one round.
func NewSeries(rounds []float64) Series {
	return Series{Median: Median(rounds), Min: slices.Min(rounds), Max: slices.Max(rounds), Rounds: rounds}
}

// Ratio returns the median of the ratios of s and o in each round: other work
// of the machine slowed both alike.
func (s Series) Ratio(o Series) float64 {
	ratios := make([]float64, min(len(s.Rounds), len(o.Rounds)))
	for i := range ratios {
		ratios[i] = s.Rounds[i] / o.Rounds[i]
	}
	return Median(ratios)
}

// Quantiles are of a figure measured for many events.
type Quantiles struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// NewQuantiles takes the nearest rank.
func NewQuantiles(all []float64) Quantiles {
	if len(all) == 0 {
		return Quantiles{}
	}
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return Quantiles{N: n, P50: sorted[rank(n, 50)], P99: sorted[rank(n, 99)], Max: sorted[n-1]}
}

// rank is the index, among n sorted numbers, of the smallest one that percent
// of them do not exceed.
func rank(n, percent int) int { return (n*percent+99)/100 - 1 }

// Median returns the middle one, or the mean of the two middle ones, and 0 of
// none.
func Median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Load reads a Report.
func Load(file string) (*Report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// Save writes the Report.
func (r *Report) Save(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
