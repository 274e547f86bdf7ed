package render

import (
	"os"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
)

func TestIntoReplacesWhatStandsBetweenTheComments(t *testing.T) {
	const document = "before\n" + begin + "old\n" + end + "after\n"
	once, err := Into(document, "new\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := "before\n" + begin + "\nnew\n\n" + end + "after\n"; once != want {
		t.Errorf("got %q, want %q", once, want)
	}
	if twice, err := Into(once, "new\n"); err != nil || twice != once {
		t.Errorf("a second time: got %q, %v", twice, err)
	}
	for _, missing := range []string{begin, end} {
		if _, err := Into(strings.Replace(document, missing, "", 1), ""); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(missing)) {
			t.Errorf("without %q: got %v", missing, err)
		}
	}
}

func TestNumbersAsPeopleReadThem(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -100: "-100", -1000: "-1,000", 1234567: "1,234,567"} {
		if got := number(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
	for value, want := range map[float64]string{0: "0", 7.4: "7", 51234: "51,200", 334.4: "334", 999500: "1,000,000"} {
		if got := significant(value); got != want {
			t.Errorf("%v: got %s, want %s", value, got, want)
		}
	}
}

func servedAs(name, plugin string, nanos, allocs float64) figures.ServeDNS {
	return figures.ServeDNS{Case: name, Client: "1232", Plugin: plugin, Nanos: nanos, Allocs: allocs}
}

func queriesAt(name string, endpoints int, server string, rates ...float64) figures.Queries {
	return figures.Queries{Case: name, Endpoints: endpoints, Client: client, Server: server, PerSecond: figures.NewSeries(rates)}
}

// atEachSize has rates of ours that are all alike, and these for the CPU.
func atEachSize(cpu ...float64) []figures.Queries {
	var all []figures.Queries
	for i, n := range sizes {
		q := queriesAt("A", n, figures.Ours, 1)
		q.CPU = figures.NewSeries(cpu[i : i+1])
		all = append(all, q)
	}
	return all
}

func TestTargets(t *testing.T) {
	large := figures.Memory{Endpoints: 1000, Server: figures.Ours, IdleHeap: 1000, LiveHeap: 201000, IdleRSS: 5000, ListPeakRSS: 405000, RelistPeakRSS: 405000, PerEndpoint: 200}
	larger := large
	larger.RelistPeakRSS++
	clusterIP := figures.Memory{Endpoints: 1000, Server: figures.Ours, ClusterIP: true, PerEndpoint: 1.2}
	slow := figures.Changes{Server: figures.Ours, PerSecond: 500, CPUPerEvent: 2, Answer: figures.Quantiles{P99: 21}}
	stock := figures.Changes{Server: figures.Stock, PerSecond: 500, CPUPerEvent: 2}
	for _, tc := range []struct {
		name string
		got  target
		want string
		met  bool
	}{
		{"without figures there is no verdict", srvAgainstStock(nil), "", false},
		{"ratios are those of neighbouring rounds", srvAgainstStock([]figures.Queries{
			queriesAt("SRV", 100, figures.Ours, 60, 30, 66), queriesAt("SRV", 100, figures.Stock, 10, 5, 11),
		}), "6.00 times", false},
		{"a faster one of them is enough", srvAgainstStock([]figures.Queries{
			queriesAt("SRV", 100, figures.Ours, 150), queriesAt("SRV", 100, figures.Stock, 10),
		}), "15.0 times", true},
		{"a Pod's name is slower in a large Service", podInLargeService([]figures.Queries{
			queriesAt("Pod", 1, figures.Ours, 100), queriesAt("Pod", 5000, figures.Ours, 94),
		}), "94.0 %", false},
		{"one size of several is missing", addresses([]figures.Queries{
			queriesAt("A", 1, figures.Ours, 100), queriesAt("A", 1, figures.Ceiling, 100),
		}, figures.Ceiling, "", 1, 1, 1, 1, 1), "", false},
		{"each size has a bound of its own", addresses(atEachSize(100, 100, 100, 100, 100), figures.Ours, "", 1, 1, 1, 1, 1), "1.00 / 1.00 / 1.00 / 1.00 / 1.00 times", true},
		{"the last one misses its bound", addresses(atEachSize(100, 100, 100, 100, 100), figures.Ours, "", 1, 1, 1, 1, 1.01), "1.00 / 1.00 / 1.00 / 1.00 / 1.00 times", false},
		{"an answer costs what it costs at any size", flat(atEachSize(100, 90, 110, 100, 115)), "0.90 / 1.10 / 1.00 / 1.15 times", true},
		{"a large one costs more", flat(atEachSize(100, 90, 110, 100, 116)), "0.90 / 1.10 / 1.00 / 1.16 times", false},
		{"no CPU was measured", flat([]figures.Queries{queriesAt("A", 1, figures.Ours, 1), queriesAt("A", 10, figures.Ours, 1)}), "", false},
		{"the worst name that falls through counts", added([]figures.ServeDNS{
			servedAs("fallthrough_a", figures.Ours, 400, 1), servedAs("fallthrough_a", figures.Ceiling, 100, 1),
			servedAs("fallthrough_b", figures.Ours, 401, 1), servedAs("fallthrough_b", figures.Ceiling, 100, 1),
		}), "301 ns, 0 allocations", false},
		{"all allocations of bytes are ours", allocations([]figures.ServeDNS{
			servedAs("A", figures.Ours, 1, 3), servedAs("A", figures.Messages, 1, 8), servedAs("A", figures.Ceiling, 1, 6),
		}), "3", false},
		{"two are few", allocations([]figures.ServeDNS{servedAs("A", figures.Ours, 1, 2)}), "2", true},
		{"the message is an allocation of ours", allocationsOfMessages([]figures.ServeDNS{
			servedAs("A", figures.Ours, 1, 0), servedAs("A", figures.Messages, 1, 8), servedAs("A", figures.Ceiling, 1, 6),
		}), "3", true},
		{"heap per endpoint", perHeadlessEndpoint([]figures.Memory{large, clusterIP}), "200 bytes", true},
		{"ClusterIP endpoints cost something", perClusterIPEndpoint([]figures.Memory{large, clusterIP}), "1.2 bytes", false},
		{"a peak of twice the heap", peak([]figures.Memory{large}), "list 2.00, relist 2.00 times (the heap: -0.01, -0.01)", true},
		{"a second list peaks higher", peak([]figures.Memory{larger}), "list 2.00, relist 2.00 times (the heap: -0.01, -0.01)", false},
		{"answers come late", stormTime([]figures.Changes{slow}), "21.0 ms at 500 events/s", false},
		{"the same CPU is no more", stormCPU([]figures.Changes{slow, stock}), "2.00 ms each, *kubernetes* 2.00", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.got.got != tc.want || tc.got.got != "" && tc.got.met != tc.met {
				t.Errorf("got %q, met %t, want %q, %t", tc.got.got, tc.got.met, tc.want, tc.met)
			}
		})
	}
}

