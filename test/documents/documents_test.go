package documents

import (
	"reflect"
	"strings"
	"testing"
)

const text = "# A\n\n~~~ sh\nfirst\n~~~\n\n## B\n\n~~~ yaml\na: b\n~~~\n\n~~~ sh\nsecond\nthird\n~~~\n"

func TestFenced(t *testing.T) {
	tests := []struct {
		name, words, info, want string
	}{
		{"the first of its kind", "# A", "sh", "first\n"},
		{"one of another kind stands before it", "## B", "sh", "second\nthird\n"},
		{"the words are missing", "## C", "sh", ""},
		{"there is none of its kind", "## B", "txt", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := fenced(text, test.words, test.info)
			if got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestTable(t *testing.T) {
	const text = "# A\n\n| x | y |\n|---|---|\n| 1 | two words |\n| | 3 |\n\n| z |\n|---|\n| 4 |\n"
	tests := []struct {
		name, words string
		want        [][]string
	}{
		{"the first of two", "# A", [][]string{{"1", "two words"}, {"", "3"}}},
		{"the words are within one", "| 3 |", [][]string{{"4"}}},
		{"the words are missing", "# B", nil},
		{"there is none", "| 4", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := table(text, test.words)
			if !reflect.DeepEqual(got, test.want) || (err == nil) != (test.want != nil) {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestTheRightsAreReadOnly(t *testing.T) {
	rules, err := Rights(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	more, err := NodeRights(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) == 0 || len(more) != 1 {
		t.Errorf("there are %d, and %d for Nodes", len(rules), len(more))
	}
	for _, rule := range append(rules, more...) {
		for _, verb := range rule.Verbs {
			if verb != "list" && verb != "watch" {
				t.Errorf("%v lets it %s", rule.Resources, verb)
			}
		}
	}
}

// The lines for NodeLocal DNSCache stand where a cluster's own server is replaced, too.
func TestTheLinesForTheCacheOfTheNodeAreTheSameInDeploy(t *testing.T) {
	lines, err := Fenced(t.Context(), Operations, "NodeLocal DNSCache keeps negative answers", "txt")
	if err != nil {
		t.Fatal(err)
	}
	const overlay = "deploy/kubernetes/overlays/kube-dns/kustomization.yaml"
	commented := "#     " + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n#     ") + "\n"
	if !strings.Contains(read(t, overlay), commented) {
		t.Errorf("%s has not these lines:\n%s", overlay, commented)
	}
}
