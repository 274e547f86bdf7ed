package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// shakeHands passes when the handshake is done. Nobody looks at the certificate where the
// spec does not say so: nothing secret is sent, and one that expires would take out all
// targets at once.
func shakeHands(ctx context.Context, conn net.Conn, at netip.AddrPort, s *check.Spec) check.Cause {
	secured, cause := secure(ctx, conn, at, s)
	if secured != nil {
		// A server takes an end without this for an attack, and logs it.
		_ = secured.CloseWrite()
	}
	return cause
}

// handshake is how many bytes a handshake may take, which is a chain of certificates mostly.
const handshake = 64 << 10

// secure makes a connection one of TLS. Without a handshake there is none.
func secure(ctx context.Context, conn net.Conn, at netip.AddrPort, s *check.Spec) (*tls.Conn, check.Cause) {
	secured := tls.Client(&limited{Conn: conn, left: handshake}, terms(at, s))
	// The deadline of the connection ends it: a context would take a goroutine.
	if err := secured.Handshake(); err != nil {
		return nil, causeOf(ctx, err, check.BadTLS)
	}
	return secured, check.Passed
}

// terms says how TLS is spoken.
func terms(at netip.AddrPort, s *check.Spec) *tls.Config {
	config := &tls.Config{
		ServerName:             serverName(at, s),
		MinVersion:             tls.VersionTLS12,
		InsecureSkipVerify:     !s.Verify,
		SessionTicketsDisabled: true,
		// Nothing is sent that somebody could want to read in twenty years, and a key
		// exchange against quantum computers makes the first message two packets.
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521},
	}
	if s.Kind == check.HTTPS {
		config.NextProtos = []string{"http/1.1"}
	}
	if s.Verify && s.CA != "" {
		config.RootCAs = authorities(s.CA)
	}
	return config
}

// serverName is the name that is asked for, and verified: of a name, a Host header and the
// address the first that there is.
func serverName(at netip.AddrPort, s *check.Spec) string {
	for _, name := range []string{s.Name, hostOf(s.Host)} {
		if name != "" {
			return name
		}
	}
	return at.Addr().Unmap().WithZone("").String()
}

// hostOf returns a Host header without its port.
func hostOf(header string) string {
	if host, _, err := net.SplitHostPort(header); err == nil {
		return host
	}
	return strings.Trim(header, "[]")
}

// A pool is what the PEM text of some authorities comes to.
type pool struct {
	text string
	pool *x509.CertPool
}

// pools are the last ones that were used: to read them takes longer than a check. They are
// few, as there are few stanzas, and a reload may bring others.
var pools atomic.Pointer[[]pool]

// mostPools is how many are kept.
const mostPools = 8

// authorities returns those of a PEM text.
func authorities(text string) *x509.CertPool {
	kept := pools.Load()
	if kept != nil {
		for _, each := range *kept {
			// One text is one string mostly, and then this compares no bytes.
			if each.text == text {
				return each.pool
			}
		}
	}
	read := pool{text, x509.NewCertPool()}
	read.pool.AppendCertsFromPEM([]byte(text))
	next := []pool{read}
	if kept != nil {
		next = append(next, (*kept)[:min(len(*kept), mostPools-1)]...)
	}
	pools.Store(&next)
	return read.pool
}
