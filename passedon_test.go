package endpoints

import (
	"context"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// Whoever asks before the Service exists finds it as soon as who asks this plugin alone.
func TestWhatOthersDenyIsKeptNoLongerThanWhatIsDeniedHere(t *testing.T) {
	records := func(texts ...string) (rrs []dns.RR) {
		for _, text := range texts {
			rr, err := dns.NewRR(text)
			if err != nil {
				t.Fatal(err)
			}
			rrs = append(rrs, rr)
		}
		return rrs
	}
	const soa = "cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 5"
	const signature = "cluster.local. 30 IN RRSIG SOA 8 2 30 20300101000000 20200101000000 1 cluster.local. AAAA"
	const ns = "cluster.local. 30 IN NS ns.dns.cluster.local."
	for _, c := range []struct {
		name, question string
		rcode          int
		answer, ns     []dns.RR
		want           []dns.RR
	}{
		{"a name", "no.default.svc.cluster.local.", dns.RcodeNameError, nil, records(soa),
			records("cluster.local. 1 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 1")},
		{"a name below", "_http._tcp.no.default.svc.cluster.local.", dns.RcodeSuccess, nil, records(soa),
			records("cluster.local. 1 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 1")},
		{"an address", "9.0.0.10.in-addr.arpa.", dns.RcodeNameError, nil, records(soa),
			records("cluster.local. 1 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 1")},
		{"a zone that is signed", "no.default.svc.cluster.local.", dns.RcodeNameError, nil, records(soa, signature),
			records("cluster.local. 1 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 5", signature)},
		{"what is kept no longer", "no.default.svc.cluster.local.", dns.RcodeNameError, nil,
			records("cluster.local. 0 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 0"),
			records("cluster.local. 0 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 7 7200 1800 86400 0")},
		{"records", "no.default.svc.cluster.local.", dns.RcodeSuccess, records("no.default.svc.cluster.local. 30 IN A 10.96.0.1"), records(ns), records(ns)},
		{"a name that no Service can have", "10-0-0-1.default.pod.cluster.local.", dns.RcodeNameError, nil, records(soa), records(soa)},
		{"a name outside", "example.org.", dns.RcodeNameError, nil, records(soa), records(soa)},
	} {
		s := testStanza()
		s.Fall = fall.Root
		h := testHandler(s, testChanges())
		before := dns.Copy(c.ns[0]).String()
		h.next = plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
			m := new(dns.Msg).SetRcode(r, c.rcode)
			m.Answer, m.Ns = c.answer, c.ns
			return c.rcode, w.WriteMsg(m)
		})
		w := dnstest.NewRecorder(&test.ResponseWriter{})
		if _, err := h.ServeDNS(t.Context(), w, new(dns.Msg).SetQuestion(c.question, dns.TypeA)); err != nil {
			t.Fatal(err)
		}
		if w.Msg == nil || w.Msg.Rcode != c.rcode || len(w.Msg.Ns) != len(c.want) || len(w.Msg.Answer) != len(c.answer) {
			t.Errorf("%s: got %v", c.name, w.Msg)
			continue
		}
		for i, rr := range c.want {
			if got := w.Msg.Ns[i].String(); got != rr.String() {
				t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, rr)
			}
		}
		if after := c.ns[0].String(); after != before {
			t.Errorf("%s: the record of the next plugin was written to: %s", c.name, after)
		}
	}
}
