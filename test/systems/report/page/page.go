// Package page makes docs/systems.md of results, and of what drivers say of their systems.
package page

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/results"
)

//go:embed page.md
var text string

var page = template.Must(template.New("page").Parse(text))

// A line is what a reader looks for: one system.
type line struct {
	Name, Proof, Version, Asks, Needed, Stanza, Beware string
}

// A lived is one life of one system, on each server.
type lived struct {
	System, Life, Ours, Serving, Stock string
}

// Render returns the page.
func Render(file *results.File) (string, error) {
	var out strings.Builder
	err := page.Execute(&out, struct {
		*results.File
		Lines, Told []line
		Lives       []lived
		Notes       []string
		Spared      []string
		Options     []drivers.Option
	}{file, tried(file), told(), lives(file), notes(file), spared(), drivers.Options})
	return out.String(), err
}

// tried are the systems that are run, by name.
func tried(file *results.File) []line {
	var all []line
	for _, s := range drivers.All {
		all = append(all, line{
			Name: s.Name, Proof: string(s.Proof), Version: orDash(file.Versions[s.Key]), Asks: asks(file.Queries[s.Key]),
			Needed: s.Needed, Stanza: s.Stanza, Beware: orDash(s.Beware),
		})
	}
	byName(all)
	return all
}

// told are those that cannot be had here.
func told() []line {
	var all []line
	for _, u := range drivers.Told {
		all = append(all, line{Name: u.Name, Asks: u.Queries, Needed: u.Needed, Stanza: u.Stanza, Beware: orDash(u.Beware)})
	}
	byName(all)
	return all
}

func byName(all []line) {
	slices.SortFunc(all, func(a, b line) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// asks are queries as a cell of a table shows them.
func asks(counts []string) string {
	var shown []string
	for _, each := range counts {
		shape, rcodes, _ := strings.Cut(each, ": ")
		shown = append(shown, fmt.Sprintf("`%s` %s", shape, rcodes))
	}
	return orDash(strings.Join(shown, "<br>"))
}

// lives are all lives that were lived, in the order of the drivers.
func lives(file *results.File) []lived {
	var all []lived
	for _, s := range drivers.All {
		for _, life := range livesOf(file, s) {
			all = append(all, lived{
				System: s.Name, Life: life,
				Ours:    cell(file.Find(s.Key, life, "ours")),
				Serving: cell(file.Find(s.Key, life, "serving")),
				Stock:   cell(file.Find(s.Key, life, "stock")),
			})
		}
	}
	return all
}

// livesOf are the lives of a system that were lived.
func livesOf(file *results.File, s drivers.System) []string {
	var names []string
	for _, row := range file.Rows {
		if row.System == s.Key && !slices.Contains(names, row.Life) {
			names = append(names, row.Life)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(slices.Index(drivers.Names, a), slices.Index(drivers.Names, b))
	})
	return names
}

// cell is a row as a cell of a table shows it, as in "8/8 · 0.6 s · 0 dead".
func cell(row *results.Row) string {
	if row == nil || len(row.Trials) == 0 {
		return "–"
	}
	parts := []string{fmt.Sprintf("%d/%d", row.Formed(), len(row.Trials))}
	if shortest, longest := row.Seconds(); longest > 0 {
		part := fmt.Sprintf("%.1f s", longest)
		if len(row.Trials) > 1 {
			part = fmt.Sprintf("%.1f–%.1f s", shortest, longest)
		}
		parts = append(parts, part)
	}
	if longest := row.Answered(); longest > 0 {
		parts = append(parts, fmt.Sprintf("%.1f s to answer", longest))
	}
	if row.Silent() > 0 {
		parts = append(parts, "no answer")
	}
	for _, each := range []struct {
		what   string
		of     func(results.Trial) int
		always bool
	}{
		{"dead", func(t results.Trial) int { return t.Dead }, true},
		{"wrong", func(t results.Trial) int { return t.Wrong }, false},
		{"denied", func(t results.Trial) int { return t.Denied }, false},
		{"failed", func(t results.Trial) int { return t.Failed }, false},
		{"refused", func(t results.Trial) int { return t.Refused }, false},
		{"restarts", func(t results.Trial) int { return t.Restarts }, false},
		{"errors", func(t results.Trial) int { return t.Errors }, false},
	} {
		if worst := row.Worst(each.of); worst > 0 || each.always {
			parts = append(parts, fmt.Sprintf("%d %s", worst, each.what))
		}
	}
	return strings.Join(parts, " · ")
}

// notes are the bounds that ours misses, and those that are not what one would wish.
func notes(file *results.File) []string {
	var all []string
	for _, s := range drivers.All {
		names := livesOf(file, s)
		for _, life := range names {
			bounds, has := s.Life(life)
			row := file.Find(s.Key, life, "ours")
			if !has || row == nil {
				continue
			}
			for _, each := range row.Missed(bounds, 1) {
				all = append(all, fmt.Sprintf("%s, %s: %s.", s.Name, life, each))
			}
		}
		all = append(all, reasons(s.Name, names, func(life string) string {
			bounds, _ := s.Life(life)
			return strings.TrimSuffix(bounds.Known, ".")
		})...)
	}
	return all
}

// spared are the lives that systems do not go through, each with the reason.
func spared() (all []string) {
	for _, s := range drivers.All {
		all = append(all, reasons(s.Name, drivers.Common, func(life string) string { return strings.TrimSuffix(s.Spared[life], ".") })...)
	}
	return all
}

// reasons are the sentences that something is so of lives of a system, each with all of those
// lives; none is said where a reason is empty.
func reasons(system string, lives []string, reason func(life string) string) (all []string) {
	var said []string
	of := make(map[string][]string)
	for _, life := range lives {
		why := reason(life)
		if why == "" {
			continue
		}
		if of[why] == nil {
			said = append(said, why)
		}
		of[why] = append(of[why], life)
	}
	for _, why := range said {
		all = append(all, fmt.Sprintf("%s, %s: %s.", system, strings.Join(of[why], ", "), why))
	}
	return all
}
