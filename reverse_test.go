package endpoints

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A network such as 10.0.0.0/30 is not cut where a label ends: it is a zone for each
// of its addresses.
func TestTheReverseNameOfAnAddressMayBeAZone(t *testing.T) {
	s := testStanza()
	s.Zones = append([]string{"cluster.local."}, plugin.Host("10.0.0.0/30").NormalizeExact()...)
	const soa = "authority: 3.0.0.10.in-addr.arpa. 1 IN SOA ns.dns.3.0.0.10.in-addr.arpa. hostmaster.3.0.0.10.in-addr.arpa. 0 7200 1800 86400 1"
	for _, c := range []struct {
		name, question string
		qtype          uint16
		want           string
	}{
		{"an address of an endpoint", "2.0.0.10.in-addr.arpa.", dns.TypePTR,
			lines("NOERROR aa", "2.0.0.10.in-addr.arpa. 5 IN PTR db-1.db.default.svc.cluster.local.")},
		{"its zone", "2.0.0.10.in-addr.arpa.", dns.TypeNS,
			lines("NOERROR aa", "2.0.0.10.in-addr.arpa. 5 IN NS ns.dns.2.0.0.10.in-addr.arpa.")},
		{"an address of none", "3.0.0.10.in-addr.arpa.", dns.TypePTR, lines("NOERROR aa", soa)},
	} {
		h := testHandler(s, testChanges())
		if got := text(serve(t, h, new(dns.Msg).SetQuestion(c.question, c.qtype))); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
		h.cache.Store(newTestCache())
		if m := serve(t, h, new(dns.Msg).SetQuestion(c.question, c.qtype)); m.Rcode != dns.RcodeServerFailure {
			t.Errorf("%s: before the first list, the answer is %s", c.name, text(m))
		}
	}
}

func TestAnAddressThatManyServicesShare(t *testing.T) {
	const services = 5000
	var changes []model.Change
	for i := range services {
		name := fmt.Sprintf("service-%d", i)
		changes = append(changes, headlessService("default", name), readySlice("default", name, name, "10.0.0.1"))
	}
	s := newServer(testStanza(), synced(roster.ByHostname, changes))
	for _, c := range []struct {
		tcp         bool
		size        int
		least, most int
	}{{false, 512, 10, 40}, {false, 1232, 30, 90}, {true, 1232, 1000, 4500}} {
		first := make(map[string]bool)
		for range 10 {
			r := new(dns.Msg).SetQuestion("1.0.0.10.in-addr.arpa.", dns.TypePTR).SetEdns0(uint16(c.size), false)
			w := &client{ResponseWriter: test.ResponseWriter{TCP: c.tcp}}
			made, err := s.h.ServeDNS(w.context(), w, r)
			if err != nil || made != dns.RcodeSuccess || len(w.replies) != 1 {
				t.Fatalf("%d replies, code %d, error %v", len(w.replies), made, err)
			}
			m := w.replies[0]
			if n := len(m.Answer); n > c.most || !m.Truncated {
				t.Errorf("%d bytes, TCP %v: %d records are made, want at most %d; truncated %v", c.size, c.tcp, n, c.most, m.Truncated)
			}
			m = (&request.Request{W: w, Req: r}).Scrub(m)
			if n := len(m.Answer); n < c.least || !m.Truncated {
				t.Errorf("%d bytes, TCP %v: %d records fit, want at least %d; truncated %v", c.size, c.tcp, n, c.least, m.Truncated)
			}
			first[m.Answer[0].(*dns.PTR).Ptr] = true
		}
		if len(first) != 1 {
			t.Errorf("%d bytes, TCP %v: %d different ones come first", c.size, c.tcp, len(first))
		}
	}
}

// Names that differ in more than their first label take more than the least that
// was reckoned with: then it is the server that finds that not all fit.
func TestWhatTheServerLeavesOutCountsAsTruncated(t *testing.T) {
	var changes []model.Change
	for i := range 20 {
		namespace := fmt.Sprintf("a-namespace-of-some-length-%d", i)
		changes = append(changes, headlessService(namespace, "db"), readySlice(namespace, "db", "db-1", "10.0.0.1"))
	}
	h := testHandler(testStanza(), changes)
	counted := func(do func()) float64 {
		counter := truncatedTotal.WithLabelValues("", "PTR")
		before := testutil.ToFloat64(counter)
		do()
		return testutil.ToFloat64(counter) - before
	}
	for _, row := range []struct {
		size uint16
		want float64
	}{{512, 1}, {700, 1}, {4096, 0}} {
		r := new(dns.Msg).SetQuestion("1.0.0.10.in-addr.arpa.", dns.TypePTR).SetEdns0(row.size, false)
		var m *dns.Msg
		n := counted(func() {
			w := dnstest.NewRecorder(&test.ResponseWriter{})
			if _, err := h.ServeDNS(t.Context(), request.NewScrubWriter(r, w), r); err != nil {
				t.Fatal(err)
			}
			m = w.Msg
		})
		if n != row.want || m.Truncated != (row.want > 0) {
			t.Errorf("%d bytes: %d records, truncated %v, counted %v times", row.size, len(m.Answer), m.Truncated, n)
		}
	}
}

