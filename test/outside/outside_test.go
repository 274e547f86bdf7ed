// Package outside tests what ExternalName Services lead to, with the built CoreDNS in front
// of resolvers that fail: another CoreDNS that is killed or stopped, and one of this package
// that says what a test wants.
package outside

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
)

var (
	must  = polltest.Must
	until = polltest.Until
)

// corefile is that of the server under test: RESOLVER is who knows names outside.
const corefile = `cluster.local:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    prometheus 127.0.0.1:{{.Metrics}}
    k8s_endpoints {
        manifests DIR
        explain
        OPTIONS
    }
}
.:{{.DNS}} {
    bind 127.0.0.1
    FRONT
    forward . RESOLVER
}
`

// service is the manifest of an ExternalName Service.
func service(name, target string, annotations ...string) string {
	text := "apiVersion: v1\nkind: Service\nmetadata:\n  name: " + name + "\n  annotations:\n    made-by: test\n"
	for _, each := range annotations {
		text += "    k8s-endpoints.coredns.io/" + each + "\n"
	}
	return text + "spec:\n  type: ExternalName\n  externalName: " + target + "\n  ports: [{name: sql, port: 5432}]\n---\n"
}

// fill makes a Corefile for some Services, with one more option.
func fill(t *testing.T, resolver, option, front string, services ...string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "services.yaml"), []byte(strings.Join(services, "")), 0o600))
	return strings.NewReplacer("DIR", dir, "OPTIONS", option, "RESOLVER", resolver, "FRONT", front).Replace(corefile)
}

// resolver answers as a test wants it to.
type resolver struct {
	address string
	mu      sync.Mutex
	answer  func(*dns.Msg, bool) *dns.Msg
	asked   int
}

// newResolver serves over UDP and TCP at the same port.
func newResolver(t *testing.T) *resolver {
	t.Helper()
	r := new(resolver)
	var conn net.PacketConn
	var listener net.Listener
	until(t, func(context.Context) (err error) {
		if conn, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			return err
		}
		r.address = conn.LocalAddr().String()
		if listener, err = net.Listen("tcp", r.address); err != nil {
			conn.Close()
		}
		return err
	})
	for _, s := range []*dns.Server{{PacketConn: conn}, {Listener: listener}} {
		overTCP := s.Listener != nil
		s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			r.mu.Lock()
			r.asked++
			answer := r.answer
			r.mu.Unlock()
			if m := answer(q, overTCP); m != nil {
				w.WriteMsg(m)
			}
		})
		go s.ActivateAndServe()
		t.Cleanup(func() { s.Shutdown() })
	}
	return r
}

func (r *resolver) say(answer func(q *dns.Msg, overTCP bool) *dns.Msg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *resolver) questions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// records answers with those of the name and type that was asked for, where there is an alias
// with what follows it.
func records(rcode int, all ...string) func(*dns.Msg, bool) *dns.Msg {
	return func(q *dns.Msg, _ bool) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		m.Rcode, m.RecursionAvailable = rcode, true
		name := q.Question[0].Name
		for _, text := range all {
			rr, err := dns.NewRR(text)
			if err != nil {
				panic(err)
			}
			if !strings.EqualFold(rr.Header().Name, name) {
				continue
			}
			if alias, ok := rr.(*dns.CNAME); ok {
				name = alias.Target
			} else if rr.Header().Rrtype != q.Question[0].Qtype {
				continue
			}
			m.Answer = append(m.Answer, rr)
		}
		return m
	}
}

// want waits until a question has an answer: its code, its records, and its reasons.
func want(t *testing.T, s *server.Server, name, qtype string, want ...string) {
	t.Helper()
	until(t, func(ctx context.Context) error {
		a, err := s.Dig(ctx, name+".default.svc.cluster.local.", qtype, "+time=10", "+tries=1")
		if err != nil {
			return err
		}
		got := []string{a.Status}
		for _, line := range a.Answer {
			got = append(got, withoutTTL(line))
		}
		slices.Sort(got[1:])
		got = append(got, a.EDE...)
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || !matches(got[i], want[i]) {
				return fmt.Errorf("%s %s: got\n%s\nwant\n%s", name, qtype, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		return nil
	})
}

// matches takes an ellipsis for any text.
func matches(got, want string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), `\.\.\.`, ".*")
	return regexp.MustCompile("^" + pattern + "$").MatchString(got)
}

func withoutTTL(line string) string {
	fields := strings.Fields(line)
	if len(fields) > 1 {
		fields = slices.Delete(fields, 1, 2)
	}
	return strings.ReplaceAll(strings.Join(fields, " "), ".default.svc.cluster.local.", "")
}

