package probe

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"

	"github.com/miekg/dns"
)

// A replier is a connection over which a reply has come already, and that takes what is
// written.
type replier struct {
	io.Reader
	io.Writer
}

// ways are the ways in which a reply may come: at once, and byte by byte.
func ways(reply []byte) []io.Reader {
	return []io.Reader{bytes.NewReader(reply), iotest.OneByteReader(bytes.NewReader(reply))}
}

// agree reads a reply in each way. It must come to the same, which is one of some causes,
// and no more than the bound is read.
func agree(t *testing.T, reply []byte, read func(io.Reader) check.Cause, among ...check.Cause) check.Cause {
	t.Helper()
	var first check.Cause
	for i, way := range ways(reply) {
		counted := &io.LimitedReader{R: way, N: 1 << 30}
		got := read(counted)
		if taken := 1<<30 - counted.N; taken > most {
			t.Errorf("%d bytes were read, %d are the most", taken, most)
		}
		if i == 0 {
			first = got
		} else if got != first {
			t.Errorf("the same reply is %s at once, and %s byte by byte", first, got)
		}
	}
	for _, each := range among {
		if first == each {
			return first
		}
	}
	t.Errorf("got %s, want one of %v", first, among)
	return first
}

func FuzzStatus(f *testing.F) {
	for _, reply := range []string{
		"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 429\n", "HTTP/1.1 103 x\r\nLink: a\r\n\r\nHTTP/1.1 503 No\r\n", "HTTP/1.1 2000 OK\r\n",
		"HTTP/2 200\r\n", "\x16\x03\x01", strings.Repeat("x", 2*most), "HTTP/1.1 100 \r\n\r\n",
	} {
		f.Add([]byte(reply))
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		got := agree(t, reply, func(from io.Reader) check.Cause { return readStatus(t.Context(), bounded(from)) },
			check.Passed, check.BadStatus, check.BadReply)
		if got == check.Passed && !bytes.Contains(reply, []byte("HTTP/1.")) {
			t.Errorf("%q passes", reply)
		}
	})
}

func FuzzRedis(f *testing.F) {
	for _, reply := range []string{"+PONG\r\n", "-NOAUTH x\r\n", "-LOADING\n", "-\n", "\r\n", "+PONG", strings.Repeat("-", 2*most)} {
		f.Add([]byte(reply))
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		got := agree(t, reply, func(from io.Reader) check.Cause { return readPong(t.Context(), from) },
			check.Passed, check.BadStatus, check.BadReply)
		if got == check.Passed && reply[0] != '+' && reply[0] != '-' {
			t.Errorf("%q passes", reply)
		}
	})
}

func FuzzHealth(f *testing.F) {
	for _, reply := range []string{
		good("\x00\x00\x00\x00\x02\x08\x01", "grpc-status", "0"), good("\x00\x00\x00\x00\x02\x08\x02", "grpc-status", "0"),
		good("\x00\x40\x00\x00\x00", "grpc-status", "12"), "HTTP/1.1 400 Bad Request\r\n\r\n", "\x00\x00\x00\x04\x00\x00\x00\x00\x00",
	} {
		f.Add([]byte(reply))
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		agree(t, reply, func(from io.Reader) check.Cause { return readHealth(t.Context(), replier{from, io.Discard}) },
			check.Passed, check.BadStatus, check.BadReply)
	})
}

// What is taken for a reply is one for package dns too, as far as that can read it.
func FuzzDNS(f *testing.F) {
	query, err := soaQuery("example.org")
	if err != nil {
		f.Fatal(err)
	}
	query[0], query[1] = 1, 2
	for _, change := range []func(*dns.Msg){
		func(*dns.Msg) {}, func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure }, func(m *dns.Msg) { m.Id++ },
		func(m *dns.Msg) { m.Truncated = true }, func(m *dns.Msg) { m.Question = nil },
	} {
		for _, reply := range replying(change)(query) {
			f.Add(reply)
		}
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		code, ok := codeOf(query, reply)
		if !ok {
			return
		}
		var m dns.Msg
		// Records that it cannot read are not looked at: they are cut off here.
		whole := bytes.Clone(reply[:len(query)])
		copy(whole[6:header], make([]byte, 6))
		if err := m.Unpack(whole); err != nil {
			t.Fatalf("%x: %v", reply, err)
		}
		if m.Id != 0x0102 || !m.Response || m.Rcode != code || len(m.Question) != 1 ||
			!strings.EqualFold(m.Question[0].Name, "example.org.") || m.Question[0].Qtype != dns.TypeSOA {
			t.Errorf("%x is taken for a reply: %v", reply, &m)
		}
	})
}
