package main

import (
	"strings"
	"testing"
)

// most is how many files of one package may form a knot. More cannot be held in mind at once.
const most = 4

// Circles of packages need no test: Go refuses them.
func TestNoKnotOfFilesIsLarge(t *testing.T) {
	packages, err := load("../..", "./...")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		for _, knot := range p.graph.knots() {
			if len(knot) > most {
				t.Errorf("%s: %d files all reach each other, want %d at most: %s. By which names, `go run ./test/house -uses %s` says",
					p.path, len(knot), most, strings.Join(knot, " "), p.path)
			}
		}
	}
}
