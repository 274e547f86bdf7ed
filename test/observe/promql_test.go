package observe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// expression has what an expression of PromQL asks for, as the program promql
// lists it.
type expression struct {
	Metrics []struct {
		Name   string
		Equal  map[string]string
		Labels []string
	}
	// Aggregates is set where only the labels in By are kept.
	Aggregates bool
	By         []string
}

// parsePromQL has expressions read by Prometheus's own parser, which is in a
// module of its own.
func parsePromQL(t *testing.T, texts []string) (all []expression) {
	t.Helper()
	in, err := json.Marshal(texts)
	must(t, err)
	cmd := exec.CommandContext(t.Context(), "go", "run", ".")
	cmd.Dir, cmd.Stdin = "promql", bytes.NewReader(in)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("promql: %v\n%s", err, &complaints)
	}
	must(t, json.Unmarshal(out, &all))
	if len(all) != len(texts) {
		t.Fatalf("promql read %d expressions of %d", len(all), len(texts))
	}
	return all
}

// target are the labels that Prometheus gives to all it scrapes.
var target = map[string]bool{"job": true, "instance": true}

// exposition has the metrics that a server exports.
type exposition struct {
	// labels has the names of labels by metric, and values those that a label was
	// seen to have, by metric and label.
	labels map[string]map[string]bool
	values map[[2]string]map[string]bool
}

var (
	seriesLine = regexp.MustCompile(`^(\w+)(?:\{(.*)\})? \S+$`)
	labelPair  = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

func newExposition() *exposition {
	return &exposition{labels: make(map[string]map[string]bool), values: make(map[[2]string]map[string]bool)}
}

// add adds metrics in the text format of Prometheus.
func (x *exposition) add(text string) {
	for line := range strings.Lines(text) {
		series := seriesLine.FindStringSubmatch(strings.TrimSpace(line))
		if series == nil {
			continue
		}
		name := series[1]
		if x.labels[name] == nil {
			x.labels[name] = make(map[string]bool)
		}
		for _, pair := range labelPair.FindAllStringSubmatch(series[2], -1) {
			at := [2]string{name, pair[1]}
			if x.values[at] == nil {
				x.values[at] = make(map[string]bool)
			}
			x.labels[name][pair[1]], x.values[at][pair[2]] = true, true
		}
	}
}

// mistakes are the metrics, labels and values of labels that an expression asks
// for and that were not seen.
func (x *exposition) mistakes(e expression) (found []string) {
	for _, m := range e.Metrics {
		known, ok := x.labels[m.Name]
		if !ok {
			found = append(found, fmt.Sprintf("the metric %s is not exported", m.Name))
			continue
		}
		for _, label := range m.Labels {
			if !target[label] && !known[label] {
				found = append(found, fmt.Sprintf("the metric %s has no label %s", m.Name, label))
			}
		}
		for label, value := range m.Equal {
			if known[label] && !x.values[[2]string{m.Name, label}][value] {
				found = append(found, fmt.Sprintf(`the metric %s never has %s="%s"`, m.Name, label, value))
			}
		}
	}
	return found
}

func (x *exposition) check(t *testing.T, where string, e expression) {
	t.Helper()
	for _, mistake := range x.mistakes(e) {
		t.Errorf("%s: %s", where, mistake)
	}
}

func TestWhatIsNotExportedIsFound(t *testing.T) {
	x := newExposition()
	x.add("# HELP up tells.\nup{stream=\"a\",kind=\"b\"} 1\nh_bucket{le=\"+Inf\"} 2\nbare 1\n")
	tests := []struct{ name, expr, want string }{
		{"a metric that is there", `sum by (kind, instance) (rate(up{stream="a"}[5m]))`, ""},
		{"one without labels", `bare > 0`, ""},
		{"the buckets of a histogram", `histogram_quantile(0.9, sum by (le) (rate(h_bucket[1m])))`, ""},
		{"a metric that is not", `down`, "down is not exported"},
		{"a label that is not", `up{flow="a"}`, "up has no label flow"},
		{"a group of nothing", `max by (flow) (up)`, "up has no label flow"},
		{"a value that is not", `up{stream="b"}`, `up never has stream="b"`},
	}
	var texts []string
	for _, tc := range tests {
		texts = append(texts, tc.expr)
	}
	for i, e := range parsePromQL(t, texts) {
		t.Run(tests[i].name, func(t *testing.T) {
			if got := strings.Join(x.mistakes(e), "; "); !strings.Contains(got, tests[i].want) || (tests[i].want == "") != (got == "") {
				t.Errorf("%s: got %q, want %q", tests[i].expr, got, tests[i].want)
			}
		})
	}
}
