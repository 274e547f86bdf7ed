package differential

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
)

// The other test here reads answers with a library; this one shows that dig
// reads the same.
func TestDigReadsTheSameAnswers(t *testing.T) {
	tests := []struct {
		name string
		differences.Question
	}{
		{"addresses of both families", differences.Question{Name: "sts.test.svc." + zone, Type: dns.TypeAAAA, Way: differences.OverUDP}},
		{"SRV records with additional addresses", differences.Question{Name: "_sql._tcp.sts.test.svc." + zone, Type: dns.TypeSRV, Way: differences.OverTCP}},
		{"several PTR records", differences.Question{Name: "1.0.1.10.in-addr.arpa.", Type: dns.TypePTR, Way: differences.OverUDP}},
		{"an alias and the address of its target", differences.Question{Name: "outside.test.svc." + zone, Type: dns.TypeA, Way: differences.OverTCP}},
		{"a target that does not exist", differences.Question{Name: "missing.test.svc." + zone, Type: dns.TypeA, Way: differences.OverUDP}},
		{"an Extended DNS Error", differences.Question{Name: "failing.test.svc." + zone, Type: dns.TypeA, Way: differences.OverUDP}},
		{"a negative answer", differences.Question{Name: "nope.sts.test.svc." + zone, Type: dns.TypeHTTPS, Way: differences.OverUDP}},
	}
	a := newAsker()
	defer a.close()
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			for _, plugins := range []string{ours, stock} {
				args := []string{"+bufsize=16384", "+nocookie", "+noadflag"}
				if tc.Way == differences.OverTCP {
					args = append(args, "+tcp")
				}
				got := world.servers[plugins].MustDig(t, tc.Question.Name, dns.TypeToString[tc.Type], args...)
				m, err := a.ask(plugins, tc.Question)
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

// asDig is a message as dig prints it, without the question.
func asDig(m *dns.Msg) *server.Answer {
	a := &server.Answer{Status: dns.RcodeToString[m.Rcode]}
	text := func(rrs []dns.RR) []string {
		var lines []string
		for _, rr := range rrs {
			lines = append(lines, strings.ReplaceAll(rr.String(), "\t", " "))
		}
		return lines
	}
	a.Answer, a.Authority, a.Additional = text(m.Answer), text(m.Ns), text(differences.WithoutOPT(m.Extra))
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
