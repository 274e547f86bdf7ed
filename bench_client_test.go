package endpoints

import (
	"context"
	"net"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// benchClient is one way to ask.
type benchClient struct {
	name string
	// edns is the size in bytes that the client's OPT record says, or 0 for a
	// client without EDNS. size is what fits into an answer.
	edns   uint16
	size   int
	remote net.Addr
}

var (
	client512  = benchClient{name: "512", size: dns.MinMsgSize, remote: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000}}
	client1232 = benchClient{name: "1232", edns: 1232, size: 1232, remote: client512.remote}
	// clientTCP asks again what was truncated for client1232.
	clientTCP = benchClient{name: "tcp", edns: 1232, size: dns.MaxMsgSize, remote: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000}}
)

// optSize is the size of an OPT record without options, in bytes (RFC 6891,
// section 6.1.2).
const optSize = 11

// room returns how many bytes of an answer are left for records.
func (c benchClient) room(question string) int {
	room := c.size - headerSize - len(question) - 1 - 4
	if c.edns > 0 {
		room -= optSize
	}
	return room
}

// connection is the server's end of a client, with one question on it.
type connection struct {
	ctx context.Context
	r   *dns.Msg
	// w is what the server hands to plugins.
	w dns.ResponseWriter
	// wire packs what comes out of w.
	wire *wire
}

func (c benchClient) ask(tb testing.TB, question string, qtype uint16) *connection {
	tb.Helper()
	r := new(dns.Msg).SetQuestion(question, qtype)
	if c.edns > 0 {
		r.SetEdns0(c.edns, false)
	}
	wire := &wire{remote: c.remote}
	return &connection{ctx: serverContext(tb), r: r, wire: wire, w: request.NewScrubWriter(r, wire)}
}

// serverContext is the context that a server hands to plugins.
func serverContext(tb testing.TB) context.Context {
	tb.Helper()
	s, err := dnsserver.NewServer("dns://:53", nil)
	if err != nil {
		tb.Fatal(err)
	}
	ctx := context.WithValue(context.Background(), dnsserver.Key{}, s)
	return context.WithValue(ctx, dnsserver.LoopKey{}, 0)
}

func (c *connection) serve(tb testing.TB, h plugin.Handler) {
	if _, err := h.ServeDNS(c.ctx, c.w, c.r); err != nil {
		tb.Fatal(err)
	}
}

// reply returns what the client reads, or nil where there was no answer.
func (c *connection) reply(tb testing.TB, h plugin.Handler) *dns.Msg {
	tb.Helper()
	c.wire.packed = nil
	c.serve(tb, h)
	if c.wire.packed == nil {
		return nil
	}
	m := new(dns.Msg)
	if err := m.Unpack(c.wire.packed); err != nil {
		tb.Fatal(err)
	}
	return m
}

// wire packs each message as the server does, but into one buffer: the server
// makes a new one each time, at the same cost for every plugin.
type wire struct {
	dns.ResponseWriter
	remote net.Addr
	buffer []byte
	packed []byte
}

func (w *wire) RemoteAddr() net.Addr { return w.remote }

func (w *wire) WriteMsg(m *dns.Msg) error {
	var err error
	w.packed, err = m.PackBuffer(w.buffer)
	if cap(w.packed) > len(w.buffer) {
		w.buffer = w.packed[:cap(w.packed)]
	}
	return err
}
