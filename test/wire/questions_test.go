package wire

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const domain = ".default.svc.cluster.local."

// A question has records of a headless Service for an answer, which may go as bytes, or
// something else, which may not.
type question struct {
	name    string
	qtype   uint16
	size    uint16 // of a message over UDP, in bytes; 0 asks without EDNS
	records bool
}

// questions are asked of each server block.
var questions = []question{
	{"db" + domain, dns.TypeA, 1232, true},
	{"db" + domain, dns.TypeAAAA, 1232, true},
	{"DB.Default.SVC.cluster.LOCAL.", dns.TypeA, 0, true},
	{"db-0.db" + domain, dns.TypeA, 1232, true},
	{"db" + domain, dns.TypeSRV, 1232, true},
	{"_sql._tcp.db" + domain, dns.TypeSRV, 0, true},
	{"many" + domain, dns.TypeA, 1232, true},
	{"many" + domain, dns.TypeA, 0, true},
	{"_sql._tcp.many" + domain, dns.TypeSRV, 1232, true},
	{"db" + domain, dns.TypeTXT, 1232, false},
	{"nowhere" + domain, dns.TypeA, 1232, false},
	{"alias" + domain, dns.TypeA, 1232, false},
	{"alias" + domain, dns.TypeSRV, 0, false},
}

func (q question) message() *dns.Msg {
	m := new(dns.Msg).SetQuestion(q.name, q.qtype)
	if q.size > 0 {
		m.SetEdns0(q.size, true)
	}
	return m
}

// whole writes an answer such that two of them can be compared: records may come in any
// order, but come in that of their text; a signature and what time makes of a serial are
// left out.
func whole(m *dns.Msg) string {
	m = m.Copy()
	m.Id = 0
	m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeTSIG })
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			if soa, ok := rr.(*dns.SOA); ok {
				soa.Serial = 0
			}
		}
		slices.SortFunc(section, func(a, b dns.RR) int { return cmp.Compare(a.String(), b.String()) })
	}
	return m.String()
}

// wantSame compares two answers, and shows the lines that only one of them has.
func wantSame(t *testing.T, asked question, got, want *dns.Msg) {
	t.Helper()
	one, other := whole(got), whole(want)
	if one != other {
		t.Errorf("%s %s with a size of %d: only what came has the lines\n%s\nand only what was wanted\n%s",
			asked.name, dns.TypeToString[asked.qtype], asked.size, without(one, other), without(other, one))
	}
}

// without returns the lines of a text that another one does not have.
func without(text, other string) string {
	has := make(map[string]int)
	for line := range strings.Lines(other) {
		has[line]++
	}
	var only strings.Builder
	for line := range strings.Lines(text) {
		if has[line]--; has[line] < 0 {
			only.WriteString(line)
		}
	}
	return only.String()
}
