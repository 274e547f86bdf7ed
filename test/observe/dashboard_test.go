package observe

import (
	"regexp"
	"strings"
	"testing"
)

// dashboard is the part of dashboard.json that is tested.
type dashboard struct {
	Templating struct {
		List []struct {
			Name  string `json:"name"`
			Query any    `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID      int    `json:"id"`
	Title   string `json:"title"`
	GridPos struct{ X, Y, W, H int }
	Targets []struct {
		Expr   string `json:"expr"`
		Legend string `json:"legendFormat"`
	} `json:"targets"`
}

// filled replaces the variables that Grafana fills in.
var filled = strings.NewReplacer("$__rate_interval", "1m", "$job", ".+", "$instance", ".+")

var (
	legendLabel = regexp.MustCompile(`\{\{(\w+)\}\}`)
	labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
)

func TestTheDashboardAsksForWhatIsExported(t *testing.T) {
	var d dashboard
	read(t, dashboardFile, &d)
	var texts, legends, titles []string
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			texts, legends = append(texts, filled.Replace(target.Expr)), append(legends, target.Legend)
			titles = append(titles, p.Title)
		}
	}
	exported := exportedByAll(t)
	shown := make(map[string]bool)
	for i, e := range parsePromQL(t, texts) {
		exported.check(t, titles[i], e)
		for _, m := range e.Metrics {
			shown[family(m.Name)] = true
			if len(m.Equal) == 0 && len(m.Labels) < len(target) {
				t.Errorf("%s: %s is asked for without the variables of the dashboard", titles[i], m.Name)
			}
		}
		checkLegend(t, titles[i], legends[i], e)
	}
	for name := range exported.labels {
		if strings.HasPrefix(name, prefix) && !shown[family(name)] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// checkLegend fails the test where the legend names a label that the result does
// not have.
func checkLegend(t *testing.T, title, legend string, e expression) {
	t.Helper()
	has := make(map[string]bool)
	for _, label := range e.By {
		has[label] = true
	}
	for label := range target {
		has[label] = has[label] || !e.Aggregates
	}
	if legend == "" {
		t.Errorf("%s: a query has no legend", title)
	}
	for _, match := range legendLabel.FindAllStringSubmatch(legend, -1) {
		if !has[match[1]] {
			t.Errorf("%s: the legend names the label %s, which its query does not keep", title, match[1])
		}
	}
}

// family is the name of a metric without the suffix of a histogram.
func family(name string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

func TestTheVariablesOfTheDashboardHaveValues(t *testing.T) {
	var d dashboard
	read(t, dashboardFile, &d)
	exported := exportedByAll(t)
	var texts, names []string
	for _, v := range d.Templating.List {
		query, ok := v.Query.(map[string]any)
		if !ok {
			continue
		}
		text, _ := query["query"].(string)
		match := labelValues.FindStringSubmatch(text)
		if match == nil || !target[match[2]] {
			t.Fatalf("$%s: the query %q is not understood", v.Name, text)
		}
		names, texts = append(names, v.Name), append(texts, filled.Replace(match[1]))
	}
	if len(names) != len(target) {
		t.Errorf("the variables are %q, want one for each of %v", names, target)
	}
	for i, e := range parsePromQL(t, texts) {
		exported.check(t, "$"+names[i], e)
	}
}

func TestNoPanelLiesOnAnother(t *testing.T) {
	var d dashboard
	read(t, dashboardFile, &d)
	type cell struct{ x, y int }
	by := make(map[cell]string)
	ids := make(map[int]bool)
	for _, p := range d.Panels {
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s stands out on the right", p.Title)
		}
		if ids[p.ID] {
			t.Errorf("%s has the id of another panel", p.Title)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := cell{p.GridPos.X + x, p.GridPos.Y + y}
				if other := by[at]; other != "" {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				by[at] = p.Title
			}
		}
	}
}
