package endpoints

import (
	"sync"
	"sync/atomic"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/index"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
)

// How many questions may wait at once: for one Service, so that one that everybody asks for
// leaves room for others, and for all of a cache. One that waits takes some 10 KiB.
const (
	mostWatchers    = 1024
	mostWatchersOne = 256
)

// watchers are the questions that wait for the next change of a Service. The zero value has
// none, and nobody pays for that.
type watchers struct {
	n    atomic.Int32
	mu   sync.Mutex
	by   map[string]*watched
	over bool
}

// watched is a Service that questions wait for.
type watched struct {
	n int
	// changed is closed at the next change.
	changed chan struct{}
}

// A watcher is one question that waits. It must leave.
type watcher struct {
	*watchers
	key string
}

// join lets a question wait for the Service that "S.N" names, unless too many do.
func (w *watchers) join(key string) (one watcher, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	of := w.by[key]
	if w.over || w.n.Load() >= mostWatchers || of != nil && of.n >= mostWatchersOne {
		return watcher{}, false
	}
	if of == nil {
		if w.by == nil {
			w.by = make(map[string]*watched)
		}
		of = &watched{changed: make(chan struct{})}
		w.by[key] = of
	}
	of.n++
	w.n.Add(1)
	return watcher{w, key}, true
}

// changed is closed when the record set of the Service is another one than it is now. It is
// nil where nothing changes any more.
func (w watcher) changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return nil
	}
	return w.by[w.key].changed
}

func (w watcher) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n.Add(-1)
	if of := w.by[w.key]; of.n == 1 {
		delete(w.by, w.key)
	} else {
		of.n--
	}
}

// wake wakes those who wait for one of the Services.
func (w *watchers) wake(changes []index.Change[string, *records.Set]) {
	if w.n.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range changes {
		if of := w.by[changes[i].Key]; of != nil {
			close(of.changed)
			of.changed = make(chan struct{})
		}
	}
}

// end wakes all, and lets nobody wait any more: nothing changes from here on.
func (w *watchers) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	for _, of := range w.by {
		close(of.changed)
	}
}
