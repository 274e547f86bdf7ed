package why

import (
	"fmt"
	"time"
)

// A Rollout is that Pods of a Service were replaced, one after the other or all at once.
type Rollout struct {
	// Pods is how many, and First and Last are the names of the first and the last that left.
	Pods        int
	First, Last string
	// Took is how long that took.
	Took time.Duration
	// Shortest and Longest are how long those that came were not ready; 0 is not known.
	Shortest, Longest time.Duration
}

// String says what happened.
func (r *Rollout) String() string {
	took := "at once"
	if r.Took > 0 {
		took = Duration(r.Took)
	}
	text := fmt.Sprintf("Rollout: %d Pods replaced, from %s to %s, %s", r.Pods, r.First, r.Last, took)
	switch shortest, longest := Duration(r.Shortest), Duration(r.Longest); {
	case r.Longest == 0:
		return text
	case shortest == longest:
		return text + fmt.Sprintf("; not ready for %s each", longest)
	case r.Longest < time.Minute && r.Shortest >= time.Second:
		return text + fmt.Sprintf("; not ready for %.0f to %s each", r.Shortest.Round(time.Second).Seconds(), longest)
	default:
		return text + fmt.Sprintf("; not ready for %s to %s each", shortest, longest)
	}
}

// Below says below a fold what it was made of, and how few endpoints the name had.
func Below(changes, least int) string {
	return fmt.Sprintf("%d changes; never fewer than %d", changes, least)
}

// Dipped says that an endpoint was not up for so long, and is again.
func Dipped(endpoint string, down time.Duration) string {
	return fmt.Sprintf("%s was not ready for %s", endpoint, Duration(down))
}

// FlappedDamped says that an endpoint dipped several times while it was damped.
func FlappedDamped(endpoint string, times int) string {
	return fmt.Sprintf("%s flapped %d times while it was damped", endpoint, times)
}

// Down says below that how long each time was.
func Down(d time.Duration) string { return "down for " + Duration(d) }
