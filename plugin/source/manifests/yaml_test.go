package manifests

import "testing"

func TestYAMLBecomesJSON(t *testing.T) {
	for _, row := range []struct{ name, yaml, want string }{
		{"words that are truth values in YAML 1.1", "[y, Yes, ON, true, True, n, No, off, false]",
			"[true,true,true,true,true,false,false,false,false]"},
		{"the same words in quotes", `['y', "no", 'true']`, `["y","no","true"]`},
		{"nothing in its forms", "[null, ~, ]", "[null,null]"},
		{"numbers", "[1, -2, 0x10, 0o17, 017, 1_000, 1.50, 1e3, +7]", "[1,-2,16,15,15,1000,1.5,1000,7]"},
		{"a number in quotes", `["1"]`, `["1"]`},
		{"a day is a string", "[2024-05-01]", `["2024-05-01"]`},
		{"tags", "[!!str 1, !!float 3, !!binary aGk=, !own x]", `["1",3,"hi","x"]`},
		{"keys are strings", "{1: a, true: b, ~: c}", `{"1":"a","true":"b","~":"c"}`},
		{"keys that are aliases", "{&k a: 1, b: {*k : 2}}", `{"a":1,"b":{"a":2}}`},
		{"every value keeps its line", "a: 1\n\nb:\n- c\n\n- d: |\n    e\n    f\n  g: h\n", "{\"a\":1\n\n,\"b\":\n[\"c\",\n\n{\"d\":\"e\\nf\\n\"\n\n\n,\"g\":\"h\"}]}"},
		{"aliases stay in the line where they are used", "a: &x\n  b: 1\n\nc: *x\n", "{\"a\":{\n\"b\":1}\n\n,\"c\":{\"b\":1}}"},
		{"what stands in a mapping goes before what is merged in, and the first of those before the others",
			"- &x {a: 1, b: 1}\n- &y {b: 2, c: 2}\n- {<<: [*x, *y], a: 3}\n",
			"[{\"a\":1,\"b\":1},\n{\"b\":2,\"c\":2},\n{\"a\":3,\"b\":1,\"c\":2}]"},
		{"a merged mapping may be merged itself", "- &x {a: 1}\n- &y {<<: *x, b: 2}\n- {<<: *y}\n", "[{\"a\":1},\n{\"b\":2,\"a\":1},\n{\"b\":2,\"a\":1}]"},
		{"a key in quotes is no merge", `{"<<": 1}`, `{"\u003c\u003c":1}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			documents := 0
			for doc, err := range yamlDocuments([]byte(row.yaml)) {
				must(t, err)
				documents++
				if got := string(doc.json); got != row.want {
					t.Errorf("got  %q\nwant %q", got, row.want)
				}
			}
			if documents != 1 {
				t.Errorf("%d documents, want one", documents)
			}
		})
	}
}
