package main

import (
	"cmp"
	"slices"
)

// A graph has the files of a package, and which of them uses which.
type graph struct {
	files []string
	// uses has the names that one file uses of another, each once.
	uses map[edge][]string
}

// An edge leads from a file to another one that it uses.
type edge struct{ from, to string }

func (g *graph) add(from, to, name string) {
	if e := (edge{from, to}); from != to && !slices.Contains(g.uses[e], name) {
		g.uses[e] = append(g.uses[e], name)
	}
}

// knots returns the sets of two and more files that all reach each other, the largest first.
func (g *graph) knots() [][]string {
	reached := make(map[edge]bool)
	for _, file := range g.files {
		g.reach(file, file, reached)
	}
	var knots [][]string
	in := make(map[string]bool)
	for _, one := range g.files {
		if in[one] {
			continue
		}
		var knot []string
		for _, other := range g.files {
			if reached[edge{one, other}] && reached[edge{other, one}] {
				knot = append(knot, other)
				in[other] = true
			}
		}
		if len(knot) > 1 {
			knots = append(knots, knot)
		}
	}
	slices.SortStableFunc(knots, func(a, b []string) int { return cmp.Compare(len(b), len(a)) })
	return knots
}

// reach marks all files that one reaches by way of another.
func (g *graph) reach(from, by string, reached map[edge]bool) {
	for _, to := range g.files {
		if len(g.uses[edge{by, to}]) > 0 && !reached[edge{from, to}] {
			reached[edge{from, to}] = true
			g.reach(from, to, reached)
		}
	}
}
