package endpoints

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source/apiserver"
)

// controller returns a controller of a server block for cluster.local and two
// reverse zones.
func controller(stanza string) *caddy.Controller {
	c := caddy.NewTestController("dns", stanza)
	c.ServerBlockKeys = []string{"cluster.local.:53", "in-addr.arpa.:53", "ip6.arpa.:53"}
	return c
}

// files makes empty files in a new directory, and returns it.
func files(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestParseReadsEveryOption(t *testing.T) {
	dir := files(t, "kubeconfig", "cert", "key", "ca")
	noted := func(c apiserver.Config) apiserver.Config {
		if err := c.NoteContents(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, c := range []struct {
		name, stanza string
		want         func(*stanza)
	}{
		{"nothing: the zones of the server block", "k8s_endpoints", func(*stanza) {}},
		{"zones, the first of which is not a reverse one", "k8s_endpoints 10.0.0.0/8 Example.org", func(s *stanza) {
			s.zones, s.primary = []string{"10.in-addr.arpa.", "example.org."}, "example.org."
		}},
		{"the reverse zone first", "k8s_endpoints in-addr.arpa example.org", func(s *stanza) {
			s.zones, s.primary = []string{"in-addr.arpa.", "example.org."}, "example.org."
		}},
		{"endpoint", "endpoint https://127.0.0.1:6443", func(s *stanza) { s.api.Endpoint = "https://127.0.0.1:6443" }},
		{"tls", "endpoint https://127.0.0.1:6443\ntls DIR/cert DIR/key DIR/ca", func(s *stanza) {
			s.api = apiserver.Config{Endpoint: "https://127.0.0.1:6443", CertFile: dir + "/cert", KeyFile: dir + "/key", CAFile: dir + "/ca"}
		}},
		{"kubeconfig", "kubeconfig DIR/kubeconfig", func(s *stanza) { s.api = noted(apiserver.Config{Kubeconfig: dir + "/kubeconfig"}) }},
		{"kubeconfig with a context", "kubeconfig DIR/kubeconfig prod", func(s *stanza) {
			s.api = noted(apiserver.Config{Kubeconfig: dir + "/kubeconfig", Context: "prod"})
		}},
		{"rates", "apiserver_qps 2.5\napiserver_burst 10\napiserver_max_inflight 3", func(s *stanza) {
			s.api.QPS, s.api.Burst, s.api.MaxInflight = 2.5, 10, 3
		}},
		{"manifests", "manifests DIR", func(s *stanza) { s.manifests = dir }},
		{"namespaces, in any order", "namespaces prod default prod", func(s *stanza) {
			s.namespaces = []string{"default", "prod"}
			s.api.Namespaces = s.namespaces
		}},
		{"labels", "labels environment in (staging, qa),application=nginx", func(s *stanza) {
			s.api.Labels = "application=nginx,environment in (qa,staging)"
		}},
		{"namespace_labels", "namespace_labels istio-injection=enabled", func(s *stanza) { s.api.NamespaceLabels = "istio-injection=enabled" }},
		{"endpoint_pod_names", "endpoint_pod_names", func(s *stanza) { s.settings.Naming = roster.ByPodName }},
		{"ttl", "ttl 3600", func(s *stanza) { s.ttl = 3600 }},
		{"ttl 0", "ttl 0", func(s *stanza) { s.ttl = 0 }},
		{"negative_ttl", "negative_ttl 0", func(s *stanza) { s.negativeTTL = 0 }},
		{"max_answers", "max_answers 8", func(s *stanza) { s.maxAnswers = 8 }},
		{"startup_timeout", "startup_timeout 1m", func(s *stanza) { s.startupTimeout = time.Minute }},
		{"snapshot", "snapshot DIR/snapshot", func(s *stanza) { s.snapshot = snapshot.Option{File: dir + "/snapshot", MaxAge: 24 * time.Hour} }},
		{"snapshot with an age", "snapshot DIR/ca max_age 36h", func(s *stanza) { s.snapshot = snapshot.Option{File: dir + "/ca", MaxAge: 36 * time.Hour} }},
		{"publish", "publish serving", func(s *stanza) { s.settings.Policy.Publish = health.ByServing }},
		{"pod_names", "pod_names all", func(s *stanza) { s.settings.Policy.PodNames = health.NamesAll }},
		{"fallback", "fallback none", func(s *stanza) { s.settings.Policy.Fallback = health.FallbackNone }},
		{"fail_open", "fail_open 50%", func(s *stanza) { s.settings.Policy.FailOpen = 50 }},
		{"damping", "damping on 90s", func(s *stanza) {
			s.settings.Policy.Damping = health.Damping{Mode: health.DampingOn, HalfLife: 90 * time.Second}
		}},
		{"srv_tiers", "srv_tiers", func(s *stanza) { s.settings.Policy.SRVTiers = health.SRVAll }},
		{"annotations", "annotations ttl drain", func(s *stanza) { s.settings.annotations = []string{"drain", "ttl"} }},
		{"no annotations", "annotations none", func(s *stanza) { s.settings.annotations = nil }},
		{"explain", "explain", func(s *stanza) { s.settings.Explain = true }},
		{"fallthrough", "fallthrough", func(s *stanza) { s.fall = fall.Root }},
		{"fallthrough for zones", "fallthrough in-addr.arpa", func(s *stanza) { s.fall = fall.F{Zones: []string{"in-addr.arpa."}} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.ReplaceAll(c.stanza, "DIR", dir)
			if !strings.HasPrefix(text, "k8s_endpoints") {
				text = "k8s_endpoints {\n" + text + "\n}"
			}
			got, err := parse(controller(text))
			if err != nil {
				t.Fatal(err)
			}
			want := &stanza{
				zones:       []string{"cluster.local.", "in-addr.arpa.", "ip6.arpa."},
				primary:     "cluster.local.",
				ttl:         5,
				negativeTTL: 1, startupTimeout: 5 * time.Second,
				settings: settings{annotations: annotationNames},
			}
			c.want(want)
			if selectorText(got.labels) != want.api.Labels || selectorText(got.namespaceLabels) != want.api.NamespaceLabels {
				t.Errorf("the selectors are %v and %v", got.labels, got.namespaceLabels)
			}
			got.given, got.labels, got.namespaceLabels = nil, nil, nil
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestParseRefusesMistakesAndNamesTheLine(t *testing.T) {
	dir := files(t, "file")
	for _, c := range []struct{ name, stanza, want string }{
		{"an unknown option", "noendpoints", "Testfile:2 - Error during parsing: unknown property 'noendpoints'"},
		{"an option twice", "ttl 5\nttl 6", "Testfile:3 - Error during parsing: ttl is given twice"},
		{"a ttl too large", "ttl 3601", "Testfile:2 - Error during parsing: ttl must be a whole number in range [0, 3600]: 3601"},
		{"a ttl below zero", "ttl -1", "ttl must be a whole number in range [0, 3600]: -1"},
		{"a ttl that is no number", "ttl 5s", "ttl must be a whole number in range [0, 3600]: 5s"},
		{"no ttl", "ttl", "Testfile:2 - Error during parsing: Wrong argument count or unexpected line ending after 'ttl'"},
		{"two ttls", "ttl 5 6", "Wrong argument count"},
		{"a negative_ttl too large", "negative_ttl 3601", "negative_ttl must be a whole number in range [0, 3600]: 3601"},
		{"max_answers below zero", "max_answers -1", "max_answers must be a whole number in range [0, 65535]: -1"},
		{"a startup_timeout without unit", "startup_timeout 5", "startup_timeout must be a duration such as 5s: 5"},
		{"a startup_timeout below zero", "startup_timeout -5s", "startup_timeout must be a duration such as 5s: -5s"},
		{"no startup_timeout", "startup_timeout", "Wrong argument count"},
		{"arguments of a flag", "endpoint_pod_names yes", "Wrong argument count"},
		{"a bad selector", "labels a in", "Testfile:2 - Error during parsing: labels: unable to parse label selector value: 'a in'"},
		{"no selector", "labels", "Wrong argument count"},
		{"a bad namespace selector", "namespace_labels =", "namespace_labels: unable to parse label selector value: '='"},
		{"no namespaces", "namespaces", "Wrong argument count"},
		{"a namespace with an underscore", "namespaces a a_b", `Testfile:2 - Error during parsing: namespaces: "a_b" is not the name of a namespace: want 1 to 63 lower-case letters`},
		{"a namespace in upper case", "namespaces Default", `namespaces: "Default" is not the name of a namespace: want 1 to 63 lower-case letters, digits and inner hyphens, such as kube-system`},
		{"a namespace in upper case, of manifests", "manifests DIR\nnamespaces Default", `Testfile:3 - Error during parsing: namespaces: "Default" is not the name of a namespace`},
		{"a namespace that ends in a hyphen", "namespaces a-", `namespaces: "a-" is not the name of a namespace`},
		{"a namespace of 64 bytes", "namespaces " + strings.Repeat("a", 64), "is not the name of a namespace"},
		{"namespaces by name and by label", "namespaces a\nnamespace_labels b", "Testfile:4 - Error during parsing: namespaces and namespace_labels cannot both be set"},
		{"an endpoint without a scheme", "endpoint 127.0.0.1:6443", `endpoint "127.0.0.1:6443" is not a URL such as https://10.0.0.1:6443`},
		{"two endpoints", "endpoint http://a http://b", "Wrong argument count"},
		{"tls without endpoint", "tls DIR/file DIR/file DIR/file", "tls needs endpoint"},
		{"tls with two files", "endpoint http://a\ntls DIR/file DIR/file", "Testfile:3 - Error during parsing: Wrong argument count"},
		{"a missing certificate", "endpoint http://a\ntls DIR/file DIR/no DIR/file", "Testfile:3 - Error during parsing: stat DIR/no: no such file or directory"},
		{"a missing kubeconfig", "kubeconfig DIR/no", "Testfile:2 - Error during parsing: stat DIR/no: no such file or directory"},
		{"a directory for a kubeconfig", "kubeconfig DIR", "Testfile:2 - Error during parsing: the kubeconfig DIR is not a file"},
		{"no kubeconfig", "kubeconfig", "Wrong argument count"},
		{"a bad rate", "apiserver_qps fast", "apiserver_qps must be a number in range [0, 1000000]: fast"},
		{"a rate that is no number", "apiserver_qps NaN", "apiserver_qps must be a number in range"},
		{"a rate below zero", "apiserver_qps -1", "apiserver_qps must be a number in range"},
		{"a bad burst", "apiserver_burst 1.5", "apiserver_burst must be a whole number in range [0, 1000000]: 1.5"},
		{"a bad bound of requests", "apiserver_max_inflight -1", "apiserver_max_inflight must be a whole number"},
		{"a missing directory", "manifests DIR/no", "Testfile:2 - Error during parsing: stat DIR/no: no such file or directory"},
		{"a file for a directory", "manifests DIR/file", "manifests DIR/file is not a directory"},
		{"manifests and kubeconfig", "manifests DIR\nkubeconfig DIR/file", "objects come from one source: kubeconfig and manifests cannot be set together"},
		{"manifests and endpoint", "manifests DIR\nendpoint http://a", "endpoint and manifests cannot be set together"},
		{"kubeconfig and endpoint", "kubeconfig DIR/file\nendpoint http://a", "endpoint and kubeconfig cannot be set together"},
		{"a rate without an API server", "manifests DIR\napiserver_qps 5", "apiserver_qps has no meaning with manifests"},
		{"a snapshot of manifests", "manifests DIR\nsnapshot DIR/s", "Testfile:4 - Error during parsing: snapshot has no meaning with manifests: there is no API server"},
		{"a snapshot without a file", "snapshot", `Testfile:2 - Error during parsing: snapshot: want FILE, or FILE max_age DURATION, not ""`},
		{"a snapshot with half an age", "snapshot DIR/s max_age", "snapshot: want FILE, or FILE max_age DURATION"},
		{"a snapshot with something else", "snapshot DIR/s min_age 1h", "snapshot: want FILE, or FILE max_age DURATION"},
		{"an age without a unit", "snapshot DIR/s max_age 24", "snapshot: max_age must be a duration such as 24h: 24"},
		{"no age", "snapshot DIR/s max_age 0s", "snapshot: max_age must be a duration such as 24h: 0s"},
		{"a snapshot in no directory", "snapshot DIR/no/s", "Testfile:2 - Error during parsing: snapshot: stat DIR/no: no such file or directory"},
		{"a snapshot that is a directory", "snapshot DIR", "snapshot: DIR is not a file"},
		{"publish what", "publish all", `Testfile:2 - Error during parsing: publish: want ready or serving, not "all"`},
		{"pod_names of what", "pod_names", `pod_names: want ready or serving or all, not ""`},
		{"fallback to what", "fallback sick", `fallback: want draining or none, not "sick"`},
		{"fail_open without a percentage", "fail_open 0", `fail_open: want a percentage from 1 to 100, or off, not "0"`},
		{"damping that never damps", "damping on 3m", "damping: with a half-life of 3m0s no endpoint would ever be damped"},
		{"damping without a mode", "damping", "damping: want off, observe or on, and a half-life"},
		{"srv_tiers of what", "srv_tiers some", `srv_tiers: want published or all, not "some"`},
		{"an unknown annotation", "annotations tll", `annotations: there is no annotation "tll"; there are damping, drain,`},
		{"which annotations", "annotations", "Wrong argument count"},
		{"arguments of explain", "explain yes", "Wrong argument count"},
		{"a bad zone of fallthrough", "fallthrough a..b", `fallthrough: "a..b" is not a zone`},
		{"a bad zone", "k8s_endpoints a..b", `Testfile:1 - Error during parsing: "a..b" is not a zone: want a domain name, or a network such as 10.0.0.0/8`},
		{"reverse zones only", "k8s_endpoints in-addr.arpa 10.0.0.0/8 ip6.arpa", "no zone but reverse ones"},
		{"two stanzas", "k8s_endpoints\nk8s_endpoints", "Testfile:2 - Error during parsing: this plugin can only be used once per Server Block"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.ReplaceAll(c.stanza, "DIR", dir)
			if !strings.HasPrefix(text, "k8s_endpoints") {
				text = "k8s_endpoints {\n" + text + "\n}"
			}
			_, err := parse(controller(text))
			want := strings.ReplaceAll(c.want, "DIR", dir)
			if err == nil {
				t.Fatalf("expected an error with %q", want)
			}
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestSetupRefusesASourceThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.yaml")
	if err := os.WriteFile(broken, []byte("kind: Service\nspec: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := setup(controller("k8s_endpoints {\nmanifests " + dir + "\n}"))
	if err == nil || !strings.Contains(err.Error(), broken) || !strings.Contains(err.Error(), "plugin/k8s_endpoints") {
		t.Errorf("got %v", err)
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	err = setup(controller("k8s_endpoints"))
	if err == nil || !strings.Contains(err.Error(), "manifests") {
		t.Errorf("outside of a cluster, which options there are is not said: %v", err)
	}
}
