package manifests

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// FuzzLoad feeds the loader one file, as YAML and as JSON. Nothing may crash or
// stall it, an error names a line that the file has, and what it makes of a
// file does not depend on what it has read before.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/load/*/*.yaml", "testdata/load/*/*.json", "../../../testdata/demo/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		must(f, err)
		if len(paths) == 0 {
			f.Fatalf("no seeds: %s", pattern)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			must(f, err)
			f.Add(data)
		}
	}
	for _, seed := range []string{
		"a: &a [*a]", "a: &a\n  <<: *a\n", "? [a]\n: b", "{{ template }}", "a: .inf", "--- !!map\n!!str a: !!int 3", "%YAML 1.1\n---\n",
		"%TAG ! tag:example.org,2024:\n---\n!a b", "a: |\n  b\n...\n---\n", "\xff\xfe", "{}{}[]", "- - - -", "[[[[", "{\"items\":[", "\t",
		"\xff\xfea\x00:\x00", "---\n\uFEFFa: b\n---\n\uFEFF{}", "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[{\"kind\":\"List\"}]}", "{a: b}\n{c: d}",
		"a: b\u2028---\u2028c: d", "<<: [a]", "a: &a {b: 1}\nc: {<<: *a, b: 2}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, path := range []string{"fuzz.yaml", "fuzz.json"} {
			fuzzOne(t, path, data)
		}
	})
}

func fuzzOne(t *testing.T, path string, data []byte) {
	m := newMaker(Options{NamespaceLabels: selector(t, "a=b")})
	made, err := parse(m, path, data)
	again, errAgain := parse(m, path, data)
	if (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
		t.Fatalf("read twice: %v, then %v", err, errAgain)
	}
	text, errText := textOf(data)
	if errText != nil {
		return
	}
	lastLine := 1 + bytes.Count(text, []byte("\n"))
	if err != nil {
		parts := strings.SplitN(err.Error(), ":", 3)
		if line, notNumber := strconv.Atoi(parts[1]); notNumber != nil || line < 1 || line > lastLine {
			t.Fatalf("an error outside of the %d lines of the file: %v", lastLine, err)
		}
		return
	}
	if len(made.objects) > len(text) || len(again.objects) != len(made.objects) {
		t.Fatalf("%d objects in %d bytes, then %d", len(made.objects), len(text), len(again.objects))
	}
	var all definitions
	for i := range made.objects {
		o := &made.objects[i]
		if o.line < 1 || o.line > lastLine {
			t.Fatalf("an object in line %d of %d", o.line, lastLine)
		}
		if o.refused != nil && o.reported != nil {
			t.Fatalf("refused and reported: %+v", o)
		}
		all.add(path, o)
	}
	first, _ := all.state()
	second, _ := all.state()
	if changes := first.Difference(&second); len(changes) > 0 {
		t.Fatalf("%d changes for nothing: %v", len(changes), changes)
	}
	if isPart(made.objects, made.objects) {
		t.Fatal("a part of itself")
	}
}
