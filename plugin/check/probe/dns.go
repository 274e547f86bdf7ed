package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"

	"github.com/miekg/dns"
)

// askSOA asks for the SOA record of a name, over UDP. Any reply to the question passes, also
// that there is no such name, but SERVFAIL and REFUSED.
//
// A packet that is lost is asked for again, after half of the time: TCP does the same for all
// other kinds. With one packet in a hundred lost each way, two checks in a hundred would fail
// else, and three in a row every day where there are many.
func askSOA(ctx context.Context, conn net.Conn, _ netip.AddrPort, s *check.Spec) check.Cause {
	query, err := soaQuery(s.Name)
	if err != nil {
		return check.Void
	}
	now := time.Now()
	if deadline, ok := ctx.Deadline(); ok {
		half := now.Add(deadline.Sub(now) / 2)
		if cause := exchange(ctx, conn, query, half); cause != check.TimedOut {
			return cause
		}
		return exchange(ctx, conn, query, deadline)
	}
	return exchange(ctx, conn, query, time.Time{})
}

// soaQuery returns a question for the SOA record of a name; an empty one is the root. It has
// no EDNS, which not all servers take.
func soaQuery(name string) ([]byte, error) {
	var m dns.Msg
	m.SetQuestion(dns.Fqdn(name), dns.TypeSOA)
	return m.Pack()
}

// strays is how many packets are passed over that are no reply to the question. The socket
// is new and takes packets of the target only, so there should be none.
const strays = 8

// exchange sends a question and waits for the reply until then; the zero time is for ever.
func exchange(ctx context.Context, conn net.Conn, query []byte, then time.Time) check.Cause {
	if err := waitUntil(ctx, conn, then); err != nil {
		return causeOf(ctx, err, check.Other)
	}
	if _, err := conn.Write(query); err != nil {
		return causeOf(ctx, err, check.Other)
	}
	var packet [1 << 10]byte
	for range strays {
		n, err := conn.Read(packet[:])
		if err != nil {
			return causeOf(ctx, err, check.Other)
		}
		if code, ok := codeOf(query, packet[:n]); ok {
			if code == dns.RcodeServerFailure || code == dns.RcodeRefused {
				return check.BadStatus
			}
			return check.Passed
		}
	}
	return check.BadReply
}

// header is how many bytes the header of a message has (RFC 1035, section 4.1.1).
const header = 12

// codeOf returns the response code of a reply to a question, and whether it is one: with the
// number of the question, and the question in it. Nothing behind that is looked at.
func codeOf(query, reply []byte) (code int, ok bool) {
	if len(reply) < len(query) || !bytes.Equal(reply[:2], query[:2]) {
		return 0, false
	}
	// The bit QR, and an opcode of 0. One question.
	if reply[2]&0xf8 != 0x80 || binary.BigEndian.Uint16(reply[4:]) != 1 {
		return 0, false
	}
	// Some servers write the name as they have it. The length of a label is no letter.
	if !bytes.Equal(lower(reply[header:len(query)]), lower(query[header:])) {
		return 0, false
	}
	return int(reply[3] & 0x0f), true
}

// lower returns bytes with small letters of ASCII.
func lower(b []byte) []byte {
	b = bytes.Clone(b)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}
