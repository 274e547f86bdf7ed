package resolvers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/documents"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"
)

// sizes are how many endpoints the Services have.
var sizes = []int{60, 300, 3000}

func newSized(t *testing.T) *server.Server {
	t.Helper()
	var objects []any
	for _, count := range sizes {
		objects = append(objects, headless(sized(count), many(count)...)...)
	}
	return server.New(t, strings.ReplaceAll(twoBounds, "MANIFESTS", manifests(t, objects...)))
}

// taken asks for the records of each Service, and returns how many there are: whole
// numbers, "part" for less than all, and else the response code.
func taken(t *testing.T, at, zone, qtype string) (all []string) {
	t.Helper()
	for _, count := range sizes {
		a := ask(t, at, sized(count)+".default.svc."+zone, qtype)
		got := 0
		for _, record := range a.Answer {
			if strings.Fields(record)[3] == qtype {
				got++
			}
		}
		switch {
		case got > 0 && a.HasFlag("tc"):
			all = append(all, "part")
		case got > 0:
			all = append(all, thousands(got))
		case a.HasFlag("tc"):
			all = append(all, "nothing")
		default:
			all = append(all, a.Status)
		}
	}
	return all
}

// thousands writes a number up to 999,999 as the documents do.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// documented returns the rows of the table of resolvers, by the resolver.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	rows, err := documents.Table(t.Context(), documents.Operations, "\n## Resolvers and caches\n")
	must(t, err)
	all := make(map[string][]string)
	for _, row := range rows {
		all[row[0]] = row[1:]
	}
	return all
}

func TestLargeSetsBehindResolvers(t *testing.T) {
	inside(t)
	s := newSized(t)
	rows := documented(t)
	for _, r := range []resolver{unbound, dnsmasq, recursor, bind, knot, resolved} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			at := r.start(t, r.forward, s.Address())
			bounded(t, at)
			wantDocumented(t, rows[r.name], r.versionOf(t), at)
		})
	}
	t.Run(nodeLocalName, func(t *testing.T) {
		t.Parallel()
		at := newNodeLocal(t, s.Address(), asShipped)
		bounded(t, at)
		wantDocumented(t, rows[nodeLocalName], rows[nodeLocalName][0], at)
	})
}

// bounded checks that max_answers gives all that it allows, whoever is in between.
func bounded(t *testing.T, at string) {
	t.Helper()
	want := []string{"60", "100", "100"}
	for _, qtype := range []string{"A", "SRV"} {
		if got := taken(t, at, "bounded.local.", qtype); !slices.Equal(got, want) {
			t.Errorf("%s with max_answers 100: got %q, want %q", qtype, got, want)
		}
	}
}

// wantDocumented compares what comes without max_answers with a row of the document, of
// the version, and of A and SRV records. Another version may take more, or less.
func wantDocumented(t *testing.T, row []string, version, at string) {
	t.Helper()
	if len(row) < 3 {
		t.Fatal("docs/operations.md has no row for it")
	}
	got := []string{version}
	for _, qtype := range []string{"A", "SRV"} {
		got = append(got, strings.Join(taken(t, at, "cluster.local.", qtype), " / "))
	}
	t.Logf("%q", got)
	switch want := row[:3]; {
	case version != want[0]:
		t.Logf("docs/operations.md has the version %s, which is another one", want[0])
	case !slices.Equal(got, want):
		t.Errorf("got %q, want %q, as docs/operations.md has it", got, want)
	}
}

// Some refuse sets of many records, and can be told to take them. What does not fit into
// 64 KiB none of them takes.
func TestResolversTakeMoreRecordsWhereTheyAreTold(t *testing.T) {
	inside(t)
	s := newSized(t)
	for _, test := range []struct {
		resolver
		told string
	}{
		{bind, "max-records-per-type 0;\n    "},
		{recursor, "max-rrset-size=65535\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			at := test.start(t, test.told+test.forward, s.Address())
			for qtype, want := range map[string][]string{
				"A":   {"60", "300", "3,000"},
				"SRV": {"60", "300", "SERVFAIL"},
			} {
				if got := taken(t, at, "cluster.local.", qtype); !slices.Equal(got, want) {
					t.Errorf("%s: got %q, want %q", qtype, got, want)
				}
			}
		})
	}
}
