package manifests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strconv"
	"strings"

	yamlv2 "go.yaml.in/yaml/v2"
	"sigs.k8s.io/yaml"
)

const (
	// maxAliased bounds what the aliases of a file stand for, in bytes: an alias
	// of aliases doubles with every line, and the library bounds the number of
	// values alone.
	maxAliased = 4 << 20
	// maxValues bounds the values of an object, or of a YAML document, which is
	// read in one piece.
	maxValues = 2_000_000
)

// yamlDocuments reads a stream of YAML documents, and of JSON values between
// their marks, as kubectl does. It ends after the first error, a *lineError.
func yamlDocuments(text []byte) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		aliased := 0
		for c := range chunks(text) {
			if c.isJSON() {
				values, err := 0, error(nil)
				for doc, failed := range jsonDocuments(c.body(), c.line) {
					if err = failed; err != nil {
						break
					}
					values++
					if !yield(doc, nil) {
						return
					}
				}
				if err == nil {
					continue
				}
				if values > 0 {
					yield(document{}, err)
					return
				}
				// What begins with a brace may still be YAML.
			}
			doc, err := c.document(&aliased)
			if !yield(doc, err) || err != nil {
				return
			}
		}
	}
}

// chunk is the part of a YAML stream that is one document.
type chunk struct {
	text []byte
	// first is the line in which text begins, and line that of the first value.
	first, line int
	// at is the offset of the first value in text.
	at     int
	values int
}

// chunks splits a stream where the parser would: at a mark, and behind the end
// of a document. The mark is a part of what follows, and so are directives.
func chunks(text []byte) iter.Seq[chunk] {
	return func(yield func(chunk) bool) {
		start, at, line := 0, 0, 0
		// begun is set from the mark on, or from the first value.
		begun := false
		c := chunk{first: 1}
		next := func() bool {
			c.text = text[start:at]
			goOn := c.line == 0 || yield(c)
			start, begun = at, false
			c = chunk{first: line}
			return goOn
		}
		for content := range bytes.Lines(text) {
			line++
			marked := isMark(content, "---")
			if marked && begun && !next() {
				return
			}
			begun = begun || marked
			if offset := firstValue(content, marked, begun); offset >= 0 {
				begun = true
				if c.line == 0 {
					c.line, c.at = line, at-start+offset
				}
				c.values += countValues(content[offset:]) + 1
			}
			at += len(content)
			if isMark(content, "...") {
				line++
				if !next() {
					return
				}
				line--
			}
		}
		next()
	}
}

// isMark reports whether a line is a mark between documents: "---a" is text.
func isMark(line []byte, mark string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(mark))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\n"), rest[0]) >= 0)
}

// firstValue returns the offset of the first byte in a line that is neither
// white space nor mark, comment or directive; -1 where there is none.
func firstValue(line []byte, marked, begun bool) int {
	rest := line
	if marked {
		rest = line[len("---"):]
	}
	rest = bytes.TrimLeft(rest, " \t\n")
	if len(rest) == 0 || rest[0] == '#' || rest[0] == '%' && !begun || isMark(line, "...") {
		return -1
	}
	return len(line) - len(rest)
}

// countValues returns about how many values begin in a text besides the first,
// keys among them. It may count in strings and comments, but misses few.
func countValues(text []byte) int {
	n := 0
	for i, c := range text {
		switch c {
		case ',', '[', '{':
			n++
		case ':', '-', '?':
			if i+1 == len(text) || text[i+1] == ' ' || text[i+1] == '\t' || text[i+1] == '\n' || c == ':' && i > 0 && text[i-1] == '"' {
				n++
			}
		}
	}
	return n
}

func (c chunk) body() []byte { return c.text[c.at:] }

func (c chunk) isJSON() bool { return c.text[c.at] == '{' }

// document has the library read a document. It counts what aliases stand for.
// A manifest must not end the server, and so neither must a panic of the
// library.
func (c chunk) document(aliased *int) (doc document, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errorAt(c.line, "the YAML parser gave up: %v", r)
		}
	}()
	doc.line = c.line
	if c.values > maxValues {
		return doc, errorAt(c.line, "a document of more than %d values; make several of it, or write it as JSON", maxValues)
	}
	if c.isUnusual() {
		if err := c.inspect(aliased); err != nil {
			return doc, err
		}
	}
	doc.json, err = yaml.YAMLToJSONStrict(c.text)
	if _, twice := errors.AsType[*yamlv2.TypeError](err); twice {
		if !bytes.Contains(c.text, []byte("<<")) {
			// The library takes for a second definition of a key what goes before
			// a merged one.
			doc.flaw = c.wrong(err)
		}
		doc.json, err = yaml.YAMLToJSON(c.text)
	}
	if err != nil {
		return doc, c.wrong(err)
	}
	return doc, nil
}

// isUnusual reports whether a document must be looked into before it is
// converted: it may have aliases, or more behind its end, which the library
// would pass over in silence.
func (c chunk) isUnusual() bool {
	has := func(text string) bool { return bytes.Contains(c.text, []byte(text)) }
	return has("&") && has("*") || bytes.IndexByte([]byte(`{["'`), c.text[c.at]) >= 0 ||
		has("\u0085---") || has("\u2028---") || has("\u2029---")
}

var errAliased = fmt.Errorf("the aliases of the file stand for more than %d MiB", maxAliased>>20)

// inspect refuses aliases that stand for too much, and what follows a document
// without a mark.
func (c chunk) inspect(aliased *int) error {
	decoder := yamlv2.NewDecoder(bytes.NewReader(c.text))
	var value, more any
	err := decoder.Decode(&value)
	if err != nil && strings.Contains(err.Error(), "excessive aliasing") {
		return &lineError{c.line, errAliased}
	}
	if err != nil {
		return c.wrong(err)
	}
	room := len(c.text) + maxAliased - *aliased
	left := unfold(value, room)
	*aliased += max(0, room-left-len(c.text))
	if left < 0 {
		return &lineError{c.line, errAliased}
	}
	err = decoder.Decode(&more)
	if err == nil {
		err = errors.New("something follows the document without a line --- between them")
	}
	if err == io.EOF {
		return nil
	}
	return c.wrong(err)
}

// unfold takes from room what a value has when its aliases are written out, in
// bytes, and stops where nothing is left.
func unfold(value any, room int) int {
	room--
	switch v := value.(type) {
	case string:
		return room - len(v)
	case []any:
		for i := 0; i < len(v) && room >= 0; i++ {
			room = unfold(v[i], room)
		}
	case map[any]any:
		for key, value := range v {
			if room = unfold(value, unfold(key, room)); room < 0 {
				break
			}
		}
	}
	return room
}

var (
	yamlErrorForm = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s+)?(?:line ([0-9]+): )?`)
	// parserError is true of what the parser of the library finds wrong, whose
	// lines it counts from 0. Those of its scanner it counts from 1.
	parserError = regexp.MustCompile(`^did not find expected (?:<|node content|key|'-'|',')`)
)

// wrong returns an error of the library in the line that it names, else in that
// of the document. The library counts lines from the chunk's first one.
func (c chunk) wrong(err error) error {
	text := err.Error()
	parts := yamlErrorForm.FindStringSubmatch(text)
	line := c.line
	bare := strings.TrimPrefix(text, parts[0])
	if n, err := strconv.Atoi(parts[1]); err == nil {
		if !parserError.MatchString(bare) {
			n--
		}
		line = c.first + min(max(n, 0), bytes.Count(bytes.TrimRight(c.text, "\n"), []byte("\n")))
	}
	return &lineError{line, errors.New(bare)}
}
