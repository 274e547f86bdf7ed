package reload

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/whoami"

	"github.com/miekg/dns"
)

const directive = "hold"

func init() {
	caddy.Quiet, dnsserver.Quiet = true, true
	dnsserver.Directives = append(dnsserver.Directives, directive)
	plugin.Register(directive, setup)
}

var (
	pool        Pool[string, *running]
	generations Generations[*stanza]
)

// A stanza holds what its argument names. "missing" cannot be held.
type stanza struct {
	name string
	held bool
}

func setup(c *caddy.Controller) error {
	c.Next()
	if !c.NextArg() || c.Val() == "missing" {
		return c.ArgErr()
	}
	s := &stanza{name: c.Val()}
	generations.Of(c).Add(s)
	c.OnStartup(func() error {
		_, err := pool.Hold(s.name, func(iter.Seq[*running]) (*running, error) { return new(running), nil })
		s.held = err == nil
		return err
	})
	dnsserver.GetConfig(c).AddPlugin(func(plugin.Handler) plugin.Handler { return nobody{} })
	return nil
}

func (s *stanza) Stop() {
	if s.held {
		s.held = false
		pool.Release(s.name)
	}
}

// nobody answers nothing.
type nobody struct{}

func (nobody) Name() string { return directive }

func (nobody) ServeDNS(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) {
	return dns.RcodeRefused, nil
}

// corefile has a server block for each name, on a port that is free.
func corefile(names ...string) string {
	var b strings.Builder
	for i, name := range names {
		fmt.Fprintf(&b, "z%d.test:0 {\nbind 127.0.0.1\n%s %s\n}\n", i, directive, name)
	}
	return b.String()
}

// other is a Corefile that holds nothing.
const other = "z.test:0 {\nbind 127.0.0.1\nwhoami\n}\n"

// failing is a Corefile whose start fails after that of its stanzas: the port of
// the last server block is taken.
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

func input(corefile string) caddy.Input {
	return caddy.CaddyfileInput{Filepath: "Corefile", Contents: []byte(corefile), ServerTypeName: "dns"}
}

// An instance is the one that runs.
type instance struct {
	t *testing.T
	*caddy.Instance
}

// start starts a server, which ends with the test.
func start(t *testing.T, corefile string) *instance {
	t.Helper()
	started, err := caddy.Start(input(corefile))
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{t, started}
	t.Cleanup(func() {
		i.end()
		i.want("the end", nil)
	})
	return i
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

// want checks how many stanzas hold what runs.
func (i *instance) want(when string, holders map[string]int) {
	i.t.Helper()
	pool.mu.Lock()
	defer pool.mu.Unlock()
	got := make(map[string]int)
	for name, held := range pool.running {
		got[name] = held.holders
	}
	if fmt.Sprint(got) != fmt.Sprint(holders) || len(generations.known) != min(len(holders), 1) {
		i.t.Errorf("%s: the holders are %v in %d generations, want %v", when, got, len(generations.known), holders)
	}
}

func TestAReloadThatFailsHoldsNothing(t *testing.T) {
	i := start(t, corefile("a"))
	for name, corefile := range map[string]string{
		"what runs":                     failing(t, corefile("a")),
		"what runs and something else":  failing(t, corefile("a", "b")),
		"something else only":           failing(t, corefile("b")),
		"a stanza that does not parse":  corefile("b", ""),
		"what cannot be held":           corefile("b", "missing"),
		"no stanza":                     failing(t, other),
		"what is not a Corefile at all": "{",
	} {
		if err := i.reload(corefile); err == nil {
			t.Errorf("%s: the reload did not fail", name)
		}
		i.want(name, map[string]int{"a": 1})
	}
	if err := i.reload(corefile("a", "b", "a")); err != nil {
		t.Fatal(err)
	}
	i.want("a good reload", map[string]int{"a": 2, "b": 1})
}

func TestAReloadThatFailsBeforeThereWasAStanza(t *testing.T) {
	i := start(t, other)
	if err := i.reload(failing(t, corefile("a"))); err == nil {
		t.Error("the reload did not fail")
	}
	if err := i.reload(corefile("a")); err != nil {
		t.Fatal(err)
	}
	i.want("the good reload", map[string]int{"a": 1})
}

func TestAReloadKeepsWhatRuns(t *testing.T) {
	i := start(t, corefile("a"))
	before := held(t, "a")
	if err := i.reload(corefile("a", "b")); err != nil {
		t.Fatal(err)
	}
	if held(t, "a") != before || before.ended != 0 {
		t.Error("the reload began anew")
	}
	b := held(t, "b")
	if err := i.reload(corefile("a")); err != nil {
		t.Fatal(err)
	}
	if held(t, "a") != before || before.ended != 0 || b.ended != 1 {
		t.Errorf("what was held on ended %d times, what was not %d times", before.ended, b.ended)
	}
}

// held returns what runs under a name.
func held(t *testing.T, name string) *running {
	t.Helper()
	r, err := pool.Hold(name, func(iter.Seq[*running]) (*running, error) { return nil, errors.New("nothing runs under " + name) })
	if err != nil {
		t.Fatal(err)
	}
	pool.Release(name)
	return r
}

func TestAReloadWhoseOldInstanceFailsToShutDown(t *testing.T) {
	i := start(t, corefile("a"))
	broken := errors.New("broken")
	i.OnShutdown = append([]func() error{func() error { return broken }}, i.OnShutdown...)
	next, err := i.Restart(input(corefile("b")))
	if !errors.Is(err, broken) || next != i.Instance {
		t.Fatalf("got the error %v", err)
	}
	// The new instance serves all the same.
	i.Instance = caddy.Instances()[0]
	i.want("the reload", map[string]int{"b": 1})
}

func TestWhatIsHeldRunsOnInTheLameDuck(t *testing.T) {
	i := start(t, corefile("a"))
	i.OnFinalShutdown = append([]func() error{func() error {
		i.want("the lame duck", map[string]int{"a": 1})
		return nil
	}}, i.OnFinalShutdown...)
}

func TestAHundredReloadsHoldWhatOneDoes(t *testing.T) {
	i := start(t, corefile("a"))
	for n := range 100 {
		if err := i.reload(corefile([][]string{{"a"}, {"b"}, {"a", "b"}}[n%3]...)); err != nil {
			t.Fatal(err)
		}
	}
	i.want("the reloads", map[string]int{"a": 1})
}

func TestAGenerationHasAllStanzasOfItsInstance(t *testing.T) {
	i := start(t, corefile("a", "b", "a"))
	var names []string
	for _, s := range i.Storage[&generations].(*Generation[*stanza]).Held() {
		names = append(names, s.name)
	}
	if got := strings.Join(names, " "); got != "a b a" {
		t.Errorf("it has %q", got)
	}
}
