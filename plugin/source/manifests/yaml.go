package manifests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// maxYAMLDepth bounds how deep mappings and lists nest.
	maxYAMLDepth = 1000
	// maxAliased bounds what the aliases of a file stand for, in bytes: an alias
	// of aliases doubles with every line.
	maxAliased = 4 << 20
	// maxValues bounds the values of an object, or of a YAML document, which is
	// read in one piece: each takes some 300 bytes of memory meanwhile.
	maxValues = 2_000_000
	// maxLineSearch is the size of the largest file, in bytes, in which the
	// line of a syntax error is searched for.
	maxLineSearch = 1 << 20
)

// yamlDocuments reads a stream of YAML documents.
func yamlDocuments(data []byte) iter.Seq2[document, error] {
	return func(yield func(document, error) bool) {
		if line := crowdedDocument(data); line > 0 {
			yield(document{}, errorAt(line, "a document of more than %d values; make several of it, or write it as JSON", maxValues))
			return
		}
		decoder := yaml.NewDecoder(bytes.NewReader(data))
		aliased := 0
		for {
			node, err := nextNode(decoder)
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(document{}, syntaxErrorLine(data, err))
				return
			}
			doc, err := toJSON(node, &aliased)
			if !yield(doc, err) || err != nil {
				return
			}
		}
	}
}

// crowdedDocument returns the line where the first document begins that could
// have more than maxValues, or 0. The parser cannot be stopped in a document.
func crowdedDocument(data []byte) (line int) {
	start, values, n := 1, 0, 0
	for text := range bytes.Lines(data) {
		n++
		if isMark(text) {
			start, values = n, 0
		}
		if values += countValues(text) + 1; values > maxValues {
			return start
		}
	}
	return 0
}

// isMark tells whether a document begins with a line: "---a" is text.
func isMark(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// countValues returns about how many values begin in a text besides the first,
// keys among them. It may count in strings and comments, but misses few.
func countValues(text []byte) int {
	n := 0
	for i, c := range text {
		switch c {
		case ',', '[', '{', '\r':
			n++
		case ':', '-', '?':
			if i+1 == len(text) || text[i+1] == ' ' || text[i+1] == '\t' || text[i+1] == '\n' || c == ':' && i > 0 && text[i-1] == '"' {
				n++
			}
		}
	}
	return n
}

// nextNode returns the root of the next document. A manifest must not end the
// server, and so neither must a panic of the parser.
func nextNode(decoder *yaml.Decoder) (root *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the YAML parser gave up: %v", r)
		}
	}()
	var node yaml.Node
	if err := decoder.Decode(&node); err != nil {
		return nil, err
	}
	return node.Content[0], nil
}

// syntaxErrorLine finds the first line with which data has the error. The
// parser itself names the line where the enclosing mapping begins, the line
// before that, or none.
func syntaxErrorLine(data []byte, err error) error {
	text := err.Error()
	named, bare := splitYAMLError(text)
	if len(data) > maxLineSearch {
		return &lineError{named, errors.New(bare)}
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	line := 1 + sort.Search(len(lines)-1, func(i int) bool {
		end := 0
		for _, l := range lines[:i+1] {
			end += len(l)
		}
		return yamlError(data[:end]) == text
	})
	return &lineError{line, errors.New(bare)}
}

// yamlError returns the text of the first syntax error in data.
func yamlError(data []byte) string {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := nextNode(decoder); err != nil {
			return err.Error()
		}
	}
}

var yamlErrorForm = regexp.MustCompile(`^(?:yaml: )?(?:line ([0-9]+): )?`)

// splitYAMLError takes the line, 1 where there is none, off an error of the
// parser.
func splitYAMLError(text string) (line int, bare string) {
	parts := yamlErrorForm.FindStringSubmatch(text)
	line, _ = strconv.Atoi(parts[1])
	return max(line, 1), strings.TrimPrefix(text, parts[0])
}

// toJSON writes a YAML document as JSON, with every value in its own line of
// the manifest. Scalars mean what they mean to kubectl, which reads YAML 1.1.
// It counts what aliases stand for.
func toJSON(root *yaml.Node, aliased *int) (document, error) {
	w := jsonWriter{line: root.Line, aliased: aliased}
	if err := w.value(root); err != nil {
		return document{}, err
	}
	return document{json: w.out.Bytes(), line: root.Line}, nil
}

type jsonWriter struct {
	out  bytes.Buffer
	line int
	// depth counts the mappings and lists around the value, aliases the
	// aliases that led to it.
	depth, aliases int
	// aliased counts the bytes of values below aliases.
	aliased *int
}

func (w *jsonWriter) value(n *yaml.Node) error {
	if err := w.visit(n); err != nil {
		return err
	}
	w.depth++
	defer func() { w.depth-- }()
	switch n.Kind {
	case yaml.AliasNode:
		w.aliases++
		defer func() { w.aliases-- }()
		return w.value(n.Alias)
	case yaml.MappingNode:
		return w.mapping(n)
	case yaml.SequenceNode:
		return w.sequence(n)
	}
	return w.scalar(n)
}

