package probe

import (
	"context"
	"io"
	"net"
	"net/netip"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// gssEncryption is a GSSENCRequest of PostgreSQL: its length, and the code 1234.5680. No
// user is in it, and a server logs nothing where the connection ends behind its answer. An
// SSLRequest would be logged where the server has TLS.
const gssEncryption = "\x00\x00\x00\x08\x04\xd2\x16\x30"

// askEncryption asks whether the server would encrypt by GSSAPI. G is yes, N is no, and
// both are the answer of one that serves. E begins an error message: the server has no
// process left for us, or is older than PostgreSQL 12 and does not know the request.
func askEncryption(ctx context.Context, conn net.Conn, _ netip.AddrPort, _ *check.Spec) check.Cause {
	if _, err := io.WriteString(conn, gssEncryption); err != nil {
		return causeOf(ctx, err, check.Other)
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return causeOf(ctx, err, check.BadReply)
	}
	switch answer[0] {
	case 'G', 'N':
		return check.Passed
	case 'E':
		return check.BadStatus
	}
	return check.BadReply
}
