package why

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
)

// A Line is what is told of a Service at once: of one change, or of several that belong
// together.
type Line struct {
	// From and To are when that began and ended. They are the same where it happened at once.
	From, To time.Time
	// Carried is how many endpoints the name had, as in "6 → 5 → 6".
	Carried string
	// Text is the sentence, and Besides what weighs less. It may be empty.
	Text, Besides string
	// Late is that a change was served later than it should.
	Late bool
	// Endpoint is who it is about, empty where that is several, or the Service.
	Endpoint string
	// Parts has the lines of a fold, the last first.
	Parts []Line
}

// Tell says what happened to a Service, which has the name "N/S", in decisions of which the
// last is the first. Lines are so, too.
func Tell(service string, all []history.Decision) []Line {
	t := teller{since: make(map[history.Endpoint]time.Time)}
	for i := len(all) - 1; i >= 0; i-- {
		t.take(service, &all[i])
	}
	lines := fold(t.steps)
	slices.Reverse(lines)
	return lines
}

// step is a Line of one change, with what folds have to know of it.
type step struct {
	Line
	kind kind
	// who is nobody where it is about the Service.
	who           history.Endpoint
	before, after health.Mark
	// had and has are how many the name had before and after.
	had, has int
	// lasted is how long the tier before lasted; 0 is not known.
	lasted time.Duration
}

// kind is what happened to an endpoint, as far as folds care.
type kind uint8

const (
	otherwise kind = iota
	arrives
	// readies is that it is up for the first time.
	readies
	// falls is that it is not up any more, and rises that it is again.
	falls
	rises
	// ends is that it terminates, or does not serve any more while it does.
	ends
	leaves
)

func kindOf(c *history.Change) kind {
	switch {
	case !c.Was:
		return arrives
	case !c.Is:
		return leaves
	case c.Before.TakenOut() || c.After.TakenOut():
		return otherwise
	case c.After.Terminating():
		return ends
	case c.Before.Up() && !c.After.Up():
		return falls
	case !c.Before.Up() && c.After.Up() && c.Before.Tier() == health.Starting:
		return readies
	case !c.Before.Up() && c.After.Up():
		return rises
	}
	return otherwise
}

// teller makes steps of decisions, the first of which comes first.
type teller struct {
	steps []step
	// since is when endpoints got the tiers that they have, as far as that is known.
	since map[history.Endpoint]time.Time
}

func (t *teller) take(service string, d *history.Decision) {
	first := len(t.steps)
	for _, text := range Service(service, d.Before, d.After) {
		t.steps = append(t.steps, step{Line: Line{Text: text}})
	}
	for i := range d.Changes {
		t.change(d, &d.Changes[i])
	}
	lag, late := Lag(d.Lag)
	for i := first; i < len(t.steps); i++ {
		s := &t.steps[i]
		s.From, s.To, s.Besides, s.Late = d.At, d.At, lag, late
		s.had, s.has = d.Before.Carried, d.After.Carried
		s.Carried = Carried(s.had, s.has)
	}
}

func (t *teller) change(d *history.Decision, c *history.Change) {
	of := Circumstances{About: About(d.After.About)}
	since, known := t.since[c.Endpoint]
	if known {
		of.Lasted = d.At.Sub(since)
	}
	switch {
	case !c.Is:
		of.Heir = heir(d, c)
		delete(t.since, c.Endpoint)
	case !c.Was || c.Before.Tier() != c.After.Tier():
		t.since[c.Endpoint] = d.At
	}
	text := Change(c, of)
	if text == "" {
		return
	}
	t.steps = append(t.steps, step{
		Line: Line{Text: text, Endpoint: Name(c.Endpoint)},
		kind: kindOf(c), who: c.Endpoint, before: c.Before, after: c.After, lasted: of.Lasted,
	})
}

// heir is who has the address of an endpoint that left, if somebody got it at once.
func heir(d *history.Decision, left *history.Change) string {
	for i := range d.Changes {
		if c := &d.Changes[i]; !c.Was && c.Address == left.Address {
			return Name(c.Endpoint)
		}
	}
	return ""
}

// chain says how many the name had from step to step.
func chain(steps []step) string {
	var b strings.Builder
	last := -1
	for i := range steps {
		for _, n := range []int{steps[i].had, steps[i].has} {
			switch {
			case last < 0:
				fmt.Fprint(&b, n)
			case n != last:
				fmt.Fprintf(&b, " → %d", n)
			}
			last = n
		}
	}
	return b.String()
}

// least and most are how many the name had at least and at most.
func extremes(steps []step) (least, most int) {
	least, most = steps[0].had, steps[0].had
	for i := range steps {
		least, most = min(least, steps[i].has), max(most, steps[i].has)
	}
	return least, most
}

func between(least, most int) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}
