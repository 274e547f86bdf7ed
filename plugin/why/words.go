// Package why says in words what happened to Services and their endpoints, and why. Whoever
// tells people takes the sentences from here, so that all say the same of the same thing.
//
// Reading order: about.go has what is said of a Service as a whole, and words.go the
// sentences, of which fold.go has those for what belongs together. reasons.go has what answers
// themselves say.
package why

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
)

// Unpublished says why an endpoint is not published, by its tier. Of one that is damped,
// until when follows.
func Unpublished(t health.Tier) string {
	return [...]string{
		health.Good:     "it is up",
		health.Damped:   "it flapped, and is damped",
		health.Draining: "it terminates",
		health.Sick:     "it is not ready any more",
		health.Starting: "it has never been ready",
		health.Dying:    "it terminates, and does not serve any more",
	}[t]
}

// The other reasons why an endpoint is not published.
const (
	TakenOut     = "it is taken out by annotation"
	CheckFails   = "its check fails"
	DyingByCheck = "it terminates, and its check fails"
)

// NotReadySince says why an endpoint is not published that was there, and not ready, when the
// process began to watch: for how long, nobody knows.
func NotReadySince(began time.Time) string {
	return fmt.Sprintf("it has not been ready since before %s, when this server began to watch", clock(began))
}

// Name returns what people call an endpoint.
func Name(e history.Endpoint) string {
	return cmp.Or(e.Name, e.Pod, string(name.AppendDashed(nil, e.Address)))
}

// Circumstances are what a change of an endpoint does not say itself. The zero value is that
// none is known.
type Circumstances struct {
	// About is of the Service, after the change.
	About About
	// Lasted is how long the endpoint had been in its tier; 0 is not known.
	Lasted time.Duration
	// Until is when its damping ends; zero is not known.
	Until time.Time
	// Heir is the endpoint that has the address now.
	Heir string
}

// Change says what happened to one endpoint. It is empty where that is nothing for people.
func Change(c *history.Change, of Circumstances) string {
	if of.Until.IsZero() {
		of.Until = c.Until
	}
	who := Name(c.Endpoint)
	switch {
	case !c.Was:
		return fmt.Sprintf("%s appeared at %s, %s", who, c.Address, arrived(c.After))
	case !c.Is && of.Heir != "":
		return fmt.Sprintf("%s gone (%s), the address is %s's now", who, c.Address, of.Heir)
	case !c.Is:
		return fmt.Sprintf("%s gone (%s)", who, c.Address)
	}
	if text := turned(c.Before, c.After, of); text != "" {
		return who + text
	}
	return ""
}

func arrived(m health.Mark) string {
	switch {
	case m.TakenOut():
		return "taken out by annotation"
	case m.Terminating():
		return "already terminating"
	case m.Up():
		return "ready"
	}
	return "not ready"
}

// turned says how an endpoint stands otherwise than before, behind its name.
func turned(before, after health.Mark, of Circumstances) string {
	switch was, is := before.Tier(), after.Tier(); {
	case after.Terminating() && !before.Terminating() && is == health.Draining:
		return " terminates, still serves"
	case after.Terminating() && !before.Terminating():
		return " terminates and does not serve"
	case after.TakenOut() && !before.TakenOut():
		return " is taken out by annotation"
	case before.TakenOut() && !after.TakenOut(), before.Terminating() && !after.Terminating():
		return " is put back" + ifNotUp(after)
	case was == is:
		return ""
	case is == health.Dying:
		return " stopped serving"
	case was == health.Dying && is == health.Draining:
		return " serves again"
	case was == health.Good && is == health.Damped:
		return " flapped too often: damped" + until(of.Until)
	case was == health.Damped && is == health.Good:
		return " is steady again"
	case before.Up():
		return fell(after, of)
	case after.Up():
		return rose(before, after, of)
	case is == health.Sick:
		return " is not ready any more"
	}
	return " is as if it had never been ready"
}

func ifNotUp(m health.Mark) string {
	if m.Up() {
		return ""
	}
	return ", not ready"
}

// fell says how an endpoint that was up went down.
func fell(after health.Mark, of Circumstances) string {
	switch {
	case after.Failing():
		return " does not pass its check any more"
	case of.About.ByServing():
		return " stopped being ready"
	}
	return " is not ready any more"
}

// rose says how an endpoint that was down went up.
func rose(before, after health.Mark, of Circumstances) string {
	switch {
	case after.Tier() == health.Damped:
		return " is up again, damped" + until(of.Until)
	case before.Failing():
		return " passes its check again" + lasted(of.Lasted)
	case before.Tier() == health.Starting:
		return " became ready" + lasted(of.Lasted)
	}
	return " is ready again" + lasted(of.Lasted)
}

func until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " until " + clock(t)
}

func lasted(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return ", after " + Duration(d)
}

func clock(t time.Time) string { return t.UTC().Format(time.TimeOnly) }

// Duration writes a time as people say it: in seconds, in minutes and seconds, or in hours and
// minutes. Shorter ones have two digits behind the point.
func Duration(d time.Duration) string {
	seconds := int64(d.Round(time.Second) / time.Second)
	switch {
	case d < time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case seconds < 3600 && seconds%60 == 0:
		return fmt.Sprintf("%d m", seconds/60)
	case seconds < 3600:
		return fmt.Sprintf("%d m %02d s", seconds/60, seconds%60)
	}
	return fmt.Sprintf("%d h %02d m", seconds/3600, seconds/60%60)
}

