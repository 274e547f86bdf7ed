package records

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestDatesAreThoseThatWerePacked(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		all := make([]dated, random.IntN(700))
		different := 1 + random.IntN(400)
		for i := range all {
			all[i] = dated(random.IntN(different)) | dated(random.IntN(2))*forLonger
		}
		packed := pack(all)
		for i, want := range all {
			if got := packed.of(i, len(all)); got != want {
				t.Fatalf("of %d endpoints with up to %d dates, %d has %s, want %s", len(all), different, i, got, want)
			}
		}
		if packed == "" || packed != pack(slices.Clone(all)) {
			t.Fatalf("%d endpoints: %q", len(all), packed)
		}
	}
}

func TestDatesTakeTheLeast(t *testing.T) {
	for _, test := range []struct {
		name             string
		endpoints, dates int
		want             int
	}{
		{"nobody", 0, 0, 4},
		{"one", 1, 1, 4},
		{"all the same", 50, 1, 4},
		{"two of two", 2, 2, 8},
		{"some", 50, 7, 50 + 4*7},
		{"many", 50, 37, 50 + 4*37},
		{"nearly each its own", 50, 38, 200},
		{"each its own", 50, 50, 200},
		{"as many as a byte tells apart", 10_000, 256, 10_000 + 4*256},
		{"more", 10_000, 257, 40_000},
	} {
		all := make([]dated, test.endpoints)
		for i := range all {
			all[i] = dated(i % test.dates)
		}
		if got := len(pack(all)); got != test.want {
			t.Errorf("%s: %d bytes, want %d", test.name, got, test.want)
		}
	}
}

// BenchmarkDates is what dates cost a Service of 10,000, each time that it is compiled.
func BenchmarkDates(b *testing.B) {
	for name, dates := range map[string]int{"1": 1, "100": 100, "10000": 10_000} {
		all := make([]dated, 10_000)
		for i := range all {
			all[i] = dated(i % dates)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				pack(all)
			}
		})
	}
}
