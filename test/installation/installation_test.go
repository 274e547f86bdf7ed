// Package installation follows README.md to compile the plugin into a CoreDNS
// of one's own, and runs what it shows, and what is deployed, with the build that
// has few plugins.
package installation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"
	"github.com/k8s-endpoints/k8s_endpoints/test/documents"
)

var must = polltest.Must

const (
	module  = "github.com/k8s-endpoints/k8s_endpoints"
	coredns = "github.com/coredns/coredns"
	plugin  = "k8s_endpoints"
	// neighbour is the plugin that README.md puts this one in front of.
	neighbour = "cache"
)

func TestTheReadmesWayIntoOnesOwnCoreDNS(t *testing.T) {
	root, err := gobuild.ModuleRoot(t.Context())
	must(t, err)
	line, err := documents.Fenced(t.Context(), documents.Readme, "of `plugin.cfg`, right before `cache:cache`:", "txt")
	must(t, err)
	commands, err := documents.Fenced(t.Context(), documents.Readme, "to `plugin.cfg`, and build:", "sh")
	must(t, err)

	dir := sources(t, root)
	addLine(t, filepath.Join(dir, "plugin.cfg"), line)
	// The module is this work tree, not a release.
	shell(t, dir, "go mod edit -replace "+module+"="+root)
	shell(t, dir, commands)

	program := filepath.Join(dir, "coredns")
	wantPlugins(t, program)
	wantPlace(t, filepath.Join(dir, "core", "dnsserver", "zdirectives.go"))
	wantDemo(t, program, root)
}

// sources returns a folder with CoreDNS's source, in the version that this
// module is tested with.
func sources(t *testing.T, root string) string {
	t.Helper()
	version := strings.TrimSpace(shell(t, root, "go list -m -f '{{.Version}}' "+coredns))
	var download struct{ Dir string }
	must(t, json.Unmarshal([]byte(shell(t, t.TempDir(), "go mod download -json "+coredns+"@"+version)), &download))
	dir := filepath.Join(t.TempDir(), "coredns")
	must(t, os.CopyFS(dir, os.DirFS(download.Dir)), writable(dir))
	return dir
}

// writable makes the files of a module writable.
func writable(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.Chmod(path, info.Mode().Perm()|0o200)
	})
}

func addLine(t *testing.T, file, line string) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	const before = "\n" + neighbour + ":" + neighbour + "\n"
	if strings.Count(string(text), before) != 1 {
		t.Fatalf("%s does not have the line %q once", file, strings.TrimSpace(before))
	}
	must(t, os.WriteFile(file, []byte(strings.Replace(string(text), before, "\n"+line+before[1:], 1)), 0o644))
}

// shell runs the commands, and returns their output.
func shell(t *testing.T, dir, commands string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", commands)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), environment(t)...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", commands, err, out, complaints.String())
	}
	return string(out)
}

// environment makes the build share its cache with `make image`, whatever the
// machine has set, and lets it ask no proxy about this module but one that has
// no version of it.
func environment(t *testing.T) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOPROXY").Output()
	must(t, err)
	proxy := t.TempDir()
	versions := filepath.Join(proxy, module, "@v")
	must(t, os.MkdirAll(versions, 0o755), os.WriteFile(filepath.Join(versions, "list"), nil, 0o644))
	return []string{
		"GOPROXY=file://" + proxy + "," + strings.TrimSpace(string(out)),
		"GOWORK=off", "GOFLAGS=-trimpath", "CGO_ENABLED=0",
	}
}

func wantPlugins(t *testing.T, program string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, "-plugins").Output()
	must(t, err)
	listed := strings.Fields(string(out))
	for _, name := range []string{plugin, neighbour, "kubernetes"} {
		if !slices.Contains(listed, name) {
			t.Errorf("%s is not among the plugins %v", name, listed)
		}
	}
}

// wantPlace reads the order of the plugins, which `coredns -plugins` does not
// print.
func wantPlace(t *testing.T, directives string) {
	t.Helper()
	text, err := os.ReadFile(directives)
	must(t, err)
	if want := fmt.Sprintf("\t%q,\n\t%q,\n", plugin, neighbour); !strings.Contains(string(text), want) {
		t.Errorf("%s does not stand right before %s in\n%s", plugin, neighbour, text)
	}
}

const demo = `cluster.local:%d {
    bind 127.0.0.1
    k8s_endpoints {
        manifests %s
    }
}
`

func wantDemo(t *testing.T, program, root string) {
	t.Helper()
	port, err := loopback.Port()
	must(t, err)
	dir := t.TempDir()
	corefile := filepath.Join(dir, "Corefile")
	must(t, os.WriteFile(corefile, fmt.Appendf(nil, demo, port, filepath.Join(root, "testdata", "demo")), 0o600))
	p, err := process.Start(program, filepath.Join(dir, "log"), "-conf", corefile)
	must(t, err)
	t.Cleanup(func() { must(t, p.Kill()) })
	polltest.Until(t, func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, "dig", "-r", "@"+loopback.Address, "-p", strconv.Itoa(port),
			"+tries=1", "+short", "db.default.svc.cluster.local", "A").CombinedOutput()
		if err != nil {
			return errors.Join(fmt.Errorf("dig: %w\n%s", err, out), p.Failure())
		}
		got := strings.Fields(string(out))
		slices.Sort(got)
		if want := []string{"10.244.0.10", "10.244.1.10"}; !slices.Equal(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	})
}
