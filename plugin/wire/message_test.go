package wire

import (
	"testing"

	"github.com/miekg/dns"
)

// What a message cannot be is left to others, and what is refused does no harm to the
// next one.
func TestBeginRefusesWhatIsNotWhatItLooksLike(t *testing.T) {
	m := New()
	defer m.Release()
	for name, want := range map[string]bool{
		"db.default.svc.cluster.local.":     true,
		".":                                 true,
		`d\b.default.svc.cluster.local.`:    false,
		`db\.x.default.svc.cluster.local.`:  false,
		`\100b.default.svc.cluster.local.`:  false,
		"DB.default.svc.cluster.LOCAL.":     true,
		"_sql._tcp.db.default.svc.cluster.": true,
	} {
		r := new(dns.Msg).SetQuestion(name, dns.TypeA)
		r.RecursionDesired = false
		if got := m.Begin(r); got != want {
			t.Errorf("%s: got %t, want %t", name, got, want)
		}
		if !want {
			continue
		}
		m.End(r, false, nil)
		reply := new(dns.Msg)
		if err := reply.Unpack(m.bytes); err != nil || len(reply.Question) != 1 || reply.Question[0] != r.Question[0] || !reply.Response || !reply.Authoritative || reply.Id != r.Id {
			t.Errorf("%s: got %v, %v", name, reply, err)
		}
	}
}
