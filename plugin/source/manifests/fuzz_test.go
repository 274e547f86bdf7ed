package manifests

import (
	"errors"
	"os"
	"path/filepath"
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
	l := loader{filter: newFilter(Options{NamespaceLabels: selector(t, "a=b")})}
	objects, err := l.parse(path, data)
	again, errAgain := l.parse(path, data)
	if (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
		t.Fatalf("read twice: %v, then %v", err, errAgain)
	}
	// YAML knows more line breaks than editors do.
	lastLine := 1
	for _, lineBreak := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
		lastLine += strings.Count(string(data), lineBreak)
	}
	if err != nil {
		located, ok := errors.AsType[*lineError](err)
		if !ok || located.line < 1 || located.line > lastLine {
			t.Fatalf("an error outside of the %d lines of the file: %v", lastLine, err)
		}
		return
	}
	if len(objects) > len(data) || len(again) != len(objects) {
		t.Fatalf("%d objects in %d bytes, then %d", len(objects), len(data), len(again))
	}
	for i := range objects {
		o := &objects[i]
		if o.line < 1 || o.line > lastLine {
			t.Fatalf("an object in line %d of %d", o.line, lastLine)
		}
		if o.refused != nil && o.reported != nil {
			t.Fatalf("refused and reported: %+v", o)
		}
	}
	files := map[string]*file{path: {path: path, objects: objects}}
	inForce, _ := definitions(files, nil)
	s := newState()
	first := len(s.become(inForce))
	if second := len(s.become(inForce)); second != 0 {
		t.Fatalf("%d changes, then %d more for nothing", first, second)
	}
}
