package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

const prefix = "coredns_k8s_endpoints_"

// A sample is a metric of the plugin, with its labels and without the prefix,
// and its value.
type sample struct {
	series string
	value  float64
}

// samples returns all metrics of the plugin.
func samples(ctx context.Context, s *server.Server) (map[string]float64, error) {
	exported, err := s.Samples(ctx)
	all := make(map[string]float64)
	for series, value := range exported {
		if ours, ok := strings.CutPrefix(series, prefix); ok {
			all[ours] = value
		}
	}
	return all, err
}

// wantMetrics waits until the metrics have the values.
func wantMetrics(t *testing.T, s *server.Server, want ...sample) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		got, err := samples(ctx, s)
		if err != nil {
			return err
		}
		for _, each := range want {
			if value, ok := got[each.series]; !ok || value != each.value {
				return fmt.Errorf("%s is %v (exported: %t), want %v", each.series, value, ok, each.value)
			}
		}
		return nil
	})
}

// metered is a Corefile with all that makes metrics: an API server, manifests
// and an external name that fails.
const metered = `cluster.local:{{.DNS}} in-addr.arpa:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    prometheus 127.0.0.1:{{.Metrics}}
    metadata
    k8s_endpoints {
        kubeconfig KUBECONFIG
        namespaces NAMESPACE
        snapshot SNAPSHOT
    }
}
files.test:{{.DNS}} {
    bind 127.0.0.1
    prometheus 127.0.0.1:{{.Metrics}}
    k8s_endpoints {
        manifests MANIFESTS
    }
}
fails.test:{{.DNS}} {
    bind 127.0.0.1
    template ANY ANY {
        rcode SERVFAIL
    }
}
`

// logged is a line for the first block, which writes the metadata of each question.
const logged = `    log . "asked {name} kind={/k8s_endpoints/kind} service={/k8s_endpoints/service} namespace={/k8s_endpoints/namespace} endpoint={/k8s_endpoints/endpoint} port={/k8s_endpoints/port-name} protocol={/k8s_endpoints/protocol}"
`

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: none\n"

func meteredServer(t *testing.T, p *place, g *testGate) *server.Server {
	t.Helper()
	return server.New(t, meteredCorefile(t, p, g))
}

func meteredCorefile(t *testing.T, p *place, g *testGate) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "skipped.yaml"), []byte(configMap), 0o600))
	return strings.NewReplacer(
		"KUBECONFIG", g.kubeconfig(p.Config(cluster.CoreDNSUser).BearerToken), "NAMESPACE", p.namespace, "MANIFESTS", dir,
		"SNAPSHOT", filepath.Join(t.TempDir(), "snapshot"),
	).Replace(metered)
}

// runAllTiers runs endpoints of all tiers that can be without damping, and an
// object of each kind.
func (p *place) runAllTiers(t *testing.T, s *server.Server) {
	t.Helper()
	ctx := within(t)
	p.runDB(t)
	for i, name := range []string{"sick", "draining", "dying"} {
		must(t, p.CreatePod(ctx, p.dbPod(name)), p.PodReady(ctx, p.namespace, name, p.v4(i+2)))
	}
	// A Pod that was never seen ready is not sick.
	wantMetrics(t, s, sample{`endpoints{tier="good"}`, 4})
	must(t,
		p.TerminatePod(ctx, p.namespace, "draining"),
		p.PodUnready(ctx, p.namespace, "sick"),
		p.PodUnready(ctx, p.namespace, "dying"),
		p.TerminatePod(ctx, p.namespace, "dying"),
	)
	hand := cluster.HandmadeSlice(p.namespace, "hand-1", "hand", nil, p.v4(11), p.v4(12))
	hand.Annotations = map[string]string{corev1.EndpointsLastChangeTriggerTime: time.Now().Format(time.RFC3339Nano)}
	bad := cluster.HandmadeSlice(p.namespace, "bad", "hand", nil)
	bad.AddressType, bad.Endpoints = discoveryv1.AddressTypeFQDN, []discoveryv1.Endpoint{{Addresses: []string{"web.example.org"}}}
	must(t,
		p.CreateService(ctx, cluster.HeadlessService(p.namespace, "hand", nil)),
		p.CreateSlice(ctx, hand),
		p.CreateSlice(ctx, bad),
	)
	p.external(t, "outside", "web.fails.test")
}

