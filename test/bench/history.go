package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
	"github.com/k8s-endpoints/k8s_endpoints/test/cluster/gobuild"

	"golang.org/x/perf/benchfmt"
)

// measureHistory runs the Go benchmarks of the history, the status page and the command, each several times, of which the fastest
// counts: other work of the machine only adds. Then it asks a server whose page is read.
func measureHistory(ctx context.Context, b *bench) error {
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(Record|Hour|Read|Kept|StatusPage|Why)$", "-benchmem", "-count", "3",
		"-benchtime", b.benchtime.String(), ".", "./plugin/history", "./cmd/kubectl-why_dns")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	checks, err := parseHistory(bytes.NewReader(out))
	if err != nil {
		return err
	}
	check, err := measureWatched(ctx, b)
	b.report.History = append(checks, check)
	return err
}

// fastest has the fastest result of each benchmark, by name.
type fastest map[string]*benchfmt.Result

// parseHistory reads the output of `go test -bench`.
func parseHistory(out io.Reader) ([]figures.Check, error) {
	found := make(fastest)
	reader := benchfmt.NewReader(out, "go test")
	for reader.Scan() {
		if r, ok := reader.Result().(*benchfmt.Result); ok {
			r = r.Clone()
			base, parts := r.Name.Parts()
			name := string(base)
			for _, part := range parts {
				if !bytes.HasPrefix(part, []byte("-")) {
					name += string(part)
				}
			}
			if before := found[name]; before == nil || found.value(name, "sec/op") > valueOf(r, "sec/op") {
				found[name] = r
			}
		}
	}
	if err := reader.Err(); err != nil {
		return nil, err
	}
	for _, name := range []string{"Record/flip/3", "Record/flip/10000", "Record/replaced/10000", "Hour", "Read", "Kept", overviewPage, listPage, servicePage, "Why"} {
		if found[name] == nil {
			return nil, errors.New("there is no benchmark " + name)
		}
	}
	return []figures.Check{
		found.recorded("a change of one of 3 endpoints recorded", "Record/flip/3", 150),
		found.recorded("the same of 10,000", "Record/flip/10000", 3e3),
		found.recorded("a Pod of 10,000 replaced", "Record/replaced/10000", 20e3),
		found.hour(),
		found.read(),
		found.kept("memory for each endpoint, in Services of 50", "history-B/endpoint"),
		found.kept("the same with `status`, where all share a date", "status-B/endpoint"),
		found.page("the status page's overview of 10,000 Services", overviewPage),
		found.page("its list of them", listPage),
		found.page("its page of a Service of 1,000 endpoints, after an hour of 10 changes a second", servicePage),
		found.why(),
	}, nil
}

// The benchmarks of pages.
const (
	overviewPage = "StatusPage/overview_of_10000_Services"
	listPage     = "StatusPage/list_of_10000_Services"
	servicePage  = "StatusPage/Service_of_1000_endpoints_after_36000_changes"
)

func valueOf(r *benchfmt.Result, unit string) float64 {
	value, _ := r.Value(unit)
	return value
}

func (f fastest) value(name, unit string) float64 { return valueOf(f[name], unit) }

// recorded is what it costs to record a change, which is to be at most so many nanoseconds.
func (f fastest) recorded(measure, name string, most float64) figures.Check {
	nanos, allocs := f.value(name, "sec/op")*1e9, f.value(name, "allocs/op")
	return figures.Check{
		Measure: measure, Target: fmt.Sprintf("≤ %s, 0 allocations", duration(most)),
		Measured: fmt.Sprintf("%s, %.0f allocations", duration(nanos), allocs), Met: nanos <= most && allocs == 0,
	}
}

func duration(nanos float64) string {
	switch {
	case nanos < 1e3:
		return fmt.Sprintf("%.0f ns", nanos)
	case nanos < 10e3:
		return fmt.Sprintf("%.2g µs", nanos/1e3)
	}
	return fmt.Sprintf("%.0f µs", nanos/1e3)
}

func (f fastest) hour() figures.Check {
	taken, dropped := f.value("Hour", "bytes"), f.value("Hour", "dropped-bytes")
	return figures.Check{
		Measure: "an hour of 100 changes a second in 10,000 Services, of 6 endpoints each", Target: "whole in 16 MiB",
		Measured: fmt.Sprintf("%.1f MiB, %.0f bytes dropped", taken/(1<<20), dropped), Met: dropped == 0,
	}
}

func (f fastest) read() figures.Check {
	const most = 100
	millis := f.value("Read", "sec/op") * 1e3
	return figures.Check{
		Measure: "a Service of 1,000 endpoints read, with 20,000 changes, and who was when in its name", Target: fmt.Sprintf("< %d ms", most),
		Measured: fmt.Sprintf("%.0f ms", millis), Met: millis < most,
	}
}

// kept is what is kept of endpoints besides the history itself.
func (f fastest) kept(measure, unit string) figures.Check {
	const most = 5
	bytes := f.value("Kept", unit)
	return figures.Check{Measure: measure, Target: fmt.Sprintf("≤ %d bytes", most), Measured: fmt.Sprintf("%.1f bytes", bytes), Met: bytes <= most}
}

// why is what the whole command takes.
func (f fastest) why() figures.Check {
	const most = 2
	seconds := f.value("Why", "sec/op")
	return figures.Check{
		Measure: "`kubectl why-dns`, with the API server and two servers that it finds", Target: fmt.Sprintf("< %d s", most),
		Measured: fmt.Sprintf("%.2f s", seconds), Met: seconds < most,
	}
}

// page is what a page takes, and how large it is.
func (f fastest) page(measure, name string) figures.Check {
	const most, largest = 100, 200
	millis, kilobytes := f.value(name, "sec/op")*1e3, f.value(name, "KB")
	return figures.Check{
		Measure: measure, Target: fmt.Sprintf("< %d ms, < %d KB", most, largest),
		Measured: fmt.Sprintf("%.0f ms, %.0f KB", millis, kilobytes), Met: millis < most && kilobytes < largest,
	}
}
