package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/life"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/node"
	"github.com/k8s-endpoints/k8s_endpoints/test/systems/results"
)

// most is what make systems may take.
const most = time.Hour

func TestMakeSystemsTakesNoMoreThanAnHour(t *testing.T) {
	file, err := results.Read("../../../docs/systems.json")
	if err != nil {
		t.Fatal(err)
	}
	var sum time.Duration
	for _, round := range Rounds {
		took := round.Took(file, AtOnce)
		sum += took
		longest := round.Order(file)[0]
		t.Logf("%-11s %5.1f min, of which %s takes %.1f", round.Name, took.Minutes(), longest.Key, round.tookOf(file, longest).Minutes())
	}
	if t.Logf("%-11s %5.1f min", "all", sum.Minutes()); sum > most {
		t.Errorf("it takes %s, and may take %s", sum.Round(time.Minute), most)
	}
}

func TestEachLifeOfOursIsLivedAsOftenAsItIsTo(t *testing.T) {
	for _, s := range drivers.All {
		next := make(map[string]int)
		for _, round := range Rounds {
			for _, step := range round.Steps(s) {
				key := step.Script.Name + " on " + step.Server
				if step.First != next[key] {
					t.Errorf("%s: after %d trials of %s comes the one with the number %d", s.Key, next[key], key, step.First)
				}
				next[key] = step.End
			}
		}
		for _, script := range life.All {
			want := 0
			if _, has := s.Life(script.Name); has {
				want = times(s, script, node.Ours)
			}
			if got := next[script.Name+" on "+node.Ours]; got != want {
				t.Errorf("%s goes through %s %d times, want %d", s.Key, script.Name, got, want)
			}
		}
	}
}

func TestOursComesFirstAndOnceBeforeAgain(t *testing.T) {
	var names []string
	for _, round := range Rounds {
		names = append(names, round.Name)
	}
	if want := []string{"ours", "ours-long", "ours-away", "ours-again", "stock", "serving", "stock-away"}; !slices.Equal(names, want) {
		t.Errorf("the rounds are %q, want %q", names, want)
	}
}

func TestLivesHaveTheOrderOfTheirNames(t *testing.T) {
	var names []string
	for _, script := range life.All {
		names = append(names, script.Name)
	}
	if !slices.Equal(names, drivers.Names) {
		t.Errorf("the lives are %q, and their names %q", names, drivers.Names)
	}
}

func TestARoundOnSomeServersHasOnlyThose(t *testing.T) {
	s := drivers.All[0]
	round := All([]string{node.Ours, node.Stock}, 2).On([]string{node.Stock, node.Serving})
	for _, step := range round.Steps(s) {
		if step.Server != node.Stock || step.First != 0 || step.End != 2 {
			t.Errorf("%s has a step of %s, from %d to %d", s.Key, step.Server, step.First, step.End)
		}
	}
}

func TestOnlyWhatIsLivedHasARow(t *testing.T) {
	for _, test := range []struct {
		system, life, server string
		want                 bool
	}{
		{"etcd", drivers.Cold, node.Stock, true},
		{"etcd", drivers.Outage, node.Ours, true},
		{"etcd", drivers.Outage, node.Stock, true},
		{"etcd", drivers.Outage, node.Serving, false},
		{"etcd", drivers.Scale, node.Stock, false},
		{"etcd", drivers.Scale, node.Ours, false},
		{"nobody", drivers.Cold, node.Ours, false},
	} {
		if got := Has(test.system, test.life, test.server); got != test.want {
			t.Errorf("%s, %s on %s: got %t", test.system, test.life, test.server, got)
		}
	}
}

func TestTimesComeFromWhatWasSeenOrElseFromBounds(t *testing.T) {
	s := drivers.System{
		Key: "db", Starts: 1,
		Lives: map[string]drivers.Bounds{
			drivers.Cold: {Formed: 8 * time.Second}, drivers.Rolling: {Formed: 20 * time.Second}, drivers.Drain: {Formed: 10 * time.Second},
			drivers.Away: {Formed: 6 * time.Second}, drivers.Exchange: {},
		},
	}
	file := &results.File{Rows: []results.Row{
		{System: "db", Life: drivers.Cold, Server: node.Ours, Trials: []results.Trial{{Whole: true, Seconds: 2}, {Whole: true, Seconds: 4}}},
		{System: "db", Life: drivers.Cold, Server: node.Stock, Trials: []results.Trial{{Whole: false}}},
		{System: "db", Life: drivers.Rolling, Server: node.Ours, Trials: []results.Trial{{Whole: true, Seconds: 9, Took: 21}}},
	}}
	var got []string
	for _, step := range All([]string{node.Ours, node.Stock}, 1).Steps(s) {
		got = append(got, fmt.Sprintf("%s on %s: %s", step.Script.Name, step.Server, tookOnce(file, s, step)))
	}
	want := []string{
		"cold on ours: 6s", "cold on stock: 48s",
		"rolling on ours: 21s", "rolling on stock: 0s",
		"drain on ours: 11s", "drain on stock: 0s",
		"exchange on ours: 19s", "exchange on stock: 0s",
		"away on ours: 17s", "away on stock: 0s",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
