package probe

import (
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"

	"github.com/miekg/dns"
)

// serveUDP answers each packet to an address with some others.
func serveUDP(t testing.TB, answer func(query []byte) [][]byte) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		packet := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			for _, each := range answer(packet[:n]) {
				_, _ = conn.WriteTo(each, from)
			}
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return addressOf(conn.LocalAddr())
}

// replying returns a server that replies to each question with a message that it changes.
func replying(change func(*dns.Msg)) func([]byte) [][]byte {
	return func(packet []byte) [][]byte {
		var query, reply dns.Msg
		if query.Unpack(packet) != nil {
			return nil
		}
		reply.SetReply(&query)
		change(&reply)
		packed, err := reply.Pack()
		if err != nil {
			return nil
		}
		return [][]byte{packed}
	}
}

func TestDNS(t *testing.T) {
	code := func(code int) func([]byte) [][]byte { return replying(func(m *dns.Msg) { m.Rcode = code }) }
	for _, c := range []struct {
		what   string
		answer func([]byte) [][]byte
		want   check.Cause
	}{
		{"it answers", code(dns.RcodeSuccess), check.Passed},
		{"there is no such name", code(dns.RcodeNameError), check.Passed},
		{"it does not do that", code(dns.RcodeNotImplemented), check.Passed},
		{"it fails", code(dns.RcodeServerFailure), check.BadStatus},
		{"it refuses", code(dns.RcodeRefused), check.BadStatus},
		{"it has more than fits", replying(func(m *dns.Msg) { m.Truncated = true }), check.Passed},
		{"it writes the name in capitals", replying(func(m *dns.Msg) { m.Question[0].Name = strings.ToUpper(m.Question[0].Name) }), check.Passed},
		{"its records are cut off", func(q []byte) [][]byte {
			return [][]byte{append([]byte{q[0], q[1], 0x80, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0}, q[12:]...)}
		}, check.Passed},
		{"it answers another question", replying(func(m *dns.Msg) { m.Id++ }), check.TimedOut},
		{"it answers for another name", replying(func(m *dns.Msg) { m.Question[0].Name = "other.example.org." }), check.TimedOut},
		{"it answers for another type", replying(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA }), check.TimedOut},
		{"it answers with a question", replying(func(m *dns.Msg) { m.Response = false }), check.TimedOut},
		{"it answers with a notify", replying(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), check.TimedOut},
		{"it has no question", replying(func(m *dns.Msg) { m.Question = nil }), check.TimedOut},
		{"it answers with garbage", func([]byte) [][]byte { return [][]byte{[]byte("garbage"), {}} }, check.TimedOut},
		{"it answers with nothing", func([]byte) [][]byte { return nil }, check.TimedOut},
		{"it answers another question first", func(q []byte) [][]byte {
			good := replying(func(*dns.Msg) {})(q)
			bad := replying(func(m *dns.Msg) { m.Id++ })(q)
			return append(bad, good...)
		}, check.Passed},
		{"it answers with a flood", func([]byte) [][]byte { return make([][]byte, 2*strays) }, check.BadReply},
	} {
		t.Run(c.what, func(t *testing.T) {
			expect(t, serveUDP(t, c.answer), check.Spec{Kind: check.DNS, Name: "example.org"}, c.want)
		})
	}
}

// A packet may be lost: the question is sent once more, and no more often.
func TestDNSAsksAgain(t *testing.T) {
	var asked atomic.Int32
	at := serveUDP(t, func(q []byte) [][]byte {
		if asked.Add(1) == 1 {
			return nil
		}
		return replying(func(*dns.Msg) {})(q)
	})
	s := check.Spec{Kind: check.DNS, Name: "example.org"}
	begun := time.Now()
	if got := run(t, at, 2*short, s); got != check.Passed || asked.Load() != 2 {
		t.Errorf("got %s after %d questions in %s, want %s after 2", got, asked.Load(), time.Since(begun), check.Passed)
	}
	var lost atomic.Int32
	if got := run(t, serveUDP(t, func([]byte) [][]byte { lost.Add(1); return nil }), short, s); got != check.TimedOut || lost.Load() != 2 {
		t.Errorf("got %s after %d questions, want %s after 2", got, lost.Load(), check.TimedOut)
	}
}

func TestWhatDNSAsks(t *testing.T) {
	for name, want := range map[string]string{"": ".", "example.org": "example.org.", "example.org.": "example.org."} {
		heard := make(chan dns.Msg, 1)
		at := serveUDP(t, func(q []byte) [][]byte {
			var m dns.Msg
			if err := m.Unpack(q); err != nil {
				t.Error(err)
			}
			heard <- m
			return replying(func(*dns.Msg) {})(q)
		})
		expect(t, at, check.Spec{Kind: check.DNS, Name: name}, check.Passed)
		m := <-heard
		if len(m.Question) != 1 || m.Question[0] != (dns.Question{Name: want, Qtype: dns.TypeSOA, Qclass: dns.ClassINET}) ||
			!m.RecursionDesired || m.Response || len(m.Extra) > 0 {
			t.Errorf("%q: got %v", name, m)
		}
	}
	t.Run("a name that is none is not asked for", func(t *testing.T) {
		at := serveUDP(t, func([]byte) [][]byte { t.Error("it was asked"); return nil })
		expect(t, at, check.Spec{Kind: check.DNS, Name: "a..b"}, check.Void)
	})
}
