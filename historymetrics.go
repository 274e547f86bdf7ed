package endpoints

import (
	"sync"
	"time"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
)

// tapes is one collector for the tapes of all caches, since these come and go.
var tapes = newTapeCollector()

func init() { prometheus.MustRegister(tapes) }

// tapeCollector tells at each scrape what histories hold.
type tapeCollector struct {
	bytes, dropped, oldest *prometheus.Desc

	mu sync.Mutex
	// holders counts the caches that have a tape, and ended has what those dropped that nobody
	// has any more.
	holders map[*tape]int
	ended   int64
}

func newTapeCollector() *tapeCollector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, name), help, nil, nil)
	}
	return &tapeCollector{
		bytes:   desc("history_bytes", "Gauge of the bytes that histories take, with what is kept besides."),
		dropped: desc("history_dropped_bytes_total", "Counter of the bytes that histories dropped to make room."),
		oldest:  desc("history_oldest_seconds", "Gauge of how far back the Service with the shortest history is known."),
		holders: make(map[*tape]int),
	}
}

func (c *tapeCollector) enter(t *tape) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holders[t]++
}

func (c *tapeCollector) leave(t *tape) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holders[t]--; c.holders[t] == 0 {
		delete(c.holders, t)
		c.ended += t.Size().Dropped
	}
}

// Describe implements prometheus.Collector.
func (c *tapeCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.bytes
	descs <- c.dropped
	descs <- c.oldest
}

// Collect implements prometheus.Collector. Without a history there is nothing to tell.
func (c *tapeCollector) Collect(metrics chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.holders) == 0 {
		return
	}
	bytes, dropped, oldest := int64(0), c.ended, time.Time{}
	for t := range c.holders {
		size := t.Size()
		bytes += size.Bytes
		dropped += size.Dropped
		if size.Reaches.After(oldest) {
			oldest = size.Reaches
		}
	}
	metrics <- prometheus.MustNewConstMetric(c.bytes, prometheus.GaugeValue, float64(bytes))
	metrics <- prometheus.MustNewConstMetric(c.dropped, prometheus.CounterValue, float64(dropped))
	metrics <- prometheus.MustNewConstMetric(c.oldest, prometheus.GaugeValue, time.Since(oldest).Seconds())
}
