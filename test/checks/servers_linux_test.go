package checks

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check/probe"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/targets"
)

const (
	// timeout is that of checks by default.
	timeout = 2 * time.Second
	// short is that of checks which nobody will answer.
	short = 500 * time.Millisecond
)

// ask makes one check.
func ask(t *testing.T, at netip.AddrPort, timeout time.Duration, s check.Spec) check.Cause {
	t.Helper()
	s.Timeout = timeout
	return probe.Run(t.Context(), probe.Dial, at, &s)
}

// expect makes one check and compares how it ended.
func expect(t *testing.T, at netip.AddrPort, s check.Spec, want check.Cause) {
	t.Helper()
	limit := timeout
	if want == check.TimedOut {
		limit = short
	}
	if got := ask(t, at, limit, s); got != want {
		t.Errorf("%s: got %s, want %s", s.Kind, got, want)
	}
}

// A server of the suite, and how its kind asks it.
type served struct {
	name string
	run  func(testing.TB) (*targets.Target, netip.AddrPort)
	s    check.Spec
	// gone is how a check ends where the server is killed.
	gone check.Cause
}

// plain returns a server that listens in one place.
func plain(run func(testing.TB) *targets.Target) func(testing.TB) (*targets.Target, netip.AddrPort) {
	return func(t testing.TB) (*targets.Target, netip.AddrPort) {
		s := run(t)
		return s, s.At
	}
}

func redis(t testing.TB) *targets.Target { return targets.Redis(t) }

// nowhere is where nginx passes on what nobody asks in a test.
var nowhere = netip.MustParseAddrPort("127.0.0.1:1")

var servers = []served{
	{"PostgreSQL", plain(targets.Postgres), check.Spec{Kind: check.Postgres}, check.Refused},
	{"Redis", plain(redis), check.Spec{Kind: check.Redis}, check.Refused},
	{"nginx", func(t testing.TB) (*targets.Target, netip.AddrPort) {
		w := targets.Nginx(t, nowhere)
		return w.Target, w.At
	}, check.Spec{Kind: check.HTTP, Path: "/healthz"}, check.Refused},
	{"nginx with TLS", func(t testing.TB) (*targets.Target, netip.AddrPort) {
		w := targets.Nginx(t, nowhere)
		return w.Target, w.Secure
	}, check.Spec{Kind: check.HTTPS, Path: "/healthz"}, check.Refused},
	{"nginx, its TLS alone", func(t testing.TB) (*targets.Target, netip.AddrPort) {
		w := targets.Nginx(t, nowhere)
		return w.Target, w.Secure
	}, check.Spec{Kind: check.TLS}, check.Refused},
	{"gRPC", plain(targets.Health), check.Spec{Kind: check.GRPC}, check.Refused},
	{"CoreDNS", plain(targets.DNS), check.Spec{Kind: check.DNS, Name: "example.org"}, check.Refused},
}

// A server that is stopped still has a kernel that accepts: only TCP takes it for well.
func TestEachServerIsWellThenHangsThenIsGoneThenIsBack(t *testing.T) {
	for _, c := range servers {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, at := c.run(t)
			expect(t, at, c.s, check.Passed)

			s.Pause(t)
			expect(t, at, c.s, check.TimedOut)
			if c.s.Kind != check.DNS {
				expect(t, at, check.Spec{Kind: check.TCP}, check.Passed)
			}
			s.Resume(t)
			expect(t, at, c.s, check.Passed)

			s.Kill(t)
			expect(t, at, c.s, c.gone)
			s.Start(t)
			expect(t, at, c.s, check.Passed)
		})
	}
}

// A server that is slow, and not too slow, is well.
func TestASlowServerPasses(t *testing.T) {
	for _, c := range servers {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, at := c.run(t)
			s.Pause(t)
			ended := make(chan check.Cause, 1)
			go func() { ended <- ask(t, at, timeout, c.s) }()
			select {
			case got := <-ended:
				t.Errorf("it ended with %s while the server was stopped", got)
			case <-time.After(timeout / 4):
				s.Resume(t)
				if got := <-ended; got != check.Passed {
					t.Errorf("got %s, want %s", got, check.Passed)
				}
			}
		})
	}
}

// many is how many checks a log is looked at for.
const many = 100

// Checks leave nothing in the log of a database, and in that of a web server the request.
// CoreDNS is told to log each question.
func TestWhatChecksLeaveInLogs(t *testing.T) {
	byTCP := servers[0]
	byTCP.name, byTCP.s = "PostgreSQL by TCP", check.Spec{Kind: check.TCP}
	for _, c := range append([]served{byTCP}, servers...) {
		for _, resets := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, reset %t", c.name, resets), func(t *testing.T) {
				t.Parallel()
				s, at := c.run(t)
				spec := c.s
				spec.Reset = resets
				for range many {
					expect(t, at, spec, check.Passed)
				}
				polltest.Until(t, func(context.Context) error { return leaves(s.Log(), leftBy(spec)) })
				// Some of what it has to say may come late: at its end all is said.
				s.Stop(t)
				if complaint := complaints.FindString(s.Log()); complaint != "" && leftBy(spec) == "" {
					t.Errorf("it complains: %s", complaint)
				}
			})
		}
	}
}

// complaints are what a server may say of clients that go too early.
var complaints = regexp.MustCompile(`.*(could not|startup packet|protocol|reset by peer|prematurely|SSL).*`)

