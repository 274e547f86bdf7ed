package endpoints

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/index"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/place"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"
)

// cache is the record cache. A source applies changes to it; run compiles the
// Services that changed, and swaps their record sets in; queries look them up
// without locks.
type cache struct {
	settings  corefile.Settings
	optionsOf optionsOf
	// rules say what a Service of type ExternalName may lead to.
	rules *external.Rules
	// byNamespace exposes only the namespaces that the source reports, instead of
	// all.
	byNamespace bool

	// What queries read.
	sets       *index.Map[string, *records.Set]
	owners     index.Owners
	namespaces *index.Map[string, namespace]
	// swapping is held while sets and owners change. Only who finds nothing waits for that.
	swapping sync.RWMutex
	// leftOut has why Services are left out, by the keys of sets.
	leftOut *index.Map[string, string]
	*progress
	watchers watchers
	// modified is the serial of the zone: when an answer changed last, in seconds since
	// 1970, or one more than before where that was in the same second.
	modified atomic.Int64

	// What the source writes.
	mu       sync.Mutex
	services map[model.ServiceKey]*service
	exposed  map[string]bool
	dirty    dirt
	complete bool
	wake     chan struct{}
	refusals source.Refusals
	whereabouts
	checking

	// Only run touches these. memories has an entry only for a Service with something
	// to remember; due says when a Service changes without an event.
	memories map[model.ServiceKey]*records.Memory
	// waited are the Services whose names waited before; nil is not known, and so it is for
	// those of the first list.
	waited map[model.ServiceKey]bool
	due    map[model.ServiceKey]time.Time
	now    func() time.Time

	recording recording
}

// service is what the source has told of one Service.
type service struct {
	// object is nil while only slices are known.
	object *model.Service
	// slices are sorted by name.
	slices []*model.Slice
	// options are how the object wants to be compiled.
	options *records.Options
	// changes are those of slices that are not compiled yet.
	changes []health.Transition
	// triggered is when the oldest change happened that is not compiled yet.
	triggered time.Time
}

func newCache(s corefile.Settings, byNamespace bool) *cache {
	c := &cache{
		settings:    s,
		rules:       external.NewRules(s.External.Rules),
		byNamespace: byNamespace,
		sets:        index.New[string, *records.Set](),
		owners:      index.NewOwners(),
		namespaces:  index.New[string, namespace](),
		leftOut:     index.New[string, string](),
		progress:    newProgress(),
		services:    make(map[model.ServiceKey]*service),
		exposed:     make(map[string]bool),
		dirty:       make(dirt),
		wake:        make(chan struct{}, 1),
		memories:    make(map[model.ServiceKey]*records.Memory),
		due:         make(map[model.ServiceKey]time.Time),
		now:         time.Now,
	}
	c.optionsOf = newOptionsOf(&c.settings)
	return c
}

// set returns the record set of the Service that "S.N" names, or nil where no
// such Service is exposed.
func (c *cache) set(key string) *records.Set {
	set, _ := c.sets.Get(key)
	return set
}

// holders returns the keys, for set, of the Services that have an endpoint with an
// address, published or not.
func (c *cache) holders(addr netip.Addr) []string { return c.owners.Of(addr) }

// holdsIn reports whether a Service has an endpoint with an address in a network that has
// a reverse name of its own.
func (c *cache) holdsIn(network netip.Prefix) bool { return c.owners.In(network) }

// servesAny reports whether a Service is exposed.
func (c *cache) servesAny() bool {
	for range c.namespaces.All {
		return true
	}
	return false
}

// whyLeftOut returns why the Service that "S.N" names is left out; empty where it is not.
func (c *cache) whyLeftOut(key string) string {
	why, _ := c.leftOut.Get(key)
	return why
}

// serves reports whether a Service of the namespace is exposed.
func (c *cache) serves(namespace string) bool {
	_, ok := c.namespaces.Get(namespace)
	return ok
}

// Apply implements source.Receiver.
func (c *cache) Apply(changes []model.Change) {
	c.mu.Lock()
	namespaces := make(map[string]struct{})
	for _, change := range changes {
		switch change.Kind {
		case model.KindService:
			c.applyService(change.Service, change.Removed)
		case model.KindSlice:
			c.applySlice(change.Slice, change.Removed)
		case model.KindNamespace:
			c.applyNamespace(change.Namespace, change.Removed)
			namespaces[change.Namespace] = struct{}{}
		case model.KindNode:
			// applyPlaces takes them all at once.
		default:
			log.Errorf("A source has reported %v, which is left out", change)
		}
	}
	c.changedIn(namespaces)
	c.applyPlaces(changes)
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
	if s.object == nil && c.now().Sub(s.triggered) > longestLead {
		s.triggered = time.Time{}
	}
	s.object = object
	if removed {
		s.object = nil
	}
	countService(s.object, +1)
	c.readAnnotations(object, s, removed)
	c.readTargets(object, s, removed)
	c.changed(object.ServiceKey, s, history.ByService)
}

