package differential

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
)

// What the other test here compares, it reads itself; this shows that dig reads
// the same.
func TestDigReadsTheSameAnswers(t *testing.T) {
	tests := []struct {
		name string
		question
	}{
		{"addresses of both families", question{"sts.test.svc." + zone, dns.TypeAAAA, overUDP}},
		{"SRV records with additional addresses", question{"_sql._tcp.sts.test.svc." + zone, dns.TypeSRV, overTCP}},
		{"several PTR records", question{"1.0.1.10.in-addr.arpa.", dns.TypePTR, overUDP}},
		{"an alias and the address of its target", question{"outside.test.svc." + zone, dns.TypeA, overTCP}},
		{"a target that does not exist", question{"missing.test.svc." + zone, dns.TypeA, overUDP}},
		{"an Extended DNS Error", question{"failing.test.svc." + zone, dns.TypeA, overUDP}},
		{"a negative answer", question{"nope.sts.test.svc." + zone, dns.TypeHTTPS, overUDP}},
	}
	a := newAsker()
	defer a.close()
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			for _, plugins := range []string{ours, stock} {
				args := []string{"+bufsize=16384", "+nocookie", "+noadflag"}
				if tc.way == overTCP {
					args = append(args, "+tcp")
				}
				got := world.servers[plugins].MustDig(t, tc.question.name, dns.TypeToString[tc.typ], args...)
				m, err := a.ask(plugins, tc.question)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := showDig(got), showDig(asDig(m)); got != want {
					t.Errorf("dig reads\n%s, the other test\n%s", got, want)
				}
			}
		})
	}
}

// asDig is a message in the form of what dig prints, without the question.
func asDig(m *dns.Msg) *server.Answer {
	a := &server.Answer{Status: dns.RcodeToString[m.Rcode]}
	text := func(rrs []dns.RR) []string {
		var lines []string
		for _, rr := range rrs {
			lines = append(lines, strings.ReplaceAll(rr.String(), "\t", " "))
		}
		return lines
	}
	a.Answer, a.Authority, a.Additional = text(m.Answer), text(m.Ns), text(withoutOPT(m.Extra))
	for flag, set := range map[string]bool{"qr": m.Response, "aa": m.Authoritative, "tc": m.Truncated, "rd": m.RecursionDesired} {
		if set {
			a.Flags = append(a.Flags, flag)
		}
	}
	for _, rr := range m.Extra {
		if opt, ok := rr.(*dns.OPT); ok {
			for _, option := range opt.Option {
				a.EDE = append(a.EDE, option.String())
			}
		}
	}
	return a
}

// showDig writes an answer without the question, and with its parts sorted.
func showDig(a *server.Answer) string {
	same := *a
	same.Question = ""
	for _, part := range []*[]string{&same.Flags, &same.Answer, &same.Authority, &same.Additional} {
		*part = slices.Sorted(slices.Values(*part))
	}
	// dig and the library write the same error with other punctuation.
	for i, text := range same.EDE {
		same.EDE = slices.Clone(same.EDE)
		same.EDE[i] = strings.NewReplacer(":", "", "(", "", ")", "").Replace(text)
	}
	return same.String()
}
