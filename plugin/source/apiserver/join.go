package apiserver

import (
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"

	"k8s.io/utils/clock"
)

// join makes one state out of what several streams show.
//
// An object belongs to the stream that showed its newest state, by resource
// version. That stream's word alone counts: it brings the next states, and where
// it says that the object is gone, the object is gone at once. What any other
// stream says of it is older, or takes it over. So nothing waits, and no stream
// that is away keeps what another one has removed.
//
// An API server does not say whether an object was deleted or only left a
// stream's selector: both events are alike. For Services that is no question,
// since one stream has them all. A slice that gets the headless label does not
// leave the stream of the fallback, which hands it over (need.go). A slice whose
// label managed-by changes between the controller and others is out until its new
// stream shows it: no controller does that.
//
// All streams and the clock's owner, who calls advance, may use it at once.
type join struct {
	clock    clock.PassiveClock
	receiver source.Receiver
	refusals source.Refusals
	// wake has room for one: it says that advance has something to do earlier
	// than it last said.
	wake chan struct{}

	mu         sync.Mutex
	services   *table
	slices     *table
	namespaces *table
	nodes      *table
	changes    []model.Change
	// count is how many served slices each Service has, without those that are left
	// out.
	count map[model.ServiceKey]int
	// lacking has the Services that should have a slice and have none, and when
	// they count as in need.
	lacking map[model.ServiceKey]time.Time
	// fallbacks are by Namespace, or one is for all, under the empty name.
	fallbacks map[string]*fallback
	// unlisted counts the inputs without a first list, without fallbacks and Nodes.
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
		services:   newTable(model.KindService),
		slices:     newTable(model.KindSlice),
		namespaces: newTable(model.KindNamespace),
		nodes:      newTable(model.KindNode),
		count:      make(map[model.ServiceKey]int),
		lacking:    make(map[model.ServiceKey]time.Time),
		fallbacks:  make(map[string]*fallback),
	}
}

// enter returns the input for a stream of that kind. Synced waits for its first
// list.
func (j *join) enter(k model.Kind) *input {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.unlisted++
	return &input{table: j.table(k)}
}

// enterNodes returns the input for the stream of Nodes. Nothing waits for it: without
// them all else is as right as with them.
func (j *join) enterNodes() *input { return &input{table: j.nodes, aside: true} }

func (j *join) table(k model.Kind) *table {
	switch k {
	case model.KindService:
		return j.services
	case model.KindSlice:
		return j.slices
	}
	return j.namespaces
}

// observe takes one object as a stream shows it now.
func (j *join) observe(in *input, o *object) {
	j.mu.Lock()
	defer j.mu.Unlock()
	in.newest = max(in.newest, o.version)
	if o.matches {
		j.take(in, o)
	} else {
		j.drop(in, o.key, o.version)
	}
	j.send()
}

// remove takes note that an object is no longer in a stream.
func (j *join) remove(in *input, o *object) {
	j.mu.Lock()
	defer j.mu.Unlock()
	in.newest = max(in.newest, o.version)
	j.drop(in, o.key, o.version)
	j.send()
}

// passed notes that a stream has shown everything up to a resource version.
func (j *join) passed(in *input, version uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	in.newest = max(in.newest, version)
}

// holds reports whether an object belongs to a stream in the version that it has:
// until the stream itself lets go of it, nobody looks at more of it than its name.
func (j *join) holds(in *input, o *object) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	rec := in.table.get(o.key)
	return rec.input == in && rec.version == o.version && o.version != 0
}

// difference counts what a list changed in what its stream held.
type difference struct{ added, changed, removed int }

// replace takes everything that a stream shows, as of a resource version. It
// compares and does not clear.
func (j *join) replace(in *input, objects []*object, version uint64) (d difference) {
	j.mu.Lock()
	defer j.mu.Unlock()
	// A server never lists something older than a stream has seen, unless its
	// store was put back to an earlier state.
	in.rewound = version != 0 && version < in.newest
	in.newest = version
	present := make(map[key]struct{}, len(objects))
	for _, o := range objects {
		if !o.matches {
			continue
		}
		present[o.key] = struct{}{}
		before := in.table.get(o.key)
		j.take(in, o)
		switch after := in.table.get(o.key); {
		case after.input != in:
		case before.input != in:
			d.added++
		case before.version != after.version:
			d.changed++
		}
	}
	for k, rec := range in.table.records {
		if _, ok := present[k]; !ok && rec.input == in && !in.isOld(version, *rec) {
			d.removed++
			j.drop(in, k, version)
		}
	}
	in.rewound = false
	j.noteListed(in)
	j.send()
	return d
}

func (j *join) noteListed(in *input) {
	switch {
	case in.fallback != nil:
		j.noteFallback(in.fallback)
	case !in.listed && !in.aside:
		j.unlisted--
		j.rouse()
	}
	in.listed = true
}

// take takes the state of an object, if it is news.
func (j *join) take(in *input, o *object) {
	before := in.table.get(o.key)
	to := in
	switch {
	case o.unchanged:
		return
	case in.fallback != nil && !in.fallback.wants(o):
		j.drop(in, o.key, o.version)
		return
	case in.fallback != nil && o.labelled:
		// The labelled stream has this state too.
		if to = in.fallback.labelled; before.input != in {
			return
		}
		if o.version <= to.newest {
			// It has also shown already what became of the slice since.
			j.drop(in, o.key, o.version)
			return
		}
	}
	if !in.isNews(o, before) {
		return
	}
	after := before
	after.version, after.input = o.version, to
	j.report(in.table, o, &after)
	in.table.put(o.key, after)
	j.noteMove(o.key, before, after)
}

// drop takes away an object that a stream no longer shows, if it belongs to it.
func (j *join) drop(in *input, k key, version uint64) {
	rec := in.table.get(k)
	if rec.input == in && !in.isOld(version, rec) {
		j.forget(in.table, k)
	}
}

// forget ends a record: the object is gone.
func (j *join) forget(t *table, k key) {
	rec := t.get(k)
	delete(t.records, k)
	if rec.refused {
		j.refusals.Forget(t.kind.String(), k.namespace(), k.name)
	}
	before := rec
	j.withdraw(t, k, &rec)
	j.noteMove(k, before, record{})
}

// send hands over what has come together, in one call.
func (j *join) send() {
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
