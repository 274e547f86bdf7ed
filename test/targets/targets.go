// Package targets runs the servers that checks ask, on 127.0.0.1 or where Listen says: PostgreSQL, nginx and
// Redis of Debian, a health service of gRPC, and CoreDNS. Each can be stopped, killed, and
// started again where it was, and tells what it has logged.
//
// `make targets` unpacks what is not installed. A server that is nowhere skips the test.
// None runs as root: PostgreSQL does not, and the others need not.
//
// Read targets.go first, then find.go (where programs are, and as whom they run). The other
// files are a server each.
package targets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"
)

// A Target is a server that runs, or has run.
type Target struct {
	// At is where it listens.
	At netip.AddrPort

	dir     string
	command []string
	// ready returns nil when the server serves, without a trace in its log.
	ready func(*Target) error
	// logs are the files in dir that it logs to, besides what it prints.
	logs []string

	process *process.Process
	// logged is how much was in each file when it began to serve.
	logged map[string]int
}

// stopGrace is how long a server may take to end.
const stopGrace = 10 * time.Second

// shownLines is how many lines a test shows that has failed.
const shownLines = 60

// newTarget gives a server its folder and its port.
func newTarget(t testing.TB) *Target {
	t.Helper()
	dir, err := os.MkdirTemp("", "target-")
	polltest.Must(t, err)
	t.Cleanup(func() {
		// Processes of a server that was killed may still write there.
		ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
		defer cancel()
		polltest.Must(t, poll.Until(ctx, func(context.Context) error { return os.RemoveAll(dir) }))
	})
	polltest.Must(t, own(dir))
	return &Target{At: port(t), dir: dir}
}

// host is where servers listen.
var host = netip.MustParseAddr(loopback.Address)

// Listen has all servers listen on an address other than 127.0.0.1, which has to be one of
// this machine in a network of the test's own. It is called before the first one starts.
func Listen(on netip.Addr) { host = on }

// port returns where a server may listen.
func port(t testing.TB) netip.AddrPort {
	t.Helper()
	number, err := loopback.Port()
	polltest.Must(t, err)
	return netip.AddrPortFrom(host, uint16(number))
}

// launch starts a server for as long as a test.
func (s *Target) launch(t testing.TB) *Target {
	t.Helper()
	s.Start(t)
	t.Cleanup(func() {
		_ = s.process.Resume()
		polltest.Must(t, s.process.Stop(stopGrace))
		if t.Failed() {
			t.Logf("the end of what %s printed:\n%s", s.command, s.process.Tail(shownLines))
		}
	})
	return s
}

// Start starts a server that was killed, where it was, and returns when it serves.
func (s *Target) Start(t testing.TB) {
	t.Helper()
	// What a server that was killed leaves behind may be in the way of the next one: some
	// processes of PostgreSQL find out after a moment that it is gone.
	polltest.Until(t, func(ctx context.Context) error {
		err := s.startOnce(ctx)
		if err != nil && s.process != nil {
			err = errors.Join(err, s.process.Kill())
		}
		return err
	})
}

func (s *Target) startOnce(ctx context.Context) (err error) {
	s.Forget()
	if s.process, err = process.Start(s.command[0], s.path("output"), s.command[1:]...); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := s.process.Done()
	go func() {
		select {
		case <-ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := poll.Until(ctx, func(context.Context) error { return s.ready(s) }); err != nil {
		return fmt.Errorf("%w; %w", err, s.process.Failure())
	}
	s.Forget()
	return nil
}

// Kill ends the server at once.
func (s *Target) Kill(t testing.TB) { t.Helper(); polltest.Must(t, s.process.Kill()) }

// Stop ends the server as it wants to be ended, and returns when it is done with all clients.
func (s *Target) Stop(t testing.TB) { t.Helper(); polltest.Must(t, s.process.Stop(stopGrace)) }

// Pause stops the server's first process until Resume: its kernel still accepts connections.
func (s *Target) Pause(t testing.TB) { t.Helper(); polltest.Must(t, s.process.Pause()) }

// Resume lets the server run on.
func (s *Target) Resume(t testing.TB) { t.Helper(); polltest.Must(t, s.process.Resume()) }

// Log returns what the server has logged since it began to serve, or since Forget.
func (s *Target) Log() string {
	var all strings.Builder
	for _, name := range s.files() {
		all.WriteString(s.text(name)[s.logged[name]:])
	}
	return all.String()
}

// Forget has Log return what is logged from now on.
func (s *Target) Forget() {
	s.logged = make(map[string]int)
	for _, name := range s.files() {
		s.logged[name] = len(s.text(name))
	}
}

// files are those with the log.
func (s *Target) files() []string { return append([]string{"output"}, s.logs...) }

// text returns what is in a file of the log.
func (s *Target) text(name string) string {
	text, err := os.ReadFile(s.path(name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err.Error()
	}
	return string(text)
}

func (s *Target) path(name string) string { return filepath.Join(s.dir, name) }

// write writes a file that the server reads.
func (s *Target) write(t testing.TB, name, text string, mode os.FileMode) {
	t.Helper()
	polltest.Must(t, os.WriteFile(s.path(name), []byte(text), mode), own(s.path(name)))
}

// says returns a condition: that a server has logged a text since its start.
func says(text string) func(*Target) error {
	return func(s *Target) error {
		if !strings.Contains(s.Log(), text) {
			return fmt.Errorf("it has not logged %q", text)
		}
		return nil
	}
}

// accepts is a condition: that a server accepts connections.
func accepts(s *Target) error {
	conn, err := net.Dial("tcp", s.At.String())
	if err != nil {
		return err
	}
	return conn.Close()
}
