package manifests

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/fsnotify/fsnotify"
)

// However often a file goes from one fault to another and back, the log has two lines,
// and one that it is over.
func TestAFileThatIsBrokenInTurnsIsLoggedTwice(t *testing.T) {
	log := captureLog(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.yaml")
	write(t, dir, map[string]string{"a.yaml": headless("a")})
	s := newStill(t, dir, Options{})
	log.forget()
	for i := range 6 {
		truncate(t, path, []string{"a: [", "b: {", "c: \"d"}[i%3])
		s.after(0)
		s.after(writeTime)
		s.after(holdTime)
		s.after(holdTime)
	}
	if due := s.due(); due != 0 {
		t.Errorf("something is due in %v", due)
	}
	if n := log.count(kept); n != 2 {
		t.Errorf("%d lines, want two:\n%s", n, log.text())
	}
	truncate(t, path, headless("b"))
	s.settle(t)
	if log.count(isGood) != 1 {
		t.Errorf("logged\n%swant that it is good again", log.text())
	}
	truncate(t, path, "a: [")
	s.settle(t)
	if n := log.count(kept); n != 3 {
		t.Errorf("%d lines, want one more for the next time:\n%s", n, log.text())
	}
}

func TestABrokenFileThatGoesIsLogged(t *testing.T) {
	log := captureLog(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.yaml")
	write(t, dir, map[string]string{"a.yaml": headless("a")})
	s := newStill(t, dir, Options{})
	truncate(t, path, "a: [")
	s.settle(t)
	must(t, os.Remove(path))
	s.settle(t)
	s.want(t, "")
	if log.count(kept) != 1 || log.count("The manifest "+path+" is gone, and what it said") != 1 {
		t.Errorf("logged\n%s", log.text())
	}
}

func TestAFileThatWasNeverGoodHasNoLastGoodState(t *testing.T) {
	log := captureLog(t)
	dir := t.TempDir()
	s := newStill(t, dir, Options{})
	path := filepath.Join(dir, "a.yaml")
	must(t, os.WriteFile(path, []byte("a: ["), 0o600))
	s.settle(t)
	s.settle(t)
	if log.count(kept) != 0 || log.count("Leaving out a manifest that cannot be read: "+path+":1: ") != 1 {
		t.Errorf("logged\n%s", log.text())
	}
	truncate(t, path, headless("a"))
	s.settle(t)
	s.want(t, "Service default/a headless")
	if log.count(isGood) != 1 {
		t.Errorf("logged\n%swant that it counts", log.text())
	}
}

// What is wrong with a part of the tree is logged twice at most, and once that nothing is
// any more: not while a folder above it cannot be read.
func TestATreeThatIsBrokenInTurns(t *testing.T) {
	log := captureLog(t)
	base := t.TempDir()
	dir, path := filepath.Join(base, "dir"), filepath.Join(base, "dir", "a.yaml")
	write(t, dir, map[string]string{"b.yaml": headless("b")})
	s := newStill(t, dir, Options{})
	link := func(target string) {
		t.Helper()
		_ = os.Remove(path)
		must(t, os.Symlink(target, path))
		s.look()
	}
	for range 3 {
		link("nowhere")
		link("a.yaml")
		link("nowhere/either")
	}
	const wrong, over = "Keeping the last good state of the manifests: ", "Nothing is wrong any more with the manifests at "
	if log.count(wrong+path) != 2 || log.count(over) != 0 {
		t.Errorf("logged\n%swant two lines", log.text())
	}
	must(t, os.Rename(dir, dir+"~"))
	s.look()
	s.look()
	if log.count(wrong) != 3 || log.count(over) != 0 {
		t.Errorf("logged\n%swant one line more, and nothing of what cannot be seen", log.text())
	}
	must(t, os.Rename(dir+"~", dir))
	s.look()
	if log.count(over) != 1 || log.count(over+dir) != 1 {
		t.Errorf("logged\n%swant that the folder is good again", log.text())
	}
	must(t, os.Remove(path))
	s.look()
	s.look()
	if log.count(over+path) != 1 {
		t.Errorf("logged\n%swant that the file is good again", log.text())
	}
}

// Many folders that cannot be watched are one line, and one when they can.
func TestAWatchThatFailsIsLoggedOnce(t *testing.T) {
	log := captureLog(t)
	w := newWatcher(fsnotify.NewWatcher)
	defer w.close()
	walk := func(errs ...error) {
		w.begin()
		for _, err := range errs {
			w.complete = false
			w.fail(err)
		}
		w.end(true)
	}
	const wrong, over = "since they cannot be watched", "Manifests are watched again"
	for i := range 3 {
		walk(errors.New("no space for a"), fmt.Errorf("no space for b%d", i))
	}
	if log.count(wrong) != 1 || log.count(over) != 0 {
		t.Errorf("logged\n%swant one line", log.text())
	}
	walk()
	walk()
	if log.count(over) != 1 {
		t.Errorf("logged\n%swant that they are watched again", log.text())
	}
	walk(errors.New("no space for a"))
	if log.count(wrong) != 2 {
		t.Errorf("logged\n%swant a line for the next time", log.text())
	}
}
