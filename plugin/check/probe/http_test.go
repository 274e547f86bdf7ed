package probe

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

func TestHTTP(t *testing.T) {
	for _, c := range []struct {
		what, reply string
		want        check.Cause
	}{
		{"it is well", "HTTP/1.1 200 OK\r\n\r\n", check.Passed},
		{"it gives no reason", "HTTP/1.1 204\r\n\r\n", check.Passed},
		{"it speaks HTTP/1.0, with line feeds", "HTTP/1.0 200 OK\n\n", check.Passed},
		{"the last status that passes", "HTTP/1.1 399 \r\n\r\n", check.Passed},
		{"it has too much to do", "HTTP/1.1 429 Too Many Requests\r\n\r\n", check.Passed},
		{"it gives hints first", "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", check.Passed},
		{"it continues, and is not well", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\n\r\n", check.BadStatus},
		{"it changes the protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n", check.BadStatus},
		{"it does not know the path", "HTTP/1.1 404 Not Found\r\n\r\n", check.BadStatus},
		{"it lets nobody in", "HTTP/1.1 401 Unauthorized\r\n\r\n", check.BadStatus},
		{"it is not well", "HTTP/1.1 500 Internal Server Error\r\n\r\n", check.BadStatus},
		{"a status that nobody knows", "HTTP/1.1 999 ?\r\n\r\n", check.BadStatus},
		{"it speaks HTTP/2", "\x00\x00\x12\x04\x00\x00\x00\x00\x00\r\n", check.BadReply},
		{"it says it speaks HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", check.BadReply},
		{"another protocol", "ICY 200 OK\r\n\r\n", check.BadReply},
		{"a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", check.BadReply},
		{"a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", check.BadReply},
		{"a negative status", "HTTP/1.1 -20 OK\r\n\r\n", check.BadReply},
		{"no space", "HTTP/1.1200 OK\r\n\r\n", check.BadReply},
	} {
		t.Run(c.what, func(t *testing.T) {
			expect(t, serve(t, sendAndClose(c.reply)), check.Spec{Kind: check.HTTP}, c.want)
		})
	}
	t.Run("it closes in the status line", func(t *testing.T) {
		expect(t, serve(t, sendAndClose("HTTP/1.1 200 OK")), check.Spec{Kind: check.HTTP}, check.BadReply)
	})
	t.Run("it closes in a status before the last one", func(t *testing.T) {
		expect(t, serve(t, sendAndClose("HTTP/1.1 100 Continue\r\n")), check.Spec{Kind: check.HTTP}, check.BadReply)
	})
}

// A redirect passes, and nobody goes where it leads.
func TestARedirectIsNotFollowed(t *testing.T) {
	var led atomic.Int32
	elsewhere := serve(t, func(net.Conn) { led.Add(1) })
	var requests atomic.Int32
	at := serve(t, func(conn net.Conn) {
		requests.Add(1)
		sendAndClose(fmt.Sprintf("HTTP/1.1 302 Found\r\nLocation: http://%s/latest/meta-data\r\nRefresh: 0; url=http://%s/\r\n\r\n", elsewhere, elsewhere))(conn)
	})
	expect(t, at, check.Spec{Kind: check.HTTP}, check.Passed)
	if led.Load() != 0 || requests.Load() != 1 {
		t.Errorf("%d requests, and %d to where the first one leads, want 1 and 0", requests.Load(), led.Load())
	}
}

// What the environment says of proxies is not for checks.
func TestNoProxyIsAsked(t *testing.T) {
	var asked atomic.Int32
	proxy := serve(t, func(net.Conn) { asked.Add(1) })
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "http://"+proxy.String())
	}
	for _, kind := range []check.Kind{check.HTTP, check.HTTPS, check.GRPC} {
		run(t, serve(t, receive), long, check.Spec{Kind: kind})
	}
	if asked.Load() != 0 {
		t.Errorf("a proxy was asked %d times", asked.Load())
	}
}

// A spec that would write more than one request is never sent. What reads specs refuses it
// before.
func TestWhatWouldBeAnotherRequestIsNotSent(t *testing.T) {
	for _, s := range []check.Spec{
		{Path: "/\r\nHost: else"}, {Path: "/a b"}, {Path: "no-slash"}, {Path: "/\x00"}, {Path: "/\xc3\xa9"},
		{Path: "/", Host: "a\r\nX: y"}, {Path: "/", Host: "a b"}, {Path: "/\u2028"},
	} {
		s.Kind = check.HTTP
		sent := make(chan int, 1)
		at := serve(t, func(conn net.Conn) {
			n, _ := conn.Read(make([]byte, 1))
			sent <- n
		})
		if got := run(t, at, long, s); got != check.Void {
			t.Errorf("%q: got %s, want %s", s.Path+s.Host, got, check.Void)
		}
		if n := <-sent; n != 0 {
			t.Errorf("%q was sent", s.Path+s.Host)
		}
	}
}

// The reply is read to its end where that is near, so that nothing is reset and the server
// closes first; and not where it is far.
func TestAReplyIsReadToItsEndWhereThatIsNear(t *testing.T) {
	body := strings.Repeat("x", 3<<10)
	ended := make(chan error, 1)
	whole := serve(t, func(conn net.Conn) {
		receive(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n"+body)
		_ = conn.(*net.TCPConn).CloseWrite()
		_, err := conn.Read(make([]byte, 1))
		ended <- err
	})
	expect(t, whole, check.Spec{Kind: check.HTTP}, check.Passed)
	if err := <-ended; err != io.EOF {
		t.Errorf("the server sees %v, want %v", err, io.EOF)
	}

	open := serve(t, send("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n"))
	begun := time.Now()
	if got := run(t, open, time.Minute, check.Spec{Kind: check.HTTP}); got != check.Passed {
		t.Errorf("got %s, want %s", got, check.Passed)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the check waited %s for a server that does not close", took)
	}
}

// A server of package net/http takes the request for what it is.
func TestHTTPWithAServer(t *testing.T) {
	requests := make(chan *http.Request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	expect(t, addressOf(server.Listener.Addr()), check.Spec{Kind: check.HTTP, Path: "/ready", Host: "db.example.org"}, check.Passed)
	r := <-requests
	got := fmt.Sprintln(r.Method, r.Proto, r.Host, r.URL, r.UserAgent(), r.Close, r.ContentLength, r.Header)
	want := fmt.Sprintln("GET HTTP/1.1 db.example.org /ready", agent(), true, 0, http.Header{"User-Agent": {agent()}, "Accept": {"*/*"}, "Connection": {"close"}})
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestAuthority(t *testing.T) {
	for at, want := range map[string]string{
		"10.0.0.1:80": "10.0.0.1", "10.0.0.1:8080": "10.0.0.1:8080", "[2001:db8::1]:80": "[2001:db8::1]",
		"[2001:db8::1]:81": "[2001:db8::1]:81", "[::ffff:10.0.0.1]:80": "10.0.0.1",
	} {
		if got := authority(netip.MustParseAddrPort(at), 80); got != want {
			t.Errorf("%s: got %s, want %s", at, got, want)
		}
	}
}
