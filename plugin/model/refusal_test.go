package model

import "testing"

func TestAShortenedTextFitsWithItsDots(t *testing.T) {
	for _, test := range []struct {
		text string
		most int
		want string
	}{
		{"", 3, ""},
		{"abcdef", 6, "abcdef"},
		{"abcdef", 5, "ab..."},
		{"abcdef", 3, "..."},
		{"äöüß", 8, "äöüß"},
		{"äöüß", 7, "äö..."},
		{"äöüß", 6, "ä..."},
	} {
		if got := Shorten(test.text, test.most); got != test.want {
			t.Errorf("%q in %d bytes is %q, want %q", test.text, test.most, got, test.want)
		}
	}
}
