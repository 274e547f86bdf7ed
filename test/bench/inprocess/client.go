// Package inprocess has what benchmarks of plugins need that measure them in
// process: who asks (client.go), the objects of a cluster (cluster.go), the stock
// plugin that serves them (stock.go), and the time that all cores spend.
package inprocess

import (
	"context"
	"net"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// Client is one way to ask.
type Client struct {
	Name string
	// Size is how many bytes fit into an answer.
	Size int
	// edns is the size in bytes that the client's OPT record says, or 0 for a
	// client without EDNS.
	edns   uint16
	remote net.Addr
}

// The clients: without EDNS, with the buffer that most resolvers have, and over TCP,
// as who asks again after a truncated answer.
var (
	Client512  = Client{Name: "512", Size: dns.MinMsgSize, remote: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000}}
	Client1232 = Client{Name: "1232", edns: 1232, Size: 1232, remote: Client512.remote}
	ClientTCP  = Client{Name: "tcp", edns: 1232, Size: dns.MaxMsgSize, remote: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000}}
)

// Sizes in bytes: of a header (RFC 1035, section 4.1.1), and of an OPT record
// without options (RFC 6891, section 6.1.2).
const (
	headerSize = 12
	optSize    = 11
)

// Room returns how many bytes of an answer are left for records.
func (c Client) Room(question string) int {
	room := c.Size - headerSize - len(question) - 1 - 4
	if c.edns > 0 {
		room -= optSize
	}
	return room
}

// Connection is the server's end of a client, with one question on it.
type Connection struct {
	Context  context.Context
	Question *dns.Msg
	// Writer is what the server hands to plugins.
	Writer dns.ResponseWriter
	// Wire packs what comes out of Writer.
	Wire *Wire
}

// Ask asks a question. The name has a final dot.
func (c Client) Ask(tb testing.TB, question string, qtype uint16) *Connection {
	tb.Helper()
	r := new(dns.Msg).SetQuestion(question, qtype)
	if c.edns > 0 {
		r.SetEdns0(c.edns, false)
	}
	wire := &Wire{remote: c.remote}
	return &Connection{Context: serverContext(tb), Question: r, Wire: wire, Writer: request.NewScrubWriter(r, wire)}
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

// Serve has a plugin answer.
func (c *Connection) Serve(tb testing.TB, h plugin.Handler) {
	if _, err := h.ServeDNS(c.Context, c.Writer, c.Question); err != nil {
		tb.Fatal(err)
	}
}

// Reply returns what the client reads, or nil where there was no answer.
func (c *Connection) Reply(tb testing.TB, h plugin.Handler) *dns.Msg {
	tb.Helper()
	c.Wire.Packed = nil
	c.Serve(tb, h)
	if c.Wire.Packed == nil {
		return nil
	}
	m := new(dns.Msg)
	if err := m.Unpack(c.Wire.Packed); err != nil {
		tb.Fatal(err)
	}
	return m
}

// Wire packs each message as the server does, but into one buffer: the server
// makes a new one each time, at the same cost for every plugin.
type Wire struct {
	dns.ResponseWriter
	remote net.Addr
	buffer []byte
	// Packed is the last message, nil before there is one.
	Packed []byte
}

// RemoteAddr implements dns.ResponseWriter.
func (w *Wire) RemoteAddr() net.Addr { return w.remote }

// Write implements dns.ResponseWriter.
func (w *Wire) Write(b []byte) (int, error) {
	w.buffer = append(w.buffer[:0], b...)
	w.Packed = w.buffer
	return len(b), nil
}

// WriteMsg implements dns.ResponseWriter.
func (w *Wire) WriteMsg(m *dns.Msg) error {
	var err error
	w.Packed, err = m.PackBuffer(w.buffer)
	if cap(w.Packed) > len(w.buffer) {
		w.buffer = w.Packed[:cap(w.Packed)]
	}
	return err
}
