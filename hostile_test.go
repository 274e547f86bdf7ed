package endpoints

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

// hostileQuery is a message that no resolver sends, and what it gets.
type hostileQuery struct {
	name string
	wire []byte
	// want is the response code, how many records the answer over UDP has, and
	// whether it is truncated.
	want string
}

// hostileQueries are about the address of db-0, but for what their names say.
func hostileQueries() []hostileQuery {
	var all []hostileQuery
	add := func(name, want string, change func(m *dns.Msg)) {
		m := new(dns.Msg).SetQuestion("db-0.db.default.svc.cluster.local.", dns.TypeA)
		m.Id = 4711
		change(m)
		wire, err := m.Pack()
		if err != nil {
			panic(name + ": " + err.Error())
		}
		all = append(all, hostileQuery{name: name, wire: wire, want: want})
	}
	raw := func(name, want string, wire []byte) {
		all = append(all, hostileQuery{name: name, wire: wire, want: want})
	}
	addEDNS(add)
	addNames(add)
	addKinds(add)
	plain := all[0].wire
	raw("no question", "FORMERR 0", slices.Concat(plain[:4], make([]byte, 8)))
	raw("a question that the message has not", "SERVFAIL 0", plain[:headerSize])
	raw("a name that points to itself", "FORMERR 0", slices.Concat(plain[:headerSize], []byte{0xc0, 12, 0, 1, 0, 1}))
	raw("a name that points behind the message", "FORMERR 0", slices.Concat(plain[:headerSize], []byte{0xff, 0xff, 0, 1, 0, 1}))
	raw("a label of a kind that does not exist", "FORMERR 0", slices.Concat(plain[:headerSize], []byte{0x41, 'a', 0, 0, 1, 0, 1}))
	raw("a label longer than the message", "FORMERR 0", slices.Concat(plain[:headerSize], []byte{63, 'a', 'b'}))
	raw("a name of 300 bytes", "FORMERR 0", slices.Concat(plain[:headerSize], bytes.Repeat([]byte("\x01a"), 150), []byte{0, 0, 1, 0, 1}))
	raw("65,535 records that are not there", "FORMERR 0", slices.Concat(plain[:6], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, plain[headerSize:]))
	return all
}

func addEDNS(add func(string, string, func(*dns.Msg))) {
	edns := func(size uint16, options ...dns.EDNS0) func(*dns.Msg) {
		return func(m *dns.Msg) { m.SetEdns0(size, false).IsEdns0().Option = options }
	}
	all := func(size uint16) func(*dns.Msg) {
		return func(m *dns.Msg) {
			m.Question[0].Name = "db.default.svc.cluster.local."
			m.SetEdns0(size, false)
		}
	}
	add("no EDNS", "NOERROR 1", func(*dns.Msg) {})
	add("EDNS version 1", "BADVERS 0", func(m *dns.Msg) { m.SetEdns0(1232, false).IsEdns0().SetVersion(1) })
	add("a buffer of 0 bytes counts as 512", "NOERROR 28 truncated", all(0))
	add("a buffer of 1 byte counts as 512", "NOERROR 28 truncated", all(1))
	add("a buffer of 512 bytes", "NOERROR 28 truncated", all(512))
	add("a buffer of 65535 bytes", "NOERROR 62", all(65535))
	add("the DO bit", "NOERROR 1", func(m *dns.Msg) { m.SetEdns0(1232, true) })
	add("an unknown option", "NOERROR 1", edns(1232, &dns.EDNS0_LOCAL{Code: 65001, Data: []byte("data")}))
	add("an option of 400 bytes", "NOERROR 1", edns(512, &dns.EDNS0_LOCAL{Code: 65001, Data: make([]byte, 400)}))
	add("an option of 600 bytes, of which a server reads 512", "FORMERR 0", edns(512, &dns.EDNS0_PADDING{Padding: make([]byte, 600)}))
	add("the same option 50 times", "NOERROR 1", edns(512, slices.Repeat([]dns.EDNS0{&dns.EDNS0_NSID{Code: dns.EDNS0NSID}}, 50)...))
	add("an Extended DNS Error in a query", "NOERROR 1", edns(1232, &dns.EDNS0_EDE{InfoCode: 3, ExtraText: "stale"}))
	add("two OPT records", "NOERROR 1", func(m *dns.Msg) { m.SetEdns0(1232, false).Extra = append(m.Extra, m.Extra[0]) })
	add("three OPT records", "FORMERR 0", func(m *dns.Msg) { m.SetEdns0(1232, false).Extra = append(m.Extra, m.Extra[0], m.Extra[0]) })
	add("a key that nobody knows", "NOERROR 1", func(m *dns.Msg) { m.SetTsig("key.", dns.HmacSHA256, 300, 0) })
}

