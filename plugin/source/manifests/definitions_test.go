package manifests

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"pgregory.net/rapid"
)

// dated is a slice with a resourceVersion and a time of creation; none where they
// are empty.
func dated(name, service, version, created string) string {
	meta := "metadata:\n"
	if version != "" {
		meta += "  resourceVersion: \"" + version + "\"\n"
	}
	if created != "" {
		meta += "  creationTimestamp: \"" + created + "\"\n"
	}
	return strings.Replace(slice(name, service, "10.0.0.1"), "metadata:\n", meta, 1)
}

func TestWhichSliceOfAServiceIsNewer(t *testing.T) {
	const may, june = "2024-05-01T10:00:00Z", "2024-06-01T10:00:00Z"
	for _, row := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"the file's order, where there is nothing else", map[string]string{
			"b.yaml": dated("second", "x", "", "") + "---\n" + dated("third", "x", "", ""), "a.yaml": dated("first", "x", "", ""), "b/a.yaml": dated("before-b", "x", "", ""),
		}, "first before-b second third"},
		{"when they were created goes before the order", map[string]string{
			"a.yaml": dated("june", "x", "", june) + "---\n" + dated("may", "x", "", may) + "---\n" + dated("never", "x", "", ""),
		}, "never may june"},
		{"the resourceVersion goes before when they were created", map[string]string{
			"a.yaml": dated("ten", "x", "10", may) + "---\n" + dated("nine", "x", "9", june) + "---\n" + dated("none", "x", "", june),
		}, "none nine ten"},
		{"a resourceVersion that is no number is none", map[string]string{
			"a.yaml": dated("one", "x", "1", "") + "---\n" + dated("odd", "x", "zz", ""),
		}, "odd one"},
		{"each Service for itself", map[string]string{
			"a.yaml": dated("z2", "z", "7", "") + "---\n" + dated("x2", "x", "5", "") + "---\n" + dated("x1", "x", "4", "") + "---\n" + dated("z1", "z", "2", ""),
		}, "x1 x2 z1 z2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, row.files)
			s := newStill(t, dir, Options{})
			if got := ranks(s.receiver.state); got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

// ranks returns the names of slices by their Services and versions, and adds the
// version where it is not the rank.
func ranks(state model.State) string {
	var all []*model.Slice
	for _, slice := range state.Slices {
		all = append(all, slice)
	}
	slices.SortFunc(all, func(a, b *model.Slice) int {
		return 2*strings.Compare(a.Service, b.Service) + int(a.Version) - int(b.Version)
	})
	text, rank := "", uint64(0)
	for i, slice := range all {
		if rank++; i > 0 && all[i-1].Service != slice.Service {
			rank = 1
		}
		if text += " " + slice.Name; slice.Version != rank {
			text += fmt.Sprintf("(%d)", slice.Version)
		}
	}
	return strings.TrimSpace(text)
}

// A slice whose rank changes is another value: the one before may be in use.
func TestARankChangesInACopy(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"b.yaml": dated("b", "x", "", "")})
	s := newStill(t, dir, Options{})
	key := model.SliceKey{Namespace: "default", Name: "b"}
	before := s.receiver.state.Slices[key]
	write(t, dir, map[string]string{"a.yaml": dated("a", "x", "", "")})
	s.settle(t)
	after := s.receiver.state.Slices[key]
	if before.Version != 1 || after.Version != 2 || &before.Endpoints[0] != &after.Endpoints[0] {
		t.Errorf("got version %d, then %d", before.Version, after.Version)
	}
	write(t, dir, map[string]string{"c.yaml": headless("c")})
	s.settle(t)
	if s.receiver.state.Slices[key] != after {
		t.Error("a slice that stays became another value")
	}
}

