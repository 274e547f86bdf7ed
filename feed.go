package endpoints

import (
	"cmp"
	"context"
	"io"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/reload"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source/apiserver"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source/manifests"
)

// feed is a source that runs, and the cache that it fills. Stanzas that read
// the same share one, also those of two generations across a reload: then a
// reload lists nothing again, and no question meets an empty cache.
type feed struct {
	cache    *cache
	handover *handover
	source   source.Source
	// key is that of the stanzas that share it.
	key corefile.Key
	// origin names what is read of an API server.
	origin string
	// writers are those of snapshots, by file.
	writers reload.Pool[string, *snapshot.Writer]
	// replaces is true where a reload starts this feed while another one serves
	// what is current.
	replaces bool
	// late means that it was logged that the first list takes long.
	late   atomic.Bool
	over   <-chan struct{}
	cancel context.CancelFunc
	done   sync.WaitGroup
}

var (
	// feeds are those that run, by the key of their stanzas.
	feeds reload.Pool[corefile.Key, *feed]
	// generations are what the stanzas of each instance of the server hold.
	generations reload.Generations[*subscription]
)

// subscription is one stanza's hold on a feed.
type subscription struct {
	stanza *corefile.Stanza
	// generation has the other stanzas.
	generation *reload.Generation[*subscription]
	// opened is the source to run where no feed runs yet.
	opened source.Source
	// first is true where the process starts, and false at a reload.
	first bool
	held  *feed
}

// prepare opens the source of a stanza, unless it runs already, so that what is
// wrong with it stops the start. It neither dials nor starts anything.
func (sub *subscription) prepare() (err error) {
	if !feeds.Runs(sub.stanza.Key()) {
		sub.opened, err = open(sub.stanza)
	}
	return err
}

// open returns the source that the stanza names.
func open(s *corefile.Stanza) (source.Source, error) {
	if s.Manifests == "" {
		return apiserver.New(s.Config())
	}
	return manifests.New(s.Manifests, manifests.Options{
		Namespaces:      s.Namespaces,
		Labels:          s.Labels,
		NamespaceLabels: s.NamespaceLabels,
		Places:          s.WantsPlaces(),
		Names:           s.Settings.FQDNSlices,
		Nodes:           s.WantsNodes(),
	})
}

// start takes hold of the feed, and starts it where nobody has. All stanzas of the
// generation have been prepared.
func (sub *subscription) start() (*feed, error) {
	f, err := feeds.Hold(sub.stanza.Key(), sub.run)
	if err != nil {
		return nil, err
	}
	if file := sub.stanza.Snapshot.File; file != "" {
		// Starting a Writer does not fail.
		_, _ = f.writers.Hold(file, func(iter.Seq[*snapshot.Writer]) (*snapshot.Writer, error) {
			return snapshot.Start(file, f.origin, f), nil
		})
	}
	sub.held, sub.opened = f, nil
	return f, nil
}

// Stop implements reload.Holder.
func (sub *subscription) Stop() {
	f := sub.held
	if f == nil {
		return
	}
	sub.held = nil
	if file := sub.stanza.Snapshot.File; file != "" {
		f.writers.Release(file)
	}
	feeds.Release(sub.stanza.Key())
}

// run starts the feed beside the others that run, with what is known of its objects.
func (sub *subscription) run(others iter.Seq[*feed]) (*feed, error) {
	if sub.opened == nil {
		var err error
		if sub.opened, err = open(sub.stanza); err != nil {
			return nil, err
		}
	}
	f, err := newFeed(sub.stanza, sub.opened)
	if err != nil {
		return nil, err
	}
	f.replaces = !sub.first && anyCurrent(others)
	if err := f.holdEngine(); err != nil {
		return nil, err
	}
	f.resume(sub, others)
	var ctx context.Context
	ctx, f.cancel = context.WithCancel(context.Background())
	f.over = ctx.Done()
	f.done.Go(func() { f.cache.run(ctx) })
	f.done.Go(func() { f.source.Run(ctx, f.handover) })
	return f, nil
}

// resume makes the feed serve what is known of its objects: what another one serves, or what
// a snapshot has.
func (f *feed) resume(sub *subscription, others iter.Seq[*feed]) {
	if from := predecessor(f.origin, others); from != nil {
		f.goOn(from, sub.endingBefore(f, others))
		return
	}
	r := &f.cache.recording
	known, option, ok := sub.load(f.origin)
	f.remember(known.Verdicts)
	if !ok {
		r.open(f.cache.settings.History, f.cache.now)
		return
	}
	until := r.reopen(f.cache.settings.History, f.cache.now, option, f.origin)
	f.handover.restore(known)
	r.restart(known.Current, until, f.cache.sets)
}

// goOn makes the feed serve what another one serves, and go on with the history of one that
// ends, which may be nil.
func (f *feed) goOn(from, ending *feed) {
	r := &f.cache.recording
	r.resumes = history.ByCorefile
	if ending == nil {
		r.open(f.cache.settings.History, f.cache.now)
		f.handover.restore(from.known())
		r.begin(history.Started, "")
		return
	}
	r.takeOver(&ending.cache.recording, f.cache.now)
	f.handover.restore(from.known())
	r.reload(ending.cache.sets, f.cache.sets)
}

