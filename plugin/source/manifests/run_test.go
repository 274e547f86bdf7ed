package manifests

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	stdlog "log"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/fsnotify/fsnotify"
)

func TestChangesOnDiskAreReported(t *testing.T) {
	t.Parallel()
	const a, b, c = "Service default/a headless", "Service default/b headless", "Service default/c headless"
	for _, row := range []struct {
		name   string
		before map[string]string
		first  string
		change func(t *testing.T, dir string)
		want   string
	}{
		{"a new file", nil, "", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"a.yaml": headless("a")})
		}, a},
		{"a file written in place", map[string]string{"a.yaml": headless("a")}, a, func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"a.yaml": headless("b")})
		}, b},
		{"a file written in several steps", map[string]string{"a.yaml": headless("a")}, a, func(t *testing.T, dir string) {
			f, err := os.OpenFile(filepath.Join(dir, "a.yaml"), os.O_TRUNC|os.O_WRONLY, 0)
			must(t, err)
			for _, part := range strings.SplitAfter(headless("b")+"---\n"+headless("c"), "\n") {
				_, err := f.WriteString(part)
				must(t, err)
				must(t, f.Sync())
			}
			must(t, f.Close())
		}, b + "\n" + c},
		{"an editor that renames the new file over the old one", map[string]string{"a.yaml": headless("a")}, a, func(t *testing.T, dir string) {
			write(t, dir, map[string]string{".a.yaml.swp": headless("b")})
			must(t, os.Rename(filepath.Join(dir, ".a.yaml.swp"), filepath.Join(dir, "a.yaml")))
		}, b},
		{"an editor that renames the old file and writes a new one", map[string]string{"a.yaml": headless("a")}, a, func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, "a.yaml"), filepath.Join(dir, "a.yaml~")))
			write(t, dir, map[string]string{"a.yaml": headless("b")})
		}, b},
		{"a file that goes", map[string]string{"a.yaml": headless("a"), "b.yaml": headless("b")}, a + "\n" + b, func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "a.yaml")))
		}, b},
		{"a file that is renamed", map[string]string{"a.yaml": headless("a")}, a, func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, "a.yaml"), filepath.Join(dir, "z.yaml")))
			write(t, dir, map[string]string{"b.yaml": headless("b")})
		}, a + "\n" + b},
		{"new directories, one in another", nil, "", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"one/two/three/a.yaml": headless("a")})
		}, a},
		{"a directory that goes", map[string]string{"one/two/a.yaml": headless("a"), "b.yaml": headless("b")}, a + "\n" + b, func(t *testing.T, dir string) {
			must(t, os.RemoveAll(filepath.Join(dir, "one")))
		}, b},
		{"a directory that another one takes the place of", map[string]string{"one/a.yaml": headless("a")}, a, func(t *testing.T, dir string) {
			must(t, os.Rename(filepath.Join(dir, "one"), filepath.Join(dir, ".one")))
			write(t, dir, map[string]string{"one/a.yaml": headless("b")})
		}, b},
		{"a directory that a file takes the place of", map[string]string{"one.yaml/a.yaml": headless("a")}, a, func(t *testing.T, dir string) {
			must(t, os.RemoveAll(filepath.Join(dir, "one.yaml")))
			write(t, dir, map[string]string{"one.yaml": headless("b")})
		}, b},
		{"a slice that goes to another Service", map[string]string{"a.yaml": slice("s", "a", "10.244.0.1")}, "Slice default/s of a: 10.244.0.1", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"a.yaml": slice("s", "b", "10.244.0.1")})
		}, "Slice default/s of b: 10.244.0.1"},
		{"a Service that becomes ClusterIP takes its slices along", map[string]string{"a.yaml": headless("a"), "s.yaml": slice("s", "a", "10.244.0.1")},
			a + "\nSlice default/s of a: 10.244.0.1", func(t *testing.T, dir string) {
				write(t, dir, map[string]string{"a.yaml": strings.Replace(headless("a"), "None", "10.96.0.1", 1)})
			}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, row.before)
			r := run(t, dir, Options{})
			r.await(t, row.first)
			row.change(t, dir)
			r.await(t, row.want)
			// What comes later is seen too: the watch has followed.
			write(t, dir, map[string]string{"last/z.yaml": headless("z")})
			r.await(t, strings.TrimSpace(lastAfter(row.want)))
		})
	}
}

