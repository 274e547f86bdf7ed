package resolvers

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

// upstreamServer denies all names, as the root does with those of a cluster.
const upstreamServer = "10.53.0.4"

// stack is what README.md recommends for a cluster.
const stack = `cluster.local:{{.DNS}} in-addr.arpa:{{.DNS}} ip6.arpa:{{.DNS}} {
    bind 127.0.0.1
    ready 127.0.0.1:{{.Ready}}
    errors
    k8s_endpoints {
        SOURCE
        fallthrough
    }
    kubernetes {
        kubeconfig ADMIN admin
        noendpoints
        fallthrough in-addr.arpa ip6.arpa
    }
    forward . ` + upstreamServer + `:{{.DNS}}
}
.:{{.DNS}} {
    bind ` + upstreamServer + `
    template ANY ANY {
        rcode NXDOMAIN
        authority ". 60 IN SOA a.root. hostmaster.root. 1 7200 1800 86400 60"
    }
}
`

// newStack starts the stack. The source is a line of the stanza.
func newStack(t *testing.T, source string) *server.Server {
	t.Helper()
	admin, err := shared.Get(t).Kubeconfig(cluster.AdminUser)
	must(t, err)
	return server.New(t, strings.NewReplacer("SOURCE", strings.Replace(source, "ADMIN", admin, 1), "ADMIN", admin).Replace(stack))
}

// strictStub makes Unbound ask for each label of a name in turn, and take a name that
// is denied for the end of all below it (RFC 9156, section 2.3, and RFC 8020).
const strictStub = `server:
    qname-minimisation-strict: yes
stub-zone:
    name: "cluster.local"
    stub-addr: HOST@PORT
stub-zone:
    name: "in-addr.arpa"
    stub-addr: HOST@PORT
stub-zone:
    name: "ip6.arpa"
    stub-addr: HOST@PORT`

func TestEachNameIsFoundByAResolverThatAsksForOneLabelMoreEachTime(t *testing.T) {
	inside(t)
	const (
		ok    = "NOERROR"
		none  = "NXDOMAIN"
		all   = "default.svc.cluster.local."
		db    = "db." + all
		ptrV4 = "1.10.18.198.in-addr.arpa."
		ptrV6 = "0.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.2.ip6.arpa."
	)
	dir := manifests(t, slices.Concat(
		headless("db", endpoint("198.18.10.1", "db-0", true)),
		[]any{slice("db", 1, endpoint("2001:2::20", "db-0", true)), external("alias", strings.TrimSuffix(db, "."))},
	)...)
	at := unbound.start(t, strictStub, newStack(t, "manifests "+dir).Address())
	srv := func(owner string) []string { return []string{owner + " SRV 0 100 5432 db-0." + db} }
	for _, q := range []question{
		{db, "A", ok, []string{db + " A 198.18.10.1"}},
		{"db-0." + db, "AAAA", ok, []string{"db-0." + db + " AAAA 2001:2::20"}},
		{db, "SRV", ok, srv(db)},
		{"_sql._tcp." + db, "SRV", ok, srv("_sql._tcp." + db)},
		{"alias." + all, "A", ok, []string{"alias." + all + " CNAME " + db, db + " A 198.18.10.1"}},
		{"dns-version.cluster.local.", "TXT", ok, []string{`dns-version.cluster.local. TXT "1.1.0"`}},
		{ptrV4, "PTR", ok, []string{ptrV4 + " PTR db-0." + db}},
		{ptrV6, "PTR", ok, []string{ptrV6 + " PTR db-0." + db}},
		{"kubernetes." + all, "A", ok, []string{"kubernetes." + all + " A 10.96.0.1"}},
		{"nowhere." + all, "A", none, nil},
		{"2.10.18.198.in-addr.arpa.", "PTR", none, nil},
	} {
		if err := q.check(t, at); err != nil {
			t.Error(err)
		}
	}
}
