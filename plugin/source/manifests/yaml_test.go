package manifests

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestYAMLBecomesJSON(t *testing.T) {
	for _, row := range []struct{ name, yaml, want string }{
		{"words that are truth values in YAML 1.1", "[y, Yes, ON, true, True, n, No, off, false]",
			"[true,true,true,true,true,false,false,false,false]"},
		{"the same words in quotes", `['y', "no", 'true']`, `["y","no","true"]`},
		{"nothing in its forms", "[null, ~, ]", "[null,null]"},
		{"numbers", "[1, -2, 0x10, 017, 1_000, 1.50, 1e3, +7]", "[1,-2,16,15,1000,1.5,1000,7]"},
		{"a number in quotes", `["1"]`, `["1"]`},
		{"a day is a string", "[2024-05-01]", `["2024-05-01"]`},
		{"tags", "[!!str 1, !!float 3, !!binary aGk=, !own x]", `["1",3,"hi","x"]`},
		{"keys are strings", "{1: a, true: b}", `{"1":"a","true":"b"}`},
		{"keys that are aliases", "{&k a: 1, b: {*k : 2}}", `{"a":1,"b":{"a":2}}`},
		{"an alias", "a: &x\n  b: 1\n\nc: *x\n", `{"a":{"b":1},"c":{"b":1}}`},
		{"a key goes before a merged one, and the first of those before the others",
			"- &x {a: 1, b: 1}\n- &y {b: 2, c: 2}\n- {<<: [*x, *y], a: 3}\n",
			`[{"a":1,"b":1},{"b":2,"c":2},{"a":3,"b":1,"c":2}]`},
		{"a merged mapping may be merged itself", "- &x {a: 1}\n- &y {<<: *x, b: 2}\n- {<<: *y}\n", `[{"a":1},{"a":1,"b":2},{"a":1,"b":2}]`},
		{"a key in quotes is no merge", `{"<<": 1}`, `{"<<": 1}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := texts(t, row.yaml); !slices.Equal(got, []string{"1 " + row.want}) {
				t.Errorf("got  %q\nwant %q", got, row.want)
			}
		})
	}
}

// texts returns the lines and the JSON of all documents.
func texts(t *testing.T, data string) (all []string) {
	t.Helper()
	text, err := textOf([]byte(data))
	must(t, err)
	for doc, err := range documents("a.yaml", text) {
		must(t, err)
		all = append(all, fmt.Sprintf("%d %s", doc.line, doc.json))
	}
	return all
}

func TestDocumentsAreSplitWhereTheParserWould(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       []string
	}{
		{"marks", "a: 1\n---\nb: 2\n--- # three\nc: 3\n", []string{`1 {"a":1}`, `3 {"b":2}`, `5 {"c":3}`}},
		{"a mark first, and one last", "---\na: 1\n---\n", []string{`2 {"a":1}`}},
		{"a value on the line of the mark", "--- {a: 1}\n--- |\n text\n--- b\n", []string{`1 {"a":1}`, `2 "text\n"`, `4 "b"`}},
		{"what looks like a mark", "---a: 1\nb: |\n  ---\n  x\n", []string{`1 {"---a":1,"b":"---\nx\n"}`}},
		{"a directive", "# one\n%YAML 1.1\n---\na: 1\n...\n%TAG ! tag:example.org,2024:\n---\nb: 2\n", []string{`4 {"a":1}`, `8 {"b":2}`}},
		{"the end of a document, and another one without a mark", "a: 1\n...\nb: 2\n", []string{`1 {"a":1}`, `3 {"b":2}`}},
		{"comments alone", "# one\n---\n# two\n--- # three\n", nil},
		{"lines that end as in Windows, and as in an old Mac", "a: 1\r\n---\r\nb: 2\r---\rc: 3\r", []string{`1 {"a":1}`, `3 {"b":2}`, `5 {"c":3}`}},
		{"JSON one after the other", "{\"a\":\n1}\n{\"b\":2}{\"c\":3}\n---\n\n{\"d\":4}\n", []string{"1 {\"a\":\n1}", `3 {"b":2}`, `3 {"c":3}`, `6 {"d":4}`}},
		{"JSON behind the mark", "--- {\"a\":1}\n{\"b\":2}\n", []string{`1 {"a":1}`, `2 {"b":2}`}},
		{"YAML that begins as JSON does", "{a: 1,\n b: [c, ]}\n", []string{`1 {"a":1,"b":["c"]}`}},
		{"marks in the middle", "\uFEFFa: 1\n---\n\uFEFFb: 2\n\uFEFF---\nc: 3\n", []string{`1 {"a":1}`, `3 {"b":2}`, `5 {"c":3}`}},
		{"marks between JSON", "\uFEFF{\"a\":1}\n\uFEFF{\"b\":2}\uFEFF{\"c\":3}", []string{`1 {"a":1}`, `2 {"b":2}`, `2 {"c":3}`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := texts(t, row.text); !slices.Equal(got, row.want) {
				t.Errorf("got  %q\nwant %q", got, row.want)
			}
			for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
				if got := texts(t, inUTF16(row.text, order)); !slices.Equal(got, row.want) {
					t.Errorf("in UTF-16, %s endian:\ngot  %q\nwant %q", name, got, row.want)
				}
			}
		})
	}
}

// inUTF16 writes text with a mark in front.
func inUTF16(text string, order binary.AppendByteOrder) string {
	var data []byte
	for _, unit := range utf16.Encode([]rune("\uFEFF" + strings.TrimPrefix(text, "\uFEFF"))) {
		data = order.AppendUint16(data, unit)
	}
	return string(data)
}

// What the library reads no further than to the end of a document is refused,
// where something follows.
func TestNothingBehindADocumentIsPassedOver(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"another flow mapping", "a: 1\n---\n{b: 2}\n{c: 3}\n", "4: did not find expected <document start>"},
		{"text behind a flow list", "[a]\nb: 1\n", "2: did not find expected <document start>"},
		{"a mark behind a line break that only YAML 1.1 knows", "a: 1\u2028---\u2028b: 2\n", "1: something follows the document without a line --- between them"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var last error
			for _, err := range documents("a.yaml", []byte(row.text)) {
				last = err
			}
			if last == nil || last.Error() != row.want {
				t.Errorf("got  %v\nwant %s", last, row.want)
			}
		})
	}
}
