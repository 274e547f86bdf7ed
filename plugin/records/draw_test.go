package records

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
)

func seededDrawer() *drawer { return &drawer{rand: rand.New(rand.NewPCG(1, 2))} }

// chiSquared returns how far the counts are from being equal.
func chiSquared(counts []int) float64 {
	sum := 0
	for _, count := range counts {
		sum += count
	}
	expected, x := float64(sum)/float64(len(counts)), 0.0
	for _, count := range counts {
		x += (float64(count) - expected) * (float64(count) - expected) / expected
	}
	return x
}

// chiSquaredBound is what chance exceeds in one of about a million cases (the
// approximation by Wilson and Hilferty).
func chiSquaredBound(degrees int) float64 {
	const quantile = 4.75
	d := float64(degrees)
	return d * math.Pow(1-2/(9*d)+quantile*math.Sqrt(2/(9*d)), 3)
}

func TestEveryOrderedChoiceIsDrawnEquallyOften(t *testing.T) {
	for _, c := range []struct{ n, k int }{{1, 1}, {2, 1}, {2, 2}, {4, 2}, {5, 2}, {5, 3}, {6, 3}, {4, 4}, {5, 5}, {7, 1}} {
		t.Run(fmt.Sprintf("%d of %d", c.k, c.n), func(t *testing.T) {
			d, counts, choices := seededDrawer(), make(map[string]int), 1
			for i := range c.k {
				choices *= c.n - i
			}
			for range 200 * choices {
				counts[fmt.Sprint(d.draw(c.n, c.k))]++
			}
			var all []int
			for _, count := range counts {
				all = append(all, count)
			}
			if len(all) != choices {
				t.Fatalf("%d different choices of %d", len(all), choices)
			}
			if x, bound := chiSquared(all), chiSquaredBound(choices-1); choices > 1 && x > bound {
				t.Errorf("chi-squared is %.1f, want at most %.1f", x, bound)
			}
		})
	}
}

func TestEveryNumberIsDrawnEquallyOftenAndEquallyOftenFirst(t *testing.T) {
	const draws = 20000
	for _, c := range []struct{ n, k int }{{40, 1}, {40, 20}, {40, 21}, {40, 39}, {129, 28}, {130, 100}} {
		t.Run(fmt.Sprintf("%d of %d", c.k, c.n), func(t *testing.T) {
			d := seededDrawer()
			drawn, first, last := make([]int, c.n), make([]int, c.n), make([]int, c.n)
			for range draws {
				order := d.draw(c.n, c.k)
				for _, i := range order {
					drawn[i]++
				}
				first[order[0]]++
				last[order[c.k-1]]++
			}
			bound := chiSquaredBound(c.n - 1)
			// What is drawn is not drawn again, which makes the counts more equal.
			again := float64(c.n-1) / float64(c.n-c.k)
			for what, x := range map[string]float64{"drawn": chiSquared(drawn) * again, "first": chiSquared(first), "last": chiSquared(last)} {
				if x > bound {
					t.Errorf("%s: chi-squared is %.1f, want at most %.1f", what, x, bound)
				}
			}
		})
	}
}

func TestADrawHoldsNoNumberTwice(t *testing.T) {
	d := seededDrawer()
	for range 2000 {
		// One drawer serves sets of all sizes, so a draw must leave nothing behind.
		n := 1 + d.rand.IntN(300)
		k := d.rand.IntN(n + 1)
		order := slices.Sorted(slices.Values(d.draw(n, k)))
		if len(order) != k || len(slices.Compact(order)) != k || k > 0 && (order[0] < 0 || int(order[k-1]) >= n) {
			t.Fatalf("%d of %d: %v", k, n, order)
		}
	}
}

func TestAReleasedDrawerHoldsNothing(t *testing.T) {
	d := &drawer{drawn: make([]drawn, 3)}
	d.drawn[1].name = "db-1"
	d.release()
	if len(d.drawn) != 0 || d.drawn[:3][1].name != "" {
		t.Errorf("it holds %v", d.drawn[:3])
	}
}

// TestAHundredThousandTruncatedAnswers draws as addresses does, with a seed: each
// endpoint is carried, and is first, equally often, and what one answer has first
// says nothing about the next one.
func TestAHundredThousandTruncatedAnswers(t *testing.T) {
	const answers, n, k = 100_000, 200, 73
	set, q, d := big(n), question("db.default.svc.cluster.local.", dns.TypeA), seededDrawer()
	indexes := make(map[string]int, n)
	for i := range n {
		indexes[string(set.roster.Bytes(roster.At(i)))] = i
	}
	carried, first, pairs := make([]int, n), make([]int, n), make([]int, 100)
	last := 0
	for range answers {
		rrs := set.recordsA(q, &pool{in: set.name[roster.IPv4]}, d.draw(n, k))
		for _, rr := range rrs {
			carried[indexes[string(rr.(*dns.A).A)]]++
		}
		now := indexes[string(rrs[0].(*dns.A).A)]
		first[now]++
		pairs[last%10*10+now%10]++
		last = now
	}
	// What is drawn is not drawn again, which makes the counts more equal.
	again := float64(n-1) / float64(n-k)
	for what, c := range map[string]struct{ x, bound float64 }{
		"carried":       {chiSquared(carried) * again, chiSquaredBound(n - 1)},
		"first":         {chiSquared(first), chiSquaredBound(n - 1)},
		"first in turn": {chiSquared(pairs), chiSquaredBound(len(pairs) - 1)},
	} {
		if c.x > c.bound {
			t.Errorf("%s: chi-squared is %.1f, want at most %.1f", what, c.x, c.bound)
		}
	}
}
