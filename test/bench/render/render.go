// Package render puts figures into words and tables.
package render

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
)

// The comments in a document between which everything is replaced.
const (
	begin = "<!-- begin of what `make bench` writes -->\n"
	end   = "<!-- end of what `make bench` writes -->\n"
)

// Into returns the document with the text between its two comments replaced.
func Into(document, text string) (string, error) {
	before, rest, found := strings.Cut(document, begin)
	if !found {
		return "", fmt.Errorf("there is no line %q", strings.TrimSpace(begin))
	}
	_, after, found := strings.Cut(rest, end)
	if !found {
		return "", fmt.Errorf("there is no line %q", strings.TrimSpace(end))
	}
	return before + begin + "\n" + text + "\n" + end + after, nil
}

// Markdown returns the whole report: tables, and the plot at the path that the
// document with the report has for it.
func Markdown(r *figures.Report, plot string) string {
	parts := []string{
		preamble(r),
		picture(r, plot),
		targetTable(r),
		queryTable(r.Queries),
		servedTable(r.ServeDNS),
		memoryTable(r.Memory),
		changeTable(r.Changes),
		startTable(r.Starts),
		buildTable(r.Builds),
		checkTable(r.Checks),
		historyTable(r.History),
	}
	var all []string
	for _, part := range parts {
		if part != "" {
			all = append(all, part)
		}
	}
	return strings.Join(all, "\n")
}

// preamble says where the figures come from: from one run, if all goes well.
func preamble(r *figures.Report) string {
	sections := make(map[figures.Run][]string)
	for _, section := range slices.Sorted(maps.Keys(r.Runs)) {
		run := r.Runs[section]
		sections[run] = append(sections[run], section)
	}
	var runs []string
	for run, of := range sections {
		text := fmt.Sprintf("on %s with `%s`", run.Date, run.Command)
		if len(sections) > 1 {
			text += " (" + strings.Join(of, ", ") + ")"
		}
		runs = append(runs, text)
	}
	slices.Sort(runs)
	m := r.Machine
	return fmt.Sprintf("Measured %s.\nThe machine: %s, %d cores, %.0f GiB, %s, %s.\n",
		strings.Join(runs, ", and "), m.CPU, m.Cores, float64(m.MemoryMiB)/1024, m.Kernel, m.Go)
}

func picture(r *figures.Report, plot string) string {
	if len(r.Queries) == 0 {
		return ""
	}
	return "![Queries per second over the endpoints of a Service](" + plot + ")\n"
}

// table returns a table with a heading in front. The first columns, as many as
// labels says, are text, the others numbers.
func table(heading string, labels int, header []string, rows [][]string) string {
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", strings.TrimSpace(heading))
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(header)
	rule := make([]string, len(header))
	for i := range rule {
		rule[i] = "---"
		if i >= labels {
			rule[i] = "---:"
		}
	}
	line(rule)
	for _, row := range rows {
		line(row)
	}
	return b.String()
}

func queryTable(all []figures.Queries) string {
	var rows [][]string
	for _, ours := range all {
		stock, ceiling := rivals(all, ours)
		if ours.Server != figures.Ours || stock == nil || ceiling == nil {
			continue
		}
		anew := "–"
		if q := find(all, ours.Case, ours.Endpoints, ours.Client, figures.Anew); q != nil {
			anew = spread(q.PerSecond)
		}
		rows = append(rows, []string{
			ours.Case, number(ours.Endpoints), number(ours.Client),
			spread(ours.PerSecond), spread(stock.PerSecond), spread(ceiling.PerSecond), anew,
			times(ours.PerSecond.Ratio(stock.PerSecond)), times(ours.PerSecond.Ratio(ceiling.PerSecond)),
			micros(ours.CPU) + " / " + micros(stock.CPU) + " / " + micros(ceiling.CPU),
		})
	}
	return table("**Queries per second** of the built binary on one core, under *dnsperf* on another: 20 clients, 200 outstanding\n"+
		"queries. Medians, and the lowest and highest round. The ceiling sends the same records in messages, with no look-up:\n"+
		"all answers the same memory, or in memory of their own, as an answer must that other plugins may write into. CPU is what\n"+
		"the server used for each answer, in microseconds: of k8s_endpoints / kubernetes / the ceiling.", 1,
		[]string{"question", "endpoints", "client, bytes", "k8s_endpoints", "kubernetes", "ceiling", "ceiling, records anew", "times kubernetes", "times the ceiling", "CPU, µs"}, rows)
}

