package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"github.com/miekg/dns"
)

// A want is a whole answer. The zero value is one without records and without
// an error.
type want struct {
	// status is NOERROR where it is empty, and flags are those of an answer of
	// the plugin, from the records that it holds, to dig.
	status, flags, subnet         string
	ede                           []string
	answer, authority, additional []string
}

// A question is one for dig, and the answer that it should have.
type question struct {
	name, qtype string
	want        want
	args        []string
}

const (
	owned    = "qr aa rd"
	notOwned = "qr rd"
)

// The TTLs of records in seconds, as the Corefiles of the tests have them.
// They differ, so that they tell which plugin answered.
const (
	ttl           = 5
	negativeTTL   = 1
	kubernetesTTL = 7
	outsideTTL    = 60
)

// String writes the answer as normal does.
func (w want) String(name, qtype string) string {
	if w.status == "" {
		w.status = "NOERROR"
	}
	if w.flags == "" {
		w.flags = owned
	}
	return normal(&server.Answer{
		Status: w.status, Flags: strings.Fields(w.flags), EDE: w.ede, Subnet: w.subnet,
		Question: name + " IN " + qtype,
		Answer:   w.answer, Authority: w.authority, Additional: w.additional,
	})
}

// normal writes an answer so that two of them can be compared: records that
// may come in any order are sorted, and the serial of a SOA is left out.
func normal(a *server.Answer) string {
	b := *a
	b.Answer = sortedRuns(withoutSerials(a.Answer))
	b.Authority = slices.Sorted(slices.Values(withoutSerials(a.Authority)))
	b.Additional = slices.Sorted(slices.Values(withoutSerials(a.Additional)))
	return b.String()
}

// sortedRuns sorts the records of one owner and type that follow each other. A
// chain of aliases keeps its order.
func sortedRuns(records []string) []string {
	for first := 0; first < len(records); {
		last := first + 1
		for last < len(records) && rrset(records[last]) == rrset(records[first]) {
			last++
		}
		slices.Sort(records[first:last])
		first = last
	}
	return records
}

// rrset returns owner and type of a record such as "a. 5 IN A 192.0.2.1".
func rrset(record string) string {
	fields := strings.Fields(record)
	return fields[0] + " " + fields[3]
}

func withoutSerials(records []string) []string {
	records = slices.Clone(records)
	for i, record := range records {
		if fields := strings.Fields(record); fields[3] == "SOA" {
			fields[6] = "serial"
			records[i] = strings.Join(fields, " ")
		}
	}
	return records
}

// check asks and compares.
func (q question) check(ctx context.Context, s *server.Server) error {
	got, err := s.Dig(ctx, q.name, q.qtype, q.args...)
	if err != nil {
		return err
	}
	if got, want := normal(got), q.want.String(q.name, q.qtype); got != want {
		return fmt.Errorf("dig %s %s %s: got\n%swant\n%s", q.name, q.qtype, strings.Join(q.args, " "), got, want)
	}
	return nil
}

// wantNow asks each question once.
func wantNow(t *testing.T, s *server.Server, all ...question) {
	t.Helper()
	for _, q := range all {
		if err := q.check(t.Context(), s); err != nil {
			t.Error(err)
		}
	}
}

// wantSoon asks each question until its answer is right.
func wantSoon(t *testing.T, s *server.Server, all ...question) {
	t.Helper()
	for _, q := range all {
		until(t, func(ctx context.Context) error { return q.check(ctx, s) })
	}
}

// record writes one record.
func record(owner string, ttl int, rrtype, data string) string {
	return fmt.Sprintf("%s %d IN %s %s", owner, ttl, rrtype, data)
}

// at writes A and AAAA records of the plugin's TTL.
func at(owner string, addresses ...string) []string { return atFor(ttl, owner, addresses...) }

