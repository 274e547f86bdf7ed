// Package manifests is the source that reads a directory of Kubernetes
// manifests, and follows its changes.
//
// Read it from a file on disk to what is reported: text.go, yaml.go and json.go
// make documents of bytes, parse.go finds the objects in them, object.go and
// mirror.go make of each what is needed. definitions.go says which definition of
// an object counts, and which slice of a Service is newer. file.go decides when a
// file that has changed counts, tree.go finds the files, and watch.go tells when to
// look again. manifests.go puts them together.
package manifests

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"

	"github.com/fsnotify/fsnotify"
)

var _ source.Source = (*Source)(nil)

// Source reads the manifests below a directory.
type Source struct {
	dir      string
	maker    maker
	newWatch func() (*fsnotify.Watcher, error)
	now      func() time.Time
	refusals source.Refusals

	files map[string]*file
	// comparing is where the next comparison of contents goes on, and compared
	// when the last one was.
	comparing string
	compared  time.Time
	// logged holds what is wrong with the tree and was logged, by path.
	logged map[string]complaint
	// remarked holds the objects that are passed over and were named.
	remarked map[identity]bool
	// counting is what the files say, and reported what a Receiver has been told.
	counting, reported model.State
}

// New reads every .yaml, .yml and .json file below dir. Symbolic links are
// followed; what begins with a dot is not looked at. The limits: 64 MiB a
// file, 2,000,000 values a YAML document or an object (some 80,000 endpoints),
// 500,000 documents and items a file, 100,000 files and directories, 32
// directories and 10 lists inside one another.
//
// An error names the file, and the line in which the document begins that cannot
// be read. An object that an API server would refuse is logged and left out, and
// is no error. A document without apiVersion or kind is skipped.
func New(dir string, opts Options) (*Source, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("manifests %s: %w", dir, err)
	}
	s := &Source{
		dir:      filepath.Clean(dir),
		maker:    newMaker(opts),
		newWatch: fsnotify.NewWatcher,
		now:      time.Now,
		files:    make(map[string]*file),
		logged:   make(map[string]complaint),
	}
	s.refusals.Origin = abs
	if err := s.start(abs); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Source) start(abs string) error {
	tree := scan(s.dir, abs, nil)
	if len(tree.failures) > 0 {
		return tree.failures[0].err
	}
	s.compared = s.now()
	for _, found := range tree.files {
		f := &file{path: found.path, info: found.info}
		if err := f.load(s.maker); err != nil {
			return err
		}
		s.files[found.path] = f
		s.logRefused(f, nil)
	}
	s.define().log(s.dir)
	return nil
}

// Run implements source.Source. A change on disk is reported within a second
// where the file system tells of changes, else within 30 seconds; but what looks
// like a part of a file, 10 seconds after it has changed last.
func (s *Source) Run(ctx context.Context, r source.Receiver) {
	w := newWatcher(s.newWatch)
	defer w.close()
	defer s.refusals.Close()
	s.reread(w)
	s.report(r)
	r.Synced()
	for w.wait(ctx, s.due()) {
		s.reread(w)
		s.report(r)
	}
}

// due returns how long it is until a file must be looked at, 0 where none must.
func (s *Source) due() time.Duration {
	var first time.Time
	for _, f := range s.files {
		if at, ok := f.due(); ok && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if first.IsZero() {
		return 0
	}
	return max(first.Sub(s.now()), 1)
}

// reread brings files up to what is on disk now. What cannot be read keeps its
// last good state.
func (s *Source) reread(w *watcher) {
	abs, err := filepath.Abs(s.dir)
	if err != nil {
		s.logFailures(&tree{failures: []failure{{"", err}}, unread: map[string]bool{"": true}})
		return
	}
	now := s.now()
	told := w.begin()
	tree := scan(s.dir, abs, w)
	w.end(len(tree.failures) == 0)
	s.logFailures(&tree)
	s.notice(&tree, told, now)
	if told.lost || now.Sub(s.compared) >= rescanTime {
		s.compared = now
		s.compare(&tree, maxCompared, now)
	}
	if s.take(now) {
		s.define()
	}
}

// notice finds the files that have changed. Those that did so together are due
// together: nobody is told of a half of it.
func (s *Source) notice(tree *tree, told told, now time.Time) {
	present := make(map[string]bool, len(tree.files))
	for _, found := range tree.files {
		present[found.path] = true
		f := s.files[found.path]
		if f == nil {
			f = &file{path: found.path}
			s.files[found.path] = f
		}
		f.notice(found.info, told.of[found.real], now)
	}
	for path, f := range s.files {
		if !present[path] && !tree.failed(path) {
			f.notice(nil, false, now)
		}
	}
}

const (
	// maxCompared bounds how much is read again where nothing tells of a change,
	// in bytes each rescanTime: a file that keeps its size and time of
	// modification is compared in its turn.
	maxCompared = maxFile
	// minCompared is what opening a file counts as, in bytes.
	minCompared = 16 << 10
)

// compare compares the content of some files with what was read of them: of as
// many as there is room for, in bytes.
func (s *Source) compare(tree *tree, room int64, now time.Time) {
	files := s.sorted()
	at, _ := slices.BinarySearchFunc(files, s.comparing, func(f *file, path string) int { return comparePaths(f.path, path) })
	for _, f := range slices.Concat(files[at:], files[:at]) {
		if room <= 0 {
			s.comparing = f.path
			return
		}
		if f.info == nil || f.unread || f.held != nil && f.held.err != nil || tree.failed(f.path) {
			continue
		}
		room -= max(f.info.Size(), minCompared)
		if f.differs() {
			f.notice(f.info, true, now)
		}
	}
	s.comparing = ""
}

// sorted returns the files in their order.
func (s *Source) sorted() []*file {
	all := make([]*file, 0, len(s.files))
	for _, f := range s.files {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *file) int { return comparePaths(a.path, b.path) })
	return all
}