// another is a second CoreDNS, which knows names below example.org.
func another(t *testing.T, address string) *server.Server {
	t.Helper()
	s, err := server.Start(t.Context(), `example.org:{{.DNS}} {
    bind 127.0.0.1
    template IN A {
        answer "{{ .Name }} 5 IN A `+address+`"
    }
    template IN AAAA
}
`)
	must(t, err)
	// It may have been killed.
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

func TestAResolverThatIsKilledOrStopped(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "stopped": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := another(t, "192.0.2.1")
			s := server.New(t, fill(t, up.Address(), "last_good 1h", "",
				service("pg", "db.example.org"), service("flat", "db.example.org", "flatten: 'on'"), service("plain", "db.example.org", "last-good: 'off'")))
			alias := []string{"NOERROR", "db.example.org. IN A 192.0.2.1", "pg IN CNAME db.example.org."}
			want(t, s, "pg", "A", alias...)
			want(t, s, "flat", "A", "NOERROR", "flat IN A 192.0.2.1")
			must(t, up.Signal(signal))
			want(t, s, "pg", "A", append(alias, "3 (Stale Answer): (db.example.org could not be resolved for ...s (...)")...)
			want(t, s, "flat", "A", "NOERROR", "flat IN A 192.0.2.1", "3 (Stale Answer): (db.example.org could not be resolved for ...s (...)")
			want(t, s, "plain", "A", "SERVFAIL", "0 (Other): (SERVFAIL for the external name db.example.org.)")
			if signal == syscall.SIGSTOP {
				must(t, up.Signal(syscall.SIGCONT))
				want(t, s, "pg", "A", alias...)
			}
		})
	}
}

func TestAnotherTargetWhereTheFirstDoesNotResolve(t *testing.T) {
	t.Parallel()
	r := newResolver(t)
	both := []string{"a.example.org. 5 IN A 192.0.2.1", "b.example.org. 5 IN A 192.0.2.2"}
	r.say(records(dns.RcodeSuccess, both...))
	s := server.New(t, fill(t, r.address, "", "", service("pg", "a.example.org", "targets: order b.example.org")))
	want(t, s, "pg", "A", "NOERROR", "a.example.org. IN A 192.0.2.1", "pg IN CNAME a.example.org.")
	r.say(func(q *dns.Msg, overTCP bool) *dns.Msg {
		if q.Question[0].Name == "a.example.org." {
			return records(dns.RcodeServerFailure)(q, overTCP)
		}
		return records(dns.RcodeSuccess, both...)(q, overTCP)
	})
	want(t, s, "pg", "A", "NOERROR", "b.example.org. IN A 192.0.2.2", "pg IN CNAME b.example.org.",
		"0 (Other): (target 2 of 2, b.example.org: a.example.org does not resolve)")
	want(t, s, "_explain.pg", "TXT", "NOERROR",
		`_explain.pg IN TXT "1 a.example.org down since ...: it does not resolve (SERVFAIL)"`,
		`_explain.pg IN TXT "2 b.example.org chosen since ...: 1 addresses, good, looked up ... ago (it resolves)"`)
	r.say(records(dns.RcodeSuccess, both...))
	want(t, s, "pg", "A", "NOERROR", "b.example.org. IN A 192.0.2.2", "pg IN CNAME b.example.org.",
		"0 (Other): (target 2 of 2, b.example.org: it was chosen less than a minute ago)")
	want(t, s, "pg", "A", "NOERROR", "a.example.org. IN A 192.0.2.1", "pg IN CNAME a.example.org.")
	samples, err := s.Samples(t.Context())
	must(t, err)
	if n := samples["coredns_k8s_endpoints_external_failovers_total"]; n != 2 {
		t.Errorf("%v changes of the target were counted, want 2", n)
	}
}

func TestAResolverThatDeniesWhatThereIs(t *testing.T) {
	t.Parallel()
	r := newResolver(t)
	r.say(records(dns.RcodeSuccess, "db.example.org. 5 IN A 192.0.2.1"))
	s := server.New(t, fill(t, r.address, "", "", service("trusts", "db.example.org", "last-good: 1h"), service("doubts", "db.example.org", "last-good: 1h nxdomain")))
	for _, name := range []string{"trusts", "doubts"} {
		want(t, s, name, "A", "NOERROR", "db.example.org. IN A 192.0.2.1", name+" IN CNAME db.example.org.")
	}
	r.say(records(dns.RcodeNameError))
	want(t, s, "doubts", "A", "NOERROR", "db.example.org. IN A 192.0.2.1", "doubts IN CNAME db.example.org.",
		"3 (Stale Answer): (db.example.org could not be resolved for ...s (NXDOMAIN))")
	want(t, s, "trusts", "A", "NXDOMAIN", "trusts IN CNAME db.example.org.")
}