func (c *cache) readAnnotations(object *model.Service, s *service, removed bool) {
	const kind = "Service annotation"
	if removed {
		c.refusals.Forget(kind, object.Namespace, object.Name)
		return
	}
	var wrong error
	if s.options, wrong = c.optionsOf.service(object); wrong != nil {
		c.refusals.Refuse(log, kind, object.Namespace, object.Name, wrong)
		return
	}
	c.refusals.Readmit(log, kind, object.Namespace, object.Name)
}

// readTargets looks for targets that the Corefile denies.
func (c *cache) readTargets(object *model.Service, s *service, removed bool) {
	if c.rules == nil {
		return
	}
	var refused []string
	if !removed && object.Kind == model.ExternalName {
		for _, t := range external.NewPlan(object, &s.options.External, c.rules).Refused {
			refused = append(refused, t.String())
		}
	}
	c.refuseTargets("ExternalName target", object.Namespace, object.Name, refused, removed)
}

// readNames looks for names in a slice that the Corefile denies.
func (c *cache) readNames(slice *model.Slice, removed bool) {
	if c.rules == nil || !c.settings.FQDNSlices {
		return
	}
	var refused []string
	for _, n := range slice.Named() {
		if !c.rules.AllowsName(n.Name) {
			refused = append(refused, strings.TrimSuffix(n.Name, "."))
		}
	}
	c.refuseTargets("EndpointSlice name", slice.Namespace, slice.Name, refused, removed)
}

func (c *cache) refuseTargets(kind, namespace, name string, refused []string, removed bool) {
	switch {
	case removed:
		c.refusals.Forget(kind, namespace, name)
	case len(refused) == 0:
		c.refusals.Readmit(log, kind, namespace, name)
	default:
		c.refusals.Refuse(log, kind, namespace, name, fmt.Errorf("%s: the Corefile does not let it lead there", strings.Join(refused, ", ")))
	}
}

func (c *cache) applySlice(slice *model.Slice, removed bool) {
	key := slice.Owner()
	s := c.service(key)
	before, after := s.put(slice, removed)
	c.readNames(slice, removed)
	countSlice(before, -1)
	countSlice(after, +1)
	c.forbidServers(key, s)
	if c.complete {
		s.changes = append(s.changes, health.Transition{Before: before, After: after, At: c.now()})
		if after != nil && (before == nil || before.Triggered != after.Triggered) {
			s.trigger(after.Triggered.Time())
		}
	}
	c.changed(key, s, history.BySlice)
}

func (c *cache) applyNamespace(namespace string, removed bool) {
	before := len(c.exposed)
	if removed {
		delete(c.exposed, namespace)
	} else {
		c.exposed[namespace] = true
	}
	objects.WithLabelValues("namespace").Add(float64(len(c.exposed) - before))
}

// changedIn takes note of the Services in namespaces that changed, all at once: a
// first list, and a snapshot, may have thousands of both.
func (c *cache) changedIn(namespaces map[string]struct{}) {
	if len(namespaces) == 0 {
		return
	}
	for key := range c.services {
		if _, changed := namespaces[key.Namespace]; changed {
			c.dirty.mark(key, history.ByNamespace)
		}
	}
}

func (c *cache) service(key model.ServiceKey) *service {
	s := c.services[key]
	if s == nil {
		s = new(service)
		c.services[key] = s
	}
	return s
}

func (c *cache) changed(key model.ServiceKey, s *service, cause history.Cause) {
	if s.object == nil && len(s.slices) == 0 {
		delete(c.services, key)
	}
	c.dirty.mark(key, cause)
}

// put puts a slice in the place of its last state, or takes that away. It
// returns both, nil where there is none.
func (s *service) put(slice *model.Slice, removed bool) (before, after *model.Slice) {
	at, found := slices.BinarySearchFunc(s.slices, slice.Name, func(s *model.Slice, name string) int { return strings.Compare(s.Name, name) })
	if found {
		before = s.slices[at]
	}
	switch {
	case !removed && found:
		s.slices[at] = slice
	case !removed:
		s.slices = slices.Insert(s.slices, at, slice)
	case found:
		s.slices = slices.Delete(s.slices, at, at+1)
	}
	if removed {
		return before, nil
	}
	return before, slice
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
	var rested time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-timer.C:
		}
		waitUntil(ctx, rested)
		began := time.Now()
		c.publish()
		rested = restAfter(began, time.Now())
		if next, ok := c.nextDue(); ok {
			timer.Reset(time.Until(next))
		}
	}
}

