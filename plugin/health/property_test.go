package health

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"pgregory.net/rapid"
)

func drawPolicy(t *rapid.T) Policy {
	p := Policy{
		Publish:  Publish(rapid.IntRange(0, 1).Draw(t, "publish")),
		PodNames: PodNames(rapid.IntRange(0, 2).Draw(t, "pod_names")),
		Fallback: Fallback(rapid.IntRange(0, 1).Draw(t, "fallback")),
		FailOpen: rapid.SampledFrom([]int{FailOpenUnset, FailOpenOff, FailOpenByCheck, 1, 33, 50, 100}).Draw(t, "fail_open"),
		SRVTiers: SRVTiers(rapid.IntRange(0, 1).Draw(t, "srv_tiers")),
		Damping:  Damping{Mode: DampingMode(rapid.IntRange(0, 2).Draw(t, "damping"))},
	}
	p.Damping.HalfLife = rapid.SampledFrom([]time.Duration{10 * time.Second, DefaultHalfLife, 172 * time.Second}).Draw(t, "half-life")
	return p
}

// drawPast makes what Observe could have left behind.
func drawPast(t *rapid.T, d Damping) *Past {
	var p Past
	at := epoch.Add(-time.Hour)
	for range rapid.SampledFrom([]int{0, 0, 1, 3, 4, 8}).Draw(t, "flaps") {
		p.flap(Damping{Mode: DampingOn, HalfLife: d.HalfLife}, at)
		at = at.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "apart")) * time.Second)
	}
	ago := time.Duration(rapid.IntRange(0, 320_000).Draw(t, "ms ago")) * time.Millisecond
	if shift := epoch.Add(-ago).Sub(p.At); !p.At.IsZero() {
		p.At = p.At.Add(shift)
		if !p.Until.IsZero() {
			p.Until = p.Until.Add(shift)
		}
	}
	p.WasUp = rapid.Bool().Draw(t, "was up")
	return &p
}

// drawCandidates favours endpoints that are up, so that damping has something
// to take.
func drawCandidates(t *rapid.T, d Damping) []Candidate {
	all := make([]Candidate, rapid.IntRange(0, 16).Draw(t, "endpoints"))
	conditions := rapid.SampledFrom([]model.Conditions{isUp, isUp, isUp, isDown, isDraining, isDying, forcedDown, forcedDrain, forcedDying})
	for i := range all {
		all[i] = Candidate{
			Conditions: conditions.Draw(t, "conditions"),
			Past:       drawPast(t, d),
			TakenOut:   rapid.IntRange(0, 7).Draw(t, "taken out") == 0,
			Fails:      rapid.IntRange(0, 3).Draw(t, "fails") == 0,
		}
	}
	return all
}

func drawGuard(t *rapid.T) guard {
	g := guard{open: rapid.Bool().Draw(t, "open")}
	if rapid.Bool().Draw(t, "pending") {
		g.since = epoch.Add(-time.Duration(rapid.IntRange(0, 12_000).Draw(t, "pending for ms")) * time.Millisecond)
	}
	return g
}

// calledUp reports whether the slice calls an endpoint up or draining.
func calledUp(p *Policy, c Candidate) bool {
	draining := c.Has(model.Serving | model.Terminating)
	if p.Publish == ByServing {
		return c.Has(model.Serving)
	}
	return c.Has(model.Ready) || draining
}

// judged returns an endpoint as it is for the policy, together with its check: one that fails
// is as one that was up, and is down.
func judged(p *Policy, c Candidate) Candidate {
	c.Fails = c.Fails && calledUp(p, c)
	if c.Fails {
		c.Conditions &= model.Terminating
		past := Past{}
		if c.Past != nil {
			past = *c.Past
		}
		past.WasUp = true
		c.Past = &past
	}
	return c
}

// opensTo counts those whom fail open would publish.
func opensTo(p *Policy, v *Verdict, all []Candidate) (n int) {
	for i, c := range all {
		if v.Tiers[i] == Sick && (p.FailOpen != FailOpenByCheck || judged(p, c).Fails) {
			n++
		}
	}
	return n
}

// usable is what it means to be good, apart from damping and draining.
func usable(p *Policy, c Candidate) bool {
	if p.Publish == ByServing {
		return c.Has(model.Serving) && !c.Has(model.Terminating)
	}
	return c.Has(model.Ready)
}

func TestAnyVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		all := drawCandidates(t, p.Damping)
		v, after := decide(&p, drawGuard(t), all, epoch)
		checkCounts(t, &v, all)
		usableOnes, opensTo, opens := 0, opensTo(&p, &v, all), p.FailOpen > 0 || p.FailOpen == FailOpenByCheck
		lastRung := v.standings.LastRung[roster.IPv4]
		for i, c := range all {
			tier := v.Tiers[i]
			c = judged(&p, c)
			checkFailing(t, &p, &v, i, c)
			drained := c.TakenOut && usable(&p, c)
			if usable(&p, c) && !c.TakenOut {
				usableOnes++
				if tier != Good && tier != Damped {
					t.Errorf("endpoint %d is up, and %v", i, tier)
				}
			} else if tier == Good || tier == Damped {
				t.Errorf("endpoint %d is not up or taken out, and %v", i, tier)
			}
			if tier == Good && !v.Published(Good) {
				t.Errorf("endpoint %d is good, and not published", i)
			}
			if tier == Damped && (p.Damping.Mode != DampingOn || !epoch.Before(c.Past.Until)) {
				t.Errorf("endpoint %d is damped without reason", i)
			}
			if drained && tier != Draining {
				t.Errorf("endpoint %d is taken out, and %v", i, tier)
			}
			if (v.Given[i] || v.Backup(tier) || usable(&p, c) || c.Has(model.Ready) || p.PodNames == NamesAll) && !v.Named[i] {
				t.Errorf("endpoint %d has no name", i)
			}
		}
		if v.Published(Starting) && !lastRung || v.Published(Dying) || v.Backup(Sick) || v.Backup(Starting) || v.Backup(Dying) {
			t.Error("what never is published is")
		}
		if v.Counts[Damped] > usableOnes/5 {
			t.Errorf("%d of %d are damped", v.Counts[Damped], usableOnes)
		}
		if usableOnes > 0 && inName(&v) == "nothing" {
			t.Errorf("the name is empty, though %d are up", usableOnes)
		}
		if !opens && (v.FailOpen || after != (guard{})) {
			t.Error("fail open is off, and does something")
		}
		if opens && v.Counts[Good]+v.Counts[Damped]+opensTo > 0 && inName(&v) == "nothing" {
			t.Error("the name is empty in spite of fail open")
		}
		if lastRung && (v.Counts[Good]+v.Counts[Damped]+v.Counts[Draining] > 0 || p.Fallback == FallbackNone || v.FailOpen) {
			t.Errorf("the last rung is taken with %v", v.Counts)
		}
		if published := slices.ContainsFunc(all, func(c Candidate) bool { return publishedByAll(&p, judged(&p, c)) }); published && p.Fallback != FallbackNone && inName(&v) == "nothing" {
			t.Errorf("health empties the name, with %v", v.Counts)
		}
		if v.Published(Sick) && !v.FailOpen && !lastRung || v.FailOpen && opensTo == 0 {
			t.Errorf("fail open is %v with %v", v.FailOpen, v.Counts)
		}
		if p.Fallback == FallbackNone && v.Published(Draining) {
			t.Error("draining endpoints are published in spite of fallback none")
		}
		if !v.Next.IsZero() && !v.Next.After(epoch) {
			t.Errorf("it changes %v ago", epoch.Sub(v.Next))
		}
	})
}

// checkFailing looks at one endpoint, which is judged.
func checkFailing(t *rapid.T, p *Policy, v *Verdict, i int, c Candidate) {
	tier := v.Tiers[i]
	want := Sick
	switch {
	case c.Has(model.Terminating):
		want = Dying
	case c.TakenOut:
		want = Starting
	}
	if c.Fails && tier != want {
		t.Errorf("the check of endpoint %d fails, and it is %v, want %v", i, tier, want)
	}
	if c.Fails && v.Given[i] && !v.FailOpen {
		t.Errorf("the check of endpoint %d fails, and it is published without fail open", i)
	}
	if c.Fails && v.Named[i] && !v.Given[i] && p.PodNames != NamesAll {
		t.Errorf("the check of endpoint %d fails, and it has a name", i)
	}
	if tier == Sick && !c.Fails && v.Given[i] && p.FailOpen == FailOpenByCheck && !v.standings.LastRung[roster.IPv4] {
		t.Errorf("endpoint %d is published because others fail their checks, and its slice calls it down", i)
	}
	if s := v.standings.Of(v.at[i]); s.Tier != tier || s.failing != c.Fails || v.standings.Fails(v.at[i]) != c.Fails {
		t.Errorf("endpoint %d is %v, and stands as %+v", i, tier, s)
	}
}

