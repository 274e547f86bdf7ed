package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

func TestVerdictsOutliveTheProcess(t *testing.T) {
	w := newWorld(t, 200, 256)
	w.refuses(target(1), target(2), target(3))
	g := w.service("orders", tcp(), targets(0, 4)...)
	w.pass(30 * time.Second)
	left := w.e.Failing()
	equal(t, "what fails", fmt.Sprint(len(left), left[0].At, left[1].At, left[2].At), "3 10.0.0.1:5432 10.0.0.2:5432 10.0.0.3:5432")
	_, since := g.Findings().Of(target(1).Addr())
	equal(t, "since when", left[0].Since, since)

	for _, row := range []struct {
		name  string
		after time.Duration
		spec  check.Spec
		want  string
	}{
		{"the same check at once", 0, tcp(), "[unknown fail fail fail]"},
		{"the same check within 5 minutes", 299 * time.Second, tcp(), "[unknown fail fail fail]"},
		{"the same check later", 301 * time.Second, tcp(), "[unknown unknown unknown unknown]"},
		{"another check", 0, web("/healthz"), "[unknown unknown unknown unknown]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			next := newWorld(t, 200, 256)
			next.answer = nothing
			next.e.Restore(left)
			next.pass(row.after)
			g := next.service("orders", row.spec, targets(0, 4)...)
			next.pass(1200 * time.Millisecond)
			equal(t, "the verdicts", fmt.Sprint(verdicts(g, targets(0, 4)...)), row.want)
			if v, again := g.Findings().Of(target(1).Addr()); v == check.Failing {
				equal(t, "since when it fails", again, since)
				equal(t, "what is logged", next.lines,
					[]string{"Check of databases/orders: 10.0.0.1:5432 fails (as before the restart), and 2 more; 0 of 4 pass"})
				equal(t, "what fails in the next process", fmt.Sprint(next.e.Failing()), fmt.Sprint(left))
			}
		})
	}
}

func TestOneSuccessEndsWhatWasRestored(t *testing.T) {
	w := newWorld(t, 200, 256)
	s := tcp()
	w.e.Restore([]check.Remembered{{At: target(1), Spec: s.Digest(), Since: begin.Add(-time.Hour)}})
	g := w.service("orders", tcp(), target(1))
	w.pass(2 * time.Second)
	equal(t, "the verdict", verdicts(g, target(1)), []check.Verdict{check.Passing})
	equal(t, "what fails", len(w.e.Failing()), 0)
}