// What compiling may take of a core while changes do not end: a twentieth, unless a
// turn takes so long that a change would wait longer than longestRest for it. A
// large Service under steady change is then compiled less often, not all the
// time.
const (
	restPerTurn = 19
	longestRest = 10 * time.Millisecond
	// shortestRest is about what a timer costs.
	shortestRest = 100 * time.Microsecond
)

// restAfter returns when the turn after one may begin. Nobody waits for that time
// without a change: waking an idle process for nothing costs more than a turn.
func restAfter(began, ended time.Time) time.Time {
	pause := min(restPerTurn*ended.Sub(began), longestRest)
	if pause < shortestRest {
		return time.Time{}
	}
	return ended.Add(pause)
}

func waitUntil(ctx context.Context, at time.Time) {
	pause := time.Until(at)
	if pause <= 0 {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
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

// job is a Service to be compiled. Without an object, or with one that is left out, it
// is not served.
type job struct {
	key       model.ServiceKey
	object    *model.Service
	options   *records.Options
	slices    []*model.Slice
	changes   []health.Transition
	triggered time.Time
	cause     history.Cause
}

// whyLeftOut is empty where the Service is not left out, or not to be seen.
func (j *job) whyLeftOut() string {
	if j.object == nil {
		return ""
	}
	return j.object.Refused
}

// publish compiles and swaps in all that changed. Only run calls it, so the
// indexes have one writer.
func (c *cache) publish() {
	jobs, complete := c.takeJobs()
	// The first full state is where a history begins.
	b := batch{records: c.isSynced() && c.recording.turn(c.sets)}
	for _, j := range jobs {
		key := j.key.Name + "." + j.key.Namespace
		before := c.set(key)
		after := c.compile(j, before)
		c.placeClients(&j, after)
		c.watchChecks(&j, before, after)
		countChange(before, after)
		if b.add(key, before, after) && b.records {
			b.decisions = append(b.decisions, decision{key, before, after, c.causeOf(&j, complete), j.triggered})
		}
		b.leaveOut(key, c.whyLeftOut(key), j.whyLeftOut())
		if len(b.addresses) >= batchSize {
			c.swap(&b)
		}
	}
	c.swap(&b)
	for _, j := range jobs {
		observeLatency(j.object, j.triggered)
	}
	c.settlePlaces(complete)
	if !complete {
		return
	}
	if !c.isSynced() {
		c.modify()
		c.recording.begin(history.Started, "")
	}
	c.reach(current)
	c.beginChecks()
}

// restore makes the cache serve objects that may be out of date. It is called before
// run.
func (c *cache) restore(known snapshot.Content) {
	c.waited = make(map[model.ServiceKey]bool)
	for _, key := range known.Waiting {
		c.waited[key] = true
	}
	c.Apply(known.Objects)
	c.publish()
	c.waited = nil
	c.modify()
	c.reach(restored)
	c.beginChecks()
}

// served returns the objects that answers are made of.
func (c *cache) served() (objects []model.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, s := range c.services {
		switch {
		case c.engine != nil && key == apiServers:
			// So that a start from a snapshot knows whom never to check.
		case s.object == nil || c.byNamespace && !c.exposed[key.Namespace]:
			continue
		default:
			objects = append(objects, model.ServiceChange(s.object))
			if s.object.Kind != model.Headless {
				continue
			}
		}
		for _, slice := range s.slices {
			objects = append(objects, model.SliceChange(slice))
		}
	}
	for namespace := range c.exposed {
		objects = append(objects, model.NamespaceChange(namespace))
	}
	return objects
}

// withWaitingName returns the Services whose names wait for endpoints.
func (c *cache) withWaitingName() (all []model.ServiceKey) {
	for _, set := range c.sets.All {
		if set.Waits() {
			all = append(all, set.Service.ServiceKey)
		}
	}
	return all
}

// nextSerial returns the serial of a change that comes now. Serials never repeat.
func (c *cache) nextSerial() int64 { return max(time.Now().Unix(), c.modified.Load()+1) }

// modify takes note that an answer has changed.
func (c *cache) modify() { c.modified.Store(c.nextSerial()) }

// batchSize is how many addresses are changed in the indexes at once. It bounds
// what the first list of a large cluster takes beyond what is kept.
const batchSize = 1 << 14

// batch is what changes in the indexes.
type batch struct {
	sets      []index.Change[string, *records.Set]
	addresses index.AddressChanges
	leftOut   []index.Change[string, string]
	// modifies is true where an answer changes.
	modifies bool
	// records is true where the changes of sets are recorded, which are decisions.
	records   bool
	decisions []decision
}

// add takes note of a Service to be changed, and reports whether it changes.
func (b *batch) add(key string, before, after *records.Set) bool {
	equal := same(before, after)
	if equal && (after == nil || tallyOf(before) == tallyOf(after) && before.EqualReasons(after)) {
		return false
	}
	b.modifies = b.modifies || !equal
	change := index.Change[string, *records.Set]{Key: key}
	if before != nil {
		b.addresses.End(key, before.Without(after))
	}
	if after != nil {
		change.Value = &after
		b.addresses.Begin(key, after.Without(before))
	}
	b.sets = append(b.sets, change)
	return true
}

// leaveOut takes note of why a Service was and is left out.
func (b *batch) leaveOut(key, before, after string) {
	if before == after {
		return
	}
	change := index.Change[string, string]{Key: key}
	if after != "" {
		change.Value = &after
	}
	b.leftOut = append(b.leftOut, change)
}

// swap makes a batch visible, and empties it.
func (c *cache) swap(b *batch) {
	if len(b.leftOut) > 0 {
		c.leftOut.Apply(b.leftOut)
		b.leftOut = nil
	}
	if len(b.sets) == 0 {
		return
	}
	next := c.nextSerial()
	c.date(b.sets, uint32(next))
	c.countNamespaces(b.sets, uint32(next))
	c.swapping.Lock()
	c.sets.Apply(b.sets)
	c.owners.Apply(b.addresses)
	c.swapping.Unlock()
	c.watchers.wake(b.sets)
	if b.modifies {
		c.modified.Store(next)
	}
	c.recording.record(b.decisions)
	*b = batch{records: b.records}
}

// compile returns the record set of a job, or nil where it is not served. Before is what is
// served so far.
func (c *cache) compile(j job, before *records.Set) *records.Set {
	delete(c.due, j.key)
	memory := c.memories[j.key]
	delete(c.memories, j.key)
	if j.object == nil || j.object.Refused != "" {
		return nil
	}
	if memory == nil {
		memory = new(records.Memory)
		if !c.isSynced() {
			memory.Began = c.now()
		}
		if c.waited != nil && j.options.MinEndpoints > 0 {
			memory.RestoreGate(j.object, c.waited[j.key])
		}
	}
	flapsTotal.Add(float64(memory.Observe(j.options.Policy.Damping, j.changes, j.slices)))
	options := *j.options
	options.ZoneOf, options.Demand, options.Rules = c.zoneOf(), c.demand(&options), c.rules
	options.Before = before
	if options.History {
		options.About = c.about(j.object, before)
	}
	c.findingsOf(&j, &options)
	set := records.Compile(j.object, j.slices, options, memory, c.now())
	flapsTotal.Add(float64(memory.Flaps))
	if !memory.Empty() {
		c.memories[j.key] = memory
	}
	if !memory.Next.IsZero() {
		c.due[j.key] = memory.Next
	}
	return set
}

// about is what the history keeps of a Service as a whole.
func (c *cache) about(object *model.Service, before *records.Set) string {
	if state := before.State(); state != nil && before.Service == object {
		return state.About
	}
	return c.recording.about(object, &c.settings)
}

// causeOf is why a job changes what it does. The first list after a start from a snapshot has
// all that happened meanwhile.
func (c *cache) causeOf(j *job, complete bool) history.Cause {
	if complete && c.isStale() {
		return c.recording.resumes
	}
	return j.cause
}

// takeJobs returns what changed, and what is due by itself.
func (c *cache) takeJobs() (jobs []job, complete bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takeJudged()
	now := c.now()
	for key, at := range c.due {
		if !at.After(now) {
			c.dirty.mark(key, history.ByTime)
		}
	}
	jobs = make([]job, 0, len(c.dirty))
	for key, cause := range c.dirty {
		j := c.job(key)
		j.cause = cause
		jobs = append(jobs, j)
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
	j.slices = slices.Clone(s.slices)
	j.changes, s.changes = s.changes, nil
	if s.object != nil {
		j.triggered, s.triggered = s.triggered, time.Time{}
	}
	return j
}

// longestLead is how long before its Service a slice may come, by another stream,
// for the change that led to it to count as one to be published. Slices of
// Services that are not served may have waited for days.
const longestLead = time.Minute

// close takes what the cache holds out of the metrics. Nobody applies changes
// any more, and run has ended.
func (c *cache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusals.Close()
	c.watchers.end()
	c.progress.forget()
	for _, s := range c.services {
		countService(s.object, -1)
		for _, slice := range s.slices {
			countSlice(slice, -1)
		}
	}
	objects.WithLabelValues("namespace").Sub(float64(len(c.exposed)))
	for _, set := range c.sets.All {
		countChange(set, nil)
	}
	c.countPlaces(place.Counts{})
	c.checking.end()
	c.recording.end()
}

func same(a, b *records.Set) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(b)
}
