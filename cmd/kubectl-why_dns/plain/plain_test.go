package plain

import (
	"strings"
	"testing"
)

func TestNothingReachesTheTerminalThatMovesItsCursor(t *testing.T) {
	for text, want := range map[string]string{
		"web":         "web",
		"a \x1b[31mb": "a ?[31mb",
		"a\nb":        "a?b",
		"\u202eevil":  "?evil",
		"\xff\xfe":    "??",
		"→ ✓":         "→ ✓",
	} {
		if got := Text(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := Short("a\n\t b\x00"); got != "a b?" {
		t.Errorf("got %q", got)
	}
	if got := Short(strings.Repeat("ä", 1000)); len(got) > Max+4 || !strings.HasSuffix(got, " ...") {
		t.Errorf("got %d bytes", len(got))
	}
}
