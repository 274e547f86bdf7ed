package render

import (
	"fmt"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
)

// A target is a bound on a figure.
type target struct {
	measure, want string
	// got is empty where the report has no such figure.
	got string
	met bool
}

func targetTable(r *figures.Report) string {
	var rows [][]string
	for _, t := range targets(r) {
		if t.got == "" {
			continue
		}
		rows = append(rows, []string{t.measure, t.want, t.got, verdict(t.met)})
	}
	return table("**Targets**, and what was measured. Queries are those of a client that takes "+number(client)+" bytes:", 4, []string{"measure", "target", "measured", ""}, rows)
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "**missed**"
}

func targets(r *figures.Report) []target {
	return []target{
		addresses(r.Queries, figures.Stock, "A, 1, 10, 100, 1,000 and 5,000 endpoints, against *kubernetes*", 2.1, 3, 9.5, 58, 260),
		addresses(r.Queries, figures.Ceiling, "the same against the ceiling, which sends messages", 1.05, 1.3, 2, 2, 2),
		addresses(r.Queries, figures.Anew, "the same against a ceiling that makes its records anew, as messages must", .95, .95, .95, .95, .95),
		flat(r.Queries),
		podAgainstStock(r.Queries),
		podInLargeService(r.Queries),
		srvAgainstStock(r.Queries),
		added(r.ServeDNS),
		allocations(r.ServeDNS),
		allocationsOfMessages(r.ServeDNS),
		perHeadlessEndpoint(r.Memory),
		perClusterIPEndpoint(r.Memory),
		peak(r.Memory),
		stormTime(r.Changes),
		stormCPU(r.Changes),
	}
}

// The client of all targets takes answers of this size, in bytes.
const client = 1232

func ratio(all []figures.Queries, name string, endpoints int, against string) (float64, bool) {
	ours, other := find(all, name, endpoints, client, figures.Ours), find(all, name, endpoints, client, against)
	if ours == nil || other == nil {
		return 0, false
	}
	return ours.PerSecond.Ratio(other.PerSecond), true
}

var sizes = []int{1, 10, 100, 1000, 5000}

// addresses compares the rates of A at each size with those of another server, of
// which they have to be so many times.
func addresses(all []figures.Queries, against, measure string, want ...float64) target {
	t := target{measure: measure, want: "≥ " + joined(want) + " times", met: true}
	var got []string
	for i, n := range sizes {
		found, ok := ratio(all, "A", n, against)
		if !ok {
			return t
		}
		got, t.met = append(got, times(found)), t.met && found >= want[i]
	}
	t.got = strings.Join(got, " / ") + " times"
	return t
}

func joined(numbers []float64) string {
	var all []string
	for _, n := range numbers {
		all = append(all, fmt.Sprintf("%g", n))
	}
	return strings.Join(all, " / ")
}

// flat says how much more CPU a larger Service takes.
func flat(all []figures.Queries) target {
	const most = 1.15
	t := target{
		measure: "CPU for an answer, A of 10, 100, 1,000 and 5,000 endpoints, against one of 1",
		want:    fmt.Sprintf("≤ %g times each", most), met: true,
	}
	one := find(all, "A", 1, client, figures.Ours)
	var got []string
	for _, n := range sizes[1:] {
		q := find(all, "A", n, client, figures.Ours)
		if one == nil || q == nil || len(one.CPU.Rounds) == 0 || len(q.CPU.Rounds) == 0 {
			return t
		}
		found := q.CPU.Ratio(one.CPU)
		got, t.met = append(got, times(found)), t.met && found <= most
	}
	t.got = strings.Join(got, " / ") + " times"
	return t
}

func podAgainstStock(all []figures.Queries) target {
	return faster(all, "a Pod's name in a Service of 5,000, against *kubernetes*", "Pod", 5000, 5)
}

func srvAgainstStock(all []figures.Queries) target {
	return faster(all, "SRV of 100 endpoints, against *kubernetes*", "SRV", 100, 15)
}

func faster(all []figures.Queries, measure, name string, endpoints int, want float64) target {
	t := target{measure: measure, want: fmt.Sprintf("≥ %g times", want)}
	if found, ok := ratio(all, name, endpoints, figures.Stock); ok {
		t.got, t.met = times(found)+" times", found >= want
	}
	return t
}

func podInLargeService(all []figures.Queries) target {
	t := target{measure: "a Pod's name in a Service of 5,000, against one in a Service of 1", want: "the same (≥ 95 %)"}
	large, small := find(all, "Pod", 5000, client, figures.Ours), find(all, "Pod", 1, client, figures.Ours)
	if large != nil && small != nil {
		found := large.PerSecond.Ratio(small.PerSecond)
		t.got, t.met = percent(found), found >= .95
	}
	return t
}

