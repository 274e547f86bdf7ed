package endpoints

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/status"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// survey is what is found out for the overview.
type survey struct {
	*v1.Overview
	now        time.Time
	namespaces map[string]bool
	trouble    []troubled
	byState    map[string][]string
	// damped counts the Services that keep a flapping endpoint out, and leftOut those with
	// something left out.
	damped int
	checks v1.CheckCounts
	// steps is how many decisions may still be looked at.
	steps int
}

// troubled is a Service in trouble.
type troubled struct {
	found
	verdict
	changed time.Time
}

// mostSteps bounds how many decisions the overview looks at: a Service that changes all the
// time has no line of its hour then.
const mostSteps = 60_000

func newOverview(views []*view, now time.Time) *v1.Overview {
	s := survey{
		Overview: &v1.Overview{Header: head(views, v1.KindOverview, now), Stanzas: []v1.Stanza{}, Findings: []v1.Finding{}, Trouble: []v1.ServiceLine{}, Sources: []v1.Source{}},
		now:      now, namespaces: make(map[string]bool), byState: make(map[string][]string), steps: mostSteps,
	}
	watched := false
	for _, v := range views {
		for _, stanza := range v.stanzas {
			s.Stanzas = append(s.Stanzas, stanzaOf(stanza))
		}
		lost := v.losses(now.Add(-status.Window), now)
		streams := v.sources(now, lost)
		watched = watched || v.feed.origin != ""
		s.Sources = append(s.Sources, streams...)
		s.Findings = append(s.Findings, v.troubled(streams, lost, now)...)
		s.look(v)
		s.LeftOut = append(s.LeftOut, v.leftOutOf()...)
	}
	s.Served.Namespaces = len(s.namespaces)
	s.rank()
	s.say()
	s.LeftOutTotal = len(s.LeftOut)
	s.LeftOut = s.LeftOut[:min(len(s.LeftOut), maxLeftOut)]
	if len(s.Findings) == 0 {
		s.Findings = append(s.Findings, v1.Finding{ID: "all-well", Level: v1.LevelOK, Text: why.AllWell(s.Served.Headless+s.Served.ExternalName, watched)})
	}
	s.Changed = changedLately(views, now)
	s.Snapshots, s.Recorder = snapshots(views), recorders(views)
	s.Topology = crossings(views)
	if s.checks.Services > 0 {
		s.Checks = &s.checks
	}
	return s.Overview
}

// look looks at all Services of a view.
func (s *survey) look(v *view) {
	for key, set := range v.sets.All {
		s.namespaces[set.Service.Namespace] = true
		if set.Service.Kind == model.ExternalName {
			s.Served.ExternalName++
		} else {
			s.Served.Headless++
		}
		t := set.Tally()
		addTiers(&s.Served.Tiers, &t)
		if set.Check() != (check.Wanted{}) {
			s.countChecks(set)
		}
		d := v.judge(key, set, s.now)
		if !d.isTrouble() {
			continue
		}
		if t.Tiers[health.Damped] > 0 && d.state == v1.StatePart {
			s.damped++
		}
		one := troubled{found: found{view: v, key: key, set: set}, verdict: d}
		if v.recording.tape != nil {
			one.changed = v.recording.tape.Changed(key)
		}
		s.trouble = append(s.trouble, one)
		s.byState[d.state] = append(s.byState[d.state], set.Service.String())
	}
}

func addTiers(sum *v1.Tiers, t *records.Tally) {
	sum.Good += t.Tiers[health.Good]
	sum.Damped += t.Tiers[health.Damped]
	sum.Draining += t.Tiers[health.Draining]
	sum.Sick += t.Tiers[health.Sick]
	sum.Starting += t.Tiers[health.Starting]
	sum.Dying += t.Tiers[health.Dying]
}

func (s *survey) countChecks(set *records.Set) {
	looks := set.Look()
	if looks == nil {
		return
	}
	s.checks.Services++
	for verdict := range looks.Verdicts {
		switch verdict {
		case check.Passing:
			s.checks.Passing++
		case check.Failing:
			s.checks.Failing++
		case check.NotAllowed:
			s.checks.Refused++
		default:
			s.checks.Unknown++
		}
	}
}

// rank has the worst Services in trouble, the newest of these first.
func (s *survey) rank() {
	slices.SortFunc(s.trouble, func(a, b troubled) int {
		return cmp.Or(cmp.Compare(a.verdict.rank(), b.verdict.rank()), b.changed.Compare(a.changed), a.found.compare(&b.found))
	})
	s.TroubleTotal = len(s.trouble)
	for i := range s.trouble[:min(len(s.trouble), status.MaxTrouble)] {
		t := &s.trouble[i]
		line := t.view.line(t.key, t.set, &t.verdict, s.now)
		s.tellPast(t, &line)
		s.Trouble = append(s.Trouble, line)
	}
}

