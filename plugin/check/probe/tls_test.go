package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// certified returns a certificate for db.example.org and 127.0.0.1, signed by itself, that
// is good until a time, and its PEM text.
func certified(t testing.TB, until time.Time) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until,
		DNSNames: []string{"db.example.org"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, text
}

// serveTLS has a function serve each connection after the handshake.
func serveTLS(t testing.TB, config *tls.Config, each func(net.Conn)) netip.AddrPort {
	t.Helper()
	return serve(t, func(raw net.Conn) {
		conn := tls.Server(raw, config)
		if conn.Handshake() != nil {
			// The client reads why.
			hang(raw)
			return
		}
		each(conn)
		conn.Close()
	})
}

func tomorrow() time.Time { return time.Now().Add(24 * time.Hour) }

func TestTLSAndHTTPS(t *testing.T) {
	good, ca := certified(t, tomorrow())
	expired, expiredCA := certified(t, time.Now().Add(-time.Hour))
	serving := func(certificate tls.Certificate) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	old := serving(good)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	twelve := serving(good)
	twelve.MaxVersion = tls.VersionTLS12
	for _, c := range []struct {
		what   string
		config *tls.Config
		s      check.Spec
		want   check.Cause
	}{
		{"nobody knows who signed it", serving(good), check.Spec{}, check.Passed},
		{"with TLS 1.2", twelve, check.Spec{}, check.Passed},
		{"with TLS 1.1", old, check.Spec{}, check.BadTLS},
		{"it has expired, and nobody looks", serving(expired), check.Spec{}, check.Passed},
		{"it has expired, and somebody looks", serving(expired), check.Spec{Verify: true, CA: expiredCA}, check.BadTLS},
		{"it is for the address", serving(good), check.Spec{Verify: true, CA: ca}, check.Passed},
		{"it is for the name", serving(good), check.Spec{Verify: true, CA: ca, Name: "db.example.org."}, check.Passed},
		{"it is for the host", serving(good), check.Spec{Verify: true, CA: ca, Host: "db.example.org:8443"}, check.Passed},
		{"it is for another name", serving(good), check.Spec{Verify: true, CA: ca, Name: "other.example.org"}, check.BadTLS},
		{"it is for another name, and nobody looks", serving(good), check.Spec{Name: "other.example.org"}, check.Passed},
		{"the authorities are others", serving(good), check.Spec{Verify: true, CA: expiredCA}, check.BadTLS},
		{"the authorities are those of the system", serving(good), check.Spec{Verify: true}, check.BadTLS},
		{"the authorities are no certificates", serving(good), check.Spec{Verify: true, CA: "none"}, check.BadTLS},
		{"it has no certificate", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, io.EOF }}, check.Spec{}, check.BadTLS},
	} {
		t.Run(c.what, func(t *testing.T) {
			at := serveTLS(t, c.config, sendAndClose("HTTP/1.1 200 OK\r\n\r\n"))
			for _, c.s.Kind = range []check.Kind{check.TLS, check.HTTPS} {
				expect(t, at, c.s, c.want)
			}
		})
	}
}

// Behind the handshake all is as without TLS.
func TestHTTPSLooksAtTheStatus(t *testing.T) {
	certificate, _ := certified(t, tomorrow())
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	for _, c := range []struct {
		what  string
		serve func(net.Conn)
		want  check.Cause
	}{
		{"it is not well", sendAndClose("HTTP/1.1 503 No\r\n\r\n"), check.BadStatus},
		{"it answers nothing", hang, check.TimedOut},
		{"it closes without an answer", receive, check.BadReply},
		{"it answers with garbage", send("garbage\n"), check.BadReply},
		{"its header has no end", endless("HTTP/1.1 200 OK\r\n", "X: "+strings.Repeat("x", 1<<20)), check.Passed},
		{"its status has no end", endless("HTTP/1.1 200 ", strings.Repeat("x", 1<<20)), check.BadReply},
	} {
		t.Run(c.what, func(t *testing.T) { expect(t, serveTLS(t, config, c.serve), check.Spec{Kind: check.HTTPS}, c.want) })
	}
}

