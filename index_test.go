package endpoints

import (
	"fmt"
	"maps"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func TestAnIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newNames[int]()
		model := make(map[string]int)
		keys := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
		for range rapid.IntRange(0, 10).Draw(t, "batches") {
			var changes []entry[string, int]
			for range rapid.IntRange(0, 5).Draw(t, "changes") {
				key := keys.Draw(t, "key")
				if rapid.Bool().Draw(t, "remove") {
					changes = append(changes, entry[string, int]{key: key})
					delete(model, key)
					continue
				}
				value := rapid.Int().Draw(t, "value")
				changes = append(changes, entry[string, int]{key: key, value: &value})
				model[key] = value
			}
			x.apply(changes)
			got := make(map[string]int)
			for _, key := range []string{"a", "b", "c", "d", "e"} {
				if value, ok := x.get(key); ok {
					got[key] = value
				}
			}
			if !maps.Equal(got, model) {
				t.Fatalf("got %v, want %v", got, model)
			}
		}
	})
}

func TestReadersOfAnIndexSeeWholeBatches(t *testing.T) {
	x := newAddresses6[int]()
	key := [16]byte{1}
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			last := 0
			for {
				select {
				case <-stop:
					return
				default:
				}
				value, _ := x.get(key)
				if value < last || value%2 != 0 {
					panic(fmt.Sprintf("read %d after %d", value, last))
				}
				last = value
			}
		})
	}
	for i := 0; i < 2000; i += 2 {
		half, whole := i+1, i+2
		x.apply([]entry[[16]byte, int]{{key: key, value: &half}, {key: key}, {key: key, value: &whole}})
	}
	close(stop)
	readers.Wait()
}
