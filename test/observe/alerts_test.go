package observe

import (
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// rule is an alert.
type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func alerts(t *testing.T) (all []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []rule `json:"rules"`
		} `json:"groups"`
	}
	read(t, alertsFile, &file)
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// promtool returns the path of Prometheus's tool.
func promtool(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("promtool"); err == nil {
		return path
	}
	path, err := exec.LookPath(filepath.Join(prometheusBuilt, "promtool"))
	if err != nil {
		t.Fatal("the program promtool is missing: `make test` fetches it (Debian's prometheus)")
	}
	path, err = filepath.Abs(path)
	must(t, err)
	return path
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	tool := promtool(t)
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", alertsFile},
		{"test", "rules", alertsTestFile},
	} {
		if out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", args, err, out)
		}
	}
}

func TestEachAlertIsSeenToFireAndToBeSilent(t *testing.T) {
	var file struct {
		Tests []struct {
			Cases []struct {
				Alert    string `json:"alertname"`
				Expected []any  `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	read(t, alertsTestFile, &file)
	fires, silent := make(map[string]bool), make(map[string]bool)
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			if len(c.Expected) > 0 {
				fires[c.Alert] = true
			} else {
				silent[c.Alert] = true
			}
		}
	}
	for _, r := range alerts(t) {
		if !fires[r.Alert] || !silent[r.Alert] {
			t.Errorf("%s is seen to fire: %t; to be silent: %t; want both", r.Alert, fires[r.Alert], silent[r.Alert])
		}
	}
}

var usedLabel = regexp.MustCompile(`\$labels\.(\w+)`)

func TestEachAlertSaysWhatToDo(t *testing.T) {
	all := alerts(t)
	if len(all) < 6 {
		t.Fatalf("there are %d alerts, want those of docs/operations.md", len(all))
	}
	for _, r := range all {
		if r.Annotations["summary"] == "" || len(r.Annotations["description"]) < 100 {
			t.Errorf("%s: the annotations are %q, want a summary, and a description of what to do", r.Alert, r.Annotations)
		}
		if !slices.Contains([]string{"warning", "critical"}, r.Labels["severity"]) {
			t.Errorf("%s: the severity is %q", r.Alert, r.Labels["severity"])
		}
	}
}

func TestAlertsAskForWhatIsExported(t *testing.T) {
	exported := exportedByAll(t)
	all := alerts(t)
	var texts []string
	for _, r := range all {
		texts = append(texts, r.Expr)
	}
	for i, e := range parsePromQL(t, texts) {
		exported.check(t, all[i].Alert, e)
		known := make(map[string]bool)
		for _, m := range e.Metrics {
			maps.Copy(known, exported.labels[m.Name])
		}
		for _, annotation := range all[i].Annotations {
			for _, match := range usedLabel.FindAllStringSubmatch(annotation, -1) {
				if label := match[1]; !target[label] && !known[label] {
					t.Errorf("%s: an annotation names the label %s, which no metric of it has", all[i].Alert, label)
				}
			}
		}
	}
}
