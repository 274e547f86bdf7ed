// Package plain makes texts that somebody else has written fit for a terminal.
package plain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Max is how long a text is that Short returns, in bytes, without its dots.
const Max = 300

// Text puts a question mark in the place of whatever is no letter, sign or space, such as control characters and those that
// turn the direction of writing.
func Text(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// Short is Text, cut where it is too long. White space in a row becomes one blank.
func Short(text string) string {
	text = Text(strings.Join(strings.Fields(text), " "))
	if len(text) > Max {
		text = strings.ToValidUTF8(text[:Max], "") + " ..."
	}
	return text
}
