package endpoints

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	dto "github.com/prometheus/client_model/go"
)

var (
	// answersTotal counts the answers that this plugin gave.
	answersTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "answers_total",
		Help:      "Counter of answers by type of question and result.",
	}, []string{"server", "type", "result"})
	// truncatedTotal counts the answers that did not carry all records.
	truncatedTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "truncated_answers_total",
		Help:      "Counter of answers that carried a part of the records because the rest did not fit.",
	}, []string{"server", "type"})
	// wireTotal counts the answers that were not packed from a message.
	wireTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "wire_answers_total",
		Help:      "Counter of answers that were written as bytes, since no plugin in front wants to see them.",
	}, []string{"server"})
	// objects is how many API objects are held.
	objects = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "objects",
		Help:      "Gauge of the API objects held, by kind.",
	}, []string{"kind"})
	// endpointsByTier is how many endpoint addresses Services have.
	endpointsByTier = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "endpoints",
		Help:      "Gauge of the endpoint addresses of served Services, by tier.",
	}, []string{"tier"})
	// failOpenServices is how many Services publish sick endpoints.
	failOpenServices = promauto.NewGauge(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "fail_open_services",
		Help:      "Gauge of the Services that publish endpoints which are not ready, because too few are.",
	})
	// waitingServices is how many Services have names that wait.
	waitingServices = promauto.NewGauge(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "waiting_services",
		Help:      "Gauge of the Services whose name waits for as many endpoints as they ask for.",
	})
	// nearTotal counts the answers for Services that want clients to get those near them.
	nearTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "topology_answers_total",
		Help:      "Counter of address answers for Services with a topology wish, by the mode of the Service and what the client got or why it got all; with observe, what it would have got.",
	}, []string{"server", "mode", "result"})
	// crossZoneTotal adds up shares of answers.
	crossZoneTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "cross_zone_answers_total",
		Help:      "Counter of the shares of addresses outside of the client's zone, of each answer to a client in a known zone: of all addresses, and of those that topology leaves, or would leave.",
	}, []string{"server", "addresses"})
	// clientsByZone counts questions by where they come from.
	clientsByZone = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "topology_clients_total",
		Help:      "Counter of answers for Services with a topology wish, by the zone of the client.",
	}, []string{"zone"})
	// endpointsByZone is where the endpoints are that those answers are about.
	endpointsByZone = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "topology_endpoints",
		Help:      "Gauge of the published addresses of Services with a topology wish, by zone.",
	}, []string{"zone"})
	// nearServices is how many Services narrow, and how.
	nearServices = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "topology_services",
		Help:      "Gauge of the Services with a topology wish, by what they do about it.",
	}, []string{"state"})
	// flapsTotal counts the Pods that stopped serving without being told to.
	flapsTotal = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "flaps_total",
		Help:      "Counter of Pods that stopped serving and do not terminate, where damping looks.",
	})
	// tierChangesTotal counts how often a Service name got another tier.
	tierChangesTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "tier_changes_total",
		Help:      "Counter of changes of the best tier that a Service name has, by the new one.",
	}, []string{"tier"})
	// wouldDampTotal counts what damping would have done.
	wouldDampTotal = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "would_damp_total",
		Help:      "Counter of endpoints that damping would have taken out of a Service name, were it not only to observe.",
	})
	// staleSources is how many sources have not told anything yet.
	staleSources = promauto.NewGauge(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "stale_sources",
		Help:      "Gauge of the sources whose answers come from a snapshot, or from before a reload, because their first list is not complete.",
	})
	// externalTargets is how many names of targets are kept.
	externalTargets = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "external_targets",
		Help:      "Gauge of the kept targets of ExternalName Services, by state.",
	}, []string{"state"})
	// externalLookupsTotal counts the look-ups that no client waited for.
	externalLookupsTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "external_lookups_total",
		Help:      "Counter of look-ups of kept targets of ExternalName Services, of each address family, by result.",
	}, []string{"result"})
	// failoversTotal counts how often another target was chosen.
	failoversTotal = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "external_failovers_total",
		Help:      "Counter of changes of the chosen target of ExternalName Services with several, there and back.",
	})
	// staleAnswersTotal counts answers with what a target had last.
	staleAnswersTotal = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "external_stale_answers_total",
		Help:      "Counter of answers with the last good addresses of a target that cannot be resolved.",
	})
	// programmingDuration is the DNS programming latency SLI of Kubernetes, as
	// the kubernetes plugin has it.
	programmingDuration = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "dns_programming_duration_seconds",
		// From 1 millisecond to about 17 minutes.
		Buckets:                     prometheus.ExponentialBuckets(0.001, 2, 20),
		NativeHistogramBucketFactor: plugin.NativeHistogramBucketFactor,
		Help:                        "Histogram of the time (in seconds) from a change of an endpoint to its records.",
	}, []string{"service_kind"})
)

