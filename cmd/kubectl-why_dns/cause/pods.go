package cause

import (
	"net/netip"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// pods judges those that the selector matches, or does not.
func (j *judgement) pods() {
	s, c := j.Cluster.Service, &j.Cluster
	if s == nil || !j.isHeadless() || len(s.Spec.Selector) == 0 || !c.PodsKnown {
		return
	}
	selector := labels.FormatLabels(s.Spec.Selector)
	if len(c.Pods) == 0 {
		j.selectsNone(selector)
		return
	}
	ready := 0
	for i := range c.Pods {
		if isReady(&c.Pods[i]) {
			ready++
		}
	}
	j.say(why.CauseSelector, selector, count(len(c.Pods), "Pod"), ready)
	if j.Question.Endpoint != "" {
		j.onePod()
		return
	}
	j.allPods()
}

func isReady(p *corev1.Pod) bool {
	return conditionOf(p, corev1.PodReady).Status == corev1.ConditionTrue
}

// conditionOf returns a condition of a Pod, the zero value where it has none.
func conditionOf(p *corev1.Pod, of corev1.PodConditionType) corev1.PodCondition {
	for _, c := range p.Status.Conditions {
		if c.Type == of {
			return c
		}
	}
	return corev1.PodCondition{}
}

// onePod judges the Pod that is asked about.
func (j *judgement) onePod() {
	q := &j.Question
	p := j.pod(q.Endpoint)
	if p == nil {
		if j.inSlices(q.Endpoint) || j.isAnswered() {
			return
		}
		f := j.blame(why.CauseHostnameNobody, q.Key(), q.Endpoint)
		var all []string
		for i := range j.Cluster.Pods {
			all = append(all, j.Cluster.Pods[i].Name)
		}
		f.detail("there are %s", named(all)).do(kubectl(q.Namespace, "get", "pods", "-l", labels.FormatLabels(j.Cluster.Service.Spec.Selector)))
		return
	}
	d := j.diagnose(p)
	if d == nil {
		j.hostname(p)
		return
	}
	j.addDiagnosis(d, d.cause)
}

// pod returns the Pod that an endpoint is, nil where there is none.
func (j *judgement) pod(endpoint string) *corev1.Pod {
	for i := range j.Cluster.Pods {
		p := &j.Cluster.Pods[i]
		if p.Spec.Hostname == endpoint && p.Spec.Subdomain == j.Question.Service {
			return p
		}
	}
	for i := range j.Cluster.Pods {
		p := &j.Cluster.Pods[i]
		if p.Name == endpoint || p.Spec.Hostname == endpoint || dashed(p.Status.PodIP) == endpoint {
			return p
		}
	}
	return nil
}

// dashed is the label of an address.
func dashed(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	return string(name.AppendDashed(nil, addr))
}

// hostname judges why a Pod that is well has no name of its own.
func (j *judgement) hostname(p *corev1.Pod) {
	q := &j.Question
	switch {
	case j.isAnswered() || q.Endpoint == dashed(p.Status.PodIP):
	case p.Spec.Hostname == "":
		j.blame(why.CauseHostnameUnset, p.Name).do("set hostname and subdomain " + q.Service + " in its template, or endpoint_pod_names in the Corefile")
	case p.Spec.Subdomain != q.Service:
		subdomain := p.Spec.Subdomain
		if subdomain == "" {
			subdomain = "none"
		}
		j.blame(why.CauseHostname, p.Name, subdomain, q.Service).do("set subdomain " + q.Service + " in its template; of a StatefulSet that is serviceName")
	}
}

// isAnswered reports whether a server has records for the name.
func (j *judgement) isAnswered() bool {
	for i := range j.Servers.Replicas {
		if len(j.Servers.Replicas[i].Records()) > 0 {
			return true
		}
	}
	return false
}

// allPods judges all Pods of a Service: those with the same trouble in one line.
func (j *judgement) allPods() {
	if j.Cluster.Service.Spec.PublishNotReadyAddresses {
		return
	}
	groups, order, well := make(map[why.CauseID][]*diagnosis), []why.CauseID(nil), 0
	for i := range j.Cluster.Pods {
		d := j.diagnose(&j.Cluster.Pods[i])
		if d == nil {
			well++
			continue
		}
		if groups[d.cause.ID] == nil {
			order = append(order, d.cause.ID)
		}
		groups[d.cause.ID] = append(groups[d.cause.ID], d)
	}
	for _, id := range why.CauseIDs {
		group := groups[id]
		if group == nil {
			continue
		}
		level := why.Broken
		if well > 0 || len(order) > 1 && j.explained {
			level = why.Warning
		}
		c := group[0].cause
		c.Level = level
		f := j.addDiagnosis(group[0], c)
		var rest []string
		for _, d := range group[1:] {
			rest = append(rest, d.pod.Name)
		}
		if len(rest) > 0 {
			f.detail("so it is with %s", named(rest))
		}
	}
	j.nodes()
}

// nodes says which Nodes are not as they should be that several such Pods are on.
func (j *judgement) nodes() {
	for _, node := range sortedKeys(j.Cluster.Pressed) {
		var on []string
		for i := range j.Cluster.Pods {
			if p := &j.Cluster.Pods[i]; p.Spec.NodeName == node && !isReady(p) {
				on = append(on, p.Name)
			}
		}
		if last := len(j.all) - 1; last >= 0 && len(on) > 0 {
			j.all[last].detail("%s are on node %s: %s", named(on), node, j.Cluster.Pressed[node])
		}
	}
}

// inSlices reports whether a slice calls an endpoint so.
func (j *judgement) inSlices(endpoint string) bool {
	for i := range j.Cluster.Slices {
		for _, e := range j.Cluster.Slices[i].Endpoints {
			if e.Hostname != nil && strings.EqualFold(*e.Hostname, endpoint) {
				return true
			}
			for _, address := range e.Addresses {
				if dashed(address) == endpoint {
					return true
				}
			}
		}
	}
	return false
}
