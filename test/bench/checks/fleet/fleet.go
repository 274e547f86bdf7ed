// Package fleet stands in for servers outside of a cluster: listeners on addresses of
// 10.0.0.0/8 that answer a check, refuse it, or hang.
package fleet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Port is that of all targets.
const Port = 6379

// Address returns the address of the target i, of fewer than 65,000.
func Address(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 16, byte(i / 250), byte(i%250 + 1)})
}

// A Target is a server that speaks as much of Redis as a check asks for. One that is not
// told to listen refuses.
type Target struct {
	addr netip.Addr
	hung atomic.Bool

	mu       sync.Mutex
	listener net.Listener
}

// New returns targets that refuse.
func New(n int) []*Target {
	all := make([]*Target, n)
	for i := range all {
		all[i] = &Target{addr: Address(i)}
	}
	return all
}

// Listen makes all answer.
func Listen(ctx context.Context, all []*Target) error {
	for _, t := range all {
		if err := t.Answer(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close makes all refuse.
func Close(all []*Target) error {
	var failed []error
	for _, t := range all {
		failed = append(failed, t.Refuse())
	}
	return errors.Join(failed...)
}

// Answer makes it answer.
func (t *Target) Answer(ctx context.Context) error {
	t.hung.Store(false)
	return t.listen(ctx)
}

// Hang makes it take connections, and say nothing.
func (t *Target) Hang(ctx context.Context) error {
	t.hung.Store(true)
	return t.listen(ctx)
}

func (t *Target) listen(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.listener != nil {
		return nil
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", netip.AddrPortFrom(t.addr, Port).String())
	if err != nil {
		return err
	}
	t.listener = l
	go t.serve(l)
	return nil
}

// Refuse makes it refuse.
func (t *Target) Refuse() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.listener == nil {
		return nil
	}
	l := t.listener
	t.listener = nil
	return l.Close()
}

func (t *Target) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go t.answer(conn)
	}
}

// longest is how long a connection may stay open.
const longest = 15 * time.Second

func (t *Target) answer(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(longest))
	var buffer [64]byte
	for {
		n, err := conn.Read(buffer[:])
		if err != nil {
			return
		}
		if strings.HasPrefix(string(buffer[:n]), "PING") && !t.hung.Load() {
			_, _ = conn.Write([]byte("+PONG\r\n"))
		}
	}
}
