package engine

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

func TestAHundredThousandChangesASecondKeepTheRateOfDialsBounded(t *testing.T) {
	const seconds = 20
	w := newWorld(t, 200, 256)
	victim := w.service("victim/orders", tcp(), targets(1<<16, 10)...)
	victim.Asked()
	w.pass(20 * time.Second)
	w.dials = nil

	random := rand.New(rand.NewPCG(1, 2))
	var groups []*Group
	for i := range 100 {
		groups = append(groups, w.e.Group(keyOf(fmt.Sprintf("hostile/svc-%d", i)), func() {}))
	}
	began := w.now
	died := time.Duration(0)
	for w.now.Sub(began) < seconds*time.Second {
		for range 100 {
			g := groups[random.IntN(len(groups))]
			switch random.IntN(10) {
			case 0:
				g.Watch(tcp(), w.guard, false, nil)
			case 1:
				g.Asked()
			default:
				g.Watch(web(fmt.Sprintf("/%d", random.IntN(1000))), w.guard, false, targets(random.IntN(1<<14), 1+random.IntN(5)))
			}
		}
		w.pass(time.Millisecond)
		if died == 0 && w.now.Sub(began) >= 2*time.Second {
			died = w.now.Sub(began)
			w.refuses(target(1 << 16))
		}
	}

	hostile := make(map[netip.AddrPort]int)
	units := 0
	for _, d := range w.dials {
		units += 2
		if d.path != "" {
			hostile[d.at]++
		}
	}
	between(t, "the units that were spent", units, 0, (seconds+1)*200)
	between(t, "the number of targets that the hostile namespace reached", len(hostile), 1, 60+seconds)
	for at, n := range hostile {
		between(t, fmt.Sprintf("the number of checks of %v", at), n, 0, 16*(2+seconds/10))
	}
	equal(t, "the verdict of the victim", verdicts(victim, target(1<<16)), []check.Verdict{check.Failing})
	between(t, "the number of pairs that are remembered", len(w.core.budget.pairs.at), 0, mostPairs)
	between(t, "the number of tasks", w.core.table.count, 10, 10+16*(60+seconds))
}

// alive returns Services of 100 endpoints each in namespaces of their own, all of them
// wanted, of which all but the first fail in a way.
func alive(t *testing.T, cause check.Cause, took time.Duration) (w *world, dying func(netip.AddrPort)) {
	w = newWorld(t, 1000, 256)
	w.core.budget.new = 1000
	w.core.random = rand.New(rand.NewPCG(3, 4)).Float64
	dead := netip.AddrPort{}
	w.answer = func(_ *world, at netip.AddrPort, _ *check.Spec) (check.Cause, time.Duration) {
		switch {
		case at == dead:
			return check.Refused, time.Millisecond
		case at.Addr().Compare(target(100).Addr()) >= 0:
			return cause, took
		}
		return check.Passed, time.Millisecond
	}
	var all []*Group
	for i := range 100 {
		all = append(all, w.service(fmt.Sprintf("team-%d/db", i), tcp(), targets(100*i, 100)...))
	}
	w.turn()
	// All that hang are known to after 15 minutes, and all that refuse after one.
	failing := func() (n int) {
		for _, g := range all {
			n += failingOf(g)
		}
		return n
	}
	for minute := 0; minute == 0 || minute < 15 && failing() < 9900; minute++ {
		for _, g := range all {
			g.Asked()
		}
		w.pass(time.Minute)
		w.dials = nil
	}
	equal(t, "the number that fail", failingOf(all[1]), 100)
	equal(t, "the number of the living that fail", failingOf(all[0]), 0)
	return w, func(at netip.AddrPort) {
		dead = at
		all[0].Asked()
	}
}

func TestTheLivingAreStillDetectedAmongTheDead(t *testing.T) {
	if testing.Short() {
		t.Skip("half an hour of 10,000 checks")
	}
	for _, row := range []struct {
		name  string
		cause check.Cause
		took  time.Duration
	}{
		{"9,900 of 10,000 hang", check.TimedOut, time.Hour},
		{"9,900 of 10,000 refuse", check.Refused, time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, dying := alive(t, row.cause, row.took)
			var took []time.Duration
			for i := range 30 {
				began := w.now
				before := w.turned["tcp fail"]
				dying(target(i))
				for w.turned["tcp fail"] == before {
					w.pass(time.Second)
					if w.now.Sub(began) > 2*time.Minute {
						t.Fatalf("%v is not found to fail in 2 minutes", target(i))
					}
				}
				took = append(took, w.now.Sub(began))
				dying(netip.AddrPort{})
				w.pass(15 * time.Second)
				w.dials = nil
			}
			slices.Sort(took)
			t.Logf("detection: median %v, at most %v", took[len(took)/2], took[len(took)-1])
			between(t, "the longest time to find one that dies", took[len(took)-1], 0, 16*time.Second)
		})
	}
}

func TestManyServicesWithOneTargetCostNoMoreThanTheyAre(t *testing.T) {
	// Each that comes or goes costs the same, however many others have the same target.
	w := newWorld(t, 200, 256)
	var groups []*Group
	for i := range 20_000 {
		groups = append(groups, w.service(fmt.Sprintf("team/db-%d", i), tcp(), target(1)))
	}
	w.pass(5 * time.Second)
	equal(t, "the number of tasks", w.core.table.count, 1)
	equal(t, "the number of checks of the namespace", w.core.budget.namespaces["team"].checks, 1)
	for _, g := range groups[1:] {
		g.Close()
	}
	w.pass(5 * time.Second)
	one, _ := w.core.table.find(target(1), groups[0].spec)
	equal(t, "the number of owners", len(one.owners), 1)
	equal(t, "the owner", one.owners[0].group.key, groups[0].key)
}
