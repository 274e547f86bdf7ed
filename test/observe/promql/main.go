// Command promql lists the metrics and labels that expressions of PromQL ask
// for. It reads a JSON list of expressions from the standard input, and writes
// one of the same length:
//
//	[{"metrics": [{"name": "up", "equal": {"job": "dns"}, "labels": ["instance", "job"]}], "by": ["instance"], "aggregates": true}]
//
// An expression that does not parse ends it with an error.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// expression has the metrics and labels that one expression asks for.
type expression struct {
	Metrics []metric `json:"metrics"`
	// By has the labels that series are grouped or joined by anywhere, and
	// Aggregates is set where any are aggregated.
	By         []string `json:"by"`
	Aggregates bool     `json:"aggregates"`
}

// metric is one selector.
type metric struct {
	Name string `json:"name"`
	// Equal has the labels that must have a certain value.
	Equal map[string]string `json:"equal"`
	// Labels has the labels that are matched, and those by which the series are
	// grouped or joined.
	Labels []string `json:"labels"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		return err
	}
	all := make([]expression, len(texts))
	reader := parser.NewParser(parser.Options{})
	for i, text := range texts {
		parsed, err := reader.ParseExpr(text)
		if err == nil {
			err = all[i].read(parsed)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

func (e *expression) read(parsed parser.Expr) (err error) {
	parser.Inspect(parsed, func(node parser.Node, path []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		m, failure := read(selector)
		if failure != nil {
			err = failure
		}
		for _, above := range path {
			by := grouping(above)
			m.Labels = append(m.Labels, by...)
			e.By = append(e.By, by...)
			if _, ok := above.(*parser.AggregateExpr); ok {
				e.Aggregates = true
			}
		}
		e.Metrics = append(e.Metrics, m)
		return nil
	})
	slices.Sort(e.By)
	e.By = slices.Compact(e.By)
	return err
}

func read(selector *parser.VectorSelector) (metric, error) {
	m := metric{Name: selector.Name, Equal: make(map[string]string)}
	if m.Name == "" {
		return m, errors.New("a selector without the name of a metric")
	}
	for _, matcher := range selector.LabelMatchers {
		if matcher.Name == labels.MetricName {
			continue
		}
		m.Labels = append(m.Labels, matcher.Name)
		if matcher.Type == labels.MatchEqual {
			m.Equal[matcher.Name] = matcher.Value
		}
	}
	return m, nil
}

// grouping returns the labels that a node groups or joins by.
func grouping(node parser.Node) []string {
	switch n := node.(type) {
	case *parser.AggregateExpr:
		return n.Grouping
	case *parser.BinaryExpr:
		if n.VectorMatching != nil {
			return n.VectorMatching.MatchingLabels
		}
	}
	return nil
}
