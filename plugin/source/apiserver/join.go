package apiserver

import (
	"slices"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"

	"k8s.io/utils/clock"
)

// settleTime is how long a removal is held back. A Service that changes its
// type leaves one stream and enters another, over two connections and in any
// order: without the wait there would be a moment without it.
const settleTime = 100 * time.Millisecond

const (
	// maxHold is how long a removal is held back at most while a stream is away
	// that may show the object.
	maxHold = time.Minute
	// catchUpTime is what a watch may need, once it is open, to tell what happened
	// before; also how often it is looked whether a removal is still held back.
	catchUpTime = 500 * time.Millisecond
)

// kind is the kind of an object as it stands in metrics and in the log.
type kind string

const (
	serviceKind   kind = "Service"
	sliceKind     kind = "EndpointSlice"
	namespaceKind kind = "Namespace"
)

// holders are the streams that hold an object, one bit each.
type holders uint64

// record is all that is kept of an object.
type record struct {
	// version is the newest one that was taken, from whichever stream.
	version uint64
	// holders are none while the object's removal is held back.
	holders holders
	// served means that the Receiver knows the object, refused that something
	// is wrong with its newest state.
	served, refused bool
	// filtered means that a filtered stream has shown the newest state.
	filtered bool
	// selecting marks a served headless Service with a selector: it has slices.
	// external marks one that was last reported as an ExternalName Service.
	selecting, external bool
	// owner is the Service of a served slice, in the slice's own namespace.
	owner string
}

// table holds the records of all objects of one kind.
type table struct {
	kind    kind
	settle  time.Duration
	records map[key]record
	// streams are those of the kind that are not extra.
	streams []*stream
	// leaving has the objects that no stream holds any more.
	leaving map[key]departure
}

// departure is when the Receiver is told that an object is gone: when it is due,
// or later where a stream is away, but not after latest.
type departure struct{ due, latest time.Time }

func newTable(k kind, settle time.Duration) *table {
	return &table{kind: k, settle: settle, records: make(map[key]record), leaving: make(map[key]departure)}
}

// join makes one state out of what several streams see. An object may be in
// two of them, and their events come in any order. So a state is passed on if
// its resource version is newer than the last one's, and an object is gone
// once the last stream that held it has let go of it.
//
// All streams and the clock's owner, who calls advance, may use it at once.
type join struct {
	clock    clock.PassiveClock
	receiver source.Receiver
	refusals source.Refusals
	// outage is that of the API server which the streams watch.
	outage *outage
	// wake has room for one: it tells that advance has something to do earlier
	// than it last said.
	wake chan struct{}

	mu         sync.Mutex
	services   *table
	slices     *table
	namespaces *table
	extras     extras
	changes    []model.Change
	// unlisted counts the streams without a first list; extra ones do not count.
	unlisted int
	// unsearched counts the Namespaces whose slices without the headless label
	// were not yet asked for.
	unsearched int
	// syncBy is when Synced is called at the latest; zero before the first lists.
	syncBy time.Time
	synced bool
}

func newJoin(c clock.PassiveClock, r source.Receiver) *join {
	return &join{
		clock:      c,
		receiver:   r,
		wake:       make(chan struct{}, 1),
		services:   newTable(serviceKind, settleTime),
		slices:     newTable(sliceKind, settleTime),
		namespaces: newTable(namespaceKind, 0),
		extras:     newExtras(),
	}
}

func (j *join) table(k kind) *table {
	switch k {
	case serviceKind:
		return j.services
	case sliceKind:
		return j.slices
	}
	return j.namespaces
}

// observe takes one object as a stream sees it now.
func (j *join) observe(s *stream, o *object) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.closed {
		return
	}
	s.newest = max(s.newest, o.version)
	if o.matches {
		j.take(s, o, o.version == 0)
	} else {
		j.drop(s, o.key)
	}
	j.send()
}

// remove takes note that an object is no longer in a stream.
func (j *join) remove(s *stream, o *object) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.closed {
		return
	}
	s.newest = max(s.newest, o.version)
	j.drop(s, o.key)
	j.send()
}

// holds tells whether a stream holds an object in the version that it has: until
// the stream itself lets go of it, nobody looks at more of it than its name.
func (j *join) holds(s *stream, o *object) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	rec, known := s.table.records[o.key]
	return known && !s.closed && rec.holders&s.query.bit != 0 && rec.version == o.version && o.version != 0
}

// passed notes that a stream has seen everything up to a resource version.
func (j *join) passed(s *stream, version uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s.newest = max(s.newest, version)
}

// difference counts what a list changed in what its stream held.
type difference struct{ added, changed, removed int }

