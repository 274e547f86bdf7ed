package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// line is one line of what happened.
type line struct {
	// at is when, and until the end of what lasted; else it is zero.
	at, until v1.Time
	level     string
	carries   string
	text      string
	// changes is true where the name got others.
	changes bool
	note    string
	// folded are the lines that this one is put together from, the last first.
	folded []line
}

const (
	// rolloutGap is how long nothing may happen within one rollout.
	rolloutGap = time.Minute
	// leastRollout is how many Pods it replaces at least, and leastFlaps how many flaps of one
	// endpoint while it is damped are put together.
	leastRollout = 2
	leastFlaps   = 3
)

// linesOf returns what happened to a Service, the last first: what belongs together in one
// line, and between these when the API server was lost.
func linesOf(decisions []v1.Decision, lost []v1.Loss) (all []line) {
	for left := decisions; len(left) > 0; {
		l, n := rollout(left)
		if n == 0 {
			l, n = flapsDamped(left)
		}
		if n == 0 {
			l, n = shortDown(left)
		}
		if n == 0 {
			all = append(all, lineOf(&left[0]))
			left = left[1:]
			continue
		}
		all = append(all, l)
		left = left[n:]
	}
	return withLosses(all, lost)
}

// lineOf is the line of one decision.
func lineOf(d *v1.Decision) line {
	texts := slices.Clone(d.Texts)
	for _, c := range d.Changes {
		if c.Text != "" {
			texts = append(texts, c.Text)
		}
	}
	l := line{at: d.At, carries: why.Carried(d.Carried[0], d.Carried[1]), changes: d.Carried[0] != d.Carried[1]}
	switch more := d.More + max(len(texts)-maxTexts, 0); {
	case len(texts) == 0:
		l.text = "nothing that people see"
	case more > 0:
		l.text = strings.Join(texts[:min(maxTexts, len(texts))], "; ") + fmt.Sprintf(" and %d more", more)
	default:
		l.text = strings.Join(texts, "; ")
	}
	text, late := why.Lag(time.Duration(d.LateMs) * time.Millisecond)
	if l.note = text; late {
		l.level = v1.LevelWarning
	}
	return l
}

// maxTexts is how much of one decision a line has.
const maxTexts = 3

// only returns the one change that is all of a decision.
func only(d *v1.Decision) *v1.Change {
	if len(d.Changes) != 1 || len(d.Texts) > 0 || d.More > 0 {
		return nil
	}
	return &d.Changes[0]
}

// isDown reports whether an endpoint stopped being up by that, and isBack that it is up again.
func isDown(c *v1.Change) bool {
	return c != nil && (c.From == "good" || c.From == "damped") && c.To == "sick"
}

func isBack(c *v1.Change) bool {
	return c != nil && c.From == "sick" && (c.To == "good" || c.To == "damped")
}

// returns reports whether the first two decisions are an endpoint that was down for a moment.
func returns(all []v1.Decision) bool {
	if len(all) < 2 {
		return false
	}
	back, down := only(&all[0]), only(&all[1])
	return isBack(back) && isDown(down) && back.Endpoint == down.Endpoint
}

// shortDown puts together that an endpoint was down, and is up again.
func shortDown(all []v1.Decision) (l line, n int) {
	if !returns(all) || only(&all[0]).To != "good" {
		return l, 0
	}
	back, down := &all[0], &all[1]
	l = lineOf(down)
	l.text = why.Dipped(down.Changes[0].Endpoint, back.At.Sub(down.At.Time))
	l.carries = through(down.Carried[0], down.Carried[1], back.Carried[1])
	return l, 2
}

func through(all ...int) string {
	var parts []string
	for i, n := range all {
		if i == 0 || n != all[i-1] {
			parts = append(parts, fmt.Sprint(n))
		}
	}
	return strings.Join(parts, " → ")
}

