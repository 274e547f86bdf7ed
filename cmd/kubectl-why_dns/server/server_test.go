package server

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/question"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/server/forwardtest"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"

	"github.com/miekg/dns"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

var must = polltest.Must

// stubDNS answers over TCP and UDP, and returns where.
func stubDNS(t *testing.T, answer func(*dns.Msg)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	packets, err := net.ListenPacket("udp", listener.Addr().String())
	must(t, err)
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		m.SetEdns0(bufferSize, false)
		answer(m)
		_ = w.WriteMsg(m)
	})
	for _, one := range []*dns.Server{{Listener: listener, Handler: handler}, {PacketConn: packets, Handler: handler}} {
		go func() { _ = one.ActivateAndServe() }()
		t.Cleanup(func() { _ = one.Shutdown() })
	}
	return listener.Addr().String()
}

// has answers with an address, and says why there is nothing else.
func has(address string) func(*dns.Msg) {
	return func(m *dns.Msg) {
		q := m.Question[0]
		if q.Qtype == dns.TypeA && !strings.HasPrefix(q.Name, "_") {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 5}, A: net.ParseIP(address)}}
			return
		}
		m.Ns = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "cluster.local.", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 5}, Ns: "ns.", Mbox: "m.", Minttl: 1}}
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeOther, ExtraText: "shop/web has \x1b[31mno endpoints"}}
	}
}

// stubPage is a status page that knows one Service.
func stubPage(t *testing.T, digest string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(v1.Overview{Header: v1.Header{APIVersion: v1.APIVersion, Server: v1.Server{Name: "stub", Version: "0.1.0"}}})
	})
	mux.HandleFunc("/services/shop/web", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("format") != "json" {
			http.Error(w, "want JSON", http.StatusBadRequest)
			return
		}
		one := v1.Service{Namespace: "shop", Name: "web", Digest: digest, Endpoints: []v1.Endpoint{{Name: "web-" + r.URL.Query().Get("page")}}}
		if r.URL.Query().Get("page") == "" {
			one.Next = "/services/shop/web?page=1"
		}
		_ = json.NewEncoder(w).Encode(one)
	})
	page := httptest.NewServer(mux)
	t.Cleanup(page.Close)
	return page.Listener.Addr().String()
}

func web(t *testing.T) *facts.Facts {
	t.Helper()
	all, err := question.Parse("web", "shop", "cluster.local")
	must(t, err)
	return &facts.Facts{Question: all[0]}
}

func TestAServerIsAskedThroughAPortForward(t *testing.T) {
	api := httptest.NewServer(forwardtest.Pods{
		"coredns-1": {"53": stubDNS(t, has("10.1.0.1")), "8053": stubPage(t, "a")},
		"coredns-2": {"53": stubDNS(t, has("10.1.0.1")), "8053": "127.0.0.1:1"},
	})
	t.Cleanup(api.Close)
	config := &rest.Config{Host: api.URL}
	clients, err := kubernetes.NewForConfig(config)
	must(t, err)
	forward := Forwarder{Config: config, Clients: clients}
	var servers []Server
	for _, name := range []string{"coredns-1", "coredns-2", "coredns-3"} {
		servers = append(servers, Server{Name: name, DNS: forward.DNS("kube-system", name), Page: forward.Page("kube-system", name)})
	}
	f := web(t)
	Ask(t.Context(), f, servers)
	one, two, three := f.Servers.Replicas[0], f.Servers.Replicas[1], f.Servers.Replicas[2]
	if got := one.Records(); len(got) != 1 || got[0] != "10.1.0.1" || !one.TCP || one.Service == nil || len(one.Service.Endpoints) != 2 || one.Overview.Server.Name != "stub" {
		t.Errorf("got %+v", one)
	}
	if got := one.Answers[1]; got.Note() != "shop/web has ?[31mno endpoints" || got.TTL != 1 {
		t.Errorf("got %+v", got)
	}
	// Nobody listens at its other port.
	if got := two.Records(); len(got) != 1 || two.Overview != nil || two.NoPage == "" {
		t.Errorf("got %+v", two)
	}
	if three.Err != "no right to port-forward" || three.NoPage != three.Err {
		t.Errorf("got %+v", three)
	}
}

func TestServersThatDifferAreAskedAgain(t *testing.T) {
	var asked atomic.Int64
	late := func(m *dns.Msg) {
		if m.Question[0].Qtype == dns.TypeA && asked.Add(1) > 1 {
			has("10.1.0.1")(m)
			return
		}
		has("10.1.0.2")(m)
	}
	f := web(t)
	began := time.Now()
	Ask(t.Context(), f, []Server{{Name: "a", DNS: To(stubDNS(t, has("10.1.0.1")), false)}, {Name: "b", DNS: To(stubDNS(t, late), false)}})
	if took := time.Since(began); took < settle {
		t.Errorf("asked again after %v", took)
	}
	if facts.AnswersDiffer(f.Servers.Replicas) {
		t.Errorf("they still differ: %+v", f.Servers.Replicas)
	}
}

func TestWhatDoesNotFitIsAskedOverTCP(t *testing.T) {
	cut := func(m *dns.Msg) {
		for i := range 200 {
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: m.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 5}, A: net.IPv4(10, 1, 0, byte(i))})
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	packets, err := net.ListenPacket("udp", listener.Addr().String())
	must(t, err)
	for _, one := range []*dns.Server{
		{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
			m := new(dns.Msg).SetReply(r)
			cut(m)
			_ = w.WriteMsg(m)
		})},
		{PacketConn: packets, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
			m := new(dns.Msg).SetReply(r)
			m.Truncated = true
			_ = w.WriteMsg(m)
		})},
	} {
		go func() { _ = one.ActivateAndServe() }()
		t.Cleanup(func() { _ = one.Shutdown() })
	}
	got := Question(t.Context(), &Way{Address: listener.Addr().String()}, "web.shop.svc.cluster.local.", dns.TypeA)
	if len(got.Records) != 200 || !got.Cut {
		t.Errorf("got %d records, %+v", len(got.Records), got.Cut)
	}
}

func TestAPageOfSomebodyElseIsNone(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"text":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) },
		"an error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusMisdirectedRequest) },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		},
		"other": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"apiVersion":"v9"}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			page := httptest.NewServer(handler)
			t.Cleanup(page.Close)
			f := web(t)
			Ask(t.Context(), f, []Server{{Name: "a", Page: PageAt(page.URL)}})
			if r := f.Servers.Replicas[0]; r.Overview != nil || r.NoPage == "" {
				t.Errorf("got %+v", r)
			}
		})
	}
}
