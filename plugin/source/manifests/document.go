package manifests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
)

// document is one object of a manifest as JSON, whose line breaks are those of
// the manifest: line is where it begins, and counting from there gives the
// line of everything in it.
type document struct {
	json []byte
	line int
}

// lineAt returns the line of the manifest in which the byte before offset is.
func (d document) lineAt(offset int64) int {
	return d.line + bytes.Count(d.json[:min(max(offset, 0), int64(len(d.json)))], []byte("\n"))
}

// isNull is true for a document of nothing but comments.
func (d document) isNull() bool { return string(d.json) == "null" }

func (d document) isMapping() bool { return len(d.json) > 0 && d.json[0] == '{' }

// lineError is an error in a line of a manifest.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return fmt.Sprintf("%d: %v", e.line, e.err) }

func errorAt(line int, format string, args ...any) error {
	return &lineError{line, fmt.Errorf(format, args...)}
}

// documents splits a manifest. It ends after the first error, a *lineError.
func documents(path string, data []byte) iter.Seq2[document, error] {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if filepath.Ext(path) == ".json" {
		return jsonDocuments(data)
	}
	return yamlDocuments(data)
}

// jsonDocuments reads one value after the other.
func jsonDocuments(data []byte) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		decoder := json.NewDecoder(bytes.NewReader(data))
		whole := cursor{document: document{json: data, line: 1}}
		for {
			var raw json.RawMessage
			err := decoder.Decode(&raw)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(document{}, whole.syntaxError(err))
				return
			}
			if !yield(whole.at(decoder.InputOffset(), raw), nil) {
				return
			}
		}
	}
}

// items returns the objects of a list.
func (d document) items() iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		decoder := json.NewDecoder(bytes.NewReader(d.json))
		list := cursor{document: d}
		isList, err := toItems(decoder)
		for isList && decoder.More() {
			var raw json.RawMessage
			if err := decoder.Decode(&raw); err != nil {
				yield(document{}, list.syntaxError(err))
				return
			}
			if !yield(list.at(decoder.InputOffset(), raw), nil) {
				return
			}
		}
		if err == nil && isList {
			err = noFurtherItems(decoder)
		}
		if err != nil {
			yield(document{}, &lineError{d.lineAt(decoder.InputOffset()), err})
		}
	}
}

var (
	errNoItems    = errors.New("items is not a list of objects")
	errItemsTwice = errors.New("items is given twice")
)

// toItems moves decoder to the first of the items of a list, or to the end where
// there are none.
func toItems(decoder *json.Decoder) (isList bool, err error) {
	if _, err := decoder.Token(); err != nil {
		return false, err
	}
	return nextItems(decoder)
}

// noFurtherItems refuses what stands behind the last item where that is another
// list of items, which nobody would read.
func noFurtherItems(decoder *json.Decoder) error {
	if _, err := decoder.Token(); err != nil {
		return err
	}
	again, err := nextItems(decoder)
	if again {
		return errItemsTwice
	}
	return err
}

func nextItems(decoder *json.Decoder) (isList bool, err error) {
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return false, err
		}
		if key == "items" {
			if isList, err := openList(decoder); isList || err != nil {
				return isList, err
			}
			continue
		}
		var other json.RawMessage
		if err := decoder.Decode(&other); err != nil {
			return false, err
		}
	}
	return false, nil
}

// openList moves decoder into a list. It is none where it is null: that is how an
// empty one may be written.
func openList(decoder *json.Decoder) (isList bool, err error) {
	token, err := decoder.Token()
	if err != nil || token == nil {
		return false, err
	}
	if token != json.Delim('[') {
		return false, errNoItems
	}
	return true, nil
}

// cursor counts the lines of a document once, however many parts it has.
type cursor struct {
	document
	passed int
	lines  int
}

// at returns the part of the document that ends at offset.
func (c *cursor) at(end int64, part []byte) document {
	start := int(end) - len(part)
	c.lines += bytes.Count(c.json[c.passed:start], []byte("\n"))
	c.passed = start
	return document{json: part, line: c.line + c.lines}
}

func (c *cursor) syntaxError(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &lineError{c.lineAt(syntax.Offset), err}
	}
	return &lineError{c.lineAt(int64(len(bytes.TrimRight(c.json, " \t\r\n")))), err}
}
