package endpoints

import (
	"iter"
	"maps"

	"github.com/coredns/coredns/plugin"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	// clientPrefixes is by what clients could be found.
	clientPrefixes = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "client_prefixes",
		Help:      "Gauge of the prefixes that Nodes and Services give to find clients by, by source.",
	}, []string{"source"})
	// clientEvidence is whether podCIDRs are to be believed.
	clientEvidence = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "client_evidence",
		Help:      "Gauge of the endpoints that were looked up in the podCIDRs of Nodes, by whether these say the same node as their slice.",
	}, []string{"result"})
)

// whereabouts keep what is known of where clients are in step with the objects of a cache.
// The zero value knows of none.
type whereabouts struct {
	known *place.Known
	// The cache's lock guards what follows. takers are the Services whose endpoints have the
	// zones of their nodes.
	takers map[model.ServiceKey]struct{}
	// counted is what metrics have.
	counted place.Counts
}

func newWhereabouts(w place.Wanted) (of whereabouts) {
	if w != (place.Wanted{}) {
		of.known, of.takers = place.NewKnown(w), make(map[model.ServiceKey]struct{})
	}
	return of
}

// applyPlaces takes the changes of Nodes. The cache is locked.
func (c *cache) applyPlaces(changes []model.Change) {
	if c.known == nil {
		return
	}
	effects := c.known.Apply(changes)
	if len(effects.Zoned) > 0 {
		c.recompile(maps.Keys(c.takers))
	}
	if effects.Shifted && c.settings.Topology.Overload > 0 {
		c.recompile(maps.Keys(c.services))
	}
	for _, key := range effects.Doubted {
		// One that is gone by now is weighed when that is published.
		if s := c.services[key]; s != nil {
			c.known.Weigh(key, s.slices)
		}
	}
	c.countPlaces(c.known.Counts())
}

// recompile takes note of Services that change with where nodes are. The cache is locked.
func (c *cache) recompile(keys iter.Seq[model.ServiceKey]) {
	for key := range keys {
		c.dirty.mark(key, history.ByNode)
	}
}

// zoneOf is nil where no Nodes are known.
func (c *cache) zoneOf() func(node model.Place) model.Place {
	if c.known == nil {
		return nil
	}
	return c.known.ZoneOf
}

// demand is nil where nobody knows where clients are, or it does not matter.
func (c *cache) demand(o *records.Options) topology.Demand {
	if c.known == nil || o.Topology.Overload == 0 {
		return nil
	}
	return c.known.Demand()
}

// placeClients lets the endpoints of a Service say where clients are, and whether the
// podCIDRs of Nodes are right. Set is what was compiled, nil where it is not served.
func (c *cache) placeClients(j *job, set *records.Set) {
	if c.known == nil {
		return
	}
	var served []*model.Slice
	if set != nil {
		served = j.slices
	}
	if c.known.Wants(j.key) {
		c.known.ApplyService(j.key, served)
	}
	if set == nil || set.Service.HasSelector {
		c.known.Weigh(j.key, served)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if set != nil && set.TakesZones() {
		c.takers[j.key] = struct{}{}
	} else {
		delete(c.takers, j.key)
	}
}

// settlePlaces lets podCIDRs count once all slices and the first Nodes are there, and
// brings the metrics up to date.
func (c *cache) settlePlaces(complete bool) {
	if c.known == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if complete && c.known.Waits() {
		c.known.Begin(c.withSelector())
	}
	c.countPlaces(c.known.Counts())
}

// withSelector yields the slices of the Services that have a selector. The cache is locked.
func (c *cache) withSelector() iter.Seq2[model.ServiceKey, []*model.Slice] {
	return func(yield func(model.ServiceKey, []*model.Slice) bool) {
		for key, s := range c.services {
			if s.object != nil && s.object.HasSelector && !yield(key, s.slices) {
				return
			}
		}
	}
}

// countPlaces makes metrics have what is known now. The cache is locked.
func (c *cache) countPlaces(now place.Counts) {
	was := c.counted
	c.counted = now
	if now.Nodes != was.Nodes {
		objects.WithLabelValues("node").Add(float64(now.Nodes - was.Nodes))
	}
	for source := place.Source(1); source < place.Sources; source++ {
		if change := now.Prefixes[source] - was.Prefixes[source]; change != 0 {
			clientPrefixes.WithLabelValues(source.String()).Add(float64(change))
		}
	}
	for _, each := range []struct {
		result   string
		now, was int
	}{
		{"agree", now.Agree, was.Agree}, {"differ", now.Differ, was.Differ}, {"unknown", now.Unknown, was.Unknown},
	} {
		if each.now != each.was {
			clientEvidence.WithLabelValues(each.result).Add(float64(each.now - each.was))
		}
	}
}
