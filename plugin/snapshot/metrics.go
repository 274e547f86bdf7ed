package snapshot

import (
	"sync"
	"time"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const subsystem = "k8s_endpoints"

var (
	// failures counts the snapshots that were not written.
	failures = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: subsystem,
		Name:      "snapshot_errors_total",
		Help:      "Counter of snapshots that could not be written, by reason.",
	}, []string{"reason"})
	// ages is one collector for all files, since stanzas come and go.
	ages = newAgeCollector()
)

// The reasons of failures.
const (
	tooLarge  = "size"
	unwritten = "write"
)

func init() {
	for _, reason := range []string{tooLarge, unwritten} {
		failures.WithLabelValues(reason)
	}
	prometheus.MustRegister(ages)
}

// ageCollector tells at each scrape how old the objects in the files are.
type ageCollector struct {
	desc *prometheus.Desc
	mu   sync.Mutex
	// current is when the objects of a file were.
	current map[string]time.Time
	// writers counts who writes a file: two while a reload replaces one of them.
	writers map[string]int
}

func newAgeCollector() *ageCollector {
	return &ageCollector{
		desc: prometheus.NewDesc(
			prometheus.BuildFQName(plugin.Namespace, subsystem, "snapshot_age_seconds"),
			"Seconds since the objects of a snapshot were known to be current, by file.",
			[]string{"file"}, nil),
		current: make(map[string]time.Time),
		writers: make(map[string]int),
	}
}

func (c *ageCollector) enter(file string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writers[file]++
}

func (c *ageCollector) leave(file string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writers[file]--; c.writers[file] == 0 {
		delete(c.writers, file)
		delete(c.current, file)
	}
}

func (c *ageCollector) set(file string, current time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current[file] = current
}

// Describe implements prometheus.Collector.
func (c *ageCollector) Describe(descs chan<- *prometheus.Desc) { descs <- c.desc }

// Collect implements prometheus.Collector.
func (c *ageCollector) Collect(metrics chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for file, current := range c.current {
		// A start that fails may have read the file of a stanza that did not start.
		if c.writers[file] == 0 {
			continue
		}
		metrics <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, time.Since(current).Seconds(), file)
	}
}
