package page

import (
	"os"
	"slices"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/results"
)

const docs = "../../../../docs/"

func TestThePageIsWhatTheResultsMakeOfIt(t *testing.T) {
	file, err := results.Read(docs + "systems.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := Render(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(docs + "systems.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/systems.md is not what docs/systems.json and the drivers make of it: go run ./test/systems/report")
	}
}

func TestEachDriverHasItsRowsAndEachRowADriver(t *testing.T) {
	file, err := results.Read(docs + "systems.json")
	if err != nil {
		t.Fatal(err)
	}
	byKey := make(map[string]drivers.System)
	for _, s := range drivers.All {
		byKey[s.Key] = s
		lives := []string{}
		for life := range s.Lives {
			lives = append(lives, life)
		}
		if s.Turn != nil {
			lives = append(lives, drivers.Own)
		}
		for _, life := range lives {
			if file.Find(s.Key, life, "ours") == nil {
				t.Errorf("%s has no row of %s: make systems", s.Key, life)
			}
		}
	}
	for _, row := range file.Rows {
		s, has := byKey[row.System]
		if !has {
			t.Errorf("there is a row of %s, and no driver", row.System)
			continue
		}
		if _, has := s.Life(row.Life); !has {
			t.Errorf("there is a row of %s in %s, which it does not go through", row.System, row.Life)
		}
	}
}

func TestNothingKnownHasBecomeFarBetter(t *testing.T) {
	file, err := results.Read(docs + "systems.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range file.Rows {
		if row.Server != "ours" {
			continue
		}
		for _, s := range drivers.All {
			if bounds, has := s.Life(row.Life); s.Key == row.System && has {
				for _, each := range row.Loose(bounds) {
					t.Errorf("%s, %s: %s: lower the bound, or forget that %s", s.Key, row.Life, each, bounds.Known)
				}
			}
		}
	}
}

func TestAReasonIsSaidOnceOfAllItsLives(t *testing.T) {
	got := reasons("etcd", []string{"cold", "rolling", "drain", "reuse"}, func(life string) string {
		return map[string]string{"rolling": "members end", "drain": "one ends", "reuse": "members end"}[life]
	})
	if want := []string{"etcd, rolling, reuse: members end.", "etcd, drain: one ends."}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestACellSaysWhatMatters(t *testing.T) {
	tests := []struct {
		name   string
		trials []results.Trial
		want   string
	}{
		{"nothing was lived", nil, "–"},
		{"one trial", []results.Trial{{Whole: true, Seconds: 0.64}}, "1/1 · 0.6 s · 0 dead"},
		{"several", []results.Trial{{Whole: true, Seconds: 1}, {Seconds: 45}, {Whole: true, Seconds: 2, Dead: 3}}, "2/3 · 1.0–2.0 s · 3 dead"},
		{"CoreDNS started again", []results.Trial{{Whole: true, Seconds: 3, Answered: 0.62}}, "1/1 · 3.0 s · 0.6 s to answer · 0 dead"},
		{"CoreDNS started again with nothing", []results.Trial{{Silent: true, Restarts: 1}}, "0/1 · no answer · 0 dead · 1 restarts"},
		{"what went wrong", []results.Trial{{Whole: true, Seconds: 1, Wrong: 1, Errors: 2}}, "1/1 · 1.0 s · 0 dead · 1 wrong · 2 errors"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := cell(&results.Row{Trials: tc.trials}); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
