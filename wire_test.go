package endpoints

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"

	"github.com/miekg/dns"
)

// wireLimit is when a message without a reply is lost.
const wireLimit = 20 * time.Second

// wireServer is CoreDNS's own server in front of the plugin, without sockets. It
// does not recover from a panic.
type wireServer struct {
	udp packets
	tcp connections
}

// startWire serves what fuzzServer does.
func startWire(t testing.TB) *wireServer {
	t.Helper()
	h := newHandler(testStanza())
	h.cache.Store(fuzzServer().h.cache.Load())
	site := &dnsserver.Config{Zone: ".", Debug: true, MaxTCPQueries: new(-1)}
	site.AddPlugin(func(plugin.Handler) plugin.Handler {
		h.next = plugin.HandlerFunc(next)
		return h
	})
	server, err := dnsserver.NewServer("dns://127.0.0.1:53", []*dnsserver.Config{site})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	s := &wireServer{
		udp: packets{in: make(chan []byte), out: make(chan []byte), over: over},
		tcp: connections{in: make(chan net.Conn), over: over},
	}
	go func() { _ = server.ServePacket(s.udp) }()
	go func() { _ = server.Serve(s.tcp) }()
	t.Cleanup(func() { close(over) })
	return s
}

// packets are a net.PacketConn of one client.
type packets struct {
	in, out chan []byte
	over    chan struct{}
}

func (p packets) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case wire := <-p.in:
		return copy(b, wire), p.LocalAddr(), nil
	case <-p.over:
		return 0, nil, net.ErrClosed
	}
}

func (p packets) WriteTo(b []byte, _ net.Addr) (int, error) {
	select {
	case p.out <- slices.Clone(b):
		return len(b), nil
	case <-p.over:
		return 0, net.ErrClosed
	}
}

func (p packets) Close() error                     { return nil }
func (p packets) LocalAddr() net.Addr              { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 53} }
func (p packets) SetDeadline(time.Time) error      { return nil }
func (p packets) SetReadDeadline(time.Time) error  { return nil }
func (p packets) SetWriteDeadline(time.Time) error { return nil }

// connections are a net.Listener.
type connections struct {
	in   chan net.Conn
	over chan struct{}
}

func (c connections) Accept() (net.Conn, error) {
	select {
	case conn := <-c.in:
		return tcpConn{conn}, nil
	case <-c.over:
		return nil, net.ErrClosed
	}
}

func (c connections) Close() error   { return nil }
func (c connections) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 53} }

// tcpConn has addresses by which the server tells the protocol.
type tcpConn struct{ net.Conn }

func (tcpConn) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 53} }
func (tcpConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000} }

// ask sends messages and returns the first reply.
func (s *wireServer) ask(t testing.TB, tcp bool, messages ...[]byte) []byte {
	t.Helper()
	reply, err := make(chan []byte, 1), make(chan error, 1)
	go func() {
		if tcp {
			r, e := s.askTCP(messages)
			reply <- r
			err <- e
			return
		}
		for _, wire := range messages {
			s.udp.in <- wire
		}
		reply <- <-s.udp.out
		err <- nil
	}()
	select {
	case r := <-reply:
		if e := <-err; e != nil {
			t.Fatalf("no reply: %v, to\n%s", e, hex.Dump(messages[0]))
		}
		return r
	case <-time.After(wireLimit):
		t.Fatalf("no reply to\n%s", hex.Dump(messages[0]))
	}
	return nil
}

func (s *wireServer) askTCP(messages [][]byte) ([]byte, error) {
	client, server := net.Pipe()
	defer client.Close()
	s.tcp.in <- server
	var sent []byte
	for _, wire := range messages {
		sent = append(binary.BigEndian.AppendUint16(sent, uint16(len(wire))), wire...)
	}
	if _, err := client.Write(sent); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(client, size[:]); err != nil {
		return nil, err
	}
	reply := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(client, reply)
	return reply, err
}

// isIgnored reports whether a server must not reply: to what has no header, and
// to replies.
func isIgnored(wire []byte) bool { return len(wire) < headerSize || wire[2]&0x80 != 0 }

// FuzzWire sends any bytes to the whole server.
func FuzzWire(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(wireOf(f, new(dns.Msg).SetQuestion(seed.name, seed.qtype).SetEdns0(1232, true)), false)
	}
	for _, r := range oddSeeds() {
		f.Add(wireOf(f, r), false)
		f.Add(wireOf(f, r), true)
	}
	for _, q := range hostileQueries() {
		f.Add(q.wire, false)
	}
	s := startWire(f)
	f.Fuzz(s.check)
}

// check holds a reply to any bytes against what holds for all.
func (s *wireServer) check(t *testing.T, wire []byte, tcp bool) {
	if len(wire) > dns.MaxMsgSize {
		return
	}
	if !tcp {
		// The server reads no more of a packet.
		wire = wire[:min(len(wire), dns.MinMsgSize)]
	}
	sentinel := new(dns.Msg).SetQuestion("db-0.db.default.svc.cluster.local.", dns.TypeA)
	if isIgnored(wire) {
		if len(wire) > 1 {
			sentinel.Id = ^binary.BigEndian.Uint16(wire)
		}
		second, err := sentinel.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if got := s.ask(t, tcp, wire, second); binary.BigEndian.Uint16(got) != sentinel.Id {
			t.Fatalf("a reply to\n%s", hex.Dump(wire))
		}
		return
	}
	got := s.ask(t, tcp, wire)
	m := new(dns.Msg)
	if err := m.Unpack(got); err != nil {
		t.Fatalf("cannot read a reply: %v\n%s", err, hex.Dump(wire))
	}
	if !m.Response || !bytes.Equal(got[:2], wire[:2]) {
		t.Errorf("this is no reply to\n%s but\n%v", hex.Dump(wire), m)
	}
	asked := new(dns.Msg)
	if err := asked.Unpack(wire); err != nil || len(asked.Question) != 1 {
		// A header that promises a question passes for one without any.
		empty := err == nil && len(asked.Question) == 0 && m.Rcode == dns.RcodeServerFailure
		if m.Rcode != dns.RcodeFormatError && m.Rcode != dns.RcodeNotImplemented && !empty {
			t.Errorf("the code %s to what nobody can read:\n%s", dns.RcodeToString[m.Rcode], hex.Dump(wire))
		}
		return
	}
	state := request.Request{W: &test.ResponseWriter{TCP: tcp}, Req: asked}
	if len(got) > state.Size() {
		t.Errorf("%d bytes, where the client takes %d:\n%v", len(got), state.Size(), asked)
	}
	if len(m.Question) > 0 && m.Question[0] != asked.Question[0] {
		t.Errorf("another question than in\n%v:\n%v", asked, m)
	}
}
