package differential

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
)

//go:generate go test -run TestTheDocumentIsTheList -update

var update = flag.Bool("update", false, "write docs/differences.md anew")

// document is the list for people.
var document = filepath.Join("..", "..", "docs", "differences.md")

func TestTheDocumentIsTheList(t *testing.T) {
	want := markdown(differences.All)
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the list in cmd/compare/differences says: run `go generate ./test/differential`", document)
	}
}

const introduction = `# Differences from *kubernetes*

Asked the same question about the same cluster, *k8s_endpoints* and the stock *kubernetes* plugin of CoreDNS
1.15.0 give the same answer (response code, flags, records, TTLs), except for what stands here. The test in
` + "`test/differential`" + ` asks both about headless and ExternalName Services of every kind, with a real control plane,
and fails on any other difference, and on one that is no longer there. This file is made from the list in
` + "`cmd/compare/differences`: change that, and run `go generate ./test/differential`" + `.

The order of records does not count, and neither do serial numbers. The examples are questions of the test.
`

// markdown writes the list as a table for all setups, and one for each setup
// that has differences of its own; and then what is to be answered by hand.
func markdown(list []differences.Difference) string {
	var b strings.Builder
	b.WriteString(introduction)
	for _, section := range []struct {
		title string
		only  differences.Setup
	}{
		{"In front of *kubernetes*, as recommended", ""},
		{"With `endpoint_pod_names`, also", differences.WithPodNames},
		{"With `zonal`, also", differences.WithZonal},
		{"Without `fallthrough`, also", differences.Alone},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| difference | reason | example |\n|---|---|---|\n", section.title)
		for _, d := range list {
			if d.Only == section.only {
				fmt.Fprintf(&b, "| %s | %s | `%s` |\n", d.Name, d.Reason, d.Example)
			}
		}
	}
	b.WriteString(byHand)
	for _, one := range differences.AllByHand {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", one.Question, one.Noendpoints, cmp.Or(one.Kept, "As before."))
	}
	return b.String()
}

const byHand = `
## What no question shows

Whoever switches has to know this of the Corefile, and of who uses the DNS. ` + "`make compare`" + ` lists it, and
[migration.md](migration.md#two-ways) has the two ways side by side.

| ask | where *kubernetes* has ` + "`noendpoints`" + ` | where it keeps its endpoints |
|---|---|---|
`
