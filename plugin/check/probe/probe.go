// Package probe asks: it makes one check of one target, and says how that ended. It keeps
// nothing between checks, neither connections nor sessions, and tells nothing of a reply but
// the cause.
//
// A target is somebody else's, and may answer with anything. So no kind reads more than
// most bytes (what TLS needs besides is bounded too), waits for longer than the context
// lasts, follows what a reply says, or takes an end of the connection for something to
// read on behind.
//
// Reading order: probe.go dials, asks and closes, dial.go opens connections, cause.go says
// what an error of the network comes to, reader.go how much is read, and agent.go how a
// check names itself. The other
// files are a kind each.
package probe

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// Run makes one check: it dials, asks, and closes the connection. It takes no longer than
// the timeout of the spec and never outlives ctx, whose end is no result.
func Run(ctx context.Context, dial Dialer, at netip.AddrPort, s *check.Spec) check.Cause {
	if s.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Timeout)
		defer cancel()
	}
	conn, err := dial(ctx, network(s.Kind), at, s)
	if err != nil {
		return causeOf(ctx, err, check.Other)
	}
	defer conn.Close()
	return Do(ctx, conn, at, s)
}

// network is what a kind is asked over, as package net has it.
func network(k check.Kind) string {
	if k == check.DNS {
		return "udp"
	}
	return "tcp"
}

// kinds are how each kind asks over a connection that is open and has a deadline.
var kinds = [check.Kinds]func(ctx context.Context, conn net.Conn, at netip.AddrPort, s *check.Spec) check.Cause{
	check.TCP:      connected,
	check.TLS:      shakeHands,
	check.HTTP:     get,
	check.HTTPS:    getSecurely,
	check.GRPC:     askHealth,
	check.DNS:      askSOA,
	check.Postgres: askEncryption,
	check.Redis:    ping,
}

// Do asks the target at an address over an open connection to it, one of UDP for DNS. The
// caller closes the connection. Until Do returns its deadline is that of ctx.
func Do(ctx context.Context, conn net.Conn, at netip.AddrPort, s *check.Spec) check.Cause {
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return causeOf(ctx, err, check.Other)
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	return kinds[s.Kind](ctx, conn, at, s)
}
