package apiserver

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	corev1 "k8s.io/api/core/v1"
)

// A Service that went from ClusterIP through ExternalName to headless keeps
// slices without the headless label, and so no filtered stream brings them. The
// EndpointSlice controller labels each slice when its endpoints change: some
// may have the label while others lack it. Such a Service gets an extra stream,
// of the slices with its name on them, until the filtered streams hold all that
// the extra one holds. There are three signs of it:
//
//   - It is named by a slice without the label. All of these are asked for once,
//     after the first lists (unlabelled.go).
//   - It enters the headless ones after that, and was made long before: then it
//     has changed its type.
//   - It has no slice, while the controller gives each headless Service with a
//     selector at least one.

const (
	// extraWait is how long a Service may have no slice: the controller makes
	// the slices of a new one a moment after it.
	extraWait = 250 * time.Millisecond
	// creationTime is how old a Service that enters may be and count as just
	// made. Clocks differ, and a connection may have been lost for a moment.
	creationTime = 10 * time.Second
	// extraListTime bounds how long Synced waits for the search and for the extra
	// streams that it finds necessary. Without them a name could seem not to exist
	// that does. Dozens of streams take seconds at the client's own rate; one that
	// hangs must not hold up all others for good.
	extraListTime = 10 * time.Second
	// maxExtras bounds how many extra streams run at once: the holders have no
	// more bits. Other Services wait.
	maxExtras = 64 - firstExtraBit
	// starvedTime is how long Services wait for a free stream before that is
	// told: where many are new at once, it is over in a moment.
	starvedTime = 10 * time.Second
	// extraBits are the holders' bits of extra streams.
	extraBits holders = (1<<maxExtras - 1) << firstExtraBit
	// firstExtraBit leaves room below for the filtered streams.
	firstExtraBit = 8
)

// An extra is the extra stream of one Service.
type extra struct {
	stream *stream
	// run watches until the extra is cancelled.
	run    func()
	cancel func()
	// holds are the slices that the stream holds.
	holds map[key]struct{}
	// again means that the Service changed its type while the stream ran, which
	// may not have come that far: another one has to follow it.
	again bool
}

// A turn is when a Service gets its extra stream.
type turn struct {
	at time.Time
	// mixed means that the Service may have slices without the label beside those
	// that are held.
	mixed bool
}

// extras knows which Services lack slices. The lock of its join guards it.
type extras struct {
	// open makes the extra of a Service. It must not block.
	open func(owner model.ServiceKey, bit holders) *extra
	// slices counts the served slices of each Service.
	slices map[model.ServiceKey]int
	// waiting has the Services that lack slices, and when they get a stream.
	waiting map[model.ServiceKey]turn
	running map[model.ServiceKey]*extra
	free    holders
	// starved means that Services have waited for long because no stream is free.
	starved bool
}

func newExtras() extras {
	return extras{
		slices:  make(map[model.ServiceKey]int),
		waiting: make(map[model.ServiceKey]turn),
		running: make(map[model.ServiceKey]*extra),
		free:    extraBits,
	}
}

// expectSlices notes whether a Service should have slices. Before the first
// lists nothing can be told missing.
func (j *join) expectSlices(service model.ServiceKey, selecting bool) {
	if !selecting {
		j.endWait(service)
		return
	}
	if j.syncBy.IsZero() || !j.extras.lacksSlices(service) {
		return
	}
	if _, ok := j.extras.waiting[service]; !ok {
		j.extras.waiting[service] = turn{at: j.clock.Now().Add(extraWait)}
		j.rouse()
	}
}

// expectAllSlices looks at all Services once the first lists are there: what
// lacks slices now gets its stream at once.
func (j *join) expectAllSlices(now time.Time) {
	for k, rec := range j.services.records {
		service, err := model.NewServiceKey(k.namespace, k.name)
		if err == nil && rec.selecting && j.extras.lacksSlices(service) {
			j.extras.waiting[service] = turn{at: now}
		}
	}
}

// isOld tells a Service that enters and was made long ago: it has changed its
// type.
func (j *join) isOld(created time.Time) bool {
	return !created.IsZero() && j.clock.Since(created) > creationTime
}

// expectUnlabelled notes that a Service has become headless, and may have
// slices without the label. Before the first lists all Services are new: the
// search that follows will tell.
func (j *join) expectUnlabelled(service model.ServiceKey) {
	now := j.clock.Now()
	if j.syncBy.IsZero() {
		return
	}
	if running := j.extras.running[service]; running != nil {
		running.again = true
		return
	}
	j.extras.queue(service, now)
	j.rouse()
}

// found takes the Services that slices without the headless label name. Those
// that should have the label get an extra stream at once.
func (j *join) found(owners []model.ServiceKey) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.clock.Now()
	for _, service := range owners {
		rec := j.services.records[key{service.Namespace, service.Name}]
		if rec.selecting && j.extras.running[service] == nil {
			j.extras.queue(service, now)
		}
	}
	j.rouse()
}

