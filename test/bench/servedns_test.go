package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
)

func TestGoBenchmarksAreRead(t *testing.T) {
	const out = `goos: linux
pkg: github.com/k8s-endpoints/k8s_endpoints
cpu: AMD EPYC
BenchmarkServeDNS/case=A/endpoints=1000/client=1232/plugin=k8s_endpoints-2         	   84093	     12500 ns/op	    9184 B/op	       5 allocs/op
BenchmarkServeDNS/case=NXDOMAIN/plugin=kubernetes         	  500000	      1999.5 ns/op	     512 B/op	       9 allocs/op
PASS
ok  	github.com/k8s-endpoints/k8s_endpoints	2.000s
`
	got, err := parseServeDNS(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i].Nanos = float64(int(got[i].Nanos*10+.5)) / 10
	}
	want := []figures.ServeDNS{
		{Case: "A", Endpoints: 1000, Client: "1232", Plugin: figures.Ours, Runs: 84093, Nanos: 12500, Bytes: 9184, Allocs: 5},
		{Case: "NXDOMAIN", Plugin: figures.Stock, Runs: 500000, Nanos: 1999.5, Bytes: 512, Allocs: 9},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
