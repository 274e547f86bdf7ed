package image

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

const (
	// user is that of the image.
	user = 65532
	// grace is longer than the 5 seconds that CoreDNS gives to queries that it
	// has not answered yet.
	grace = 15 * time.Second
)

// run starts a container, and ends it with the test.
func run(t *testing.T, c container) *process.Process {
	t.Helper()
	c.Root, c.User = imageFor(t, runtime.GOARCH).root, user
	text, err := json.Marshal(c)
	must(t, err)
	self, err := os.Executable()
	must(t, err)
	log := filepath.Join(t.TempDir(), "log")
	p, err := process.Start(self, log, containArgument, string(text))
	must(t, err)
	t.Cleanup(func() {
		must(t, p.Kill())
		if t.Failed() {
			t.Logf("the log of CoreDNS:\n%s", p.Log())
		}
	})
	until(t, func(context.Context) error {
		if err := server.Serves(p); err != nil {
			return fmt.Errorf("%w; %w", err, p.Failure())
		}
		return nil
	})
	return p
}

// wantAnswer asks with dig, from the network of the container, until the
// addresses are those.
func wantAnswer(t *testing.T, p *process.Process, port int, name string, want ...string) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, "nsenter", "--net="+proc(p, "ns/net"),
			"dig", "-r", "@127.0.0.1", "-p", strconv.Itoa(port), "+tries=1", "+short", name, "A").CombinedOutput()
		if err != nil {
			return fmt.Errorf("dig %s: %w\n%s", name, err, out)
		}
		got := strings.Fields(string(out))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s: got %q, want %q", name, got, want)
		}
		return nil
	})
}

func proc(p *process.Process, name string) string { return fmt.Sprintf("/proc/%d/%s", p.PID(), name) }

const demo = `.:53 {
    bind 127.0.0.1
    k8s_endpoints cluster.local {
        manifests /etc/coredns/manifests
    }
    errors
}
`

// configuration makes a folder with a Corefile, which CoreDNS may read.
func configuration(t *testing.T, corefile string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "Corefile"), []byte(corefile), 0o644))
	return dir
}

func TestPort53IsAnsweredByAUserOnAReadOnlyRoot(t *testing.T) {
	root, err := gobuild.ModuleRoot(t.Context())
	must(t, err)
	for _, test := range []struct {
		name            string
		noNewPrivileges bool
	}{
		{name: "the program gets the capability of its file"},
		{name: "it keeps the capability where it must not get new ones", noNewPrivileges: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			conf := configuration(t, demo)
			must(t, os.CopyFS(filepath.Join(conf, "manifests"), os.DirFS(filepath.Join(root, "testdata", "demo"))))
			p := run(t, container{
				Volumes:         []volume{{Source: conf, Target: "/etc/coredns"}},
				Args:            []string{"/coredns", "-conf", "/etc/coredns/Corefile"},
				OwnNetwork:      true,
				NoNewPrivileges: test.noNewPrivileges,
			})
			wantAnswer(t, p, 53, "db.default.svc.cluster.local", "10.244.0.10", "10.244.1.10")
			const bindService = 1 << 10
			wantConfined(t, p, bindService, test.noNewPrivileges)
			must(t, p.Stop(grace))
		})
	}
}

// wantConfined checks by /proc that the process has no more than it needs.
func wantConfined(t *testing.T, p *process.Process, capabilities int, noNewPrivileges bool) {
	t.Helper()
	status, err := os.ReadFile(proc(p, "status"))
	must(t, err)
	set := fmt.Sprintf("%016x", capabilities)
	for field, want := range map[string]string{
		"Uid":        "65532 65532 65532 65532",
		"Gid":        "65532 65532 65532 65532",
		"Groups":     "",
		"CapPrm":     set,
		"CapEff":     set,
		"CapBnd":     set,
		"CapAmb":     fmt.Sprintf("%016x", 0),
		"NoNewPrivs": map[bool]string{false: "0", true: "1"}[noNewPrivileges],
	} {
		got := regexp.MustCompile(`(?m)^` + field + `:(.*)$`).FindStringSubmatch(string(status))
		if got == nil || strings.Join(strings.Fields(got[1]), " ") != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	mounts, err := os.ReadFile(proc(p, "mountinfo"))
	must(t, err)
	if !regexp.MustCompile(`(?m)^\d+ \d+ \S+ \S+ / ro[ ,]`).Match(mounts) {
		t.Errorf("the root is not read only:\n%s", mounts)
	}
}

func TestVersionNamesPluginAndCommit(t *testing.T) {
	i := imageFor(t, runtime.GOARCH)
	out, err := exec.CommandContext(t.Context(), filepath.Join(i.root, "coredns"), "-version").CombinedOutput()
	must(t, err)
	version := i.config.Config.Labels["org.opencontainers.image.version"]
	commit := i.config.Config.Labels["org.opencontainers.image.revision"]
	want := fmt.Sprintf("CoreDNS-1.15.0 k8s_endpoints-%s\nlinux/%s, %s, %s\n", version, runtime.GOARCH, goVersion(t), commit)
	if string(out) != want {
		t.Errorf("got %s, want %s", out, want)
	}
}

// goVersion is the release of Go that builds the module, which may be another
// one than that of the test.
func goVersion(t *testing.T) string {
	t.Helper()
	out, err := output(t.Context(), "go", "env", "GOVERSION")
	must(t, err)
	return strings.TrimSpace(out)
}