// added is the cost of the worst name that falls through, without the cost of
// the ceiling: that is the server's and the benchmark's.
func added(all []figures.ServeDNS) target {
	t := target{measure: "names that fall through, to NXDOMAIN or others' answers: cost added", want: "≤ 300 ns, 1 allocation"}
	var nanos, allocs float64
	for _, ours := range all {
		if ours.Plugin != figures.Ours || !strings.HasPrefix(ours.Case, "fallthrough") {
			continue
		}
		if ceiling := findServed(all, ours, figures.Ceiling); ceiling != nil {
			nanos, allocs = max(nanos, ours.Nanos-ceiling.Nanos), max(allocs, ours.Allocs-ceiling.Allocs)
			t.got = fmt.Sprintf("%.0f ns, %.0f allocations", nanos, allocs)
		}
	}
	// The writer that bounds how long others' denials are kept.
	t.met = nanos <= 300 && allocs <= 1
	return t
}

// allocations are all ours: the server makes none for bytes.
func allocations(all []figures.ServeDNS) target {
	t := target{measure: "allocations per A answer, any size", want: "≤ 2 of ours"}
	var most float64
	for _, ours := range all {
		if ours.Plugin == figures.Ours && ours.Case == "A" {
			most = max(most, ours.Allocs)
			t.got = fmt.Sprintf("%.0f", most)
		}
	}
	t.met = most <= 2
	return t
}

// allocationsOfMessages counts those of ours beyond those of the ceiling, and one for
// the message, which both make: the rest is the server's.
func allocationsOfMessages(all []figures.ServeDNS) target {
	t := target{measure: "the same in messages", want: "≤ 3 of ours"}
	var most float64
	for _, ours := range all {
		if ours.Plugin != figures.Messages || ours.Case != "A" {
			continue
		}
		if ceiling := findServed(all, ours, figures.Ceiling); ceiling != nil {
			most = max(most, ours.Allocs-ceiling.Allocs+1)
			t.got = fmt.Sprintf("%.0f", most)
		}
	}
	t.met = most <= 3
	return t
}

// perHeadlessEndpoint takes the cluster of large Services: among small ones,
// the Services weigh more than the endpoints.
func perHeadlessEndpoint(all []figures.Memory) target {
	t := target{measure: "live heap per headless endpoint", want: "≤ 200 bytes"}
	if m := largest(all, figures.Ours, false); m != nil {
		t.got, t.met = fmt.Sprintf("%.0f bytes", m.PerEndpoint), m.PerEndpoint <= 200
	}
	return t
}

// perClusterIPEndpoint counts less than a byte as none: two runs of one process
// differ by as much.
func perClusterIPEndpoint(all []figures.Memory) target {
	t := target{measure: "live heap per endpoint behind a ClusterIP Service", want: "0 bytes"}
	if m := largest(all, figures.Ours, true); m != nil {
		t.got, t.met = fmt.Sprintf("%.1f bytes", m.PerEndpoint), m.PerEndpoint < 1
	}
	return t
}

// largest returns the figures of a server in the cluster with the most endpoints
// of a kind, nil where there are none.
func largest(all []figures.Memory, server string, clusterIP bool) *figures.Memory {
	var found *figures.Memory
	for i, m := range all {
		if m.Server == server && m.ClusterIP == clusterIP && (found == nil || m.Endpoints > found.Endpoints) {
			found = &all[i]
		}
	}
	return found
}

// peak is of the whole process: its resident memory.
func peak(all []figures.Memory) target {
	t := target{measure: "peak while listing, above the idle process", want: "≤ 2 times the live heap"}
	m := largest(all, figures.Ours, false)
	if m == nil {
		return t
	}
	above := func(peak, idle uint64) float64 {
		return (float64(peak) - float64(idle)) / (float64(m.LiveHeap) - float64(m.IdleHeap))
	}
	first, again := above(m.ListPeakRSS, m.IdleRSS), above(m.RelistPeakRSS, m.IdleRSS)
	t.got = fmt.Sprintf("list %.2f, relist %.2f times (the heap: %.2f, %.2f)",
		first, again, above(m.ListPeakHeap, m.IdleHeap), above(m.RelistPeakHeap, m.IdleHeap))
	t.met = max(first, again) <= 2
	return t
}

func storm(all []figures.Changes, server string) *figures.Changes {
	for i, c := range all {
		if c.PerSecond > 0 && c.Server == server {
			return &all[i]
		}
	}
	return nil
}

func stormTime(all []figures.Changes) target {
	t := target{measure: "slice event to new answer, p99, Service of 10,000, 500 events/s", want: "≤ 20 ms"}
	if c := storm(all, figures.Ours); c != nil {
		t.got, t.met = fmt.Sprintf("%.1f ms at %.0f events/s", c.Answer.P99, c.PerSecond), c.Answer.P99 <= 20 && c.PerSecond >= .99*500
	}
	return t
}

func stormCPU(all []figures.Changes) target {
	t := target{measure: "CPU for the same events", want: "no more than *kubernetes*"}
	ours, stock := storm(all, figures.Ours), storm(all, figures.Stock)
	if ours != nil && stock != nil {
		t.got = fmt.Sprintf("%.2f ms each, *kubernetes* %.2f", ours.CPUPerEvent, stock.CPUPerEvent)
		t.met = ours.CPUPerEvent <= stock.CPUPerEvent
	}
	return t
}
