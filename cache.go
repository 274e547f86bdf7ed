package endpoints

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"
)

// cache is the record cache. A source applies changes to it; run compiles the
// Services that changed, and swaps their record sets in; queries look them up
// without locks.
type cache struct {
	settings settings
	// byNamespace tells that only the namespaces that the source reports are
	// exposed, instead of all.
	byNamespace bool

	// What queries read.
	sets       *index[string, *records.Set]
	owners     *index[[16]byte, *owners]
	namespaces *index[string, int]
	synced     atomic.Bool
	// stale tells that what is served is from a snapshot.
	stale atomic.Bool
	// modified is when an answer changed last, in seconds since 1970.
	modified atomic.Int64

	// What the source writes.
	mu       sync.Mutex
	services map[model.ServiceKey]*service
	exposed  map[string]bool
	dirty    map[model.ServiceKey]struct{}
	complete bool
	wake     chan struct{}
	refusals source.Refusals

	// What only run touches: what is remembered of the Services that are served,
	// and which of them change by themselves, and when.
	remembered map[model.ServiceKey]*remembered
	due        map[model.ServiceKey]time.Time
	now        func() time.Time

	// ready is closed when synced becomes true, current when what the source has
	// told is published.
	ready, current chan struct{}
}

// service is what the source has told of one Service.
type service struct {
	// object is nil while only slices are known.
	object *model.Service
	slices map[string]*model.Slice
	// options are how the object wants to be compiled.
	options records.Options
	// changes are those of slices that are not compiled yet.
	changes []records.Transition
	// triggered is when the oldest change happened that is not compiled yet.
	triggered time.Time
}

func newCache(s settings, byNamespace bool) *cache {
	return &cache{
		settings:    s,
		byNamespace: byNamespace,
		sets:        newNames[*records.Set](),
		owners:      newAddresses[*owners](),
		namespaces:  newNames[int](),
		services:    make(map[model.ServiceKey]*service),
		exposed:     make(map[string]bool),
		dirty:       make(map[model.ServiceKey]struct{}),
		wake:        make(chan struct{}, 1),
		remembered:  make(map[model.ServiceKey]*remembered),
		due:         make(map[model.ServiceKey]time.Time),
		now:         time.Now,
		ready:       make(chan struct{}),
		current:     make(chan struct{}),
	}
}

// set returns the record set of the Service that "S.N" names, or nil where no
// such Service is exposed.
func (c *cache) set(key string) *records.Set {
	set, _ := c.sets.get(key)
	return set
}

// publishers returns the record sets in which an address is published.
func (c *cache) publishers(addr netip.Addr) []*records.Set {
	of, ok := c.owners.get(addr.As16())
	if !ok {
		return nil
	}
	sets := make([]*records.Set, 0, len(of.keys))
	for _, key := range of.keys {
		if set := c.set(key); set != nil {
			sets = append(sets, set)
		}
	}
	return sets
}

// serves tells whether a Service of the namespace is exposed.
func (c *cache) serves(namespace string) bool {
	_, ok := c.namespaces.get(namespace)
	return ok
}

// Apply implements source.Receiver.
func (c *cache) Apply(changes []model.Change) {
	c.mu.Lock()
	for _, change := range changes {
		switch {
		case change.Service != nil:
			c.applyService(change.Service, change.Removed)
		case change.Slice != nil:
			c.applySlice(change.Slice, change.Removed)
		default:
			c.applyNamespace(change.Namespace, change.Removed)
		}
	}
	c.mu.Unlock()
	c.wakeUp()
}

// Synced implements source.Receiver.
func (c *cache) Synced() {
	c.mu.Lock()
	c.complete = true
	c.mu.Unlock()
	c.wakeUp()
}

func (c *cache) wakeUp() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *cache) applyService(object *model.Service, removed bool) {
	s := c.service(object.ServiceKey)
	countService(s.object, -1)
	s.object = object
	if removed {
		s.object = nil
	}
	countService(s.object, +1)
	c.readAnnotations(object, s, removed)
	c.changed(object.ServiceKey, s)
}

func (c *cache) readAnnotations(object *model.Service, s *service, removed bool) {
	const kind = "Service annotation"
	if removed {
		c.refusals.Forget(kind, object.Namespace, object.Name)
		return
	}
	var err error
	if s.options, err = c.settings.of(object); err != nil {
		c.refusals.Refuse(log, kind, object.Namespace, object.Name, err)
		return
	}
	c.refusals.Forget(kind, object.Namespace, object.Name)
}

func (c *cache) applySlice(slice *model.Slice, removed bool) {
	key := slice.Owner()
	s := c.service(key)
	before := s.slices[slice.Name]
	countSlice(before, -1)
	if removed {
		delete(s.slices, slice.Name)
	} else {
		s.slices[slice.Name] = slice
		countSlice(slice, +1)
	}
	if c.complete {
		after := s.slices[slice.Name]
		s.changes = append(s.changes, records.Transition{Before: before, After: after, At: c.now()})
		if after != nil && (before == nil || !before.Triggered.Equal(after.Triggered)) {
			s.trigger(after.Triggered)
		}
	}
	c.changed(key, s)
}

func (c *cache) applyNamespace(namespace string, removed bool) {
	before := len(c.exposed)
	if removed {
		delete(c.exposed, namespace)
	} else {
		c.exposed[namespace] = true
	}
	objects.WithLabelValues("namespace").Add(float64(len(c.exposed) - before))
	for key := range c.services {
		if key.Namespace == namespace {
			c.dirty[key] = struct{}{}
		}
	}
}

