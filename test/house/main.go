// Command house draws which file of a package uses which. It prints for each package its files, how many uses
// there are between them, its lines, and its largest knot: the most files that all reach each other. Such files
// can only be read together.
//
//	go run ./test/house [-uses] [PACKAGES]
//
// Tests do not count, in no figure. A package whose files form a knot of more than a few makes the test of this
// folder fail. Read load.go first (what a use is), then graph.go.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
)

func main() {
	withUses := flag.Bool("uses", false, "print what each file uses of another one, where both are in a knot")
	flag.Parse()
	patterns := flag.Args()
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	packages, err := load(".", patterns...)
	if err == nil {
		err = write(os.Stdout, packages, *withUses)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "house:", err)
		os.Exit(1)
	}
}

func write(out io.Writer, packages []*pkg, withUses bool) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PACKAGE\tFILES\tEDGES\tLINES\tLARGEST KNOT")
	for _, p := range packages {
		largest := "none"
		if knots := p.graph.knots(); len(knots) > 0 {
			largest = fmt.Sprintf("%d: %s", len(knots[0]), strings.Join(knots[0], " "))
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\n", p.path, len(p.graph.files), len(p.graph.uses), p.lines, largest)
	}
	if err := table.Flush(); err != nil || !withUses {
		return err
	}
	for _, p := range packages {
		for _, knot := range p.graph.knots() {
			writeUses(out, p, knot)
		}
	}
	return nil
}

func writeUses(out io.Writer, p *pkg, knot []string) {
	fmt.Fprintf(out, "\n%s: %s\n", p.path, strings.Join(knot, " "))
	for _, from := range knot {
		for _, to := range knot {
			if names := p.graph.uses[edge{from, to}]; len(names) > 0 {
				fmt.Fprintf(out, "  %s -> %s: %s\n", from, to, strings.Join(slices.Sorted(slices.Values(names)), ", "))
			}
		}
	}
}
