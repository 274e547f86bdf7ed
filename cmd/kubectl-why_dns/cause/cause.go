// Package cause judges what was gathered: facts in, findings out, in causal order. It asks nobody, and knows no clock.
//
// Read cause.go first (the order), then finding.go, and then what you look for: each of the other files has the checks of one
// part of the way from a client to a Pod.
package cause

import (
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// Verdict is all that was found out.
type Verdict struct {
	// Name is what was asked about: the full name, or an address.
	Name string
	// Level is that of the worst finding: why.Fine, why.Warning or why.Broken; why.Skipped is that nothing could be found
	// out.
	Level    why.Level
	Findings []Finding
}

// Judge says what keeps a name from having what it should have. The first cause that is enough explains what follows.
func Judge(f *facts.Facts) *Verdict {
	j := &judgement{Facts: f}
	if f.Question.IsPast() {
		j.past()
	} else {
		for _, check := range []func(*judgement){
			(*judgement).client, (*judgement).servers, (*judgement).service, (*judgement).pods, (*judgement).slices,
			(*judgement).standing, (*judgement).answers, (*judgement).paths,
		} {
			check(j)
		}
		j.noPages()
	}
	v := &Verdict{Name: f.Question.Name(), Level: why.Skipped}
	if f.Question.Address.IsValid() {
		v.Name = f.Question.Address.String()
	}
	for _, finding := range j.all {
		v.Level = worse(v.Level, finding.Level)
	}
	for _, s := range f.Skipped {
		j.all = append(j.all, Finding{Level: why.Skipped, Text: s.What + " (" + s.Why + ")"})
	}
	v.Findings = j.all
	return v
}

// rank orders levels. What follows from a cause is not worse than it.
var rank = map[why.Level]int{why.Skipped: 0, why.Follows: 0, why.Fine: 1, why.Warning: 2, why.Broken: 3}

func worse(a, b why.Level) why.Level {
	if rank[b] > rank[a] {
		return b
	}
	return a
}
