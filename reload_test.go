package endpoints

import (
	"errors"
	"fmt"
	"iter"
	"net"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/whoami"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
)

func init() {
	caddy.Quiet, dnsserver.Quiet = true, true
	dnsserver.Directives = append(dnsserver.Directives, pluginName)
}

func input(corefile string) caddy.Input {
	return caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(corefile), ServerTypeName: "dns"}
}

// An instance is the one that runs.
type instance struct {
	t *testing.T
	*caddy.Instance
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
		if errs := i.ShutdownCallbacks(); len(errs) > 0 {
			t.Error(errs)
		}
		if err := i.Stop(); err != nil {
			t.Error(err)
		}
	})
	return i
}

func (i *instance) reload(corefile string) error {
	next, err := i.Restart(input(corefile))
	i.Instance = next
	return err
}

// runningFeed returns the feed that runs under a key, or nil.
func runningFeed(key corefile.Key) *feed {
	f, err := feeds.Hold(key, func(iter.Seq[*feed]) (*feed, error) { return nil, errors.New("none runs") })
	if err == nil {
		feeds.Release(key)
	}
	return f
}

// TestAReloadWithTheWholePlugin goes through the setup. What may become of a reload
// is tested in plugin/reload.
func TestAReloadWithTheWholePlugin(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	// corefileOf has a server block for each directory of manifests, on a free port.
	corefileOf := func(dirs ...string) string {
		var text strings.Builder
		for i, dir := range dirs {
			fmt.Fprintf(&text, "z%d.test:0 {\nbind 127.0.0.1\nk8s_endpoints {\nmanifests %s\n}\n}\n", i, dir)
		}
		return text.String()
	}
	key := func(dir string) corefile.Key {
		s, err := corefile.Parse(controller("k8s_endpoints {\nmanifests " + dir + "\n}"))
		if err != nil {
			t.Fatal(err)
		}
		return s.Key()
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	failing := corefileOf(a, b) + fmt.Sprintf("taken.test:%s {\nbind 127.0.0.1\nwhoami\n}\n", port)

	i := startInstance(t, corefileOf(a))
	began := runningFeed(key(a))
	want := func(when string, runsB bool) {
		t.Helper()
		if began == nil || runningFeed(key(a)) != began || (runningFeed(key(b)) != nil) != runsB {
			t.Errorf("%s: the feeds are %p, which was %p, and %p", when, runningFeed(key(a)), began, runningFeed(key(b)))
		}
	}
	if err := i.reload(failing); err == nil {
		t.Error("the reload did not fail")
	}
	want("after a reload that failed", false)
	for _, dirs := range [][]string{{a, b, a}, {a, b}} {
		if err := i.reload(corefileOf(dirs...)); err != nil {
			t.Fatal(err)
		}
		want("with both", true)
	}
	if err := i.reload(corefileOf(a)); err != nil {
		t.Fatal(err)
	}
	want("with the first alone", false)
	if err := i.reload(corefileOf(b)); err != nil {
		t.Fatal(err)
	}
	if runningFeed(key(a)) != nil || runningFeed(key(b)) == nil {
		t.Error("the feed of a stanza that is gone runs on, or that of the new one does not")
	}
}