func (c *cache) service(key model.ServiceKey) *service {
	s := c.services[key]
	if s == nil {
		s = &service{slices: make(map[string]*model.Slice)}
		c.services[key] = s
	}
	return s
}

func (c *cache) changed(key model.ServiceKey, s *service) {
	if s.object == nil && len(s.slices) == 0 {
		delete(c.services, key)
	}
	c.dirty[key] = struct{}{}
}

func (s *service) trigger(at time.Time) {
	if !at.IsZero() && (s.triggered.IsZero() || at.Before(s.triggered)) {
		s.triggered = at
	}
}

// run compiles what changes until ctx is done. Changes that come while it
// compiles are compiled together, so a burst costs one turn. One timer is for
// all Services that change by themselves.
func (c *cache) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-timer.C:
		}
		c.publish()
		if next, ok := c.nextDue(); ok {
			timer.Reset(time.Until(next))
		}
	}
}

func (c *cache) nextDue() (next time.Time, ok bool) {
	for _, at := range c.due {
		if !ok || at.Before(next) {
			next, ok = at, true
		}
	}
	return next, ok
}

// job is a Service to be compiled. Without an object it is not served.
type job struct {
	key       model.ServiceKey
	object    *model.Service
	options   records.Options
	slices    []*model.Slice
	changes   []records.Transition
	triggered time.Time
}

// publish compiles and swaps in all that changed. Only run calls it, so the
// indexes have one writer.
func (c *cache) publish() {
	jobs, complete := c.takeJobs()
	sets := make([]entry[string, *records.Set], 0, len(jobs))
	var addresses addressChanges
	for _, j := range jobs {
		key := j.key.Name + "." + j.key.Namespace
		before := c.set(key)
		after := c.compile(j)
		if same(before, after) {
			continue
		}
		change := entry[string, *records.Set]{key: key}
		if after != nil {
			change.value = &after
		}
		sets = append(sets, change)
		addresses.add(key, before, after)
	}
	if len(sets) > 0 {
		c.countNamespaces(sets)
		c.sets.apply(sets)
		c.owners.apply(addresses.resolve(c.owners))
		c.modified.Store(time.Now().Unix())
	}
	observeLatency(jobs)
	if complete && !c.synced.Load() {
		c.modified.Store(time.Now().Unix())
		c.synced.Store(true)
		close(c.ready)
	}
	if complete {
		c.nowCurrent()
	}
}

// compile returns the record set of a job, or nil where it is not served.
func (c *cache) compile(j job) *records.Set {
	delete(c.due, j.key)
	if j.object == nil {
		c.remembered[j.key].count(nil)
		delete(c.remembered, j.key)
		return nil
	}
	r := c.remembered[j.key]
	if r == nil {
		r = new(remembered)
		c.remembered[j.key] = r
	}
	flapsTotal.Add(float64(r.memory.Observe(j.options.Policy.Damping, j.changes, j.slices)))
	set := records.Compile(j.object, j.slices, j.options, &r.memory, c.now())
	r.count(&r.memory)
	if !r.memory.Next.IsZero() {
		c.due[j.key] = r.memory.Next
	}
	return set
}

// takeJobs returns what changed, and what is due by itself.
func (c *cache) takeJobs() (jobs []job, complete bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for key, at := range c.due {
		if !at.After(now) {
			c.dirty[key] = struct{}{}
		}
	}
	jobs = make([]job, 0, len(c.dirty))
	for key := range c.dirty {
		jobs = append(jobs, c.job(key))
	}
	clear(c.dirty)
	return jobs, c.complete
}

func (c *cache) job(key model.ServiceKey) job {
	j := job{key: key}
	s := c.services[key]
	if s == nil {
		return j
	}
	if !c.byNamespace || c.exposed[key.Namespace] {
		j.object = s.object
	}
	j.options = s.options
	j.slices = slices.Collect(maps.Values(s.slices))
	j.changes, s.changes = s.changes, nil
	j.triggered, s.triggered = s.triggered, time.Time{}
	return j
}

// close takes what the cache holds out of the metrics. Nobody applies changes
// any more, and run has ended.
func (c *cache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.notStale()
	for _, s := range c.services {
		countService(s.object, -1)
		for _, slice := range s.slices {
			countSlice(slice, -1)
		}
	}
	objects.WithLabelValues("namespace").Sub(float64(len(c.exposed)))
	for _, r := range c.remembered {
		r.count(nil)
	}
}

func same(a, b *records.Set) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(b)
}

// countNamespaces keeps count of the Services that are served in a namespace.
// It looks at the sets as they are before the changes.
func (c *cache) countNamespaces(changes []entry[string, *records.Set]) {
	counts := make(map[string]int)
	count := func(set *records.Set, by int) {
		if set == nil {
			return
		}
		namespace := set.Service.Namespace
		if _, known := counts[namespace]; !known {
			counts[namespace], _ = c.namespaces.get(namespace)
		}
		counts[namespace] += by
	}
	for _, change := range changes {
		count(c.set(change.key), -1)
		if change.value != nil {
			count(*change.value, +1)
		}
	}
	entries := make([]entry[string, int], 0, len(counts))
	for namespace, n := range counts {
		e := entry[string, int]{key: namespace}
		if n > 0 {
			e.value = &n
		}
		entries = append(entries, e)
	}
	c.namespaces.apply(entries)
}
