package probe

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// get asks for a path, and looks at the status alone.
func get(ctx context.Context, conn net.Conn, at netip.AddrPort, s *check.Spec) check.Cause {
	return getOver(ctx, conn, request(at, s, 80), s)
}

// getSecurely is the same within TLS.
func getSecurely(ctx context.Context, conn net.Conn, at netip.AddrPort, s *check.Spec) check.Cause {
	secured, cause := secure(ctx, conn, at, s)
	if secured == nil {
		return cause
	}
	return getOver(ctx, secured, request(at, s, 443), s)
}

// request returns a GET request, and nothing where the spec has bytes that would make it
// another one: what reads specs refuses these already.
func request(at netip.AddrPort, s *check.Spec, usual uint16) []byte {
	path, host := s.Path, s.Host
	if path == "" {
		path = "/"
	}
	if host == "" {
		host = authority(at, usual)
	}
	if path[0] != '/' || !printable(path) || !printable(host) {
		return nil
	}
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: " + agent() +
		"\r\nAccept: */*\r\nConnection: close\r\n\r\n")
}

// authority is the address as a Host header has it: without the port that is usual.
func authority(at netip.AddrPort, usual uint16) string {
	addr := at.Addr().Unmap().WithZone("")
	if at.Port() != usual {
		return netip.AddrPortFrom(addr, at.Port()).String()
	}
	if addr.Is6() {
		return "[" + addr.String() + "]"
	}
	return addr.String()
}

// printable reports whether a text is ASCII, without spaces and controls.
func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// getOver writes a request and reads the status.
func getOver(ctx context.Context, conn net.Conn, request []byte, s *check.Spec) check.Cause {
	if request == nil {
		return check.Void
	}
	if _, err := conn.Write(request); err != nil {
		return causeOf(ctx, err, check.Other)
	}
	reply := bounded(conn)
	cause := readStatus(ctx, reply)
	if cause.Fails() || s.Reset {
		return cause
	}
	drain(ctx, conn, reply)
	return cause
}

// readStatus reads a reply up to its status. What passes is 200 to 399, and 429: a server
// that has too much to do for a check serves. A redirect is not followed.
func readStatus(ctx context.Context, reply *bufio.Reader) check.Cause {
	for {
		line, err := reply.ReadSlice('\n')
		if err != nil {
			return causeOf(ctx, err, check.BadReply)
		}
		status, ok := statusOf(line)
		switch {
		case !ok:
			return check.BadReply
		case status >= 200 && status < 400, status == 429:
			return check.Passed
		case status >= 200, status == 101:
			return check.BadStatus
		}
		// A status before the last one, such as Early Hints (RFC 8297): its header ends with
		// an empty line.
		for len(bytes.TrimRight(line, "\r\n")) > 0 {
			if line, err = reply.ReadSlice('\n'); err != nil {
				return causeOf(ctx, err, check.BadReply)
			}
		}
	}
}

// statusOf reads a status line (RFC 9112, section 4), with or without a reason behind it.
func statusOf(line []byte) (status int, ok bool) {
	const version, digits = len("HTTP/1.1 "), 3
	line = bytes.TrimRight(line, "\r\n")
	if len(line) < version+digits || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return 0, false
	}
	if minor := line[version-2]; minor < '0' || minor > '9' || line[version-1] != ' ' {
		return 0, false
	}
	code, reason := line[version:version+digits], line[version+digits:]
	if len(reason) > 0 && reason[0] != ' ' || code[0] < '1' || code[0] > '9' {
		return 0, false
	}
	status, err := strconv.Atoi(string(code))
	return status, err == nil
}

// patience is how long a check that has passed waits for the rest of a short reply.
const patience = 100 * time.Millisecond

// drain reads on to the end of a reply, if that is near: a connection that is closed with
// bytes unread is reset, which some servers log, and who closes last keeps no TIME_WAIT.
func drain(ctx context.Context, conn net.Conn, reply io.Reader) {
	end := time.Now().Add(patience)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(end) {
		end = deadline
	}
	if waitUntil(ctx, conn, end) == nil {
		_, _ = io.Copy(io.Discard, reply)
	}
}
