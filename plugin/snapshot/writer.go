package snapshot

import (
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

const (
	// interval is the shortest time between two snapshots.
	interval = 30 * time.Second
	// refresh is how old a snapshot becomes while nothing changes and the source
	// is known to be in touch.
	refresh = 10 * time.Minute
)

// Served is what a Writer writes to a file, and when. Its methods are called from
// one goroutine at a time.
type Served interface {
	// Complete is closed once all that the source has is served. Before that
	// nothing is written: a part would replace a file that has more.
	Complete() <-chan struct{}
	// Changes counts the changes so far: while it stays, so do the objects.
	Changes() uint64
	// Current is when the source last told that the objects are like this.
	Current() time.Time
	// Objects yields the objects that answers are made of.
	Objects() iter.Seq[model.Change]
	// Failing are the checks that fail now.
	Failing() []check.Remembered
	// Waiting are the Services whose names wait for endpoints now. They change only with the
	// objects.
	Waiting() []model.ServiceKey
}

// Writer keeps a file up to date with what is served.
type Writer struct {
	file   string
	origin string
	served Served
	// serial is larger for a Writer that began later.
	serial uint64

	over chan struct{}
	done sync.WaitGroup

	// Only the goroutine of run touches these. changes, current and verdicts are what the
	// file has.
	changes  uint64
	current  time.Time
	verdicts Verdicts
	// failed is the error of the last try, and tried when that was.
	failed error
	tried  time.Time
	// recorded is when the history was written last.
	recorded time.Time
}

// files keeps two Writers of one file apart. There are two while a reload replaces
// what is served: then the objects of the older one are of no use any more.
var files = struct {
	mu     sync.Mutex
	serial uint64
	by     map[string]*writtenFile
}{by: make(map[string]*writtenFile)}

// writtenFile is a file that somebody writes.
type writtenFile struct {
	writers int
	// latest is the Writer that wrote last.
	latest *Writer
	// failing means that it was logged that the file cannot be written.
	failing bool
}

// Start begins to write what is served to file. Origin is what Option.Load will
// ask for.
func Start(file, origin string, served Served) *Writer {
	w := newWriter(file, origin, served)
	w.done.Go(w.run)
	return w
}

func newWriter(file, origin string, served Served) *Writer {
	files.mu.Lock()
	defer files.mu.Unlock()
	files.serial++
	if files.by[file] == nil {
		files.by[file] = new(writtenFile)
	}
	files.by[file].writers++
	ages.enter(file)
	return &Writer{file: file, origin: origin, served: served, serial: files.serial, over: make(chan struct{}), recorded: time.Now()}
}

// End writes a last time, and returns when that is done. It is called once.
func (w *Writer) End() {
	close(w.over)
	w.done.Wait()
	files.mu.Lock()
	defer files.mu.Unlock()
	f := files.by[w.file]
	if f.latest == w {
		f.latest = nil
	}
	if f.writers--; f.writers == 0 {
		delete(files.by, w.file)
	}
	ages.leave(w.file)
}

// run writes once the first list is complete, then as often as it may, and a
// last time at the end.
func (w *Writer) run() {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	complete := w.served.Complete()
	for {
		select {
		case <-complete:
			complete = nil
		case <-ticker.C:
		case <-w.over:
			w.write()
			w.writeHistory()
			return
		}
		w.write()
		if time.Since(w.recorded) >= refresh {
			w.writeHistory()
		}
	}
}

// write writes where the file does not have what is served, or its age has to
// be brought up to date.
func (w *Writer) write() {
	select {
	case <-w.served.Complete():
	default:
		return
	}
	// Changes that come from here on may be in the file, and are written again.
	changes, current := w.served.Changes(), w.served.Current()
	verdicts := Verdicts{Judged: time.Now(), Failing: w.served.Failing()}
	if w.wroteLast() && changes == w.changes && current.Sub(w.current) < refresh && verdicts.in(w.verdicts) {
		return
	}
	// Objects that are too large will be so for a while.
	if errors.Is(w.failed, ErrTooLarge) && time.Since(w.tried) < refresh {
		return
	}
	wrote, err := w.save(current, Memory{verdicts, w.served.Waiting()})
	w.tried = time.Now()
	w.note(wrote, err)
	if wrote {
		w.changes, w.current, w.verdicts = changes, current, verdicts
	}
}

// wroteLast is false where the file may hold what a reload has served that failed.
func (w *Writer) wroteLast() bool {
	files.mu.Lock()
	defer files.mu.Unlock()
	return files.by[w.file].latest == w
}

func (w *Writer) save(current time.Time, m Memory) (wrote bool, err error) {
	files.mu.Lock()
	defer files.mu.Unlock()
	f := files.by[w.file]
	if f.latest != nil && f.latest.serial > w.serial {
		return false, nil
	}
	if err := Save(w.file, Header{Origin: w.origin, Current: current}, w.served.Objects(), m); err != nil {
		return false, err
	}
	f.latest = w
	ages.set(w.file, current)
	return true, nil
}

// note counts what fails, and logs it once per change of the file's state, whoever
// writes it.
func (w *Writer) note(wrote bool, err error) {
	if err != nil {
		reason := unwritten
		if errors.Is(err, ErrTooLarge) {
			reason = tooLarge
		}
		failures.WithLabelValues(reason).Inc()
	}
	files.mu.Lock()
	defer files.mu.Unlock()
	f := files.by[w.file]
	switch {
	case err != nil && !f.failing:
		f.failing = true
		log.Errorf("Cannot write the snapshot %s, the last one stays: %v", w.file, err)
	case wrote && f.failing:
		f.failing = false
		log.Infof("The snapshot %s is written again", w.file)
	}
	w.failed = err
}
