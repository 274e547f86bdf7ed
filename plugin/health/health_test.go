package health

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// What slices say of an endpoint. With publishNotReadyAddresses the condition
// ready is always set.
const (
	isUp        = model.Ready | model.Serving
	isDown      = model.Conditions(0)
	isDraining  = model.Serving | model.Terminating
	isDying     = model.Terminating
	forcedDown  = model.Ready
	forcedDrain = model.Ready | model.Serving | model.Terminating
	forcedDying = model.Ready | model.Terminating
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// The candidates of each tier, as of epoch.
var (
	aGood     = Candidate{Conditions: isUp}
	aDamped   = Candidate{Conditions: isUp, Past: &Past{Penalty: 3000, At: epoch, Until: epoch.Add(4 * time.Minute)}}
	aDraining = Candidate{Conditions: isDraining}
	aSick     = Candidate{Past: &Past{WasUp: true}}
	aStarting = Candidate{}
	aDying    = Candidate{Conditions: isDying}
	aTakenOut = Candidate{Conditions: isUp, TakenOut: true}
	aFailing  = Candidate{Conditions: isUp, Fails: true}
)

var on = Damping{Mode: DampingOn, HalfLife: DefaultHalfLife}

func times(n int, c Candidate) []Candidate {
	all := make([]Candidate, n)
	for i := range all {
		all[i] = c
	}
	return all
}

func together(groups ...[]Candidate) (all []Candidate) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

// inName lists how many endpoints of which tier the Service name has.
func inName(v *Verdict) string {
	var parts []string
	for tier := range Tier(Tiers) {
		if v.InName[tier] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", v.InName[tier], tier))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}

func TestTheServiceNameHas(t *testing.T) {
	serving := Policy{Publish: ByServing}
	none := Policy{Fallback: FallbackNone}
	open := Policy{FailOpen: 50}
	checked, off := Policy{}.Checked(), Policy{FailOpen: FailOpenOff}.Checked()
	for _, c := range []struct {
		name       string
		policy     Policy
		candidates []Candidate
		want       string
	}{
		{"nothing where there is nothing", Policy{}, nil, "nothing"},
		{"good endpoints", Policy{}, times(3, aGood), "3 good"},
		{"good ones only, whatever else there is", Policy{}, together(times(1, aGood), times(2, aDraining), times(2, aSick), times(2, aStarting), times(2, aDying)), "1 good"},
		{"good ones only, with fallback none too", none, together(times(1, aGood), times(2, aDraining), times(2, aSick)), "1 good"},
		{"the good ones of those that flap", Policy{Damping: on}, together(times(9, aGood), times(1, aDamped)), "9 good"},
		{"draining ones where none is up", Policy{}, together(times(2, aDraining), times(2, aSick), times(2, aStarting), times(2, aDying)), "2 draining"},
		{"no draining ones with fallback none", none, together(times(2, aDraining), times(2, aSick), times(2, aStarting)), "nothing"},
		{"no sick ones", Policy{}, times(3, aSick), "nothing"},
		{"no starting ones", Policy{}, times(3, aStarting), "nothing"},
		{"no dying ones", Policy{}, times(3, aDying), "nothing"},
		{"no starting or dying ones with fail open either", open, together(times(3, aStarting), times(3, aDying)), "nothing"},
		{"sick ones with fail open, at once where it would be empty", open, together(times(3, aSick), times(1, aStarting), times(1, aDying)), "3 sick"},
		{"sick ones with fail open and fallback none, though some drain", Policy{FailOpen: 50, Fallback: FallbackNone}, together(times(3, aSick), times(1, aDraining)), "3 sick"},
		{"no sick ones that are taken out by name, with fail open either", Policy{FailOpen: 50, Fallback: FallbackNone}, append(times(3, aSick), Candidate{Past: &Past{WasUp: true}, TakenOut: true}), "3 sick"},
		{"good ones only, where fail open sees enough of them", open, together(times(5, aGood), times(5, aSick)), "5 good"},
		{"not those that are taken out by name", Policy{}, together(times(1, aGood), times(2, aTakenOut)), "1 good"},
		{"those taken out where nothing else is up", Policy{}, together(times(2, aTakenOut), times(1, aSick)), "2 draining"},
		{"not those taken out with fallback none", none, times(2, aTakenOut), "nothing"},
		{"those taken out beside others that drain", Policy{}, together(times(1, aTakenOut), times(1, aDraining)), "2 draining"},
		{"nobody who is taken out and sick", Policy{}, []Candidate{{Past: &Past{WasUp: true}, TakenOut: true}}, "nothing"},

		{"all that publishNotReadyAddresses sets ready", Policy{}, []Candidate{{Conditions: isUp}, {Conditions: forcedDown}, {Conditions: forcedDrain}, {Conditions: forcedDying}}, "4 good"},
		{"of those set ready the taken out ones not", Policy{}, []Candidate{{Conditions: forcedDown}, {Conditions: isUp, TakenOut: true}}, "1 good"},
		{"by serving, only live Pods of those set ready", serving, []Candidate{{Conditions: isUp}, {Conditions: forcedDown}, {Conditions: forcedDrain}, {Conditions: forcedDying}}, "1 good"},
		{"by serving, draining ones of those set ready", serving, []Candidate{{Conditions: forcedDown}, {Conditions: forcedDrain}, {Conditions: forcedDying}}, "1 draining"},
		{"by serving, those set ready who start, where nobody serves", serving, []Candidate{{Conditions: forcedDown}, {Conditions: forcedDying}}, "1 starting"},
		{"by serving, those set ready who start or are sick, where nobody serves", serving, []Candidate{{Conditions: forcedDown}, {Conditions: forcedDown, Past: &Past{WasUp: true}}}, "1 sick, 1 starting"},
		{"by serving, who serves, as soon as one does", serving, []Candidate{{Conditions: forcedDown}, {Conditions: isUp}}, "1 good"},
		{"by serving, who drains before those who start", serving, []Candidate{{Conditions: forcedDown}, {Conditions: forcedDrain}}, "1 draining"},
		{"by serving, nobody who starts and is not set ready", serving, []Candidate{{Conditions: forcedDown}, {Conditions: isDown}}, "1 starting"},
		{"by serving, nobody who starts with fallback none", Policy{Publish: ByServing, Fallback: FallbackNone}, []Candidate{{Conditions: forcedDown}}, "nothing"},
		{"by serving, no dying ones, though all are set ready", serving, []Candidate{{Conditions: forcedDying}}, "nothing"},
		{"by serving, nothing drains with fallback none", Policy{Publish: ByServing, Fallback: FallbackNone}, []Candidate{{Conditions: forcedDrain}}, "nothing"},
		{"by serving, the same as by ready where nothing is forced", serving, together(times(2, aGood), times(1, aDraining), times(1, aSick)), "2 good"},
		{"by serving with fail open, sick Pods that are set ready", Policy{Publish: ByServing, FailOpen: 50}, []Candidate{{Conditions: forcedDown, Past: &Past{WasUp: true}}, {Conditions: forcedDown}}, "1 sick"},

		{"nobody whose check fails", Policy{}, together(times(1, aGood), times(2, aFailing)), "1 good"},
		{"nobody whose check fails, with fail_open off", off, times(2, aFailing), "nothing"},
		{"all whose check fails, where nobody else is up", checked, together(times(3, aFailing), times(2, aDying)), "3 sick"},
		{"none of those that slices call down beside them", checked, together(times(2, aFailing), times(2, aSick), times(2, aStarting)), "2 sick"},
		{"none of those that slices call down, where nobody is checked", checked, together(times(2, aSick), times(2, aStarting)), "nothing"},
		{"all that are sick, for whatever reason, with a percentage", open, together(times(2, aFailing), times(2, aSick)), "4 sick"},
		{"who drains, where all others fail", checked, together(times(1, aDraining), times(2, aFailing)), "1 draining"},
		{"nobody who terminates and fails", checked, []Candidate{{Conditions: isDraining, Fails: true}, {Conditions: forcedDrain, Fails: true}}, "nothing"},
		{"nobody who is taken out and fails", checked, []Candidate{{Conditions: isUp, TakenOut: true, Fails: true}, aFailing}, "1 sick"},
		{"nobody who fails, though publishNotReadyAddresses sets all ready", off, []Candidate{{Conditions: forcedDown}, {Conditions: forcedDown, Fails: true}}, "1 good"},
		{"by serving, nobody who fails either", Policy{Publish: ByServing, FailOpen: FailOpenOff}, together(times(1, aGood), times(1, aFailing)), "1 good"},
		{"by serving, not those who fail on the last rung", Policy{Publish: ByServing, FailOpen: FailOpenOff}, []Candidate{{Conditions: forcedDown}, aFailing}, "1 starting"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, _ := decide(&c.policy, guard{}, c.candidates, epoch)
			if got := inName(&v); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// The caps of damping leave no Service without good endpoints, so that Decide
// meets the second row of its table only if they change.
func TestDampedEndpointsStandInForGoodOnes(t *testing.T) {
	for _, p := range []Policy{{}, {Fallback: FallbackNone}} {
		counts := [Tiers]int{Damped: 2, Draining: 1, Sick: 1, Starting: 1, Dying: 1}
		v := Verdict{Counts: counts, standings: &Standings{Counts: [roster.Families][Tiers]int{counts}, policy: &p}, policy: &p}
		v.standings.choose(roster.IPv4, &Census{Tiers: counts}, false)
		for tier := range Tier(Tiers) {
			if v.Published(tier) {
				v.InName[tier] = counts[tier]
			}
		}
		if got := inName(&v); got != "2 damped" {
			t.Errorf("%v: got %s", p, got)
		}
	}
}

func TestTiers(t *testing.T) {
	for _, c := range []struct {
		name      string
		candidate Candidate
		ready     Tier
		serving   Tier
	}{
		{"up", aGood, Good, Good},
		{"draining", aDraining, Draining, Draining},
		{"down, and was up before", aSick, Sick, Sick},
		{"down, and never was up", aStarting, Starting, Starting},
		{"terminates, serves no more", aDying, Dying, Dying},
		{"terminates, serves no more, was up before", Candidate{Conditions: isDying, Past: &Past{WasUp: true}}, Dying, Dying},
		{"up and taken out", aTakenOut, Draining, Draining},
		{"draining and taken out", Candidate{Conditions: isDraining, TakenOut: true}, Draining, Draining},
		{"starting and taken out", Candidate{TakenOut: true}, Starting, Starting},
		{"dying and taken out", Candidate{Conditions: isDying, TakenOut: true}, Dying, Dying},
		{"set ready, never was up", Candidate{Conditions: forcedDown}, Good, Starting},
		{"set ready, was up before", Candidate{Conditions: forcedDown, Past: &Past{WasUp: true}}, Good, Sick},
		{"set ready, draining", Candidate{Conditions: forcedDrain}, Good, Draining},
		{"set ready, dying", Candidate{Conditions: forcedDying}, Good, Dying},
		{"up, and its check fails", aFailing, Sick, Sick},
		{"draining, and its check fails", Candidate{Conditions: isDraining, Fails: true}, Dying, Dying},
		{"taken out, and its check fails", Candidate{Conditions: isUp, TakenOut: true, Fails: true}, Starting, Starting},
		{"set ready, and its check fails", Candidate{Conditions: forcedDown, Fails: true}, Sick, Starting},
		{"set ready, draining, and its check fails", Candidate{Conditions: forcedDrain, Fails: true}, Dying, Dying},
		{"down, never was up, and its check fails", Candidate{Fails: true}, Starting, Starting},
		{"down, was up before, and its check fails", Candidate{Past: &Past{WasUp: true}, Fails: true}, Sick, Sick},
		{"dying, and its check fails", Candidate{Conditions: isDying, Fails: true}, Dying, Dying},
	} {
		t.Run(c.name, func(t *testing.T) {
			for publish, want := range map[Publish]Tier{ByReady: c.ready, ByServing: c.serving} {
				v, _ := decide(&Policy{Publish: publish}, guard{}, []Candidate{c.candidate}, epoch)
				if v.Tiers[0] != want || v.Counts[want] != 1 {
					t.Errorf("publish %d: got %v, want %v", publish, v.Tiers[0], want)
				}
			}
		})
	}
}

func TestTierNames(t *testing.T) {
	var names []string
	for tier := range Tier(Tiers) {
		names = append(names, tier.String())
	}
	if got := strings.Join(names, " "); got != "good damped draining sick starting dying" {
		t.Errorf("got %s", got)
	}
}

// Each row is an endpoint beside five good ones, so that the Service name does
// not need it.
func TestWhichEndpointsKeepTheirNames(t *testing.T) {
	for _, c := range []struct {
		name      string
		policy    Policy
		candidate Candidate
		// Which policies for names give it one: of ready, serving, all.
		want string
	}{
		{"up", Policy{}, aGood, "ready serving all"},
		{"damped", Policy{Damping: on}, aDamped, "ready serving all"},
		{"taken out by name", Policy{}, aTakenOut, "ready serving all"},
		{"draining", Policy{}, aDraining, "serving all"},
		{"draining, with fallback none", Policy{Fallback: FallbackNone}, aDraining, "serving all"},
		{"sick", Policy{}, aSick, "all"},
		{"starting", Policy{}, aStarting, "all"},
		{"dying", Policy{}, aDying, "all"},
		{"set ready, and down", Policy{}, Candidate{Conditions: forcedDown}, "ready serving all"},
		{"set ready, and dying", Policy{}, Candidate{Conditions: forcedDying}, "ready serving all"},
		{"set ready, and down, by serving", Policy{Publish: ByServing}, Candidate{Conditions: forcedDown}, "ready serving all"},
		{"set ready, and draining, by serving", Policy{Publish: ByServing}, Candidate{Conditions: forcedDrain}, "ready serving all"},
		{"set ready, and dying, by serving", Policy{Publish: ByServing}, Candidate{Conditions: forcedDying}, "ready serving all"},
		{"draining, a backup in SRV records", Policy{SRVTiers: SRVAll}, aDraining, "ready serving all"},
		{"draining, no backup with fallback none", Policy{SRVTiers: SRVAll, Fallback: FallbackNone}, aDraining, "serving all"},
		{"sick, which is no backup", Policy{SRVTiers: SRVAll}, aSick, "all"},
		{"failing", Policy{}, aFailing, "all"},
		{"failing, which is no backup", Policy{SRVTiers: SRVAll}, aFailing, "all"},
		{"failing, and set ready", Policy{}, Candidate{Conditions: forcedDown, Fails: true}, "all"},
		{"failing, and draining", Policy{}, Candidate{Conditions: isDraining, Fails: true}, "all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := namedBy(c.policy, append(times(5, aGood), c.candidate)); got != c.want {
				t.Errorf("its name stays with %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatIsPublishedHasItsName(t *testing.T) {
	for _, c := range []struct {
		name       string
		policy     Policy
		candidates []Candidate
		want       string
	}{
		{"draining, for want of better ones", Policy{}, times(1, aDraining), "ready serving all"},
		{"draining, and not published with fallback none", Policy{Fallback: FallbackNone}, times(1, aDraining), "serving all"},
		{"sick, with fail open", Policy{FailOpen: 50}, times(1, aSick), "ready serving all"},
		{"sick, and not published", Policy{}, times(1, aSick), "all"},
		{"failing, with fail open", Policy{}.Checked(), times(1, aFailing), "ready serving all"},
		{"sick, beside one that fails", Policy{}.Checked(), together(times(1, aFailing), times(1, aSick)), "all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := namedBy(c.policy, c.candidates); got != c.want {
				t.Errorf("its name stays with %q, want %q", got, c.want)
			}
		})
	}
}

// namedBy tells which policies for names give the last candidate one.
func namedBy(p Policy, all []Candidate) string {
	var with []string
	for i, text := range []string{"ready", "serving", "all"} {
		p.PodNames = PodNames(i)
		v, _ := decide(&p, guard{}, all, epoch)
		if last := len(all) - 1; v.Named[last] {
			with = append(with, text)
		}
	}
	return strings.Join(with, " ")
}

func TestBackups(t *testing.T) {
	all := together(times(9, aGood), times(1, aDamped), times(1, aDraining), times(1, aSick), times(1, aStarting), times(1, aDying))
	for _, c := range []struct {
		name   string
		policy Policy
		want   string
	}{
		{"none by default", Policy{Damping: on}, ""},
		{"damped and draining endpoints", Policy{Damping: on, SRVTiers: SRVAll}, "damped draining"},
		{"no draining ones with fallback none", Policy{Damping: on, SRVTiers: SRVAll, Fallback: FallbackNone}, "damped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, _ := decide(&c.policy, guard{}, all, epoch)
			var backups []string
			for tier := range Tier(Tiers) {
				if v.Backup(tier) && !v.Published(tier) {
					backups = append(backups, tier.String())
				}
			}
			if got := strings.Join(backups, " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