// The documents have what `make bench` wrote, and nobody has changed it by hand.
func TestTheDocumentsShowThePublishedFigures(t *testing.T) {
	const root = "../../../"
	report, err := figures.Load(root + "docs/performance.json")
	if err != nil {
		t.Fatal(err)
	}
	summary := Summary(report)
	// Two more lines of a table are its header and its rule.
	want := 2 + 5
	if len(report.Builds) > 0 {
		want += 2 + 2
	}
	if lines := strings.Count(summary, "\n| "); lines != want {
		t.Errorf("the summary has %d lines of tables, want %d:\n%s", lines, want, summary)
	}
	for document, text := range map[string]string{
		"README.md":           summary,
		"docs/performance.md": Markdown(report, "performance.svg"),
	} {
		got, err := os.ReadFile(root + document)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := Into(string(got), text); err != nil || string(got) != want {
			t.Errorf("%s is not what docs/performance.json has (%v): run `go run ./test/bench -render`", document, err)
		}
	}
}

func TestTheSummarySaysWhatImagesCost(t *testing.T) {
	series := func(value float64) figures.Series { return figures.NewSeries([]float64{value}) }
	r := &figures.Report{
		Queries: []figures.Queries{queriesAt("A", 10, figures.Ours, 2), queriesAt("A", 10, figures.Stock, 1)},
		Builds: []figures.Build{
			{Plugins: figures.Whole, ImageBytes: 25 << 20, Endpoints: 150_000, IdleRSS: series(83.4), RSS: series(138), IdleSeconds: series(.15), Seconds: series(1)},
			{Plugins: figures.Slim, ImageBytes: 19 << 20, Endpoints: 150_000, IdleRSS: series(44), RSS: series(99), IdleSeconds: series(.1), Seconds: series(.9)},
		},
	}
	const want = `
With an empty cluster / with 150,000 endpoints of headless Services:

| build | in a registry | resident | start |
| --- | ---: | ---: | ---: |
| ` + "`make image`" + ` | 25 MiB | 83 / 138 MiB | 0.15 / 1.00 s |
| ` + "`make image PLUGINS=slim`" + ` | 19 MiB | 44 / 99 MiB | 0.10 / 0.90 s |
`
	if got := Summary(r); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant at the end\n%s", got, want)
	}
	if got := Markdown(r, ""); !strings.Contains(got, "| slim | 19.0 | 0.0 | 44 / 99 | 0.10 / 0.90 |") {
		t.Errorf("got\n%s", got)
	}
}

func TestTheSummaryHasNoRowWithoutFiguresOfBoth(t *testing.T) {
	both := &figures.Report{Queries: []figures.Queries{
		queriesAt("A", 10, figures.Ours, 57_654), queriesAt("A", 10, figures.Stock, 22_400),
		queriesAt("A", 5000, figures.Ours, 29_100),
	}}
	got := Summary(both)
	if !strings.Contains(got, "| A of 10 endpoints, queries/s on one core | 57,700 | 22,400 |\n") || strings.Contains(got, "5,000") {
		t.Errorf("got %q", got)
	}
	if got := Summary(&figures.Report{Queries: both.Queries[:1]}); got != "" {
		t.Errorf("of one server only: got %q", got)
	}
}