// lastAfter adds the Service z to the lines of a state.
func lastAfter(lines string) string {
	services, slices, found := strings.Cut(lines, "Slice ")
	if found {
		return strings.TrimSpace(services+"\nService default/z headless") + "\nSlice " + slices
	}
	return services + "\nService default/z headless"
}

// A later change below a directory is seen: it is watched by its new self.
func TestADirectoryThatIsReplacedIsWatchedAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"one/a.yaml": headless("a")})
	r := run(t, dir, Options{})
	for _, name := range []string{"b", "c", "d"} {
		must(t, os.Rename(filepath.Join(dir, "one"), filepath.Join(dir, ".was-before-"+name)))
		write(t, dir, map[string]string{"one/a.yaml": headless(name)})
		r.await(t, "Service default/"+name+" headless")
		write(t, dir, map[string]string{"one/a.yaml": headless(name + name)})
		r.await(t, "Service default/"+name+name+" headless")
	}
}

// configMap is a volume as the kubelet writes it.
type configMap struct {
	dir      string
	versions int
}

// set swaps in a new version of all files at once.
func (c *configMap) set(t *testing.T, files map[string]string) {
	t.Helper()
	c.versions++
	version := "..2024_05_01_10_00_0" + string(rune('0'+c.versions)) + ".1"
	old, _ := os.Readlink(filepath.Join(c.dir, "..data"))
	write(t, filepath.Join(c.dir, version), files)
	must(t, os.Symlink(version, filepath.Join(c.dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(c.dir, "..data_tmp"), filepath.Join(c.dir, "..data")))
	for name := range files {
		err := os.Symlink(filepath.Join("..data", name), filepath.Join(c.dir, name))
		if err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
	}
	if old != "" {
		must(t, os.RemoveAll(filepath.Join(c.dir, old)))
	}
}

func TestAConfigMapVolume(t *testing.T) {
	t.Parallel()
	volume := configMap{dir: t.TempDir()}
	volume.set(t, map[string]string{"a.yaml": headless("a"), "b.yaml": headless("b")})
	r := run(t, volume.dir, Options{})
	r.await(t, "Service default/a headless\nService default/b headless")
	for _, name := range []string{"c", "d", "e"} {
		volume.set(t, map[string]string{"a.yaml": headless("a"), "b.yaml": headless(name)})
		r.await(t, "Service default/a headless\nService default/"+name+" headless")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, changes := range r.applies[1:] {
		if len(changes) != 2 {
			t.Errorf("swap %d was reported as %d changes, want 2: one object goes, one comes", i, len(changes))
		}
	}
}

func TestLinksThatAreSwapped(t *testing.T) {
	t.Parallel()
	const a, b, c = "Service default/a headless", "Service default/b headless", "Service default/c headless"
	for _, row := range []struct {
		name string
		// dir is what New gets; swap makes the link lead elsewhere, and edit
		// changes the file that it leads to.
		dir, link string
	}{
		{"the directory itself is a link", "current", "current"},
		{"the directory is below a link", "current/sub", "current"},
		{"a directory below is a link out of the tree", "tree", "tree/out"},
		{"a file is a link out of the tree", "tree", "tree/a.yaml"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			write(t, base, map[string]string{"v1/sub/a.yaml": headless("a"), "v2/sub/a.yaml": headless("b")})
			must(t, os.MkdirAll(filepath.Join(base, "tree"), 0o755))
			inside := ""
			if strings.HasSuffix(row.link, ".yaml") {
				inside = "sub/a.yaml"
			}
			link := filepath.Join(base, row.link)
			must(t, os.Symlink(filepath.Join(base, "v1", inside), link))
			r := run(t, filepath.Join(base, row.dir), Options{})
			r.await(t, a)
			must(t, os.Symlink(filepath.Join(base, "v2", inside), link+".new"))
			must(t, os.Rename(link+".new", link))
			r.await(t, b)
			write(t, base, map[string]string{"v2/sub/a.yaml": headless("c")})
			r.await(t, c)
		})
	}
}

func TestTheDirectoryIsReplacedAtRunTime(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "dir")
	write(t, dir, map[string]string{"a.yaml": headless("a")})
	r := run(t, dir, Options{})
	errorsBefore := count(t, manifestErrors)
	must(t, os.Rename(dir, dir+".old"))
	awaitCount(t, errorsBefore+1)
	r.await(t, "Service default/a headless")
	write(t, dir, map[string]string{"b.yaml": headless("b")})
	r.await(t, "Service default/b headless")
}

