package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
)

// maxExamples is how many answers of each kind the text shows. The form json has all.
const maxExamples = 3

// WriteText writes a report for people.
func WriteText(out io.Writer, r *Report) error {
	var b strings.Builder
	where := ""
	if r.IsLocal {
		where = ", in this process"
	}
	fmt.Fprintf(&b, "kube-dns (%s) and k8s_endpoints (%s%s) about %s\n", r.KubeDNS, r.Ours, where, r.Zone)
	fmt.Fprintf(&b, "%d headless and %d ExternalName Services, %d questions in %v, %d of them asked twice\n\n",
		r.count(differences.Headless), r.count(differences.ExternalName), r.questions, r.Took.Round(time.Second), r.Again)
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
	writeByHand(&b, r)
	writeWishes(&b, r)
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

func writeUnexplained(b *strings.Builder, all []*Result) {
	if len(all) == 0 {
		return
	}
	fmt.Fprint(b, "\nNo reason is known for these differences. Options of one of the two, or the cluster, may be one:\n")
	for _, one := range all[:min(len(all), maxExamples)] {
		fmt.Fprintf(b, "\n  %s\n    kube-dns:      %s\n    k8s_endpoints: %s\n", one.Question, oneLine(one.KubeDNSView), oneLine(one.OursView))
		if why := differences.Reason(one.Ours); why != "" {
			fmt.Fprintf(b, "    which says:    %s\n", why)
		}
		if one.Want != one.KubeDNSView {
			fmt.Fprintf(b, "    documented:    %s\n", oneLine(one.Want))
		}
	}
	writeRest(b, len(all))
}

func writeFailed(b *strings.Builder, all []*Result) {
	if len(all) == 0 {
		return
	}
	fmt.Fprint(b, "\nWithout an answer:\n\n")
	for _, one := range all[:min(len(all), maxExamples)] {
		fmt.Fprintf(b, "  %s\n    %v\n", one.Question, one.Err)
	}
	writeRest(b, len(all))
}

func writeByHand(b *strings.Builder, r *Report) {
	fmt.Fprint(b, "\nTo answer by hand, since no question to a server shows it. docs/migration.md says how to find out:\n\n")
	for _, one := range r.byHand() {
		fmt.Fprintf(b, "  %s\n    %s\n", one.Question, one.Change(r.EndpointsKept))
	}
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