// With TLS 1.3 a server says only after the handshake that it wants a certificate.
func TestAServerThatWantsACertificate(t *testing.T) {
	certificate, _ := certified(t, tomorrow())
	at := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAnyClientCert}, hang)
	expect(t, at, check.Spec{Kind: check.TLS}, check.Passed)
	expect(t, at, check.Spec{Kind: check.HTTPS}, check.BadTLS)
}

func TestTheNameThatTLSAsksFor(t *testing.T) {
	certificate, _ := certified(t, tomorrow())
	for _, c := range []struct {
		what string
		s    check.Spec
		want string
	}{
		{"a name", check.Spec{Kind: check.TLS, Name: "db.example.org", Host: "else.example.org"}, "db.example.org"},
		{"a name with its dot", check.Spec{Kind: check.HTTPS, Name: "db.example.org."}, "db.example.org http/1.1"},
		{"a host", check.Spec{Kind: check.HTTPS, Host: "db.example.org"}, "db.example.org http/1.1"},
		{"an address is not asked for", check.Spec{Kind: check.TLS}, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			heard := make(chan *tls.ClientHelloInfo, 1)
			at := serveTLS(t, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				heard <- hello
				return &tls.Config{Certificates: []tls.Certificate{certificate}}, nil
			}}, sendAndClose("HTTP/1.1 200 OK\r\n\r\n"))
			expect(t, at, c.s, check.Passed)
			hello := <-heard
			if got := strings.TrimSpace(hello.ServerName + " " + strings.Join(hello.SupportedProtos, " ")); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A noted connection keeps what is read from it.
type noted struct {
	net.Conn
	read []byte
}

func (n *noted) Read(into []byte) (int, error) {
	read, err := n.Conn.Read(into)
	n.read = append(n.read, into[:read]...)
	return read, err
}

// A server is told that the connection ends, as it wants to be. Package tls calls any end
// io.EOF, so the records are looked at: TLS 1.2 shows what each is.
func TestTLSEndsWithAnAlert(t *testing.T) {
	const alert = 21
	certificate, _ := certified(t, tomorrow())
	last := make(chan byte, 1)
	at := serve(t, func(raw net.Conn) {
		kept := &noted{Conn: raw}
		conn := tls.Server(kept, &tls.Config{Certificates: []tls.Certificate{certificate}, MaxVersion: tls.VersionTLS12})
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the server sees %v, want %v", err, io.EOF)
		}
		var kind byte
		for rest := kept.read; len(rest) >= 5; rest = rest[min(len(rest), 5+int(binary.BigEndian.Uint16(rest[3:]))):] {
			kind = rest[0]
		}
		last <- kind
	})
	expect(t, at, check.Spec{Kind: check.TLS}, check.Passed)
	if kind := <-last; kind != alert {
		t.Errorf("the last record is of type %d, want %d", kind, alert)
	}
}

// A chain of certificates may be long, and is not read to any length.
func TestAHandshakeIsBounded(t *testing.T) {
	certificate, _ := certified(t, tomorrow())
	for n, want := range map[int]check.Cause{20: check.Passed, 400: check.BadTLS} {
		long := certificate
		long.Certificate = slices.Repeat(certificate.Certificate, n)
		at := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{long}}, hang)
		got, conn := meter(t, at, check.Spec{Kind: check.TLS})
		if read := conn.read.Load(); got != want || read > handshake {
			t.Errorf("%d certificates: got %s after %d bytes, want %s after %d at most", n, got, read, want, handshake)
		}
	}
}

// The text of authorities is read once, and few of them are kept.
func TestAuthoritiesAreReadOnce(t *testing.T) {
	_, ca := certified(t, tomorrow())
	first := authorities(ca)
	if second := authorities(strings.Clone(ca)); first != second {
		t.Error("the same text was read twice")
	}
	for range 3 * mostPools {
		_, other := certified(t, tomorrow())
		authorities(other)
	}
	if kept := len(*pools.Load()); kept != mostPools {
		t.Errorf("%d are kept, want %d", kept, mostPools)
	}
}