// countService adds n to the count of objects of the Service's kind, unless it is left
// out.
func countService(s *model.Service, n float64) {
	if s != nil && s.Refused == "" {
		objects.WithLabelValues(s.Kind.String()).Add(n)
	}
}

// countSlice adds n to the count of slices, unless it is left out.
func countSlice(s *model.Slice, n float64) {
	if s != nil && s.Refused == "" {
		objects.WithLabelValues("endpointslice").Add(n)
	}
}

// countLookup counts a look-up of a kept target.
func countLookup(r external.Result) { externalLookupsTotal.WithLabelValues(r.String()).Inc() }

// countTarget brings the count of kept targets up to date.
func countTarget(before, after external.State) {
	if before != external.Unknown {
		externalTargets.WithLabelValues(before.String()).Dec()
	}
	if after != external.Unknown {
		externalTargets.WithLabelValues(after.String()).Inc()
	}
}

// observeLatency notes how long a change of a Service took that is published now.
// It began at a time that is zero where nobody noted it.
func observeLatency(s *model.Service, began time.Time) {
	if began.IsZero() || s == nil || s.Kind != model.Headless {
		return
	}
	kind := "headless_without_selector"
	if s.HasSelector {
		kind = "headless_with_selector"
	}
	// The clock of who noted the change may be ahead of ours.
	programmingDuration.WithLabelValues(kind).Observe(max(0, time.Since(began).Seconds()))
}

// countChange brings the metrics up to date with a Service whose Set was before
// and is after. Nil is a Service that is not served.
func countChange(before, after *records.Set) {
	was, is := tallyOf(before), tallyOf(after)
	for tier, n := range is.Tiers {
		if change := n - was.Tiers[tier]; change != 0 {
			endpointsByTier.WithLabelValues(health.Tier(tier).String()).Add(float64(change))
		}
	}
	if was.FailOpen != is.FailOpen {
		failOpenServices.Add(float64(toInt(is.FailOpen) - toInt(was.FailOpen)))
	}
	if was.Waits != is.Waits {
		waitingServices.Add(float64(toInt(is.Waits) - toInt(was.Waits)))
	}
	if more := is.WouldFail - was.WouldFail; more > 0 {
		wouldFailTotal.Add(float64(more))
	}
	if more := is.Observed - was.Observed; more > 0 {
		wouldDampTotal.Add(float64(more))
	}
	if was.Topology != is.Topology {
		countState(was.Topology, -1)
		countState(is.Topology, +1)
	}
	countPlaces(before, -1)
	countPlaces(after, +1)
	if before != nil && after != nil && bestOf(was) != bestOf(is) {
		tierChangesTotal.WithLabelValues(bestOf(is)).Inc()
	}
}

// countState adds n to the Services that do something about topology.
func countState(state topology.Result, n float64) {
	if state != topology.NotAsked {
		nearServices.WithLabelValues(state.String()).Add(n)
	}
}

