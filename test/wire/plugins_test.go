package wire

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"
)

// bytesFor says which answers with records go as bytes.
type bytesFor func(qtype uint16) bool

func all(uint16) bool { return true }

func none(uint16) bool { return false }

func allBut(qtype uint16) bytesFor { return func(asked uint16) bool { return asked != qtype } }

// A row is a server block with plugins beside the one under test.
type row struct {
	name, lines string
	bytes       bytesFor
	// tcp asks over TCP.
	tcp bool
	// only says which questions are asked, if not all.
	only func(question) bool
	// ask changes the question that the plain block gets, and want its answer.
	ask, want func(*dns.Msg)
}

// plugins are the rows for plugins in front, with the words of lines that stand for
// something of the test.
var plugins = []row{
	{name: "prometheus, which counts bytes", lines: "prometheus 127.0.0.1:{{.Metrics}}", bytes: all},
	{name: "errors", lines: "errors", bytes: all},
	{name: "what sets up the server alone", lines: "root DIR\ndebug\nreload 1h\nhealth 127.0.0.1:{{.Port.health}}\npprof 127.0.0.1:{{.Port.pprof}}", bytes: all},
	{name: "metadata, and geoip, which has some", lines: "metadata\ngeoip GEOIP", bytes: all},
	{name: "cancel", lines: "cancel 10s", bytes: all},
	{name: "bufsize, which lowers what the client takes", lines: "bufsize 1232", bytes: all, ask: func(m *dns.Msg) {
		if opt := m.IsEdns0(); opt != nil {
			opt.SetUDPSize(4096)
		}
	}},
	{name: "acl, which allows the question", lines: "acl {\n    allow net 127.0.0.0/8\n    block\n}", bytes: all},
	{name: "any", lines: "any", bytes: all},
	{name: "chaos", lines: "chaos", bytes: all},
	{name: "local", lines: "local", bytes: all},

	{name: "log, which reads the message", lines: "log", bytes: none},
	{name: "loadbalance, which puts records into another order", lines: "loadbalance", bytes: none},
	{name: "dnstap, which taps the message", lines: "dnstap tcp://127.0.0.1:{{.Port.dnstap}} full", bytes: none},
	{name: "trace, which reads the response code", lines: "trace zipkin COLLECTOR", bytes: none},
	{name: "dns64, which looks at AAAA records", lines: "dns64 {\n    allow_ipv4\n}", bytes: allBut(dns.TypeAAAA)},
	{name: "siit, which looks at A records", lines: "siit", bytes: allBut(dns.TypeA)},
	{name: "shed over UDP, which bounds what is written at once", lines: "shed", bytes: none},
	{name: "shed over TCP, where it does nothing", lines: "shed", bytes: all, tcp: true},
	{name: "nsid, where nobody asks for it", lines: "nsid instance-1", bytes: all},
	{name: "nsid, where one asks for it", lines: "nsid instance-1", bytes: none, tcp: true, only: withEDNS,
		ask: func(m *dns.Msg) { addOption(m, &dns.EDNS0_NSID{Code: dns.EDNS0NSID}) },
		want: func(m *dns.Msg) {
			addOption(m, &dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: fmt.Sprintf("%x", "instance-1")})
		},
	},
	{name: "tsig, and a question without a signature", lines: "tsig {\n    secret KEYNAME SECRET\n}", bytes: all},
	{name: "tsig, which signs", lines: "tsig {\n    secret KEYNAME SECRET\n}", bytes: none, tcp: true,
		ask: func(m *dns.Msg) { m.SetTsig(keyName, dns.HmacSHA256, 300, time.Now().Unix()) },
	},
	{name: "rewrite of another name", lines: "rewrite name exact other.example. elsewhere.example.", bytes: all},
	{name: "rewrite of the name, and of those in the answer", bytes: none, only: inLowerCase,
		lines: `rewrite stop {
    name suffix .default.svc.example. .default.svc.cluster.local.
    answer auto
    answer value (.*)\.default\.svc\.cluster\.local\. {1}.default.svc.example.
}`,
		ask:  func(m *dns.Msg) { m.Question[0].Name = renamed(m.Question[0].Name) },
		want: rename,
	},
	{name: "rewrite of TTLs", lines: "rewrite ttl suffix .cluster.local. 77", bytes: none, want: setTTL(77)},
	{name: "rewrite that gives the question an option, which the server sends back", bytes: none, tcp: true, only: hasBoth,
		lines: "rewrite continue edns0 local set 0xffee 0x61",
		want:  func(m *dns.Msg) { addOption(m, &dns.EDNS0_LOCAL{Code: 0xffee, Data: []byte("a")}) },
	},
	{name: "autopath below the search path", lines: "autopath cluster.local RESOLV\ntemplate ANY ANY . {\n    rcode NXDOMAIN\n}", bytes: none, only: inLowerCase},
	{name: "autopath elsewhere", lines: "autopath other.test RESOLV", bytes: all},
}

// behind are the rows for plugins that stand behind: they are not asked.
var behind = []row{
	{name: "cache, which no order of ours has in front", lines: "cache 30", bytes: all},
	{name: "header", lines: "header {\n    response set ra\n}", bytes: all},
	{name: "minimal", lines: "minimal", bytes: all},
	{name: "hosts and template", lines: "hosts {\n    192.0.2.9 db.default.svc.cluster.local\n}\ntemplate IN A {\n    answer \"{{ .Name }} 60 IN A 192.0.2.9\"\n}", bytes: all},
}

