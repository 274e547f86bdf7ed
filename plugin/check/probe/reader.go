package probe

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"time"
)

const (
	// most is how many bytes of a reply are read.
	most = 4 << 10
	// longest is how long a line of a reply may be, in bytes. Status lines have a few dozen.
	longest = 1 << 10
)

// bounded reads a reply of at most most bytes, whose lines are no longer than longest. What
// is more ends as if the target had closed the connection.
func bounded(from io.Reader) *bufio.Reader {
	return bufio.NewReaderSize(io.LimitReader(from, most), longest)
}

// waitUntil has reads of a connection wait no longer than until then. It fails where ctx has
// ended: that sets the deadline too, and may have done so before.
func waitUntil(ctx context.Context, conn net.Conn, then time.Time) error {
	if err := conn.SetReadDeadline(then); err != nil {
		return err
	}
	return ctx.Err()
}

// errTooMuch is that a target sends more than any handshake has.
var errTooMuch = errors.New("the target sends too much")

// A limited connection gives no more than left bytes.
type limited struct {
	net.Conn
	left int
}

// Read reads, and fails where nothing is left.
func (l *limited) Read(into []byte) (int, error) {
	if l.left == 0 {
		return 0, errTooMuch
	}
	n, err := l.Conn.Read(into[:min(len(into), l.left)])
	l.left -= n
	return n, err
}
