package results

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/test/systems/drivers"
)

func TestARowSaysWhichBoundsItMisses(t *testing.T) {
	good := Trial{Whole: true, Seconds: 4}
	bounds := drivers.Bounds{Formed: 5 * time.Second, Dead: 1, Answered: time.Second}
	with := func(change func(*Trial)) []Trial {
		bad := good
		change(&bad)
		return []Trial{good, bad}
	}
	tests := []struct {
		name   string
		trials []Trial
		slower float64
		want   []string
	}{
		{"none", []Trial{good, good}, 1, nil},
		{"the time", with(func(t *Trial) { t.Seconds = 6 }), 1, []string{"it took 6.0 s, and may take 5s"}},
		{"no time that is within what is slower", with(func(t *Trial) { t.Seconds = 6 }), 2, nil},
		{"one that was never whole", with(func(t *Trial) { t.Whole, t.Why = false, "1 of 3" }), 1, []string{"1 of 2 were not whole in time, and 0 may be: 1 of 3"}},
		{"no number at its bound", with(func(t *Trial) { t.Dead = 1 }), 1, nil},
		{"a number above its bound", with(func(t *Trial) { t.Dead = 2 }), 1, []string{"2 contacts with addresses of nobody, and may be 1"}},
		{"a number above its bound, where each waits for a processor", with(func(t *Trial) { t.Dead = 2 }), 2, nil},
		{"no first answer", with(func(t *Trial) { t.Silent = true }), 2, []string{"1 times there was no answer, and may be 0"}},
		{"the time until the first answer", with(func(t *Trial) { t.Answered = 2.5 }), 2, []string{"the first answer took 2.5 s, and may take 2s"}},
		{"each of two", with(func(t *Trial) { t.Wrong, t.Errors = 1, 3 }), 1, []string{"1 contacts with Pods of others, and may be 0", "3 errors of the load, and may be 0"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			row := Row{Trials: tc.trials}
			if got := row.Missed(bounds, tc.slower); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDialledAddsToWhatMayBeDead(t *testing.T) {
	bounds := drivers.Bounds{Dead: 1, Dialled: 2}
	for _, test := range []struct {
		dead   int
		slower float64
		want   int
	}{
		{3, 1, 0},
		{4, 1, 1},
		{12, 4, 0},
		{13, 4, 1},
	} {
		row := Row{Trials: []Trial{{Whole: true, Dead: test.dead}}}
		if got := row.Missed(bounds, test.slower); len(got) != test.want {
			t.Errorf("%d, %v times as slow: got %q, want %d bounds that are missed", test.dead, test.slower, got, test.want)
		}
	}
}

func TestARowSaysWhereWhatIsKnownHasBecomeBetter(t *testing.T) {
	trials := func(dead ...int) (all []Trial) {
		for _, each := range dead {
			all = append(all, Trial{Whole: true, Seconds: 4, Dead: each, Restarts: 1})
		}
		return all
	}
	known := drivers.Bounds{Dead: 20, Restarts: 9, Known: "members dial each other"}
	unformed := drivers.Bounds{Unformed: 2, Known: "one is locked out"}
	tests := []struct {
		name   string
		trials []Trial
		bounds drivers.Bounds
		want   []string
	}{
		{"one trial that is a quarter as bad as it may be is enough", trials(0, 5, 0), known, nil},
		{"no trial is", trials(0, 4, 0), known, []string{"4 contacts with addresses of nobody in 3 trials, and may be 20"}},
		{"a few may be whether they happen or not", trials(0, 0, 0), drivers.Bounds{Dead: 5, Known: "members dial each other"}, nil},
		{"two trials say nothing", trials(0, 0), known, nil},
		{"of a bound without anything known nothing is said", trials(0, 0, 0), drivers.Bounds{Dead: 20}, nil},
		{"all are whole, and not all have to be", trials(0, 0, 0), unformed, []string{"0 of 3 were not whole in time, and 2 may be"}},
		{"of what follows from a pace nothing is said", trials(0, 0, 0), drivers.Bounds{Dialled: 20, Known: "members dial each other"}, nil},
		{"one is not whole", append(trials(0, 0), Trial{}), unformed, nil},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			row := Row{Trials: tc.trials}
			if got := row.Loose(tc.bounds); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestOnlyABoundOfWhatIsKnownMayBeLoose(t *testing.T) {
	const why = "members dial each other"
	for _, test := range []struct {
		name   string
		bounds drivers.Bounds
		want   bool
	}{
		{"one of what is known", drivers.Bounds{Dead: 20, Known: why}, true},
		{"one that allows but a few", drivers.Bounds{Dead: 5, Known: why}, false},
		{"one of a time alone", drivers.Bounds{Formed: time.Minute, Known: why}, false},
		{"one without anything known", drivers.Bounds{Dead: 20}, false},
	} {
		if got := MayBeLoose(test.bounds); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}

func TestAFileIsReadAsItWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "systems.json")
	want := &File{
		Commit: "1", Kernel: "6.1", Kubernetes: "1.37", CPUs: 2,
		Versions: map[string]string{"etcd": "3.6"}, Queries: map[string][]string{"etcd": {"A etcd.N.svc.Z: 1 NOERROR"}},
		Rows: []Row{{"etcd", "cold", "ours", []Trial{{Whole: true, Seconds: 1.5, Own: 9}}}},
	}
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got.Find("etcd", "cold", "ours") == nil || got.Find("etcd", "cold", "stock") != nil {
		t.Error("it finds other rows than it has")
	}
}
