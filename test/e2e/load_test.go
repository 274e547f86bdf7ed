package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/load"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
)

// answerTimeout bounds the wait for an answer without dig.
const answerTimeout = 5 * time.Second

// loadRate is how many queries per second a load asks.
const loadRate = 400

// ask puts a load of one question on a server. Its end fails the test where an
// answer was wrong or missing.
func ask(t *testing.T, s *server.Server, name string, qtype uint16, check func(answer string) error) *asking {
	t.Helper()
	l, err := load.Start(s.Address(), loadRate, load.Query{
		Name: name, Type: qtype, Check: func(m *dns.Msg) error { return check(normal(read(m))) },
	})
	must(t, err)
	t.Cleanup(func() { l.Stop() })
	return &asking{t, l}
}

type asking struct {
	t    *testing.T
	load *load.Load
}

// stop ends the questions and fails the test where an answer was wrong.
func (a *asking) stop() {
	a.t.Helper()
	r := a.load.Stop()
	if err := r.Err(); err != nil {
		a.t.Error(err)
	}
	a.t.Log(r)
}

// read makes of a message the Answer that dig would print.
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