// leftBy returns what each line has that a check leaves, and nothing where it leaves none.
func leftBy(s check.Spec) string {
	switch {
	case s.Kind == check.HTTP || s.Kind == check.HTTPS:
		return `"GET /healthz HTTP/1.1" 200 3 "-" "k8s_endpoints/`
	case s.Kind == check.DNS:
		return `"SOA IN example.org. udp 29 false 512" NOERROR`
	case s.Kind == check.TCP && s.Reset:
		// This is why FIN is the default.
		return "could not receive data from client: Connection reset by peer"
	}
	return ""
}

// leaves says why a log is not what many checks leave.
func leaves(log, line string) error {
	want := many
	if line == "" {
		want = 0
	}
	if got := strings.Count(log, "\n"); got != want || line != "" && strings.Count(log, line) != want {
		return fmt.Errorf("%d checks left %d lines, want %d with %q:\n%s", many, got, want, line, log)
	}
	return nil
}

// What a server says is what counts, and not that it answers.
func TestWhatServersSay(t *testing.T) {
	health := targets.Health(t)
	dns := targets.DNS(t)
	web := targets.Nginx(t, health.At)
	locked := targets.Redis(t, "requirepass secret")
	full := targets.Redis(t, "maxclients 1")
	only, err := net.Dial("tcp", full.At.String())
	polltest.Must(t, err)
	defer only.Close()
	// It is counted when it is answered.
	_, err = io.WriteString(only, "PING\r\n")
	polltest.Must(t, err)
	_, err = only.Read(make([]byte, 16))
	polltest.Must(t, err)
	for _, c := range []struct {
		what string
		at   netip.AddrPort
		s    check.Spec
		want check.Cause
	}{
		{"nginx is ill", web.At, check.Spec{Kind: check.HTTP, Path: "/ill"}, check.BadStatus},
		{"nginx knows no such path", web.At, check.Spec{Kind: check.HTTP, Path: "/other"}, check.BadStatus},
		{"nginx leads to another place", web.At, check.Spec{Kind: check.HTTP, Path: "/moved"}, check.Passed},
		{"nginx has much to say", web.At, check.Spec{Kind: check.HTTP, Path: "/large"}, check.Passed},
		{"nginx has much to say, within TLS", web.Secure, check.Spec{Kind: check.HTTPS, Path: "/large"}, check.Passed},
		{"nginx wants TLS", web.Secure, check.Spec{Kind: check.HTTP, Path: "/healthz"}, check.BadStatus},
		{"nginx wants no TLS", web.At, check.Spec{Kind: check.HTTPS, Path: "/healthz"}, check.BadTLS},
		{"the certificate is good", web.Secure, check.Spec{Kind: check.HTTPS, Path: "/healthz", Verify: true, CA: web.CA}, check.Passed},
		{"the certificate is good for the name", web.Secure, check.Spec{Kind: check.TLS, Verify: true, CA: web.CA, Name: "db.example.org"}, check.Passed},
		{"the certificate is for another name", web.Secure, check.Spec{Kind: check.TLS, Verify: true, CA: web.CA, Name: "other.example.org"}, check.BadTLS},
		{"nobody knows who signed the certificate", web.Secure, check.Spec{Kind: check.TLS, Verify: true}, check.BadTLS},
		{"the service of gRPC is well", health.At, check.Spec{Kind: check.GRPC, Service: "well"}, check.Passed},
		{"the service of gRPC is ill", health.At, check.Spec{Kind: check.GRPC, Service: "ill"}, check.BadStatus},
		{"there is no such service of gRPC", health.At, check.Spec{Kind: check.GRPC, Service: "other"}, check.BadStatus},
		{"gRPC behind nginx is well", web.Proxy, check.Spec{Kind: check.GRPC, Service: "well"}, check.Passed},
		{"gRPC behind nginx is ill", web.Proxy, check.Spec{Kind: check.GRPC, Service: "ill"}, check.BadStatus},
		{"nginx speaks HTTP/1.1 to gRPC", web.At, check.Spec{Kind: check.GRPC}, check.BadReply},
		{"CoreDNS knows no such name", dns.At, check.Spec{Kind: check.DNS, Name: "none.example.org"}, check.Passed},
		{"CoreDNS does not serve the zone", dns.At, check.Spec{Kind: check.DNS, Name: "example.net"}, check.BadStatus},
		{"Redis wants a password", locked.At, check.Spec{Kind: check.Redis}, check.Passed},
		{"Redis is full", full.At, check.Spec{Kind: check.Redis}, check.BadStatus},
		{"Redis is asked as PostgreSQL", locked.At, check.Spec{Kind: check.Postgres}, check.TimedOut},
		{"nginx is asked as Redis", web.At, check.Spec{Kind: check.Redis}, check.BadReply},
	} {
		t.Run(c.what, func(t *testing.T) { expect(t, c.at, c.s, c.want) })
	}
	t.Run("gRPC behind nginx is gone", func(t *testing.T) {
		health.Kill(t)
		expect(t, web.Proxy, check.Spec{Kind: check.GRPC, Service: "well"}, check.BadStatus)
		health.Start(t)
		expect(t, web.Proxy, check.Spec{Kind: check.GRPC, Service: "well"}, check.Passed)
	})
}
