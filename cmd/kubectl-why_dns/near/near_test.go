package near

import "testing"

func TestDistance(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want int
	}{
		{"web", "web", 0},
		{"web", "wep", 1},
		{"web", "we", 1},
		{"front", "frnot", 2},
		{"web", "billing", 3},
		{"", "ab", 2},
		{"abc", "xyz", 3},
	} {
		if got := Distance(row.a, row.b, 2); got != row.want {
			t.Errorf("%q and %q: got %d, want %d", row.a, row.b, got, row.want)
		}
		if got := Distance(row.b, row.a, 2); got != row.want {
			t.Errorf("%q and %q: got %d, want %d", row.b, row.a, got, row.want)
		}
	}
}

func TestShortWordsAreAlikeInAllButOneLetter(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"db", "dbb", true},
		{"web", "dbb", false},
		{"wep", "web", true},
		{"biling", "billing", true},
		{"bilinq", "billing", true},
		{"front", "frontend", false},
	} {
		if got := Alike(row.a, row.b); got != row.want {
			t.Errorf("%q and %q: got %v", row.a, row.b, got)
		}
	}
}
