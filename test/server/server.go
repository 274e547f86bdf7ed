// Package server runs the built CoreDNS binary for tests, on 127.0.0.1, and
// asks it with the real dig.
//
// Read server.go first, then dig.go and answer.go. binary.go builds the
// program, and ports.go gives it its ports.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/process"
)

const (
	// startLimit bounds a start, which takes less than a second on an idle
	// machine.
	startLimit = time.Minute
	// startAttempts is how often a start is tried while other processes take
	// the ports that it has found free.
	startAttempts = 3
	// stopGrace is longer than the 5 seconds that CoreDNS gives to queries
	// that it has not answered yet.
	stopGrace = 15 * time.Second
)

// A Server is a running CoreDNS.
type Server struct {
	dir     string
	ports   ports
	process *process.Process

	stopped bool
	// log has the output of CoreDNS, once its folder is gone.
	log string
}

var errPortTaken = errors.New("another process took the port")

// Start builds the binary of this repository, once per process and in full
// only where sources have changed, and starts it with the Corefile. It returns
// when CoreDNS serves, and is ready where the Corefile has {{.Ready}}. With
// RACE=1 in the environment the race detector is in the binary, and with
// ANSWERS=messages it writes no answer as bytes; with PLUGINS=slim it is what `make
// build` makes with the same words.
//
// In the Corefile {{.DNS}}, {{.Ready}} and {{.Metrics}} stand for free ports, as does
// {{.Port.NAME}} for each NAME, and it has to keep to the loopback interface:
//
//	.:{{.DNS}} {
//	    bind 127.0.0.1
//	    ready 127.0.0.1:{{.Ready}}
//	    prometheus 127.0.0.1:{{.Metrics}}
//	    ...
//	}
//
// An error carries the end of the log. The caller calls Stop.
func Start(ctx context.Context, corefile string) (*Server, error) {
	if !strings.Contains(corefile, "bind 127.0.0.1") {
		return nil, errors.New("the Corefile has no `bind 127.0.0.1`; a test must not listen on other interfaces")
	}
	program, err := Binary(ctx)
	if err != nil {
		return nil, err
	}
	for range startAttempts {
		var found ports
		if found, err = findPorts(corefile); err != nil {
			return nil, err
		}
		var s *Server
		if s, err = startOnce(ctx, program, corefile, found); !errors.Is(err, errPortTaken) {
			return s, err
		}
	}
	return nil, err
}

// New starts a Server for one test and stops it when the test ends. The test
// fails where Stop returns an error; the logs of a test that failed show the
// end of the server's.
func New(t testing.TB, corefile string) *Server {
	t.Helper()
	s, err := Start(t.Context(), corefile)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the log of CoreDNS:\n%s", lastLines(s.Log()))
		}
	})
	return s
}

// shownLines is how many lines of the log a failed test shows.
const shownLines = 60

func lastLines(log string) string {
	lines := strings.SplitAfter(log, "\n")
	return strings.Join(lines[max(0, len(lines)-shownLines):], "")
}

// complaints returns the lines of a log that only a mistake in the program can
// have caused.
func complaints(log string) []string {
	var found []string
	for line := range strings.Lines(log) {
		for _, mark := range []string{"WARNING: DATA RACE", "Recovered from panic", "panic: ", "fatal error: "} {
			if strings.Contains(line, mark) {
				found = append(found, strings.TrimSpace(line))
				break
			}
		}
	}
	return found
}

func startOnce(ctx context.Context, program, corefile string, p ports) (_ *Server, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	dir, err := os.MkdirTemp("", "k8s_endpoints-server-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, ports: p}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove())
		}
	}()
	if err := s.WriteCorefile(corefile); err != nil {
		return nil, err
	}
	if s.process, err = process.Start(program, s.path("log"), "-conf", s.path("Corefile")); err != nil {
		return nil, err
	}
	return s, s.awaitStart(ctx, strings.Contains(corefile, readyPort))
}