func addNames(add func(string, string, func(*dns.Msg))) {
	name := func(text string) func(*dns.Msg) {
		return func(m *dns.Msg) { m.Question[0].Name = text }
	}
	const below = ".db.default.svc.cluster.local."
	add("mixed case", "NOERROR 1", name("Db-0.dB.DEFAULT.sVc.cluster.LOCAL."))
	add("an IDN label", "NXDOMAIN 0", name("xn--bcher-kva"+below))
	add("bytes of UTF-8", "NXDOMAIN 0", name("bücher"+below))
	add("a label of 63 bytes", "NXDOMAIN 0", name(strings.Repeat("a", 63)+below))
	add("a name of 254 bytes", "NXDOMAIN 0", name(strings.Repeat("a.", (254-len(below)+1)/2-1)+"a"+below))
	add("a zero byte", "NXDOMAIN 0", name(`db-0\000`+below))
	add("a dot inside a label", "NXDOMAIN 0", name(`db-0\.db.default.svc.cluster.local.`))
	add("a backslash at the end of a label", "NXDOMAIN 0", name(`db-0\\`+below))
	add("an escaped letter is that letter", "NOERROR 1", name(`\100b-0`+below))
	add("a byte that no lower case changes", "NXDOMAIN 0", name(`\255\195\132`+below))
	add("a capital letter escaped", "NOERROR 1", name(`\068B-0`+below))
	add("a wildcard", "NXDOMAIN 0", name("*"+below))
	add("the zone", "NOERROR 0", name("cluster.local."))
	add("below a Pod", "NXDOMAIN 0", name("a.b.db-0"+below))
	add("the reverse tree", "NOERROR 0", name("in-addr.arpa."))
}

func addKinds(add func(string, string, func(*dns.Msg))) {
	qtype := func(t uint16) func(*dns.Msg) { return func(m *dns.Msg) { m.Question[0].Qtype = t } }
	add("the type ANY", "NOERROR 1", qtype(dns.TypeANY))
	add("the type 0", "NOERROR 0", qtype(0))
	add("the type 65535", "NOERROR 0", qtype(65535))
	add("the type OPT as a question", "NOERROR 0", qtype(dns.TypeOPT))
	add("the type NS below a Service", "NOERROR 0", qtype(dns.TypeNS))
	add("the type DS below a Service", "NOERROR 0", qtype(dns.TypeDS))
	add("the class CHAOS", "REFUSED 0", func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS })
	add("the class ANY", "REFUSED 0", func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassANY })
	add("two questions", "FORMERR 0", func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) })
	add("a record in the answer section", "NOERROR 1", func(m *dns.Msg) { m.Answer = []dns.RR{test.A("a.test. 5 IN A 10.0.0.1")} })
	for opcode := 1; opcode < 16; opcode++ {
		add(fmt.Sprintf("the opcode %d", opcode), "NOTIMP 0", func(m *dns.Msg) { m.Opcode = opcode })
	}
}

func TestHostileQueries(t *testing.T) {
	s := startWire(t)
	for _, q := range hostileQueries() {
		t.Run(q.name, func(t *testing.T) {
			for _, tcp := range []bool{false, true} {
				s.check(t, q.wire, tcp)
			}
			if got := summary(t, s.ask(t, false, q.wire)); got != q.want {
				t.Errorf("got %s, want %s", got, q.want)
			}
		})
	}
}

func summary(t *testing.T, wire []byte) string {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	rcode := dns.RcodeToString[m.Rcode]
	if m.Rcode == dns.RcodeBadVers {
		rcode = "BADVERS" // Its number has a second name.
	}
	text := fmt.Sprintf("%s %d", rcode, len(m.Answer))
	if m.Truncated {
		text += " truncated"
	}
	return text
}

// What has no header, and what is a reply, gets none: two servers could else
// keep each other busy.
func TestNoReplyToWhatIsNoQuestion(t *testing.T) {
	s := startWire(t)
	answer := new(dns.Msg).SetReply(new(dns.Msg).SetQuestion("db.default.svc.cluster.local.", dns.TypeA))
	reply, err := answer.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for _, wire := range [][]byte{nil, {1}, make([]byte, headerSize-1), reply} {
		for _, tcp := range []bool{false, true} {
			s.check(t, wire, tcp)
		}
	}
}
