package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	served "google.golang.org/grpc/health"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// serveGRPC serves with package grpc.
func serveGRPC(t testing.TB, register func(*grpc.Server), options ...grpc.ServerOption) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	register(server)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return addressOf(listener.Addr())
}

func TestGRPC(t *testing.T) {
	state := served.NewServer()
	state.SetServingStatus("orders.v1.Orders", health.HealthCheckResponse_SERVING)
	state.SetServingStatus("ill", health.HealthCheckResponse_NOT_SERVING)
	state.SetServingStatus("unsure", health.HealthCheckResponse_UNKNOWN)
	serving := serveGRPC(t, func(s *grpc.Server) { health.RegisterHealthServer(s, state) })
	bare := serveGRPC(t, func(*grpc.Server) {})
	answering := func(code codes.Code) netip.AddrPort {
		return serveGRPC(t, func(s *grpc.Server) { health.RegisterHealthServer(s, state) },
			grpc.UnaryInterceptor(func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
				return nil, status.Error(code, "why")
			}))
	}
	for _, c := range []struct {
		what, service string
		at            netip.AddrPort
		want          check.Cause
	}{
		{"the server serves", "", serving, check.Passed},
		{"the service serves", "orders.v1.Orders", serving, check.Passed},
		{"the service does not", "ill", serving, check.BadStatus},
		{"the service does not know", "unsure", serving, check.BadStatus},
		{"there is no such service", "other", serving, check.BadStatus},
		{"the server has no health service", "", bare, check.BadStatus},
		{"somebody before it has no server", "", answering(codes.Unavailable), check.BadStatus},
		{"it lets nobody in", "", answering(codes.PermissionDenied), check.BadStatus},
		{"it fails", "", answering(codes.Internal), check.BadStatus},
	} {
		t.Run(c.what, func(t *testing.T) {
			expect(t, c.at, check.Spec{Kind: check.GRPC, Service: c.service}, c.want)
		})
	}
}

// What a server of package grpc, and one of net/http, which is strict about HTTP/2, hear.
func TestWhatGRPCAsks(t *testing.T) {
	want := fmt.Sprintf("/grpc.health.v1.Health/Check application/grpc trailers %s", agent())
	t.Run("a server of grpc", func(t *testing.T) {
		heard := make(chan string, 1)
		at := serveGRPC(t, func(s *grpc.Server) { health.RegisterHealthServer(s, served.NewServer()) },
			grpc.UnaryInterceptor(func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
				m, _ := metadata.FromIncomingContext(ctx)
				heard <- fmt.Sprint(info.FullMethod, " ", strings.Join(m["content-type"], ","), " trailers ", strings.Join(m["user-agent"], ","), m[":authority"])
				return handle(ctx, request)
			}))
		expect(t, at, check.Spec{Kind: check.GRPC}, check.Passed)
		if got, want := <-heard, fmt.Sprint(want, []string{at.String()}); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
	t.Run("a server of net/http", func(t *testing.T) {
		heard := make(chan string, 1)
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			heard <- fmt.Sprintln(r.URL, r.Header.Get("Content-Type"), r.Header.Get("Te"), r.UserAgent(), r.Method, r.Proto, r.Host, body)
			w.Header().Set("Content-Type", "application/grpc+proto")
			w.Header().Set("Trailer", "grpc-status")
			_, _ = w.Write([]byte{0, 0, 0, 0, 2, 8, 1})
			w.Header().Set("grpc-status", "0")
		}))
		server.Config.Protocols = new(http.Protocols)
		server.Config.Protocols.SetUnencryptedHTTP2(true)
		server.Start()
		t.Cleanup(server.Close)
		at := addressOf(server.Listener.Addr())
		expect(t, at, check.Spec{Kind: check.GRPC, Service: "a"}, check.Passed)
		if got, want := <-heard, fmt.Sprintln(want, "POST", "HTTP/2.0", at, []byte{0, 0, 0, 0, 3, 10, 1, 'a'}); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	})
}

// frames writes a reply of HTTP/2 by hand.
func frames(write func(*http2.Framer)) string {
	var b bytes.Buffer
	f := http2.NewFramer(&b, nil)
	f.AllowIllegalWrites = true
	write(f)
	return b.String()
}