// addTo adds what topology found out, and how many answers had addresses of other zones.
func (c *counters) addTo(sum *v1.Crossing) {
	servers := c.servers.Load()
	if servers == nil {
		return
	}
	var answers, far [2]float64
	for _, s := range *servers {
		for mode := range s.near {
			for result := range s.near[mode] {
				if n := s.near[mode][result].value(); n > 0 {
					sum.Results[topology.Result(result).String()] += int64(n)
				}
			}
		}
		n := s.located.Load()
		for i := range far {
			answers[i] += float64(n)
			far[i] += s.crossZone[i].value()
		}
	}
	if before := float64(sum.Answers); before+answers[0] > 0 {
		sum.FarOfAll = (sum.FarOfAll*before + far[0]) / (before + answers[0])
		sum.FarOfGot = (sum.FarOfGot*before + far[1]) / (before + answers[1])
	}
	sum.Answers += int64(answers[0])
}

// countPlaces adds the endpoints of a Set, n times, to those of their zones.
func countPlaces(set *records.Set, n float64) {
	if set == nil {
		return
	}
	for each := range set.Places() {
		zones.of(each.Zone).endpoints.Add(n * float64(each.N))
	}
}

func tallyOf(set *records.Set) records.Tally {
	if set == nil {
		return records.Tally{}
	}
	return set.Tally()
}