func TestAnswersThatAreCutAndAliasesOfAliases(t *testing.T) {
	t.Parallel()
	r := newResolver(t)
	all := []string{"db.example.org. 5 IN CNAME a.example.net.", "a.example.net. 5 IN CNAME b.example.net."}
	var addresses []string
	for i := range 100 {
		all = append(all, fmt.Sprintf("b.example.net. 5 IN A 192.0.2.%d", i+1))
		addresses = append(addresses, fmt.Sprintf("flat IN A 192.0.2.%d", i+1))
	}
	slices.Sort(addresses)
	r.say(func(q *dns.Msg, overTCP bool) *dns.Msg {
		m := records(dns.RcodeSuccess, all...)(q, overTCP)
		if !overTCP {
			m.Truncate(512)
		}
		return m
	})
	s := server.New(t, fill(t, r.address, "flatten", "", service("flat", "db.example.org")))
	want(t, s, "flat", "A", append([]string{"NOERROR"}, addresses...)...)
	want(t, s, "flat", "CNAME", "NOERROR", "0 (Other): (no records of this type here, in default/flat)")
}

func TestAnAnswerThatFlipsToAForbiddenAddress(t *testing.T) {
	t.Parallel()
	r := newResolver(t)
	r.say(records(dns.RcodeSuccess, "db.example.org. 5 IN A 192.0.2.1"))
	s := server.New(t, fill(t, r.address, "flatten", "", service("pg", "db.example.org")))
	want(t, s, "pg", "A", "NOERROR", "pg IN A 192.0.2.1")
	r.say(records(dns.RcodeSuccess, "db.example.org. 5 IN A 169.254.169.254", "db.example.org. 5 IN AAAA ::ffff:127.0.0.1"))
	want(t, s, "pg", "A", "NOERROR", "15 (Blocked): (no address of the external name db.example.org may be given)")
	want(t, s, "pg", "AAAA", "NOERROR", "15 (Blocked): (no address of the external name db.example.org may be given)")
}

func TestLookUpsAfterAReloadAreThoseOfTheNewServer(t *testing.T) {
	t.Parallel()
	before, after := newResolver(t), newResolver(t)
	before.say(records(dns.RcodeSuccess, "db.example.org. 5 IN A 192.0.2.1"))
	after.say(records(dns.RcodeSuccess, "db.example.org. 5 IN A 192.0.2.2"))
	text := fill(t, before.address, "last_good 1h", "acl {\n        allow net 127.0.0.0/8\n        block\n    }", service("pg", "db.example.org"))
	s := server.New(t, text)
	want(t, s, "pg", "A", "NOERROR", "db.example.org. IN A 192.0.2.1", "pg IN CNAME db.example.org.")
	// It is looked up with nobody asking.
	n := before.questions()
	until(t, func(context.Context) error {
		if before.questions() < n+4 {
			return fmt.Errorf("%d questions", before.questions()-n)
		}
		return nil
	})
	must(t, s.Reload(t.Context(), strings.Replace(text, before.address, after.address, 1)))
	want(t, s, "pg", "A", "NOERROR", "db.example.org. IN A 192.0.2.2", "pg IN CNAME db.example.org.")
	n = before.questions()
	m := after.questions()
	until(t, func(context.Context) error {
		if after.questions() < m+4 {
			return fmt.Errorf("%d questions", after.questions()-m)
		}
		return nil
	})
	if got := before.questions(); got != n {
		t.Errorf("the old resolver has had %d questions more", got-n)
	}
	after.say(records(dns.RcodeServerFailure))
	want(t, s, "pg", "A", "NOERROR", "db.example.org. IN A 192.0.2.2", "pg IN CNAME db.example.org.",
		"3 (Stale Answer): (db.example.org could not be resolved for ...s (SERVFAIL))")
}

func TestNamesInASlice(t *testing.T) {
	t.Parallel()
	r := newResolver(t)
	r.say(records(dns.RcodeSuccess, "seed.example.org. 5 IN A 192.0.2.1"))
	const seeds = `apiVersion: v1
kind: Service
metadata: {name: seeds}
spec: {clusterIP: None}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: seeds-fqdn, labels: {kubernetes.io/service-name: seeds}}
addressType: FQDN
ports: [{name: cql, port: 9042}]
endpoints: [{addresses: [seed.example.org]}, {addresses: [down.example.org], conditions: {ready: false}}]
`
	s := server.New(t, fill(t, r.address, "fqdn_slices", "", seeds))
	want(t, s, "seeds", "A", "NOERROR", "seeds IN A 192.0.2.1")
	want(t, s, "_cql._tcp.seeds", "SRV", "NOERROR", "_cql._tcp.seeds IN SRV 0 100 9042 seed.example.org.")
	closed := server.New(t, fill(t, r.address, "", "", seeds))
	want(t, closed, "seeds", "A", "NXDOMAIN", "0 (Other): (1 EndpointSlice was left out: type FQDN; apart from that, default/seeds has no endpoints)")
}
