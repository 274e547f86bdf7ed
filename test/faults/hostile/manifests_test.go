package hostile

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	badTotal   = "coredns_k8s_endpoints_bad_objects_total"
	held       = "coredns_k8s_endpoints_objects"
	endpoints  = "coredns_k8s_endpoints_endpoints"
	fileErrors = "coredns_k8s_endpoints_manifest_errors_total"
	// goodRate is low: on the same two cores a server reads manifests of
	// 100,000 endpoints.
	goodRate = 2000
	// mostMemory is three times the memory that these objects take, in MiB.
	mostMemory = 900
	zone       = ".default.svc.cluster.local."
)

// A fault puts something into the directory of manifests, and checks its
// effect.
type fault struct {
	name string
	do   func(t *testing.T, s serving)
}

var faults = []fault{
	{"objects that no API server lets through", badObjectsAreCountedAndLoggedOnce},
	{"100,000 endpoints in one Service", hundredThousandEndpoints},
	{"10,000 slices of one Service", tenThousandSlices},
	{"one address in 1,000 slices of a Service, and in 1,000 Services", oneAddress},
	{"10,000 different ports in one Service", manyPorts},
	{"loops and chains of ExternalName Services", chains},
	{"names longer than 255 bytes", longNames},
	{"manifests that cannot be read", unreadable},
}

func TestHostileObjects(t *testing.T) {
	s := serve(t)
	stop := s.startLoad(t, goodRate)
	for _, f := range faults {
		began := time.Now()
		f.do(t, s)
		t.Logf("%s: %.1f s, the server had up to %d MiB", f.name, time.Since(began).Seconds(), s.peakMemory(t))
	}
	rounds := randomRounds(t, s)
	// All that is hostile is gone.
	s.await(t, held, `kind="endpointslice"`, exactly(1))
	s.await(t, endpoints, "", exactly(2))
	r := stop()
	s.panics(t)
	if peak := s.peakMemory(t); peak > mostMemory {
		t.Errorf("the server had %d MiB, want at most %d", peak, mostMemory)
	}
	t.Logf("%v; %d faults and %d rounds of random objects", r, len(faults), rounds)
}

