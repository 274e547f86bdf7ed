package health

import (
	"slices"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"pgregory.net/rapid"
)

// What is kept of a decision says the same as the decision.
func TestMarksAndRulesSayWhoIsInTheName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		all := drawCandidates(t, p.Damping)
		v, _ := decide(&p, drawGuard(t), all, epoch)
		marks, rule := v.standings.AppendMarks([]byte("before"))[len("before"):], v.standings.Rule(roster.IPv4)
		if len(marks) != len(all) {
			t.Fatalf("%d marks of %d endpoints", len(marks), len(all))
		}
		for i, c := range all {
			m, at := Mark(marks[v.at[i]]), v.at[i]
			if m.Tier() != v.Tiers[i] || m.Conditions() != c.Conditions&(model.Ready|model.Serving|model.Terminating) ||
				m.TakenOut() != c.TakenOut || m.Failing() != v.standings.Fails(at) {
				t.Errorf("endpoint %d with %+v is %v, and marked %08b", i, c, v.Tiers[i], m)
			}
			if rule.Has(m) != v.Given[i] {
				t.Errorf("the rule %b has an endpoint marked %08b: %v, and the name %v", rule, m, rule.Has(m), v.Given[i])
			}
		}
		if !rule.Known() || rule.FailsOpen() != v.FailOpen || rule.LastRung() != v.standings.LastRung[roster.IPv4] {
			t.Errorf("the rule %b of %+v", rule, v)
		}
	})
}

func TestARuleNamesItsTiers(t *testing.T) {
	if got := (Rule(1<<Draining | 1<<Good)).Tiers(); !slices.Equal(got, []Tier{Good, Draining}) {
		t.Errorf("got %v", got)
	}
}

func BenchmarkMarks(b *testing.B) {
	all := times(10_000, Candidate{Conditions: isUp})
	v, _ := decide(&Policy{}, guard{}, all, epoch)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = v.standings.AppendMarks(dst[:0])
	}
}
