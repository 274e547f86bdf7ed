package why

import (
	"fmt"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
)

const (
	// shortly is how long what belongs together may be apart.
	shortly = time.Minute
	// fewestReplaced is how many Pods are replaced in a rollout.
	fewestReplaced = 2
	// mostAlike is how many changes of one moment are told one by one where they are alike.
	mostAlike = 3
)

// fold makes one line of steps that belong together, the first of which comes first.
func fold(steps []step) (lines []Line) {
	for len(steps) > 0 {
		line, n := steps[0].Line, 1
		for _, try := range []func([]step) (Line, int){rollout, flapping, dip, alike} {
			if folded, taken := try(steps); taken > 0 {
				line, n = folded, taken
				break
			}
		}
		lines, steps = append(lines, line), steps[n:]
	}
	return lines
}

// parts are the lines of steps, the last first.
func parts(steps []step) (lines []Line) {
	for i := range slices.Backward(steps) {
		lines = append(lines, steps[i].Line)
	}
	return lines
}

// rollout folds that several Pods leave and as many arrive.
func rollout(steps []step) (line Line, n int) {
	left, arrived := 0, 0
	for i := range steps {
		s := &steps[i]
		if !s.kind.ofRollout() || i > 0 && s.From.Sub(steps[i-1].From) > shortly {
			break
		}
		switch s.kind {
		case leaves:
			left++
		case arrives:
			arrived++
		}
		if left == arrived && left >= fewestReplaced {
			n = i + 1
		}
	}
	if n == 0 {
		return line, 0
	}
	for n < len(steps) && steps[n].kind == readies && steps[n].From.Sub(steps[n-1].From) <= shortly {
		n++
	}
	steps = steps[:n]
	least, most := extremes(steps)
	line = Line{
		From: steps[0].From, To: steps[n-1].To, Carried: between(least, most),
		Text: rolloutText(steps), Besides: fmt.Sprintf("%d changes; never fewer than %d", n, least), Parts: parts(steps),
	}
	return line, n
}

func (k kind) ofRollout() bool { return k == arrives || k == readies || k == ends || k == leaves }

func rolloutText(steps []step) string {
	var gone []string
	var shortest, longest time.Duration
	for i := range steps {
		s := &steps[i]
		switch {
		case s.kind == leaves:
			gone = append(gone, s.Endpoint)
		case s.kind == readies && s.lasted > 0 && shortest == 0:
			shortest, longest = s.lasted, s.lasted
		case s.kind == readies && s.lasted > 0:
			shortest, longest = min(shortest, s.lasted), max(longest, s.lasted)
		}
	}
	took := "at once"
	if d := steps[len(steps)-1].To.Sub(steps[0].From); d > 0 {
		took = Duration(d)
	}
	text := fmt.Sprintf("Rollout: %d Pods replaced, from %s to %s, %s", len(gone), gone[0], gone[len(gone)-1], took)
	switch {
	case longest == 0:
		return text
	case Duration(shortest) == Duration(longest):
		return text + fmt.Sprintf("; not ready for %s each", Duration(longest))
	}
	return text + fmt.Sprintf("; not ready for %s each", span(shortest, longest))
}

// span says how long something is at least and at most.
func span(shortest, longest time.Duration) string {
	if longest < time.Minute && shortest >= time.Second {
		return fmt.Sprintf("%.0f to %s", shortest.Round(time.Second).Seconds(), Duration(longest))
	}
	return Duration(shortest) + " to " + Duration(longest)
}

// isDip reports whether an endpoint falls and soon rises again, and nothing else happens
// meanwhile.
func isDip(steps []step) bool {
	return len(steps) > 1 && steps[0].kind == falls && steps[1].kind == rises && steps[0].who == steps[1].who &&
		steps[1].From.Sub(steps[0].From) <= shortly
}

// flapping folds dips of an endpoint that is damped all the time.
func flapping(steps []step) (line Line, n int) {
	damped := func(s *step) bool { return s.before.Tier() == health.Damped || s.after.Tier() == health.Damped }
	for isDip(steps[n:]) && steps[n].who == steps[0].who && damped(&steps[n]) && damped(&steps[n+1]) {
		down := steps[n].Line
		down.To, down.Text = steps[n+1].To, "down for "+Duration(steps[n+1].From.Sub(steps[n].From))
		line.Parts = append(line.Parts, down)
		n += 2
	}
	if len(line.Parts) < 2 {
		return line, 0
	}
	slices.Reverse(line.Parts)
	least, most := extremes(steps[:n])
	line.From, line.To, line.Carried, line.Endpoint = steps[0].From, steps[n-1].To, between(least, most), steps[0].Endpoint
	line.Text = fmt.Sprintf("%s flapped %d times while it was damped", line.Endpoint, n/2)
	if least == most {
		line.Besides = "no answer changed"
	}
	return line, n
}

// dip folds that an endpoint falls, and soon is as it was.
func dip(steps []step) (line Line, n int) {
	if !isDip(steps) || steps[0].before.Tier() != steps[1].after.Tier() {
		return line, 0
	}
	line = steps[0].Line
	line.To, line.Carried, line.Late = steps[1].To, chain(steps[:2]), steps[0].Late || steps[1].Late
	text := "%s was not ready for %s"
	if steps[0].after.Failing() {
		text = "%s did not pass its check for %s"
	}
	line.Text = fmt.Sprintf(text, line.Endpoint, Duration(line.To.Sub(line.From)))
	return line, 2
}

// alike folds changes of one moment that say the same of many endpoints.
func alike(steps []step) (line Line, n int) {
	said := steps[0].said()
	for n < len(steps) && said != "" && steps[n].From.Equal(steps[0].From) && steps[n].said() == said {
		n++
	}
	if n <= mostAlike {
		return line, 0
	}
	line = steps[0].Line
	line.Text = fmt.Sprintf("%s, %s and %d more %s", steps[0].Endpoint, steps[1].Endpoint, n-2, said)
	line.Endpoint, line.Parts = "", parts(steps[:n])
	return line, n
}

// said is what a step says of several endpoints. It is empty where that cannot be said.
func (s *step) said() string {
	switch s.kind {
	case leaves:
		return "gone"
	case arrives:
		return "appeared, " + arrived(s.after)
	case readies:
		return "became ready"
	case falls:
		if s.after.Failing() {
			return "do not pass their checks any more"
		}
		return "are not ready any more"
	case rises:
		if s.before.Failing() {
			return "pass their checks again"
		}
		return "are ready again"
	case ends:
		if s.after.Tier() == health.Dying {
			return "terminate and do not serve"
		}
		return "terminate, still serve"
	}
	return ""
}