func withEDNS(q question) bool { return q.size > 0 }

func hasBoth(q question) bool { return q.records && q.size > 0 }

// inLowerCase is for plugins that do not keep the case of a name.
func inLowerCase(q question) bool { return q.records && q.name == strings.ToLower(q.name) }

func addOption(m *dns.Msg, option dns.EDNS0) {
	opt := m.IsEdns0()
	opt.Option = append(opt.Option, option)
}

func setTTL(ttl uint32) func(*dns.Msg) {
	return func(m *dns.Msg) {
		for _, rr := range slices.Concat(m.Answer, m.Ns, m.Extra) {
			if rr.Header().Rrtype != dns.TypeOPT {
				rr.Header().Ttl = ttl
			}
		}
	}
}

// renamed returns a name under example in the place of cluster.local.
func renamed(name string) string {
	return name[:len(name)-len("cluster.local.")] + "example."
}

func rename(m *dns.Msg) {
	m.Question[0].Name = renamed(m.Question[0].Name)
	for _, rr := range slices.Concat(m.Answer, m.Extra) {
		if rr.Header().Rrtype == dns.TypeOPT {
			continue
		}
		rr.Header().Name = renamed(rr.Header().Name)
		if srv, ok := rr.(*dns.SRV); ok {
			srv.Target = renamed(srv.Target)
		}
	}
}

// port is the word for the port of a row's server block.
func port(i int) string { return fmt.Sprintf("row%d", i) }

func TestBesideEachPlugin(t *testing.T) {
	rows, dir := slices.Concat(plugins, behind), manifests(t)
	corefile := plainBlock(dir)
	for i, r := range rows {
		corefile += block(".:{{.Port."+port(i)+"}}", filled(t, r.lines), dir)
	}
	s := server.New(t, corefile)
	for i, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			address, want := s.AddressOf(port(i)), 0
			for _, q := range questions {
				if r.only != nil && !r.only(q) {
					continue
				}
				r.compare(t, s, address, q)
				if q.records && r.bytes(q.qtype) {
					want++
				}
			}
			wantAsBytes(t, s, "dns://"+address, want)
		})
	}
}

func (r row) compare(t *testing.T, s *server.Server, address string, q question) {
	t.Helper()
	ask, asked := over("udp"), q.message()
	if r.tcp {
		ask = over("tcp")
	}
	if r.ask != nil {
		r.ask(asked)
	}
	want := ask(t, s.Address(), q.message())
	if r.want != nil {
		r.want(want)
	}
	wantSame(t, q, ask(t, address, asked), want)
}

// filled puts files and a server of the test in the place of words.
func filled(t *testing.T, lines string) string {
	t.Helper()
	words := map[string]func() string{
		"DIR":     t.TempDir,
		"KEYNAME": func() string { return keyName },
		"SECRET":  func() string { return keySecret },
		"RESOLV": func() string {
			file := filepath.Join(t.TempDir(), "resolv.conf")
			must(t, os.WriteFile(file, []byte("search default.svc.cluster.local svc.cluster.local cluster.local\n"), 0o600))
			return file
		},
		"GEOIP": func() string { return filepath.Join(corednsSources(t), "plugin/geoip/testdata/GeoLite2-City.mmdb") },
		"COLLECTOR": func() string {
			collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }))
			t.Cleanup(collector.Close)
			return collector.URL
		},
	}
	for word, value := range words {
		if strings.Contains(lines, word) {
			lines = strings.ReplaceAll(lines, word, value())
		}
	}
	return lines
}

// corednsSources returns where the sources of CoreDNS are.
func corednsSources(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/coredns/coredns").Output()
	must(t, err)
	return strings.TrimSpace(string(out))
}

func TestPrometheusCountsWhatGoesAsBytes(t *testing.T) {
	s := server.New(t, plainBlock(manifests(t)))
	s.MustDig(t, "db"+domain, "A")
	samples, err := s.Samples(t.Context())
	must(t, err)
	labels := fmt.Sprintf(`server="dns://%s",view="",zone="."}`, s.Address())
	if got := samples[`coredns_dns_responses_total{plugin="k8s_endpoints",rcode="NOERROR",`+labels]; got != 1 {
		t.Errorf("%v answers are counted, want 1: %v", got, samples)
	}
	// A header, a question, three records that point to it, and an OPT record. Of a message,
	// prometheus counts what it would be without compression.
	want := float64(12 + len("db"+domain) + 1 + 4 + 3*16 + 11)
	if got := samples[`coredns_dns_response_size_bytes_sum{proto="udp",`+labels]; got != want && !server.AsMessages() {
		t.Errorf("the size of the answer is %v, want %v", got, want)
	}
}

// A new plugin of CoreDNS may wrap the writer in a way that nobody here has thought of.
func TestEachPluginInFrontHasARow(t *testing.T) {
	var lines []string
	for _, r := range plugins {
		lines = append(lines, r.lines)
	}
	for _, each := range transports(nil) {
		lines = append(lines, each.lines)
	}
	here := []string{"bind", "ready"} // They stand in all blocks, or in the plain one.
	for line := range strings.Lines(strings.Join(lines, "\n")) {
		if words := strings.Fields(line); len(words) > 0 {
			here = append(here, words[0])
		}
	}
	for _, directive := range dnsserver.Directives[:slices.Index(dnsserver.Directives, "cache")] {
		if !slices.Contains(here, directive) {
			t.Errorf("%s stands in front, and no test has it there", directive)
		}
	}
}
