package e2e

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
)

const (
	// Together the askers ask some 400 times per second.
	askers        = 4
	askInterval   = 10 * time.Millisecond
	answerTimeout = 5 * time.Second
	// shownFaults bounds what a failed test shows.
	shownFaults = 5
)

// load asks a server the same question all the time, and checks each answer.
type load struct {
	t       *testing.T
	address string
	name    string
	qtype   uint16
	check   func(answer string) error

	over    chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex
	asked   int
	faults  []error
}

// ask begins. An answer that does not come within 5 seconds is a fault.
func ask(t *testing.T, s *server.Server, name string, qtype uint16, check func(answer string) error) *load {
	t.Helper()
	l := &load{t: t, address: s.Address(), name: name, qtype: qtype, check: check, over: make(chan struct{})}
	for range askers {
		l.running.Go(l.run)
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) run() {
	ticker := time.NewTicker(askInterval)
	defer ticker.Stop()
	for {
		err := l.once()
		l.mu.Lock()
		l.asked++
		if err != nil {
			l.faults = append(l.faults, err)
		}
		l.mu.Unlock()
		select {
		case <-l.over:
			return
		case <-ticker.C:
		}
	}
}

func (l *load) once() error {
	m := new(dns.Msg).SetQuestion(l.name, l.qtype)
	client := dns.Client{Timeout: answerTimeout, UDPSize: 1232}
	m.SetEdns0(client.UDPSize, false)
	began := time.Now()
	r, _, err := client.Exchange(m, l.address)
	if err != nil {
		return fmt.Errorf("%s after %s: %w", began.Format(time.StampMilli), time.Since(began), err)
	}
	if err := l.check(normal(read(r))); err != nil {
		return fmt.Errorf("%s: %w", began.Format(time.StampMilli), err)
	}
	return nil
}

// read takes from a message what dig prints of it.
func read(m *dns.Msg) *server.Answer {
	a := &server.Answer{Status: dns.RcodeToString[m.Rcode], Flags: flags(m)}
	q := m.Question[0]
	a.Question = strings.Join([]string{q.Name, dns.ClassToString[q.Qclass], dns.TypeToString[q.Qtype]}, " ")
	a.Answer, a.Authority, a.Additional = texts(m.Answer), texts(m.Ns), texts(m.Extra)
	if opt := m.IsEdns0(); opt != nil {
		for _, option := range opt.Option {
			if e, ok := option.(*dns.EDNS0_EDE); ok {
				a.EDE = append(a.EDE, fmt.Sprintf("%d (%s): (%s)", e.InfoCode, dns.ExtendedErrorCodeToString[e.InfoCode], e.ExtraText))
			}
		}
	}
	return a
}

func flags(m *dns.Msg) []string {
	var set []string
	for _, flag := range []struct {
		name string
		on   bool
	}{
		{"qr", m.Response}, {"aa", m.Authoritative}, {"tc", m.Truncated}, {"rd", m.RecursionDesired},
		{"ra", m.RecursionAvailable}, {"ad", m.AuthenticatedData}, {"cd", m.CheckingDisabled},
	} {
		if flag.on {
			set = append(set, flag.name)
		}
	}
	return set
}

func texts(rrs []dns.RR) []string {
	var all []string
	for _, rr := range rrs {
		if rr.Header().Rrtype != dns.TypeOPT {
			all = append(all, strings.ReplaceAll(rr.String(), "\t", " "))
		}
	}
	return all
}

// oneOf accepts the answers that the questions want.
func oneOf(all ...question) func(string) error {
	texts := make([]string, len(all))
	for i, q := range all {
		texts[i] = q.want.String(q.name, q.qtype)
	}
	return func(got string) error {
		for _, text := range texts {
			if got == text {
				return nil
			}
		}
		return fmt.Errorf("got\n%swant\n%s", got, strings.Join(texts, "or\n"))
	}
}

// end ends the questions. A second end does nothing.
func (l *load) end() {
	select {
	case <-l.over:
	default:
		close(l.over)
	}
	l.running.Wait()
}

// stop ends the questions and fails the test where an answer was wrong.
func (l *load) stop() {
	l.t.Helper()
	l.end()
	if len(l.faults) > 0 {
		l.t.Errorf("%d of %d answers were wrong or missing, such as:\n%v", len(l.faults), l.asked,
			errors.Join(l.faults[:min(len(l.faults), shownFaults)]...))
	}
	l.t.Logf("%d questions were asked", l.asked)
}
