package manifests

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	maxEntries = 100_000
	maxDepth   = 32
	// maxLinks is how many symbolic links one path may lead through, as in
	// Linux.
	maxLinks = 40
)

// tree is what one walk found.
type tree struct {
	// files holds the manifests in the order of the walk.
	files    []found
	failures []failure
	// unread holds the paths of failures.
	unread map[string]bool
}

// found is a manifest: its path below the directory as it was named, the path
// behind all symbolic links, and the file there.
type found struct {
	path, real string
	info       fs.FileInfo
}

// failure says why what is at path, and below it, could not be read. The
// empty path stands for the whole tree.
type failure struct {
	path string
	err  error
}

// failed reports whether path could not be looked for.
func (t *tree) failed(path string) bool {
	for !t.unread[path] {
		parent := filepath.Dir(path)
		if parent == path {
			return t.unread[""]
		}
		path = parent
	}
	return true
}

// scan walks the tree at dir, whose absolute path is abs, and has w watch all
// that it walks before it reads it: nothing can change unseen in between.
func scan(dir, abs string, w *watcher) tree {
	s := newScanner(w)
	s.root(dir, abs)
	return s.tree
}

type scanner struct {
	tree
	watcher *watcher
	// seen holds the real paths of the files and directories that were met:
	// each is read once, however many links lead to it.
	seen  map[string]bool
	limit int
}

func newScanner(w *watcher) *scanner {
	return &scanner{
		tree:    tree{unread: make(map[string]bool)},
		watcher: w,
		seen:    make(map[string]bool),
		limit:   maxEntries,
	}
}

func (s *scanner) root(dir, abs string) {
	real, err := s.follow(abs)
	if err != nil {
		s.fail("", fmt.Errorf("the directory of manifests %s cannot be read: %w", dir, cause(err)))
		return
	}
	// The parent tells when the directory itself is replaced.
	s.watcher.path(real)
	s.seen[real] = true
	info, err := os.Stat(real)
	if err == nil && !info.IsDir() {
		err = errors.New("it is not a directory")
	}
	if err != nil {
		s.fail("", fmt.Errorf("the directory of manifests %s cannot be read: %w", dir, cause(err)))
		return
	}
	s.directory(dir, real, 0)
}

func (s *scanner) directory(path, real string, depth int) {
	if depth > maxDepth {
		s.fail(path, fmt.Errorf("%s: more than %d directories below one another", path, maxDepth))
		return
	}
	s.watcher.directory(real)
	entries, err := os.ReadDir(real)
	if err != nil {
		if depth > 0 && errors.Is(err, fs.ErrNotExist) {
			return
		}
		s.fail(path, fmt.Errorf("the directory %s cannot be read: %w", path, cause(err)))
	}
	for _, entry := range entries {
		if isHidden(entry.Name()) {
			continue
		}
		if len(s.seen) > s.limit {
			return
		}
		s.entry(filepath.Join(path, entry.Name()), filepath.Join(real, entry.Name()), entry, depth)
	}
}

func (s *scanner) entry(path, real string, entry fs.DirEntry, depth int) {
	if entry.Type().IsRegular() && !isManifest(path) {
		return
	}
	if entry.Type()&fs.ModeSymlink != 0 {
		target, err := s.follow(real)
		if err != nil {
			s.failEntry(path, real, err)
			return
		}
		s.watcher.path(target)
		real = target
	}
	info, err := os.Stat(real)
	switch {
	case err != nil:
		s.failEntry(path, real, err)
	case s.seen[real]:
	case info.IsDir():
		if s.count(path, real) {
			s.directory(path, real, depth+1)
		}
	case !isManifest(path):
	case !info.Mode().IsRegular():
		s.fail(path, fmt.Errorf("%s: not a regular file", path))
	case s.count(path, real):
		s.files = append(s.files, found{path, real, info})
	}
}

// count takes note of a file or directory; false when it is one too many.
func (s *scanner) count(path, real string) bool {
	s.seen[real] = true
	if len(s.seen) <= s.limit {
		return true
	}
	s.fail("", fmt.Errorf("%s: the directory of manifests holds more than %d files and directories", path, s.limit))
	return false
}

func (s *scanner) fail(path string, err error) {
	s.failures = append(s.failures, failure{path, err})
	s.unread[path] = true
}

// failEntry passes over what is gone since its directory was read, and links
// to nowhere that are no manifests.
func (s *scanner) failEntry(path, real string, err error) {
	if _, gone := os.Lstat(real); errors.Is(gone, fs.ErrNotExist) || !isManifest(path) {
		return
	}
	s.fail(path, fmt.Errorf("%s: %w", path, cause(err)))
}

// follow returns the path behind all symbolic links of an absolute path, and
// has every link on the way watched.
func (s *scanner) follow(path string) (string, error) {
	separator := string(filepath.Separator)
	root := filepath.VolumeName(path) + separator
	real, rest, links := root, strings.Split(path[len(root):], separator), 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		if name == "" {
			continue
		}
		next := filepath.Join(real, name)
		info, err := os.Lstat(next)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			real = next
			continue
		}
		if links++; links > maxLinks {
			return "", errors.New("too many symbolic links")
		}
		s.watcher.path(next)
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			real = root
		}
		rest = append(strings.Split(target, separator), rest...)
	}
	return real, nil
}

func isManifest(path string) bool {
	switch filepath.Ext(path) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// comparePaths orders files as a walk meets them, and so as kubectl applies
// them: what is in the directory b goes before b.yaml.
func comparePaths(a, b string) int {
	separator := string(filepath.Separator)
	return slices.Compare(strings.Split(a, separator), strings.Split(b, separator))
}

// cause strips the path that the os package puts in front: the message has it.
func cause(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
