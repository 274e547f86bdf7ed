package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

const (
	// mostLines is how many are logged in linesIn.
	mostLines = 20
	linesIn   = 10 * time.Second
)

// words is the log, of which there is only so much.
type words struct {
	log func(format string, args ...any)
	// from is when the lines began to be counted.
	from            time.Duration
	logged, dropped int
}

func (w *words) say(line string, now time.Duration) {
	w.count(now)
	if w.logged == mostLines {
		w.dropped++
		return
	}
	w.logged++
	w.log("%s", line)
}

// count begins to count again after linesIn, and says what was left out until then.
func (w *words) count(now time.Duration) {
	if now-w.from < linesIn {
		return
	}
	if w.dropped > 0 {
		w.log("%d more lines on checks were left out in %v", w.dropped, linesIn)
	}
	w.from, w.logged, w.dropped = now, 0, 0
}

// lineOf says in one line what is new of a Service, or nothing. The age is how long ago a
// time was.
func lineOf(g *Group, old, now *check.Findings, age func(time.Time) time.Duration) string {
	var fails, passes []*member
	pass := 0
	for i := range g.members {
		m := &g.members[i]
		verdict, _ := now.Of(m.at.Addr())
		before := check.Unknown
		if old != nil {
			before, _ = old.Of(m.at.Addr())
		}
		switch {
		case verdict == check.Passing:
			pass++
			if before == check.Failing {
				passes = append(passes, m)
			}
		case verdict == check.Failing && before != check.Failing:
			fails = append(fails, m)
		}
	}
	var parts []string
	if len(fails) > 0 {
		parts = append(parts, fmt.Sprintf("%v fails (%s)%s", fails[0].at, fails[0].task.why(), more(len(fails)-1)))
	}
	if len(passes) > 0 {
		_, since := old.Of(passes[0].at.Addr())
		parts = append(parts, fmt.Sprintf("%v passes again after %v%s", passes[0].at, age(since), more(len(passes)-1)))
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("Check of %v: %s; %d of %d pass", g.key, strings.Join(parts, "; "), pass, len(g.members))
}

// why says how the task came to fail.
func (t *task) why() string {
	if t.failures == 0 {
		return "as before the restart"
	}
	return fmt.Sprintf("%v, %d times", t.cause, t.failures)
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", and %d more", n)
}
