package figures

import (
	"path/filepath"
	"reflect"
	"testing"
)

func TestQuantilesAreNearestRanks(t *testing.T) {
	var all []float64
	for i := 200; i > 0; i-- {
		all = append(all, float64(i))
	}
	for _, tc := range []struct {
		name string
		all  []float64
		want Quantiles
	}{
		{"of none", nil, Quantiles{}},
		{"of one", []float64{7}, Quantiles{1, 7, 7, 7}},
		{"of two", []float64{2, 1}, Quantiles{2, 1, 2, 2}},
		{"of 200", all, Quantiles{200, 100, 198, 200}},
	} {
		if got := NewQuantiles(tc.all); got != tc.want {
			t.Errorf("%s: got %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

func TestARatioIsThatOfRoundsNotOfMedians(t *testing.T) {
	// The machine was busy in the second round.
	ours, stock := NewSeries([]float64{10, 2, 12}), NewSeries([]float64{5, 1, 6})
	if got := ours.Ratio(stock); got != 2 {
		t.Errorf("got %v, want 2", got)
	}
	if ours.Median != 10 || ours.Min != 2 || ours.Max != 12 {
		t.Errorf("got %+v", ours)
	}
	if got := Median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("of four: got %v, want 2.5", got)
	}
}

func TestAReportIsReadAsItWasSaved(t *testing.T) {
	r := &Report{
		Runs:    map[string]Run{"queries": {Date: "2026-01-02", Command: "go run"}},
		Queries: []Queries{{Case: "A", Endpoints: 1, Client: 512, Server: Ours, PerSecond: NewSeries([]float64{1, 2})}},
	}
	file := filepath.Join(t.TempDir(), "figures.json")
	if err := r.Save(file); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(file); err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("got %+v, %v, want %+v", got, err, r)
	}
}
