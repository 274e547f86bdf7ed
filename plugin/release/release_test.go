package release

import "testing"

func TestVersionIsThatOfTheProgramWhereItHasOne(t *testing.T) {
	if got := Version(); got != "devel" && got != "unknown" {
		t.Errorf("a test has no version of its own: got %q, want devel", got)
	}
	Own = "1.2.3"
	t.Cleanup(func() { Own = "" })
	if got := Version(); got != "1.2.3" {
		t.Errorf("got %q, want 1.2.3", got)
	}
}
