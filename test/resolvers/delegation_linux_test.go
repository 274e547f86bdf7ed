package resolvers

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

// The name servers, from the root down.
const (
	rootServer   = "10.53.0.1"
	orgServer    = "10.53.0.2"
	pluginServer = "10.53.0.3"
)

// The root delegates the reverse zones, and org delegates prod.example.org, each
// with the address of the plugin as glue. One parent knows a name server by another
// name than the zone itself.
const (
	rootZone = `. 3600 IN SOA ns.root. hostmaster.root. 1 7200 3600 86400 60
. 3600 IN NS ns.root.
ns.root. 3600 IN A ` + rootServer + `
org. 3600 IN NS ns.org.
ns.org. 3600 IN A ` + orgServer + `
18.198.in-addr.arpa. 3600 IN NS ns.dns.18.198.in-addr.arpa.
ns.dns.18.198.in-addr.arpa. 3600 IN A ` + pluginServer + `
0.0.0.0.2.0.0.0.1.0.0.2.ip6.arpa. 3600 IN NS ns.dns.0.0.0.0.2.0.0.0.1.0.0.2.ip6.arpa.
ns.dns.0.0.0.0.2.0.0.0.1.0.0.2.ip6.arpa. 3600 IN A ` + pluginServer + `
`
	orgZone = `org. 3600 IN SOA ns.org. hostmaster.org. 1 7200 3600 86400 60
org. 3600 IN NS ns.org.
ns.org. 3600 IN A ` + orgServer + `
www.example.org. 3600 IN A 192.0.2.80
prod.example.org. 3600 IN NS ns1.prod.example.org.
ns1.prod.example.org. 3600 IN A ` + pluginServer + `
`
)

// The TTL is short, so that what a resolver has learned of the zone, and from it, goes
// while the test runs.
const delegated = `.:53 {
    bind 127.0.0.1 ` + rootServer + `
    file DIR/root.zone .
    errors
}
org:53 {
    bind ` + orgServer + `
    file DIR/org.zone org
    errors
}
prod.example.org:53 18.198.in-addr.arpa:53 0.0.0.0.2.0.0.0.1.0.0.2.ip6.arpa:53 {
    bind ` + pluginServer + `
    k8s_endpoints {
        manifests MANIFESTS
        ttl 1
    }
    errors
}
`

// A question is one for a resolver. An answer is a response code, and records in any
// order, without their TTLs.
type question struct {
	name, qtype string
	status      string
	records     []string
}

func (q *question) check(t *testing.T, address string, args ...string) error {
	t.Helper()
	a := ask(t, address, q.name, q.qtype, args...)
	want := &question{status: q.status, records: slices.Sorted(slices.Values(q.records))}
	if got := answerOf(a); got.status != want.status || !slices.Equal(got.records, want.records) {
		return fmt.Errorf("%s %s: got %s, want %s %q", q.name, q.qtype, a, want.status, want.records)
	}
	return nil
}

func answerOf(a *server.Answer) *question {
	q := &question{status: a.Status}
	for _, record := range a.Answer {
		// Owner, TTL, class, type, data.
		fields := strings.Fields(record)
		if fields[3] == "SOA" {
			fields[6] = "serial"
		}
		q.records = append(q.records, fields[0]+" "+strings.Join(fields[3:], " "))
	}
	slices.Sort(q.records)
	return q
}

// delegatedWorld has Services of all kinds.
func delegatedWorld(t *testing.T) (dir string) {
	t.Helper()
	db := headless("db",
		endpoint("198.18.10.1", "db-0", true),
		endpoint("198.18.10.2", "db-1", true),
		endpoint("198.18.10.3", "db-2", false),
	)
	web := append(
		headless("web", endpoint("198.18.20.1", "", true)),
		slice("web", 1, endpoint("2001:2::20", "", true)),
	)
	all := slices.Concat(db, web, headless("many", many(60)...))
	return manifests(t, append(all,
		external("alias", "db.default.svc.prod.example.org"),
		external("outside", "www.example.org"),
		external("gone", "nowhere.example.org"),
	)...)
}

