package report

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
)

// JSON is the form of a report for programs. Fields may be added, and none will go.
type JSON struct {
	KubeDNS     string           `json:"kube_dns"`
	Ours        string           `json:"k8s_endpoints"`
	Zone        string           `json:"zone"`
	Status      int              `json:"status"`
	Verdict     string           `json:"verdict"`
	Headless    int              `json:"headless_services"`
	External    int              `json:"external_name_services"`
	Questions   int              `json:"questions"`
	Alike       int              `json:"alike"`
	Better      int              `json:"better"`
	Undecided   int              `json:"undecided"`
	Seconds     float64          `json:"seconds"`
	Differences []jsonDifference `json:"differences"`
	Unexplained []jsonResult     `json:"unexplained"`
	Unanswered  []jsonResult     `json:"unanswered"`
	ByHand      []jsonByHand     `json:"by_hand"`
	// Topology has the headless Services that ask for endpoints near the client already.
	Topology []jsonWish `json:"topology"`
}

type (
	jsonDifference struct {
		Difference string   `json:"difference"`
		Reason     string   `json:"reason"`
		Decide     bool     `json:"decide"`
		Questions  []string `json:"questions"`
	}
	jsonByHand struct {
		Question string `json:"question"`
		Change   string `json:"change"`
	}
	jsonResult struct {
		Question   string   `json:"question"`
		KubeDNS    []string `json:"kube_dns,omitempty"`
		Ours       []string `json:"k8s_endpoints,omitempty"`
		Documented []string `json:"documented,omitempty"`
		Error      string   `json:"error,omitempty"`
	}
)

// WriteJSON writes a report for programs.
func WriteJSON(out io.Writer, r *Report) error {
	all := JSON{
		KubeDNS: r.KubeDNS, Ours: r.Ours, Zone: r.Zone, Status: r.Status(), Verdict: r.verdict(),
		Headless: r.count(differences.Headless), External: r.count(differences.ExternalName),
		Questions: r.questions, Alike: r.alike, Better: r.better, Undecided: r.waiting,
		Seconds: r.Took.Seconds(),
		// Lists without elements are [], not null.
		Differences: []jsonDifference{}, Unexplained: []jsonResult{}, Unanswered: []jsonResult{}, Topology: r.wishes(),
	}
	for _, g := range sorted(r.undecided) {
		all.Differences = append(all.Differences, asJSON(g, true))
	}
	for _, g := range sorted(r.improved) {
		all.Differences = append(all.Differences, asJSON(g, false))
	}
	for _, one := range r.unexplained {
		all.Unexplained = append(all.Unexplained, jsonResult{
			Question: one.Question.String(), KubeDNS: strings.Split(one.KubeDNSView, "\n"),
			Ours: strings.Split(one.OursView, "\n"), Documented: strings.Split(one.Want, "\n"),
		})
	}
	for _, one := range r.failed {
		all.Unanswered = append(all.Unanswered, jsonResult{Question: one.Question.String(), Error: one.Err.Error()})
	}
	for _, one := range r.byHand() {
		all.ByHand = append(all.ByHand, jsonByHand{Question: one.Question, Change: one.Change(r.EndpointsKept)})
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(all)
}

func asJSON(g *group, decide bool) jsonDifference {
	d := jsonDifference{Difference: g.Name, Reason: g.Reason, Decide: decide}
	for _, one := range g.results {
		d.Questions = append(d.Questions, one.Question.String())
	}
	return d
}
