package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = ".."

func TestTheManualPageIsThatOfTheReadme(t *testing.T) {
	want, err := page(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, manual))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(undated(got), undated(want)) {
		t.Errorf("%s is not what README.md says: run `make man`", manual)
	}
}

func TestTheManualPageHasTheSectionsOfTheReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, readme))
	if err != nil {
		t.Fatal(err)
	}
	made, err := os.ReadFile(filepath.Join(root, manual))
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.NewReplacer("*", "", `"`, "", `\fI`, "", `\fP`, "")
	got := linesAfter(plain.Replace(string(made)), ".SH ")
	want := linesAfter(plain.Replace(string(text)), "## ")
	if len(want) == 0 || !slices.EqualFunc(got, want, strings.EqualFold) {
		t.Errorf("%s has the sections %v, want %v", manual, got, want)
	}
}

// linesAfter returns the rest of each line that begins with the prefix.
func linesAfter(text, prefix string) []string {
	var found []string
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok {
			found = append(found, rest)
		}
	}
	return found
}

func TestPicturesAreCut(t *testing.T) {
	got := string(withoutPictures([]byte("before\n\n![The page](docs/status.png)\n\nafter [a link](docs/why.md)!\n")))
	if want := "before\n\nafter [a link](docs/why.md)!\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOnlyTheTitleOfTheReadmeIsCut(t *testing.T) {
	got, err := withoutTitle([]byte("# k8s_endpoints\n\n~~~ sh\n# a comment\n~~~\n"))
	if want := "\n~~~ sh\n# a comment\n~~~\n"; err != nil || string(got) != want {
		t.Errorf("got %q and %v, want %q", got, err, want)
	}
	if got, err := withoutTitle([]byte("## Name\n")); err == nil {
		t.Errorf("of a README without a title: got %q, want an error", got)
	}
}

func TestAManualPageIsWrittenAnewOnlyWhereMoreThanItsDateHasChanged(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "man"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, mmark), os.DirFS("mmark")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, manual)
	put(t, filepath.Join(dir, readme), "# k8s_endpoints\n\n## Name\n\n*k8s_endpoints* - one.\n")
	made := writeAndRead(t, dir)
	old := strings.Replace(made, `" 7 "`, `" 7 "long ago, `, 1)
	put(t, path, old)
	if got := writeAndRead(t, dir); old == made || got != old {
		t.Errorf("only the date has changed: got\n%s, want\n%s", got, old)
	}
	put(t, filepath.Join(dir, readme), "# k8s_endpoints\n\n## Name\n\n*k8s_endpoints* - two.\n")
	if got := writeAndRead(t, dir); !strings.Contains(got, "two.") || strings.Contains(got, "long ago") {
		t.Errorf("the README has changed: got\n%s", got)
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func writeAndRead(t *testing.T, dir string) string {
	t.Helper()
	if err := write(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, manual))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What man cannot read, nobody else can: a macro that was written wrong.
func TestManReadsThePageWithoutComplaint(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not installed")
	}
	// As man does, it takes the page for UTF-8. Tables that are wider than the line
	// are no mistake of the page.
	out, err := exec.CommandContext(t.Context(), groff, "-k", "-man", "-Tutf8", "-t", "-ww", "-rLL=300n", "coredns-k8s_endpoints.7").CombinedOutput()
	if err != nil {
		t.Fatalf("groff: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "warning:") || strings.Contains(line, "error:") {
			t.Error(strings.TrimSpace(line))
		}
	}
}