// delegatedQuestions are of all types and outcomes. From the one for NS records on, a
// resolver may believe the zone, and not its parent. The address of the name server is
// not asked for, since no client does: while BIND learns it itself it answers SERVFAIL,
// whoever serves such a zone.
func delegatedQuestions() []question {
	const (
		ok    = "NOERROR"
		none  = "NXDOMAIN"
		zone  = "prod.example.org."
		all   = "default.svc." + zone
		db    = "db." + all
		db0   = db + " A 198.18.10.1"
		db1   = db + " A 198.18.10.2"
		ptrV4 = "1.10.18.198.in-addr.arpa."
		ptrV6 = "0.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.2.ip6.arpa."
	)
	var sixty, sixtySRV []string
	for i := range 60 {
		sixty = append(sixty, fmt.Sprintf("many.%s A %s", all, address(i)))
		sixtySRV = append(sixtySRV, fmt.Sprintf("many.%s SRV 0 100 5432 web-%d.many.%s", all, i, all))
	}
	srv := func(owner, target string) string { return owner + " SRV 0 100 5432 " + target }
	return []question{
		{db, "A", ok, []string{db0, db1}},
		{zone, "NS", ok, []string{zone + " NS ns.dns." + zone}},
		{"dns." + zone, "A", ok, nil},
		{db, "AAAA", ok, nil},
		{db, "TXT", ok, nil},
		{db, "SRV", ok, []string{srv(db, "db-0."+db), srv(db, "db-1."+db)}},
		{"_sql._tcp." + db, "SRV", ok, []string{srv("_sql._tcp."+db, "db-0."+db), srv("_sql._tcp."+db, "db-1."+db)}},
		{"_none._tcp." + db, "SRV", none, nil},
		{"db-0." + db, "A", ok, []string{"db-0." + db0}},
		{"db-1." + db, "A", ok, []string{"db-1." + db1}},
		{"db-2." + db, "A", none, nil},
		{"web." + all, "A", ok, []string{"web." + all + " A 198.18.20.1"}},
		{"web." + all, "AAAA", ok, []string{"web." + all + " AAAA 2001:2::20"}},
		{"2001-2--20.web." + all, "AAAA", ok, []string{"2001-2--20.web." + all + " AAAA 2001:2::20"}},
		{"many." + all, "A", ok, sixty},
		{"many." + all, "SRV", ok, sixtySRV},
		{"nowhere." + all, "A", none, nil},
		{"db-0.nowhere." + all, "A", none, nil},
		{all, "A", ok, nil},
		{"svc." + zone, "A", ok, nil},
		{"nowhere.svc." + zone, "A", none, nil},
		{zone, "SOA", ok, []string{zone + " SOA ns.dns." + zone + " hostmaster." + zone + " serial 7200 1800 86400 1"}},
		{"dns-version." + zone, "TXT", ok, []string{"dns-version." + zone + ` TXT "1.1.0"`}},
		{"alias." + all, "A", ok, []string{"alias." + all + " CNAME " + db, db0, db1}},
		{"outside." + all, "A", ok, []string{"outside." + all + " CNAME www.example.org.", "www.example.org. A 192.0.2.80"}},
		{"gone." + all, "A", none, []string{"gone." + all + " CNAME nowhere.example.org."}},
		{ptrV4, "PTR", ok, []string{ptrV4 + " PTR db-0." + db}},
		{ptrV6, "PTR", ok, []string{ptrV6 + " PTR 2001-2--20.web." + all}},
		{"9.9.18.198.in-addr.arpa.", "PTR", none, nil},
	}
}

// delegatedFor is several times the TTL of what the zone says of itself.
const delegatedFor = 3 * time.Second

func TestADelegatedZoneWorksBehindResolversThatFollowTheDelegation(t *testing.T) {
	inside(t)
	dir := t.TempDir()
	must(t,
		os.WriteFile(filepath.Join(dir, "root.zone"), []byte(rootZone), 0o600),
		os.WriteFile(filepath.Join(dir, "org.zone"), []byte(orgZone), 0o600),
	)
	server.New(t, strings.NewReplacer("DIR", dir, "MANIFESTS", delegatedWorld(t)).Replace(delegated))
	for _, r := range []resolver{unbound, recursor, bind, knot} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			at := r.start(t, r.iterate, rootServer+":53")
			asked := 0
			begun := time.Now()
			for round := 0; !t.Failed() && (round < 3 || time.Since(begun) < delegatedFor); round++ {
				for _, q := range delegatedQuestions() {
					if err := q.check(t, at); err != nil {
						t.Error(err)
					}
					asked++
				}
			}
			t.Logf("%s %s: %d questions", r.name, r.versionOf(t), asked)
		})
	}
}
