package report

import (
	"encoding/json"
	"io"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/cause"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// JSON is the report for programs. Fields are only ever added. Where several Services are asked for, there is one of these
// for each of them, in a list.
type JSON struct {
	Name string `json:"name"`
	// Verdict is the level of the worst finding: "ok", "warning" or "error", and "skipped" where nothing was found out.
	Verdict  why.Level `json:"verdict"`
	Findings []Finding `json:"findings"`
}

// Finding is one line.
type Finding struct {
	// ID is empty where the level is "skipped". docs/why.md has all of them.
	ID why.CauseID `json:"id"`
	// Level is "ok", "warning", "error", "follows" or "skipped".
	Level   why.Level `json:"level"`
	Text    string    `json:"text"`
	Details []string  `json:"details"`
	// Do is what repairs or proves it. It is only printed, and never run.
	Do string `json:"do"`
}

func writeJSON(out io.Writer, all []*cause.Verdict, _ Paint) error {
	made := make([]JSON, 0, len(all))
	for _, v := range all {
		one := JSON{Name: v.Name, Verdict: v.Level, Findings: []Finding{}}
		for _, f := range v.Findings {
			one.Findings = append(one.Findings, Finding{f.ID, f.Level, f.Text, append([]string{}, f.Details...), f.Do})
		}
		made = append(made, one)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if len(made) == 1 {
		return encoder.Encode(made[0])
	}
	return encoder.Encode(made)
}
