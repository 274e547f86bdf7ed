package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// A Dialer opens a connection, over tcp or udp, to where a check may go.
type Dialer func(ctx context.Context, network string, at netip.AddrPort, s *check.Spec) (net.Conn, error)

// Dial is the Dialer of a server. It goes to the address itself: no name is resolved, no
// proxy asked, and what the environment says is ignored.
//
// Package net has dialers that take a netip.AddrPort. They bind the socket first where no
// local address is given, and so take a local port for all targets at once: a few hundred
// checks a second would use them up, since each is taken for a minute.
func Dial(ctx context.Context, network string, at netip.AddrPort, s *check.Spec) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, network, at.String())
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok && s.Reset {
		// Only a linger of zero sends RST, and leaves nothing behind.
		if err := tcp.SetLinger(0); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}