// awaitCount waits until so many errors were counted.
func awaitCount(t *testing.T, want float64) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(deadline)
	for count(t, manifestErrors) < want {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%v errors were counted, want %v", count(t, manifestErrors), want)
		}
	}
}

func TestABrokenFileKeepsItsLastGoodState(t *testing.T) {
	const a, b = "Service default/a headless", "Service default/b headless"
	log := captureLog(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.yaml": headless("a"), "b.yaml": headless("b")})
	r := run(t, dir, Options{})
	r.await(t, a+"\n"+b)
	before := count(t, manifestErrors)
	write(t, dir, map[string]string{"a.yaml": "apiVersion: v1\nkind: [\n"})
	awaitCount(t, before+1)
	// The other files are followed on, and the error is not logged again.
	write(t, dir, map[string]string{"c.yaml": headless("c")})
	r.await(t, a+"\n"+b+"\nService default/c headless")
	text := "Keeping the last good state of a manifest: " + filepath.Join(dir, "a.yaml") + ":2: did not find expected node content"
	if n := log.count(text); n != 1 {
		t.Errorf("logged %d times, want once: %s\n%s", n, text, log.text())
	}
	write(t, dir, map[string]string{"a.yaml": headless("aa")})
	r.await(t, "Service default/aa headless\n"+b+"\nService default/c headless")
	// A file that goes while it is broken takes its objects along.
	write(t, dir, map[string]string{"b.yaml": "{"})
	awaitCount(t, count(t, manifestErrors)+1)
	must(t, os.Remove(filepath.Join(dir, "b.yaml")))
	r.await(t, "Service default/aa headless\nService default/c headless")
}

// A read that fails halfway takes nothing away, and holds nothing up.
func TestWhatCannotBeReadKeepsItsLastGoodState(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		error string
	}{
		{"a link that leads nowhere", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, ".target"))) },
			"sub/a.yaml: no such file or directory"},
		{"a directory that is too deep", func(t *testing.T, dir string) {
			must(t, os.MkdirAll(filepath.Join(dir, strings.Repeat("d/", maxDepth+1)), 0o755))
		}, strings.Repeat("d/", maxDepth) + "d: more than 32 directories below one another"},
		{"a file that is too large", func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, "sub/a.yaml"), maxFile+1)) },
			"sub/a.yaml: larger than 64 MiB, the most that is read of a file"},
		{"a device in place of a file", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "sub/a.yaml")))
			must(t, os.Symlink(os.DevNull, filepath.Join(dir, "sub/a.yaml")))
		}, "sub/a.yaml: not a regular file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			log := captureLog(t)
			dir := t.TempDir()
			write(t, dir, map[string]string{".target": headless("a"), "sub/b.yaml": ""})
			must(t, os.Symlink("../.target", filepath.Join(dir, "sub/a.yaml")))
			s := newStill(t, dir, Options{})
			row.spoil(t, dir)
			for _, name := range []string{"b", "c"} {
				write(t, dir, map[string]string{"sub/b.yaml": headless(name)})
				s.settle(t)
				s.want(t, "Service default/a headless\nService default/"+name+" headless")
			}
			if n := log.count(filepath.Join(dir, row.error)); n != 1 {
				t.Errorf("logged %d times, want once: %s\n%s", n, row.error, log.text())
			}
		})
	}
}

