package status

import (
	"strings"
	"testing"
)

func TestACommitIsAbbreviated(t *testing.T) {
	hash := "5710a02" + strings.Repeat("0", 33)
	for commit, want := range map[string]string{"": "", "5710a02": "5710a02", hash: "5710a02", hash + "-dirty": "5710a02-dirty"} {
		if got := abbreviated(commit); got != want {
			t.Errorf("%q is %q, want %q", commit, got, want)
		}
	}
}
