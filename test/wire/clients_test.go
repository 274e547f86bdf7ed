package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/coredns/coredns/pb"
	"github.com/miekg/dns"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// answerLimit bounds how long an answer takes, which is some milliseconds.
const answerLimit = 20 * time.Second

// A client asks a question at an address, and fails the test where there is no answer, or
// more than one.
type client func(t *testing.T, address string, m *dns.Msg) *dns.Msg

// keyName and keySecret are those of a signature (RFC 8945).
const (
	keyName   = "key.test."
	keySecret = "NoTCJU+DMqFWywaPyxSijrDEA/eC3nK0xi3AMEZuPVk="
)

// over returns a client that asks over udp or tcp.
func over(network string) client {
	return func(t *testing.T, address string, m *dns.Msg) *dns.Msg {
		t.Helper()
		conn, err := net.Dial(network, address)
		must(t, err)
		return onceOver(t, conn, m)
	}
}

func overTLS(config *tls.Config) client {
	return func(t *testing.T, address string, m *dns.Msg) *dns.Msg {
		t.Helper()
		conn, err := tls.Dial("tcp", address, config)
		must(t, err)
		return onceOver(t, conn, m)
	}
}

// onceOver asks over a connection, and asks something else after it: the next message has to
// be the answer to that. Whoever answers twice has sent both answers by then.
func onceOver(t *testing.T, conn net.Conn, m *dns.Msg) *dns.Msg {
	t.Helper()
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(answerLimit)))
	c := &dns.Conn{Conn: conn, UDPSize: dns.MaxMsgSize, TsigSecret: map[string]string{keyName: keySecret}}
	must(t, c.WriteMsg(m))
	answer, err := c.ReadMsg()
	must(t, err)
	if answer.Id != m.Id {
		t.Fatalf("got an answer to something else:\n%s", answer)
	}
	next := new(dns.Msg).SetQuestion("dns-version.cluster.local.", dns.TypeTXT)
	next.Id = m.Id + 1
	must(t, c.WriteMsg(next))
	second, err := c.ReadMsg()
	must(t, err)
	if second.Id != next.Id {
		t.Fatalf("%s has two answers:\n%s\n%s", m.Question[0].String(), answer, second)
	}
	return answer
}

// A proxy says in front of what it sends who its client is: of a stream once, and of
// datagrams each time.
type (
	proxiedStream struct {
		net.Conn
		said []byte
	}
	proxiedDatagrams struct {
		*net.UDPConn
		said []byte
	}
)

func (p *proxiedStream) Write(b []byte) (int, error) {
	_, err := p.Conn.Write(slices.Concat(p.said, b))
	p.said = nil
	return len(b), err
}

func (p *proxiedDatagrams) Write(b []byte) (int, error) {
	_, err := p.UDPConn.Write(slices.Concat(p.said, b))
	return len(b), err
}

// overProxy returns a client behind a proxy, with an address of its own.
func overProxy(network string, own netip.AddrPort) client {
	return func(t *testing.T, address string, m *dns.Msg) *dns.Msg {
		t.Helper()
		conn, err := net.Dial(network, address)
		must(t, err)
		said := proxyHeader(network, own, netip.MustParseAddrPort(address))
		if datagrams, ok := conn.(*net.UDPConn); ok {
			return onceOver(t, &proxiedDatagrams{datagrams, said}, m)
		}
		return onceOver(t, &proxiedStream{conn, said}, m)
	}
}

// proxyHeader is the header of the PROXY protocol, in version 2, for two IPv4 addresses.
func proxyHeader(network string, from, to netip.AddrPort) []byte {
	const signature, proxy, ipv4 = "\r\n\r\n\x00\r\nQUIT\n", 0x21, 0x10
	protocol := byte(1)
	if network == "udp" {
		protocol = 2
	}
	b := append([]byte(signature), proxy, ipv4|protocol, 0, 12)
	b = append(b, from.Addr().AsSlice()...)
	b = append(b, to.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, from.Port())
	return binary.BigEndian.AppendUint16(b, to.Port())
}

// overHTTPS returns a client of DNS over HTTPS (RFC 8484), in version 2 or 3 of HTTP.
func overHTTPS(config *tls.Config, version int) client {
	return func(t *testing.T, address string, m *dns.Msg) *dns.Msg {
		t.Helper()
		var transport http.RoundTripper
		if version == 3 {
			three := &http3.Transport{TLSClientConfig: config}
			defer three.Close()
			transport = three
		} else {
			two := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
			defer two.CloseIdleConnections()
			transport = two
		}
		const mediaType = "application/dns-message"
		response, err := (&http.Client{Transport: transport, Timeout: answerLimit}).Post("https://"+address+"/dns-query", mediaType, bytes.NewReader(packed(t, m)))
		must(t, err)
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK || response.ProtoMajor != version || response.Header.Get("Content-Type") != mediaType {
			t.Fatalf("got %s of %s, of the type %s", response.Status, response.Proto, response.Header.Get("Content-Type"))
		}
		body, err := io.ReadAll(response.Body)
		must(t, err)
		return unpacked(t, body)
	}
}

// overQUIC returns a client of DNS over dedicated QUIC connections (RFC 9250).
func overQUIC(config *tls.Config) client {
	return func(t *testing.T, address string, m *dns.Msg) *dns.Msg {
		t.Helper()
		config := config.Clone()
		config.NextProtos = []string{"doq"}
		// A message has no ID there (section 4.2.1).
		asked := m.Copy()
		asked.Id = 0
		ctx, cancel := context.WithTimeout(t.Context(), answerLimit)
		defer cancel()
		conn, err := quic.DialAddr(ctx, address, config, nil)
		must(t, err)
		defer conn.CloseWithError(0, "")
		stream, err := conn.OpenStreamSync(ctx)
		must(t, err, stream.SetDeadline(time.Now().Add(answerLimit)))
		question := packed(t, asked)
		_, err = stream.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(question))), question...))
		must(t, err, stream.Close())
		all, err := io.ReadAll(stream)
		must(t, err)
		if len(all) < 2 || int(binary.BigEndian.Uint16(all)) != len(all)-2 {
			t.Fatalf("got %d bytes on the stream, want one message and its length", len(all))
		}
		return unpacked(t, all[2:])
	}
}

// overGRPC returns a client of CoreDNS's service for gRPC.
func overGRPC(config *tls.Config) client {
	return func(t *testing.T, address string, m *dns.Msg) *dns.Msg {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), answerLimit)
		defer cancel()
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
		must(t, err)
		defer conn.Close()
		answer, err := pb.NewDnsServiceClient(conn).Query(ctx, &pb.DnsPacket{Msg: packed(t, m)})
		must(t, err)
		return unpacked(t, answer.GetMsg())
	}
}

func packed(t *testing.T, m *dns.Msg) []byte {
	t.Helper()
	b, err := m.Pack()
	must(t, err)
	return b
}

func unpacked(t *testing.T, b []byte) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		must(t, fmt.Errorf("%d bytes: %w", len(b), err))
	}
	return m
}