func TestMetricsOfObjects(t *testing.T) {
	p := newPlace(t)
	g := openGate(t, p.Cluster)
	s := meteredServer(t, p, g)
	p.runAllTiers(t, s)
	held := []sample{
		{`objects{kind="headless"}`, 2},
		{`objects{kind="external_name"}`, 1},
		{`objects{kind="endpointslice"}`, 2},
		{`endpoints{tier="good"}`, 3},
		{`endpoints{tier="draining"}`, 1},
		{`endpoints{tier="sick"}`, 1},
		{`endpoints{tier="dying"}`, 1},
	}
	wantMetrics(t, s, held...)
	wantMetrics(t, s,
		sample{`bad_objects_total{kind="EndpointSlice"}`, 1},
		sample{`dns_programming_duration_seconds_count{service_kind="headless_without_selector"}`, 1},
	)
	all, err := samples(t.Context(), s)
	must(t, err)
	if all[`dns_programming_duration_seconds_count{service_kind="headless_with_selector"}`] < 1 {
		t.Error("no latency was noted for a Service with a selector")
	}
	// A manifest that is read again is counted again.
	if all[`skipped_objects_total{kind="ConfigMap"}`] < 1 {
		t.Error("the ConfigMap of the manifests was not counted")
	}

	g.expireAll()
	for _, stream := range []string{"services", "endpointslices_headless", "endpointslices_other"} {
		wantMetrics(t, s, sample{`relists_total{stream="` + stream + `"}`, 1})
		all, err := samples(t.Context(), s)
		must(t, err)
		if age, ok := all[`last_event_age_seconds{stream="`+stream+`"}`]; !ok || age < 0 {
			t.Errorf("the age of the last event of %s is %v (exported: %t)", stream, age, ok)
		}
	}
	wantMetrics(t, s, held...)

	must(t, p.DeleteService(within(t), p.namespace, "outside"), p.DeleteService(within(t), p.namespace, "hand"))
	wantMetrics(t, s, sample{`objects{kind="headless"}`, 1}, sample{`objects{kind="external_name"}`, 0})
}

