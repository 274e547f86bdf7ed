package installation

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
	"github.com/k8s-endpoints/k8s_endpoints/test/documents"
	"github.com/k8s-endpoints/k8s_endpoints/test/server"

	"sigs.k8s.io/yaml"
)

// slim returns the root of the module, and has the servers of the test run the build with
// few plugins.
func slim(t *testing.T) (root string) {
	t.Helper()
	root, err := gobuild.ModuleRoot(t.Context())
	must(t, err)
	t.Setenv("PLUGINS", "slim")
	return root
}

// stated are the plugins that docs/operations.md says the build has.
func stated(t *testing.T) []string {
	t.Helper()
	block, err := documents.Fenced(t.Context(), documents.Operations, "These plugins are left, in the order of `plugin.cfg`:", "txt")
	must(t, err)
	return strings.Fields(block)
}

func TestTheSlimBuildHasThePluginsThatAreStated(t *testing.T) {
	root, want := slim(t), stated(t)
	program, err := server.Binary(t.Context())
	must(t, err)
	got := strings.Fields(shell(t, root, program+" -plugins"))
	if sorted := slices.Sorted(slices.Values(want)); !slices.Equal(got, sorted) {
		t.Errorf("it has %q, want %q", got, sorted)
	}
	dir := strings.TrimSpace(shell(t, root, "go list -m -f '{{.Dir}}' "+coredns))
	text, err := os.ReadFile(filepath.Join(dir, "plugin.cfg"))
	must(t, err)
	if ordered := inOrder(string(text), want); !slices.Equal(want, ordered) {
		t.Errorf("the order is %q, want %q", want, ordered)
	}
}

// inOrder returns the names in the order of a plugin.cfg, with this plugin where
// README.md puts it.
func inOrder(config string, names []string) (ordered []string) {
	for line := range strings.Lines(config) {
		name, _, _ := strings.Cut(line, ":")
		if name == neighbour {
			ordered = append(ordered, plugin)
		}
		if slices.Contains(names, name) {
			ordered = append(ordered, name)
		}
	}
	return ordered
}

func TestMakeBuildsTheSlimBuild(t *testing.T) {
	const want = "go build -tags slim -o build/coredns ./cmd/coredns\n"
	if got := shell(t, slim(t), "MAKEFLAGS= MAKEOVERRIDES= make --no-print-directory --dry-run build PLUGINS=slim"); got != want {
		t.Errorf("make does %q, want %q", got, want)
	}
}

