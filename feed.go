package endpoints

import (
	"context"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source/apiserver"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source/manifests"
)

// feed is a source that runs, and the cache that it fills. Stanzas that read
// the same share one, also those of two generations across a reload: then a
// reload lists nothing again, and no question meets an empty cache.
type feed struct {
	cache  *cache
	stage  *stage
	source source.Source
	// origin names what is read of an API server.
	origin string
	// snapshots are the writers by their files.
	snapshots map[string]*snapshotWriter
	// replaces is true where a reload starts this feed while another one serves
	// what is current.
	replaces bool
	holders  int
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

// feeds are those that run, by the key of their stanzas.
var feeds = struct {
	mu      sync.Mutex
	running map[string]*feed
}{running: make(map[string]*feed)}

// subscription is one stanza's hold on a feed.
type subscription struct {
	stanza *stanza
	// opened is the source to run where no feed runs yet.
	opened source.Source
	// others are the snapshots of the other stanzas that share the feed.
	others []snapshotOption
	// first is true where the process starts, and false at a reload.
	first bool
	held  *feed
}

// prepare opens the source of a stanza, unless it runs already, so that what is
// wrong with it stops the start. It neither dials nor starts anything.
func prepare(s *stanza) (*subscription, error) {
	sub := &subscription{stanza: s}
	feeds.mu.Lock()
	_, runs := feeds.running[s.key()]
	feeds.mu.Unlock()
	if runs {
		return sub, nil
	}
	var err error
	sub.opened, err = s.open()
	return sub, err
}

// open returns the source that the stanza names.
func (s *stanza) open() (source.Source, error) {
	if s.manifests == "" {
		return apiserver.New(s.api)
	}
	return manifests.New(s.manifests, manifests.Options{
		Namespaces:      s.namespaces,
		Labels:          s.labels,
		NamespaceLabels: s.namespaceLabels,
	})
}

// start takes hold of the feed, and starts it where nobody has.
func (sub *subscription) start() (*feed, error) {
	feeds.mu.Lock()
	defer feeds.mu.Unlock()
	key := sub.stanza.key()
	f := feeds.running[key]
	if f == nil {
		if sub.opened == nil {
			var err error
			if sub.opened, err = sub.stanza.open(); err != nil {
				return nil, err
			}
		}
		var err error
		if f, err = newFeed(sub.stanza, sub.opened); err != nil {
			return nil, err
		}
		f.replaces = !sub.first && anyCurrent()
		f.run(sub)
		feeds.running[key] = f
	}
	f.holders++
	f.hold(sub.stanza.snapshot.file)
	sub.held, sub.opened = f, nil
	return f, nil
}

// stop lets go of the feed, and ends it where nobody else holds it. It may be
// called without start, and again.
func (sub *subscription) stop() {
	feeds.mu.Lock()
	defer feeds.mu.Unlock()
	f := sub.held
	if f == nil {
		return
	}
	sub.held = nil
	f.holders--
	if f.holders > 0 {
		f.release(sub.stanza.snapshot.file)
		return
	}
	delete(feeds.running, sub.stanza.key())
	f.cancel()
	f.done.Wait()
	f.release(sub.stanza.snapshot.file)
	f.cache.close()
}

func newFeed(s *stanza, from source.Source) (*feed, error) {
	c := newCache(s.settings, s.namespaceLabels != nil)
	f := &feed{cache: c, stage: newStage(c), source: from, snapshots: make(map[string]*snapshotWriter)}
	if s.manifests == "" {
		var err error
		if f.origin, err = s.api.Origin(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// anyCurrent tells whether a feed serves what its source has told.
func anyCurrent() bool {
	for _, f := range feeds.running {
		if f.cache.isCurrent() {
			return true
		}
	}
	return false
}

// inherited returns what another feed serves that reads the same objects, only
// with other options: a reload while the API server is away has that to go on
// with. It may itself come from a feed before.
func inherited(origin string) (objects []model.Change, ok bool) {
	var from *feed
	for _, f := range feeds.running {
		if origin != "" && f.origin == origin && f.cache.synced.Load() && (from == nil || f.cache.isCurrent()) {
			from = f
		}
	}
	if from == nil {
		return nil, false
	}
	return from.cache.served(), true
}

// run starts the feed, with what is known of its objects.
func (f *feed) run(sub *subscription) {
	objects, ok := inherited(f.origin)
	if !ok {
		objects, ok = sub.load(f.origin)
	}
	if ok {
		f.stage.restore(objects)
	}
	var ctx context.Context
	ctx, f.cancel = context.WithCancel(context.Background())
	f.done.Go(func() { f.cache.run(ctx) })
	f.done.Go(func() { f.source.Run(ctx, f.stage) })
}

// load returns the objects of the first snapshot that can be used: whichever stanza
// starts the feed, it does so for all.
func (sub *subscription) load(origin string) (objects []model.Change, ok bool) {
	if objects, ok = sub.stanza.snapshot.load(origin); ok {
		return objects, true
	}
	for _, other := range sub.others {
		if objects, ok = other.load(origin); ok {
			return objects, true
		}
	}
	return nil, false
}

// hold begins to write a snapshot, where a stanza wants one and nobody does.
func (f *feed) hold(file string) {
	if file == "" {
		return
	}
	w := f.snapshots[file]
	if w == nil {
		w = newSnapshotWriter(file, f)
		f.snapshots[file] = w
		w.done.Go(w.run)
	}
	w.holders++
}

// release ends what hold began, where no other stanza wants it.
func (f *feed) release(file string) {
	if file == "" {
		return
	}
	w := f.snapshots[file]
	if w.holders--; w.holders > 0 {
		return
	}
	delete(f.snapshots, file)
	w.end()
}

// wait returns when the first full state is published, or after timeout. A
// snapshot is one too, unless the server answers with what is current until the
// wait is over.
func (f *feed) wait(timeout time.Duration) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	full := f.cache.ready
	if f.replaces {
		full = f.cache.current
	}
	select {
	case <-full:
	case <-timer.C:
		if f.cache.synced.Load() {
			log.Warningf("Going on with what was known before: the first list is not complete after %s", timeout)
			return
		}
		log.Warningf("Starting before the first list is complete: names that a Service could own answer SERVFAIL until it is")
	}
}
