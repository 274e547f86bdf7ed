package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// failingDial returns a Dialer that fails as a system call does.
func failingDial(number syscall.Errno) Dialer {
	return func(context.Context, string, netip.AddrPort, *check.Spec) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", number)}
	}
}

func TestErrorsOfTheSystem(t *testing.T) {
	for number, want := range map[syscall.Errno]check.Cause{
		syscall.EMFILE:        check.Void,
		syscall.ENFILE:        check.Void,
		syscall.ENOBUFS:       check.Void,
		syscall.ENOMEM:        check.Void,
		syscall.EAGAIN:        check.Void,
		syscall.EADDRNOTAVAIL: check.Void,
		syscall.EADDRINUSE:    check.Void,
		syscall.EAFNOSUPPORT:  check.Void,
		syscall.ECONNREFUSED:  check.Refused,
		syscall.ETIMEDOUT:     check.TimedOut,
		syscall.ECONNRESET:    check.Reset,
		syscall.ECONNABORTED:  check.Reset,
		syscall.EPIPE:         check.Reset,
		syscall.EHOSTUNREACH:  check.Unreachable,
		syscall.EHOSTDOWN:     check.Unreachable,
		syscall.ENETUNREACH:   check.Unreachable,
		syscall.ENETDOWN:      check.Unreachable,
		syscall.EPERM:         check.Other,
		syscall.EACCES:        check.Other,
	} {
		t.Run(number.Error(), func(t *testing.T) {
			if got := Run(t.Context(), failingDial(number), netip.AddrPort{}, &check.Spec{Kind: check.TCP}); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// Whoever ends a check sets the deadline of its connection, and a new one must not undo that.
func TestNoDeadlineIsSetBehindTheEnd(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	defer near.Close()
	ctx, cancel := context.WithCancel(t.Context())
	if err := waitUntil(ctx, near, time.Time{}); err != nil {
		t.Error(err)
	}
	cancel()
	if err := waitUntil(ctx, near, time.Time{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestOtherErrors(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, c := range []struct {
		what string
		ctx  context.Context
		err  error
		want check.Cause
	}{
		{"the context has ended, whatever the error is", ended, syscall.ECONNREFUSED, check.Void},
		{"the dialler says that the context has ended", t.Context(), &net.OpError{Op: "dial", Err: context.Canceled}, check.Void},
		{"the time is over", late, os.ErrDeadlineExceeded, check.TimedOut},
		{"the context's time is over", late, context.DeadlineExceeded, check.TimedOut},
		{"the end comes too early", t.Context(), io.ErrUnexpectedEOF, check.BadReply},
		{"something else", t.Context(), errors.New("else"), check.BadReply},
	} {
		t.Run(c.what, func(t *testing.T) {
			if got := causeOf(c.ctx, c.err, check.BadReply); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
