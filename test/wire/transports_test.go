package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

// A transport has a server block of its own.
type transport struct {
	name string
	// scheme is that of the server block; word names its port, and the block.
	scheme, word string
	// lines are those of plugins that say more of the transport.
	lines string
	ask   client
	// like is what carries the plain answer, since some transports count as a stream.
	like  client
	bytes bool
}

func transports(config *tls.Config) []transport {
	// The part of many records that a client gets goes by its address.
	client := netip.AddrPortFrom(netip.MustParseAddr(loopback.Address), 4000)
	return []transport{
		{"UDP", "dns", "udp", "", over("udp"), over("udp"), true},
		{"TCP", "dns", "tcp", "timeouts {\n    read 10s\n}", over("tcp"), over("tcp"), true},
		{"UDP, over several sockets", "dns", "sockets", "multisocket 2", over("udp"), over("udp"), true},
		{"UDP, behind a proxy that says who asks", "dns", "proxied", "proxyproto", overProxy("udp", client), over("udp"), true},
		{"TCP, behind a proxy that says who asks", "dns", "proxiedstream", "proxyproto", overProxy("tcp", client), over("tcp"), true},
		{"TLS", "tls", "tls", certificateLine, overTLS(config), over("tcp"), true},
		{"HTTPS", "https", "https", certificateLine + "\nhttps {\n    max_connections 10\n}", overHTTPS(config, 2), over("tcp"), false},
		{"HTTP/3", "https3", "https3", certificateLine + "\nhttps3 {\n    max_connections 10\n}", overHTTPS(config, 3), over("udp"), false},
		{"QUIC", "quic", "quic", certificateLine + "\nquic {\n    max_streams 10\n}", overQUIC(config), over("udp"), false},
		{"gRPC", "grpc", "grpc", certificateLine + "\ngrpc_server {\n    max_streams 10\n}", overGRPC(config), over("tcp"), false},
	}
}

const certificateLine = "tls CERTIFICATE KEY"

func TestOverEachTransport(t *testing.T) {
	dir, certificate, key, config := manifests(t), filepath.Join(t.TempDir(), "certificate"), filepath.Join(t.TempDir(), "key"), &tls.Config{}
	config.RootCAs = certify(t, certificate, key)
	all := transports(config)
	corefile := plainBlock(dir)
	for _, each := range all {
		lines := strings.NewReplacer("CERTIFICATE", certificate, "KEY", key).Replace(each.lines)
		corefile += block(each.scheme+"://.:{{.Port."+each.word+"}}", lines, dir)
	}
	s := server.New(t, corefile)
	for _, each := range all {
		t.Run(each.name, func(t *testing.T) {
			address, want := s.AddressOf(each.word), 0
			for _, q := range questions {
				wantSame(t, q, each.ask(t, address, q.message()), each.like(t, s.Address(), q.message()))
				if q.records && each.bytes {
					want++
				}
			}
			wantAsBytes(t, s, each.scheme+"://"+address, want)
		})
	}
}

// certify writes a certificate of the loopback address and its key, and returns who trusts
// it.
func certify(t *testing.T, certificate, key string) *x509.CertPool {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	text, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	from := time.Now().Add(-time.Hour)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CoreDNS"}, NotBefore: from, NotAfter: from.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.ParseIP(loopback.Address)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	trusted, err := x509.ParseCertificate(signed)
	must(t, err,
		os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}), 0o600),
	)
	pool := x509.NewCertPool()
	pool.AddCert(trusted)
	return pool
}
