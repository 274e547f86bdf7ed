package manifests

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
)

// jsonDocuments reads one value after the other, of a text that begins in a
// line. It ends after the first error, a *lineError.
func jsonDocuments(text []byte, line int) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		decoder := json.NewDecoder(bytes.NewReader(text))
		counted := 0
		for {
			var raw json.RawMessage
			err := decoder.Decode(&raw)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(document{}, jsonError(text[counted:], counted, line, err))
				return
			}
			start := int(decoder.InputOffset()) - len(raw)
			line += bytes.Count(text[counted:start], []byte("\n"))
			counted = start
			if !yield(document{place: place{line: line}, json: raw}, nil) {
				return
			}
		}
	}
}

// jsonError finds the line of a syntax error in rest, which begins at an offset
// of the text and in a line.
func jsonError(rest []byte, offset, line int, err error) error {
	end := len(bytes.TrimRight(rest, " \t\r\n"))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		end = min(max(int(syntax.Offset)-offset, 0), len(rest))
	}
	return &lineError{line + bytes.Count(rest[:end], []byte("\n")), err}
}
