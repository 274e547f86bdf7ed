package records

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

func seededDrawer() *drawer { return &drawer{rand: rand.NewPCG(1, 2)} }

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

// clientsOf returns the addresses of n clients, as a cluster has them.
func clientsOf(n int) []netip.Addr {
	all := make([]netip.Addr, n)
	for i := range all {
		all[i] = netip.AddrFrom4([4]byte{10, 244, byte(i >> 8), byte(i)})
		if i%4 == 3 {
			all[i] = netip.AddrFrom16([16]byte{0xfd, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
		}
	}
	return all
}

func TestClientsTogetherGetEachEquallyOften(t *testing.T) {
	for _, c := range []struct{ n, k int }{{2, 1}, {5, 2}, {40, 1}, {40, 20}, {40, 39}, {129, 28}, {1000, 1}} {
		t.Run(fmt.Sprintf("%d of %d", c.k, c.n), func(t *testing.T) {
			d := seededDrawer()
			drawn, begins := make([]int, c.n), make([]int, c.n)
			for _, client := range clientsOf(20 * 1000) {
				share := ShareOf(client).of(7)
				for _, i := range d.draw(share, c.n, c.k) {
					drawn[i]++
				}
				begins[share.first(int64(c.n))]++
			}
			bound := chiSquaredBound(c.n - 1)
			// Parts are runs of k, which makes the counts of neighbours alike.
			if x := chiSquared(drawn) / float64(c.k); x > bound {
				t.Errorf("drawn: chi-squared is %.1f, want at most %.1f", x, bound)
			}
			if x := chiSquared(begins); x > bound {
				t.Errorf("first of the part: chi-squared is %.1f, want at most %.1f", x, bound)
			}
		})
	}
}

func TestTheOrderWithinAPartIsRandom(t *testing.T) {
	const draws = 20000
	for _, c := range []struct{ n, k int }{{2, 2}, {5, 3}, {40, 20}, {73, 73}} {
		d := seededDrawer()
		first, last := make(map[int32]int), make(map[int32]int)
		for range draws {
			order := d.draw(ShareOf(netip.MustParseAddr("10.244.0.1")), c.n, c.k)
			first[order[0]]++
			last[order[c.k-1]]++
		}
		bound := chiSquaredBound(c.k - 1)
		for what, counts := range map[string]map[int32]int{"first": first, "last": last} {
			if x := chiSquared(slices.Collect(maps.Values(counts))); len(counts) != c.k || x > bound {
				t.Errorf("%d of %d, %s: %d different ones, chi-squared is %.1f, want at most %.1f", c.k, c.n, what, len(counts), x, bound)
			}
		}
	}
}

func TestADrawHoldsNoNumberTwice(t *testing.T) {
	d := seededDrawer()
	for range 2000 {
		// One drawer serves sets of all sizes, so a draw must leave nothing behind.
		n := 1 + rand.IntN(300)
		k := rand.IntN(n + 1)
		order := slices.Sorted(slices.Values(d.draw(Share(rand.Uint64()), n, k)))
		if len(order) != k || len(slices.Compact(order)) != k || k > 0 && (order[0] < 0 || int(order[k-1]) >= n) {
			t.Fatalf("%d of %d: %v", k, n, order)
		}
	}
}

func TestAReleasedDrawerHoldsNothing(t *testing.T) {
	d := seededDrawer()
	d.drawn = make([]drawn, 3)
	d.drawn[1].name = "db-1"
	d.release()
	if len(d.drawn) != 0 || d.drawn[:3][1].name != "" {
		t.Errorf("it holds %v", d.drawn[:3])
	}
}

// cutQuestion leaves room for a part of the records.
func cutQuestion(qtype uint16, client netip.Addr) *Question {
	q := question("db.default.svc.cluster.local.", qtype)
	q.Room, q.Share = 1200, ShareOf(client)
	return q
}

// partOf returns what a client gets of a set, without order.
func partOf(s *Set, qtype uint16, client netip.Addr) []string {
	return sorted(s.Answer(cutQuestion(qtype, client)).Records)
}

// A driver that takes an answer for the set must not see it change by itself.
func TestAClientGetsTheSamePartWhileTheSetStays(t *testing.T) {
	set := big(300)
	for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV} {
		different := make(map[string]bool)
		for _, client := range clientsOf(50) {
			want := partOf(set, qtype, client)
			different[fmt.Sprint(want)] = true
			for range 20 {
				if got := partOf(set, qtype, client); !slices.Equal(got, want) {
					t.Fatalf("%s: %v gets %v, and then %v", dns.TypeToString[qtype], client, want, got)
				}
			}
			if again := partOf(big(300), qtype, client); !slices.Equal(again, want) {
				t.Fatalf("%s: %v gets another part where the set is compiled again", dns.TypeToString[qtype], client)
			}
		}
		if len(different) < 40 {
			t.Errorf("%s: 50 clients get %d different parts", dns.TypeToString[qtype], len(different))
		}
	}
}

// A change of some endpoints changes about as many in the part of a client.
func TestAPartChangesAsTheSetDoes(t *testing.T) {
	for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV} {
		for _, change := range []int{1, 3, 10} {
			before, after := big(300), big(300+change)
			sum, clients := 0, clientsOf(200)
			for _, client := range clients {
				a, b := partOf(before, qtype, client), partOf(after, qtype, client)
				gone := 0
				for _, rr := range a {
					if !slices.Contains(b, rr) {
						gone++
					}
				}
				sum += gone
				// Each port is a part of its own.
				if gone > 2*(change+1) {
					t.Errorf("%s: %d endpoints more change %d of %d records", dns.TypeToString[qtype], change, gone, len(a))
				}
			}
			if mean := float64(sum) / float64(len(clients)); mean > float64(change)+1 {
				t.Errorf("%s: %d endpoints more change %.1f records on average", dns.TypeToString[qtype], change, mean)
			}
		}
	}
}

// Each endpoint is carried equally often by the answers to many clients.
func TestAHundredThousandCutAnswers(t *testing.T) {
	const n = 200
	set := big(n)
	carried := make(map[string]int, n)
	k := 0
	for _, client := range clientsOf(100_000) {
		a := set.Answer(cutQuestion(dns.TypeA, client))
		k = len(a.Records)
		for _, rr := range a.Records {
			carried[string(rr.(*dns.A).A)]++
		}
	}
	if x, bound := chiSquared(slices.Collect(maps.Values(carried)))/float64(k), chiSquaredBound(n-1); len(carried) != n || x > bound {
		t.Errorf("%d of %d are carried, chi-squared is %.1f, want at most %.1f", len(carried), n, x, bound)
	}
}
