//go:build !race

package topology

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var write = flag.Bool("write", false, "write the table into docs/topology.md")

const (
	document = "../../docs/topology.md"
	begins   = "<!-- The table of test/topology begins. -->\n"
	ends     = "<!-- The table of test/topology ends. -->\n"
)

// Each figure is good enough, and docs/topology.md has it.
func TestFiguresAreAcceptedAndDocumented(t *testing.T) {
	all := Figures()
	for _, f := range all {
		if !f.Accepts {
			t.Errorf("%s: got %.2f with topology on, want %s", f.Measure, f.On, f.Accepted)
		}
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begins)
	_, after, ok2 := strings.Cut(rest, ends)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", document)
	}
	want := before + begins + Table(all) + ends + after
	if *write {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("the table in docs/topology.md is not this one: go test ./test/topology -write makes it\n%s", Table(all))
	}
}
