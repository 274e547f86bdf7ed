package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

func readPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "why.md"))
	must(t, err)
	return string(text)
}

var idRow = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|")

func TestThePageHasEachCauseInItsOrder(t *testing.T) {
	_, causes, _ := strings.Cut(readPage(t), "\n## Causes\n")
	var got []why.CauseID
	for _, match := range idRow.FindAllStringSubmatch(causes, -1) {
		got = append(got, why.CauseID(match[1]))
	}
	if !slices.Equal(got, why.CauseIDs) {
		t.Errorf("got %q, want %q", got, why.CauseIDs)
	}
}

var commandLine = regexp.MustCompile("(?:kubectl why-dns|coredns-why) [^`\n]*")

// What the page tells people to type must be understood.
func TestTheCommandsOfThePageAreUnderstood(t *testing.T) {
	found := 0
	for _, line := range commandLine.FindAllString(readPage(t), -1) {
		line, _, _ = strings.Cut(line, "  #")
		_, args, _ := strings.Cut(strings.TrimPrefix(line, "kubectl "), " ")
		found++
		if _, err := parse(strings.Fields(args), now, io.Discard); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if found < 10 {
		t.Errorf("the page has %d commands, want 10 at least", found)
	}
}

// The way from an error to what repairs it.
func TestThePageHasASliceToFillIn(t *testing.T) {
	if text := readPage(t); !strings.Contains(text, "\n### Slices\n") || !strings.Contains(text, "kubernetes.io/service-name: pg") {
		t.Error("docs/why.md#slices leads nowhere")
	}
}