// replace takes everything that a stream holds, as of a resource version. It
// compares and does not clear.
func (j *join) replace(s *stream, objects []*object, version uint64) (d difference, relist bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.closed {
		return d, false
	}
	// A server never lists something older than a stream has seen, unless its
	// store was put back to an earlier state: then the list is right.
	rewound := version != 0 && version < s.newest
	s.newest = version
	present := make(map[key]struct{}, len(objects))
	for _, o := range objects {
		if !o.matches {
			continue
		}
		present[o.key] = struct{}{}
		rec := s.table.records[o.key]
		switch {
		case rec.holders&s.query.bit == 0:
			d.added++
		case rec.version != o.version:
			d.changed++
		}
		j.take(s, o, o.version == 0 || rewound && o.version != rec.version)
	}
	for k, rec := range s.table.records {
		if _, ok := present[k]; !ok && rec.holders&s.query.bit != 0 && s.covers(k) {
			d.removed++
			j.drop(s, k)
		}
	}
	relist = s.listed
	j.noteListed(s)
	j.send()
	return d, relist
}

func (j *join) noteListed(s *stream) {
	if s.listed {
		return
	}
	s.listed = true
	if s.filtered() {
		j.unlisted--
	}
	j.rouse()
}

// take makes the stream a holder of the object, and reports the object's state
// if it is newer than the last one; always where that is forced, because its
// version does not tell.
func (j *join) take(s *stream, o *object, force bool) {
	rec, known := s.table.records[o.key]
	entered := rec.holders&s.query.bit == 0
	rec.holders |= s.query.bit
	j.extras.held(s, o.key)
	delete(s.table.leaving, o.key)
	switch {
	case o.unchanged && o.version != rec.version:
		// Another stream has taken up another state since: that stays.
	case !known || force || o.version > rec.version:
		rec.version, rec.filtered = o.version, s.filtered()
		// What was outside for a moment may have been of another type there.
		rec.selecting = rec.selecting && !entered
		j.report(s.table, o, &rec)
	case o.version == rec.version:
		rec.filtered = rec.filtered || s.filtered()
	}
	s.table.records[o.key] = rec
}

// drop takes the object from what the stream holds. A removal waits for
// another stream to take the object up.
func (j *join) drop(s *stream, k key) {
	rec, known := s.table.records[k]
	if !known || rec.holders&s.query.bit == 0 {
		return
	}
	rec.holders &^= s.query.bit
	j.extras.let(s, k)
	switch {
	case rec.holders != 0:
		s.table.records[k] = rec
	case rec.served && s.table.settle > 0:
		s.table.records[k] = rec
		now := j.clock.Now()
		s.table.leaving[k] = departure{due: now.Add(s.table.settle), latest: now.Add(maxHold)}
		j.rouse()
	default:
		j.forget(s.table, k, rec)
	}
}

// forget ends a record: nobody holds the object any more.
func (j *join) forget(t *table, k key, rec record) {
	j.withdraw(t, k, &rec)
	if rec.refused {
		j.refusals.Forget(string(t.kind), k.namespace, k.name)
	}
	delete(t.leaving, k)
	delete(t.records, k)
}

// report hands the state of an object on.
func (j *join) report(t *table, o *object, rec *record) {
	if o.refused != nil {
		j.withdraw(t, o.key, rec)
		rec.refused = true
		j.refusals.Refuse(log, string(t.kind), o.namespace, o.name, o.refused)
		return
	}
	if rec.refused {
		j.refusals.Forget(string(t.kind), o.namespace, o.name)
		rec.refused = false
	}
	switch t.kind {
	case serviceKind:
		j.reportService(o, rec)
	case sliceKind:
		j.reportSlice(o.slice, rec)
	case namespaceKind:
		j.reportNamespace(o.name, rec)
	}
}

func (j *join) reportService(o *object, rec *record) {
	s := o.service
	j.changes = append(j.changes, model.ServiceChange(s))
	before, retyped := rec.selecting, rec.external
	rec.served = true
	rec.external = s.Kind == model.ExternalName
	rec.selecting = s.Kind == model.Headless && s.HasSelector
	if s.Kind != model.Headless {
		j.endExtra(s.ServiceKey)
	}
	j.expectSlices(s.ServiceKey, rec.selecting)
	if rec.selecting && !before && (retyped || j.isOld(o.created)) {
		j.expectUnlabelled(s.ServiceKey)
	}
}

