package image

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
)

var cold = flag.Bool("cold", false, "let the two builds of one commit share nothing that was compiled before")

// TestTwoBuildsOfACommitAreTheSame builds the commit in two folders and two
// environments. What is compiled from the same files is compiled once and shared,
// so this shows that no folder, time, user or environment gets in; with -cold the
// second build compiles everything again.
func TestTwoBuildsOfACommitAreTheSame(t *testing.T) {
	first := buildIn(t, filepath.Join(t.TempDir(), "one"), "GOFLAGS=-buildvcs=auto")
	var others []string
	if *cold {
		others = append(others, "GOCACHE="+t.TempDir())
	}
	others = append(others, "GOFLAGS=-tags=other -ldflags=-w", "GOAMD64=v3", "USER=other", "TZ=Asia/Tokyo", "LC_ALL=C", "GOMAXPROCS=1")
	second := buildIn(t, filepath.Join(t.TempDir(), "another", "and", "deeper"), others...)
	if !bytes.Equal(first, second) {
		t.Errorf("the programs differ: %d bytes and %d bytes", len(first), len(second))
	}
}

// buildIn clones the commit and returns the program that `make image` puts into
// the image.
func buildIn(t *testing.T, dir string, env ...string) []byte {
	t.Helper()
	root, err := gobuild.ModuleRoot(t.Context())
	must(t, err)
	must(t, command(t.Context(), "git", "clone", "--quiet", "--shared", root, dir))
	program := filepath.Join("build", "image", "linux-"+runtime.GOARCH, "coredns")
	cmd := exec.CommandContext(t.Context(), "make", "-C", dir, program)
	cmd.Env = append(append(os.Environ(), "MAKEFLAGS=", "MAKEOVERRIDES="), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v\n%s", program, err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, program))
	must(t, err)
	return text
}
