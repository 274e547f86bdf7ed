// Package manifests is the source that reads a directory of Kubernetes
// manifests, and follows its changes.
package manifests

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source"

	"github.com/fsnotify/fsnotify"
	"k8s.io/apimachinery/pkg/labels"
)

var log = clog.NewWithPlugin("k8s_endpoints")

var _ source.Source = (*Source)(nil)

// Options select what a Source reports. The zero value selects everything, and
// no Namespaces.
type Options struct {
	// Namespaces holds the namespaces whose objects are reported; all where it
	// is empty.
	Namespaces []string
	// Labels selects Services. Slices follow their namespace alone.
	Labels labels.Selector
	// NamespaceLabels selects the Namespaces that are reported by name.
	NamespaceLabels labels.Selector
}

// Source reads the manifests below a directory.
type Source struct {
	dir      string
	loader   loader
	newWatch func() (*fsnotify.Watcher, error)
	refusals source.Refusals

	files map[string]*file
	// inForce holds the definition that counts of each object.
	inForce map[identity]definition
	// logged holds what is wrong with the tree and was logged.
	logged     map[string]string
	duplicates map[string]bool
	reported   state
}

// New reads every .yaml, .yml and .json file below dir. Symbolic links are
// followed; what begins with a dot is not looked at. The limits: 64 MiB a
// file, 2,000,000 values a YAML document or an object (some 80,000 endpoints),
// 100,000 files and directories, 32 directories below one another.
//
// An error names the file and the line of what cannot be read, of a document
// that is no object, or of the two definitions of one object. An object that
// an API server would refuse is logged and left out, and is no error.
func New(dir string, opts Options) (*Source, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("manifests %s: %w", dir, err)
	}
	s := &Source{
		dir:      filepath.Clean(dir),
		loader:   loader{filter: newFilter(opts)},
		newWatch: fsnotify.NewWatcher,
		files:    make(map[string]*file),
		reported: newState(),
	}
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
	for _, path := range tree.files {
		f := &file{path: path}
		if err := s.loader.load(f); err != nil {
			return err
		}
		s.files[path] = f
	}
	inForce, twice := definitions(s.files, nil)
	if len(twice) > 0 {
		return errors.New(twice[0].String())
	}
	s.inForce = inForce
	for _, f := range s.files {
		s.logRefused(f, nil)
	}
	return nil
}

// Run implements source.Source. A change on disk is reported within a second
// where the file system tells of changes, else within 30 seconds.
func (s *Source) Run(ctx context.Context, r source.Receiver) {
	w := newWatcher(s.newWatch)
	defer w.close()
	s.reread(w)
	s.report(r)
	r.Synced()
	for w.wait(ctx) {
		s.reread(w)
		s.report(r)
	}
}

// reread brings files up to what is on disk now. What cannot be read keeps its
// last good state.
func (s *Source) reread(w *watcher) {
	abs, err := filepath.Abs(s.dir)
	if err != nil {
		s.logFailures([]failure{{"", err}})
		return
	}
	w.begin()
	tree := scan(s.dir, abs, w)
	w.end(len(tree.failures) == 0)
	s.logFailures(tree.failures)

	present := make(map[string]bool, len(tree.files))
	for _, path := range tree.files {
		present[path] = true
		s.refresh(path)
	}
	for path, f := range s.files {
		if !present[path] && !tree.failed(path) {
			s.logRefused(&file{path: path}, f.objects)
			delete(s.files, path)
		}
	}
	var twice []duplicate
	s.inForce, twice = definitions(s.files, s.inForce)
	s.logDuplicates(twice)
}

// refresh loads a file whose state on disk is not the one that was read.
func (s *Source) refresh(path string) {
	f := s.files[path]
	if f == nil {
		f = &file{path: path}
		s.files[path] = f
	}
	if f.isCurrent() {
		return
	}
	old := f.objects
	err := s.loader.load(f)
	if err == nil {
		f.failure = ""
		s.logRefused(f, old)
		return
	}
	manifestErrors.Inc()
	if f.failure != err.Error() {
		f.failure = err.Error()
		log.Errorf("Keeping the last good state of a manifest: %v", err)
	}
}

// report hands r the difference between what is in force and what r has seen.
func (s *Source) report(r source.Receiver) {
	changes := s.reported.become(s.inForce)
	if len(changes) > 0 {
		r.Apply(changes)
	}
}

func (s *Source) logFailures(failures []failure) {
	now := make(map[string]string, len(failures))
	for _, f := range failures {
		manifestErrors.Inc()
		now[f.path] = f.err.Error()
		if s.logged[f.path] != f.err.Error() {
			log.Errorf("Keeping the last good state of the manifests: %v", f.err)
		}
	}
	s.logged = now
}

func (s *Source) logDuplicates(twice []duplicate) {
	now := make(map[string]bool, len(twice))
	for _, d := range twice {
		text := d.String()
		now[text] = true
		if !s.duplicates[text] {
			manifestErrors.Inc()
			log.Errorf("Keeping the first definition: %s", text)
		}
	}
	s.duplicates = now
}

// logRefused tells of the refused objects in a file, and forgets those of its
// former objects that are gone or good.
func (s *Source) logRefused(f *file, old []object) {
	still := make(map[identity]bool)
	for i := range f.objects {
		if o := &f.objects[i]; o.refused != nil {
			id := o.logged(f.path)
			still[id] = true
			s.refusals.Refuse(log, id.kind, id.namespace, id.name, fmt.Errorf("%s:%d: %w", f.path, o.line, o.refused))
		}
	}
	for i := range old {
		if o := &old[i]; o.refused != nil {
			if id := o.logged(f.path); !still[id] {
				s.refusals.Forget(id.kind, id.namespace, id.name)
			}
		}
	}
}

// logged is what an object is called in the log: those without a name are told
// apart by their place.
func (o *object) logged(path string) identity {
	id := o.identity
	if id.name == "" {
		id.name = fmt.Sprintf("(%s:%d)", path, o.line)
	}
	return id
}

// filter is what Options say, in the form that is asked for each object.
type filter struct {
	namespaces      map[string]bool
	labels          labels.Selector
	namespaceLabels labels.Selector
}

func newFilter(opts Options) filter {
	f := filter{labels: opts.Labels, namespaceLabels: opts.NamespaceLabels}
	if f.labels == nil {
		f.labels = labels.Everything()
	}
	if f.namespaceLabels == nil {
		f.namespaceLabels = labels.Nothing()
	}
	for _, namespace := range opts.Namespaces {
		if f.namespaces == nil {
			f.namespaces = make(map[string]bool)
		}
		f.namespaces[strings.ToLower(namespace)] = true
	}
	return f
}

func (f *filter) includes(namespace string) bool {
	return f.namespaces == nil || f.namespaces[namespace]
}