func TestTheSlimBuildSaysWhichPluginIsMissing(t *testing.T) {
	slim(t)
	s, err := server.Start(t.Context(), ".:{{.DNS}} {\nbind 127.0.0.1\nroute53 {\n}\n}\n")
	if err == nil {
		t.Fatal(s.Stop(), "it has started")
	}
	if want := "no action found for directive 'route53' with server type 'dns' (missing a plugin?)"; !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// outside stands for the resolvers of the node.
const outside = `.:{{.DNS}} {
    bind 127.0.0.1
    template IN A example.org {
        answer "{{ .Name }} 60 IN A 192.0.2.80"
    }
    template ANY ANY {
        rcode NXDOMAIN
    }
}
`

// What is shown and deployed runs with the slim build too. There is no cluster: objects
// are those of the demo, and kubernetes finds no API server.
func TestTheSlimBuildRunsWhatIsShownAndDeployed(t *testing.T) {
	root := slim(t)
	remote, err := documents.Fenced(t.Context(), documents.Operations, "under a zone of its own:", "txt")
	must(t, err)
	resolver := server.New(t, outside).Address()
	for _, test := range []struct {
		name, corefile string
		// asked has an address record, or a TXT record, for each name.
		asked map[string]string
	}{
		{"deployed", contents(t, root, "deploy/kubernetes/base/Corefile"), map[string]string{
			"db-0.db.default.svc.cluster.local.": "10.244.0.10", "example.org.": "192.0.2.80",
		}},
		{"deployed with topology", contents(t, root, "deploy/kubernetes/components/topology/Corefile"), map[string]string{
			"db-0.db.default.svc.cluster.local.": "10.244.0.10", "example.org.": "192.0.2.80",
		}},
		{"in a cluster", example(t, "In a cluster, in front of *kubernetes*:", "txt"), map[string]string{
			"db-0.db.default.svc.cluster.local.": "10.244.0.10", "example.org.": "192.0.2.80",
		}},
		{"from a folder of manifests", example(t, "From a folder of manifests:", "corefile"), map[string]string{
			"db-0.db.default.svc.cluster.local.": "10.244.0.10",
		}},
		{"of a remote cluster", remote, map[string]string{
			"dns-version.prod.example.org.": `"1.1.0"`,
		}},
		{"of `make run`", contents(t, root, "Corefile.example"), map[string]string{
			"db-0.db.default.svc.cluster.local.": "10.244.0.10", "example.org.": "192.0.2.80",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := server.New(t, onLoopback(test.corefile, resolver, filepath.Join(root, "testdata", "demo")))
			for name, want := range test.asked {
				polltest.Until(t, func(ctx context.Context) error { return asked(ctx, s, name, want) })
			}
		})
	}
}

func contents(t *testing.T, root, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	must(t, err)
	return string(text)
}

func example(t *testing.T, words, info string) string {
	t.Helper()
	text, err := documents.Fenced(t.Context(), documents.Readme, words, info)
	must(t, err)
	return text
}

func asked(ctx context.Context, s *server.Server, name, want string) error {
	qtype := "A"
	if strings.HasPrefix(want, `"`) {
		qtype = "TXT"
	}
	answer, err := s.Dig(ctx, name, qtype)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(answer.Answer, func(record string) bool { return strings.HasSuffix(record, " "+qtype+" "+want) }) {
		return fmt.Errorf("%s %s: want %s, got\n%s", name, qtype, want, answer)
	}
	return nil
}

// onLoopback returns the Corefile such that it runs here, without a cluster.
func onLoopback(corefile, resolver, manifests string) string {
	var lines, open []string
	for line := range strings.Lines(corefile) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		opens := words[len(words)-1] == "{"
		if opens {
			words = words[:len(words)-1]
		}
		here := replaced(open, words, resolver, manifests)
		switch {
		case words[0] == "}":
			open = open[:len(open)-1]
		case opens:
			here[0] += " {"
			open = append(open, words[0])
		case len(here) > 1:
			here[0] += " {"
			here = append(here, "}")
		}
		lines = append(lines, here...)
	}
	return strings.Join(lines, "\n") + "\n"
}

// replaced returns what takes the place of the words, and what stands first in the block
// that they open. The last word open is that of the block that they stand in.
func replaced(open, words []string, resolver, manifests string) []string {
	switch len(open) {
	case 0:
		for i, word := range words {
			zone, _, _ := strings.Cut(word, ":")
			words[i] = cmp.Or(zone, ".") + ":{{.DNS}}"
		}
		return []string{strings.Join(words, " "), "bind 127.0.0.1"}
	case 1:
		switch words[0] {
		case "bind":
			return nil
		case "health", "ready":
			return []string{words[0] + " 127.0.0.1:{{.Port." + words[0] + "}}"}
		case "prometheus":
			return []string{"prometheus 127.0.0.1:{{.Metrics}}"}
		case "forward":
			return []string{"forward . " + resolver}
		case plugin:
			return []string{strings.Join(words, " "), "manifests " + manifests}
		case "kubernetes":
			return []string{strings.Join(words, " "), "endpoint http://127.0.0.1:{{.Port.nobody}}"}
		}
	case 2:
		if open[1] == plugin && slices.Contains([]string{"kubeconfig", "manifests", "snapshot"}, words[0]) {
			return nil
		}
	}
	return []string{strings.Join(words, " ")}
}

func TestTheSlimBuildHasThePluginsOfTheChart(t *testing.T) {
	var values struct {
		Servers []struct{ Plugins []struct{ Name string } }
	}
	must(t, yaml.Unmarshal([]byte(contents(t, slim(t), "deploy/helm-values.yaml")), &values))
	there, n := stated(t), 0
	for _, s := range values.Servers {
		for _, p := range s.Plugins {
			n++
			if !slices.Contains(there, p.Name) {
				t.Errorf("%s is not among the plugins %q", p.Name, there)
			}
		}
	}
	if n == 0 {
		t.Error("the values name no plugin")
	}
}
