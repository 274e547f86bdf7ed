package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
)

// askHealth asks the health service of gRPC, without TLS: one call, and the connection with
// it ends. SERVING passes.
//
// The call is written by hand, in frames of HTTP/2. A client of package grpc takes four times
// the work and six goroutines, dials again by itself, and lets a target write a line into
// our log: one that goes away for too many pings.
func askHealth(ctx context.Context, conn net.Conn, at netip.AddrPort, s *check.Spec) check.Cause {
	call, err := healthCall(at, s)
	if err != nil {
		return check.Void
	}
	if _, err := conn.Write(call); err != nil {
		return causeOf(ctx, err, check.Other)
	}
	return readHealth(ctx, conn)
}

// stream is the first one that a client opens.
const stream = 1

// healthCall returns a connection's first bytes, with the whole call in them. A client may
// send it before the server has said anything (RFC 9113, section 3.4).
func healthCall(at netip.AddrPort, s *check.Spec) ([]byte, error) {
	message, err := proto.Marshal(&health.HealthCheckRequest{Service: s.Service})
	if err != nil {
		return nil, err
	}
	var fields, call bytes.Buffer
	encoder := hpack.NewEncoder(&fields)
	for _, f := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: health.Health_Check_FullMethodName},
		// An authority of gRPC has its port always.
		{Name: ":authority", Value: authority(at, 0)},
		{Name: "content-type", Value: "application/grpc"},
		{Name: "te", Value: "trailers"},
		{Name: "user-agent", Value: agent()},
	} {
		if err := encoder.WriteField(f); err != nil {
			return nil, err
		}
	}
	call.WriteString(http2.ClientPreface)
	frames := http2.NewFramer(&call, nil)
	err = errors.Join(
		frames.WriteSettings(http2.Setting{ID: http2.SettingEnablePush}, http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: most}),
		frames.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: fields.Bytes(), EndHeaders: true}),
		frames.WriteData(stream, true, append(prefix(len(message)), message...)),
	)
	return call.Bytes(), err
}

// prefixed is how many bytes stand before a message of gRPC: whether it is compressed, and
// its length.
const prefixed = 5

// prefix returns what stands before a message that is not compressed.
func prefix(length int) []byte {
	return binary.BigEndian.AppendUint32([]byte{0}, uint32(length))
}

// readHealth reads the reply to a call, and acknowledges what must be.
func readHealth(ctx context.Context, conn io.ReadWriter) check.Cause {
	frames := http2.NewFramer(conn, bounded(conn))
	frames.SetMaxReadFrameSize(most)
	frames.ReadMetaHeaders = hpack.NewDecoder(4<<10, nil)
	frames.MaxHeaderListSize = most
	var r healthReply
	for {
		frame, err := frames.ReadFrame()
		if err != nil {
			return causeOf(ctx, err, check.BadReply)
		}
		// That a server does not take what we acknowledge, reading tells.
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = frames.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				_ = frames.WritePing(true, frame.Data)
			}
		default:
			if cause, done := r.take(frame); done {
				return cause
			}
		}
	}
}

// A healthReply is what has come of a reply.
type healthReply struct {
	// begun is that its header has come, and data are the bytes behind that.
	begun bool
	data  []byte
}

// take takes a frame of the reply. It is done when it knows how the check ends.
func (r *healthReply) take(frame http2.Frame) (cause check.Cause, done bool) {
	switch frame := frame.(type) {
	case *http2.MetaHeadersFrame:
		if frame.StreamID == stream {
			return r.fields(frame)
		}
	case *http2.DataFrame:
		if frame.StreamID == stream {
			return r.body(frame)
		}
	case *http2.RSTStreamFrame:
		if frame.StreamID == stream {
			return refusal(frame.ErrCode), true
		}
	case *http2.GoAwayFrame:
		if frame.LastStreamID < stream {
			return refusal(frame.ErrCode), true
		}
	}
	return check.Void, false
}

// refusal is how a call ends that a server does not answer: one that shuts down says so.
func refusal(code http2.ErrCode) check.Cause {
	if code == http2.ErrCodeNo || code == http2.ErrCodeRefusedStream {
		return check.BadStatus
	}
	return check.BadReply
}

// fields takes a header, or the trailer.
func (r *healthReply) fields(frame *http2.MetaHeadersFrame) (cause check.Cause, done bool) {
	if frame.Truncated {
		return check.BadReply, true
	}
	if !r.begun {
		switch status := frame.PseudoValue("status"); {
		case status == "200":
		case strings.HasPrefix(status, "1") && !frame.StreamEnded():
			return check.Void, false
		default:
			return check.BadStatus, true
		}
		if !strings.HasPrefix(valueOf(frame, "content-type"), "application/grpc") {
			return check.BadReply, true
		}
		r.begun = true
		if !frame.StreamEnded() {
			return check.Void, false
		}
	}
	if !frame.StreamEnded() {
		return check.BadReply, true
	}
	switch valueOf(frame, "grpc-status") {
	case "0":
		return servingOf(r.data), true
	case "":
		return check.BadReply, true
	}
	return check.BadStatus, true
}

// valueOf returns the value of a header, and nothing where there is none.
func valueOf(frame *http2.MetaHeadersFrame, name string) string {
	for _, f := range frame.RegularFields() {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// body takes a part of the message.
func (r *healthReply) body(frame *http2.DataFrame) (cause check.Cause, done bool) {
	r.data = append(r.data, frame.Data()...)
	if !r.begun || frame.StreamEnded() {
		return check.BadReply, true
	}
	// More could not be read, so nobody waits for it.
	if len(r.data) >= prefixed && binary.BigEndian.Uint32(r.data[1:]) > most {
		return check.BadReply, true
	}
	return check.Void, false
}

// servingOf says whether a message is that the service serves.
func servingOf(data []byte) check.Cause {
	if len(data) < prefixed || data[0] != 0 || int(binary.BigEndian.Uint32(data[1:])) != len(data)-prefixed {
		return check.BadReply
	}
	var reply health.HealthCheckResponse
	if err := proto.Unmarshal(data[prefixed:], &reply); err != nil {
		return check.BadReply
	}
	if reply.GetStatus() != health.HealthCheckResponse_SERVING {
		return check.BadStatus
	}
	return check.Passed
}
