package endpoints

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	"github.com/miekg/dns"
)

// states are those of Services, the worst first.
var states = []string{
	v1.StateEmpty, v1.StateVacant, v1.StateUnresolved, v1.StateWaits, v1.StateOpen, v1.StateDraining, v1.StateDamped, v1.StatePart,
	v1.StateFull, v1.StateNone, v1.StateExternal,
}

// verdict is how a Service is, for people.
type verdict struct {
	state, level, text string
}

// isTrouble reports whether somebody has to look.
func (d *verdict) isTrouble() bool { return d.level == v1.LevelError || d.level == v1.LevelWarning }

// rank orders troubles, the worst first.
func (d *verdict) rank() int { return slices.Index(states, d.state) }

const (
	// slowStart is how long an endpoint may be starting without being trouble.
	slowStart = 5 * time.Minute
	// recently is how long a Service without endpoints is looked at that had some.
	recently = time.Hour
)

// judge says how a Service is.
func (v *view) judge(key string, set *records.Set, now time.Time) verdict {
	switch {
	case set.Service.Kind == model.ExternalName:
		return v.judgeExternal(set)
	case set.Waits():
		return verdict{v1.StateWaits, v1.LevelWarning, set.Wrong()}
	case set.Roster().Len() == 0 && !set.HasOutsiders():
		return v.judgeNone(key, set, now)
	case set.Carried() == 0 && !set.HasOutsiders():
		return verdict{v1.StateEmpty, v1.LevelError, set.Wrong()}
	case set.NotServing():
		return verdict{v1.StateOpen, v1.LevelWarning, set.Wrong()}
	}
	t := set.Tally()
	switch {
	case t.Any && t.Best == health.Draining:
		return verdict{v1.StateDraining, v1.LevelWarning, set.Wrong()}
	case t.Any && t.Best == health.Damped:
		return verdict{v1.StateDamped, v1.LevelWarning, set.Wrong()}
	}
	if text := partOf(set, &t, now); text != "" {
		return verdict{v1.StatePart, v1.LevelWarning, text}
	}
	if text := set.LeftOut(); text != "" {
		return verdict{v1.StateFull, v1.LevelWarning, text}
	}
	return verdict{v1.StateFull, v1.LevelOK, ""}
}

// partOf says which endpoints are not as they should be; nothing where all are.
func partOf(set *records.Set, t *records.Tally, now time.Time) string {
	counts := [health.Tiers]int{health.Damped: t.Tiers[health.Damped], health.Sick: t.Tiers[health.Sick]}
	if t.Tiers[health.Starting] > 0 {
		counts[health.Starting] = startingLong(set, now)
	}
	var parts []string
	for tier, n := range counts {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, health.Tier(tier)))
		}
	}
	return strings.Join(parts, ", ")
}

// startingLong counts the endpoints that have been starting for too long.
func startingLong(set *records.Set, now time.Time) (n int) {
	looks, state := set.Look(), set.State()
	if looks == nil || state == nil {
		return 0
	}
	for at := range set.Roster().Len() {
		if health.Mark(state.Marks[at]).Tier() == health.Starting && now.Sub(looks.Since(at)) > slowStart {
			n++
		}
	}
	return n
}

// judgeNone says how a Service without endpoints is.
func (v *view) judgeNone(key string, set *records.Set, now time.Time) verdict {
	before, until := v.carriedLast(key, set, now)
	text := why.NoEndpoints(set.Service.String(), set.Service.HasSelector, before, until)
	if before > 0 {
		return verdict{v1.StateVacant, v1.LevelError, text}
	}
	return verdict{v1.StateNone, "", text}
}

// carriedLast returns how many endpoints the name of a Service had within the hour, before it
// had none, and when that ended; 0 where it had none.
func (v *view) carriedLast(key string, set *records.Set, now time.Time) (n int, until time.Time) {
	r := &v.recording
	if r.tape == nil || now.Sub(r.tape.Changed(key)) > recently {
		return 0, until
	}
	story, err := r.tape.Read(key, set.State(), r.instant())
	if err != nil {
		return 0, until
	}
	decisions, err := story.Decisions(now.Add(-recently), now, maxLooked)
	if err != nil {
		return 0, until
	}
	for i := range decisions {
		if decisions[i].Before.Carried > 0 {
			return decisions[i].Before.Carried, decisions[i].At
		}
	}
	return 0, until
}