// endingBefore returns the feed whose history another one goes on with: it reads the same, no
// stanza of this generation holds it, and nobody has gone on with its history yet.
func (sub *subscription) endingBefore(f *feed, others iter.Seq[*feed]) *feed {
	goesOn := make(map[corefile.Key]bool)
	for _, held := range sub.generation.Held() {
		goesOn[held.stanza.Key()] = true
	}
	for other := range others {
		r := &other.cache.recording
		if other.origin == f.origin && !goesOn[other.key] && r.writes() && r.tape.size == f.cache.settings.History {
			return other
		}
	}
	return nil
}

func newFeed(s *corefile.Stanza, from source.Source) (*feed, error) {
	c := newCache(s.Settings, s.NamespaceLabels != nil)
	c.whereabouts = newWhereabouts(s.Clients.Feed())
	f := &feed{cache: c, handover: newHandover(c), source: from, key: s.Key()}
	if s.Manifests == "" {
		var err error
		if f.origin, err = s.API.Origin(); err != nil {
			return nil, err
		}
	}
	c.refusals.Origin = cmp.Or(f.origin, s.Manifests)
	return f, nil
}

// End implements reload.Ender.
func (f *feed) End() {
	f.cancel()
	f.done.Wait()
	f.cache.close()
	f.releaseEngine()
}

// anyCurrent reports whether a feed serves what its source has told.
func anyCurrent(running iter.Seq[*feed]) bool {
	for f := range running {
		if f.cache.isCurrent() {
			return true
		}
	}
	return false
}

// predecessor returns another feed that reads the same objects, only with other options: a
// reload while the API server is away has what that serves to go on with. It may itself come
// from a feed before.
func predecessor(origin string, running iter.Seq[*feed]) (from *feed) {
	for f := range running {
		if origin != "" && f.origin == origin && f.cache.isSynced() && (from == nil || f.cache.isCurrent()) {
			from = f
		}
	}
	return from
}

// known returns what the feed serves. Verdicts are the engine's.
func (f *feed) known() (known snapshot.Content) {
	known.Objects, known.Waiting = f.cache.served(), f.cache.withWaitingName()
	return known
}

// load returns the content of the first snapshot that can be used, and which that is. Whichever
// stanza starts the feed does so for all that share it, so it looks at their snapshots, too.
func (sub *subscription) load(origin string) (content snapshot.Content, option snapshot.Option, ok bool) {
	key, tried := sub.stanza.Key(), make(map[snapshot.Option]bool)
	for _, of := range append([]*subscription{sub}, sub.generation.Held()...) {
		option = of.stanza.Snapshot
		if tried[option] || of.stanza.Key() != key {
			continue
		}
		tried[option] = true
		if content, ok = option.Load(origin); ok {
			return content, option, true
		}
	}
	return content, option, false
}

// Complete implements snapshot.Served.
func (f *feed) Complete() <-chan struct{} { return f.cache.current }

// Changes implements snapshot.Served.
func (f *feed) Changes() uint64 { return f.handover.changes.Load() }

// Current implements snapshot.Served.
func (f *feed) Current() time.Time {
	if s, ok := f.source.(interface{ Current() time.Time }); ok {
		return s.Current()
	}
	return time.Now()
}

// Failing implements snapshot.Served.
func (f *feed) Failing() []check.Remembered { return f.cache.Failing() }

// Waiting implements snapshot.Served.
func (f *feed) Waiting() []model.ServiceKey { return f.cache.withWaitingName() }

// KeepsHistory implements snapshot.Recorded.
func (f *feed) KeepsHistory() bool { return f.cache.recording.writes() }

// EncodeHistory implements snapshot.Recorded.
func (f *feed) EncodeHistory(to io.Writer, origin string) error {
	r := &f.cache.recording
	return r.tape.Encode(to, origin, statesOf(f.cache.sets), r.instant())
}

// Objects implements snapshot.Served.
func (f *feed) Objects() iter.Seq[model.Change] { return slices.Values(f.cache.served()) }

// wait returns when the first full state is published, or after timeout. A
// snapshot is one too, unless the server answers with what is current until the
// wait is over.
func (f *feed) wait(timeout time.Duration) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	full := f.cache.synced
	if f.replaces {
		full = f.cache.current
	}
	select {
	case <-full:
	case <-timer.C:
		if !f.late.Swap(true) {
			f.logLate(timeout)
		}
	}
}

// logLate logs that the first list is not complete, and when it is. Stanzas that share a
// feed share these lines. What was known before gives way with a line of its own.
func (f *feed) logLate(timeout time.Duration) {
	if f.cache.isSynced() {
		log.Warningf("Going on with what was known before: the first list is not complete after %s", timeout)
		return
	}
	log.Warningf("Starting before the first list is complete: names that a Service could own answer SERVFAIL until it is")
	f.done.Go(func() {
		select {
		case <-f.cache.synced:
			log.Infof("The first list is complete: names of Services are answered")
		case <-f.over:
		}
	})
}
