package probe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(servedVariable); kind != "" {
		serveForBenchmark(kind)
		return
	}
	code := m.Run()
	if left := leaked(); left != "" && code == 0 {
		fmt.Fprintf(os.Stderr, "these goroutines are left after all checks:\n%s", left)
		code = 1
	}
	os.Exit(code)
}

// leaked returns the stacks of goroutines that have this package in them and do not end.
func leaked() string {
	var left []string
	for range 200 {
		left = left[:0]
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for i, stack := range strings.Split(string(stacks), "\n\n") {
			// The first is this one.
			if i > 0 && (strings.Contains(stack, "check/probe.") || strings.Contains(stack, "google.golang.org/grpc")) {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return ""
		}
		time.Sleep(10 * time.Millisecond)
	}
	return strings.Join(left, "\n\n")
}

// short is the timeout of checks that are to time out, and long that of all others.
const (
	short = 300 * time.Millisecond
	long  = 10 * time.Second
)

// overTCP are the kinds that expect an answer over a connection.
var overTCP = []check.Kind{check.TLS, check.HTTP, check.HTTPS, check.GRPC, check.Postgres, check.Redis}

// serve has a function serve each connection to an address, and waits at the end of the
// test until all of them are closed.
func serve(t testing.TB, each func(net.Conn)) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				each(conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		served.Wait()
	})
	return addressOf(listener.Addr())
}

func addressOf(addr net.Addr) netip.AddrPort { return netip.MustParseAddrPort(addr.String()) }

// closed returns an address where nobody listens.
func closed(t testing.TB) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return addressOf(listener.Addr())
}

// run makes a check with a timeout, and returns how it ended.
func run(t testing.TB, at netip.AddrPort, timeout time.Duration, s check.Spec) check.Cause {
	t.Helper()
	s.Timeout = timeout
	return Run(t.Context(), Dial, at, &s)
}

// expect makes a check that is to end in time, and compares how.
func expect(t *testing.T, at netip.AddrPort, s check.Spec, want check.Cause) {
	t.Helper()
	timeout := long
	if want == check.TimedOut {
		timeout = short
	}
	begun := time.Now()
	if got := run(t, at, timeout, s); got != want {
		t.Errorf("got %s after %s, want %s", got, time.Since(begun), want)
	}
	if took := time.Since(begun); took > timeout && want != check.TimedOut {
		t.Errorf("the check took %s, and may take %s", took, timeout)
	}
}

// receive reads what a client has sent so far, so that a close behind it is no reset.
func receive(conn net.Conn) {
	_, _ = conn.Read(make([]byte, 4<<10))
}

