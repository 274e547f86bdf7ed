package apiserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kubeconfigFor writes a kubeconfig file for a server and an authority.
func kubeconfigFor(t *testing.T, server, authority string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: u, user: {token: t}}]
`, server, authority)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func origin(t *testing.T, c Config) string {
	t.Helper()
	text, err := c.Origin()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOriginTellsWhatIsReadAndNotHow(t *testing.T) {
	const server = "https://192.0.2.1:6443"
	base := Config{Kubeconfig: kubeconfigFor(t, server, "YQ=="), Namespaces: []string{"a", "b"}, Labels: "x=1,y=2"}
	with := func(change func(*Config)) Config {
		c := base
		change(&c)
		return c
	}
	for _, tc := range []struct {
		name   string
		config Config
		same   bool
	}{
		{"another file about the same", with(func(c *Config) { c.Kubeconfig = kubeconfigFor(t, server, "YQ==") }), true},
		{"a context by its name", with(func(c *Config) { c.Context = "c" }), true},
		{"other rates", with(func(c *Config) { c.QPS, c.Burst, c.MaxInflight = 1, 2, 3 }), true},
		{"more of the same objects, and Nodes", with(func(c *Config) { c.Places, c.Nodes = true, true }), true},
		{"another order", with(func(c *Config) { c.Namespaces, c.Labels = []string{"b", "a", "b"}, "y=2,x=1" }), true},
		{"another server", with(func(c *Config) { c.Kubeconfig = kubeconfigFor(t, "https://192.0.2.2:6443", "YQ==") }), false},
		{"another authority", with(func(c *Config) { c.Kubeconfig = kubeconfigFor(t, server, "Yg==") }), false},
		{"other namespaces", with(func(c *Config) { c.Namespaces = []string{"a"} }), false},
		{"other labels", with(func(c *Config) { c.Labels = "x=1" }), false},
		{"namespace labels", with(func(c *Config) { c.Namespaces, c.NamespaceLabels = nil, "x=1" }), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got, want := origin(t, tc.config), origin(t, base); (got == want) != tc.same {
				t.Errorf("got  %s\nfrom %s", got, want)
			}
		})
	}
}

func TestOriginIsShortAndHasNoPassword(t *testing.T) {
	c := Config{Endpoint: "http://user:secret@127.0.0.1:8080/path"}
	for i := range 1000 {
		c.Namespaces = append(c.Namespaces, fmt.Sprintf("namespace-%d", i))
	}
	got := origin(t, c)
	if len(got) > 2*maxSelection || strings.Contains(got, "secret") || !strings.HasPrefix(got, "http://127.0.0.1:8080/path ca=") {
		t.Errorf("got %s", got)
	}
}

func TestCurrentIsWhatTheMostSilentStreamTells(t *testing.T) {
	sc := newScene(t)
	s := &Source{}
	if !s.Current().IsZero() {
		t.Errorf("before a Run: got %v", s.Current())
	}
	s.watched.Store(&[]*stream{sc.main, sc.services})
	began := sc.main.join.clock.Now()
	sc.after(time.Minute)
	sc.list(sc.main, 2)
	if got := s.Current(); !got.Equal(began) {
		t.Errorf("one stream is silent: got %v, want %v", got, began)
	}
	sc.after(time.Minute)
	sc.must(sc.services.Bookmark("3"))
	if got := s.Current(); !got.Equal(began.Add(time.Minute)) {
		t.Errorf("both have told something: got %v, want %v", got, began.Add(time.Minute))
	}
}