// awaitStart returns when CoreDNS serves, and is ready where it has the port of
// the plugin ready.
func (s *Server) awaitStart(ctx context.Context, tellsReady bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.process.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	err := poll.Until(ctx, func(ctx context.Context) error {
		if err := Serves(s.process); err != nil || !tellsReady {
			return err
		}
		_, err := get(ctx, fmt.Sprintf("http://%s/ready", at(s.ports.ready)))
		return err
	})
	// CoreDNS goes on without metrics where it cannot have their port.
	if s.process.PortTaken() {
		err = errors.Join(errPortTaken, err)
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("CoreDNS did not start: %w; %w", err, s.process.Failure())
}

// Serves returns nil when a CoreDNS has printed its version, which is the first
// thing it does after all its ports were opened.
func Serves(p *process.Process) error {
	if log := p.Log(); !strings.Contains(log, "\nCoreDNS-") && !strings.HasPrefix(log, "CoreDNS-") {
		return errors.New("CoreDNS has not opened its ports")
	}
	return nil
}

// Stop ends the process and removes its folder. It returns an error where
// CoreDNS had ended before, has panicked, or had a data race. A second Stop
// does nothing.
func (s *Server) Stop() error {
	if s.stopped {
		return nil
	}
	var err error
	select {
	case <-s.process.Done():
		err = s.process.Failure()
	default:
	}
	// The shutdown may fail too, so the log is read after the end.
	err = errors.Join(err, s.process.Stop(stopGrace))
	for _, complaint := range complaints(s.process.Log()) {
		err = errors.Join(err, fmt.Errorf("CoreDNS: %s", complaint))
	}
	return errors.Join(err, s.remove())
}

// remove ends the process, if there is one, and removes its folder. It keeps
// the log.
func (s *Server) remove() error {
	s.stopped = true
	var err error
	if s.process != nil {
		err = s.process.Kill()
		s.log = s.process.Log()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// signalAgain is how long Reload waits for CoreDNS to note a signal.
const signalAgain = time.Second

// Reload replaces the Corefile as WriteCorefile does, makes CoreDNS read it,
// and returns when it has begun to. CoreDNS may serve before it listens to
// signals, and drops those that come before; so the signal is sent until it is
// noted.
func (s *Server) Reload(ctx context.Context, corefile string) error {
	if err := s.WriteCorefile(corefile); err != nil {
		return err
	}
	const noted = "SIGUSR1: Reloading"
	before := strings.Count(s.Log(), noted)
	var sent time.Time
	return poll.Until(ctx, func(context.Context) error {
		if strings.Count(s.Log(), noted) > before {
			return nil
		}
		if time.Since(sent) > signalAgain {
			sent = time.Now()
			if err := s.Signal(syscall.SIGUSR1); err != nil {
				return err
			}
		}
		return errors.New("CoreDNS has not noted the signal")
	})
}

// Signal sends a signal to CoreDNS.
func (s *Server) Signal(signal os.Signal) error { return s.process.Signal(signal) }

// PID returns the process id of CoreDNS.
func (s *Server) PID() int { return s.process.PID() }

// Address returns where CoreDNS answers DNS queries, as host:port.
func (s *Server) Address() string { return at(s.ports.dns) }

// AddressOf returns what stands in the Corefile as 127.0.0.1:{{.Port.NAME}}, as host:port.
func (s *Server) AddressOf(name string) string { return at(s.ports.further[name]) }

// MetricsAddress returns where CoreDNS exports metrics, as host:port.
func (s *Server) MetricsAddress() string { return at(s.ports.metrics) }

// Log returns all that CoreDNS has printed.
func (s *Server) Log() string {
	if s.stopped {
		return s.log
	}
	return s.process.Log()
}

// WriteCorefile replaces the Corefile, with the ports of the first one. CoreDNS
// reads it at the next SIGUSR1, or by itself where the plugin reload is on.
func (s *Server) WriteCorefile(corefile string) error {
	return os.WriteFile(s.path("Corefile"), []byte(s.ports.fill(corefile)), 0o600)
}

// Metrics returns the metrics that CoreDNS exports at {{.Metrics}}, in the text
// format of Prometheus.
func (s *Server) Metrics(ctx context.Context) (string, error) {
	return get(ctx, fmt.Sprintf("http://%s/metrics", at(s.ports.metrics)))
}

// Samples returns the value of each series that CoreDNS exports. A series is
// written as it is exported, with its labels.
func (s *Server) Samples(ctx context.Context) (map[string]float64, error) {
	text, err := s.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string]float64)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if all[line[:at]], err = strconv.ParseFloat(line[at+1:], 64); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return string(body), nil
}
