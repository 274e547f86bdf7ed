package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/loopback"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/poll"

	"github.com/miekg/dns"
)

// serve answers with the reply, or not at all where that is nil.
func serve(t *testing.T, reply func(n int64, q *dns.Msg) *dns.Msg) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", loopback.Address+":0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if m := reply(asked.Add(1), q); m != nil {
			_ = w.WriteMsg(m)
		}
	})}
	go func() { _ = s.ActivateAndServe() }()
	t.Cleanup(func() { conn.Close() })
	return conn.LocalAddr().String()
}

// answer has the text for a record.
func answer(q *dns.Msg, text string) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.Answer = []dns.RR{&dns.TXT{
		Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{text},
	}}
	return m
}

// wantText accepts the answer.
func wantText(text string) func(*dns.Msg) error {
	return func(m *dns.Msg) error {
		if got := m.Answer[0].(*dns.TXT).Txt[0]; got != text {
			return fmt.Errorf("got %q, want %q", got, text)
		}
		return nil
	}
}

func start(t *testing.T, server string, rate int, queries ...Query) *Load {
	t.Helper()
	l, err := Start(server, rate, queries...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Stop() })
	return l
}

func (l *Load) await(t *testing.T, checked int) {
	t.Helper()
	err := poll.Until(t.Context(), func(context.Context) error {
		if l.Checked() < checked {
			return errors.New("too few answers were checked")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryAnswerIsCheckedAndCounted(t *testing.T) {
	server := serve(t, func(_ int64, q *dns.Msg) *dns.Msg { return answer(q, q.Question[0].Name) })
	l := start(t, server, 1000,
		Query{Name: "right.test.", Type: dns.TypeTXT, Check: wantText("right.test.")},
		Query{Name: "wrong.test.", Type: dns.TypeTXT, Check: wantText("other")},
	)
	l.await(t, 200)
	r := l.Stop()
	if r.Asked != r.Checked || r.Lost != 0 || r.Wrong < r.Asked/2-sockets || r.Wrong > r.Asked/2+sockets {
		t.Errorf("got %v, want one of two wrong", r)
	}
	if want := `wrong.test. TXT: got "wrong.test.", want "other"`; len(r.Faults) != shownFaults || !strings.Contains(r.Err().Error(), want) {
		t.Errorf("got the error %v, want %d faults, such as %s", r.Err(), shownFaults, want)
	}
}

func TestAQueryWithoutAnAnswerIsLost(t *testing.T) {
	server := serve(t, func(n int64, q *dns.Msg) *dns.Msg {
		if n%10 == 0 {
			return nil
		}
		return answer(q, "here")
	})
	l := start(t, server, 200, Query{Name: "lost.test.", Type: dns.TypeTXT, Check: wantText("here")})
	l.await(t, 90)
	r := l.Stop()
	if r.Asked != r.Checked+r.Lost || r.Lost != r.Asked/10 || r.Wrong != 0 || r.Overflowed != 0 {
		t.Errorf("got %v, want one of ten lost", r)
	}
	if r.Err() == nil || !strings.Contains(r.Err().Error(), "lost.test. TXT: lost: no answer") {
		t.Errorf("got the error %v", r.Err())
	}
}

func TestAnAnswerToAnotherQuestionIsWrong(t *testing.T) {
	server := serve(t, func(_ int64, q *dns.Msg) *dns.Msg {
		q.Question[0].Name = "b.test."
		return answer(q, "here")
	})
	l := start(t, server, 100, Query{Name: "a.test.", Type: dns.TypeTXT, Check: wantText("here")})
	l.await(t, 10)
	if r := l.Stop(); r.Wrong != r.Checked {
		t.Errorf("got %v, want all wrong", r)
	}
}

func TestWhatWasRightIsCheckedAgainAfterForget(t *testing.T) {
	server := serve(t, func(_ int64, q *dns.Msg) *dns.Msg { return answer(q, "old") })
	var stale atomic.Bool
	l := start(t, server, 100, Query{Name: "a.test.", Type: dns.TypeTXT, Check: func(*dns.Msg) error {
		if stale.Load() {
			return errors.New("this is old")
		}
		return nil
	}})
	l.await(t, 20)
	stale.Store(true)
	l.Forget()
	l.await(t, l.Checked()+20)
	if r := l.Stop(); r.Wrong == 0 || r.Wrong == r.Checked {
		t.Errorf("got %v, want those wrong that came after Forget", r)
	}
}

func TestAServerThatStandsStillLosesNothing(t *testing.T) {
	goOn := make(chan struct{})
	var still atomic.Bool
	server := serve(t, func(_ int64, q *dns.Msg) *dns.Msg {
		if still.Load() {
			<-goOn
		}
		return answer(q, "here")
	})
	l := start(t, server, 20000, Query{Name: "a.test.", Type: dns.TypeTXT, Check: wantText("here")})
	l.await(t, 1000)
	still.Store(true)
	time.AfterFunc(answerLimit/4, func() { still.Store(false); close(goOn) })
	<-goOn
	l.await(t, l.Checked()+1000)
	r := l.Stop()
	if err := r.Err(); err != nil || r.Slowest < answerLimit/8 {
		t.Errorf("got %v, %v", r, err)
	}
}

func TestWhatTheKernelDropsIsCounted(t *testing.T) {
	conn, err := net.ListenPacket("udp", loopback.Address+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	d := newDrops(uint16(conn.LocalAddr().(*net.UDPAddr).Port))
	if len(d.before) == 0 {
		t.Skip("the kernel does not tell")
	}
	const sent = 2000
	for range sent {
		if _, err := client.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	d.read()
	if n := d.total(); n < sent-1000 || n >= sent {
		t.Errorf("%d of %d were dropped in front of a socket that nobody reads", n, sent)
	}
}

func TestALoadOfNothing(t *testing.T) {
	if _, err := Start("127.0.0.1:53", 1); err == nil {
		t.Error("a load without a query starts")
	}
	if _, err := Start("127.0.0.1:53", 0, Query{Name: "a.test.", Type: dns.TypeA}); err == nil {
		t.Error("a load without a rate starts")
	}
	if _, err := Start("localhost", 1, Query{Name: "a.test.", Type: dns.TypeA}); err == nil {
		t.Error("a load of no address starts")
	}
}
