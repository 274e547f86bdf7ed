package manifests

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// edits makes random changes to a tree, and tells what is in it.
type edits struct {
	dir string
	// holds has the names of the objects in each file; nil is a broken file.
	holds map[string][]string
	// count makes the content of every state another one.
	count int
}

var (
	editedFiles  = []string{"a.yaml", "b.yml", "sub/c.yaml", "sub/sub/d.json.yaml", "linked/e.yaml"}
	editedNames  = []string{"one", "two", "three", "four"}
	editedStates = []func(name string, n int) string{
		func(name string, _ int) string { return headless(name) },
		func(name string, n int) string { return external(name, fmt.Sprintf("n%d.example.org", n)) },
		func(name string, n int) string {
			return headless(name) + "---\n" + slice(name+"-slice", editedNames[n%len(editedNames)], "10.244.0.1")
		},
		func(name string, n int) string {
			return headless(name) + "---\n" + slice(name+"-slice", name, fmt.Sprintf("10.244.0.%d", n%256))
		},
		func(name string, n int) string {
			return headless(name) + "---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: " + name + "}\nsubsets:\n" +
				fmt.Sprintf("- addresses: [{ip: 192.0.2.%d}]\n", n%256)
		},
		func(name string, _ int) string { return strings.Replace(headless(name), "None", "10.96.0.1", 1) },
		func(name string, _ int) string { return slice(name+"-slice", name, "nowhere") },
	}
)

// write fills a file with objects that no other file has.
func (e *edits) write(t *rapid.T) {
	file := rapid.SampledFrom(editedFiles).Draw(t, "file")
	free := slices.DeleteFunc(slices.Clone(editedNames), func(name string) bool { return e.isIn(name, file) })
	var text []string
	e.holds[file] = []string{}
	for _, name := range free {
		if rapid.Bool().Draw(t, "has "+name) {
			e.count++
			state := rapid.SampledFrom(editedStates).Draw(t, "state")
			text = append(text, state(name, e.count))
			e.holds[file] = append(e.holds[file], name)
		}
	}
	e.replace(t, file, strings.Join(text, "---\n"))
}

func (e *edits) isIn(name, butNot string) bool {
	for file, names := range e.holds {
		if file != butNot && slices.Contains(names, name) {
			return true
		}
	}
	return false
}

func (e *edits) replace(t *rapid.T, file, text string) {
	path := filepath.Join(e.dir, file)
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	if rapid.Bool().Draw(t, "in place") {
		check(t, os.WriteFile(path, []byte(text), 0o644))
		return
	}
	check(t, os.WriteFile(path+"~", []byte(text), 0o644))
	check(t, os.Rename(path+"~", path))
}

// broken breaks a file; what it held may come up elsewhere from now on.
func (e *edits) broken(t *rapid.T) {
	file := rapid.SampledFrom(editedFiles).Draw(t, "file")
	e.holds[file] = nil
	e.replace(t, file, "apiVersion: [")
}

func (e *edits) remove(t *rapid.T) {
	file := rapid.SampledFrom(editedFiles).Draw(t, "file")
	delete(e.holds, file)
	if err := os.Remove(filepath.Join(e.dir, file)); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

func (e *edits) rename(t *rapid.T) {
	from := rapid.SampledFrom(editedFiles).Draw(t, "from")
	to := rapid.SampledFrom(editedFiles).Draw(t, "to")
	names, ok := e.holds[from]
	if !ok || from == to {
		t.Skip("nothing to rename")
	}
	path := filepath.Join(e.dir, to)
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.Rename(filepath.Join(e.dir, from), path))
	delete(e.holds, from)
	e.holds[to] = names
}

func (e *edits) removeDirectory(t *rapid.T) {
	check(t, os.RemoveAll(filepath.Join(e.dir, "sub")))
	maps.DeleteFunc(e.holds, func(file string, _ []string) bool { return strings.HasPrefix(file, "sub/") })
}

// swap leads the link to a new directory with the same content.
func (e *edits) swap(t *rapid.T) {
	e.count++
	link, version := filepath.Join(e.dir, "linked"), fmt.Sprintf("..v%d", e.count)
	check(t, os.Mkdir(filepath.Join(e.dir, version), 0o755))
	if text, err := os.ReadFile(filepath.Join(link, "e.yaml")); err == nil {
		check(t, os.WriteFile(filepath.Join(e.dir, version, "e.yaml"), text, 0o644))
	}
	check(t, os.Symlink(version, link+"~"))
	check(t, os.Rename(link+"~", link))
}

// mend removes what is broken.
func (e *edits) mend(t *rapid.T) {
	for file, names := range e.holds {
		if names == nil {
			check(t, os.Remove(filepath.Join(e.dir, file)))
		}
	}
}

func check(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever happens to the files, and whenever they are read, in the end the
// state is that of a fresh start, and every report on the way kept to the
// contract.
func TestAnyEditsEndInTheStateOfAFreshLoad(t *testing.T) {
	base, outer := t.TempDir(), t
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(base, "tree")
		check(t, err)
		e := &edits{dir: dir, holds: make(map[string][]string)}
		e.swap(t)
		s := newStill(outer, dir, Options{})
		t.Repeat(map[string]func(*rapid.T){
			"write":            e.write,
			"break":            e.broken,
			"remove":           e.remove,
			"rename":           e.rename,
			"remove directory": e.removeDirectory,
			"swap":             e.swap,
			"look":             func(*rapid.T) { s.look() },
			"wait":             func(*rapid.T) { s.after(writeTime) },
			"wait long":        func(*rapid.T) { s.after(holdTime) },
		})
		e.mend(t)
		s.settle(outer)
		fresh := newStill(outer, dir, Options{})
		if changes := s.receiver.state.Difference(&fresh.receiver.state); len(changes) > 0 {
			t.Fatalf("got\n%s\nwant\n%s\nthe difference is %v", s.lines(), fresh.lines(), changes)
		}
		if len(s.wrong) > 0 {
			t.Fatalf("reports broke the contract: %v", s.wrong)
		}
	})
}