// fields packs header fields, which stand as name and value.
func fields(all ...string) []byte {
	var b bytes.Buffer
	encoder := hpack.NewEncoder(&b)
	for i := 0; i < len(all); i += 2 {
		_ = encoder.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]})
	}
	return b.Bytes()
}

func headers(f *http2.Framer, end bool, all ...string) {
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: fields(all...), EndHeaders: true, EndStream: end})
}

// good is a whole reply, with a message of its own.
func good(message string, trailer ...string) string {
	return frames(func(f *http2.Framer) {
		_ = f.WriteSettings()
		_ = f.WriteSettingsAck()
		headers(f, false, ":status", "200", "content-type", "application/grpc")
		_ = f.WriteData(stream, false, []byte(message))
		headers(f, true, trailer...)
	})
}

func TestGRPCReplies(t *testing.T) {
	const serving = "\x00\x00\x00\x00\x02\x08\x01"
	ok := []string{"grpc-status", "0", "grpc-message", ""}
	begin := func(f *http2.Framer) {
		headers(f, false, ":status", "200", "content-type", "application/grpc")
	}
	huge := binary.BigEndian.AppendUint32([]byte{0}, 1<<30)
	for _, c := range []struct {
		what, reply string
		want        check.Cause
	}{
		{"a good one", good(serving, ok...), check.Passed},
		{"no status", good(serving, "else", "0"), check.BadReply},
		{"another status", good(serving, "grpc-status", "14"), check.BadStatus},
		{"a status that is no number", good(serving, "grpc-status", "zero"), check.BadStatus},
		{"no message", good("", ok...), check.BadReply},
		{"an empty message", good("\x00\x00\x00\x00\x00", ok...), check.BadStatus},
		{"two messages", good(serving+serving, ok...), check.BadReply},
		{"a message that is compressed", good("\x01"+serving[1:], ok...), check.BadReply},
		{"a message that is cut off", good(serving[:6], ok...), check.BadReply},
		{"a message that is none", good("\x00\x00\x00\x00\x02\xff\xff", ok...), check.BadReply},
		{"a status nobody knows", good("\x00\x00\x00\x00\x02\x08\x07", ok...), check.BadStatus},
		{"fields nobody knows", good("\x00\x00\x00\x00\x04\x08\x01\x10\x01", ok...), check.Passed},
		{"a message in two frames, and a ping between", frames(func(f *http2.Framer) {
			begin(f)
			_ = f.WriteData(stream, false, []byte(serving[:3]))
			_ = f.WritePing(false, [8]byte{1})
			_ = f.WriteDataPadded(stream, false, []byte(serving[3:]), make([]byte, 9))
			headers(f, true, ok...)
		}), check.Passed},
		{"hints before it", frames(func(f *http2.Framer) { headers(f, false, ":status", "103") }) + good(serving, ok...), check.Passed},
		{"frames of another stream", frames(func(f *http2.Framer) {
			_ = f.WriteData(3, true, []byte(serving))
			_ = f.WriteRSTStream(3, http2.ErrCodeCancel)
		}) + good(serving, ok...), check.Passed},
		{"frames that nobody knows", frames(func(f *http2.Framer) { _ = f.WriteRawFrame(0x77, 0, 0, []byte("x")) }) + good(serving, ok...), check.Passed},
		{"it goes away later", frames(func(f *http2.Framer) { _ = f.WriteGoAway(stream, http2.ErrCodeNo, nil) }) + good(serving, ok...), check.Passed},
		{"it goes away", frames(func(f *http2.Framer) { _ = f.WriteGoAway(0, http2.ErrCodeNo, nil) }), check.BadStatus},
		{"it goes away for a mistake", frames(func(f *http2.Framer) { _ = f.WriteGoAway(0, http2.ErrCodeProtocol, []byte("too_many_pings")) }), check.BadReply},
		{"it refuses the stream", frames(func(f *http2.Framer) { _ = f.WriteRSTStream(stream, http2.ErrCodeRefusedStream) }), check.BadStatus},
		{"it breaks the stream off", frames(func(f *http2.Framer) { begin(f); _ = f.WriteRSTStream(stream, http2.ErrCodeInternal) }), check.BadReply},
		{"a message of 1 GiB", frames(func(f *http2.Framer) { begin(f); _ = f.WriteData(stream, false, huge) }), check.BadReply},
		{"a frame of 1 MiB", frames(begin) + "\x10\x00\x00\x00\x00\x00\x00\x00\x01", check.BadReply},
		{"no trailer", frames(func(f *http2.Framer) { begin(f); _ = f.WriteData(stream, true, []byte(serving)) }), check.BadReply},
		{"a trailer that is not the end", frames(func(f *http2.Framer) { begin(f); headers(f, false, ok...) }), check.BadReply},
		{"no header", frames(func(f *http2.Framer) { _ = f.WriteData(stream, false, []byte(serving)) }), check.BadReply},
		{"a header of the status alone", frames(func(f *http2.Framer) {
			headers(f, true, ":status", "200", "content-type", "application/grpc", "grpc-status", "12")
		}), check.BadStatus},
		{"a page", frames(func(f *http2.Framer) { headers(f, false, ":status", "200", "content-type", "text/html") }), check.BadReply},
		{"a page that is missing", frames(func(f *http2.Framer) { headers(f, true, ":status", "404", "content-type", "text/html") }), check.BadStatus},
		{"HTTP/1.1", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", check.BadReply},
		{"fields in the wrong order", frames(func(f *http2.Framer) { headers(f, true, "a", "b", ":status", "200") }), check.BadReply},
		{"packed fields that are none", frames(func(f *http2.Framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: []byte{0xff, 0xff, 0xff}, EndHeaders: true})
		}), check.BadReply},
		// 2,000 bytes that unpack to 8 MB.
		{"fields that unpack to much", frames(func(f *http2.Framer) {
			// The last field that was packed is the first of the table, 62.
			block := fields(":status", "200", "content-type", "application/grpc", "x", strings.Repeat("x", 1<<10))
			block = append(block, bytes.Repeat([]byte{0x80 | 62}, 2000)...)
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block, EndHeaders: true})
			_ = f.WriteData(stream, false, []byte(serving))
			headers(f, true, ok...)
		}), check.BadReply},
		{"fields that are continued without end", frames(func(f *http2.Framer) {
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: fields(":status", "200")})
			for range 1000 {
				_ = f.WriteContinuation(stream, false, nil)
			}
		}), check.BadReply},
		{"settings without end", frames(func(f *http2.Framer) {
			for range 1000 {
				_ = f.WriteSettings()
			}
		}), check.BadReply},
	} {
		t.Run(c.what, func(t *testing.T) {
			expect(t, serve(t, send(c.reply)), check.Spec{Kind: check.GRPC}, c.want)
		})
	}
}