// flapsDamped puts together the flaps of one endpoint while it is damped: no answer changes.
func flapsDamped(all []v1.Decision) (l line, n int) {
	for returns(all[n:]) && only(&all[n+1]).From == "damped" && only(&all[n]).To == "damped" &&
		only(&all[n]).Endpoint == only(&all[0]).Endpoint && all[n].Carried == all[0].Carried {
		n += 2
	}
	if n < 2*leastFlaps {
		return l, 0
	}
	last := &all[n-1]
	l = line{at: last.At, until: all[0].At, carries: why.Carried(all[0].Carried[0], all[0].Carried[1]), note: "no answer changed"}
	l.text = why.FlappedDamped(only(last).Endpoint, n/2)
	for i := 0; i < n; i += 2 {
		down := lineOf(&all[i+1])
		down.text = why.Down(all[i].At.Sub(all[i+1].At.Time))
		down.carries = ""
		l.folded = append(l.folded, down)
	}
	return l, n
}

// rollout puts together that Pods were replaced, one after the other.
func rollout(all []v1.Decision) (l line, n int) {
	r := replaced{low: all[0].Carried[1], high: all[0].Carried[1]}
	for n < len(all) && r.take(&all[n], n == 0 || all[n-1].At.Sub(all[n].At.Time) <= rolloutGap) {
		n++
	}
	if len(r.left) < leastRollout || len(r.left) != r.arrived {
		return l, 0
	}
	first, last := &all[n-1], &all[0]
	l = line{at: first.At, until: last.At, carries: fmt.Sprint(r.low), note: why.Below(r.changes, r.low)}
	if r.low != r.high {
		l.carries = fmt.Sprintf("%d to %d", r.low, r.high)
	}
	words := why.Rollout{Pods: r.arrived, First: r.left[len(r.left)-1], Last: r.left[0], Took: last.At.Sub(first.At.Time)}
	words.Shortest, words.Longest = startTimes(all[:n])
	l.text = words.String()
	for i := range n {
		l.folded = append(l.folded, lineOf(&all[i]))
	}
	return l, n
}

// startTimes returns how long the Pods that came were not ready, at least and at most.
func startTimes(all []v1.Decision) (shortest, longest time.Duration) {
	came := make(map[string]time.Time)
	for i := range slices.Backward(all) {
		for _, c := range all[i].Changes {
			switch {
			case c.From == "" && c.To == "starting":
				came[c.Address] = all[i].At.Time
			case c.From == "starting" && c.To == "good" && !came[c.Address].IsZero():
				took := all[i].At.Sub(came[c.Address])
				if longest == 0 || took < shortest {
					shortest = took
				}
				longest = max(longest, took)
			}
		}
	}
	return shortest, longest
}

// replaced is what is seen of a rollout.
type replaced struct {
	left      []string
	arrived   int
	changes   int
	low, high int
}

// take takes a decision that belongs to it, and reports whether it does.
func (r *replaced) take(d *v1.Decision, near bool) bool {
	if !near || len(d.Texts) > 0 || d.More > 0 || len(d.Changes) == 0 {
		return false
	}
	for _, c := range d.Changes {
		if isDown(&c) || isBack(&c) || c.From == "damped" || c.To == "damped" {
			return false
		}
	}
	for _, c := range d.Changes {
		switch {
		case c.To == "":
			r.left = append(r.left, c.Endpoint)
		case c.From == "":
			r.arrived++
		}
	}
	r.changes += len(d.Changes)
	r.low, r.high = min(r.low, d.Carried[0], d.Carried[1]), max(r.high, d.Carried[0], d.Carried[1])
	return true
}

// withLosses adds when the API server was lost, and was back.
func withLosses(all []line, lost []v1.Loss) []line {
	for _, loss := range lost {
		note := loss.Why
		begins := line{at: loss.From, level: v1.LevelError, text: "The API server is lost", note: note}
		if loss.To.IsZero() {
			begins.text += ": nothing is seen from here on"
		} else {
			all = append(all, line{at: loss.To, level: v1.LevelOK, text: "The API server is back after " + why.Duration(loss.To.Sub(loss.From.Time))})
		}
		all = append(all, begins)
	}
	slices.SortStableFunc(all, func(a, b line) int { return b.newest().Compare(a.newest()) })
	return all
}

func (l *line) newest() time.Time {
	if l.until.IsZero() {
		return l.at.Time
	}
	return l.until.Time
}

// time writes when it was.
func (l *line) time(now time.Time) string {
	if l.until.IsZero() {
		return exactly(l.at, now)
	}
	return l.at.UTC().Format("15:04") + "–" + l.until.UTC().Format("15:04")
}
