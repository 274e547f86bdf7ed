package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
)

// maxExamples is how many answers the text shows of each kind; the form json has
// all.
const maxExamples = 3

func writeText(out io.Writer, r *report) error {
	var b strings.Builder
	where := ""
	if r.isLocal {
		where = ", in this process"
	}
	fmt.Fprintf(&b, "kube-dns (%s) and k8s_endpoints (%s%s) about %s\n", r.kubeDNS, r.ours, where, r.zone)
	fmt.Fprintf(&b, "%d headless and %d ExternalName Services, %d questions in %v, %d of them asked twice\n\n",
		r.headless, r.externalNames, r.questions, r.took.Round(time.Second), r.again)
	for _, line := range []struct {
		count int
		what  string
	}{
		{r.alike, "answered alike"},
		{r.better, "differ as documented, for the better"},
		{r.waiting, "differ as documented, and somebody has to decide"},
		{len(r.unexplained), "differ without a reason that is known"},
		{len(r.failed), "without an answer"},
	} {
		fmt.Fprintf(&b, "%7d %s\n", line.count, line.what)
	}
	fmt.Fprintf(&b, "\nTTL of records: up to %d s from kube-dns, %d s from k8s_endpoints; of negative answers: %d s and %d s.\n",
		r.kubeDNSTTL.positive, r.oursTTL.positive, r.kubeDNSTTL.negative, r.oursTTL.negative)
	writeGroups(&b, "For the better", sorted(r.improved))
	writeGroups(&b, "Somebody has to decide: clients may rely on records that go away. -accept TEXT takes one as decided", sorted(r.undecided))
	writeUnexplained(&b, r.unexplained)
	writeFailed(&b, r.failed)
	fmt.Fprintf(&b, "\n%s\n", r.verdict())
	_, err := io.WriteString(out, b.String())
	return err
}

func writeGroups(b *strings.Builder, title string, groups []*group) {
	if len(groups) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for _, g := range groups {
		fmt.Fprintf(b, "\n  %s (%d)\n    %s\n", g.Name, len(g.results), g.Reason)
		for _, one := range g.results[:min(len(g.results), maxExamples)] {
			fmt.Fprintf(b, "      %s\n", one.Question)
		}
	}
}

func writeUnexplained(b *strings.Builder, all []*result) {
	if len(all) == 0 {
		return
	}
	fmt.Fprint(b, "\nNo reason is known for these differences. Options of one of the two, or the cluster, may be one:\n")
	for _, one := range all[:min(len(all), maxExamples)] {
		fmt.Fprintf(b, "\n  %s\n    kube-dns:      %s\n    k8s_endpoints: %s\n", one.Question, oneLine(one.kubeDNSView), oneLine(one.oursView))
		if why := differences.Reason(one.ours); why != "" {
			fmt.Fprintf(b, "    which says:    %s\n", why)
		}
		if one.want != one.kubeDNSView {
			fmt.Fprintf(b, "    documented:    %s\n", oneLine(one.want))
		}
	}
	writeRest(b, len(all))
}

func writeFailed(b *strings.Builder, all []*result) {
	if len(all) == 0 {
		return
	}
	fmt.Fprint(b, "\nWithout an answer:\n\n")
	for _, one := range all[:min(len(all), maxExamples)] {
		fmt.Fprintf(b, "  %s\n    %v\n", one.Question, one.err)
	}
	writeRest(b, len(all))
}

func writeRest(b *strings.Builder, count int) {
	if count > maxExamples {
		fmt.Fprintf(b, "\n  and %d more: -o json has all\n", count-maxExamples)
	}
}

// maxShown is how many records the text shows of an answer.
const maxShown = 6

func oneLine(view string) string {
	lines := strings.Split(view, "\n")
	if more := len(lines) - maxShown; more > 0 {
		lines = append(lines[:maxShown], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}

// What stands in the form json. Fields may be added, and none will go.
type (
	jsonReport struct {
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
	}
	jsonDifference struct {
		Difference string   `json:"difference"`
		Reason     string   `json:"reason"`
		Decide     bool     `json:"decide"`
		Questions  []string `json:"questions"`
	}
	jsonResult struct {
		Question   string   `json:"question"`
		KubeDNS    []string `json:"kube_dns,omitempty"`
		Ours       []string `json:"k8s_endpoints,omitempty"`
		Documented []string `json:"documented,omitempty"`
		Error      string   `json:"error,omitempty"`
	}
)

func writeJSON(out io.Writer, r *report) error {
	all := jsonReport{
		KubeDNS: r.kubeDNS, Ours: r.ours, Zone: r.zone, Status: r.status(), Verdict: r.verdict(),
		Headless: r.headless, External: r.externalNames, Questions: r.questions, Alike: r.alike, Better: r.better, Undecided: r.waiting,
		Seconds: r.took.Seconds(),
		// Not null where there are none.
		Differences: []jsonDifference{}, Unexplained: []jsonResult{}, Unanswered: []jsonResult{},
	}
	for _, g := range sorted(r.undecided) {
		all.Differences = append(all.Differences, asJSON(g, true))
	}
	for _, g := range sorted(r.improved) {
		all.Differences = append(all.Differences, asJSON(g, false))
	}
	for _, one := range r.unexplained {
		all.Unexplained = append(all.Unexplained, jsonResult{
			Question: one.Question.String(), KubeDNS: strings.Split(one.kubeDNSView, "\n"),
			Ours: strings.Split(one.oursView, "\n"), Documented: strings.Split(one.want, "\n"),
		})
	}
	for _, one := range r.failed {
		all.Unanswered = append(all.Unanswered, jsonResult{Question: one.Question.String(), Error: one.err.Error()})
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