// A server may wait for what must be acknowledged.
func TestGRPCAcknowledges(t *testing.T) {
	at := serve(t, func(conn net.Conn) {
		if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
			t.Error(err)
		}
		f := http2.NewFramer(conn, conn)
		if err := errors.Join(f.WriteSettings(), f.WritePing(false, [8]byte{7})); err != nil {
			t.Error(err)
		}
		for settings, ping := false, false; !settings || !ping; {
			frame, err := f.ReadFrame()
			if err != nil {
				t.Errorf("settings acknowledged: %t, ping: %t, and then %v", settings, ping, err)
				return
			}
			switch frame := frame.(type) {
			case *http2.SettingsFrame:
				settings = settings || frame.IsAck()
			case *http2.PingFrame:
				ping = ping || frame.IsAck() && frame.Data == [8]byte{7}
			}
		}
		_, _ = io.WriteString(conn, good("\x00\x00\x00\x00\x02\x08\x01", "grpc-status", "0"))
		hang(conn)
	})
	expect(t, at, check.Spec{Kind: check.GRPC}, check.Passed)
}

// gRPC is asked without TLS: a server that wants it breaks off with an alert.
func TestGRPCWithAServerThatWantsTLS(t *testing.T) {
	expect(t, serve(t, sendAndClose("\x15\x03\x01\x00\x02\x02\x46")), check.Spec{Kind: check.GRPC}, check.BadReply)
}