// A change that leaves no trace in what a directory says of a file is seen where
// the system tells of it, and else when contents are compared.
func TestAFileIsReadAgainWhenItChanges(t *testing.T) {
	const first, second = "Slice default/s of a: 10.244.0.1", "Slice default/s of a: 10.244.0.2"
	old := time.Now().Add(-time.Hour)
	other := slice("s", "a", "10.244.0.2")
	rewrite := func(t *testing.T, path string) {
		must(t, os.WriteFile(path, []byte(other), 0o644))
		must(t, os.Chtimes(path, old, old))
	}
	look := func(s still, _ string) { s.after(0) }
	for _, row := range []struct {
		name   string
		change func(t *testing.T, path string)
		look   func(s still, path string)
		want   string
	}{
		{"nothing changes", func(*testing.T, string) {}, look, first},
		{"another time", func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte(other), 0o644)) }, look, second},
		{"another size", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(other+"#\n"), 0o644))
			must(t, os.Chtimes(path, old, old))
		}, look, second},
		{"another file behind the name", func(t *testing.T, path string) {
			rewrite(t, path+"~")
			must(t, os.Rename(path+"~", path))
		}, look, second},
		{"neither, and the system tells of it", rewrite, func(s still, path string) {
			s.reread(&watcher{told: told{of: map[string]bool{path: true}}})
		}, second},
		{"neither, and the system tells of nothing", rewrite, look, first},
		{"neither, and the system tells that it has lost something", rewrite, func(s still, _ string) { s.look() }, second},
		{"neither, and it is time to compare contents", rewrite, func(s still, _ string) { s.after(rescanTime) }, second},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir, err := filepath.EvalSymlinks(t.TempDir())
			must(t, err)
			path := filepath.Join(dir, "a.yaml")
			write(t, dir, map[string]string{"a.yaml": slice("s", "a", "10.244.0.1")})
			must(t, os.Chtimes(path, old, old))
			s := newStill(t, dir, Options{})
			row.change(t, path)
			row.look(s, path)
			s.after(writeTime)
			s.want(t, row.want)
		})
	}
}

// A comparison reads at most so much; the next one goes on where it has ended.
func TestComparisonsAreBounded(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-time.Hour)
	fill := func(c string) {
		for i, size := range []int{1, 1, 1, 2 * minCompared, 1, 1, 1} {
			path := filepath.Join(dir, fmt.Sprintf("%d.yaml", i))
			must(t, os.WriteFile(path, []byte("#"+strings.Repeat(c, size)), 0o600))
			must(t, os.Chtimes(path, old, old))
		}
	}
	fill("a")
	s := newStill(t, dir, Options{})
	fill("b")
	var found []int
	for range 4 {
		s.compare(&tree{}, 3*minCompared, s.clock.at)
		unread := 0
		for _, f := range s.files {
			if f.unread {
				unread++
			}
		}
		found = append(found, unread)
	}
	if !slices.Equal(found, []int{3, 5, 7, 7}) {
		t.Errorf("so many files were found to have changed: %v, want 3, then 2 of which one is large, then 2", found)
	}
}

func TestTheLaterDefinitionCounts(t *testing.T) {
	log := captureLog(t)
	dir := t.TempDir()
	name := func(path string) string { return filepath.Join(dir, path) }
	const org, net, com = "Service default/a external_name example.org.", "Service default/a external_name example.net.", "Service default/a external_name example.com."
	write(t, dir, map[string]string{"m.yaml": external("a", "example.org") + "---\n" + external("a", "example.net")})
	s := newStill(t, dir, Options{})
	s.want(t, net)
	// Before it by path, but later in time.
	write(t, dir, map[string]string{"b.yaml": external("a", "example.com")})
	s.settle(t)
	s.want(t, net)
	// The directory m goes before m.yaml, as kubectl walks them.
	write(t, dir, map[string]string{"m/z.yaml": external("a", "example.com")})
	s.settle(t)
	s.want(t, net)
	write(t, dir, map[string]string{"n.yaml": external("a", "example.com")})
	s.settle(t)
	s.want(t, com)
	must(t, os.Remove(name("n.yaml")))
	s.settle(t)
	s.want(t, net)
	write(t, dir, map[string]string{"m.yaml": external("a", "example.org") + "# the first one alone, and more of other text\n"})
	s.settle(t)
	s.want(t, org)
	for _, text := range []string{
		"Left out the Service default/a (" + name("m.yaml") + ":1): it is defined again at " + name("m.yaml") + ":6, and the later definition counts",
		"Left out the Service default/a (" + name("b.yaml") + ":1): it is defined again at " + name("m/z.yaml") + ":1, and the later definition counts",
		"Left out the Service default/a (" + name("m/z.yaml") + ":1): it is defined again at " + name("m.yaml") + ":1, and the later definition counts",
		"Left out the Service default/a (" + name("m.yaml") + ":6): it is defined again at " + name("n.yaml") + ":1, and the later definition counts",
	} {
		if n := log.count(text); n != 1 {
			t.Errorf("logged %d times, want once: %s\n%s", n, text, log.text())
		}
	}
}

