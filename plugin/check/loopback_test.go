package check

import (
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tag is the build tag that takes loopback off the list.
const tag = "checks_loopback"

func TestOnlyTheTagTakesLoopbackOffTheList(t *testing.T) {
	for _, text := range []string{"127.0.0.1", "127.0.0.53", "::1", "::ffff:127.0.0.1"} {
		if Never(netip.MustParseAddr(text)) == loopbackIsDialled {
			t.Errorf("%s is on the list: %v", text, !loopbackIsDialled)
		}
	}
}

// Nothing that builds a program for others may have the tag: no target of the Makefile but
// those that run tests, no Dockerfile, workflow or program.
func TestNoProgramIsBuiltWithTheTag(t *testing.T) {
	root := os.DirFS(filepath.Join("..", ".."))
	known := []string{"plugin/check/loopback.go", "plugin/check/noloopback.go"}
	read := 0
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "build", "test"}, path):
			return fs.SkipDir
		case !entry.Type().IsRegular(), strings.HasSuffix(path, "_test.go"), strings.HasSuffix(path, ".md"), slices.Contains(known, path):
			return nil
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		read++
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, tag) && !(path == "Makefile" && strings.Contains(line, "go test ")) {
				t.Errorf("%s: %s", path, line)
			}
		}
		return nil
	})
	if err != nil || read < 100 {
		t.Errorf("%d files read, and the error %v", read, err)
	}
}