// Clients that take the first record compare it with a certificate.
func TestThePointersOfAnAddressHaveOneOrder(t *testing.T) {
	address := netip.MustParseAddr("10.0.0.1")
	slice := func(service, hostname string) model.Change {
		c := readySlice("default", service, service+"-1", address.String())
		c.Slice.Endpoints[0].Hostname, c.Slice.Endpoints[0].Pod = hostname, "zk-0"
		return c
	}
	changes := []model.Change{
		headlessService("default", "all"), slice("all", ""),
		headlessService("default", "nodes"), slice("nodes", "zk-0"),
		headlessService("default", "client"), slice("client", ""),
	}
	for _, c := range []struct {
		naming roster.Naming
		want   string
	}{
		{roster.ByHostname, "zk-0.nodes 10-0-0-1.all 10-0-0-1.client"},
		{roster.ByPodName, "zk-0.nodes zk-0.all zk-0.client"},
	} {
		s := testStanza()
		s.Settings.Naming = c.naming
		h := testHandler(s, changes)
		for range 20 {
			m := serve(t, h, new(dns.Msg).SetQuestion("1.0.0.10.in-addr.arpa.", dns.TypePTR))
			var got []string
			for _, rr := range m.Answer {
				got = append(got, strings.TrimSuffix(rr.(*dns.PTR).Ptr, ".default.svc.cluster.local."))
			}
			if strings.Join(got, " ") != c.want {
				t.Fatalf("got %v, want %s", got, c.want)
			}
		}
	}
}

// A resolver that asks label by label (RFC 9156) takes NXDOMAIN above a name for its own
// (RFC 8020).
func TestNobodyElseDeniesANameAboveOneOfOurs(t *testing.T) {
	s := testStanza()
	s.Zones = []string{"cluster.local.", "in-addr.arpa.", "d.f.ip6.arpa."}
	s.Fall.SetZonesFromArgs(nil)
	v6 := readySlice("default", "db", "db-6", "fd00:10::1")
	h := testHandler(s, append(testChanges(), v6))
	h.next = test.NextHandler(dns.RcodeNameError, nil)
	for _, c := range []struct {
		name   string
		qtype  uint16
		passes bool
	}{
		{"0.0.10.in-addr.arpa.", dns.TypeA, false},
		{"0.0.10.in-addr.arpa.", dns.TypeNS, false},
		{"10.in-addr.arpa.", dns.TypeA, false},
		{"11.in-addr.arpa.", dns.TypeA, true},
		{"1.0.10.in-addr.arpa.", dns.TypeA, true},
		{"9.0.0.10.in-addr.arpa.", dns.TypePTR, true},
		{"in-addr.arpa.", dns.TypeA, false},
		{"in-addr.arpa.", dns.TypeNS, true},
		{"in-addr.arpa.", dns.TypeSOA, true},
		{strings.Repeat("0.", 23) + "0.1.0.0.0.0.d.f.ip6.arpa.", dns.TypePTR, false},
		{"0.1.0.0.0.0.d.f.ip6.arpa.", dns.TypeA, false},
		{"0.2.0.0.0.0.d.f.ip6.arpa.", dns.TypeA, true},
		{"svc.cluster.local.", dns.TypeA, false},
		{"default.svc.cluster.local.", dns.TypeA, false},
		{"other.svc.cluster.local.", dns.TypeA, true},
		{"cluster.local.", dns.TypeA, true},
	} {
		w := dnstest.NewRecorder(&test.ResponseWriter{})
		rcode, err := h.ServeDNS(t.Context(), w, new(dns.Msg).SetQuestion(c.name, c.qtype))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case c.passes && (rcode != dns.RcodeNameError || w.Msg != nil):
			t.Errorf("%s %d: answered with %v, want it to pass on", c.name, c.qtype, w.Msg)
		case !c.passes && (w.Msg == nil || w.Msg.Rcode != dns.RcodeSuccess || len(w.Msg.Answer) > 0 || len(w.Msg.Ns) != 1):
			t.Errorf("%s %d: got %v, want no records of this type", c.name, c.qtype, w.Msg)
		}
	}
}
