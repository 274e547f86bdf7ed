package manifests

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// A change is read when there was no other for quietTime, so that an
	// editor is done, or maxSettle after the first.
	quietTime = 100 * time.Millisecond
	maxSettle = 500 * time.Millisecond
	// Some file systems tell of no change that another machine makes.
	rescanTime = 30 * time.Second
	// pollTime takes the place of rescanTime while the tree, or a part of it,
	// cannot be watched.
	pollTime = time.Second
)

// told is what a watch tells.
type told struct {
	// of holds the paths that something happened to.
	of map[string]bool
	// lost is set where something may have happened to others.
	lost bool
}

// watcher tells when a tree may have changed. The methods that take paths are
// for one walk, between begin and end. A nil watcher takes them and does
// nothing.
type watcher struct {
	// notify is nil where the system gave none.
	notify *fsnotify.Watcher
	// directories are those of the tree, and paths single ones elsewhere: the
	// symbolic links on the way to the tree and out of it, and what they lead
	// to.
	directories, paths map[string]bool
	// watched holds the directories that the walk needs.
	watched map[string]bool
	// complete reports whether all that should be watched is.
	complete bool
	// told is what was told since the last walk.
	told told
	// toldPolling means that it was logged that not all can be watched.
	toldPolling bool
}

func newWatcher(open func() (*fsnotify.Watcher, error)) *watcher {
	w := &watcher{}
	notify, err := open()
	if err != nil {
		w.fail(err)
		return w
	}
	w.notify = notify
	return w
}

// close ends what newWatcher started.
func (w *watcher) close() {
	if w.notify == nil {
		return
	}
	if err := w.notify.Close(); err != nil {
		log.Warningf("Closing the watch of the manifests: %v", err)
		return
	}
	for range w.notify.Events {
		// Until it is closed, the reader of the watch still runs.
	}
}

// begin starts a walk, and returns what was told before it.
func (w *watcher) begin() told {
	before := w.told
	w.told = told{of: make(map[string]bool)}
	w.complete = w.notify != nil
	w.directories = make(map[string]bool)
	w.paths = make(map[string]bool)
	w.watched = make(map[string]bool)
	return before
}

// directory watches a directory of the tree.
func (w *watcher) directory(real string) {
	if w == nil {
		return
	}
	w.directories[real] = true
	w.add(real)
}

// path watches a single file or link, by way of its directory.
func (w *watcher) path(path string) {
	if w == nil || w.paths[path] {
		return
	}
	w.paths[path] = true
	w.add(filepath.Dir(path))
}

// add watches a directory anew in every walk: behind a known path there may be
// another directory.
func (w *watcher) add(directory string) {
	if w.notify == nil || w.watched[directory] {
		return
	}
	w.watched[directory] = true
	if err := w.notify.Add(directory); err != nil {
		w.complete = false
		w.fail(fmt.Errorf("%s: %w", directory, err))
	}
}

// end forgets what the walk did not meet, and takes note of whether it saw all
// there is.
func (w *watcher) end(sawAll bool) {
	if w.notify == nil {
		return
	}
	for _, directory := range w.notify.WatchList() {
		if !w.watched[directory] {
			// An error says that it is gone, which is what is wanted.
			_ = w.notify.Remove(directory)
		}
	}
	if w.complete && w.toldPolling {
		w.toldPolling = false
		log.Infof("Manifests are watched again, so that changed ones are told of")
	}
	w.complete = w.complete && sawAll
}

func (w *watcher) fail(err error) {
	if !w.toldPolling {
		w.toldPolling = true
		log.Warningf("Looking for changed manifests every %v, since they cannot be watched: %v", pollTime, err)
	}
}

// wait returns true when it is time to read the tree again, at the latest when
// something is due, unless that is 0. It returns false when ctx is done.
func (w *watcher) wait(ctx context.Context, due time.Duration) bool {
	interval := rescanTime
	if !w.complete {
		interval = pollTime
	}
	if due > 0 {
		interval = min(interval, due)
	}
	rescan := time.NewTimer(interval)
	defer rescan.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-rescan.C:
			return true
		case event, ok := <-w.events():
			if w.concerns(event, ok) {
				return w.settle(ctx)
			}
		case err, ok := <-w.errors():
			w.lost(err, ok)
			return w.settle(ctx)
		}
	}
}

// settle waits until nothing has changed for a while.
func (w *watcher) settle(ctx context.Context) bool {
	quiet := time.NewTimer(quietTime)
	defer quiet.Stop()
	latest := time.NewTimer(maxSettle)
	defer latest.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-quiet.C:
			return true
		case <-latest.C:
			return true
		case event, ok := <-w.events():
			if w.concerns(event, ok) {
				quiet.Reset(quietTime)
			}
		case err, ok := <-w.errors():
			w.lost(err, ok)
		}
	}
}

func (w *watcher) events() <-chan fsnotify.Event {
	if w.notify == nil {
		return nil
	}
	return w.notify.Events
}

func (w *watcher) errors() <-chan error {
	if w.notify == nil {
		return nil
	}
	return w.notify.Errors
}

// concerns reports whether an event may have changed the tree, and keeps it. The
// directories around single paths have many others.
func (w *watcher) concerns(event fsnotify.Event, ok bool) bool {
	if !ok {
		w.lost(errors.New("the watch has ended"), false)
		return true
	}
	if w.paths[event.Name] || w.directories[event.Name] ||
		w.directories[filepath.Dir(event.Name)] && !isHidden(filepath.Base(event.Name)) {
		w.told.of[event.Name] = true
		return true
	}
	return false
}

// lost takes note of an error of the watch. Too many events at once need no
// word: the tree is read again.
func (w *watcher) lost(err error, ok bool) {
	w.told.lost = true
	if !ok {
		w.notify, w.complete = nil, false
	}
	if err != nil && !errors.Is(err, fsnotify.ErrEventOverflow) {
		w.fail(err)
	}
}

// isHidden is true for the dot files of editors, and for what a ConfigMap
// volume keeps its versions in (..data and the like).
func isHidden(name string) bool { return strings.HasPrefix(name, ".") }