// hang waits for the client to close.
func hang(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// reset breaks a connection off.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// send returns a server that answers a request with some bytes and waits for the end.
func send(reply string) func(net.Conn) {
	return func(conn net.Conn) {
		receive(conn)
		_, _ = io.WriteString(conn, reply)
		hang(conn)
	}
}

// sendAndClose returns a server that closes behind its answer.
func sendAndClose(reply string) func(net.Conn) {
	return func(conn net.Conn) {
		receive(conn)
		_, _ = io.WriteString(conn, reply)
	}
}

// endless returns a server that writes without end, a piece of n bytes after the other.
func endless(head, piece string) func(net.Conn) {
	return func(conn net.Conn) {
		receive(conn)
		_, err := io.WriteString(conn, head)
		for err == nil {
			_, err = io.WriteString(conn, piece)
		}
	}
}

// slow returns a server that writes a byte, and waits, and writes the next one.
func slow(reply string) func(net.Conn) {
	return func(conn net.Conn) {
		receive(conn)
		for i := range len(reply) {
			if _, err := io.WriteString(conn, reply[i:i+1]); err != nil {
				return
			}
			time.Sleep(short / 4)
		}
	}
}

// Each kind takes what any server may do to it for what it is.
func TestEachKindSaysHowACheckFailed(t *testing.T) {
	garbage := strings.Repeat("\x00\xffgarbage\r\n", 1000)
	for _, c := range []struct {
		what  string
		serve func(net.Conn)
		// ofTLS is the cause of kinds that shake hands.
		want, ofTLS check.Cause
	}{
		{"it answers nothing", hang, check.TimedOut, check.TimedOut},
		{"it closes without an answer", receive, check.BadReply, check.BadTLS},
		{"it resets the connection", func(c net.Conn) { receive(c); reset(c) }, check.Reset, check.Reset},
		{"it answers with garbage", send(garbage), check.BadReply, check.BadTLS},
		{"it answers with one wrong byte, and closes", sendAndClose("\x00"), check.BadReply, check.BadTLS},
		{"it answers with zeros without end", endless("", strings.Repeat("\x00", 4<<10)), check.BadReply, check.BadTLS},
		{"it answers with lines without end", endless("", "\r\n\r\n"), check.BadReply, check.BadTLS},
		{"it speaks SSH", send("SSH-2.0-OpenSSH_9.2p1\r\n"), check.BadReply, check.BadTLS},
	} {
		t.Run(c.what, func(t *testing.T) {
			at := serve(t, c.serve)
			for _, kind := range overTCP {
				want := c.want
				if kind == check.TLS || kind == check.HTTPS {
					want = c.ofTLS
				}
				t.Run(kind.String(), func(t *testing.T) { expect(t, at, check.Spec{Kind: kind}, want) })
			}
		})
	}
}

func TestEachKindIsRefusedWhereNobodyListens(t *testing.T) {
	at := closed(t)
	for kind := check.TCP; kind < check.Kinds; kind++ {
		t.Run(kind.String(), func(t *testing.T) { expect(t, at, check.Spec{Kind: kind}, check.Refused) })
	}
}

func TestTCPPassesWhereItConnects(t *testing.T) {
	for what, each := range map[string]func(net.Conn){
		"it waits": hang, "it closes": func(net.Conn) {}, "it speaks first": func(c net.Conn) { _, _ = io.WriteString(c, "220 ready\r\n"); hang(c) },
	} {
		t.Run(what, func(t *testing.T) { expect(t, serve(t, each), check.Spec{Kind: check.TCP}, check.Passed) })
	}
}

// The end of a context is no result, and no check outlives it.
func TestACheckThatIsEndedIsVoid(t *testing.T) {
	for kind := check.TLS; kind < check.Kinds; kind++ {
		t.Run(kind.String(), func(t *testing.T) {
			arrived := make(chan struct{}, 1)
			at := serve(t, func(c net.Conn) { arrived <- struct{}{}; hang(c) })
			if kind == check.DNS {
				at = serveUDP(t, func([]byte) [][]byte { arrived <- struct{}{}; return nil })
			}
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-arrived; cancel() }()
			begun := time.Now()
			if got := Run(ctx, Dial, at, &check.Spec{Kind: kind, Timeout: time.Minute}); got != check.Void {
				t.Errorf("got %s, want %s", got, check.Void)
			}
			if took := time.Since(begun); took > long {
				t.Errorf("the check went on for %s", took)
			}
		})
	}
	t.Run("before it began", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := Run(ctx, Dial, closed(t), &check.Spec{Kind: check.TCP, Timeout: time.Minute}); got != check.Void {
			t.Errorf("got %s, want %s", got, check.Void)
		}
	})
}

// metered counts what is read from a connection, and whether it was closed.
type metered struct {
	net.Conn
	read  atomic.Int64
	close atomic.Bool
}

func (m *metered) Read(into []byte) (int, error) {
	n, err := m.Conn.Read(into)
	m.read.Add(int64(n))
	return n, err
}

func (m *metered) Close() error {
	m.close.Store(true)
	return m.Conn.Close()
}

// meter makes a check, and returns what was read for it.
func meter(t *testing.T, at netip.AddrPort, s check.Spec) (check.Cause, *metered) {
	t.Helper()
	var conn *metered
	s.Timeout = long
	cause := Run(t.Context(), func(ctx context.Context, network string, at netip.AddrPort, s *check.Spec) (net.Conn, error) {
		c, err := Dial(ctx, network, at, s)
		conn = &metered{Conn: c}
		return conn, err
	}, at, &s)
	return cause, conn
}