func TestMetricsOfAnswers(t *testing.T) {
	p := newPlace(t)
	s := meteredServer(t, p, openGate(t, p.Cluster))
	p.runDB(t)
	p.runMany(t, s)
	db, outside := p.name("db"), p.external(t, "outside", "web.fails.test")
	wantSoon(t, s,
		question{name: db, qtype: "A", want: found(at(db, p.v4(1))...)},
		question{name: outside, qtype: "CNAME", want: found(cname(outside, "web.fails.test."))},
	)
	before, err := samples(t.Context(), s)
	must(t, err)
	for _, q := range []struct{ name, qtype string }{
		{db, "A"}, {db, "A"}, {p.name("db-0.db"), "A"}, {db, "AAAA"}, {db, "MX"}, {db, "SRV"},
		{p.name("_sql._tcp.db"), "SRV"}, {p.name("db-1.db"), "A"}, {p.name("nowhere"), "A"},
		{outside, "CNAME"}, {outside, "A"}, {reverse(p.v4(1)), "PTR"}, {reverse(p.v4(99)), "PTR"},
		{"cluster.local.", "SOA"}, {"cluster.local.", "NS"}, {"dns-version.cluster.local.", "TXT"},
	} {
		s.MustDig(t, q.name, q.qtype)
	}
	s.MustDig(t, p.name("many"), "A", "+ignore", "+bufsize=512")
	after, err := samples(t.Context(), s)
	must(t, err)
	want := map[string]float64{}
	for series, count := range map[string]float64{
		`result="success",%s,type="A"`: 4, `result="nodata",%s,type="AAAA"`: 1, `result="nodata",%s,type="other"`: 1,
		`result="success",%s,type="SRV"`: 2, `result="nxdomain",%s,type="A"`: 2, `result="success",%s,type="CNAME"`: 1,
		`result="servfail",%s,type="A"`: 1, `result="success",%s,type="PTR"`: 1, `result="nxdomain",%s,type="PTR"`: 1,
		`result="success",%s,type="SOA"`: 1, `result="success",%s,type="NS"`: 1, `result="success",%s,type="TXT"`: 1,
	} {
		want["answers_total{"+fmt.Sprintf(series, `server="dns://`+s.Address()+`"`)+"}"] = count
	}
	want[`truncated_answers_total{server="dns://`+s.Address()+`",type="A"}`] = 1
	if !server.AsMessages() {
		// Those with addresses and SRV records of headless Services.
		want[`wire_answers_total{server="dns://`+s.Address()+`"}`] = 6
	}
	got := make(map[string]float64)
	for series, value := range after {
		if strings.Contains(series, "answers_total{") && value != before[series] {
			got[series] = value - before[series]
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("the counters grew by\n%v\nwant\n%v", got, want)
	}
}

func TestTheReadmeHasEveryMetric(t *testing.T) {
	p := newPlace(t)
	g := openGate(t, p.Cluster)
	s := meteredServer(t, p, g)
	p.runAllTiers(t, s)
	p.runMany(t, s)
	s.MustDig(t, p.name("many"), "A", "+ignore")
	p.keptExternal(t, s)
	g.expireAll()
	wantMetrics(t, s, sample{`relists_total{stream="services"}`, 1})
	g.Close()
	untilMetric(t, s, "watch_errors_total{")
	wantSoon(t, s, question{name: p.name("hand"), qtype: "A", want: found(at(p.name("hand"), p.v4(11), p.v4(12))...).because("1 EndpointSlice was left out: type FQDN")})
	untilMetric(t, s, "dns_programming_duration_seconds_count{")

	text, err := s.Metrics(t.Context())
	must(t, err)
	readme, err := os.ReadFile("../../README.md")
	must(t, err)
	exported := names(regexp.MustCompile(`(?m)^# TYPE (`+prefix+`\w+)`), text)
	documented := names(regexp.MustCompile("`("+prefix+`\w+)`), string(readme))
	for _, name := range exported {
		if !slices.Contains(documented, name) {
			t.Errorf("%s is exported, and not in README.md", name)
		}
	}
	for _, name := range documented {
		if name == prefix+"wire_answers_total" && server.AsMessages() {
			continue
		}
		if !slices.Contains(exported, name) {
			t.Errorf("%s is in README.md, and not exported", name)
		}
	}
	operations, err := os.ReadFile("../../docs/operations.md")
	must(t, err)
	for _, stream := range names(regexp.MustCompile(`\bstream="(\w+)"`), text) {
		if !strings.Contains(string(operations), "\n| `"+stream+"` | ") {
			t.Errorf("the stream %s is not in docs/operations.md", stream)
		}
	}
}

// keptExternal has the server keep what an external name leads to.
func (p *place) keptExternal(t *testing.T, s *server.Server) {
	t.Helper()
	service := cluster.ExternalNameService(p.namespace, "kept", "web.fails.test")
	service.Annotations = map[string]string{"k8s-endpoints.coredns.io/last-good": "1h"}
	must(t, p.CreateService(within(t), service))
	until(t, func(ctx context.Context) error {
		s.MustDig(t, p.name("kept"), "A")
		all, err := samples(ctx, s)
		if err == nil && all[`external_targets{state="down"}`] != 1 {
			err = fmt.Errorf("nothing is kept of the external name")
		}
		return err
	})
}

func names(expression *regexp.Regexp, text string) []string {
	var all []string
	for _, match := range expression.FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// untilMetric waits until a metric whose series begins like that is exported.
func untilMetric(t *testing.T, s *server.Server, start string) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		all, err := samples(ctx, s)
		if err != nil {
			return err
		}
		for series := range all {
			if strings.HasPrefix(series, start) {
				return nil
			}
		}
		return fmt.Errorf("%s is not exported", start)
	})
}

func TestTheLogHasTheMetadata(t *testing.T) {
	p := newPlace(t)
	s := server.New(t, strings.Replace(meteredCorefile(t, p, openGate(t, p.Cluster)), "    metadata\n", "    metadata\n"+logged, 1))
	tests := []struct{ name, asked, want string }{
		{"the name of a Service", p.name("db"), "kind=svc service=db namespace=" + p.namespace + " endpoint= port= protocol="},
		{"the name of an endpoint", p.name("db-0.db"), "kind=svc service=db namespace=" + p.namespace + " endpoint=db-0 port= protocol="},
		{"the name of a port", p.name("_sql._tcp.db"), "kind=svc service=db namespace=" + p.namespace + " endpoint= port=sql protocol=tcp"},
		{"a name of no Service", "nowhere.cluster.local.", "kind= service= namespace= endpoint= port= protocol="},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			s.MustDig(t, tc.asked, "SRV")
			until(t, func(context.Context) error {
				if line := "asked " + tc.asked + " " + tc.want + "\n"; !strings.Contains(s.Log(), line) {
					return fmt.Errorf("%q is not in the log:\n%s", line, tail(s.Log()))
				}
				return nil
			})
		})
	}
}
