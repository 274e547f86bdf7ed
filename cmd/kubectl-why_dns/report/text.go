package report

import (
	"cmp"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/cause"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/plain"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// idAt is the column of the ids of causes, so that they do not disturb who reads the sentences.
const idAt = 88

// maxLine bounds what is shown of one line, in bytes.
const maxLine = 1000

func writeText(out io.Writer, all []*cause.Verdict, paint Paint) error {
	var b strings.Builder
	for i, v := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		if len(all) > 1 {
			b.WriteString(plain.Text(v.Name) + "\n")
		}
		for n := range v.Findings {
			writeFinding(&b, &v.Findings[n], paint)
		}
		if len(v.Findings) == 0 {
			b.WriteString("– nothing was found out\n")
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func writeFinding(b *strings.Builder, f *cause.Finding, paint Paint) {
	text := line(f.Text)
	if f.Level == why.Skipped {
		text = "not looked at: " + text
	}
	b.WriteString(paint.mark(f.Level) + " " + text)
	if f.ID != "" && (f.Level == why.Broken || f.Level == why.Warning) {
		id := "[" + string(f.ID) + "]"
		b.WriteString(strings.Repeat(" ", max(2, idAt-2-utf8.RuneCountInString(text))) + id)
	}
	b.WriteString("\n")
	for _, detail := range f.Details {
		b.WriteString("    " + line(detail) + "\n")
	}
	if f.Do != "" {
		b.WriteString("    → " + line(f.Do) + "\n")
	}
}

// line is a text as one line shows it.
func line(text string) string {
	text = plain.Text(text)
	if len(text) > maxLine {
		text = strings.ToValidUTF8(text[:maxLine], "") + " ..."
	}
	return text
}

// writeShort writes what is wrong alone, a line for each name.
func writeShort(out io.Writer, all []*cause.Verdict, paint Paint) error {
	var b strings.Builder
	for _, v := range all {
		level := cmp.Or(v.Level, why.Skipped)
		text := ""
		for n := range v.Findings {
			if f := &v.Findings[n]; f.Level == level && level != why.Fine {
				text = "  " + line(f.Text)
				if f.ID != "" {
					text += " [" + string(f.ID) + "]"
				}
				break
			}
		}
		b.WriteString(paint.mark(level) + " " + plain.Text(strings.TrimSuffix(v.Name, ".")) + text + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
