package reload

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
)

// shutdownLimit is less than the 5 seconds that CoreDNS gives to queries that
// it has not answered yet, so that a shutdown that hangs is noticed on a busy
// machine too. A shutdown takes far less than a second on an idle one.
const shutdownLimit = 4 * time.Second

// stop ends CoreDNS and returns how long that took.
func stop(t *testing.T, s *server.Server) time.Duration {
	t.Helper()
	began := time.Now()
	must(t, s.Stop())
	took := time.Since(began)
	if took > shutdownLimit {
		t.Errorf("the shutdown took %s", took)
	}
	return took
}

// idleConnection is one over TCP that has been used and stays open.
func idleConnection(t *testing.T, s *server.Server, name string) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Address())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	c := &dns.Conn{Conn: conn}
	must(t, conn.SetDeadline(time.Now().Add(limit)), c.WriteMsg(new(dns.Msg).SetQuestion(name, dns.TypeA)))
	_, err = c.ReadMsg()
	must(t, err)
}

func TestAShutdownUnderLoad(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		name := "with the API server there"
		if hangs {
			name = "with an API server that hangs"
		}
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.serve(w.corefile("", "ttl 5"))
			idleConnection(t, s, w.name("db", 0)+".")
			if hangs {
				w.pause()
			}
			streams := w.streams.Load()
			l := w.ask(s, rate)
			w.checked(l, rate/2)
			took := stop(t, s)
			// A question after the end has no answer.
			if r := l.Stop(); r.Wrong > 0 {
				t.Error(r.Err())
			} else {
				t.Logf("a shutdown with %d streams open, in %s: %d answers checked, %d wrong", streams, took.Round(time.Millisecond), r.Checked, r.Wrong)
			}
		})
	}
}

// pause makes the API server hang until the test is over.
func (w *world) pause() {
	w.t.Helper()
	must(w.t, w.PauseAPIServer())
	w.t.Cleanup(func() { must(w.t, w.ResumeAPIServer()) })
}

// TestTheLameDuck checks that no query is lost, and changes are served, until
// CoreDNS closes its ports.
func TestTheLameDuck(t *testing.T) {
	w := newWorld(t)
	port, err := loopback.Port()
	must(t, err)
	s := w.serve(w.corefile(fmt.Sprintf("health 127.0.0.1:%d {\n        lameduck 8s\n    }", port), "ttl 5"))
	l := w.ask(s, rate)
	w.checked(l, rate/10)
	must(t, s.Signal(syscall.SIGTERM))
	until(t, func(context.Context) error {
		if !strings.Contains(s.Log(), "Going into lameduck mode") {
			return errors.New("CoreDNS is no lame duck yet")
		}
		return nil
	})
	must(t, w.CreateService(within(t), cluster.ExternalNameService(w.namespaces[0], "late", "192.0.2.1")))
	until(t, func(ctx context.Context) error {
		answer, err := s.Dig(ctx, w.name("late", 0), "A")
		if err == nil && len(answer.Answer) != 1 {
			err = fmt.Errorf("the lame duck does not serve a new Service:\n%v", answer)
		}
		return err
	})
	w.checked(l, rate)
	report(t, l, "a lame duck")
	began := time.Now()
	must(t, s.Stop())
	t.Logf("the process ended %s later", time.Since(began).Round(time.Millisecond))
}
