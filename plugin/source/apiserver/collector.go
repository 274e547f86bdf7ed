package apiserver

import (
	"sync"
	"time"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
)

// streams is one collector for all sources, since they come and go at a reload.
var streams = newStreamCollector()

func init() { prometheus.MustRegister(streams) }

// streamCollector tells at each scrape whether the streams are watched, and how
// long ago something last came in, a bookmark included. Where several streams
// have the same name, it tells the worst.
type streamCollector struct {
	up, age *prometheus.Desc
	mu      sync.Mutex
	streams map[*stream]struct{}
}

// health is what is told of the streams of one name.
type health struct {
	up  bool
	age time.Duration
}

func newStreamCollector() *streamCollector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, subsystem, name), help, []string{"stream"}, nil)
	}
	return &streamCollector{
		up:      desc("stream_up", "Whether the API server is watched, by stream: 0 where what is served may be old."),
		age:     desc("last_event_age_seconds", "Seconds since the last event or bookmark, by stream."),
		streams: make(map[*stream]struct{}),
	}
}

func (c *streamCollector) enter(s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams[s] = struct{}{}
}

func (c *streamCollector) leave(s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.streams, s)
}

// Describe implements prometheus.Collector.
func (c *streamCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.up
	descs <- c.age
}

// Collect implements prometheus.Collector.
func (c *streamCollector) Collect(metrics chan<- prometheus.Metric) {
	for name, worst := range c.worst() {
		up := 0.0
		if worst.up {
			up = 1
		}
		metrics <- prometheus.MustNewConstMetric(c.up, prometheus.GaugeValue, up, name)
		metrics <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, worst.age.Seconds(), name)
	}
}

func (c *streamCollector) worst() map[string]health {
	c.mu.Lock()
	defer c.mu.Unlock()
	worst := make(map[string]health)
	for s := range c.streams {
		of, known := worst[s.query.name]
		of.up = s.isUp() && (of.up || !known)
		of.age = max(of.age, s.join.clock.Since(*s.lastEvent.Load()))
		worst[s.query.name] = of
	}
	return worst
}