// micros returns a dash for figures of a run that had none.
func micros(nanos figures.Series) string {
	if len(nanos.Rounds) == 0 {
		return "–"
	}
	if nanos.Median < 100e3 {
		return fmt.Sprintf("%.1f", nanos.Median/1e3)
	}
	return number(int(math.Round(nanos.Median / 1e3)))
}

// rivals are those of the same case.
func rivals(all []figures.Queries, q figures.Queries) (stock, ceiling *figures.Queries) {
	return find(all, q.Case, q.Endpoints, q.Client, figures.Stock), find(all, q.Case, q.Endpoints, q.Client, figures.Ceiling)
}

func find(all []figures.Queries, name string, endpoints, client int, server string) *figures.Queries {
	for i, q := range all {
		if q.Case == name && q.Endpoints == endpoints && q.Client == client && q.Server == server {
			return &all[i]
		}
	}
	return nil
}

// servedTable leaves the clients other than those with EDNS to the file.
func servedTable(all []figures.ServeDNS) string {
	var rows [][]string
	for _, ours := range all {
		if ours.Plugin != figures.Ours || ours.Client != "1232" {
			continue
		}
		row := []string{strings.ReplaceAll(ours.Case, "_", " "), "", served(&ours)}
		if ours.Endpoints > 0 {
			row[1] = number(ours.Endpoints)
		}
		for _, plugin := range []string{figures.Messages, figures.Stock, figures.Ceiling} {
			row = append(row, served(findServed(all, ours, plugin)))
		}
		rows = append(rows, row)
	}
	return table("**In process**, an answer of `ServeDNS` to a client that takes 1,232 bytes: nanoseconds / bytes allocated / allocations.\n"+
		"Where some plugin in front wants messages, ours writes no bytes. Where a name falls through, the ceiling passes it on with no\n"+
		"look-up.", 1,
		[]string{"question", "endpoints", "k8s_endpoints", "the same in messages", "kubernetes", "ceiling"}, rows)
}

func findServed(all []figures.ServeDNS, like figures.ServeDNS, plugin string) *figures.ServeDNS {
	for i, s := range all {
		if s.Case == like.Case && s.Endpoints == like.Endpoints && s.Client == like.Client && s.Plugin == plugin {
			return &all[i]
		}
	}
	return nil
}

func served(s *figures.ServeDNS) string {
	if s == nil {
		return "–"
	}
	return fmt.Sprintf("%s / %s / %.0f", number(int(s.Nanos+.5)), number(int(s.Bytes+.5)), s.Allocs)
}

func memoryTable(all []figures.Memory) string {
	var rows [][]string
	for _, m := range all {
		rows = append(rows, []string{
			fmt.Sprintf("%s endpoints of %s %s Services", number(m.Endpoints), number(m.Services), kind(m.ClusterIP)), m.Server,
			mebibytes(m.LiveHeap), number(int(math.Round(m.PerEndpoint))),
			mebibytes(m.ListPeakHeap) + " / " + mebibytes(m.ListPeakRSS), mebibytes(m.RelistPeakHeap) + " / " + mebibytes(m.RelistPeakRSS),
		})
	}
	text := table("**Memory**, in MiB: the heap that lives after the first list, in all and (in bytes) per endpoint above the same process\n"+
		"with an empty cluster; and the largest heap / resident size during the first list and a second one.", 2,
		[]string{"cluster", "plugin", "live heap", "per endpoint", "peak, list", "peak, relist"}, rows)
	if text == "" {
		return ""
	}
	return text + "\nWith an empty cluster: " + idle(all) + ".\n"
}

func idle(all []figures.Memory) string {
	var parts []string
	for _, plugin := range []string{figures.Ours, figures.Stock} {
		for _, m := range all {
			if m.Server == plugin {
				parts = append(parts, fmt.Sprintf("%s has a live heap of %s MiB and is %s MiB large", plugin, mebibytes(m.IdleHeap), mebibytes(m.IdleRSS)))
				break
			}
		}
	}
	return strings.Join(parts, ", ")
}

func kind(clusterIP bool) string {
	if clusterIP {
		return "ClusterIP"
	}
	return "headless"
}