// Whatever the order in which files come, in the end they say the same.
func TestTheSameFilesSayTheSame(t *testing.T) {
	base, outer := t.TempDir(), t
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(base, "tree")
		check(t, err)
		files := make(map[string]string)
		for i := range rapid.IntRange(1, 6).Draw(t, "files") {
			text := headless("x")
			for range rapid.IntRange(0, 3).Draw(t, "slices") {
				name := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name")
				version := rapid.SampledFrom([]string{"", "1", "2", "10"}).Draw(t, "version")
				created := rapid.SampledFrom([]string{"", "2024-05-01T10:00:00Z", "2024-06-01T10:00:00Z"}).Draw(t, "created")
				text += "---\n" + dated(name, "x", version, created)
			}
			files[fmt.Sprintf("%d.yaml", i)] = text
		}
		s := newStill(outer, dir, Options{})
		for _, name := range rapid.Permutation(slices.Sorted(mapKeys(files))).Draw(t, "order") {
			check(t, os.WriteFile(filepath.Join(dir, name), []byte(files[name]), 0o600))
			s.settle(outer)
		}
		fresh := newStill(outer, dir, Options{})
		if changes := s.receiver.state.Difference(&fresh.receiver.state); len(changes) > 0 {
			t.Fatalf("got %s, want %s", ranks(s.receiver.state), ranks(fresh.receiver.state))
		}
	})
}

func mapKeys[K comparable, V any](m map[K]V) func(yield func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// Nothing is passed over in silence: each object is named once, however often
// files are read, and again when it comes back.
func TestWhatIsPassedOverIsNamedOnce(t *testing.T) {
	const (
		selecting = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: None, selector: {app: a}}\n"
		endpoints = "apiVersion: v1\nkind: Endpoints\nmetadata: {name: a}\nsubsets:\n- addresses: [{ip: 192.0.2.1}]\n"
		beta      = "apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\nmetadata: {name: s, labels: {kubernetes.io/service-name: a}}\naddressType: IPv4\n" +
			"endpoints:\n- addresses: [10.0.0.1]\n  topology: {kubernetes.io/hostname: node}\n"
	)
	for _, row := range []struct{ name, text, want string }{
		{"a slice of an API that is gone", headless("a") + "---\n" + beta,
			"Left out the discovery.k8s.io/v1beta1 EndpointSlice default/s (a.yaml:6): only discovery.k8s.io/v1 is read"},
		{"Endpoints beside slices, of a Service with a selector", selecting + "---\n" + slice("s", "a", "10.0.0.1") + "---\n" + endpoints,
			"Left out the Endpoints default/a (a.yaml:15): its Service has EndpointSlices, and they count"},
		{"Endpoints beside slices, of a Service without one", headless("a") + "---\n" + slice("s", "a", "10.0.0.1") + "---\n" + endpoints,
			"Left out the Endpoints default/a (a.yaml:15): its Service has EndpointSlices, and they count"},
		{"Endpoints of no Service", endpoints, "Left out the Endpoints default/a (a.yaml:1): there is no Service of its name"},
		{"Endpoints with the label", headless("a") + "---\n" + strings.Replace(endpoints, "{name: a}", `{name: a, labels: {endpointslice.kubernetes.io/skip-mirror: "true"}}`, 1),
			"Left out the Endpoints default/a (a.yaml:6): its label endpointslice.kubernetes.io/skip-mirror says so"},
		{"a second definition", headless("a") + "---\n" + headless("b") + "---\n" + headless("a"),
			"Left out the Service default/a (a.yaml:1): it is defined again at a.yaml:11, and the later definition counts"},
		{"a second definition in a list", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: None}}\n" +
			"- {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {clusterIP: None}}\n",
			"Left out the Service default/a (a.yaml:1, items[0]): it is defined again at a.yaml:1, items[1], and the later definition counts"},
		{"a cluster IP of none", strings.Replace(headless("a"), "None", "none", 1),
			`Left out the Service default/a: a.yaml:1: spec.clusterIP "none" is not an address, and not None, which is written with a capital N`},
		{"a list of cluster IPs alone", strings.Replace(headless("a"), "clusterIP: None", "clusterIPs: [None]", 1),
			`Left out the Service default/a: a.yaml:1: spec.clusterIPs begins with "None"; it must begin with spec.clusterIP, which is ""`},
	} {
		t.Run(row.name, func(t *testing.T) {
			log := captureLog(t)
			t.Chdir(t.TempDir())
			write(t, ".", map[string]string{"a.yaml": row.text, "z.yaml": headless("z")})
			s := newStill(t, ".", Options{})
			for i := range 3 {
				write(t, ".", map[string]string{"a.yaml": row.text + strings.Repeat("#\n", i)})
				s.settle(t)
			}
			if log.count("Left out") != 1 || log.count(row.want) != 1 {
				t.Errorf("logged\n%swant once\n%s", log.text(), row.want)
			}
			must(t, os.Remove("a.yaml"))
			s.settle(t)
			write(t, ".", map[string]string{"a.yaml": row.text})
			s.settle(t)
			if log.count("Left out") != 2 || log.count(row.want) != 2 {
				t.Errorf("logged after it was away\n%swant twice\n%s", log.text(), row.want)
			}
		})
	}
}

