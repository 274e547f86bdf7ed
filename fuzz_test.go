package endpoints

import (
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/pkg/edns"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
)

// fuzzSeeds are one name of each shape.
var fuzzSeeds = []struct {
	name  string
	qtype uint16
}{
	{"db.default.svc.cluster.local.", dns.TypeA},
	{"DB.Default.svc.Cluster.Local.", dns.TypeAAAA},
	{"db.default.svc.cluster.local.", dns.TypeSRV},
	{"db.default.svc.cluster.local.", dns.TypeANY},
	{"_sql._tcp.db.default.svc.cluster.local.", dns.TypeSRV},
	{"_tcp.db.default.svc.cluster.local.", dns.TypeA},
	{"n0.db.default.svc.cluster.local.", dns.TypeA},
	{"_sql._tcp.a.prefer._zone.db.default.svc.cluster.local.", dns.TypeSRV},
	{"b.pin._zone.db.default.svc.cluster.local.", dns.TypeA},
	{"10-1-0-1.db.default.svc.cluster.local.", dns.TypeA},
	{"fd00--1.db.default.svc.cluster.local.", dns.TypeAAAA},
	{"a.b.c.db.default.svc.cluster.local.", dns.TypeA},
	{`\000\.\\.db.default.svc.cluster.local.`, dns.TypeA},
	{"twin.default.svc.cluster.local.", dns.TypeA},
	{"starting.default.svc.cluster.local.", dns.TypeA},
	{"web.default.svc.cluster.local.", dns.TypeHTTPS},
	{"web.default.svc.cluster.local.", dns.TypeCNAME},
	{"loop.default.svc.cluster.local.", dns.TypeA},
	{"alias.default.svc.cluster.local.", dns.TypeSRV},
	{"address.default.svc.cluster.local.", dns.TypeA},
	{"_dns._udp.address.default.svc.cluster.local.", dns.TypeSRV},
	{"_dns._udp.web.default.svc.cluster.local.", dns.TypeSRV},
	{"default.svc.cluster.local.", dns.TypeA},
	{"svc.cluster.local.", dns.TypeA},
	{"cluster.local.", dns.TypeSOA},
	{"cluster.local.", dns.TypeNS},
	{"dns-version.cluster.local.", dns.TypeTXT},
	{"1.0.1.10.in-addr.arpa.", dns.TypePTR},
	{"0.1.10.in-addr.arpa.", dns.TypePTR},
	{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.", dns.TypePTR},
	{"0.0.d.f.ip6.arpa.", dns.TypePTR},
	{"example.org.", dns.TypeA},
	{".", dns.TypeNS},
}

// FuzzServeDNS asks whatever can be read as a message.
func FuzzServeDNS(f *testing.F) {
	for _, seed := range fuzzSeeds {
		r := new(dns.Msg).SetQuestion(seed.name, seed.qtype)
		r.Id = 4711
		f.Add(wireOf(f, r), true)
		r.SetEdns0(512, true)
		f.Add(wireOf(f, r), false)
		r.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}}
		f.Add(wireOf(f, r), false)
	}
	for _, r := range oddSeeds() {
		f.Add(wireOf(f, r), false)
	}
	server := fuzzServer()
	f.Fuzz(func(t *testing.T, wire []byte, tcp bool) {
		r := new(dns.Msg)
		if err := r.Unpack(wire); err != nil || len(r.Question) == 0 {
			return // A server answers these by itself.
		}
		if _, err := edns.Version(r); err != nil {
			return // These too.
		}
		server.askAnything(t, r, tcp)
	})
}

// oddSeeds are well-formed messages that no resolver sends.
func oddSeeds() []*dns.Msg {
	ask := func() *dns.Msg { return new(dns.Msg).SetQuestion("db.default.svc.cluster.local.", dns.TypeA) }
	twice, response, notify, chaos, transfer, signed := ask(), ask(), ask(), ask(), ask(), ask()
	twice.Question = append(twice.Question, twice.Question[0])
	response.Response = true
	response.Answer = []dns.RR{test.A("db.default.svc.cluster.local. 5 IN A 10.0.0.1")}
	notify.Opcode = dns.OpcodeNotify
	chaos.Question[0].Qclass = dns.ClassCHAOS
	transfer.Question[0].Qtype = dns.TypeAXFR
	signed.SetEdns0(0, true)
	signed.SetTsig("key.", dns.HmacSHA256, 300, 0)
	return []*dns.Msg{twice, response, notify, chaos, transfer, signed}
}

func wireOf(f *testing.F, r *dns.Msg) []byte {
	f.Helper()
	wire, err := r.Pack()
	if err != nil {
		f.Fatal(err)
	}
	return wire
}

// fuzzServer serves a small cluster that has something of each kind, and of one
// Service more than fits.
func fuzzServer() wholeServer {
	dnsPort := corev1.ServicePort{Name: "dns", Protocol: corev1.ProtocolUDP, Port: 53}
	cluster := drawnCluster{
		"Service default/alias":   externalService("alias", "db.default.svc.cluster.local"),
		"Service default/loop":    externalService("loop", "Loop.default.svc.cluster.local"),
		"Service default/address": externalService("address", "192.0.2.1", dnsPort),
		"Service default/web":     externalService("web", "example.org", dnsPort),
	}
	settings := corefile.Settings{Naming: roster.ByPodName, Zonal: true}
	return newServer(testStanza(), syncedWith(settings, testChanges(), inTwoZones(largeSlice(60)), cluster.changes()))
}

// askAnything checks what holds for every reply.
func (s wholeServer) askAnything(t *testing.T, r *dns.Msg, tcp bool) {
	s.compareBytes(t, r, tcp)
	c := &client{ResponseWriter: test.ResponseWriter{TCP: tcp}}
	asked, size := r.Copy(), (&request.Request{W: c, Req: r}).Size()
	rcode, _ := s.h.ServeDNS(c.context(), request.NewScrubWriter(r, c), r)
	if c.passed {
		if len(c.replies) > 0 {
			t.Errorf("passed on and replied to:\n%v", asked)
		}
		return
	}
	if len(c.replies) != 1 || !plugin.ClientWrite(rcode) {
		t.Fatalf("%d replies and the code %s to\n%v", len(c.replies), dns.RcodeToString[rcode], asked)
	}
	m := c.replies[0]
	if !m.Response || m.Id != asked.Id || len(m.Question) != 1 || m.Question[0] != asked.Question[0] {
		t.Errorf("this is no reply to\n%v\nbut\n%v", asked, m)
	}
	wire, err := m.Pack()
	if err != nil || len(wire) > size {
		t.Errorf("%d bytes do not fit in %d, or: %v\n%v", len(wire), size, err, asked)
	}
	if err := new(dns.Msg).Unpack(wire); err != nil {
		t.Errorf("a client cannot read the reply to\n%v\n%v", asked, err)
	}
}