// randomRounds puts random objects there, again and again.
func randomRounds(t *testing.T, s serving) (rounds int) {
	seed := rand.Uint64()
	t.Logf("the seed of the random objects is %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	const name, objects = "random.json", 300
	for until := time.Now().Add(*soak); rounds < 3 || time.Now().Before(until); rounds++ {
		// A Service that comes with each round shows when the round was read.
		mark := fmt.Sprintf("192.0.2.%d", 100+rounds%100)
		var m manifest
		m.external("round", mark)
		s.manifests.put(t, name, randomObjects(r, objects)+m.String())
		s.answers(t, "round"+zone, dns.TypeA, is(dns.RcodeSuccess, "round"+zone+" 5 IN A "+mark))
	}
	s.manifests.remove(t, name)
	return rounds
}

func badObjectsAreCountedAndLoggedOnce(t *testing.T, s serving) {
	all, kinds := badObjects()
	var text strings.Builder
	for _, object := range all {
		text.WriteString(object)
	}
	const rounds = 3
	for round := 1; round <= rounds; round++ {
		s.manifests.put(t, "bad.json", text.String()+strings.Repeat("\n", round))
		// A bad annotation is looked at only where the Service changes.
		for kind, n := range kinds {
			if kind != "Service annotation" {
				n *= round
			}
			s.await(t, badTotal, fmt.Sprintf("kind=%q", kind), exactly(float64(n)))
		}
	}
	log := s.Log()
	for reason := range all {
		if n := strings.Count(log, reason); n != 1 {
			t.Errorf("logged %d times, want once: %s", n, reason)
		}
	}
	for line := range strings.Lines(log) {
		if len(line) > 2000 {
			t.Errorf("a line of %d bytes: %.200s", len(line), line)
		}
	}
	s.manifests.remove(t, "bad.json")
	s.await(t, held, `kind="headless"`, exactly(1))
}

// large waits until the records of a name do not all fit, and the answer has as
// many as do.
func (s serving) large(t *testing.T, name string, qtype uint16) {
	t.Helper()
	s.until(t, func() error {
		udp, tcp := s.ask(t, "udp", name, qtype), s.ask(t, "tcp", name, qtype)
		if !udp.Truncated || len(udp.Answer) < 10 || !tcp.Truncated || len(tcp.Answer) < 600 {
			return fmt.Errorf("%s %s: %d records over UDP, truncated %v; %d over TCP, truncated %v",
				name, dns.TypeToString[qtype], len(udp.Answer), udp.Truncated, len(tcp.Answer), tcp.Truncated)
		}
		return nil
	})
}

// answers waits until a name has the answer. Metrics change a moment before
// answers do.
func (s serving) answers(t *testing.T, name string, qtype uint16, want func(*dns.Msg) error) {
	t.Helper()
	s.until(t, func() error { return want(s.ask(t, "tcp", name, qtype)) })
}

// carries accepts an answer of that many records, with nothing left out.
func carries(records int) func(*dns.Msg) error {
	return func(m *dns.Msg) error {
		if len(m.Answer) != records || m.Truncated || m.Rcode != dns.RcodeSuccess {
			return fmt.Errorf("got\n%v\nwant %d records", m, records)
		}
		return nil
	}
}

func hundredThousandEndpoints(t *testing.T, s serving) {
	const n, perSlice = 100_000, 1000
	var m manifest
	m.headless("large")
	for i := 0; i < n; i += perSlice {
		var all []fields
		for j := range perSlice {
			all = append(all, fields{"hostname": fmt.Sprintf("large-%d", i+j), "addresses": []string{address(i + j)}})
		}
		m.slice(fmt.Sprintf("large-%d", i), "large", "IPv4", []fields{port("sql", 5432)}, all)
	}
	s.manifests.put(t, "large.json", m.String())
	s.await(t, endpoints, "", exactly(n+2))
	s.large(t, "large"+zone, dns.TypeA)
	s.large(t, "large"+zone, dns.TypeSRV)
	s.large(t, "_sql._tcp.large"+zone, dns.TypeSRV)
	s.answers(t, "large-99999.large"+zone, dns.TypeA, is(dns.RcodeSuccess, "large-99999.large"+zone+" 5 IN A "+address(99999)))
	explained := s.ask(t, "tcp", "_explain.large"+zone, dns.TypeTXT)
	if last := explained.Answer[len(explained.Answer)-1].String(); explained.Truncated || !strings.Contains(last, "more endpoints") {
		t.Errorf("the explanation ends in %s, truncated %v", last, explained.Truncated)
	}
	s.manifests.remove(t, "large.json")
	s.await(t, endpoints, "", exactly(2))
}

func tenThousandSlices(t *testing.T, s serving) {
	const n = 10_000
	var m manifest
	m.headless("sliced")
	for i := range n {
		m.slice(fmt.Sprintf("sliced-%d", i), "sliced", "IPv4", []fields{port("sql", 5432)}, []fields{endpoint(address(i))})
	}
	s.manifests.put(t, "sliced.json", m.String())
	s.await(t, held, `kind="endpointslice"`, exactly(n+1))
	s.await(t, endpoints, "", exactly(n+2))
	s.large(t, "sliced"+zone, dns.TypeA)
	s.manifests.remove(t, "sliced.json")
	s.await(t, endpoints, "", exactly(2))
}

func oneAddress(t *testing.T, s serving) {
	const n = 1000
	var m manifest
	m.headless("shared")
	for i := range n {
		m.slice(fmt.Sprintf("shared-%d", i), "shared", "IPv4", nil, []fields{endpoint("10.0.0.1")})
		name := fmt.Sprintf("sharing-the-one-address-with-all-others-%d", i)
		m.headless(name)
		m.slice(name, name, "IPv4", nil, []fields{endpoint("10.0.0.1")})
	}
	s.manifests.put(t, "shared.json", m.String())
	s.await(t, held, `kind="endpointslice"`, exactly(2*n+1))
	s.await(t, endpoints, "", exactly(n+1+2))
	s.answers(t, "shared"+zone, dns.TypeA, is(dns.RcodeSuccess, "shared"+zone+" 5 IN A 10.0.0.1"))
	s.large(t, "1.0.0.10.in-addr.arpa.", dns.TypePTR)
	s.manifests.remove(t, "shared.json")
	s.await(t, endpoints, "", exactly(2))
}

func manyPorts(t *testing.T, s serving) {
	const slices, each = 100, 100
	var m manifest
	m.headless("ports")
	for i := range slices {
		var ports []fields
		for j := range each {
			number := i*each + j + 1
			ports = append(ports, port(fmt.Sprintf("p%d", number), number))
		}
		m.slice(fmt.Sprintf("ports-%d", i), "ports", "IPv4", ports, []fields{endpoint(address(2 * i)), endpoint(address(2*i + 1))})
	}
	s.manifests.put(t, "ports.json", m.String())
	s.await(t, endpoints, "", exactly(2*slices+2))
	s.large(t, "ports"+zone, dns.TypeSRV)
	s.answers(t, "_p10000._tcp.ports"+zone, dns.TypeSRV, carries(2))
	s.manifests.remove(t, "ports.json")
	s.await(t, endpoints, "", exactly(2))
}

func chains(t *testing.T, s serving) {
	var m manifest
	m.external("loop", "loop"+zone)
	m.external("ping", "pong"+zone)
	m.external("pong", "ping"+zone)
	const links = 12
	for i := range links {
		m.external(fmt.Sprintf("link-%d", i), fmt.Sprintf("link-%d%s", i+1, zone))
	}
	m.external(fmt.Sprintf("link-%d", links), "good"+zone)
	s.manifests.put(t, "chains.json", m.String())
	s.await(t, held, `kind="external_name"`, exactly(1+3+links+1))
	for _, name := range []string{"loop", "ping", "pong", "link-0"} {
		s.answers(t, name+zone, dns.TypeA, is(dns.RcodeServerFailure))
	}
	// Seven aliases, and two addresses.
	s.answers(t, fmt.Sprintf("link-%d%s", links-6, zone), dns.TypeA, carries(7+2))
	s.manifests.remove(t, "chains.json")
	s.await(t, held, `kind="external_name"`, exactly(1))
}

// longNames has labels that are as long as can be: in one of the zones their
// names fit, in the other one those of the endpoints do not.
func longNames(t *testing.T, s serving) {
	long := strings.Repeat("l", 63)
	var m manifest
	m.headless("long")
	m.slice("long", "long", "IPv4", []fields{port("sql", 5432)}, []fields{
		{"hostname": long, "addresses": []string{"10.0.0.1"}},
		{"hostname": "short", "addresses": []string{"10.0.0.2"}},
	})
	s.manifests.put(t, "long.json", m.String())
	s.await(t, endpoints, "", exactly(4))
	const service = "long.default.svc."
	for in, want := range map[string]int{"cluster.local.": 2, longZone: 1} {
		s.answers(t, "_sql._tcp."+service+in, dns.TypeSRV, carries(want))
	}
	s.manifests.remove(t, "long.json")
	s.await(t, endpoints, "", exactly(2))
}

// unreadable puts files that cannot be read beside the good manifests.
func unreadable(t *testing.T, s serving) {
	errors := func() float64 {
		n, err := s.metric(t.Context(), fileErrors, "")
		must(t, err)
		return n
	}
	for _, c := range []struct {
		name, line string
		put        func(path string) error
	}{
		{"bomb.yaml", "the aliases of the file stand for more than 4 MiB", func(path string) error { return os.WriteFile(path, []byte(bomb()), 0o600) }},
		{"deep.yaml", "exceeded max depth of 10000", func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("[", 1<<20)), 0o600) }},
		{"crowd.yaml", "a document of more than 2000000 values", func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("a,", 16<<20)), 0o600) }},
		{"large.yaml", "larger than 64 MiB", func(path string) error {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				return err
			}
			return os.Truncate(path, 65<<20)
		}},
		{"pipe.yaml", "not a regular file", func(path string) error { return syscall.Mkfifo(path, 0o600) }},
		{"loop.yaml", "too many symbolic links", func(path string) error { return os.Symlink("loop.yaml", path) }},
		{"gone.yaml", "no such file or directory", func(path string) error { return os.Symlink("nowhere", path) }},
	} {
		before := errors()
		must(t, c.put(s.manifests.path(c.name)))
		s.await(t, fileErrors, "", atLeast(before+1))
		// It is read again with each change, and not logged again.
		s.manifests.put(t, "touch.yaml", "# "+c.name)
		s.await(t, fileErrors, "", atLeast(before+2))
		line := s.manifests.path(c.name)
		n := 0
		for each := range strings.Lines(s.Log()) {
			if strings.Contains(each, line) && strings.Contains(each, c.line) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("logged %d times, want once: %s: %s", n, line, c.line)
		}
		s.manifests.remove(t, c.name)
	}
	must(t, os.Symlink(".", s.manifests.path("circle")))
	// Not further up: the server reads all files that a link leads to.
	must(t, os.Symlink("..", s.manifests.path("above")))
	var m manifest
	m.external("behind", "192.0.2.9")
	s.manifests.put(t, "behind.json", m.String())
	s.await(t, held, `kind="external_name"`, exactly(2))
	for _, name := range []string{"circle", "above", "behind.json", "touch.yaml"} {
		s.manifests.remove(t, name)
	}
	s.await(t, held, `kind="external_name"`, exactly(1))
}

// bomb nests aliases: each line stands for twice as much as the one before.
func bomb() string {
	text := "a0: &a0 {}\n"
	for i := range 40 {
		text += fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	return text
}