func changeTable(all []figures.Changes) string {
	var rows [][]string
	for _, c := range all {
		row := []string{c.Server, number(c.Endpoints), "one by one", fmt.Sprintf("%.2f", c.CPUPerEvent), quantiles(c.Watch), quantiles(c.Answer), quantiles(c.Lag)}
		if c.PerSecond > 0 {
			// An event that was made at the gate begins at the watch.
			row = append(row[:2], fmt.Sprintf("%.0f/s", c.PerSecond), row[3], "–", "–", quantiles(c.Answer))
		}
		rows = append(rows, row)
	}
	return table("**Change** of one endpoint's readiness: the CPU of the process for each, and the milliseconds, p50 / p99, from the\n"+
		"write to the API server to a plain watch client, from the write to an answer that shows it, and from the event to that\n"+
		"answer. Events at a rate are put into the plugin's watch by a proxy, since the API server would need more than this machine\n"+
		"to make them; others count from when the plain client sees them.", 1,
		[]string{"plugin", "endpoints", "events", "CPU, ms", "write to watch", "write to answer", "event to answer"}, rows)
}

func startTable(all []figures.Start) string {
	var rows [][]string
	for _, s := range all {
		rows = append(rows, []string{
			s.Server, number(s.Services) + " " + kind(s.ClusterIP), number(s.Endpoints), fmt.Sprintf("%.2f", s.Seconds.Median),
			fmt.Sprintf("%.2f–%.2f", s.Seconds.Min, s.Seconds.Max),
		})
	}
	return table("**Start**: seconds from the start of the process to the first right answer.", 1,
		[]string{"plugin", "Services", "endpoints", "seconds", "lowest–highest"}, rows)
}

func buildTable(all []figures.Build) string {
	var rows [][]string
	for _, b := range all {
		rows = append(rows, []string{
			b.Plugins, mebibytes(uint64(b.ImageBytes)), mebibytes(uint64(b.ProgramBytes)),
			fmt.Sprintf("%.0f / %.0f", b.IdleRSS.Median, b.RSS.Median), fmt.Sprintf("%.2f / %.2f", b.IdleSeconds.Median, b.Seconds.Median),
		})
	}
	if len(rows) == 0 {
		return ""
	}
	return table("**Builds** as `make image` makes them, with all plugins and with `PLUGINS=slim`: MiB of the layer in a registry and of the\n"+
		"program; MiB resident at most until the first right answer, and seconds until then, with an empty cluster / with\n"+
		fmt.Sprintf("%s endpoints of %s headless Services.", number(all[0].Endpoints), number(all[0].Services)), 1,
		[]string{"plugins", "image", "program", "resident", "start"}, rows)
}

func checkTable(all []figures.Check) string {
	return besideTargets("**Own checks** of endpoints, which `make bench-checks` measures: the built binary on one core, and targets on another, in a\n"+
		"network of their own on this machine. Both ends' work of the kernel is in what CoreDNS uses.", all)
}

func historyTable(all []figures.Check) string {
	return besideTargets("**The history and the status page**, in process: the fastest of three runs. Without these options nothing of it is done.", all)
}

// besideTargets is a table of what was measured beside what it is to be.
func besideTargets(heading string, all []figures.Check) string {
	var rows [][]string
	for _, c := range all {
		rows = append(rows, []string{c.Measure, c.Target, c.Measured, verdict(c.Met)})
	}
	return table(heading, 4, []string{"measure", "target", "measured", ""}, rows)
}

func quantiles(q figures.Quantiles) string { return fmt.Sprintf("%.1f / %.1f", q.P50, q.P99) }

func spread(s figures.Series) string {
	return fmt.Sprintf("%s (%s–%s)", significant(s.Median), significant(s.Min), significant(s.Max))
}

// significant returns three digits, which is more than measurements repeat.
func significant(value float64) string {
	if value < 1 {
		return "0"
	}
	unit := math.Pow(10, math.Floor(math.Log10(value))-2)
	if unit < 1 {
		unit = 1
	}
	return number(int(math.Round(value/unit) * unit))
}

func times(ratio float64) string {
	if ratio < 10 {
		return fmt.Sprintf("%.2f", ratio)
	}
	return fmt.Sprintf("%.1f", ratio)
}

func percent(ratio float64) string { return fmt.Sprintf("%.1f %%", 100*ratio) }

func mebibytes(bytes uint64) string { return fmt.Sprintf("%.1f", float64(bytes)/(1<<20)) }

// number separates thousands.
func number(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