func atFor(ttl int, owner string, addresses ...string) []string {
	records := make([]string, len(addresses))
	for i, address := range addresses {
		rrtype := "A"
		if netip.MustParseAddr(address).Is6() {
			rrtype = "AAAA"
		}
		records[i] = record(owner, ttl, rrtype, address)
	}
	return records
}

// srv writes a SRV record of the plugin.
func srv(owner string, port int, target string) string {
	return record(owner, ttl, "SRV", fmt.Sprintf("0 100 %d %s", port, target))
}

func cname(owner, target string) string { return record(owner, ttl, "CNAME", target) }

// soa writes the SOA record of a negative answer, with its TTL as its minimum.
func soa(zone string, ttl int) string {
	return record(zone, ttl, "SOA", fmt.Sprintf("ns.dns.%[1]s hostmaster.%[1]s serial 7200 1800 86400 %[2]d", zone, ttl))
}

// denied is a negative answer of the plugin.
func denied(status, why string) want {
	return want{status: status, authority: []string{soa("cluster.local.", negativeTTL)}}.because(why)
}

// because adds the reason that the plugin gives.
func (w want) because(why string) want {
	w.ede = []string{"0 (Other): (" + why + ")"}
	return w
}

// behind puts an alias in front of an answer.
func (w want) behind(owner, target string) want {
	w.answer = append([]string{cname(owner, target)}, w.answer...)
	return w
}

// in returns the name of a Service as reasons of the plugin write it.
func (p *place) in(service string) string { return p.namespace + "/" + service }

// notSelected is for a stanza that selects Services.
func (p *place) notSelected(service string) want {
	return denied("NXDOMAIN", "no headless or ExternalName Service "+p.in(service)+" that the Corefile selects")
}

func (p *place) noEndpoints(service string) want {
	return denied("NXDOMAIN", p.in(service)+" has no endpoints")
}

// noneReady is for Services whose endpoints have no name either.
func (p *place) noneReady(tiers string) want {
	return denied("NXDOMAIN", "no endpoint is ready: "+tiers)
}

func (p *place) noEndpoint(service string) want {
	return denied("NXDOMAIN", "no such endpoint in "+p.in(service))
}

// nameless is for an endpoint that is there, in a tier to which pod_names gives no names.
func nameless(endpoint, tier string) want {
	return denied("NXDOMAIN", "endpoint "+endpoint+" is "+tier+", and pod_names ready gives no name to it")
}

func (p *place) noPort(service string) want {
	return denied("NXDOMAIN", "no such port at any endpoint of "+p.in(service))
}

func (p *place) noType(service string) want {
	return denied("NOERROR", "no records of this type here, in "+p.in(service))
}

func (p *place) noFamily(service string) want {
	return denied("NOERROR", p.in(service)+" has no endpoints of this address family")
}

// noAddress is the plugin's answer for a reverse name.
func noAddress(zone string) want {
	return want{status: "NXDOMAIN", authority: []string{soa(zone, negativeTTL)}}.because("no endpoint with this address is known")
}

// unpublished is the answer of kubernetes for the reverse name of an address
// that no Service has.
func unpublished(address string) want {
	zone := "in-addr.arpa."
	if netip.MustParseAddr(address).Is6() {
		zone = "ip6.arpa."
	}
	return want{status: "NXDOMAIN", authority: []string{soa(zone, negativeTTL)}}
}

// fromKubernetes is a negative answer of the stock plugin, for a name that a Service of
// the plugin may come to have: it is kept no longer than one of the plugin.
func fromKubernetes(status string) want {
	return want{status: status, authority: []string{soa("cluster.local.", negativeTTL)}}
}

func found(records ...string) want { return want{answer: records} }

// reverse returns the reverse name of an address.
func reverse(address string) string {
	name, err := dns.ReverseAddr(address)
	if err != nil {
		panic(err)
	}
	return name
}

// dashed returns the name of an endpoint without a hostname.
func dashed(address string) string {
	return strings.NewReplacer(".", "-", ":", "-").Replace(address)
}