func TestNoKindReadsMoreThanItsBound(t *testing.T) {
	zeros := strings.Repeat("\x00", 4<<10)
	for _, c := range []struct {
		kind        check.Kind
		head, piece string
		want        check.Cause
		bound       int64
	}{
		{check.HTTP, "HTTP/1.1 200 OK\r\n", "X-Padding: " + strings.Repeat("x", 1<<20) + "\r\n", check.Passed, most},
		{check.HTTP, "HTTP/1.1 200 OK\r\n\r\n", zeros, check.Passed, most},
		{check.HTTP, "HTTP/1.1 200 ", "OK ", check.BadReply, most},
		{check.HTTP, "", "HTTP/1.1 103 Early Hints\r\n\r\n", check.BadReply, most},
		{check.HTTP, "HTTP/1.1 103 Early Hints\r\n", "Link: </a>\r\n", check.BadReply, most},
		{check.Redis, "+PONG", " PONG", check.BadReply, most},
		{check.Postgres, "N", zeros, check.Passed, 1},
		{check.Postgres, "R", zeros, check.BadReply, 1},
		// A handshake of one message that does not end: a record of TLS 1.2 each.
		{check.TLS, "", "\x16\x03\x03\x10\x00" + zeros, check.BadTLS, handshake},
		{check.GRPC, "", "\x00\x00\x00\x04\x00\x00\x00\x00\x00", check.BadReply, most},
		{check.GRPC, "", "\x00\x00\x00\x77\x00\x00\x00\x00\x00", check.BadReply, most},
	} {
		t.Run(fmt.Sprintf("%s %.20q", c.kind, c.head+c.piece), func(t *testing.T) {
			got, conn := meter(t, serve(t, endless(c.head, c.piece)), check.Spec{Kind: c.kind})
			if got != c.want || conn.read.Load() > c.bound {
				t.Errorf("got %s after %d bytes, want %s after %d at most", got, conn.read.Load(), c.want, c.bound)
			}
			if !conn.close.Load() {
				t.Error("the connection is left open")
			}
		})
	}
}

// A target that drips is not waited for: the bound is for all of a check, not for each byte.
func TestATargetThatDripsTimesOut(t *testing.T) {
	for _, c := range []struct {
		kind  check.Kind
		reply string
	}{
		{check.HTTP, "HTTP/1.1 200 OK\r\n\r\n"},
		{check.Redis, "+PONG\r\n"},
		{check.TLS, "\x16\x03\x03\x00\x70" + strings.Repeat("\x02", 0x70)},
		{check.HTTPS, "\x16\x03\x03\x00\x70" + strings.Repeat("\x02", 0x70)},
		{check.GRPC, strings.Repeat("\x00\x00\x00\x04\x00\x00\x00\x00\x00", 100)},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			begun := time.Now()
			if got := run(t, serve(t, slow(c.reply)), short, check.Spec{Kind: c.kind}); got != check.TimedOut {
				t.Errorf("got %s, want %s", got, check.TimedOut)
			}
			if took := time.Since(begun); took > 10*short {
				t.Errorf("the check took %s, with a timeout of %s", took, short)
			}
		})
	}
}

// asked returns what a kind sends first, to a server that only listens.
func asked(t *testing.T, s check.Spec) string {
	t.Helper()
	heard := make(chan string, 1)
	at := serve(t, func(conn net.Conn) {
		said := make([]byte, 4<<10)
		n, _ := conn.Read(said)
		heard <- string(bytes.ReplaceAll(said[:n], []byte(conn.LocalAddr().String()), []byte("ADDRESS")))
	})
	run(t, at, long, s)
	return <-heard
}

func TestWhatIsSentIsFixed(t *testing.T) {
	for _, c := range []struct {
		s    check.Spec
		want string
	}{
		{check.Spec{Kind: check.Postgres}, "\x00\x00\x00\x08\x04\xd2\x16\x30"},
		{check.Spec{Kind: check.Redis}, "PING\r\n"},
		{check.Spec{Kind: check.HTTP}, "GET / HTTP/1.1\r\nHost: ADDRESS\r\n" + rest},
		{check.Spec{Kind: check.HTTP, Path: "/healthz?full=1", Host: "db.example.org"}, "GET /healthz?full=1 HTTP/1.1\r\nHost: db.example.org\r\n" + rest},
	} {
		t.Run(c.s.Kind.String()+c.s.Path, func(t *testing.T) {
			want := strings.ReplaceAll(c.want, "AGENT", agent())
			if got := asked(t, c.s); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

const rest = "User-Agent: AGENT\r\nAccept: */*\r\nConnection: close\r\n\r\n"