func TestABadObjectIsLoggedOnce(t *testing.T) {
	log := captureLog(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.yaml": slice("s", "a", "nowhere")})
	r := run(t, dir, Options{})
	write(t, dir, map[string]string{"a.yaml": slice("s", "a", "nowhere") + "---\n" + headless("a")})
	r.await(t, "Service default/a headless\nSlice default/s of a is left out: address \"nowhere\"")
	if n := log.count("Left out the EndpointSlice default/s: " + filepath.Join(dir, "a.yaml") + ":1: "); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, log.text())
	}
}

// Nobody needs to hear of it again where something else in the file changes.
func TestABadObjectThatMovesInItsFileIsLoggedOnce(t *testing.T) {
	log := captureLog(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.yaml": slice("s", "a", "nowhere")})
	s := newStill(t, dir, Options{})
	for _, text := range []string{
		headless("a") + "---\n" + slice("s", "a", "nowhere"),
		headless("a") + "---\n" + headless("b") + "---\n" + slice("s", "a", "nowhere"),
	} {
		write(t, dir, map[string]string{"a.yaml": text})
		s.settle(t)
	}
	if n := log.count("Left out the EndpointSlice default/s: "); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, log.text())
	}
	const good = "The EndpointSlice default/s counts again"
	if log.count(good) != 0 {
		t.Errorf("logged\n%s", log.text())
	}
	write(t, dir, map[string]string{"a.yaml": headless("a") + "---\n" + slice("s", "a", "10.0.0.1")})
	s.settle(t)
	if log.count(good) != 1 {
		t.Errorf("logged\n%swant once: %s", log.text(), good)
	}
	write(t, dir, map[string]string{"a.yaml": headless("a") + "---\n" + slice("s", "a", "nowhere")})
	s.settle(t)
	write(t, dir, map[string]string{"a.yaml": headless("a")})
	s.settle(t)
	if log.count("Left out the EndpointSlice default/s: ") != 2 || log.count(good) != 1 {
		t.Errorf("logged\n%swant that it was left out again, and nothing where it is gone", log.text())
	}
}

func TestOptionsHoldAtRunTime(t *testing.T) {
	t.Parallel()
	namespace := func(team string) string {
		return "apiVersion: v1\nkind: Namespace\nmetadata: {name: one, labels: {team: " + team + "}}\n"
	}
	labeled := func(app string) string {
		return strings.Replace(headless("a"), "{name: a}", "{name: a, labels: {app: "+app+"}}", 1)
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"n.yaml": namespace("red"), "a.yaml": labeled("yes-it-is")})
	r := run(t, dir, Options{Labels: selector(t, "app=yes-it-is"), NamespaceLabels: selector(t, "team=red")})
	r.await(t, "Namespace one\nService default/a headless")
	write(t, dir, map[string]string{"n.yaml": namespace("blue")})
	r.await(t, "Service default/a headless")
	write(t, dir, map[string]string{"a.yaml": labeled("other"), "n.yaml": namespace("red")})
	r.await(t, "Namespace one")
}

func TestTheFirstApplyHoldsEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.yaml": headless("a"), "b.yaml": slice("s", "a", "10.244.0.1")})
	r := run(t, dir, Options{})
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.applies) != 1 || len(r.applies[0]) != 2 {
		t.Errorf("got %v, want one Apply of two changes", r.applies)
	}
}

