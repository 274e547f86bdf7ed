package snapshot

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

func listed(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestSaveReplacesTheFileForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "objects")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	left, young := filepath.Join(dir, ".objects.1.tmp"), filepath.Join(dir, ".objects.2.tmp")
	for _, name := range []string{left, young} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(left, time.Time{}, time.Now().Add(-2*leftFor)); err != nil {
		t.Fatal(err)
	}
	if err := Save(path, header, slices.Values(someObjects()), Memory{}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	got, err := Load(path, anyHeader)
	if err != nil || !reflect.DeepEqual(got.Objects, someObjects()) {
		t.Errorf("got %+v, %v", got, err)
	}
	if names, want := listed(t, dir), []string{".objects.2.tmp", "objects"}; !slices.Equal(names, want) {
		t.Errorf("the directory has %q, want %q", names, want)
	}
}

func TestSaveRemovesWhatWasLeftOfItsOwnFileOnly(t *testing.T) {
	for _, c := range []struct {
		name, dir, file string
		left, others    []string
	}{
		{"a plain name", "d", "objects", []string{".objects.1.tmp"}, []string{".object.1.tmp", ".objects.new.1.tmp", ".objects.tmp", "objects.1.tmp"}},
		{"brackets in the name", "d", "a[b]", []string{".a[b].1.tmp"}, []string{".ab.1.tmp"}},
		{"a star in the name", "d", "a*", []string{".a*.1.tmp"}, []string{".ab.1.tmp"}},
		{"a bracket that is not closed", "d", "a[", []string{".a[.1.tmp"}, nil},
		{"brackets in the directory", "d[e]", "objects", []string{".objects.1.tmp"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), c.dir)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			old := time.Now().Add(-2 * leftFor)
			for _, name := range slices.Concat(c.left, c.others) {
				name = filepath.Join(dir, name)
				if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Chtimes(name, old, old)); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join(dir, c.file)
			if err := errors.Join(CheckPath(path), Save(path, header, slices.Values(someObjects()), Memory{})); err != nil {
				t.Fatal(err)
			}
			want := slices.Sorted(slices.Values(append(c.others, c.file)))
			if got := listed(t, dir); !slices.Equal(got, want) {
				t.Errorf("the directory has %q, want %q", got, want)
			}
		})
	}
}

func TestSaveThatFailsLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "objects")
	if err := Save(path, header, slices.Values(someObjects()), Memory{}); err != nil {
		t.Fatal(err)
	}
	large := serviceOf("default", "large")
	large.Service.Annotations = model.NewAnnotations(map[string]string{"drain": strings.Repeat("a", MaxObject)})
	if err := Save(path, header, slices.Values([]model.Change{large}), Memory{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got the error %v", err)
	}
	left, err := Load(path, anyHeader)
	if err != nil || len(left.Objects) != len(someObjects()) || len(listed(t, dir)) != 1 {
		t.Errorf("%d objects are left in %q: %v", len(left.Objects), listed(t, dir), err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := Save(path, header, slices.Values(someObjects()), Memory{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the directory: got the error %v", err)
	}
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		want       error
	}{
		{"nothing", filepath.Join(dir, "none"), fs.ErrNotExist},
		{"a directory", dir, fs.ErrInvalid},
		{"a pipe that nobody writes to", pipe, fs.ErrInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Load(c.path, anyHeader); !errors.Is(err, c.want) {
				t.Errorf("got the error %v", err)
			}
		})
	}
}

func TestCheckPath(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, want string }{
		{"a new file", filepath.Join(dir, "new"), ""},
		{"a file that is there", file, ""},
		{"no directory", filepath.Join(dir, "no", "file"), "no such file or directory"},
		{"a file as the directory", filepath.Join(file, "file"), "not a directory"},
		{"a directory as the file", dir, "is not a file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckPath(c.path)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got the error %v, want %q", err, c.want)
			}
		})
	}
	if got := listed(t, dir); !slices.Equal(got, []string{"file"}) {
		t.Errorf("the directory has %q", got)
	}
}
