package corefile

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
)

// readFile makes the folder of the module the current one, where its examples are
// meant to be run.
func readFile(t *testing.T, name string) string {
	t.Helper()
	t.Chdir("../..")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// stanzasOf parses a Corefile, and each stanza of this plugin in it.
func stanzasOf(t *testing.T, corefile string) (stanzas []*Stanza) {
	t.Helper()
	blocks, err := caddyfile.Parse("Corefile", strings.NewReader(corefile), append([]string{"k8s_endpoints"}, dnsserver.Directives...))
	if err != nil {
		t.Fatalf("%v in\n%s", err, corefile)
	}
	for _, block := range blocks {
		tokens, ok := block.Tokens["k8s_endpoints"]
		if !ok {
			continue
		}
		c := caddy.NewTestController("dns", "")
		c.Dispenser = caddyfile.NewDispenserTokens("Corefile", tokens)
		c.ServerBlockKeys = block.Keys
		s, err := Parse(c)
		if err != nil {
			t.Fatalf("%v in\n%s", err, corefile)
		}
		stanzas = append(stanzas, s)
	}
	return stanzas
}

func TestTheReadmesCorefilesParse(t *testing.T) {
	// The kubeconfig file of an example need not be here.
	readme := strings.ReplaceAll(readFile(t, "README.md"), "/etc/coredns/kubeconfig", files(t, "kubeconfig")+"/kubeconfig")
	n := 0
	for _, fenced := range regexp.MustCompile(`(?s)~~~ (?:txt|corefile)\n(.*?)~~~`).FindAllStringSubmatch(readme, -1) {
		if strings.Contains(fenced[1], "{") {
			n += len(stanzasOf(t, fenced[1]))
		}
	}
	if n < 4 {
		t.Errorf("only %d stanzas were found", n)
	}
}

func TestTheExampleCorefileParses(t *testing.T) {
	text := readFile(t, "Corefile.example")
	if got := stanzasOf(t, text); len(got) != 1 || got[0].Manifests != "testdata/demo" {
		t.Errorf("the stanza that runs: got %+v", got)
	}
	// The stanza for a cluster stands behind comment signs.
	_, cluster, found := strings.Cut(text, "# .:53 {")
	if !found {
		t.Fatal("no stanza for a cluster")
	}
	got := stanzasOf(t, ".:53 {"+strings.ReplaceAll(cluster, "\n# ", "\n"))
	if len(got) != 1 || got[0].Manifests != "" || got[0].Primary != "cluster.local." {
		t.Errorf("the stanza for a cluster: got %+v", got)
	}
}

func TestTheReadmeHasEveryOption(t *testing.T) {
	readme := readFile(t, "README.md")
	_, rest, _ := strings.Cut(readme, "k8s_endpoints [ZONES...] {\n")
	syntax, rest, _ := strings.Cut(rest, "}\n")
	described, _, _ := strings.Cut(rest, "\n## ")
	all := slices.Collect(maps.Keys(options))
	for option, w := range words {
		if w.speaker&stanzaOnly != 0 {
			all = append(all, option)
		}
	}
	for _, option := range all {
		if !strings.Contains(syntax, "    "+option) {
			t.Errorf("%s is not in the syntax", option)
		}
		if !strings.Contains(described, "`"+option+"`") {
			t.Errorf("%s is not described", option)
		}
	}
}