// A check has no say about endpoints that are down, and where all fail, there is no better
// one: that changes nothing but for those that terminate or are taken out.
func TestWhereAllChecksFailItIsAsWithoutThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		p.FailOpen, p.Damping.Mode = FailOpenUnset, DampingOff
		all := drawCandidates(t, p.Damping)
		for i := range all {
			all[i].Fails = false
		}
		without, _ := decide(&p, guard{}, all, epoch)
		failing := slices.Clone(all)
		left := false
		for i, c := range failing {
			failing[i].Fails = true
			left = left || calledUp(&p, c) && !c.Has(model.Terminating) && !c.TakenOut
		}
		checked := p.Checked()
		with, _ := decide(&checked, drawGuard(t), failing, epoch)
		for i, c := range all {
			if calledUp(&p, c) && (c.Has(model.Terminating) || c.TakenOut) {
				if with.Given[i] {
					t.Errorf("endpoint %d terminates or is taken out, fails, and is published", i)
				}
				continue
			}
			if left && with.Given[i] != without.Given[i] {
				t.Errorf("endpoint %d is published: %t without checks, %t where all fail", i, without.Given[i], with.Given[i])
			}
		}
	})
}

// Where no check fails, that a Service is checked makes no difference.
func TestWhereNoCheckFailsItIsAsWithoutThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		p.FailOpen = rapid.SampledFrom([]int{FailOpenUnset, FailOpenOff, 50}).Draw(t, "fail_open")
		all := drawCandidates(t, p.Damping)
		for i := range all {
			all[i].Fails = false
		}
		checked := p.Checked()
		without, guardWithout := decide(&p, guard{}, all, epoch)
		with, guardWith := decide(&checked, guard{}, all, epoch)
		sameVerdict(t, &without, &with)
		if guardWith != guardWithout || !slices.Equal(with.Named, without.Named) || !with.Next.Equal(without.Next) {
			t.Fatalf("%+v, and with checks %+v", without, with)
		}
	})
}

// publishedByAll reports whether others would publish an endpoint, whatever they know of
// health, and this plugin has no reason that says so in its own words: the Pod is gone.
func publishedByAll(p *Policy, c Candidate) bool {
	dying := c.Has(model.Terminating) && !c.Has(model.Serving)
	return c.Has(model.Ready) && !(dying && p.Publish == ByServing)
}

func checkCounts(t *rapid.T, v *Verdict, all []Candidate) {
	var counts [Tiers]int
	for _, tier := range v.Tiers {
		counts[tier]++
	}
	if len(v.Tiers) != len(all) || counts != v.Counts {
		t.Fatalf("%d tiers of %d endpoints, counted %v, are %v", len(v.Tiers), len(all), v.Counts, counts)
	}
}

func TestTheWorstAreDampedWhateverTheCap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{Damping: on}
		all := drawCandidates(t, on)
		v, _ := decide(&p, guard{}, all, epoch)
		now := func(c Candidate) float64 { return decayed(c.Past.Penalty, epoch.Sub(c.Past.At), on.HalfLife) }
		least := math.Inf(1)
		for i, c := range all {
			if v.Tiers[i] == Damped {
				least = min(least, now(c))
			}
		}
		for i, c := range all {
			if v.Tiers[i] == Good && epoch.Before(c.Past.Until) && now(c) > least+0.01 {
				t.Errorf("endpoint %d has a penalty of %.0f and is good; the one of %.0f is damped", i, now(c), least)
			}
		}
	})
}

func TestDecideChangesNothingAndIsRepeatable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, guard := drawPolicy(t), drawGuard(t)
		all := drawCandidates(t, p.Damping)
		policy, given := p, slices.Clone(all)
		first, firstGuard := decide(&p, guard, all, epoch)
		if p != policy || !slices.Equal(all, given) {
			t.Fatal("it changed what it was given")
		}
		again, againGuard := decide(&p, guard, all, epoch)
		if !reflect.DeepEqual(first, again) || firstGuard != againGuard {
			t.Fatalf("%+v, and then %+v", first, again)
		}
		slices.Reverse(given)
		reversed, reversedGuard := decide(&p, guard, given, epoch)
		if reversed.Counts != first.Counts || reversedGuard != firstGuard || inName(&reversed) != inName(&first) || !reversed.Next.Equal(first.Next) {
			t.Fatalf("%+v, and in another order %+v", first, reversed)
		}
	})
}

func TestObserveDecidesAsOffDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, guard := drawPolicy(t), drawGuard(t)
		all := drawCandidates(t, p.Damping)
		with := func(mode DampingMode) Verdict {
			p := p
			p.Damping.Mode = mode
			v, _ := decide(&p, guard, all, epoch)
			return v
		}
		off, observe, damped := with(DampingOff), with(DampingObserve), with(DampingOn)
		if !slices.Equal(off.Tiers, observe.Tiers) || inName(&off) != inName(&observe) || off.FailOpen != observe.FailOpen {
			t.Fatalf("off: %v, observe: %v", off.Tiers, observe.Tiers)
		}
		if observe.Observed != damped.Counts[Damped] || off.Observed != 0 || damped.Observed != 0 {
			t.Fatalf("observe counts %d, on damps %d", observe.Observed, damped.Counts[Damped])
		}
	})
}

// Whoever decides again at Next, and else only when something changes, misses
// nothing.
func TestTheVerdictChangesByItselfOnlyAtNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, guard := drawPolicy(t), drawGuard(t)
		all := drawCandidates(t, p.Damping)
		now := epoch
		v, guard := decide(&p, guard, all, now)
		for range 2 * (len(all) + 2) {
			if v.Next.IsZero() {
				later, laterGuard := decide(&p, guard, all, now.Add(time.Duration(rapid.IntRange(0, 3600).Draw(t, "s later"))*time.Second))
				sameVerdict(t, &v, &later)
				if laterGuard != guard {
					t.Fatalf("the guard changes from %+v to %+v", guard, laterGuard)
				}
				return
			}
			if !v.Next.After(now) {
				t.Fatalf("next is %v ago", now.Sub(v.Next))
			}
			between := now.Add(time.Duration(rapid.Int64Range(0, int64(v.Next.Sub(now))-1).Draw(t, "ns later")))
			for _, at := range []time.Time{between, v.Next.Add(-1)} {
				before, beforeGuard := decide(&p, guard, all, at)
				sameVerdict(t, &v, &before)
				if !before.Next.Equal(v.Next) || beforeGuard != guard {
					t.Fatalf("%v before next: next is %v, guard %+v; they were %v, %+v", v.Next.Sub(at), before.Next, beforeGuard, v.Next, guard)
				}
			}
			now = v.Next
			v, guard = decide(&p, guard, all, now)
		}
		t.Fatal("it changes for ever")
	})
}

func sameVerdict(t *rapid.T, a, b *Verdict) {
	t.Helper()
	if !slices.Equal(a.Tiers, b.Tiers) || a.FailOpen != b.FailOpen || a.Observed != b.Observed || inName(a) != inName(b) {
		t.Fatalf("%v (%s) becomes %v (%s)", a.Tiers, inName(a), b.Tiers, inName(b))
	}
}

// Over time, with Pods that come, go and change as they like.
func TestAnyTimeline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		var memory Memory
		var guard guard
		slice, failed := sliceOf(), make(map[model.PodID]bool)
		now := epoch
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 60_000).Draw(t, "ms")) * time.Millisecond)
			after := sliceOf()
			for id := range byte(7) {
				if c := rapid.SampledFrom([]model.Conditions{isUp, isUp, isUp, isDown, isDraining, isDying, 255}).Draw(t, "conditions"); c != 255 {
					after.Endpoints = append(after.Endpoints, pod(id, c))
				}
			}
			memory.observed(p.Damping, slice, after, nobody, now)
			slice = after
			present := func(id model.PodID) bool {
				return slices.ContainsFunc(slice.Endpoints, func(e model.Endpoint) bool { return e.ID == id })
			}
			memory.forgetGone(p.Damping, present, now)
			all := make([]Candidate, len(slice.Endpoints))
			for i, e := range slice.Endpoints {
				fails := rapid.IntRange(0, 3).Draw(t, "fails") == 0
				if fails && !failed[e.ID] {
					memory.Fail(p.Damping, &e, now)
				}
				failed[e.ID] = fails
				all[i] = Candidate{Conditions: e.Conditions, Past: memory.pasts[e.ID], Fails: fails}
			}
			for id, past := range memory.pasts {
				if !present(id) && now.Sub(past.missing) >= moveTime || p.Damping.Mode == DampingOff && !past.WasUp {
					t.Fatalf("it remembers %v: %+v", id, past)
				}
			}
			var v Verdict
			v, guard = decide(&p, guard, all, now)
			if v.Counts[Good] > 0 && !v.Published(Good) || v.Counts[Damped] > (v.Counts[Good]+v.Counts[Damped])/5 {
				t.Fatalf("%v: the name has %s", v.Counts, inName(&v))
			}
			if p.FailOpen > 0 && v.Counts[Good]+v.Counts[Sick] > 0 && inName(&v) == "nothing" {
				t.Fatalf("%v: the name is empty in spite of fail open", v.Counts)
			}
		}
	})
}
