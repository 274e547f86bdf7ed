package manifests

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/apimachinery/pkg/labels"
)

// loaded returns what New reports of dir at first.
func loaded(t testing.TB, dir string, opts Options) string {
	t.Helper()
	s, err := New(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	r := newReceiver()
	s.report(r)
	return r.lines()
}

// unindent makes a row's block of text the text that is meant.
func unindent(text string) string {
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimLeft(line, "\t"); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func TestEveryFixtureLoads(t *testing.T) {
	inputs, err := filepath.Glob("testdata/load/*/*.want")
	must(t, err)
	if len(inputs) == 0 {
		t.Fatal("no fixtures")
	}
	for _, want := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(want), ".want"), func(t *testing.T) {
			text, err := os.ReadFile(want)
			must(t, err)
			got := loaded(t, filepath.Dir(want), Options{})
			if got != strings.TrimSpace(string(text)) {
				t.Errorf("got\n%s\nwant\n%s", got, text)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	for _, row := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"an empty directory holds nothing", nil, ""},
		{"a file of comments holds nothing", map[string]string{"a.yaml": "# nothing\n---\n# nothing\n---\n"}, ""},
		{"an empty file holds nothing", map[string]string{"a.yaml": "", "b.json": " \n"}, ""},
		{"the three endings are read, below directories too", map[string]string{
			"a.yaml": headless("a"), "one/b.yml": headless("b"),
			"one/two/c.json": `{"apiVersion":"v1","kind":"Service","metadata":{"name":"c"},"spec":{"clusterIP":"None"}}`,
		}, `
			Service default/a headless
			Service default/b headless
			Service default/c headless`},
		{"other endings, hidden files and hidden directories are not looked at", map[string]string{
			"a.txt": "{", "b.yaml~": "{", ".c.yaml": "{", "..d/e.yaml": "{", ".git/f.yaml": "{", "g": "{",
		}, ""},
		{"a byte order mark is no mistake", map[string]string{"a.yaml": "\uFEFF" + headless("a"), "b.json": "\uFEFF{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}"},
			"Service default/a headless"},
		{"JSON values may follow one another", map[string]string{"a.json": `
			{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"clusterIP":"None"}}
			{"apiVersion":"v1","kind":"Service","metadata":{"name":"b"},"spec":{"clusterIP":"None"}}`}, `
			Service default/a headless
			Service default/b headless`},
		{"a Service that is neither headless nor ExternalName is not served, nor are its slices", map[string]string{
			"a.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: 10.96.0.1}\n---\n" + slice("a-1", "a", "10.244.0.1"),
		}, ""},
		{"a slice without a Service is reported", map[string]string{"a.yaml": slice("a-1", "a", "10.244.0.1")},
			"Slice default/a-1 of a: 10.244.0.1"},
		{"kinds of the same name in another group are others", map[string]string{
			"a.yaml": "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: 3}\n",
		}, ""},
		{"fields that are not known are passed over, and names of fields are told apart by case", map[string]string{
			"a.yaml": headless("a") + "extra: {more: 1}\nStatus: 3\n",
		}, "Service default/a headless"},
		{"yes and no are truth values, as for kubectl", map[string]string{
			"a.yaml": slice("a-1", "a", "10.244.0.1") + "  conditions: {ready: no}\n",
		}, "Slice default/a-1 of a: 10.244.0.1!"},
		{"aliases and merged keys are followed", map[string]string{"a.yaml": `
apiVersion: v1
kind: List
items:
- &a
  apiVersion: v1
  kind: Service
  metadata: {name: a}
  spec: &spec {clusterIP: None, type: ClusterIP}
- <<: *a
  metadata: {name: b}
- apiVersion: v1
  kind: Service
  metadata: {name: c}
  spec: {<<: [*spec, {externalName: example.org}], type: ExternalName}
`}, `
			Service default/a headless
			Service default/b headless
			Service default/c external_name example.org.`},
		{"the later of two definitions counts, in a file and in the order of files", map[string]string{
			"a.yaml": external("a", "a.example.org") + "---\n" + slice("s", "a", "10.244.0.1"),
			"b.yaml": external("a", "b.example.org") + "---\n" + external("a", "c.example.org"),
			// kubectl takes a directory before the file that begins like it.
			"b/c.yaml": external("a", "d.example.org") + "---\n" + slice("s", "b", "10.244.0.2"),
		}, `
			Service default/a external_name c.example.org.
			Slice default/s of b: 10.244.0.2`},
		{"what is no Kubernetes object is for others", map[string]string{
			"values.yaml": "replicaCount: 3\nimage: {tag: v1}\n", "package.json": `{"name": "a", "version": "1.0.0", "kind": 3, "name": "b"}`,
			"kustomization.yaml": "resources:\n- a.yaml\n", "list.yaml": "- a\n- b\n", "text.yml": "text\n", "twice.yaml": "a: 1\na: 2\n", "kind.yaml": "kind: Service\nspec: 3\n",
			"a.yaml": headless("a"),
		}, "Service default/a headless"},
		{"lists in lists, and typed lists", map[string]string{"a.yaml": `
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: List
  items:
  - {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: None}}
  - apiVersion: discovery.k8s.io/v1
    kind: EndpointSliceList
    items:
    - {metadata: {name: s, labels: {kubernetes.io/service-name: a}}, addressType: IPv4, endpoints: [{addresses: [10.244.0.1]}]}
- apiVersion: v1
  kind: ServiceList
  items:
  - {metadata: {name: b}, spec: {clusterIP: None}}
  - {apiVersion: v1, kind: Pod, metadata: {name: c}, spec: {clusterIP: None}}
- {apiVersion: v1, kind: PodList, items: [{metadata: {name: d}}]}
- {apiVersion: example.org/v1, kind: AllowList, spec: {items: 3}}
`}, `
			Service default/a headless
			Service default/b headless
			Slice default/s of a: 10.244.0.1`},
		{"UTF-16 with a mark, in YAML and JSON", map[string]string{
			"a.yaml": inUTF16(strings.ReplaceAll(headless("a"), "\n", "\r\n"), binary.LittleEndian),
			"b.json": inUTF16(`{"apiVersion":"v1","kind":"Service","metadata":{"name":"b"},"spec":{"clusterIP":"None"}}`, binary.BigEndian),
		}, `
			Service default/a headless
			Service default/b headless`},
		{"a .json file of YAML, and JSON in a .yaml file", map[string]string{
			"a.json": headless("a"), "b.yaml": "{\"apiVersion\": \"v1\",\n\t\"kind\": \"Service\", \"metadata\": {\"name\": \"b\"}, \"spec\": {\"clusterIP\": \"None\"}}\n",
		}, `
			Service default/a headless
			Service default/b headless`},
		{"a list whose items are null is empty, wherever it says so", map[string]string{
			"a.yaml": "apiVersion: v1\nitems: null\nkind: List\nmetadata: {}\n---\n" + headless("a"),
			"b.json": `{"kind":"ServiceList","apiVersion":"v1","items":null}`,
		}, "Service default/a headless"},
		{"a bad object is left out, and takes no other with it", map[string]string{"a.yaml": headless("a") +
			"---\n" + external("b", `""`) + "---\n" + slice("c", "a", "nowhere") + "---\n" + slice("d", "a", "10.244.0.1") +
			"---\n" + strings.Replace(headless("e"), "name: e", "generateName: e-", 1) + "---\n" + slice("f/g", "a")}, `
			Service default/a headless
			Service default/b is left out: externalName ""
			Slice default/(a.yaml:34) of a is left out: name "f/g"
			Slice default/c of a is left out: address "nowhere"
			Slice default/d of a: 10.244.0.1`},
		{"what is left out of a Service that is not served stays away in silence", map[string]string{
			"a.yaml": strings.Replace(headless("a"), "None", "10.96.0.1", 1) + "---\n" + slice("c", "a", "nowhere")}, ""},
		{"a slice that is left out and belongs to no Service is nobody's", map[string]string{
			"a.yaml": headless("a") + "---\n" + strings.Replace(slice("c", "a", "nowhere"), "service-name: a", "other: a", 1)}, "Service default/a headless"},
		{"of two definitions of a slice the later one counts, also where it is left out", map[string]string{
			"a.yaml": headless("a") + "---\n" + slice("c", "a", "10.244.0.1") + "---\n" + slice("c", "a", "nowhere")}, `
			Service default/a headless
			Slice default/c of a is left out: address "nowhere"`},
		{"also where it is not left out", map[string]string{
			"a.yaml": headless("a") + "---\n" + slice("c", "a", "nowhere") + "---\n" + slice("c", "a", "10.244.0.1")}, `
			Service default/a headless
			Slice default/c of a: 10.244.0.1`},
		{"a Service whose cluster IP is none", map[string]string{"a.yaml": strings.Replace(headless("a"), "None", "none", 1)},
			`Service default/a is left out: clusterIP "none"`},
		{"a Service whose name is no label, which nobody can ask for", map[string]string{"a.yaml": headless("a.b")}, ""},
		{"a slice of an API that is gone", map[string]string{
			"a.yaml": headless("a") + "---\n" + strings.Replace(slice("c", "a", "10.244.0.1"), "k8s.io/v1", "k8s.io/v1beta1", 1)}, `
			Service default/a headless
			Slice default/v1beta1/c of a is left out: discovery.k8s.io/v1beta1`},
		{"a slice of an API that is gone, beside the same of today", map[string]string{
			"a.yaml": headless("a") + "---\n" + strings.Replace(slice("c", "a", "10.244.0.1"), "k8s.io/v1", "k8s.io/v1beta1", 1) +
				"---\n" + slice("c", "a", "10.244.0.1")}, `
			Service default/a headless
			Slice default/c of a: 10.244.0.1`},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, row.files)
			if got, want := loaded(t, dir, Options{}), unindent(row.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestErrorsNameFileAndLine(t *testing.T) {
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
	for _, row := range []struct {
		name, file, content string
		want                string
	}{
		{"a key that is indented too little", "a.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  name: x\n labels: y\nspec: {}\n",
			"a.yaml:5: did not find expected key"},
		{"a list that is not closed, in the second document", "a.yaml", service + "---\nports: [\n\nb: c\nd: e\n",
			"a.yaml:8: did not find expected ',' or ']'"},
		{"a tab", "a.yaml", "apiVersion: v1\nmetadata:\n\tname: x\n", "a.yaml:3: found character that cannot start any token"},
		{"an alias of nothing", "a.yaml", "# comment\napiVersion: v1\nmetadata: *x\n", "a.yaml:2: unknown anchor 'x' referenced"},
		{"a byte that is no text", "a.yaml", "a: b\nc: \xff\n", "a.yaml:1: invalid leading UTF-8 octet"},
		{"a string in place of a number", "a.yaml", service + "spec:\n  ports:\n  - port: 1\n  - port: eighty\n",
			"a.yaml:1: spec.ports.port is a string; it must be an integer of 32 bits"},
		{"a string in place of a number in the second document", "a.yaml", "# comment\n" + service + "---\n# comment\n" + service + "spec:\n  ports:\n  - port: eighty\n",
			"a.yaml:7: spec.ports.port is a string; it must be an integer of 32 bits"},
		{"a number too large", "a.yaml", service + "spec:\n  ports:\n  - port: 99999999999\n",
			"a.yaml:1: spec.ports.port is a number 99999999999; it must be an integer of 32 bits"},
		{"a mapping in place of a list", "a.yaml", service + "spec:\n  ports:\n    sql: 1\n",
			"a.yaml:1: spec.ports is a mapping; it must be a list"},
		{"a truth value in place of a name", "a.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  name: no\n",
			"a.yaml:1: metadata.name is true or false; it must be a string"},
		{"a list in place of a truth value", "a.yaml", slice("a", "a", "10.244.0.1") + "  conditions:\n    ready: []\n",
			"a.yaml:1: endpoints.conditions.ready is a list; it must be true or false"},
		{"a time that is none", "a.yaml", "---\n\napiVersion: v1\nkind: Service\nmetadata: {creationTimestamp: yesterday}\n",
			`a.yaml:3: parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"`},
		{"a field given twice", "a.yaml", service + "spec: {}\nspec: {}\n", `a.yaml:5: key "spec" already set in map`},
		{"a wrong item of a list", "a.yaml", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: 3\n",
			"a.yaml:1: items[0].metadata is a number; it must be a mapping"},
		{"an item without kind", "a.yaml", "apiVersion: v1\nkind: List\nitems:\n- metadata: {}\n", "a.yaml:1: items[0]: kind is missing"},
		{"an item that is a number", "a.yaml", "apiVersion: v1\nkind: ServiceList\nitems:\n- 3\n", "a.yaml:1: items[0]: an item is not an object"},
		{"items that are given twice", "a.yaml", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\nmetadata: {}\nitems: []\n", `a.yaml:6: key "items" already set in map`},
		{"items that are given twice, in JSON", "a.json", "{\"items\": [],\n\"apiVersion\": \"v1\", \"kind\": \"List\",\n\"items\": []}", `a.json:1: duplicate field "items"`},
		{"items that are a number", "a.yaml", "apiVersion: v1\nkind: List\nitems: 3\n", "a.yaml:1: items is a number; it must be a list"},
		{"an alias inside itself", "a.yaml", "a: b\nc: &c [*c]\n", "a.yaml:1: anchor 'c' value contains itself"},
		{"a mapping merged into itself", "a.yaml", "a: &a\n  <<: *a\n", "a.yaml:1: anchor 'a' value contains itself"},
		{"aliases that double", "a.yaml", bomb("[*a%d, *a%d]"), "a.yaml:1: the aliases of the file stand for more than 4 MiB"},
		{"merged keys that double", "a.yaml", bomb("{<<: [*a%d, *a%d]}"), "a.yaml:1: the aliases of the file stand for more than 4 MiB"},
		{"something merged that is no mapping", "a.yaml", "a:\n  <<: 3\n", "a.yaml:1: map merge requires map or sequence of maps as the value"},
		{"a list as a key", "a.yaml", "a: b\n? [c]\n: d\n", `a.yaml:1: invalid map key: []interface {}{"c"}`},
		{"infinity", "a.yaml", "a: .inf\n", "a.yaml:1: json: unsupported value: +Inf"},
		{"a tag that does not fit", "a.yaml", "a: 1\nb: !!int c\n", "a.yaml:1: cannot decode !!str `c` as a !!int"},
		{"a comma too many in JSON", "a.json", "{\n\"kind\": \"Service\",\n}", "a.json:3: invalid character '}' looking for beginning of object key string"},
		{"JSON that ends too early", "a.json", "{\n\"kind\": \"Service\"\n\n", "a.json:2: unexpected EOF"},
		{"a mistake in the second JSON value", "a.json", "{\n\"apiVersion\": \"v1\",\n\"kind\": \"Pod\"\n}\n{\n\"a\"}\n", "a.json:6: invalid character '}' after object key"},
		{"a wrong item of a JSON list", "a.json", "{\"kind\": \"ServiceList\",\n\"apiVersion\": \"v1\",\n\"items\": [\n{},\n{\"metadata\":\n{\"name\": 3\n}}]}",
			"a.json:1: items[1].metadata.name is a number; it must be a string"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, ".", map[string]string{row.file: row.content})
			if _, err := New(".", Options{}); err == nil || err.Error() != row.want {
				t.Errorf("got  %v\nwant %s", err, row.want)
			}
		})
	}
}

// bomb nests aliases so that each line stands for twice what the one before
// does. The form takes the name of the line before, twice.
func bomb(form string) string {
	text := "a0: &a0 {}\n"
	for i := range 40 {
		text += fmt.Sprintf("a%d: &a%d "+form+"\n", i+1, i+1, i, i)
	}
	return text
}

func TestTreesThatStopTheStart(t *testing.T) {
	for _, row := range []struct {
		name  string
		build func(t *testing.T)
		want  string
	}{
		{"the directory is missing", func(*testing.T) {}, "the directory of manifests dir cannot be read: no such file or directory"},
		{"the directory is a file", func(t *testing.T) { write(t, ".", map[string]string{"dir": ""}) },
			"the directory of manifests dir cannot be read: it is not a directory"},
		{"the directory is a link to nowhere", func(t *testing.T) { must(t, os.Symlink("gone", "dir")) },
			"the directory of manifests dir cannot be read: no such file or directory"},
		{"the directory is a link to itself", func(t *testing.T) { must(t, os.Symlink("dir", "dir")) },
			"the directory of manifests dir cannot be read: too many symbolic links"},
		{"a manifest is a link to nowhere", func(t *testing.T) {
			must(t, os.Mkdir("dir", 0o755))
			must(t, os.Symlink("gone", "dir/a.yaml"))
		}, "dir/a.yaml: no such file or directory"},
		{"a manifest is no file", func(t *testing.T) {
			must(t, os.Mkdir("dir", 0o755))
			must(t, os.Symlink(os.DevNull, "dir/a.yaml"))
		}, "dir/a.yaml: not a regular file"},
		{"a manifest is too large", func(t *testing.T) {
			write(t, "dir", map[string]string{"a.yaml": ""})
			must(t, os.Truncate("dir/a.yaml", maxFile+1))
		}, "dir/a.yaml: larger than 64 MiB, the most that is read of a file"},
		{"directories are nested too deep", func(t *testing.T) {
			must(t, os.MkdirAll("dir/"+strings.Repeat("d/", maxDepth+1), 0o755))
		}, "dir/" + strings.Repeat("d/", maxDepth) + "d: more than 32 directories below one another"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			row.build(t)
			if s, err := New("dir", Options{}); err == nil || err.Error() != row.want || s != nil {
				t.Errorf("got  %v\nwant %s", err, row.want)
			}
		})
	}
}

func TestAnUnreadableFileStopsTheStart(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	t.Chdir(t.TempDir())
	write(t, "dir", map[string]string{"a.yaml": ""})
	must(t, os.Chmod("dir/a.yaml", 0))
	const want = "dir/a.yaml: permission denied"
	if _, err := New("dir", Options{}); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTheNumberOfEntriesIsBounded(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "dir", map[string]string{"a.yaml": "", "b/c.yaml": "", "d.yaml": "", "not-counted.txt": ""})
	abs, err := filepath.Abs("dir")
	must(t, err)
	for limit, want := range map[int]string{
		5: "",
		4: "dir/d.yaml: the directory of manifests holds more than 4 files and directories",
	} {
		s := newScanner(nil)
		s.limit = limit
		s.root("dir", abs)
		got := ""
		for _, f := range s.failures {
			got += f.err.Error()
		}
		if got != want {
			t.Errorf("with a limit of %d: got %q, want %q", limit, got, want)
		}
		if s.failed("dir/d.yaml") != (want != "") {
			t.Errorf("with a limit of %d: the last file counts as gone", limit)
		}
	}
}

func TestEachFileIsReadOnce(t *testing.T) {
	for _, row := range []struct {
		name  string
		links map[string]string
	}{
		{"a link to a file beside it", map[string]string{"dir/b.yaml": "a.yaml"}},
		{"a link to the directory itself", map[string]string{"dir/loop": "."}},
		{"a link to a directory above", map[string]string{"dir/sub/up": "../.."}},
		{"two links to one directory", map[string]string{"dir/one": "sub", "dir/two": "one"}},
		{"an absolute link", map[string]string{"dir/one": "ABS/dir/sub"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "dir", map[string]string{"a.yaml": headless("a"), "sub/b.yaml": headless("b")})
			here, err := os.Getwd()
			must(t, err)
			for link, target := range row.links {
				must(t, os.Symlink(strings.Replace(target, "ABS", here, 1), link))
			}
			if got, want := loaded(t, "dir", Options{}), "Service default/a headless\nService default/b headless"; got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	text := ""
	for _, namespace := range []string{"one", "two"} {
		labeled := "metadata: {namespace: " + namespace + ", labels: {app: " + namespace + "}, name: "
		text += strings.Replace(headless("a"), "metadata: {name: ", labeled, 1) + "---\n"
		text += strings.Replace(slice("a-1", "a", "10.244.0.1"), "metadata:\n", "metadata:\n  namespace: "+namespace+"\n", 1) + "---\n"
		text += "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + namespace + ", labels: {team: " + namespace + "}}\n---\n"
	}
	write(t, dir, map[string]string{"a.yaml": text})
	for _, row := range []struct {
		name string
		opts Options
		want string
	}{
		{"none reports all but Namespaces", Options{}, `
			Service one/a headless
			Service two/a headless
			Slice one/a-1 of a: 10.244.0.1
			Slice two/a-1 of a: 10.244.0.1`},
		{"namespaces select Services and slices", Options{Namespaces: []string{"Two"}}, `
			Service two/a headless
			Slice two/a-1 of a: 10.244.0.1`},
		{"labels select Services alone", Options{Labels: selector(t, "app=one")}, `
			Service one/a headless
			Slice one/a-1 of a: 10.244.0.1
			Slice two/a-1 of a: 10.244.0.1`},
		{"labels of Namespaces select which are reported", Options{Namespaces: []string{"one"}, NamespaceLabels: selector(t, "team!=one")}, `
			Namespace two
			Service one/a headless
			Slice one/a-1 of a: 10.244.0.1`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, want := loaded(t, dir, row.opts), unindent(row.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func selector(t *testing.T, text string) labels.Selector {
	t.Helper()
	parsed, err := labels.Parse(text)
	must(t, err)
	return parsed
}

func TestTheTimeOfAChangeThatAControllerNotedIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	annotated := strings.Replace(slice("a-1", "a"), "metadata:\n",
		"metadata:\n  annotations: {endpoints.kubernetes.io/last-change-trigger-time: 2020-01-01T00:00:00Z}\n", 1)
	write(t, dir, map[string]string{"a.yaml": annotated})
	s, err := New(dir, Options{})
	must(t, err)
	r := newReceiver()
	s.report(r)
	for _, slice := range r.state.Slices {
		if slice.Triggered != 0 {
			t.Errorf("Triggered is %v, want none", slice.Triggered.Time())
		}
	}
	if len(r.state.Slices) != 1 {
		t.Errorf("got %d slices, want 1", len(r.state.Slices))
	}
}

func TestOtherKindsAreCounted(t *testing.T) {
	pods, others := skippedObjects.WithLabelValues("Pod"), skippedObjects.WithLabelValues("other")
	podsBefore, othersBefore := count(t, pods), count(t, others)
	none := skippedObjects.WithLabelValues(noObject)
	noneBefore := count(t, none)
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.yaml": `
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod}
- {apiVersion: v1, kind: Pod, spec: 3}
- {apiVersion: example.org/v1, kind: Unheard}
- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod}]}
---
replicas: 3
---
kind: Service
`})
	loaded(t, dir, Options{})
	if got := count(t, pods) - podsBefore; got != 3 {
		t.Errorf("%v Pods were counted, want 3", got)
	}
	if got := count(t, others) - othersBefore; got != 1 {
		t.Errorf("%v others were counted, want 1", got)
	}
	if got := count(t, none) - noneBefore; got != 2 {
		t.Errorf("%v that are no objects were counted, want 2", got)
	}
}

func count(t *testing.T, counter prometheus.Counter) float64 {
	t.Helper()
	var metric dto.Metric
	must(t, counter.Write(&metric))
	return metric.GetCounter().GetValue()
}

// The directory that make run serves.
func TestTheDemoLoads(t *testing.T) {
	want := unindent(`
		Service default/database external_name db.default.svc.cluster.local.
		Service default/db headless selects
		Service default/gateway external_name 192.0.2.10
		Service default/printer headless
		Service default/warehouse headless
		Service default/web headless selects
		Service default/website external_name example.org.
		Slice default/db-x7k2p of db sql/5432/tcp peer/5433/tcp: 10.244.0.10=db-0(db-0) 10.244.1.10=db-1(db-1) 10.244.2.10=db-2(db-2)!
		Slice default/endpoints/printer/ipv4/0 of printer ipp/631/tcp: 192.0.2.30=floor-1 192.0.2.31=floor-2!
		Slice default/warehouse-by-hand of warehouse sql/5432/tcp: 192.0.2.20=primary 192.0.2.21=replica
		Slice default/web-4mz8q of web http/8080/tcp: 10.244.0.20(web-6d5c8b7f9-j2xkq) 10.244.1.20(web-6d5c8b7f9-tw9fm)
		Slice default/web-9vq3d of web http/8080/tcp: 2001:db8::20(web-6d5c8b7f9-j2xkq) 2001:db8::21(web-6d5c8b7f9-tw9fm)`)
	if got := loaded(t, "../../../testdata/demo", Options{}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