func (j *join) reportSlice(s *model.Slice, rec *record) {
	if rec.served && rec.owner != s.Service {
		j.withdraw(j.slices, key{s.Namespace, s.Name}, rec)
	}
	j.changes = append(j.changes, model.SliceChange(s))
	if !rec.served {
		j.extras.slices[s.Owner()]++
		j.hasSlice(s.Owner())
	}
	rec.served, rec.owner = true, s.Service
}

func (j *join) reportNamespace(name string, rec *record) {
	if !rec.served {
		j.changes = append(j.changes, model.NamespaceChange(name))
		rec.served = true
	}
}

// withdraw takes back what the Receiver knows of an object.
func (j *join) withdraw(t *table, k key, rec *record) {
	if !rec.served {
		return
	}
	rec.served, rec.selecting = false, false
	switch t.kind {
	case serviceKind:
		j.withdrawService(k)
	case sliceKind:
		j.withdrawSlice(k, rec.owner)
	case namespaceKind:
		j.changes = append(j.changes, model.NamespaceChange(k.name).Removal())
	}
}

func (j *join) withdrawService(k key) {
	// The key was good when the Service was reported.
	served, _ := model.NewServiceKey(k.namespace, k.name)
	j.changes = append(j.changes, model.ServiceChange(&model.Service{ServiceKey: served}).Removal())
	j.endWait(served)
	j.endExtra(served)
}

func (j *join) withdrawSlice(k key, owner string) {
	s := &model.Slice{SliceKey: model.SliceKey{Namespace: k.namespace, Name: k.name}, Service: owner}
	j.changes = append(j.changes, model.SliceChange(s).Removal())
	if j.extras.slices[s.Owner()]--; j.extras.slices[s.Owner()] > 0 {
		return
	}
	delete(j.extras.slices, s.Owner())
	j.expectSlices(s.Owner(), j.services.records[key{s.Namespace, owner}].selecting)
}

// send hands over what has come together, in one call.
func (j *join) send() {
	j.endCoveredExtras()
	if len(j.changes) > 0 {
		j.receiver.Apply(j.changes)
		j.changes = nil
	}
}

func (j *join) rouse() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// step is what came due.
type step struct {
	// started are extra streams to be run.
	started []*extra
	// search is true once: the slices without the headless label are to be found.
	search bool
	// synced is true once: the Receiver is to be told.
	synced bool
	// next is when to call advance again if nothing wakes earlier; zero is never.
	next time.Time
}

// advance does what is due now.
func (j *join) advance() step {
	j.mu.Lock()
	defer j.mu.Unlock()
	var s step
	now := j.clock.Now()
	j.settle(now, j.services)
	j.settle(now, j.slices)
	if j.unlisted == 0 && j.syncBy.IsZero() {
		j.syncBy = now.Add(extraListTime)
		j.expectAllSlices(now)
		s.search = true
	}
	s.started = j.extras.start(now)
	s.synced = !j.synced && !j.syncBy.IsZero() && (j.unsearched == 0 && j.extras.listed() || !now.Before(j.syncBy))
	j.synced = j.synced || s.synced
	j.send()
	s.next = j.next()
	return s
}

// settle tells the removals that nobody took back in time.
func (j *join) settle(now time.Time, t *table) {
	for k, leaves := range t.leaving {
		switch {
		case leaves.due.After(now):
		case leaves.latest.After(now) && t.blind(k, now):
			leaves.due = earlier(now.Add(catchUpTime), leaves.latest)
			t.leaving[k] = leaves
		default:
			j.forget(t, k, t.records[k])
		}
	}
}

// blind tells whether a stream is away, or was a moment ago, that may show the
// object: what left one stream may have entered that one.
func (t *table) blind(k key, now time.Time) bool {
	return slices.ContainsFunc(t.streams, func(s *stream) bool {
		return s.covers(k) && (s.away || now.Before(s.regained.Add(catchUpTime)))
	})
}

// lose notes that a stream does not see what happens.
func (j *join) lose(s *stream) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s.away = true
}

// regain notes that a stream sees what happens again.
func (j *join) regain(s *stream) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.away {
		s.away, s.regained = false, j.clock.Now()
	}
}

// watched tells whether a stream has its first list and sees what happens. An
// extra one stands also for those that there are too few of.
func (j *join) watched(s *stream) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return s.listed && !s.away && (s.filtered() || !j.extras.starved)
}

func (j *join) next() time.Time {
	next := j.extras.next()
	for _, t := range []*table{j.services, j.slices} {
		for _, leaves := range t.leaving {
			next = earlier(next, leaves.due)
		}
	}
	if !j.synced && !j.syncBy.IsZero() {
		next = earlier(next, j.syncBy)
	}
	return next
}

// earlier returns the earlier of two times, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
