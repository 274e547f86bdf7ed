package documents

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What the race detector leaves out, `make test` runs without it.
func TestTestsWithoutTheRaceDetectorAreRun(t *testing.T) {
	root := os.DirFS("../..")
	text, err := fs.ReadFile(root, "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "\nALONE := ")
	line, _, _ = strings.Cut(line, "\n")
	err = fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		// What allocates is run by its name.
		if err != nil || !strings.HasSuffix(path, "_test.go") || entry.Name() == "allocs_test.go" {
			return err
		}
		source, err := fs.ReadFile(root, path)
		if strings.HasPrefix(string(source), "//go:build !race\n") && !slices.Contains(strings.Fields(line), "./"+filepath.ToSlash(filepath.Dir(path))) {
			t.Errorf("%s is left out by the race detector, and its package is not in ALONE of the Makefile", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
