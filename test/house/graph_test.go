package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"
)

// drawn draws the package that has these files: texts are the files a.go, b.go and so on, without their first line.
func drawn(t *testing.T, texts ...string) *graph {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for i, text := range texts {
		file, err := parser.ParseFile(fset, string(rune('a'+i))+".go", "package p\n"+text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	g, err := draw("p", fset, files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestWhatIsAUse(t *testing.T) {
	for _, c := range []struct {
		name, user, used, want string
	}{
		{"a function", "func f() { g() }", "func g() {}", "g"},
		{"a function as a value", "var f = g", "func g() {}", "g"},
		{"a type", "func f(T) {}", "type T int", "T"},
		{"a constant", "const c = d", "const d = 1", "d"},
		{"a variable", "func f() { v++ }", "var v int", "v"},
		{"a method", "type T int; func f(t T) { t.m() }", "func (T) m() {}", "m"},
		{"a method of an embedded type", "type T struct{ *U }; type U int; func f(t T) { t.m() }", "func (U) m() {}", "m"},
		{"a method of a generic type", "type T[E any] []E; func f(t T[int]) { t.m() }", "func (T[E]) m() {}", "m"},
		{"a method of an interface", "func f(i I) { i.m() }", "type I interface{ m() }", "I, m"},
		{"a type that is embedded", "type T struct{ U }", "type U struct{}", "U"},
		{"a receiver", "func (t *T) m() {}", "type T int", "T"},
		{"a field", "type T struct{ U }; func f(t T) int { return t.n }", "type U struct{ n int }", "U, n"},
		{"a field in a literal", "func f() any { return T{n: 1} }", "type T struct{ n int }", "T, n"},
		{"no name of the language", "func f() error { return nil }", "func g() {}", ""},
		{"no local variable of the same name", "func f() { g := 1; _ = g }", "func g() {}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			names := drawn(t, c.user, c.used).uses[edge{"a.go", "b.go"}]
			if got := strings.Join(slices.Sorted(slices.Values(names)), ", "); got != c.want {
				t.Errorf("got the uses %q, want %q", got, c.want)
			}
		})
	}
}

func TestKnots(t *testing.T) {
	for _, c := range []struct {
		name  string
		edges string
		want  string
	}{
		{"no edge, no knot", "", "[]"},
		{"a row is none", "ab bc cd", "[]"},
		{"two that use each other", "ab ba", "[[a b]]"},
		{"a circle", "ab bc cd da", "[[a b c d]]"},
		{"two circles with a file in common are one", "ab ba bc cb", "[[a b c]]"},
		{"two circles with a way from one to the other, the larger first", "ab ba bc cd de ec", "[[c d e] [a b]]"},
		{"who uses a circle is not in it, nor is who is used by one", "ab bc cb cd", "[[b c]]"},
		{"two ways round", "ab ac bd cd da", "[[a b c d]]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &graph{uses: make(map[edge][]string)}
			files := make(map[string]bool)
			for _, e := range strings.Fields(c.edges) {
				g.add(e[:1], e[1:], "x")
				files[e[:1]], files[e[1:]] = true, true
			}
			g.files = slices.Sorted(maps.Keys(files))
			if got := fmt.Sprint(g.knots()); got != c.want {
				t.Errorf("got the knots %s, want %s", got, c.want)
			}
		})
	}
}

func TestThisFolderIsWhatItIs(t *testing.T) {
	packages, err := load(".", ".")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := write(&out, packages, true); err != nil {
		t.Fatal(err)
	}
	if len(packages) != 1 || len(packages[0].graph.files) != 3 || packages[0].lines == 0 || len(packages[0].graph.knots()) > 0 {
		t.Errorf("got %s, want one package of three files without a knot", out.String())
	}
}