func TestTheStartSaysWhatItRead(t *testing.T) {
	pod := func(name string) string { return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + "}\n" }
	for _, row := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"an empty directory", map[string]string{"notes.txt": "a"},
			"WARNING The directory of manifests . is empty: no file in it ends in .yaml, .yml or .json"},
		{"all there is", map[string]string{
			"a.yaml": headless("a") + "---\n" + slice("s", "a", "10.0.0.1", "10.0.0.2") + "---\n" + pod("a") + "---\n" + pod("b"),
			"b.yaml": external("b", "example.org") + "---\nkind: none\n---\n- a\n---\nreplicas: 3\n---\napiVersion: v1\nkind: \"a\\nb\"\n",
			"c.json": `{"name": "package", "version": "1.0.0"}`,
			"d.yaml": strings.Replace(headless("c"), "None", "10.96.0.1", 1),
		}, "INFO Read the directory of manifests .: files: 4; Services: 2, EndpointSlices: 1, endpoints: 2; skipped: " +
			"Pod (2), Service that is neither headless nor ExternalName (1), document of an odd kind (1), document without apiVersion and kind (4)"},
		{"what is left out", map[string]string{
			"a.yaml": headless("a") + "---\n" + slice("s", "a", "nowhere") + "---\n" + headless("a"),
		}, "INFO Read the directory of manifests .: files: 1; Services: 1, EndpointSlices: 0, endpoints: 0; skipped: Service (1), refused EndpointSlice (1)"},
		{"a Node of which a part is left out", map[string]string{
			"a.yaml": headless("a") + "---\napiVersion: v1\nkind: Node\nmetadata: {name: n1}\nspec: {podCIDRs: [bad]}\n",
		}, "INFO Read the directory of manifests .: files: 1; Services: 1, EndpointSlices: 0, endpoints: 0, Nodes: 1\n"},
		{"nothing of use", map[string]string{"a.yaml": pod("a")},
			"WARNING Read the directory of manifests .: files: 1; Services: 0, EndpointSlices: 0, endpoints: 0; skipped: Pod (1)"},
		{"many kinds", map[string]string{"a.yaml": headless("a") + manyKinds(maxKinds+5)},
			"kind19 (1), and of 5 more kinds"},
	} {
		t.Run(row.name, func(t *testing.T) {
			log := captureLog(t)
			t.Chdir(t.TempDir())
			write(t, ".", row.files)
			newStill(t, ".", Options{Nodes: true})
			level, text, _ := strings.Cut(row.want, " ")
			for line := range strings.Lines(log.text()) {
				if strings.Contains(line, text) && (strings.Contains(line, level) || strings.HasPrefix(row.want, "kind")) {
					return
				}
			}
			t.Errorf("logged\n%swant\n%s", log.text(), row.want)
		})
	}
}

func manyKinds(n int) (text string) {
	for i := range n {
		text += fmt.Sprintf("---\napiVersion: example.org/v1\nkind: kind%02d\n", i)
	}
	return text
}
