package corefile

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"
)

// readFile makes the folder of the module the current one, where its examples are
// meant to be run.
func readFile(t *testing.T, name string) string {
	t.Helper()
	// A test may read several.
	if _, err := os.Stat("go.mod"); err != nil {
		t.Chdir("../..")
	}
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

func TestTheDocumentsCorefilesParse(t *testing.T) {
	for document, want := range map[string]int{"README.md": 2, "docs/health.md": 1, "docs/operations.md": 1, externalPage: 3} {
		t.Run(document, func(t *testing.T) {
			// The kubeconfig file of an example need not be here.
			text := strings.ReplaceAll(readFile(t, document), "/etc/coredns/kubeconfig", files(t, "kubeconfig")+"/kubeconfig")
			n := 0
			for _, fenced := range regexp.MustCompile(`(?s)~~~ (?:txt|corefile)\n(.*?)~~~`).FindAllStringSubmatch(text, -1) {
				if strings.Contains(fenced[1], "{") {
					n += len(stanzasOf(t, fenced[1]))
				}
			}
			if n < want {
				t.Errorf("only %d stanzas were found, want %d", n, want)
			}
		})
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
		if bullet(described, option) == "" {
			t.Errorf("%s is not described", option)
		}
	}
	for line := range strings.Lines(syntax) {
		if option := strings.Fields(line)[0]; !slices.Contains(all, option) {
			t.Errorf("%s is in the syntax, and there is no such option", option)
		}
	}
}

// bullet returns what is said of an option, which stands at its beginning.
func bullet(text, option string) string {
	for _, each := range strings.Split(text, "\n* ")[1:] {
		each, _, _ = strings.Cut(each, "\n\n")
		if head, _, _ := strings.Cut(each, ". "); strings.Contains(head, "`"+option+"`") {
			return strings.Join(strings.Fields(each), " ")
		}
	}
	return ""
}

func TestTheReadmeHasBoundsAndDefaults(t *testing.T) {
	readme := readFile(t, "README.md")
	for _, test := range []struct{ option, want string }{
		{"ttl", fmt.Sprintf("from 0 to %d seconds. The default is %d.", maxTTL, defaultTTL)},
		{"negative_ttl", fmt.Sprintf("from 0 to %d seconds. The default is %d.", maxTTL, defaultNegativeTTL)},
		{"max_answers", fmt.Sprintf("from 0 to %d.", maxAnswers)},
		{"max_answers", "The default, 0, is all."},
		{"apiserver_qps", fmt.Sprintf("from 0 to %d. The default, 0,", maxRate)},
		{"patience", "up to " + maxPatience.String()},
		{"startup_timeout", "The default is " + defaultStartupTimeout.String() + "."},
		{"snapshot", fmt.Sprintf("The default is %.0fh.", snapshot.DefaultMaxAge.Hours())},
		{"history", "from 64KiB to 1GiB,"},
		{"history", "The default is `off`. With `status` it is 16MiB."},
		{"status", "by default " + DefaultStatus + ". It is off unless given."},
		{"publish", "*ready*, the default, or *serving*"},
		{"pod_names", "`ready`, the default; also those that are `serving` while they terminate; or `all`"},
		{"fallback", "`draining`, the default, or `none`"},
		{"fail_open", "from 1 to 100,"},
		{"fail_open", "The default is `off`."},
		{"damping", "from 10s to 172s, and is 2m by default. The default is `off`."},
		{"srv_tiers", "The default is `published`."},
		{"annotations", "The default is all; `none` allows none."},
		{"checks", "the default is `off`."},
		{"check_interval", "from 2s to 1h,"},
		{"check_interval", "are 10s, 2s and 3 2 by default. **idle**, for Services that nobody asks for, is 1m."},
		{"check_timeout", "from 1.1s to 10s,"},
		{"check_thresholds", "from 1 to 10,"},
		{"check_rate", "by default 200,"},
		{"check_rate", "by default 256."},
	} {
		if got := bullet(readme, test.option); !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q in it", test.option, got, test.want)
		}
	}
}

func TestTheBoundsOfTheHalfLifeAreThoseOfTheReadme(t *testing.T) {
	for text, good := range map[string]bool{"9s": false, "10s": true, "172s": true, "173s": false} {
		if _, err := health.ParseDamping([]string{"on", text}); (err == nil) != good {
			t.Errorf("a half-life of %s: got %v, want that it is good to be %t", text, err, good)
		}
	}
	if got := health.DefaultHalfLife; got != 2*time.Minute {
		t.Errorf("the default is %v", got)
	}
}

func TestThePageOfHealthHasEveryOptionAndAnnotation(t *testing.T) {
	page := readFile(t, "docs/health.md")
	for _, option := range []string{"publish", "pod_names", "fallback", "fail_open", "damping", "srv_tiers", "explain"} {
		if !strings.Contains(page, "\n### "+option+"\n") {
			t.Errorf("%s has no section", option)
		}
	}
	var documented []string
	for _, row := range regexp.MustCompile(`(?m)^\| `+"`"+regexp.QuoteMeta(model.AnnotationPrefix)+`([a-z-]+)`).FindAllStringSubmatch(page, -1) {
		documented = append(documented, row[1])
	}
	slices.Sort(documented)
	if !slices.Equal(documented, annotationNames) {
		t.Errorf("the annotations are %q, want %q", documented, annotationNames)
	}
	for i := range health.Tiers {
		if tier := health.Tier(i).String(); !strings.Contains(page, "\n| "+tier+" | ") {
			t.Errorf("the tier %s is not in the table", tier)
		}
	}
}
