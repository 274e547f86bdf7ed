package records

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
)

func TestAnExplanationIsBounded(t *testing.T) {
	service, all := statefulSet(100_000)
	// The last ones in the order of the addresses are not published.
	for _, s := range all {
		for i := range s.Endpoints {
			if s.Endpoints[i].Address.As4()[1] == 255 {
				s.Endpoints[i].Conditions = 0
			}
		}
	}
	set := Compile(service, all, Options{Explain: true}, new(Memory), time.Now())
	lines := explained(t, set)
	size := 0
	for _, line := range lines {
		size += explanationSize(line)
	}
	if size < maxExplanation-200 || size > maxExplanation+200 || len(set.explained) != len(lines) {
		t.Errorf("%d lines of %d bytes, %d of them in the answer", len(set.explained), size, len(lines))
	}
	last := slices.IndexFunc(lines, func(line string) bool { return strings.HasSuffix(line, ": published") })
	dead := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, "not published") })
	if dead != 1 || last >= 0 && last < 300 {
		t.Errorf("the first line of an endpoint that is not published is at %d, that of one that is at %d", dead, last)
	}
	if got := lines[len(lines)-1]; !strings.HasPrefix(got, "and 99") || !strings.HasSuffix(got, " more endpoints") {
		t.Errorf("the last line is %q", got)
	}
}

// An annotation may change the half-life of what is damped. No slice changes then.
func TestADampedPodIsExplainedAfterItsHalfLifeHasBecomeShorter(t *testing.T) {
	damping := func(halfLife time.Duration) Options {
		return Options{Explain: true, Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: halfLife}}}
	}
	c := newCourse(damping(health.DefaultHalfLife))
	c.report(pods(1, 5, ready)...)
	for range 3 {
		c.report(append(pods(2, 4, ready), pod(1, down))...)
		c.pass(5 * time.Second)
		c.report(pods(1, 5, ready)...)
	}
	c.expect(t, "after three flaps", "4 good, 1 damped")
	c.pass(time.Minute)
	c.options = damping(10 * time.Second)
	for range 2 {
		lines := explained(t, c.turn())
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, "it flapped, and is damped until ") }) {
			t.Errorf("got %q", lines)
		}
	}
}
