package model

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// MaxRefused bounds why an object is left out, in bytes: a reason has to fit into an
// answer.
const MaxRefused = 100

// maxQuoted bounds what is repeated of a bad value, in bytes.
const maxQuoted = 40

// refusal is an error with short words for it: what is wrong, and not what would be
// right.
type refusal struct {
	short string
	error
}

// Refuse returns the error that an object is left out, in short words and in the sentence
// of a format.
func Refuse(short, format string, args ...any) error {
	return &refusal{short, fmt.Errorf(format, args...)}
}

// Refusal returns the short words of an error that Refuse has made, or else what fits
// of its text: at most MaxRefused printable bytes.
func Refusal(err error) string {
	short := err.Error()
	if r, ok := errors.AsType[*refusal](err); ok {
		short = r.short
	}
	return strings.Clone(Shorten(strings.Map(plain, short), MaxRefused))
}

// quoted returns a bad value as short words have it.
func quoted(value string) string { return `"` + Shorten(value, maxQuoted) + `"` }

// Shorten returns a text, or where it has more than most bytes, of which there are at least
// three, its beginning and dots: as much as fits into them.
func Shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const dots = "..."
	return strings.ToValidUTF8(text[:most-len(dots)], "") + dots
}

// plain leaves out what means something in the text of a record, or may not stand in
// one.
func plain(r rune) rune {
	if r == '\\' || r > unicode.MaxASCII || !unicode.IsPrint(r) {
		return '?'
	}
	return r
}
