package corefile

import (
	"encoding/pem"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/source/apiserver"

	"k8s.io/apimachinery/pkg/labels"
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

// allowed is a line of check_allow as Settings have it.
func allowed(t *testing.T, line string) string {
	t.Helper()
	canonical, err := check.ParseAllow(strings.Fields(line))
	if err != nil {
		t.Fatal(err)
	}
	return canonical + "\n"
}

// authority returns a certificate in PEM.
func authority(t *testing.T) string {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

// written returns a selector as it is written.
func written(selector labels.Selector) string {
	if selector == nil {
		return ""
	}
	return selector.String()
}

func TestParseReadsEveryOption(t *testing.T) {
	dir := files(t, "kubeconfig", "cert", "key", "ca")
	authority := authority(t)
	if err := os.WriteFile(filepath.Join(dir, "authority"), []byte(authority), 0o600); err != nil {
		t.Fatal(err)
	}
	noted := func(c apiserver.Config) apiserver.Config {
		if err := c.NoteContents(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, c := range []struct {
		name, stanza string
		want         func(*Stanza)
	}{
		{"nothing: the zones of the server block", "k8s_endpoints", func(*Stanza) {}},
		{"zones, the first of which is not a reverse one", "k8s_endpoints 10.0.0.0/8 Example.org", func(s *Stanza) {
			s.Zones, s.Primary = []string{"10.in-addr.arpa.", "example.org."}, "example.org."
		}},
		{"the reverse zone first", "k8s_endpoints in-addr.arpa example.org", func(s *Stanza) {
			s.Zones, s.Primary = []string{"in-addr.arpa.", "example.org."}, "example.org."
		}},
		{"endpoint", "endpoint https://127.0.0.1:6443", func(s *Stanza) { s.API.Endpoint = "https://127.0.0.1:6443" }},
		{"tls", "endpoint https://127.0.0.1:6443\ntls DIR/cert DIR/key DIR/ca", func(s *Stanza) {
			s.API = apiserver.Config{Endpoint: "https://127.0.0.1:6443", CertFile: dir + "/cert", KeyFile: dir + "/key", CAFile: dir + "/ca"}
		}},
		{"kubeconfig", "kubeconfig DIR/kubeconfig", func(s *Stanza) { s.API = noted(apiserver.Config{Kubeconfig: dir + "/kubeconfig"}) }},
		{"kubeconfig with a context", "kubeconfig DIR/kubeconfig prod", func(s *Stanza) {
			s.API = noted(apiserver.Config{Kubeconfig: dir + "/kubeconfig", Context: "prod"})
		}},
		{"rates", "apiserver_qps 2.5\napiserver_burst 10\napiserver_max_inflight 3", func(s *Stanza) {
			s.API.QPS, s.API.Burst, s.API.MaxInflight = 2.5, 10, 3
		}},
		{"manifests", "manifests DIR", func(s *Stanza) { s.Manifests = dir }},
		{"namespaces, in any order", "namespaces prod default prod", func(s *Stanza) {
			s.Namespaces = []string{"default", "prod"}
			s.API.Namespaces = s.Namespaces
		}},
		{"labels", "labels environment in (staging, qa),application=nginx", func(s *Stanza) {
			s.API.Labels = "application=nginx,environment in (qa,staging)"
		}},
		{"namespace_labels", "namespace_labels istio-injection=enabled", func(s *Stanza) { s.API.NamespaceLabels = "istio-injection=enabled" }},
		{"endpoint_pod_names", "endpoint_pod_names", func(s *Stanza) { s.Settings.Naming = roster.ByPodName }},
		{"ttl", "ttl 3600", func(s *Stanza) { s.TTL = 3600 }},
		{"ttl 0", "ttl 0", func(s *Stanza) { s.TTL = 0 }},
		{"negative_ttl", "negative_ttl 0", func(s *Stanza) { s.NegativeTTL = 0 }},
		{"max_answers", "max_answers 8", func(s *Stanza) { s.MaxAnswers = 8 }},
		{"nameserver", "nameserver 192.0.2.53 ::ffff:192.0.2.54 2001:db8::53", func(s *Stanza) {
			s.NameServer = []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("192.0.2.54"), netip.MustParseAddr("2001:db8::53")}
		}},
		{"patience", "patience 500ms", func(s *Stanza) { s.Patience = 500 * time.Millisecond }},
		{"the longest patience", "patience 2s", func(s *Stanza) { s.Patience = 2 * time.Second }},
		{"startup_timeout", "startup_timeout 1m", func(s *Stanza) { s.StartupTimeout = time.Minute }},
		{"snapshot", "snapshot DIR/snapshot", func(s *Stanza) { s.Snapshot = snapshot.Option{File: dir + "/snapshot", MaxAge: 24 * time.Hour} }},
		{"snapshot with an age", "snapshot DIR/ca max_age 36h", func(s *Stanza) { s.Snapshot = snapshot.Option{File: dir + "/ca", MaxAge: 36 * time.Hour} }},
		{"publish", "publish serving", func(s *Stanza) { s.Settings.Policy.Publish = health.ByServing }},
		{"pod_names", "pod_names all", func(s *Stanza) { s.Settings.Policy.PodNames = health.NamesAll }},
		{"fallback", "fallback none", func(s *Stanza) { s.Settings.Policy.Fallback = health.FallbackNone }},
		{"fail_open", "fail_open 50%", func(s *Stanza) { s.Settings.Policy.FailOpen = 50 }},
		{"fail_open off, which is not the same as nothing", "fail_open off", func(s *Stanza) { s.Settings.Policy.FailOpen = health.FailOpenOff }},
		{"damping", "damping on 90s", func(s *Stanza) {
			s.Settings.Policy.Damping = health.Damping{Mode: health.DampingOn, HalfLife: 90 * time.Second}
		}},
		{"srv_tiers", "srv_tiers", func(s *Stanza) { s.Settings.Policy.SRVTiers = health.SRVAll }},
		{"last_good", "last_good 1h", func(s *Stanza) { s.Settings.External.LastGood.For = time.Hour }},
		{"last_good of names that are denied", "last_good 72h nxdomain", func(s *Stanza) {
			s.Settings.External.LastGood = external.LastGood{For: 72 * time.Hour, NXDomain: true}
		}},
		{"no last_good", "last_good off", func(*Stanza) {}},
		{"flatten", "flatten", func(s *Stanza) { s.Settings.External.Flatten = true }},
		{"fqdn_slices", "fqdn_slices", func(s *Stanza) { s.Settings.FQDNSlices = true }},
		{"external_allow and external_deny, in any order", "external_deny 10.96.0.0/12\nexternal_allow Example.org 10.1.2.3/8\nexternal_allow example.org.", func(s *Stanza) {
			s.Settings.External.Rules = "external_allow 10.0.0.0/8\nexternal_allow example.org.\nexternal_deny 10.96.0.0/12\n"
		}},
		{"annotations", "annotations ttl drain", func(s *Stanza) { s.Settings.Annotations = annotation("drain") | annotation("ttl") }},
		{"no annotations", "annotations none", func(s *Stanza) { s.Settings.Annotations = 0 }},
		{"names of zones", "zonal", func(s *Stanza) { s.Settings.Zonal = true }},
		{"explain", "explain", func(s *Stanza) { s.Settings.Explain = true }},
		{"history", "history 64KiB", func(s *Stanza) { s.Settings.History = 64 << 10 }},
		{"the largest history", "history 1GiB", func(s *Stanza) { s.Settings.History = 1 << 30 }},
		{"no history", "history off", func(*Stanza) {}},
		{"status", "status", func(s *Stanza) {
			s.Status, s.Settings.Look, s.Settings.History = netip.MustParseAddrPort("127.0.0.1:8053"), true, 16<<20
		}},
		{"status elsewhere, without history", "history off\nstatus [::ffff:10.1.0.5]:80", func(s *Stanza) {
			s.Status, s.Settings.Look = netip.MustParseAddrPort("10.1.0.5:80"), true
		}},
		{"checks", "checks on\ncheck_allow databases to 10.20.0.0/16 ports 5432 kinds postgres tcp", func(s *Stanza) {
			s.Settings.Checks = check.DefaultTerms()
			s.Settings.Checks.Mode, s.Settings.Checks.Allow = check.On, allowed(t, "databases to 10.20.0.0/16 ports 5432 kinds postgres tcp")
		}},
		{"all of checks", "checks observe\ncheck_allow a to 10.0.0.0/8 ports 1-9 kinds tls\ncheck_allow * to ::/0 ports 80 kinds http\ncheck_interval 20s idle 5m\n" +
			"check_timeout 3s\ncheck_thresholds 4 1\ncheck_rate 1000 inflight 64\ncheck_paths /up\ncheck_ca DIR/authority", func(s *Stanza) {
			s.Settings.Checks = check.Terms{
				Mode: check.Observe, Allow: allowed(t, "a to 10.0.0.0/8 ports 1-9 kinds tls") + allowed(t, "* to ::/0 ports 80 kinds http"),
				Interval: 20 * time.Second, Idle: 5 * time.Minute, Timeout: 3 * time.Second, Fall: 4, Rise: 1, Rate: 1000, Inflight: 64,
				Paths: "/up", CA: authority,
			}
		}},
		{"checks that are off", "checks off", func(*Stanza) {}},
		{"checks that are turned off in one line", "checks off\ncheck_allow * to ::/0 ports 80 kinds http\ncheck_rate 500", func(*Stanza) {}},
		{"fallthrough", "fallthrough", func(s *Stanza) { s.Fall = fall.Root }},
		{"fallthrough for zones", "fallthrough in-addr.arpa", func(s *Stanza) { s.Fall = fall.F{Zones: []string{"in-addr.arpa."}} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.ReplaceAll(c.stanza, "DIR", dir)
			if !strings.HasPrefix(text, "k8s_endpoints") {
				text = "k8s_endpoints {\n" + text + "\n}"
			}
			got, err := Parse(controller(text))
			if err != nil {
				t.Fatal(err)
			}
			want := &Stanza{
				Zones:       []string{"cluster.local.", "in-addr.arpa.", "ip6.arpa."},
				Primary:     "cluster.local.",
				TTL:         5,
				NegativeTTL: 1, StartupTimeout: 5 * time.Second,
				Settings: Settings{Annotations: AllAnnotations},
			}
			c.want(want)
			if written(got.Labels) != want.API.Labels || written(got.NamespaceLabels) != want.API.NamespaceLabels {
				t.Errorf("the selectors are %v and %v", got.Labels, got.NamespaceLabels)
			}
			got.Labels, got.NamespaceLabels = nil, nil
			// TestParseNotesTheLines looks at these.
			got.Where, got.Lines = "", nil
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
		{"a nameserver by name", "nameserver ns1.example.org", `Testfile:2 - Error during parsing: nameserver: "ns1.example.org" is not an IP address`},
		{"a nameserver of an interface", "nameserver fe80::1%eth0", `nameserver: "fe80::1%eth0" is not an IP address`},
		{"no nameserver", "nameserver", "nameserver: want 1 to 16 addresses, not 0"},
		{"too many nameservers", "nameserver" + strings.Repeat(" 192.0.2.1", 17), "nameserver: want 1 to 16 addresses, not 17"},
		{"a last_good that is short", "last_good 9s", `Testfile:2 - Error during parsing: last_good: want a duration from 10s to 72h, or off, not "9s"`},
		{"a last_good that is long", "last_good 73h", `last_good: want a duration from 10s to 72h, or off, not "73h"`},
		{"a last_good with another word", "last_good 1h servfail", "last_good: want a duration such as 1h, nxdomain behind it"},
		{"no last_good", "last_good", "last_good: want a duration such as 1h"},
		{"an argument of flatten", "flatten on", "flatten: it takes no arguments"},
		{"an argument of fqdn_slices", "fqdn_slices on", "Wrong argument count"},
		{"targets for all", "targets order a.example", "unknown property 'targets'"},
		{"no external_allow", "external_allow", "Testfile:2 - Error during parsing: external_allow: want one or more domain names such as example.org, or networks"},
		{"an external_deny that is nothing", "external_allow a\nexternal_deny a..b", `Testfile:3 - Error during parsing: external_deny: "a..b" is neither a domain name such as example.org nor a network`},
		{"a patience that clients do not have", "patience 2001ms", "patience must be a duration such as 500ms, at most 2s: 2001ms"},
		{"a patience of nothing", "patience 0s", "patience must be a duration such as 500ms, at most 2s: 0s"},
		{"a patience without unit", "patience 1", "patience must be a duration such as 500ms, at most 2s: 1"},
		{"no patience", "patience", "Wrong argument count"},
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
		{"an unknown annotation", "annotations tll", `annotations: there is no annotation "tll"; there are check, damping, drain,`},
		{"which annotations", "annotations", "Wrong argument count"},
		{"arguments of explain", "explain yes", "Wrong argument count"},
		{"a history that is short", "history 63KiB", "Testfile:2 - Error during parsing: history must be a size such as 16MiB, from 64KiB to 1GiB, or off: 63KiB"},
		{"a history that is long", "history 1025MiB", "history must be a size such as 16MiB, from 64KiB to 1GiB, or off: 1025MiB"},
		{"a history of bytes", "history 16777216", "or off: 16777216"},
		{"a history of other units", "history 16MB", "or off: 16MB"},
		{"a history of half a unit", "history 1.5MiB", "or off: 1.5MiB"},
		{"a history of what size", "history", "Testfile:2 - Error during parsing: Wrong argument count"},
		{"a status page of a host", "status localhost:8053", `Testfile:2 - Error during parsing: status: "localhost:8053" is not an IP address with a port, such as 127.0.0.1:8053`},
		{"a status page without a port", "status 10.1.0.5", `status: "10.1.0.5" has no port: want an address with one, such as 127.0.0.1:8053`},
		{"a status page at a port alone", "status :8053", `status: ":8053" is not an IP address with a port`},
		{"a status page at any port", "status 127.0.0.1:0", `status: "127.0.0.1:0" has no port that is known before`},
		{"a status page of an interface", "status [fe80::1%eth0]:8053", `is not an IP address with a port`},
		{"two status pages", "status 127.0.0.1:1 127.0.0.1:2", "Testfile:2 - Error during parsing: Wrong argument count"},
		{"checks of what mode", "checks yes", `Testfile:2 - Error during parsing: checks: want off, observe or on, not "yes"`},
		{"checks of nobody", "checks on", "checks on needs check_allow: without it, nothing may be checked"},
		{"an allowance without checks", "check_allow * to ::/0 ports 80 kinds http", "check_allow has no meaning without checks on, or checks observe"},
		{"an interval without checks", "check_interval 5s", "check_interval has no meaning without checks on"},
		{"an allowance without ports", "checks on\ncheck_allow * to 10.0.0.0/8 kinds tcp", "Testfile:3 - Error during parsing: check_allow: "},
		{"an interval that is too short", "checks on\ncheck_interval 1s", "Testfile:3 - Error during parsing: check_interval: the interval must be a duration in range [2s, 1h0m0s]: 1s"},
		{"a timeout that each lost packet exceeds", "checks on\ncheck_timeout 1s", "check_timeout: the timeout must be a duration in range [1.1s, 10s]: 1s"},
		{"a timeout as long as the interval", "checks on\ncheck_allow * to ::/0 ports 80 kinds http\ncheck_interval 5s\ncheck_timeout 5s", "check_timeout 5s must be less than check_interval 5s"},
		{"one threshold", "checks on\ncheck_thresholds 3", "Testfile:3 - Error during parsing: check_thresholds: "},
		{"no rate", "checks on\ncheck_rate 0", "check_rate: the rate must be a whole number in range"},
		{"a path that leads up", "checks on\ncheck_paths /../x", "check_paths: "},
		{"authorities that are not there", "checks on\ncheck_ca DIR/missing", "no such file"},
		{"authorities that are none", "checks on\ncheck_ca DIR/file", "check_ca: DIR/file has no certificate in PEM"},
		{"a folder of authorities", "checks on\ncheck_ca DIR", "check_ca: DIR is not a file"},
		{"arguments of zonal", "zonal eu-1", "Wrong argument count"},
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
			_, err := Parse(controller(text))
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

func TestStanzasThatReadAndCompileTheSameHaveOneKey(t *testing.T) {
	dir := files(t, "kubeconfig")
	const base = "kubeconfig DIR/kubeconfig\nlabels a,b\nfail_open 50%\nannotations ttl drain"
	for _, c := range []struct {
		name, options string
		same          bool
	}{
		{"written another way", "annotations drain ttl\nlabels b, a\nfail_open 50\nkubeconfig DIR/kubeconfig", true},
		{"other answers of the same records", base + "\nttl 30\nnegative_ttl 0\nmax_answers 5\nnameserver 192.0.2.1\nfallthrough\nstartup_timeout 1s\nsnapshot DIR/s", true},
		{"another policy", strings.Replace(base, "50", "51", 1), false},
		{"another naming", base + "\nendpoint_pod_names", false},
		{"explanations", base + "\nexplain", false},
		{"a history", base + "\nhistory 1MiB", false},
		{"a page", base + "\nhistory off\nstatus", false},
		{"other annotations", base + " publish", false},
		{"other labels", strings.Replace(base, "a,b", "a", 1), false},
		{"namespaces", base + "\nnamespaces a", false},
		{"another rate", base + "\napiserver_qps 1", false},
		{"another source", "manifests DIR\nlabels a,b\nfail_open 50%\nannotations ttl drain", false},
	} {
		keys := make(map[Key]bool)
		for _, options := range []string{base, c.options} {
			s, err := Parse(controller("k8s_endpoints {\n" + strings.ReplaceAll(options, "DIR", dir) + "\n}"))
			if err != nil {
				t.Fatal(err)
			}
			keys[s.Key()] = true
		}
		if (len(keys) == 1) != c.same {
			t.Errorf("%s: the keys are the same: %v, want %v", c.name, len(keys) == 1, c.same)
		}
	}
}

func TestParseNotesTheLines(t *testing.T) {
	s, err := Parse(controller("\nk8s_endpoints {\n  ttl 3\n  external_allow a.example\n  external_allow b.example\n}"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"ttl": "Testfile:3", "external_allow": "Testfile:4"}
	if s.Where != "Testfile:2" || !reflect.DeepEqual(s.Lines, want) {
		t.Errorf("got %s and %v", s.Where, s.Lines)
	}
}

// Pages at several places show one cache.
func TestStanzasWithOtherPagesHaveOneKey(t *testing.T) {
	keys := make(map[Key]bool)
	for _, at := range []string{"127.0.0.1:1", "127.0.0.1:2"} {
		s, err := Parse(controller("k8s_endpoints {\nendpoint http://127.0.0.1:1\nstatus " + at + "\n}"))
		if err != nil {
			t.Fatal(err)
		}
		keys[s.Key()] = true
	}
	if len(keys) != 1 {
		t.Error("they have several")
	}
}

func TestTwoStanzasCannotHaveOneFile(t *testing.T) {
	dir := files(t)
	const first = "endpoint http://127.0.0.1:1\nsnapshot DIR/snapshot max_age 1h"
	c := controller("")
	parse := func(c *caddy.Controller, options string) error {
		c.Dispenser = caddyfile.NewDispenser("Testfile", strings.NewReader("k8s_endpoints {\n"+strings.ReplaceAll(options, "DIR", dir)+"\n}"))
		_, err := Parse(c)
		return err
	}
	for _, each := range []struct {
		name, options string
		wrong         bool
	}{
		{"the first stanza", first, false},
		{"the same again", first, false},
		{"another max_age", strings.Replace(first, "1h", "2h", 1), true},
		{"other records", first + "\nexplain", true},
		{"no snapshot", "endpoint http://127.0.0.1:1", false},
	} {
		err := parse(c, each.options)
		if (err != nil) != each.wrong || err != nil && !strings.Contains(err.Error(), "snapshot "+dir+"/snapshot is used by another stanza") {
			t.Errorf("%s: got %v", each.name, err)
		}
	}
	// A reload is another Corefile.
	if err := parse(controller(""), first+"\nexplain"); err != nil {
		t.Errorf("another Corefile: got %v", err)
	}
}