// take reads the files that are due, and those again that could not be read. It
// reports whether what they say has changed.
func (s *Source) take(now time.Time) (changed bool) {
	for path, f := range s.files {
		old := f.objects
		switch at, ok := f.due(); {
		case ok && f.unread && now.Before(at):
		case f.isGone(now):
			if f.held != nil {
				log.Infof("The manifest %s is gone, and what it said", path)
			}
			delete(s.files, path)
			s.logRefused(&file{path: path}, old)
			changed = true
		case f.info != nil && (ok && !now.Before(at) || f.held != nil && f.held.err != nil):
			if f.take(s.maker, now) {
				s.logRefused(f, old)
				changed = true
			}
		}
	}
	return changed
}

// define puts together what the files say, and names what is passed over.
func (s *Source) define() summary {
	var all definitions
	sum := summary{files: len(s.files), skipped: make(map[string]int)}
	for _, f := range s.sorted() {
		sum.add(&f.content)
		for i := range f.objects {
			all.add(f.path, &f.objects[i])
		}
	}
	var remarks []remark
	s.counting, remarks = all.state()
	sum.count(&s.counting, remarks)
	s.logRemarks(remarks)
	return sum
}

// report hands r the difference between what counts and what r has seen.
func (s *Source) report(r source.Receiver) {
	changes := s.reported.Difference(&s.counting)
	s.reported = s.counting
	if len(changes) > 0 {
		r.Apply(changes)
	}
}

// logFailures tells what is wrong with the tree, and of what nothing is any more.
func (s *Source) logFailures(t *tree) {
	now := make(map[string]complaint, len(t.failures))
	for _, f := range t.failures {
		manifestErrors.Inc()
		why := f.err.Error()
		if told := s.logged[f.path]; told.isNews(why) {
			s.logged[f.path] = append(told, why)
			log.Errorf("Keeping the last good state of the manifests: %s", why)
		}
		now[f.path] = s.logged[f.path]
	}
	for path, told := range s.logged {
		if t.failed(path) {
			now[path] = told
			continue
		}
		log.Infof("Nothing is wrong any more with the manifests at %s", cmp.Or(path, s.dir))
	}
	s.logged = now
}

func (s *Source) logRemarks(remarks []remark) {
	now := make(map[identity]bool, len(remarks))
	slices.SortFunc(remarks, func(a, b remark) int { return cmp.Compare(a.String(), b.String()) })
	for _, r := range remarks {
		now[r.identity] = true
		s.refusals.Note(log, r.kind, r.namespace, r.name, r.why)
	}
	for id := range s.remarked {
		if !now[id] {
			s.refusals.Forget(id.kind, id.namespace, id.name)
		}
	}
	s.remarked = now
}

// logRefused tells of the refused objects in a file, and forgets those of its
// former objects that are gone or good.
func (s *Source) logRefused(f *file, old []object) {
	still := make(map[identity]bool)
	for i := range f.objects {
		if o := &f.objects[i]; o.refused != nil {
			id := identity{o.kind, o.namespace, o.nameIn(f.path)}
			still[id] = true
			s.refusals.Refuse(log, id.kind, id.namespace, id.name, source.At(o.in(f.path), o.refused))
		}
	}
	for i := range old {
		if o := &old[i]; o.refused != nil {
			id := identity{o.kind, o.namespace, o.nameIn(f.path)}
			switch {
			case still[id]:
			case f.defines(id):
				s.refusals.Readmit(log, id.kind, id.namespace, id.name)
			default:
				s.refusals.Forget(id.kind, id.namespace, id.name)
			}
		}
	}
}

// defines reports whether the file has an object.
func (f *file) defines(id identity) bool {
	return slices.ContainsFunc(f.objects, func(o object) bool { return o.identity == id })
}
