// Package hostile shows that objects and queries which nobody should send do no
// harm: while they come, a load asks for good names, and every answer is
// checked.
//
// With -soak DURATION random objects and queries go on until it is over.
//
// Read hostile_test.go first, then objects_test.go and manifests_test.go
// (objects), or queries_test.go.
package hostile

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/load"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
)

var must = polltest.Must

var soak = flag.Duration("soak", 0, "how long random objects and queries go on; 0 is a short form")

// deadline bounds a wait. Nothing takes nearly as long on an idle machine.
const deadline = 2 * time.Minute

// longZone makes names of endpoints longer than names can be.
var longZone = strings.Repeat(strings.Repeat("z", 49)+".", 4)

// serving is a CoreDNS that serves a directory of manifests.
type serving struct {
	*server.Server
	manifests folder
}

func serve(t *testing.T) serving {
	t.Helper()
	dir := folder(filepath.Join(t.TempDir(), "manifests"))
	must(t, os.Mkdir(string(dir), 0o700))
	dir.put(t, "good.yaml", good)
	s := server.New(t, fmt.Sprintf(`.:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    prometheus 127.0.0.1:{{.Metrics}}
    k8s_endpoints cluster.local in-addr.arpa ip6.arpa %s {
        manifests %s
        explain
    }
}
`, longZone, string(dir)))
	return serving{s, dir}
}

// metric returns the sum of the series of a metric whose labels hold a text, 0
// where there are none.
func (s serving) metric(ctx context.Context, name, labels string) (float64, error) {
	samples, err := s.Samples(ctx)
	sum := 0.0
	for series, value := range samples {
		if of, rest, _ := strings.Cut(series, "{"); of == name && strings.Contains(rest, labels) {
			sum += value
		}
	}
	return sum, err
}

// until waits until nothing is wrong any more.
func (s serving) until(t *testing.T, wrong func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	must(t, poll.Until(ctx, func(context.Context) error { return wrong() }))
}

// await waits until the value of a metric is as wanted.
func (s serving) await(t *testing.T, name, labels string, holds func(float64) bool) {
	t.Helper()
	s.until(t, func() error {
		got, err := s.metric(t.Context(), name, labels)
		if err == nil && !holds(got) {
			err = fmt.Errorf("%s{%s} is %v", name, labels, got)
		}
		return err
	})
}

func atLeast(n float64) func(float64) bool { return func(got float64) bool { return got >= n } }
func exactly(n float64) func(float64) bool { return func(got float64) bool { return got == n } }

// peakMemory returns the largest resident size so far, in MiB.
func (s serving) peakMemory(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("the system does not tell the size of a process")
	}
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			must(t, err)
			return kib >> 10
		}
	}
	t.Fatal("there is no VmHWM in the status of the process")
	return 0
}

// ask asks over TCP, or over UDP with that buffer size.
func (s serving) ask(t *testing.T, network, name string, qtype uint16) *dns.Msg {
	t.Helper()
	client := dns.Client{Net: network, Timeout: 10 * time.Second, UDPSize: 1232}
	m, _, err := client.Exchange(new(dns.Msg).SetQuestion(name, qtype).SetEdns0(1232, false), s.Address())
	must(t, err)
	return m
}

// is checks the response code and the records of an answer, in any order.
func is(rcode int, records ...string) func(*dns.Msg) error {
	want := slices.Sorted(slices.Values(records))
	return func(m *dns.Msg) error {
		var got []string
		for _, rr := range m.Answer {
			got = append(got, strings.ReplaceAll(rr.String(), "\t", " "))
		}
		slices.Sort(got)
		if m.Rcode != rcode || !slices.Equal(got, want) || m.Truncated {
			return fmt.Errorf("got %s %q, want %s %q", dns.RcodeToString[m.Rcode], got, dns.RcodeToString[rcode], want)
		}
		return nil
	}
}

// goodQueries have to be answered rightly all the time.
var goodQueries = []load.Query{
	{Name: "good.default.svc.cluster.local.", Type: dns.TypeA, Check: is(dns.RcodeSuccess,
		"good.default.svc.cluster.local. 5 IN A 192.0.2.1", "good.default.svc.cluster.local. 5 IN A 192.0.2.2")},
	{Name: "Good.default.svc.cluster.LOCAL.", Type: dns.TypeAAAA, Check: is(dns.RcodeSuccess)},
	{Name: "good-1.good.default.svc.cluster.local.", Type: dns.TypeA, Check: is(dns.RcodeSuccess,
		"good-1.good.default.svc.cluster.local. 5 IN A 192.0.2.2")},
	{Name: "_sql._tcp.good.default.svc.cluster.local.", Type: dns.TypeSRV, Check: is(dns.RcodeSuccess,
		"_sql._tcp.good.default.svc.cluster.local. 5 IN SRV 0 100 5432 good-0.good.default.svc.cluster.local.",
		"_sql._tcp.good.default.svc.cluster.local. 5 IN SRV 0 100 5432 good-1.good.default.svc.cluster.local.")},
	{Name: "address.default.svc.cluster.local.", Type: dns.TypeA, Check: is(dns.RcodeSuccess,
		"address.default.svc.cluster.local. 5 IN A 192.0.2.3")},
	{Name: "1.2.0.192.in-addr.arpa.", Type: dns.TypePTR, Check: is(dns.RcodeSuccess,
		"1.2.0.192.in-addr.arpa. 5 IN PTR good-0.good.default.svc.cluster.local.")},
	{Name: "good-2.good.default.svc.cluster.local.", Type: dns.TypeA, Check: is(dns.RcodeNameError)},
}

// startLoad asks the good queries until stop, which fails the test where an
// answer was wrong or lost.
func (s serving) startLoad(t *testing.T, rate int) (stop func() load.Result) {
	t.Helper()
	l, err := load.Start(s.Address(), rate, goodQueries...)
	must(t, err)
	t.Cleanup(func() { l.Stop() })
	return func() load.Result {
		r := l.Stop()
		if err := r.Err(); err != nil {
			t.Error(err)
		}
		return r
	}
}

// panics fails the test where CoreDNS recovered from a panic.
func (s serving) panics(t *testing.T) {
	t.Helper()
	n, err := s.metric(t.Context(), "coredns_panics_total", "")
	must(t, err)
	if n != 0 {
		t.Errorf("%v panics", n)
	}
}
