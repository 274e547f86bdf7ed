package endpoints

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/whoami"
)

func init() {
	caddy.Quiet, dnsserver.Quiet = true, true
	dnsserver.Directives = append(dnsserver.Directives, pluginName)
}

// corefileOf has a server block for each directory of manifests, on a port that
// is free.
func corefileOf(options string, dirs ...string) string {
	var b strings.Builder
	for i, dir := range dirs {
		fmt.Fprintf(&b, "z%d.test:0 {\nbind 127.0.0.1\nk8s_endpoints {\nmanifests %s\n%s\n}\n}\n", i, dir, options)
	}
	return b.String()
}

func input(corefile string) caddy.Input {
	return caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(corefile), ServerTypeName: "dns"}
}

// startInstance starts a server, which ends with the test.
func startInstance(t *testing.T, corefile string) *instance {
	t.Helper()
	started, err := caddy.Start(input(corefile))
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{t, started}
	t.Cleanup(func() {
		i.end()
		i.want("the end", 0, 0)
	})
	return i
}

// An instance is the one that runs.
type instance struct {
	t *testing.T
	*caddy.Instance
}

func (i *instance) end() {
	if errs := i.ShutdownCallbacks(); len(errs) > 0 {
		i.t.Error(errs)
	}
	if err := i.Stop(); err != nil {
		i.t.Error(err)
	}
}

func (i *instance) reload(corefile string) error {
	next, err := i.Restart(input(corefile))
	i.Instance = next
	return err
}

// want checks how many feeds run, and how many stanzas hold them.
func (i *instance) want(when string, running, holders int) {
	i.t.Helper()
	feeds.mu.Lock()
	defer feeds.mu.Unlock()
	sum, known := 0, len(generations.known)
	for _, f := range feeds.running {
		sum += f.holders
		for file, w := range f.snapshots {
			if w.holders != f.holders {
				i.t.Errorf("%s: %d stanzas hold a feed, and %d its snapshot %s", when, f.holders, w.holders, file)
			}
		}
	}
	if len(feeds.running) != running || sum != holders || known != min(running, 1) {
		i.t.Errorf("%s: %d stanzas hold %d feeds in %d generations, want %d that hold %d", when, sum, len(feeds.running), known, holders, running)
	}
}

// failing is a Corefile whose start fails after that of the plugin: the port of
// the second server block is taken.
func failing(t *testing.T, corefile string) string {
	t.Helper()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	return fmt.Sprintf("%staken.test:%s {\nbind 127.0.0.1\nwhoami\n}\n", corefile, port)
}

func TestAReloadThatFailsHoldsNothing(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	i := startInstance(t, corefileOf("", a))
	for name, corefile := range map[string]string{
		"the source that runs":          failing(t, corefileOf("", a)),
		"that source and another one":   failing(t, corefileOf("", a, b)),
		"another source only":           failing(t, corefileOf("", b)),
		"a stanza that does not parse":  corefileOf("", b) + corefileOf("nonsense", a),
		"a source that does not exist":  corefileOf("", b, filepath.Join(a, "none")),
		"no stanza":                     failing(t, "z.test:0 {\nbind 127.0.0.1\nwhoami\n}\n"),
		"what is not a Corefile at all": "{",
	} {
		if err := i.reload(corefile); err == nil {
			t.Errorf("%s: the reload did not fail", name)
		}
		i.want(name, 1, 1)
	}
	if err := i.reload(corefileOf("", a, b, a)); err != nil {
		t.Fatal(err)
	}
	i.want("a good reload", 2, 3)
}

func TestAReloadThatFailsBeforeThereWasAStanza(t *testing.T) {
	dir := t.TempDir()
	i := startInstance(t, "z.test:0 {\nbind 127.0.0.1\nwhoami\n}\n")
	if err := i.reload(failing(t, corefileOf("", dir))); err == nil {
		t.Error("the reload did not fail")
	}
	if err := i.reload(corefileOf("", dir)); err != nil {
		t.Fatal(err)
	}
	i.want("the good reload", 1, 1)
}

func TestAReloadWhoseOldInstanceFailsToShutDown(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	i := startInstance(t, corefileOf("", a))
	broken := errors.New("broken")
	i.OnShutdown = append([]func() error{func() error { return broken }}, i.OnShutdown...)
	next, err := i.Restart(input(corefileOf("", b)))
	if !errors.Is(err, broken) || next != i.Instance {
		t.Fatalf("got the error %v", err)
	}
	// The new instance serves all the same.
	i.Instance = caddy.Instances()[0]
	i.want("the reload", 1, 1)
	feeds.mu.Lock()
	defer feeds.mu.Unlock()
	for key := range feeds.running {
		if !strings.Contains(key, b) {
			t.Errorf("the feed %s runs on", key)
		}
	}
}

func TestChangesGoOnInTheLameDuck(t *testing.T) {
	i := startInstance(t, corefileOf("", t.TempDir()))
	i.OnFinalShutdown = append([]func() error{func() error {
		i.want("the lame duck", 1, 1)
		return nil
	}}, i.OnFinalShutdown...)
}

func TestAHundredReloadsHoldWhatOneDoes(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	i := startInstance(t, corefileOf("", a))
	for n := range 100 {
		if err := i.reload(corefileOf("", [][]string{{a}, {b}, {a, b}}[n%3]...)); err != nil {
			t.Fatal(err)
		}
	}
	i.want("the reloads", 1, 1)
}