// bestOf is the tier that the Service name has, as metrics call it.
func bestOf(t records.Tally) string {
	if !t.Any {
		return "none"
	}
	return t.Best.String()
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// types are the types of questions that metrics tell apart.
var types = [...]string{"other", "A", "AAAA", "CNAME", "NS", "PTR", "SOA", "SRV", "TXT"}

func typeIndex(qtype uint16) int {
	switch qtype {
	case dns.TypeA:
		return 1
	case dns.TypeAAAA:
		return 2
	case dns.TypeCNAME:
		return 3
	case dns.TypeNS:
		return 4
	case dns.TypePTR:
		return 5
	case dns.TypeSOA:
		return 6
	case dns.TypeSRV:
		return 7
	case dns.TypeTXT:
		return 8
	}
	return 0
}

var results = [...]string{"success", "nodata", "nxdomain", "servfail"}

// resultSuccess is the index of an answer with records.
const resultSuccess = 0

func resultIndex(m *dns.Msg) int {
	switch {
	case m.Rcode == dns.RcodeNameError:
		return 2
	case m.Rcode != dns.RcodeSuccess:
		return 3
	case len(m.Answer) == 0 && !m.Truncated:
		return 1
	}
	return resultSuccess
}

// counters finds the counters of a server without a look-up by label values,
// which would cost more than finding the answer. The zero value is ready for
// use.
type counters struct {
	mu      sync.Mutex
	servers atomic.Pointer[map[string]*serverCounters]
}

// serverCounters makes each counter when it is first needed.
type serverCounters struct {
	server    string
	answers   [len(types)][len(results)]counter
	truncated [len(types)]counter
	wire      counter
	near      [topology.Modes][topology.Results]counter
	crossZone [2]counter
	// located counts the answers that crossZone has shares of.
	located atomic.Int64
}

// counter is one of a vector, once it was needed.
type counter struct {
	made atomic.Pointer[prometheus.Counter]
}

// value returns what was counted.
func (c *counter) value() float64 {
	made := c.made.Load()
	if made == nil {
		return 0
	}
	var m dto.Metric
	if err := (*made).Write(&m); err != nil {
		return 0
	}
	return m.GetCounter().GetValue()
}

func (c *counter) inc(of func() prometheus.Counter) { c.add(1, of) }

func (c *counter) add(n float64, of func() prometheus.Counter) {
	if made := c.made.Load(); made != nil {
		if n != 0 {
			(*made).Add(n)
		}
		return
	}
	first := of()
	first.Add(n)
	c.made.Store(&first)
}

// count counts an answer to a question of the type and with the result of those indexes.
func (s *serverCounters) count(t, r int) {
	s.answers[t][r].inc(func() prometheus.Counter { return answersTotal.WithLabelValues(s.server, types[t], results[r]) })
}

func (s *serverCounters) countTruncated(t int) {
	s.truncated[t].inc(func() prometheus.Counter { return truncatedTotal.WithLabelValues(s.server, types[t]) })
}

// countWire counts an answer that was sent as bytes.
func (s *serverCounters) countWire() {
	s.wire.inc(func() prometheus.Counter { return wireTotal.WithLabelValues(s.server) })
}

// countNear counts an answer that topology looked at, to a client in a zone that may be
// unknown.
func (s *serverCounters) countNear(near *topology.Narrowing, zone model.Place) {
	s.near[near.Mode][near.Result].inc(func() prometheus.Counter {
		return nearTotal.WithLabelValues(s.server, near.Mode.String(), near.Result.String())
	})
	if !near.Known {
		return
	}
	s.located.Add(1)
	for i, share := range [...]float64{near.FarOfAll, near.FarOfGroup} {
		s.crossZone[i].add(share, func() prometheus.Counter {
			return crossZoneTotal.WithLabelValues(s.server, [...]string{"all", "narrowed"}[i])
		})
	}
	zones.of(zone).answers.Inc()
}

// maxZones bounds how many zones metrics tell apart. All others are one.
const maxZones = 32

// otherZones is the label of those.
const otherZones = "other"

// zoneLabels gives zones their labels in metrics, for good: what is added with one is taken
// away with it.
type zoneLabels struct {
	// known are those with a label of their own, at most maxZones. A writer puts a longer list
	// in the place of one: looking at each of a few takes less than hashing.
	known atomic.Pointer[[]labelledZone]
	// others are those of all other zones, once there are any.
	others atomic.Pointer[zoneMetrics]
	mu     sync.Mutex
}

// labelledZone is a zone with a label of its own.
type labelledZone struct {
	zone model.Place
	*zoneMetrics
}

// zoneMetrics are those of a zone.
type zoneMetrics struct {
	answers   prometheus.Counter
	endpoints prometheus.Gauge
}

func newZoneMetrics(label string) *zoneMetrics {
	return &zoneMetrics{clientsByZone.WithLabelValues(label), endpointsByZone.WithLabelValues(label)}
}

var zones zoneLabels

func (z *zoneLabels) of(zone model.Place) *zoneMetrics {
	if m := z.find(zone); m != nil {
		return m
	}
	if others := z.others.Load(); others != nil {
		return others
	}
	return z.add(zone)
}

func (z *zoneLabels) find(zone model.Place) *zoneMetrics {
	for _, each := range z.all() {
		if each.zone == zone {
			return each.zoneMetrics
		}
	}
	return nil
}

func (z *zoneLabels) all() []labelledZone {
	if known := z.known.Load(); known != nil {
		return *known
	}
	return nil
}

// add gives a zone a label, of its own as far as there are any.
func (z *zoneLabels) add(zone model.Place) *zoneMetrics {
	z.mu.Lock()
	defer z.mu.Unlock()
	if m := z.find(zone); m != nil {
		return m
	}
	before := z.all()
	if len(before) == maxZones {
		z.others.CompareAndSwap(nil, newZoneMetrics(otherZones))
		return z.others.Load()
	}
	made := newZoneMetrics(strings.ToValidUTF8(zone.Value(), "?"))
	next := append(slices.Clip(before), labelledZone{zone, made})
	z.known.Store(&next)
	return made
}

func (c *counters) of(ctx context.Context) *serverCounters {
	server := metrics.WithServer(ctx)
	if known := c.servers.Load(); known != nil {
		if s := (*known)[server]; s != nil {
			return s
		}
	}
	return c.add(server)
}

func (c *counters) add(server string) *serverCounters {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := make(map[string]*serverCounters)
	if known := c.servers.Load(); known != nil {
		maps.Copy(next, *known)
	}
	if next[server] == nil {
		next[server] = &serverCounters{server: server}
	}
	c.servers.Store(&next)
	return next[server]
}
