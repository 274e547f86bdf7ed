package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

func sample() *dns.Msg {
	m := new(dns.Msg)
	m.SetQuestion("_sql._tcp.db.default.svc.cluster.local.", dns.TypeSRV)
	m.Response, m.Truncated = true, true
	m.Answer = []dns.RR{test.SRV("_sql._tcp.db.default.svc.cluster.local. 5 IN SRV 0 100 5432 db-0.db.default.svc.cluster.local.")}
	m.Extra = []dns.RR{test.A("db-0.db.default.svc.cluster.local. 5 IN A 10.0.0.1"), test.OPT(1232, false)}
	return m
}

func TestEveryQuestionGetsTheRecordsOfTheSample(t *testing.T) {
	h := newHandler(sample())
	for _, id := range []uint16{1, 2} {
		r := sample()
		r.Response, r.Id, r.Answer, r.Extra = false, id, nil, nil
		w := dnstest.NewRecorder(&test.ResponseWriter{})
		if _, err := h.ServeDNS(t.Context(), w, r); err != nil {
			t.Fatal(err)
		}
		got := w.Msg
		if got.Id != id || !got.Authoritative || !got.Truncated || len(got.Answer) != 1 || len(got.Extra) != 1 {
			t.Errorf("got\n%v", got)
		}
		// So does the server; the next answer must not have it.
		got.Extra = append(got.Extra, test.OPT(1232, false))
	}
}

func TestRecordsAnewAreNotThoseOfTheSample(t *testing.T) {
	of := sample()
	of.Answer = []dns.RR{test.A("db.default.svc.cluster.local. 5 IN A 10.0.0.1"), test.A("db.default.svc.cluster.local. 5 IN A 10.0.0.2")}
	h := newHandler(of)
	h.anew = true
	w := dnstest.NewRecorder(&test.ResponseWriter{})
	if _, err := h.ServeDNS(t.Context(), w, of); err != nil {
		t.Fatal(err)
	}
	for i, rr := range w.Msg.Answer {
		if rr.String() != of.Answer[i].String() || rr == of.Answer[i] {
			t.Errorf("got %v for %v", rr, of.Answer[i])
		}
	}
}

func TestSetup(t *testing.T) {
	dir := t.TempDir()
	wire, err := sample().Pack()
	if err != nil {
		t.Fatal(err)
	}
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	for file, text := range map[string][]byte{good: wire, bad: wire[:20]} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct{ name, corefile, err string }{
		{"a message", "ceiling " + good, ""},
		{"records anew", "ceiling " + good + " anew", ""},
		{"another word", "ceiling " + good + " again", "argument"},
		{"a part of one", "ceiling " + bad, bad},
		{"no file", "ceiling", "argument"},
		{"a file that is missing", "ceiling " + dir + "/missing", "no such file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := caddy.NewTestController("dns", tc.corefile)
			err := setup(c)
			if tc.err == "" {
				if err != nil || len(dnsserver.GetConfig(c).Plugin) != 1 {
					t.Errorf("got %v and %d plugins", err, len(dnsserver.GetConfig(c).Plugin))
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, want %q in it", err, tc.err)
			}
		})
	}
}
