package reload

import (
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
)

// running counts how often it ended.
type running struct{ ended int }

func (r *running) End() { r.ended++ }

func starts(r *running) func(iter.Seq[*running]) (*running, error) {
	return func(iter.Seq[*running]) (*running, error) { return r, nil }
}

func TestWhoAsksForTheSameSharesIt(t *testing.T) {
	var p Pool[string, *running]
	a, b, unused := new(running), new(running), new(running)
	first, _ := p.Hold("a", starts(a))
	second, _ := p.Hold("a", starts(unused))
	another, _ := p.Hold("b", starts(b))
	if first != a || second != a || another != b {
		t.Fatal("the same key has two values, or two keys have one")
	}
	p.Release("a")
	if !p.Runs("a") || a.ended != 0 {
		t.Error("it ended while somebody held it")
	}
	p.Release("a")
	if p.Runs("a") || !p.Runs("b") || a.ended != 1 || b.ended != 0 || unused.ended != 0 {
		t.Errorf("after the last holder let go, ended: %d, others: %d, %d", a.ended, b.ended, unused.ended)
	}
	if again, _ := p.Hold("a", starts(unused)); again != unused {
		t.Error("what ended was handed out again")
	}
}

func TestStartIsGivenWhatRunsBeside(t *testing.T) {
	var p Pool[string, *running]
	a, b := new(running), new(running)
	want := func(name string, all ...*running) {
		t.Helper()
		_, err := p.Hold(name, func(others iter.Seq[*running]) (*running, error) {
			if got := slices.Collect(others); len(got) != len(all) || slices.ContainsFunc(got, func(r *running) bool { return !slices.Contains(all, r) }) {
				t.Errorf("%s: %d others run, want %d", name, len(got), len(all))
			}
			return map[string]*running{"a": a, "b": b}[name], nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want("a")
	want("b", a)
	want("c", a, b)
}

func TestNobodyHoldsWhatDoesNotStart(t *testing.T) {
	var p Pool[string, *running]
	broken := errors.New("broken")
	if _, err := p.Hold("a", func(iter.Seq[*running]) (*running, error) { return nil, broken }); !errors.Is(err, broken) || p.Runs("a") {
		t.Errorf("got the error %v, and it runs: %t", err, p.Runs("a"))
	}
}

func TestManyHoldAndLetGoAtOnce(t *testing.T) {
	var p Pool[string, *running]
	var all []*running
	var holders sync.WaitGroup
	for range 8 {
		holders.Go(func() {
			for range 100 {
				r, _ := p.Hold("a", func(iter.Seq[*running]) (*running, error) {
					all = append(all, new(running))
					return all[len(all)-1], nil
				})
				if r.ended != 0 {
					t.Error("what has ended is held")
				}
				p.Release("a")
			}
		})
	}
	holders.Wait()
	for _, r := range all {
		if r.ended != 1 {
			t.Errorf("one of %d ended %d times", len(all), r.ended)
		}
	}
}
