package endpoints

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

var poolBelow = []string{
	"", "", "", "",
	"h.", "db-0.", "pod-1.", "pod-2.", "pod.with.dots.", strings.Repeat("p", 63) + ".",
	"10-0-0-1.", "10-0-0-2.", "10-0-0-3.", "10-0-0-4.", "10-0-0-5.", "fd00--1.", "fd00--0.", "--1.", "2001-db8-0-1-1-1-1-1.",
	"10-0-0-01.", "fd00--.", "fd00-0-0-0-0-0-0-1.", "fd00--01.", "-.", "--0.", "2001-db8--1-1-1-1-1.",
	"_tcp.", "_udp.", "_sctp.", "_icmp.", "_.", "tcp.",
	"_http._tcp.", "_http._udp.", "_web._tcp.", "_dns._udp.", "_peer._sctp.", "_any._tcp.", "_._tcp.", "_dns._tcp.", "_http._tcp.", "_dns._udp.", "_web._tcp.",
	"http._tcp.", "_http.tcp.", "http.tcp.", "xhttp._tcp.", "_http.xtcp.", "x._http._tcp.", "_http._tcp.h.", "h.h.", `\.h.`, `h\.db.`, `\000.`,
}

var poolOthers = []string{
	"cluster.local.", "svc.cluster.local.", "a.svc.cluster.local.", "default.svc.cluster.local.", "kube-system.svc.cluster.local.",
	"dns-version.cluster.local.", "x.dns-version.cluster.local.", "ns.dns.cluster.local.", "dns.cluster.local.",
	"pod.cluster.local.", "10-0-0-1.default.pod.cluster.local.", "db.default.cluster.local.", "db.default.pod.cluster.local.",
	"acluster.local.", `a\.cluster.local.`, "alt.cluster.local.", "dns-version.alt.cluster.local.", "db.default.svc.alt.cluster.local.",
	"default.svc.alt.cluster.local.", "local.", ".", "example.org.", "in-addr.arpa.", "ip6.arpa.", "arpa.", "dns-version.in-addr.arpa.",
	"svc.in-addr.arpa.", "db.default.svc.in-addr.arpa.",
	"1.0.0.10.in-addr.arpa.", "2.0.0.10.in-addr.arpa.", "3.0.0.10.in-addr.arpa.", "9.0.0.10.in-addr.arpa.", "0.0.10.in-addr.arpa.", "10.in-addr.arpa.",
	"01.0.0.10.in-addr.arpa.", "256.0.0.10.in-addr.arpa.", "5.1.0.0.10.in-addr.arpa.", "x.0.0.10.in-addr.arpa.", "0x1.0.0.10.in-addr.arpa.",
	"256.in-addr.arpa.", "00.in-addr.arpa.",
	"0.0.0.0.0.0.0.d.f.ip6.arpa.", "d.f.ip6.arpa.", "g.f.ip6.arpa.", "df.ip6.arpa.", "0.ip6.arpa.",
}

var poolTypes = []uint16{
	dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeAAAA, dns.TypeSRV, dns.TypeSRV, dns.TypeSRV, dns.TypePTR, dns.TypePTR,
	dns.TypeCNAME, dns.TypeTXT, dns.TypeSOA, dns.TypeNS, dns.TypeMX, dns.TypeHTTPS, dns.TypeANY, dns.TypeDS, dns.TypeAXFR, dns.TypeIXFR,
}

func drawQuestions(t *rapid.T, count int) []*dns.Msg {
	return rapid.SliceOfN(rapid.Custom(drawQuestion), count, count).Draw(t, "questions")
}

func drawQuestion(t *rapid.T) *dns.Msg {
	name := drawName(t)
	qtype := rapid.SampledFrom(poolTypes).Draw(t, "type")
	if rapid.Bool().Draw(t, "the type that belongs to the name") {
		qtype = typeFor(name, qtype)
	}
	r := new(dns.Msg).SetQuestion(drawCase(t, name), qtype)
	r.Id = 4711
	switch rapid.IntRange(0, 40).Draw(t, "class and opcode") {
	case 0:
		r.Question[0].Qclass = dns.ClassCHAOS
	case 1:
		r.Question[0].Qclass = dns.ClassANY
	case 2:
		r.Opcode = dns.OpcodeNotify
	}
	return overTheWire(t, r)
}

func typeFor(name string, other uint16) uint16 {
	switch {
	case strings.HasPrefix(name, "_"):
		return dns.TypeSRV
	case strings.HasPrefix(name, "dns-version."):
		return dns.TypeTXT
	case strings.HasSuffix(name, ".arpa."):
		return dns.TypePTR
	}
	return other
}

func drawName(t *rapid.T) string {
	switch rapid.IntRange(0, 9).Draw(t, "kind of name") {
	case 0, 1:
		return rapid.SampledFrom(poolOthers).Draw(t, "other name")
	case 2:
		address := rapid.SampledFrom(append(poolIPv4, poolIPv6...)).Draw(t, "address")
		name, _ := dns.ReverseAddr(address)
		return rapid.SampledFrom([]string{"", "", "", "", "1.", "x."}).Draw(t, "below") + name
	case 3:
		return drawAnyName(t)
	}
	return rapid.SampledFrom(poolBelow).Draw(t, "below") +
		rapid.SampledFrom(append(poolServices, "db", "missing")).Draw(t, "Service") + "." +
		rapid.SampledFrom(append(poolNamespaces, "default", "default", "missing")).Draw(t, "namespace") + ".svc." +
		rapid.SampledFrom([]string{"cluster.local.", "cluster.local.", "cluster.local.", "alt.cluster.local."}).Draw(t, "zone")
}

// drawAnyName returns a name of any bytes, at or below some other name.
func drawAnyName(t *rapid.T) string {
	name := rapid.SampledFrom([]string{".", "local.", "cluster.local.", "svc.cluster.local.", "db.default.svc.cluster.local.", "arpa.", "10.in-addr.arpa.", "ip6.arpa."}).Draw(t, "above")
	for range rapid.IntRange(1, 4).Draw(t, "labels") {
		var label strings.Builder
		for _, c := range rapid.SliceOfN(rapid.SampledFrom([]byte("ab01-_.\\\"\x00\xff ")), 1, 4).Draw(t, "label") {
			fmt.Fprintf(&label, `\%03d`, c)
		}
		name = strings.TrimSuffix(label.String()+"."+name, "..") + "."
		name = strings.Replace(name, "..", ".", 1)
	}
	return name
}

// drawCase writes some letters large. A letter behind a backslash is none.
func drawCase(t *rapid.T, name string) string {
	large := rapid.SampledFrom([]uint64{0, 0, 0xffffffffffffffff, 0x5a5a5a5a5a5a5a5a, 0x0123456789abcdef}).Draw(t, "capitals")
	b := []byte(name)
	for i, c := range b {
		if 'a' <= c && c <= 'z' && large>>(i%64)&1 == 1 {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// overTheWire gives names the form that they have in a server.
func overTheWire(t reporter, r *dns.Msg) *dns.Msg {
	t.Helper()
	wire, err := r.Pack()
	if err != nil {
		t.Fatalf("%v: %v", r.Question, err)
	}
	read := new(dns.Msg)
	if err := read.Unpack(wire); err != nil {
		t.Fatalf("%v: %v", r.Question, err)
	}
	return read
}
