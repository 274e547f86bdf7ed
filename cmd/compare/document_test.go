package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
