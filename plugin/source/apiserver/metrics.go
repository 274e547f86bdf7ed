package apiserver

import (
	"sync"
	"time"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

const subsystem = "k8s_endpoints"

var (
	// relists counts lists after the first one of a stream.
	relists = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: subsystem,
		Name:      "relists_total",
		Help:      "Counter of lists after the first one, by stream.",
	}, []string{"stream"})
	// watchErrors counts failed requests; what client-go retries by itself is one.
	watchErrors = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: subsystem,
		Name:      "watch_errors_total",
		Help:      "Counter of list and watch requests that failed, by stream.",
	}, []string{"stream"})
	// ages is one collector for all sources, since they come and go at a reload.
	ages = newAgeCollector()
)

func init() { prometheus.MustRegister(ages) }

// ageCollector tells at each scrape how long ago something last came in, a
// bookmark included. Where several streams have the same name, it tells the
// oldest.
type ageCollector struct {
	desc    *prometheus.Desc
	mu      sync.Mutex
	streams map[*stream]struct{}
}

func newAgeCollector() *ageCollector {
	return &ageCollector{
		desc: prometheus.NewDesc(
			prometheus.BuildFQName(plugin.Namespace, subsystem, "last_event_age_seconds"),
			"Seconds since the last event or bookmark, by stream.",
			[]string{"stream"}, nil),
		streams: make(map[*stream]struct{}),
	}
}

func (c *ageCollector) enter(s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams[s] = struct{}{}
}

func (c *ageCollector) leave(s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.streams, s)
}

// Describe implements prometheus.Collector.
func (c *ageCollector) Describe(descs chan<- *prometheus.Desc) { descs <- c.desc }

// Collect implements prometheus.Collector.
func (c *ageCollector) Collect(metrics chan<- prometheus.Metric) {
	for name, age := range c.oldest() {
		metrics <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, age.Seconds(), name)
	}
}

func (c *ageCollector) oldest() map[string]time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	oldest := make(map[string]time.Duration)
	for s := range c.streams {
		oldest[s.query.name] = max(oldest[s.query.name], s.join.clock.Since(*s.lastEvent.Load()))
	}
	return oldest
}
