package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
)

func TestTheFastestRunOfAHistoryCounts(t *testing.T) {
	const out = `goos: linux
BenchmarkKept 	       3	 347888489 ns/op	         3.462 history-B/endpoint	         7.477 status-B/endpoint
BenchmarkRecord/flip/3-2         	10601272	       131.5 ns/op	       1 B/op	       0 allocs/op
BenchmarkRecord/flip/3-2         	10807927	       121.4 ns/op	       1 B/op	       0 allocs/op
BenchmarkRecord/flip/10000-2     	  976380	      3205 ns/op	       8 B/op	       0 allocs/op
BenchmarkRecord/replaced/10000-2 	   47131	     16693 ns/op	      66 B/op	       1 allocs/op
BenchmarkStatusPage/overview_of_10000_Services-2         	      18	  15401375 ns/op	        40.64 KB
BenchmarkStatusPage/list_of_10000_Services-2             	      16	  18892077 ns/op	        62.28 KB
BenchmarkStatusPage/Service_of_1000_endpoints_after_36000_changes-2         	       4	 101126580 ns/op	       142.2 KB
BenchmarkWhy-2   	       3	 354000000 ns/op
BenchmarkHour-2   	       1	 145181829 ns/op	       169.8 bookkeeping-B/service	  11781760 bytes	         0 dropped-bytes
BenchmarkRead-2   	       1	  15891649 ns/op	11460408 B/op	   32128 allocs/op
`
	got, err := parseHistory(strings.NewReader(out))
	want := []figures.Check{
		{Measure: "a change of one of 3 endpoints recorded", Target: "≤ 150 ns, 0 allocations", Measured: "121 ns, 0 allocations", Met: true},
		{Measure: "the same of 10,000", Target: "≤ 3 µs, 0 allocations", Measured: "3.2 µs, 0 allocations"},
		{Measure: "a Pod of 10,000 replaced", Target: "≤ 20 µs, 0 allocations", Measured: "17 µs, 1 allocations"},
		{Measure: "an hour of 100 changes a second in 10,000 Services, of 6 endpoints each", Target: "whole in 16 MiB", Measured: "11.2 MiB, 0 bytes dropped", Met: true},
		{Measure: "a Service of 1,000 endpoints read, with 20,000 changes, and who was when in its name", Target: "< 100 ms", Measured: "16 ms", Met: true},
		{Measure: "memory for each endpoint, in Services of 50", Target: "≤ 5 bytes", Measured: "3.5 bytes", Met: true},
		{Measure: "the same with `status`, where all share a date", Target: "≤ 5 bytes", Measured: "7.5 bytes"},
		{Measure: "the status page's overview of 10,000 Services", Target: "< 100 ms, < 200 KB", Measured: "15 ms, 41 KB", Met: true},
		{Measure: "its list of them", Target: "< 100 ms, < 200 KB", Measured: "19 ms, 62 KB", Met: true},
		{Measure: "its page of a Service of 1,000 endpoints, after an hour of 10 changes a second", Target: "< 100 ms, < 200 KB", Measured: "101 ms, 142 KB"},
		{Measure: "`kubectl why-dns`, with the API server and two servers that it finds", Target: "< 2 s", Measured: "0.35 s", Met: true},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want\n%+v", got, err, want)
	}
	if _, err := parseHistory(strings.NewReader("goos: linux\n")); err == nil {
		t.Error("no benchmarks are figures")
	}
}
