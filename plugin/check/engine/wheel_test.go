package engine

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What the wheel gives out is what is due, in order, whichever steps it is turned in.
func TestTheWheelGivesOutWhatIsDue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w wheel
		var all []*task
		now := time.Duration(0)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				one := &task{due: now + time.Duration(rapid.IntRange(-1000, 4_000_000).Draw(t, "ms"))*time.Millisecond}
				one.phase = uint64(len(all))
				w.put(one, one.due)
				all = append(all, one)
			},
			"remove": func(t *rapid.T) {
				if len(all) == 0 {
					return
				}
				i := rapid.IntRange(0, len(all)-1).Draw(t, "which")
				w.remove(all[i])
				all = slices.Delete(all, i, i+1)
			},
			"advance": func(t *rapid.T) {
				now += time.Duration(rapid.SampledFrom([]int{1, 90, 100, 1000, 99_000, 102_400, 250_000, 3_600_000}).Draw(t, "ms")) * time.Millisecond
				var want []*task
				for _, one := range all {
					if one.turn <= int64(now/tick) {
						want = append(want, one)
					}
				}
				slices.SortFunc(want, inTurn)
				if got := w.advance(int64(now/tick), nil); !slices.Equal(got, want) {
					t.Fatalf("%d came out, want %d", len(got), len(want))
				}
				all = slices.DeleteFunc(all, func(one *task) bool { return slices.Contains(want, one) })
			},
			"": func(t *rapid.T) {
				first := int64(-1)
				for _, one := range all {
					if first < 0 || one.turn < first {
						first = one.turn
					}
				}
				at, some := w.next()
				if some != (len(all) > 0) || some && at > first || some && at <= w.now {
					t.Fatalf("the next tick is %d, %t, want at most %d", at, some, first)
				}
			},
		})
	})
}
