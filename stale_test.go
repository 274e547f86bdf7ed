package endpoints

import (
	"fmt"
	"slices"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
)

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
	const stale = "3 " + staleNote
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
		{"99.0.0.10.in-addr.arpa.", dns.TypePTR, []string{"0 no endpoint with this address", stale}},
		{"default.svc.cluster.local.", dns.TypeA, []string{"0 no records here, only below", stale}},
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

func TestAnAliasOfAStaleAnswerSaysSoOnce(t *testing.T) {
	alias := model.ServiceChange(&model.Service{ServiceKey: model.ServiceKey{Namespace: "default", Name: "alias"}, Kind: model.ExternalName})
	for target, want := range map[string][]string{
		"db.default.svc.cluster.local.":       {"3 " + staleNote},
		"starting.default.svc.cluster.local.": {"0 no endpoint is ready: 1 starting", "3 " + staleNote},
	} {
		alias.Service.Target = target
		h := staleHandler(append(testChanges(), alias))
		h.upstream = itself{h}
		r := new(dns.Msg).SetQuestion("alias.default.svc.cluster.local.", dns.TypeA).SetEdns0(1232, false)
		if got := reasons(serve(t, h, r)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
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
