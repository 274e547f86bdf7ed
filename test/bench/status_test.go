package main

import (
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/bench/figures"
)

func TestTheMedianOfTheRoundsCounts(t *testing.T) {
	const measure = "queries a second while the status page is read each 5s, against no page"
	for _, test := range []struct {
		rates []float64
		want  figures.Check
	}{
		{[]float64{0.5, 0.995, 1.02}, figures.Check{Measure: measure, Target: "≥ 99 %", Measured: "99.5 %", Met: true}},
		{[]float64{0.97, 0.98, 1.2}, figures.Check{Measure: measure, Target: "≥ 99 %", Measured: "98.0 %"}},
	} {
		if got := watchedCheck(test.rates); got != test.want {
			t.Errorf("%v: got %+v, want %+v", test.rates, got, test.want)
		}
	}
}
