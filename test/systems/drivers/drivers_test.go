package drivers

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/polltest"
)

var must = polltest.Must

func TestASystemSaysWhatIsAskedOfIt(t *testing.T) {
	keys := make(map[string]bool)
	for _, s := range All {
		t.Run(s.Key, func(t *testing.T) {
			if !regexp.MustCompile(`^[a-z0-9-]{1,20}$`).MatchString(s.Key) || keys[s.Key] {
				t.Error("the key is not a new one of up to 20 lower-case letters, digits and hyphens")
			}
			keys[s.Key] = true
			if s.Name == "" || s.Needed == "" || s.Stanza == "" || s.Version == nil || s.Whole == nil || s.Members < 1 || len(s.Needs) == 0 {
				t.Error("something is missing")
			}
			if len(s.Lives) == 0 {
				t.Error("it has no life")
			}
			for name := range s.Lives {
				if name != Absent && !slices.Contains(Common, name) {
					t.Errorf("%q is no life", name)
				}
			}
			for _, name := range Common {
				_, lives := s.Lives[name]
				if _, spared := s.Spared[name]; lives == spared {
					t.Errorf("it goes through %s: %t, and is spared that: %t", name, lives, spared)
				}
			}
			for name, why := range s.Spared {
				if !slices.Contains(Common, name) {
					t.Errorf("it is spared %q, which is no life", name)
				}
				if sentences(t, why); !strings.HasSuffix(why, ".") {
					t.Errorf("%q is no sentence", why)
				}
			}
			for _, text := range []string{s.Name, s.Needed, s.Stanza, s.Beware} {
				sentences(t, text)
			}
		})
	}
}

func TestToldSystemsAreInOrderAndSayWhatIsAskedOfThem(t *testing.T) {
	byName := func(a, b Untried) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) }
	if !slices.IsSortedFunc(Told, byName) {
		t.Error("they are not sorted by name")
	}
	for _, s := range Told {
		if s.Name == "" || s.Queries == "" || s.Needed == "" || s.Stanza == "" {
			t.Errorf("%q: something is missing", s.Name)
		}
		for _, text := range []string{s.Name, s.Queries, s.Needed, s.Stanza, s.Beware} {
			sentences(t, text)
		}
	}
}

func TestOptionsSayWhomTheyHelp(t *testing.T) {
	for _, o := range Options {
		if o.Name == "" || o.For == "" {
			t.Errorf("%q: something is missing", o.Name)
		}
		for _, text := range []string{o.Name, o.For, o.Hurts} {
			sentences(t, text)
		}
	}
}

// sentences checks that a text fits into a cell of a table.
func sentences(t *testing.T, text string) {
	t.Helper()
	if strings.ContainsAny(text, "|\n") {
		t.Errorf("%q does not fit into a table", text)
	}
}

// placed returns the manifests of a system.
func placed(t *testing.T, s *System, parallel bool) (Place, []map[string]any) {
	t.Helper()
	at := Place{Namespace: "place", Replicas: 3, DNS: "10.96.0.10", Work: t.TempDir(), Apps: "/apps", Control: "/control", Parallel: parallel}
	text, err := s.Objects(at)
	must(t, err)
	var all []map[string]any
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return at, all
		}
		must(t, err)
		var object map[string]any
		must(t, yaml.UnmarshalStrict(document, &object))
		all = append(all, object)
	}
}

func TestManifestsAreStrictAndHaveTheWorkload(t *testing.T) {
	kinds := map[string]func() any{
		"Service":     func() any { return new(corev1.Service) },
		"Pod":         func() any { return new(corev1.Pod) },
		"StatefulSet": func() any { return new(appsv1.StatefulSet) },
		"Deployment":  func() any { return new(appsv1.Deployment) },
	}
	for _, s := range All {
		for _, parallel := range []bool{true, false} {
			_, objects := placed(t, &s, parallel)
			found := false
			for _, object := range objects {
				kind, _ := object["kind"].(string)
				text, err := yaml.Marshal(object)
				must(t, err)
				if kinds[kind] == nil {
					t.Fatalf("%s has an object of the kind %q", s.Key, kind)
				}
				if err := yaml.UnmarshalStrict(text, kinds[kind]()); err != nil {
					t.Errorf("%s: %s: %v", s.Key, kind, err)
				}
				metadata, _ := object["metadata"].(map[string]any)
				if name, _ := metadata["name"].(string); kind+"/"+name != s.Workload {
					continue
				}
				found = true
				if spec := object["spec"].(map[string]any); spec["replicas"] != 3.0 && spec["replicas"] != int64(3) {
					t.Errorf("%s has %v members, want those of its place", s.Key, spec["replicas"])
				}
			}
			if !found {
				t.Errorf("%s has no %s", s.Key, s.Workload)
			}
		}
	}
}

func TestCertificatesAreTrustedForTheirNamesOnly(t *testing.T) {
	dir := t.TempDir()
	ca, err := newAuthority(dir)
	must(t, err, ca.issue("a", "a.example.org"))
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "a.pem"), filepath.Join(dir, "a.pem"))
	must(t, err)
	roots := x509.NewCertPool()
	text, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	must(t, err)
	roots.AppendCertsFromPEM(text)
	for name, trusted := range map[string]bool{"a.example.org": true, "b.example.org": false} {
		for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			_, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, KeyUsages: []x509.ExtKeyUsage{usage}})
			if (err == nil) != trusted {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
