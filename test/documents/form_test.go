package documents

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const root = "../.."

// maxReadme is how large README.md may be, in bytes.
const maxReadme = 16 << 10

func read(t *testing.T, document string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(document)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheReadmeIsShort(t *testing.T) {
	if size := len(read(t, Readme)); size > maxReadme {
		t.Errorf("README.md has %d bytes, more than %d: what does not fit belongs into docs", size, maxReadme)
	}
}

// A newcomer reads no further than that.
func TestTheReadmeBeginsWithTheWayIn(t *testing.T) {
	text := read(t, Readme)
	for _, test := range []struct {
		name, words string
		before      int
	}{
		{"the command that builds it", "\nmake build ", len(text) / 10},
		{"the command that runs it", "\nmake run ", len(text) / 10},
		{"the line of plugin.cfg", "\nk8s_endpoints:github.com/k8s-endpoints/k8s_endpoints\n", len(text) / 3},
	} {
		if at := strings.Index(text, test.words); at < 0 || at > test.before {
			t.Errorf("%s is at byte %d of %d, want it before %d", test.name, at, len(text), test.before)
		}
	}
}

// The form is that of the READMEs of CoreDNS's own plugins.
func TestTheReadmeHasTheSectionsOfAPlugin(t *testing.T) {
	want := []string{"Name", "Description", "Syntax", "Names", "Installation", "Examples", "Performance", "Metrics", "Ready", "Metadata", "See Also", "Bugs"}
	var got []string
	for _, each := range headings(read(t, Readme)) {
		if title, ok := strings.CutPrefix(each, "## "); ok {
			got = append(got, title)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got the sections %q, want %q", got, want)
	}
}

// all returns the documents, as paths in the folder of the module.
func all(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		matches, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range matches {
			relative, err := filepath.Rel(root, match)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, filepath.ToSlash(relative))
		}
	}
	if len(found) < 9 {
		t.Fatalf("only %q were found", found)
	}
	return found
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestEachLinkLeadsSomewhere(t *testing.T) {
	for _, document := range all(t) {
		for _, match := range link.FindAllStringSubmatch(withoutCode(read(t, document)), -1) {
			file, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(file, "://") {
				continue
			}
			target := document
			if file != "" {
				target = path.Join(path.Dir(document), file)
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
				t.Errorf("%s: the link %s leads nowhere: %v", document, match[1], err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s: the link %s leads to no section of %s", document, match[1], target)
			}
		}
	}
}

func TestAnchorsAreThoseOfGitHub(t *testing.T) {
	got := anchors("# Why is a Pod missing?\n\n~~~ sh\n# a comment\n~~~\n\n## pod_names\n\n### From *kubernetes* to `x`, again\n")
	if want := []string{"why-is-a-pod-missing", "pod_names", "from-kubernetes-to-x-again"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEachPageIsReachedFromTheReadme(t *testing.T) {
	text := read(t, Readme)
	for _, document := range all(t) {
		if document != Readme && !strings.Contains(text, "]("+document+")") {
			t.Errorf("no link leads to %s", document)
		}
	}
}

var place = regexp.MustCompile("`((?:plugin|cmd|test|deploy|man|docs)(?:/[\\w.-]+)*|[\\w.-]+\\.(?:go|md))`")

func TestContributingNamesWhatIsThere(t *testing.T) {
	found := place.FindAllStringSubmatch(read(t, "CONTRIBUTING.md"), -1)
	if len(found) < 30 {
		t.Errorf("only %d places were found", len(found))
	}
	for _, match := range found {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(match[1]))); err != nil {
			t.Errorf("CONTRIBUTING.md: %v", err)
		}
	}
}

// anchors returns what leads to the headings of a document: lower case, with a
// hyphen for each space, and without signs.
func anchors(text string) []string {
	var found []string
	for _, each := range headings(text) {
		title := strings.ToLower(strings.TrimLeft(each, "# "))
		found = append(found, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return r
			}
			return -1
		}, title))
	}
	return found
}

func headings(text string) []string {
	var found []string
	for line := range strings.Lines(withoutCode(text)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
			found = append(found, line)
		}
	}
	return found
}

var code = regexp.MustCompile("(?ms)^~~~.*?^~~~$")

func withoutCode(text string) string { return code.ReplaceAllString(text, "") }
