package probe

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// causeOf returns what an error of a check comes to. One that is not of the network is
// what the caller says: where a reply is read, it is no reply.
func causeOf(ctx context.Context, err error, otherwise check.Cause) check.Cause {
	// Whoever ended the check closes what it waits for, and so makes errors of all kinds.
	if errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, context.Canceled) {
		return check.Void
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return causeOfNumber(number)
	}
	if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() {
		return check.TimedOut
	}
	if isAlert(err) {
		return check.BadTLS
	}
	return otherwise
}

// isAlert reports whether one of both ends of TLS broke it off, which may be after the
// handshake: with TLS 1.3 a server then says that it wants a certificate.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "remote error" || op.Op == "local error")
}

// causeOfNumber returns what an error number of the system comes to.
func causeOfNumber(number syscall.Errno) check.Cause {
	switch number {
	// These are about this process or its machine, and say nothing of a target: no file
	// descriptor, buffer, local port or address is left, or there is no such network here.
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN,
		syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EAFNOSUPPORT:
		return check.Void
	case syscall.ECONNREFUSED:
		return check.Refused
	case syscall.ETIMEDOUT:
		return check.TimedOut
	case syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE:
		return check.Reset
	case syscall.EHOSTUNREACH, syscall.EHOSTDOWN, syscall.ENETUNREACH, syscall.ENETDOWN:
		return check.Unreachable
	}
	return check.Other
}
