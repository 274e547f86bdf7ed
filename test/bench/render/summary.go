package render

import (
	"fmt"
	"maps"
	"math"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
)

// Summary returns the few figures that README.md shows: what a reader wants to
// know first, also where the stock plugin does better. A figure that the report
// lacks has no row.
func Summary(r *figures.Report) string {
	measures := []struct {
		name string
		of   func(r *figures.Report, server string) string
	}{
		{"A of 10 endpoints, queries/s on one core", rate(10)},
		{"A of 5,000 endpoints, queries/s on one core", rate(5000)},
		{"live heap per endpoint, headless / ClusterIP", heaps},
		{"start beside 100,000 ClusterIP endpoints", startTime(100_000)},
		{"event to answer, p99, Service of 10,000, 500 events/s", stormLag},
	}
	var rows [][]string
	for _, m := range measures {
		ours, stock := m.of(r, figures.Ours), m.of(r, figures.Stock)
		if ours != "" && stock != "" {
			rows = append(rows, []string{m.name, ours, stock})
		}
	}
	// It has no figures of checks, nor of the history.
	shown := *r
	shown.Runs = maps.Clone(r.Runs)
	delete(shown.Runs, "checks")
	delete(shown.Runs, "history")
	text := table(preamble(&shown), 1, []string{"measure", "k8s_endpoints", "kubernetes"}, rows)
	if builds := buildsInShort(r.Builds); text != "" && builds != "" {
		text += "\n" + builds
	}
	return text
}

// buildsInShort compares what images cost.
func buildsInShort(all []figures.Build) string {
	var rows [][]string
	for _, b := range all {
		name := "`make image`"
		if b.Plugins != figures.Whole {
			name = "`make image PLUGINS=" + b.Plugins + "`"
		}
		rows = append(rows, []string{
			name, fmt.Sprintf("%.0f MiB", float64(b.ImageBytes)/(1<<20)),
			fmt.Sprintf("%.0f / %.0f MiB", b.IdleRSS.Median, b.RSS.Median), fmt.Sprintf("%.2f / %.2f s", b.IdleSeconds.Median, b.Seconds.Median),
		})
	}
	if len(rows) == 0 {
		return ""
	}
	return table(fmt.Sprintf("With an empty cluster / with %s endpoints of headless Services:", number(all[0].Endpoints)), 1,
		[]string{"build", "in a registry", "resident", "start"}, rows)
}

func rate(endpoints int) func(*figures.Report, string) string {
	return func(r *figures.Report, server string) string {
		q := find(r.Queries, "A", endpoints, client, server)
		if q == nil {
			return ""
		}
		return significant(q.PerSecond.Median)
	}
}

func heaps(r *figures.Report, server string) string {
	headless, clusterIP := largest(r.Memory, server, false), largest(r.Memory, server, true)
	if headless == nil || clusterIP == nil {
		return ""
	}
	bytes := func(m *figures.Memory) string { return number(int(math.Round(m.PerEndpoint))) }
	return bytes(headless) + " / " + bytes(clusterIP) + " bytes"
}

func startTime(endpoints int) func(*figures.Report, string) string {
	return func(r *figures.Report, server string) string {
		for _, s := range r.Starts {
			if s.ClusterIP && s.Endpoints == endpoints && s.Server == server {
				return fmt.Sprintf("%.2f s", s.Seconds.Median)
			}
		}
		return ""
	}
}

func stormLag(r *figures.Report, server string) string {
	c := storm(r.Changes, server)
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%.1f ms", c.Answer.P99)
}