// tellPast adds what the last hour of a Service says.
func (s *survey) tellPast(t *troubled, line *v1.ServiceLine) {
	r := &t.view.recording
	if r.tape == nil || s.steps <= 0 {
		return
	}
	story, err := r.tape.Read(t.key, t.set.State(), r.instant())
	if err != nil {
		return
	}
	if s.steps -= story.Len(); s.steps < 0 {
		return
	}
	from := s.now.Add(-status.Window)
	decisions, err := story.Decisions(from, s.now, history.MaxEntries)
	if err != nil {
		return
	}
	line.Steps = stepsOf(decisions, line.Carried, latest(from, story.Known()))
	line.Since = v1.At(sinceCarried(decisions, line.Since.Time))
	if t.state == v1.StatePart || t.state == v1.StateDamped {
		if who, n := mostFlaps(story, from, s.now); n > 1 {
			line.Text += "; " + why.Flapped(who, n)
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sinceCarried returns since when the name has as many as now, of the same tiers, or else when
// the Service changed.
func sinceCarried(decisions []history.Decision, otherwise time.Time) time.Time {
	for i := range decisions {
		if d := &decisions[i]; d.After.Carried != d.Before.Carried || d.After.Rules != d.Before.Rules {
			return d.At
		}
	}
	return otherwise
}

// mostFlaps returns who flapped most.
func mostFlaps(story *history.Story, from, to time.Time) (who string, most int) {
	all, err := story.Spans(from, to)
	if err != nil {
		return "", 0
	}
	for i := range all {
		if n := all[i].Flaps(); n > most {
			who, most = why.Name(all[i].Endpoint), n
		}
	}
	return who, most
}

// mostNamed is how many Services a finding names.
const mostNamed = 5

// say puts what is wrong with Services into sentences.
func (s *survey) say() {
	for _, each := range []struct{ id, state, one, several string }{
		{"services-empty", v1.StateEmpty, "1 Service answers with nothing though it has endpoints", "%d Services answer with nothing though they have endpoints"},
		{"services-vacant", v1.StateVacant, "1 Service has no endpoints any more", "%d Services have no endpoints any more"},
		{"services-unresolved", v1.StateUnresolved, "1 ExternalName Service leads nowhere", "%d ExternalName Services lead nowhere"},
	} {
		all := s.byState[each.state]
		if len(all) == 0 {
			continue
		}
		slices.Sort(all)
		text := each.one
		if len(all) > 1 {
			text = fmt.Sprintf(each.several, len(all))
		}
		s.Findings = append(s.Findings, v1.Finding{ID: each.id, Level: v1.LevelError, Text: text, Services: all[:min(len(all), mostNamed)]})
	}
	if text := s.degraded(); text != "" {
		s.Findings = append(s.Findings, v1.Finding{ID: "services-degraded", Level: v1.LevelWarning, Text: text})
	}
}

// degraded counts what is less bad.
func (s *survey) degraded() string {
	var parts []string
	count := func(n int, one, several string) {
		if n == 0 {
			return
		}
		if len(parts) == 0 {
			one, several = "Service "+one, "Services "+several
		}
		parts = append(parts, numberOf(n, one, several))
	}
	part := len(s.byState[v1.StatePart])
	count(len(s.byState[v1.StateWaits]), "waits for endpoints", "wait for endpoints")
	count(len(s.byState[v1.StateOpen]), "fails open", "fail open")
	count(len(s.byState[v1.StateDraining]), "has draining endpoints only", "have draining endpoints only")
	count(len(s.byState[v1.StateDamped]), "has damped endpoints only", "have damped endpoints only")
	count(s.damped, "keeps a flapping endpoint out", "keep a flapping endpoint out")
	count(part-s.damped, "has endpoints that are not up", "have endpoints that are not up")
	count(len(s.byState[v1.StateExternal]), "leads to another target than its first", "lead to another target than their first")
	text := strings.Join(parts, ", ")
	kinds := make(map[string]int)
	for _, l := range s.LeftOut {
		kinds[l.Kind]++
	}
	var left []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		left = append(left, fmt.Sprintf("%d × %s", kinds[kind], kind))
	}
	switch {
	case len(left) == 0:
		return text
	case text != "":
		text += "; "
	}
	return text + "left out: " + strings.Join(left, ", ")
}

// changedLately returns the last changes of all Services.
func changedLately(views []*view, now time.Time) (all []v1.Changed) {
	var seen []*tape
	for _, v := range views {
		r := &v.recording
		if r.tape == nil || slices.Contains(seen, r.tape) {
			continue
		}
		seen = append(seen, r.tape)
		for _, each := range r.tape.Latest(status.MaxChanged) {
			story, err := r.tape.Read(each.Service, v.set(each.Service).State(), r.instant())
			if err != nil {
				continue
			}
			decisions, err := story.Decisions(now.Add(-history.MaxWindow), now, status.MaxChanged)
			if err != nil {
				continue
			}
			name, namespace, _ := strings.Cut(each.Service, ".")
			for i := range decisions {
				d := newDecision(namespace+"/"+name, &decisions[i], nil)
				all = append(all, v1.Changed{At: d.At, Namespace: namespace, Name: name, Carried: d.Carried, Text: inOneLine(&d)})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b v1.Changed) int {
		return cmp.Or(b.At.Compare(a.At.Time), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all[:min(len(all), status.MaxChanged)]
}

// crossings puts together what topology found out, nil where no stanza has it.
func crossings(views []*view) *v1.Crossing {
	var sum *v1.Crossing
	for _, v := range views {
		for _, s := range v.stanzas {
			if s.handler.clients.Load() == nil {
				continue
			}
			if sum == nil {
				sum = &v1.Crossing{Results: make(map[string]int64)}
			}
			s.handler.counters.addTo(sum)
		}
		if v.known != nil && sum != nil {
			counts := v.known.Counts()
			sum.Nodes += counts.Nodes
			for _, n := range counts.Prefixes {
				sum.Prefixes += n
			}
		}
	}
	return sum
}
