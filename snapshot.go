package endpoints

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"
)

const (
	// snapshotInterval is the shortest time between two snapshots.
	snapshotInterval = 30 * time.Second
	// snapshotRefresh is how old a snapshot becomes while nothing changes and the
	// API server tells so.
	snapshotRefresh = 10 * time.Minute
	// defaultMaxAge is the shortest of the bounds that RFC 8767, section 5,
	// suggests for stale answers.
	defaultMaxAge = 24 * time.Hour
)

// snapshotOption is what a stanza says of its snapshot. Without a file there is
// none.
type snapshotOption struct {
	file   string
	maxAge time.Duration
}

// load reads the objects of a snapshot, and logs why it has none.
func (o snapshotOption) load(origin string) (objects []model.Change, ok bool) {
	if o.file == "" {
		return nil, false
	}
	var current time.Time
	objects, err := snapshot.Load(o.file, func(h snapshot.Header) error {
		current = h.Current
		return o.accept(h, origin)
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		log.Infof("There is no snapshot %s yet", o.file)
		return nil, false
	case err != nil:
		log.Warningf("Starting without the snapshot %s: %v", o.file, err)
		return nil, false
	}
	snapshotAges.set(o.file, current)
	log.Warningf("Serving %d objects from the snapshot %s of %s until the first list is complete",
		len(objects), o.file, current.UTC().Format(time.RFC3339))
	return objects, true
}

// accept refuses what is of another origin or too old. What seems to be of the
// future is as good as new: a clock was wrong, not the objects.
func (o snapshotOption) accept(h snapshot.Header, origin string) error {
	if h.Origin != origin {
		return fmt.Errorf("it is of another cluster or selection: it holds %q, and the stanza reads %q", h.Origin, origin)
	}
	if age := time.Since(h.Current); age > o.maxAge {
		return fmt.Errorf("it is too old: it is of %s, %s ago, and max_age is %s",
			h.Current.UTC().Format(time.RFC3339), age.Round(time.Second), o.maxAge)
	}
	return nil
}

// restore makes the cache serve objects of a snapshot. It is called before run.
func (c *cache) restore(objects []model.Change) {
	c.Apply(objects)
	c.publish()
	c.stale.Store(true)
	staleSources.Inc()
	c.modified.Store(time.Now().Unix())
	c.synced.Store(true)
	close(c.ready)
}

// nowCurrent takes note that what the source told is published. Only run calls
// it, any number of times.
func (c *cache) nowCurrent() {
	if c.isCurrent() {
		return
	}
	c.notStale()
	close(c.current)
}

func (c *cache) isCurrent() bool {
	select {
	case <-c.current:
		return true
	default:
		return false
	}
}

func (c *cache) notStale() {
	if c.stale.CompareAndSwap(true, false) {
		staleSources.Dec()
	}
}

// served returns the objects that answers are made of.
func (c *cache) served() (objects []model.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, s := range c.services {
		if s.object == nil || c.byNamespace && !c.exposed[key.Namespace] {
			continue
		}
		objects = append(objects, model.ServiceChange(s.object))
		if s.object.Kind != model.Headless {
			continue
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

// snapshotWriter writes what a feed serves to a file.
type snapshotWriter struct {
	file   string
	origin string
	stage  *stage
	source source.Source
	// holders counts the stanzas that want the file.
	holders           int
	interval, refresh time.Duration
	// serial is larger for a writer that began later.
	serial uint64

	over chan struct{}
	done sync.WaitGroup

	// Only the goroutine of run touches these. changes and current are what the
	// file has.
	changes uint64
	current time.Time
	// failed is the last try's, and tried when that was.
	failed error
	tried  time.Time
}

// snapshotFiles keeps two writers of one file apart: there are two while a
// reload replaces a feed by another one, and what the older one serves is of no
// use then.
var snapshotFiles = struct {
	mu     sync.Mutex
	serial uint64
	// latest are the writers that wrote last, by file.
	latest map[string]*snapshotWriter
}{latest: make(map[string]*snapshotWriter)}

func newSnapshotWriter(file string, f *feed) *snapshotWriter {
	snapshotFiles.mu.Lock()
	defer snapshotFiles.mu.Unlock()
	snapshotFiles.serial++
	snapshotAges.enter(file)
	return &snapshotWriter{
		file:     file,
		origin:   f.origin,
		stage:    f.stage,
		source:   f.source,
		interval: snapshotInterval,
		refresh:  snapshotRefresh,
		serial:   snapshotFiles.serial,
		over:     make(chan struct{}),
	}
}

// run writes once the first list is complete, then as often as it may, and a
// last time at the end.
func (w *snapshotWriter) run() {
	ticker := time.NewTicker(w.interval)
	defer ticker.Stop()
	first := w.stage.cache.current
	for {
		select {
		case <-first:
			first = nil
		case <-ticker.C:
		case <-w.over:
			w.write()
			return
		}
		w.write()
	}
}

// end returns when the last state is written.
func (w *snapshotWriter) end() {
	close(w.over)
	w.done.Wait()
	snapshotFiles.mu.Lock()
	defer snapshotFiles.mu.Unlock()
	if snapshotFiles.latest[w.file] == w {
		delete(snapshotFiles.latest, w.file)
	}
	snapshotAges.leave(w.file)
}

// write writes where the file does not have what is served, or its age has to
// be brought up to date.
func (w *snapshotWriter) write() {
	if !w.stage.cache.isCurrent() {
		return
	}
	// Changes that come from here on may be in the file, and are written again.
	changes, current := w.stage.changes.Load(), w.known()
	if w.wroteLast() && changes == w.changes && current.Sub(w.current) < w.refresh {
		return
	}
	// What is too large will be so for a while.
	if errors.Is(w.failed, snapshot.ErrTooLarge) && time.Since(w.tried) < w.refresh {
		return
	}
	wrote, err := w.save(current)
	w.tried = time.Now()
	w.note(err)
	if wrote {
		w.changes, w.current = changes, current
	}
}

// wroteLast is false where the file may have what a reload that failed has served.
func (w *snapshotWriter) wroteLast() bool {
	snapshotFiles.mu.Lock()
	defer snapshotFiles.mu.Unlock()
	return snapshotFiles.latest[w.file] == w
}

// known is when the source last told that what is served is how it is.
func (w *snapshotWriter) known() time.Time {
	if s, ok := w.source.(interface{ Current() time.Time }); ok {
		return s.Current()
	}
	return time.Now()
}

func (w *snapshotWriter) save(current time.Time) (wrote bool, err error) {
	snapshotFiles.mu.Lock()
	defer snapshotFiles.mu.Unlock()
	if latest := snapshotFiles.latest[w.file]; latest != nil && latest.serial > w.serial {
		return false, nil
	}
	h := snapshot.Header{Origin: w.origin, Current: current}
	if err := snapshot.Save(w.file, h, slices.Values(w.stage.cache.served())); err != nil {
		return false, err
	}
	snapshotFiles.latest[w.file] = w
	snapshotAges.set(w.file, current)
	return true, nil
}

// note counts what fails, and logs it once per change of state.
func (w *snapshotWriter) note(err error) {
	if err != nil {
		reason := "write"
		if errors.Is(err, snapshot.ErrTooLarge) {
			reason = "size"
		}
		snapshotErrors.WithLabelValues(reason).Inc()
	}
	switch {
	case err != nil && w.failed == nil:
		log.Errorf("Cannot write the snapshot %s, the last one stays: %v", w.file, err)
	case err == nil && w.failed != nil:
		log.Infof("The snapshot %s is written again", w.file)
	}
	w.failed = err
}