// searched notes that the search in one Namespace is over, or has failed and
// holds nothing up any more.
func (j *join) searched() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unsearched--
	j.rouse()
}

// queue gives a Service its turn whatever slices it has.
func (e *extras) queue(service model.ServiceKey, now time.Time) {
	e.waiting[service] = turn{at: earlier(e.waiting[service].at, now), mixed: true}
}

// hasSlice ends the wait of a Service that had no slice.
func (j *join) hasSlice(service model.ServiceKey) {
	if !j.extras.waiting[service].mixed {
		j.endWait(service)
	}
}

func (j *join) endWait(service model.ServiceKey) {
	delete(j.extras.waiting, service)
	if j.extras.starved {
		j.rouse()
	}
}

func (e *extras) lacksSlices(service model.ServiceKey) bool {
	return e.slices[service] == 0 && e.running[service] == nil
}

// start opens a stream for each Service whose time has come, the one that has
// waited longest first, as long as there are streams left.
func (e *extras) start(now time.Time) []*extra {
	var due []model.ServiceKey
	for service, turn := range e.waiting {
		if !turn.at.After(now) {
			due = append(due, service)
		}
	}
	slices.SortFunc(due, func(a, b model.ServiceKey) int {
		return cmp.Or(e.waiting[a].at.Compare(e.waiting[b].at), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	free := min(len(due), bits.OnesCount64(uint64(e.free)))
	e.noteStarved(due[free:], now)
	started := make([]*extra, 0, free)
	for _, service := range due[:free] {
		bit := e.free & -e.free
		e.free &^= bit
		delete(e.waiting, service)
		e.running[service] = e.open(service, bit)
		started = append(started, e.running[service])
	}
	return started
}

// noteStarved logs when Services begin to wait for long because no stream is free,
// and when none waits any more. They come in the order in which they wait.
func (e *extras) noteStarved(waiting []model.ServiceKey, now time.Time) {
	switch {
	case len(waiting) == 0 && e.starved:
		e.starved = false
		log.Infof("Each headless Service that needs one gets an extra stream again")
	case len(waiting) > 0 && !e.starved && !now.Before(e.waiting[waiting[0]].at.Add(starvedTime)):
		e.starved = true
		log.Warningf("%d headless Services get no extra stream and may lack endpoints, such as %s: all %d are taken by Services "+
			"without EndpointSlices, or with some that lack the label %s. Set it on the slices, as Kubernetes does when endpoints change",
			len(waiting), waiting[0], maxExtras, corev1.IsHeadlessService)
	}
}

// next is when start has something to do; zero is never. Where no stream is
// left, the end of one will tell, but not that it takes long.
func (e *extras) next() time.Time {
	var next time.Time
	for _, turn := range e.waiting {
		next = earlier(next, turn.at)
	}
	switch {
	case e.free != 0 || next.IsZero():
		return next
	case e.starved:
		return time.Time{}
	}
	return next.Add(starvedTime)
}

// listed tells whether each running extra has its first list.
func (e *extras) listed() bool {
	for running := range maps.Values(e.running) {
		if !running.stream.listed {
			return false
		}
	}
	return true
}

func (e *extras) held(s *stream, k key) {
	if running := e.of(s); running != nil {
		running.holds[k] = struct{}{}
	}
}

func (e *extras) let(s *stream, k key) {
	if running := e.of(s); running != nil {
		delete(running.holds, k)
	}
}

// of returns the extra that a stream belongs to, nil for a filtered stream.
func (e *extras) of(s *stream) *extra {
	if s.filtered() {
		return nil
	}
	return e.running[s.owner]
}

// endCoveredExtras ends the extras whose slices have come into filtered
// streams.
func (j *join) endCoveredExtras() {
	for service, running := range j.extras.running {
		if !running.stream.listed || !j.covered(running) {
			continue
		}
		j.endExtra(service)
		if running.again {
			j.extras.queue(service, j.clock.Now())
		}
	}
}

// covered tells whether filtered streams hold all slices that an extra holds,
// in the same state: they may lag, and drop a slice that has lost the label. One
// of them has to be served for the Service: only the end of such a slice would start
// the next extra.
func (j *join) covered(e *extra) bool {
	served := false
	for k := range e.holds {
		rec := j.slices.records[k]
		if rec.holders&^extraBits == 0 || !rec.filtered {
			return false
		}
		served = served || rec.served && rec.owner == e.stream.owner.Name
	}
	return served
}

// endExtra ends the extra of a Service, if it has one. Slices that no other
// stream holds go with it.
func (j *join) endExtra(service model.ServiceKey) {
	ended := j.extras.running[service]
	if ended == nil {
		return
	}
	for k := range ended.holds {
		j.drop(ended.stream, k)
	}
	ended.stream.closed = true
	ended.cancel()
	delete(j.extras.running, service)
	j.extras.free |= ended.stream.query.bit
	j.rouse()
}
