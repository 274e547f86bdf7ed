package cause

import (
	"fmt"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// paths judges connections that were tried.
func (j *judgement) paths() {
	if len(j.Paths) == 0 {
		return
	}
	var failed []facts.Path
	slowest := time.Duration(0)
	for _, p := range j.Paths {
		if p.Err != "" {
			failed = append(failed, p)
		} else {
			slowest = max(slowest, p.Took)
		}
	}
	if len(failed) == 0 {
		j.say(why.CausePathFine, count(len(j.Paths), "address")).detail("the slowest in %s", milliseconds(slowest))
		return
	}
	for _, p := range failed[:min(len(failed), maxNamed)] {
		text := fmt.Sprintf("%s %s", p.Address, p.Err)
		if p.Node != "" {
			text += " (node " + p.Node + j.alsoThere(p.Node) + ")"
		}
		if others := len(j.Paths) - len(failed); others > 0 {
			text += "; others connect in " + milliseconds(slowest)
		}
		f := j.say(why.CausePath, text)
		if len(j.Cluster.NetworkPolicies) > 0 {
			f.detail("NetworkPolicies that select %s: %s", j.Question.Service, named(j.Cluster.NetworkPolicies))
		}
		if p.Node != "" {
			f.do("kubectl describe node " + quoted(p.Node))
		}
	}
}

// alsoThere says how it is with the other endpoints of a node.
func (j *judgement) alsoThere(node string) string {
	n, failed := 0, 0
	for _, p := range j.Paths {
		if p.Node != node {
			continue
		}
		n++
		if p.Err != "" {
			failed++
		}
	}
	if n < 2 {
		return ""
	}
	if n == failed {
		return fmt.Sprintf(", as all there: %d of %d", failed, n)
	}
	return fmt.Sprintf(", %d of %d there", failed, n)
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%d ms", max(1, d.Milliseconds())) }
