package reload

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/load"

	"github.com/miekg/dns"
)

// queries ask for names that fill has made, and for names that do not exist.
func (w *world) queries() (all []load.Query) {
	for i := range w.namespaces {
		db, web := w.name("db", i)+".", w.name("web", i)+"."
		addresses := []string{record(db, "A", w.address(i, 1)), record(db, "A", w.address(i, 2))}
		all = append(all,
			query(db, dns.TypeA, dns.RcodeSuccess, addresses...),
			query(web, dns.TypeA, dns.RcodeSuccess, append(addresses, record(web, "CNAME", db))...),
			query(reverse(w.address(i, 1)), dns.TypePTR, dns.RcodeSuccess,
				record(reverse(w.address(i, 1)), "PTR", strings.ReplaceAll(w.address(i, 1), ".", "-")+"."+db)),
			query(db, dns.TypeAAAA, dns.RcodeSuccess),
			query(w.name("nobody", i)+".", dns.TypeA, dns.RcodeNameError),
		)
	}
	return all
}

func reverse(address string) string {
	name, err := dns.ReverseAddr(address)
	if err != nil {
		panic(err)
	}
	return name
}

func record(fields ...string) string { return strings.Join(fields, " ") }

// ttls are those that the Corefiles of the tests have.
var ttls = []uint32{5, 30}

// query wants a response code and the records, in any order. Without records it
// wants a negative answer, with the SOA.
func query(name string, qtype uint16, rcode int, want ...string) load.Query {
	slices.Sort(want)
	return load.Query{Name: name, Type: qtype, Check: func(m *dns.Msg) error {
		var got []string
		for _, rr := range m.Answer {
			if !slices.Contains(ttls, rr.Header().Ttl) {
				return fmt.Errorf("the TTL of %v is not one of %v", rr, ttls)
			}
			text := strings.TrimPrefix(rr.String(), rr.Header().String())
			got = append(got, record(rr.Header().Name, dns.TypeToString[rr.Header().Rrtype], text))
		}
		slices.Sort(got)
		if m.Rcode != rcode || !slices.Equal(got, want) || m.Truncated || !m.Authoritative || (len(want) == 0) != (len(m.Ns) == 1) {
			return fmt.Errorf("got\n%vwant %s with %q", m, dns.RcodeToString[rcode], want)
		}
		return nil
	}}
}
