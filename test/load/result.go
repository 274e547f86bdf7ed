package load

import (
	"fmt"
	"strings"
	"time"
)

// shownFaults is how many wrong answers and lost queries are described.
const shownFaults = 5

// A Result counts the queries of a load, and their answers.
type Result struct {
	// Seconds is how long queries were asked.
	Seconds float64
	// Asked are all queries, and Checked those that were answered. Wrong are
	// those whose answer was not right, and Lost those that had none within 2
	// seconds.
	Asked, Checked, Wrong, Lost int
	// Overflowed counts the queries that the kernel dropped in front of the
	// server, because the buffer of its socket was full. They are part of Lost.
	// It counts the queries of others too, and on Linux only.
	Overflowed int
	// Slowest is the longest time between a query and its answer.
	Slowest time.Duration
	// Faults describes the first wrong answers and lost queries.
	Faults []string
}

func (r *Result) note(fault string) {
	if len(r.Faults) < shownFaults {
		r.Faults = append(r.Faults, fault)
	}
}

// String is a line that says all but the faults.
func (r Result) String() string {
	return fmt.Sprintf("%.0f queries per second for %.1f s: %d answers checked, %d wrong, %d lost (%d of them in front of a full socket), the slowest after %s",
		float64(r.Asked)/r.Seconds, r.Seconds, r.Checked, r.Wrong, r.Lost, r.Overflowed, r.Slowest.Round(time.Millisecond))
}

// Err returns an error with the first faults where an answer was wrong or a
// query was lost.
func (r Result) Err() error {
	if r.Wrong == 0 && r.Lost == 0 {
		return nil
	}
	return fmt.Errorf("%v, such as:\n%s", r, strings.Join(r.Faults, "\n"))
}
