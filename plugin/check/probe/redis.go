package probe

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// ping sends PING in the short form, which needs no password to be answered.
func ping(ctx context.Context, conn net.Conn, _ netip.AddrPort, _ *check.Spec) check.Cause {
	// A server in protected mode says so, and closes, before it reads anything: what it said
	// counts, also where this fails.
	_, _ = io.WriteString(conn, "PING\r\n")
	return readPong(ctx, conn)
}

// readPong reads the answer to PING. A server that wants a password, or says that we may
// not ask, serves. One that loads its data, has lost its primary, cannot write to its disk or
// has no place left says so.
func readPong(ctx context.Context, from io.Reader) check.Cause {
	line, err := bounded(from).ReadSlice('\n')
	// The first word of a refusal is enough: that of protected mode has more than a thousand
	// bytes behind it.
	if err != nil && !(errors.Is(err, bufio.ErrBufferFull) && line[0] == '-') {
		return causeOf(ctx, err, check.BadReply)
	}
	word, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte{' '})
	switch string(word) {
	case "+PONG", "-NOAUTH", "-DENIED", "-NOPERM":
		return check.Passed
	}
	if word = bytes.TrimPrefix(word, []byte{'-'}); len(word) > 0 && line[0] == '-' {
		return check.BadStatus
	}
	return check.BadReply
}
