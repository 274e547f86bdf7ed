package cause

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/near"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ports judges the named ports of a Service: those that lead to a port of no container are not in its slices.
func (j *judgement) ports() {
	q, s := &j.Question, j.Cluster.Service
	if q.Port != "" && !j.hasPort() {
		return
	}
	if len(s.Spec.Selector) == 0 || len(j.Cluster.Pods) == 0 {
		return
	}
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		if p.TargetPort.Type != intstr.String || q.Port != "" && !strings.EqualFold(p.Name, q.Port) {
			continue
		}
		if slices.ContainsFunc(j.Cluster.Pods, func(pod corev1.Pod) bool { return offers(&pod, p) }) {
			continue
		}
		j.noContainer(i, p)
	}
}

// hasPort judges whether the Service has the port that is asked for, or its slices where nobody makes them.
func (j *judgement) hasPort() bool {
	q, s := &j.Question, j.Cluster.Service
	var has []string
	add := func(name, protocol string) bool {
		text := strings.ToLower("_" + name + "._" + protocol)
		if name == "" {
			text = "one without a name"
		}
		if !slices.Contains(has, text) {
			has = append(has, text)
		}
		return strings.EqualFold(name, q.Port) && strings.EqualFold(protocol, q.Protocol)
	}
	for _, p := range s.Spec.Ports {
		if add(p.Name, string(p.Protocol)) {
			return true
		}
	}
	for i := range j.Cluster.Slices {
		for _, p := range j.Cluster.Slices[i].Ports {
			if p.Name != nil && p.Protocol != nil && add(*p.Name, string(*p.Protocol)) {
				return true
			}
		}
	}
	all := "none"
	if len(has) > 0 {
		all = named(has)
	}
	j.blame(why.CausePortsNone, q.Key(), "_"+q.Port+"._"+q.Protocol, all).do(kubectl(q.Namespace, "describe", "service", q.Service))
	return false
}

// containerPorts calls yield with each port of the containers that may have some (FindPort of the EndpointSlice controller).
func containerPorts(p *corev1.Pod, yield func(*corev1.ContainerPort) bool) {
	for i := range p.Spec.Containers {
		for n := range p.Spec.Containers[i].Ports {
			if !yield(&p.Spec.Containers[i].Ports[n]) {
				return
			}
		}
	}
	for i := range p.Spec.InitContainers {
		c := &p.Spec.InitContainers[i]
		if c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways {
			continue
		}
		for n := range c.Ports {
			if !yield(&c.Ports[n]) {
				return
			}
		}
	}
}

// offers reports whether a Pod has the port that one of a Service leads to.
func offers(pod *corev1.Pod, port *corev1.ServicePort) (found bool) {
	containerPorts(pod, func(p *corev1.ContainerPort) bool {
		found = p.Name == port.TargetPort.StrVal && p.Protocol == port.Protocol
		return !found
	})
	return found
}

// noContainer judges a port that no container has.
func (j *judgement) noContainer(at int, port *corev1.ServicePort) {
	q := &j.Question
	var all []corev1.ContainerPort
	for i := range j.Cluster.Pods {
		containerPorts(&j.Cluster.Pods[i], func(p *corev1.ContainerPort) bool {
			if !slices.ContainsFunc(all, func(known corev1.ContainerPort) bool {
				return known.Name == p.Name && known.ContainerPort == p.ContainerPort && known.Protocol == p.Protocol
			}) {
				all = append(all, *p)
			}
			return true
		})
	}
	wanted := port.TargetPort.StrVal
	slices.SortStableFunc(all, func(a, b corev1.ContainerPort) int { return likeness(wanted, a.Name) - likeness(wanted, b.Name) })
	var names []string
	for _, p := range all {
		text := fmt.Sprint(p.ContainerPort)
		if p.Name != "" {
			text = p.Name + " " + text
		}
		if p.Protocol != port.Protocol {
			text += "/" + strings.ToLower(string(p.Protocol))
		}
		names = append(names, text)
	}
	they := "none"
	if len(names) > 0 {
		they = named(names)
	}
	c := why.CausePortsTarget
	if q.Port == "" {
		c.Level = why.Warning
	}
	f := j.blame(c, port.Name, wanted, count(len(j.Cluster.Pods), "Pod"), they)
	if len(all) > 0 && all[0].Protocol == port.Protocol && (len(all) == 1 || likeness(wanted, all[0].Name) < likeness(wanted, all[1].Name)) {
		f.do(kubectl(q.Namespace, "patch", "service", q.Service, "--type", "json", "-p", patchPort(at, all[0].ContainerPort)))
	}
	f.do(kubectl(q.Namespace, "describe", "service", q.Service))
}

// likeness is how far one name is from another: 0 where they are the same but for letters in front or behind.
func likeness(wanted, name string) int {
	if name != "" && (strings.HasPrefix(name, wanted) || strings.HasSuffix(name, wanted) || strings.HasPrefix(wanted, name)) {
		return 0
	}
	return near.Distance(wanted, name, 2*maxTypos) + 1
}

func patchPort(at int, to int32) string {
	patch, _ := json.Marshal([]any{map[string]any{"op": "replace", "path": fmt.Sprintf("/spec/ports/%d/targetPort", at), "value": to}})
	return string(patch)
}