func TestASliceLeavesItsOwnerInTheSameApply(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.yaml": slice("s", "a", "10.244.0.1")})
	r := run(t, dir, Options{})
	write(t, dir, map[string]string{"a.yaml": slice("s", "b", "10.244.0.1")})
	r.await(t, "Slice default/s of b: 10.244.0.1")
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.applies[len(r.applies)-1]
	key := model.SliceKey{Namespace: "default", Name: "s"}
	if len(last) != 2 || !last[0].Removed || last[0].Slice.Owner().Name != "a" || last[0].Slice.SliceKey != key ||
		last[1].Removed || last[1].Slice.Owner().Name != "b" {
		t.Errorf("got %+v, want a removal from a, then the slice of b", last)
	}
}

// Each row takes the watch away and then changes a file: another way must see it.
func TestWithoutAWatchTheTreeIsReadAgain(t *testing.T) {
	for _, row := range []struct {
		name string
		open func() (*fsnotify.Watcher, error)
		lose func(t *testing.T, w *fsnotify.Watcher, change func())
	}{
		{"the system gives no watch", func() (*fsnotify.Watcher, error) { return nil, errors.New("no more watches") },
			func(_ *testing.T, _ *fsnotify.Watcher, change func()) { change() }},
		{"the watch ends", fsnotify.NewWatcher, func(t *testing.T, w *fsnotify.Watcher, change func()) {
			must(t, w.Close())
			change()
		}},
		{"events are lost because they are too many", fsnotify.NewWatcher, func(t *testing.T, w *fsnotify.Watcher, change func()) {
			for _, path := range w.WatchList() {
				must(t, w.Remove(path))
			}
			change()
			w.Errors <- fsnotify.ErrEventOverflow
		}},
		{"the watch reports an error", fsnotify.NewWatcher, func(t *testing.T, w *fsnotify.Watcher, change func()) {
			for _, path := range w.WatchList() {
				must(t, w.Remove(path))
			}
			change()
			w.Errors <- errors.New("input or output error")
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{"a.yaml": headless("a")})
			var opened *fsnotify.Watcher
			r := runWith(t, dir, Options{}, func() (w *fsnotify.Watcher, err error) {
				opened, err = row.open()
				return opened, err
			})
			r.await(t, "Service default/a headless")
			row.lose(t, opened, func() { write(t, dir, map[string]string{"a.yaml": headless("b")}) })
			r.await(t, "Service default/b headless")
		})
	}
}

func TestRunLeavesNothingRunning(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.yaml": headless("a")})
	s, err := New(dir, Options{})
	must(t, err)
	r := newReceiver()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx, r)
	}()
	running{r, dir}.awaitSynced(t)
	write(t, dir, map[string]string{"a.yaml": headless("b")})
	r.await(t, "Service default/b headless")
	cancel()
	awaitClosed(t, ended, "Run goes on after its context is done")
	awaitNoGoroutine(t, "fsnotify")
	r.check(t)
}

// awaitNoGoroutine waits until no goroutine has text in its stack. A goroutine
// that has closed its last channel may need a moment more to end.
func awaitNoGoroutine(t *testing.T, text string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(deadline)
	for {
		var stacks bytes.Buffer
		must(t, pprof.Lookup("goroutine").WriteTo(&stacks, 1))
		if !strings.Contains(stacks.String(), text) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("a goroutine is left:\n%s", stacks.String())
		}
	}
}

// logged is what was logged during a test.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// captureLog is not for tests that run in parallel.
func captureLog(t *testing.T) *logged {
	l := &logged{}
	stdlog.SetOutput(l)
	t.Cleanup(func() { stdlog.SetOutput(io.Discard) })
	return l
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// forget drops what was logged so far.
func (l *logged) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Reset()
}

func (l *logged) count(text string) int { return strings.Count(l.text(), text) }

func TestMain(m *testing.M) {
	flag.Parse()
	// Those that may run at once wait most of the time.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	stdlog.SetOutput(io.Discard)
	os.Exit(m.Run())
}
