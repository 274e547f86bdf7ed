package records

import (
	"slices"
	"strings"
	"testing"
	"time"
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
