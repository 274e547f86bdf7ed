package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
)

// What the page about migration tells people to type must be understood.
func TestTheFlagsOfTheMigrationPageAreThere(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "migration.md"))
	must(t, err)
	found := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		flags, ok := strings.CutPrefix(line, "build/compare ")
		if !ok {
			_, flags, ok = strings.Cut(line, "COMPARE='")
			flags, _, _ = strings.Cut(flags, "'")
		}
		if !ok {
			continue
		}
		found++
		if _, err := parse(strings.Fields(flags), io.Discard); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if found < 2 {
		t.Errorf("the page shows %d command lines of this program, want 2 at least", found)
	}
	if _, err := parse([]string{"-accept", "An address that two Pods claim"}, io.Discard); err != nil || !strings.Contains(string(text), "-accept 'An address that two Pods claim'") {
		t.Errorf("the example of -accept: %v", err)
	}
}

// word is a word in marks of Markdown, such as an option or a plugin.
var word = regexp.MustCompile("`[^`]+`|\\*[^*]+\\*")

// The page has two ways. What nobody can ask for must stand there, too.
func TestTheMigrationPageHasWhatIsAnsweredByHand(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "migration.md"))
	must(t, err)
	_, ways, _ := strings.Cut(string(text), "\n## Two ways\n")
	ways, _, found := strings.Cut(ways, "\n## ")
	if !found {
		t.Fatal("there is no section about two ways")
	}
	for _, one := range differences.AllByHand {
		words := word.FindAllString(one.Question, -1)
		if len(words) == 0 {
			t.Errorf("%q names no option, plugin or type", one.Question)
		}
		for _, each := range words {
			if !strings.Contains(ways, each) {
				t.Errorf("%q: the page does not name %s", one.Question, each)
			}
		}
	}
}
