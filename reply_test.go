package endpoints

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
)

// note returns the Extended DNS Error of a reply.
func note(t *testing.T, m *dns.Msg) string {
	t.Helper()
	opt := m.IsEdns0()
	if opt == nil {
		return ""
	}
	if len(opt.Option) != 1 {
		t.Fatalf("%d options", len(opt.Option))
	}
	ede := opt.Option[0].(*dns.EDNS0_EDE)
	if ede.InfoCode != dns.ExtendedErrorCodeOther {
		t.Errorf("the code is %d", ede.InfoCode)
	}
	return ede.ExtraText
}

// The OPT record is the one that the server never leaves out.
func TestAReasonFitsIntoTheAnswer(t *testing.T) {
	escaped := strings.Repeat(`\001`, 63)
	long := strings.Repeat("n", 63)
	for name, question := range map[string]string{
		"two labels of escapes":     escaped + "." + escaped + ".svc.cluster.local.",
		"a Service of long names":   long + "." + long + ".svc.cluster.local.",
		"the longest question":      strings.Repeat("e.", 52) + "e." + long + "." + long + ".svc.cluster.local.",
		"an external name's reason": "web.default.svc.cluster.local.",
	} {
		h := staleHandler(testChanges())
		h.upstream = upstreamFunc(func(string) (*dns.Msg, error) {
			failed := new(dns.Msg).SetRcode(new(dns.Msg), dns.RcodeServerFailure).SetEdns0(1232, false)
			failed.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{ExtraText: strings.Repeat("why ", 200)}}
			return failed, nil
		})
		r := new(dns.Msg).SetQuestion(question, dns.TypeA).SetEdns0(512, false)
		w := dnstest.NewRecorder(&test.ResponseWriter{})
		if _, err := h.ServeDNS(t.Context(), request.NewScrubWriter(r, w), r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n := packed(t, w.Msg); n > 512 || w.Msg.Truncated {
			t.Errorf("%s: the answer has %d bytes for a client that takes 512, truncated %v", name, n, w.Msg.Truncated)
		}
		if got := reasons(w.Msg); len(got) != 2 || len(got[0]) < sureNote/2 {
			t.Errorf("%s: the reasons are %q", name, got)
		}
	}
}

// staleHandler answers from the changes as from a snapshot.
func staleHandler(changes []model.Change) *handler {
	h := testHandler(testStanza(), changes)
	h.cache.Load().phase.Store(uint32(restored))
	return h
}

// reasons returns the Extended DNS Errors of a reply.
func reasons(m *dns.Msg) (all []string) {
	if opt := m.IsEdns0(); opt != nil {
		for _, option := range opt.Option {
			ede := option.(*dns.EDNS0_EDE)
			all = append(all, fmt.Sprintf("%d %s", ede.InfoCode, ede.ExtraText))
		}
	}
	return all
}

func TestAnswersFromASnapshotSayThatTheyAreStale(t *testing.T) {
	h := staleHandler(append(testChanges(), headlessService("default", "empty")))
	h.upstream = itself{h}
	const stale = "3 " + textStale
	for _, c := range []struct {
		question string
		qtype    uint16
		want     []string
	}{
		{"db.default.svc.cluster.local.", dns.TypeA, []string{stale}},
		{"db.default.svc.cluster.local.", dns.TypeAAAA, []string{"0 default/db has no endpoints of this address family", stale}},
		{"empty.default.svc.cluster.local.", dns.TypeA, []string{"0 default/empty has no endpoints", stale}},
		{"nowhere.default.svc.cluster.local.", dns.TypeA, []string{"0 no headless or ExternalName Service default/nowhere", stale}},
		{"1.0.0.10.in-addr.arpa.", dns.TypePTR, []string{stale}},
		{"99.0.0.10.in-addr.arpa.", dns.TypePTR, []string{"0 no endpoint with this address is known", stale}},
		{"default.svc.cluster.local.", dns.TypeA, []string{"0 no records here, at most below", stale}},
		{"address.default.svc.cluster.local.", dns.TypeA, []string{stale}},
		{"web.default.svc.cluster.local.", dns.TypeCNAME, []string{stale}},
	} {
		t.Run(c.question+" "+dns.TypeToString[c.qtype], func(t *testing.T) {
			r := new(dns.Msg).SetQuestion(c.question, c.qtype)
			if got := serve(t, h, r); got.IsEdns0() != nil {
				t.Errorf("to a client without EDNS: got %v", got.IsEdns0())
			}
			if got := reasons(serve(t, h, r.SetEdns0(1232, false))); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAStaleAnswerFitsWithItsReason(t *testing.T) {
	h := staleHandler(largeSlice(500))
	for _, c := range []struct {
		name  string
		qtype uint16
		size  uint16
	}{
		{"db.default.svc.cluster.local.", dns.TypeA, 512},
		{"db.default.svc.cluster.local.", dns.TypeA, 1232},
		{"db.default.svc.cluster.local.", dns.TypeSRV, 1232},
	} {
		r := new(dns.Msg).SetQuestion(c.name, c.qtype).SetEdns0(c.size, false)
		m := serve(t, h, r)
		m.Compress = true
		if len(m.Answer) == 0 || !m.Truncated || m.Len() > int(c.size) {
			t.Errorf("%s %d: %d records in %d bytes, truncated %t", dns.TypeToString[c.qtype], c.size, len(m.Answer), m.Len(), m.Truncated)
		}
		if got := reasons(m); len(got) != 1 {
			t.Errorf("%s %d: got %q", dns.TypeToString[c.qtype], c.size, got)
		}
	}
}