// maxLooked is how many decisions of one Service are looked through where it stands in a list.
const maxLooked = 500

// judgeExternal says how an ExternalName Service is, as far as its targets are looked up.
func (v *view) judgeExternal(set *records.Set) verdict {
	plan := set.Plan()
	if plan == nil {
		return verdict{v1.StateExternal, v1.LevelOK, ""}
	}
	if len(plan.Targets) == 0 {
		return verdict{v1.StateUnresolved, v1.LevelError, fmt.Sprintf(textTargetBlocked, set.Service, plan.Refused[0])}
	}
	bad, all := 0, v.stanza().tell(set)
	for i := range all {
		if all[i].Why == external.Unresolved || all[i].Why == external.Failing {
			bad++
		}
	}
	switch {
	case bad == len(all):
		return verdict{v1.StateUnresolved, v1.LevelError, "no target is good: " + troubleOf(&all[0])}
	case bad > 0 && !plan.ByWeight && all[0].Why != external.NotPassed:
		return verdict{v1.StateExternal, v1.LevelWarning, "not the first target: " + troubleOf(&all[0])}
	}
	return verdict{v1.StateExternal, v1.LevelOK, ""}
}

func troubleOf(t *external.Told) string {
	switch t.Why {
	case external.Unresolved:
		return fmt.Sprintf("%s does not resolve (%s)", t.Target, t.Last.Text())
	case external.Failing:
		return fmt.Sprintf("the check of %s fails", t.Target)
	}
	return fmt.Sprintf("%s was chosen less than a minute ago", t.Target)
}

// tell says how the targets of a Service are. Nobody is asked.
func (s *shown) tell(set *records.Set) []external.Told {
	asks := external.Asked{Key: set.Service.ServiceKey, Plan: set.Plan()}
	if s.handler.failsCheck != nil {
		asks.Fails = s.handler.failsCheck(set)
	}
	return s.handler.book.Tell(&asks)
}

// line returns a Service as it stands in lists.
func (v *view) line(key string, set *records.Set, d *verdict, now time.Time) v1.ServiceLine {
	l := v1.ServiceLine{
		Namespace: set.Service.Namespace, Name: set.Service.Name, Type: typeOf(set.Service), State: d.state, Level: d.level, Text: d.text,
		Carried: set.Carried(), Endpoints: set.Roster().Len(), Tiers: tiersOf(set.Tally().Tiers), Where: v.where(),
	}
	if v.recording.tape != nil {
		l.Since = v1.At(v.recording.tape.Changed(key))
	}
	if set.Service.Kind == model.ExternalName {
		l.Target = targetOf(set.Service)
		return l
	}
	if l.Carried == 0 && !set.HasOutsiders() {
		l.Rcode = v.stanza().rcodeOf(set)
	}
	return l
}

func typeOf(s *model.Service) string {
	if s.Kind == model.ExternalName {
		return "ExternalName"
	}
	return "headless"
}

// targetOf returns what an ExternalName Service leads to.
func targetOf(s *model.Service) string {
	if s.Address.IsValid() {
		return s.Address.String()
	}
	return model.Shorten(strings.TrimSuffix(s.Target, "."), maxDetail)
}

func tiersOf(n [health.Tiers]int) v1.Tiers {
	return v1.Tiers{
		Good: n[health.Good], Damped: n[health.Damped], Draining: n[health.Draining],
		Sick: n[health.Sick], Starting: n[health.Starting], Dying: n[health.Dying],
	}
}

// rcodeOf returns what a question for the addresses of a Service gets that has none.
func (s *shown) rcodeOf(set *records.Set) string {
	a := s.ask(set, "", dns.TypeA)
	if a.Rcode == dns.RcodeToString[dns.RcodeSuccess] {
		return "NODATA"
	}
	return a.Rcode
}

// stepsOf returns how many endpoints the name of a Service had, from the first of the
// decisions on, which are the last first.
func stepsOf(decisions []history.Decision, now int, from time.Time) (all []v1.Step) {
	if len(decisions) > 0 {
		now = decisions[len(decisions)-1].Before.Carried
	}
	all = append(all, v1.Step{At: v1.At(from), Carried: now})
	for i := range slices.Backward(decisions) {
		d := &decisions[i]
		if n := len(all); all[n-1].Carried != d.After.Carried {
			all = append(all, v1.Step{At: v1.At(d.At), Carried: d.After.Carried})
		}
	}
	return all
}