// visit moves on to the line of n, and ends what has no end.
func (w *jsonWriter) visit(n *yaml.Node) error {
	if w.depth > maxYAMLDepth {
		return errorAt(w.line, "more than %d mappings and lists inside one another", maxYAMLDepth)
	}
	if w.aliases == 0 {
		for ; w.line < n.Line; w.line++ {
			w.out.WriteByte('\n')
		}
		return nil
	}
	if *w.aliased += 1 + len(n.Value); *w.aliased > maxAliased {
		return errorAt(w.line, "the aliases of the file stand for more than %d MiB", maxAliased>>20)
	}
	return nil
}

func (w *jsonWriter) sequence(n *yaml.Node) error {
	w.out.WriteByte('[')
	for i, item := range n.Content {
		if i > 0 {
			w.out.WriteByte(',')
		}
		if err := w.value(item); err != nil {
			return err
		}
	}
	w.out.WriteByte(']')
	return nil
}

func (w *jsonWriter) mapping(n *yaml.Node) error {
	w.out.WriteByte('{')
	entries := entryWriter{jsonWriter: w}
	if slices.ContainsFunc(n.Content, isMerge) {
		entries.written = make(map[string]bool)
	}
	if err := entries.own(n); err != nil {
		return err
	}
	if entries.written != nil {
		if err := entries.merged(n); err != nil {
			return err
		}
	}
	w.out.WriteByte('}')
	return nil
}

// resolved returns the node that n stands for.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isMerge(key *yaml.Node) bool { return key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" }

// entryWriter writes the entries of one mapping.
type entryWriter struct {
	*jsonWriter
	count int
	// written holds the keys so far; nil where nothing is merged in.
	written map[string]bool
}

// own writes the entries that stand in n itself. A key given twice is written
// twice: that is the decoder's to refuse.
func (w *entryWriter) own(n *yaml.Node) error {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			continue
		}
		if err := w.entry(n.Content[i], n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (w *entryWriter) entry(key, value *yaml.Node) error {
	if err := w.visit(key); err != nil {
		return err
	}
	key = resolved(key)
	if key.Kind != yaml.ScalarNode {
		return errorAt(w.line, "a key is a mapping or a list; it must be a name")
	}
	if w.written != nil {
		w.written[key.Value] = true
	}
	if w.count++; w.count > 1 {
		w.out.WriteByte(',')
	}
	w.quote(key.Value)
	w.out.WriteByte(':')
	return w.value(value)
}

// merged writes the entries that n takes over with the key <<: those whose
// keys are not there yet.
func (w *entryWriter) merged(n *yaml.Node) error {
	w.depth++
	defer func() { w.depth-- }()
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !isMerge(n.Content[i]) {
			continue
		}
		sources := []*yaml.Node{n.Content[i+1]}
		if sources[0].Kind == yaml.SequenceNode {
			sources = sources[0].Content
		}
		for _, from := range sources {
			if err := w.merge(from); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *entryWriter) merge(n *yaml.Node) error {
	if err := w.visit(n); err != nil {
		return err
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
		w.aliases++
		defer func() { w.aliases-- }()
	}
	if n.Kind != yaml.MappingNode {
		return errorAt(w.line, "the value of << is not a mapping, or a list of mappings")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) || w.written[resolved(n.Content[i]).Value] {
			continue
		}
		if err := w.entry(n.Content[i], n.Content[i+1]); err != nil {
			return err
		}
	}
	return w.merged(n)
}

func (w *jsonWriter) scalar(n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!null":
		w.out.WriteString("null")
	case "!!bool", "!!int", "!!float", "!!binary":
		return w.decoded(n)
	default:
		w.text(n)
	}
	return nil
}

// decoded writes what has more than one form in YAML.
func (w *jsonWriter) decoded(n *yaml.Node) error {
	if n.Style == 0 && isJSON(n.Value) {
		w.out.WriteString(n.Value)
		return nil
	}
	var value any
	err := n.Decode(&value)
	if err != nil {
		_, bare := splitYAMLError(err.Error())
		return errorAt(w.line, "%s", bare)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return errorAt(w.line, "%s is not a number that an object can hold", n.Value)
	}
	w.out.Write(text)
	return nil
}

// isJSON is true for the usual form of a number or truth value.
func isJSON(text string) bool {
	if text == "true" || text == "false" {
		return true
	}
	number, err := strconv.ParseInt(text, 10, 64)
	return err == nil && strconv.FormatInt(number, 10) == text
}

// text writes a string, or one of the words that are true and false in YAML
// 1.1 where they stand without quotes.
func (w *jsonWriter) text(n *yaml.Node) {
	if n.Style == 0 {
		switch n.Value {
		case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
			w.out.WriteString("true")
			return
		case "n", "N", "no", "No", "NO", "off", "Off", "OFF":
			w.out.WriteString("false")
			return
		}
	}
	w.quote(n.Value)
}

func (w *jsonWriter) quote(text string) {
	quoted, _ := json.Marshal(text) // A string always has a form in JSON.
	w.out.Write(quoted)
}
