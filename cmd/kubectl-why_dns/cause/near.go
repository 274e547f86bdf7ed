package cause

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/near"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	"k8s.io/apimachinery/pkg/labels"
)

// maxTypos is how many wrong letters are counted of a value: more of them are alike.
const maxTypos = 2

// A miss is Pods that match all of a selector but one label, and have the same value there.
type miss struct {
	key, value string
	has        bool
	pods       []string
	distance   int
}

// selectsNone judges a selector that matches no Pod.
func (j *judgement) selectsNone(selector string) {
	q, c := &j.Question, &j.Cluster
	all := count(c.InNamespace, "Pod")
	if c.MoreThan {
		all = "more than " + all
	}
	f := j.blame(why.CauseSelectorNone, selector, all)
	misses := j.misses()
	for _, m := range misses[:min(len(misses), maxNamed)] {
		have := " have "
		if len(m.pods) == 1 {
			have = " has "
		}
		if m.has {
			f.detail("near: %s%s%s=%s", named(m.pods), have, m.key, m.value)
		} else {
			f.detail("near: %s%sno label %s", named(m.pods), have, m.key)
		}
	}
	if len(misses) > 0 && misses[0].has && (len(misses) == 1 || misses[0].distance < misses[1].distance || misses[0].key == misses[1].key && len(misses[0].pods) > len(misses[1].pods)) {
		f.do(kubectl(q.Namespace, "patch", "service", q.Service, "-p", patchSelector(misses[0])))
	}
	if spaces := j.elsewhere(); len(spaces) > 0 && len(f.Details) < maxNamed {
		f.detail("Pods of the namespace %s match it", named(spaces))
		f.do("kubectl get pods -A -l " + quoted(labels.FormatLabels(c.Service.Spec.Selector)))
	}
	if text := j.workload(); text != "" && len(f.Details) < maxNamed && len(misses) == 0 {
		f.detail("%s", text)
	}
	f.do(kubectl(q.Namespace, "get", "pods", "--show-labels"))
}

func patchSelector(m miss) string {
	patch, _ := json.Marshal(map[string]any{"spec": map[string]any{"selector": map[string]string{m.key: m.value}}})
	return string(patch)
}

// misses are Pods of the namespace that match all labels but one, the likeliest first.
func (j *judgement) misses() []miss {
	wanted := j.Cluster.Service.Spec.Selector
	found := make(map[[2]string]*miss)
	for _, p := range j.Cluster.Others {
		if p.Namespace != j.Question.Namespace {
			continue
		}
		key, n := "", 0
		for k, v := range wanted {
			if got, ok := p.Labels[k]; !ok || got != v {
				key, n = k, n+1
			}
		}
		if n != 1 || len(wanted) == 1 && !j.isAlike(p, key) {
			continue
		}
		value, has := p.Labels[key]
		m := found[[2]string{key, value}]
		if m == nil {
			m = &miss{key: key, value: value, has: has, distance: near.Distance(value, wanted[key], maxTypos)}
			if !has {
				m.distance = maxTypos + 1
			}
			found[[2]string{key, value}] = m
		}
		m.pods = append(m.pods, p.Name)
	}
	var all []miss
	for _, m := range found {
		slices.Sort(m.pods)
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b miss) int {
		switch {
		case a.distance != b.distance:
			return a.distance - b.distance
		case len(a.pods) != len(b.pods):
			return len(b.pods) - len(a.pods)
		case a.key+a.value < b.key+b.value:
			return -1
		}
		return 1
	})
	return all
}

// isAlike reports whether the value of the only label is nearly the wanted one: all Pods match all but one of one label.
func (j *judgement) isAlike(p facts.Labelled, key string) bool {
	value, ok := p.Labels[key]
	return ok && near.Alike(value, j.Cluster.Service.Spec.Selector[key])
}

// elsewhere are the other namespaces in which Pods match.
func (j *judgement) elsewhere() []string {
	spaces := make(map[string]bool)
	for _, p := range j.Cluster.Others {
		if p.Namespace != j.Question.Namespace {
			spaces[p.Namespace] = true
		}
	}
	return slices.Sorted(maps.Keys(spaces))
}

// workload says which labels Pods have that seem to be those of the Service by their name.
func (j *judgement) workload() string {
	service := j.Question.Service
	for _, p := range j.Cluster.Others {
		if p.Namespace == j.Question.Namespace && p.Workload == service {
			return fmt.Sprintf("near: Pods of %s have %s", service, labels.FormatLabels(p.Labels))
		}
	}
	return ""
}