// longestLag is how long a change may take to be served without being late.
const longestLag = 5 * time.Second

// Lag says how late a decision was, and whether that is worth a mark. It is empty where nobody
// knows.
func Lag(d time.Duration) (text string, late bool) {
	if d <= 0 {
		return "", false
	}
	return fmt.Sprintf("served %s after the change", Duration(d)), d > longestLag
}

// Carried says how many endpoints the name had before and after.
func Carried(before, after int) string {
	if before == after {
		return fmt.Sprint(after)
	}
	return fmt.Sprintf("%d → %d", before, after)
}

// Service says what happened to a Service as a whole: it has the name "N/S".
func Service(service string, before, after history.Whole) (all []string) {
	was, is := About(before.About), About(after.About)
	switch {
	case !before.Served && after.Served:
		return append(all, fmt.Sprintf("%s is served, %s", service, cmp.Or(is.Kind(), "headless")))
	case before.Served && !after.Served:
		return append(all, service+" is not served any more")
	}
	if was.Kind() != is.Kind() {
		all = append(all, fmt.Sprintf("%s is %s, before %s", service, is.Kind(), was.Kind()))
	}
	if a, b := was.get(aboutTarget), is.get(aboutTarget); a != b && a != "" && b != "" {
		all = append(all, fmt.Sprintf("%s leads to %s, before to %s", service, b, a))
	}
	if changed := optionsChanged(was, is); changed != "" {
		all = append(all, "Policy: "+changed)
	}
	if a, b := was.get(aboutLeftOut), is.get(aboutLeftOut); a != b && b != "" {
		all = append(all, "Left out: "+b)
	} else if a != b {
		all = append(all, "No annotation is left out any more")
	}
	return append(all, nameChanged(service, before, after)...)
}

// optionsChanged says which options of the policy are others.
func optionsChanged(was, is About) string {
	var changed []string
	for _, option := range is.options() {
		a, b := was.get(option), is.get(option)
		if a != b && a != "" {
			a, _ = strings.CutSuffix(a, " (annotation)")
			value, byAnnotation := strings.CutSuffix(b, " (annotation)")
			text := fmt.Sprintf("%s %s, before %s", option, value, a)
			if byAnnotation {
				text += " (annotation)"
			}
			changed = append(changed, text)
		}
	}
	return strings.Join(changed, "; ")
}

// nameChanged says what became of what the name has.
func nameChanged(service string, before, after history.Whole) (all []string) {
	if exists := after.Rules[0].Exists(); after.Carried == 0 && About(after.About).Kind() != externalName && (before.Carried > 0 || before.Rules[0].Exists() != exists) {
		all = append(all, fmt.Sprintf("%s is empty: %s", service, outcome(exists)))
	}
	if was, is := failsOpen(before), failsOpen(after); is && !was {
		all = append(all, service+" fails open: "+howManyServe(after))
	} else if was && !is {
		all = append(all, service+" does not fail open any more")
	}
	if was, is := drainingOnly(before), drainingOnly(after); is && !was {
		all = append(all, service+" carries draining endpoints only")
	}
	return all
}

// outcome is what a name answers that has nobody.
func outcome(exists bool) string {
	if exists {
		return "NODATA"
	}
	return "NXDOMAIN"
}

// howManyServe says how many serve of those who ever did, in the family that fails open.
func howManyServe(w history.Whole) string {
	for family, rule := range w.Rules {
		if tiers := w.Tiers[family]; rule.FailsOpen() {
			up := tiers[health.Good] + tiers[health.Damped]
			return fmt.Sprintf("%d of %d serving", up, up+tiers[health.Sick])
		}
	}
	return ""
}

func failsOpen(w history.Whole) bool {
	for _, rule := range w.Rules {
		if rule.FailsOpen() {
			return true
		}
	}
	return false
}

func drainingOnly(w history.Whole) bool {
	for _, rule := range w.Rules {
		if rule != 0 && rule != 1<<health.Draining {
			return false
		}
	}
	return w.Carried > 0
}

const day = 24 * time.Hour

// unseen says in which time nobody looked, of which it is given when that began.
func unseen(since string, until time.Time) string {
	from, err := time.Parse(time.RFC3339, since)
	if err != nil {
		return ""
	}
	began := clock(from)
	if !from.Truncate(day).Equal(until.Truncate(day)) {
		began = from.UTC().Format(time.DateTime)
	}
	return fmt.Sprintf(": from %s to %s nobody looked", began, clock(until))
}

// EventText is the text of an event that happened to something, somehow.
func EventText(of, how string) string { return of + "\n" + how }

// Event says what happened to the server.
func Event(e history.Event) string {
	of, how, _ := strings.Cut(e.Text, "\n")
	switch e.Kind {
	case history.Started:
		return "Started, nothing is known from before"
	case history.Restored:
		return "Started from the snapshot of " + of + unseen(how, e.At)
	case history.Lost:
		return fmt.Sprintf("The API server %s is lost: %s", of, how)
	case history.Back:
		return fmt.Sprintf("The API server %s is back after %s", of, how)
	case history.Silent:
		return fmt.Sprintf("Watching %s anew: %s", of, how)
	case history.Listed:
		return fmt.Sprintf("Listed %s anew: %s", of, how)
	case history.Reloaded:
		return "The Corefile was reloaded"
	case history.ClockSet:
		return "The clock was set by " + e.Text
	case history.Dropped:
		return fmt.Sprintf("The history of %s before %s was dropped", e.Text, clock(e.At))
	}
	return e.Text
}
