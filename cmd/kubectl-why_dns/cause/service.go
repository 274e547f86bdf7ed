package cause

import (
	"fmt"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	corev1 "k8s.io/api/core/v1"
)

// service judges which Service it is, and whether it is served.
func (j *judgement) service() {
	q := &j.Question
	switch {
	case q.Outside:
		j.blame(why.CauseZone, strings.TrimSuffix(q.Name(), "."), q.Zone)
	case q.Address.IsValid():
		j.owner()
	case j.Cluster.Service != nil:
		j.known(j.Cluster.Service)
		j.selected()
	case j.Cluster.ServiceKnown:
		j.missing()
	default:
		j.unread()
	}
}

// owner says whose address it is.
func (j *judgement) owner() {
	q := &j.Question
	for i := range j.Servers.Replicas {
		a := j.Servers.Replicas[i].Answered()
		switch {
		case a == nil:
			continue
		case len(a.Records) > 0:
			f := j.say(why.CauseServiceOwned, strings.TrimSuffix(a.Records[0], "."), q.Address)
			if len(a.Records) > 1 {
				f.detail("and %s", named(a.Records[1:]))
			}
			if j.Cluster.PodsKnown && len(j.Cluster.Pods) == 0 {
				f.detail("no Pod has it: the endpoint is no Pod, or its slice is behind")
			}
		default:
			f := j.blame(why.CauseServiceUnnamed, q.Address)
			if note := a.Note(); note != "" {
				f.detail("%s: %s", a.RcodeText(), note)
			}
			for n := range j.Cluster.Pods {
				p := &j.Cluster.Pods[n]
				f.detail("Pod %s/%s has it", p.Namespace, p.Name)
			}
			f.do("kubectl get pods -A --field-selector status.podIP=" + q.Address.String())
		}
		return
	}
}

// known judges the type of a Service.
func (j *judgement) known(s *corev1.Service) {
	q := &j.Question
	switch {
	case s.Spec.Type == corev1.ServiceTypeExternalName:
		j.say(why.CauseServiceAlias, q.Key(), s.Spec.ExternalName)
		if q.Endpoint != "" {
			j.blame(why.CauseTypeAlias, q.Key())
		}
	case s.Spec.ClusterIP != corev1.ClusterIPNone:
		if q.Endpoint != "" {
			j.blame(why.CauseTypePods, q.Key(), s.Spec.ClusterIP).
				detail("only endpoints with a hostname have one there, from the plugin kubernetes").
				do("make the StatefulSet's serviceName a headless Service (clusterIP: None)")
			return
		}
		j.say(why.CauseType, q.Key(), s.Spec.ClusterIP)
	case len(s.Spec.Selector) == 0:
		j.say(why.CauseServiceByHand, q.Key())
	default:
		j.say(why.CauseService, q.Key(), q.ServiceName())
	}
}

// selected judges whether the Corefile and the plugin's own rules leave the Service in.
func (j *judgement) selected() {
	q := &j.Question
	note := j.note()
	switch leftOut, isLeftOut := strings.CutPrefix(note, fmt.Sprintf(why.TextServiceLeftOut, q.Key(), "")); {
	case isLeftOut:
		j.blame(why.CauseAnnotationAll, q.Key(), leftOut).do(kubectl(q.Namespace, "get", "service", q.Service, "-o", "yaml"))
	case note == fmt.Sprintf(why.TextNoSelected, q.Key()), note == fmt.Sprintf(why.TextNoServices, q.Namespace):
		j.blame(why.CauseSelected, q.Key()).do(kubectl("kube-system", "get", "configmap", "coredns", "-o", "yaml"))
	}
	seen := make(map[string]bool)
	for _, r := range j.Servers.Replicas {
		if r.Overview == nil {
			continue
		}
		for _, out := range r.Overview.LeftOut {
			if out.Namespace == q.Namespace && out.Name == q.Service && out.Kind == "Service annotation" && !seen[out.Text] {
				seen[out.Text] = true
				name, text, _ := strings.Cut(strings.TrimPrefix(out.Text, "annotation "), ": ")
				j.say(why.CauseAnnotation, name, text).do(kubectl(q.Namespace, "get", "service", q.Service, "-o", "jsonpath={.metadata.annotations}"))
			}
		}
	}
}

// note is the first reason that a server gives.
func (j *judgement) note() string {
	for i := range j.Servers.Replicas {
		for _, a := range j.Servers.Replicas[i].Answers {
			if text := a.Note(); text != "" {
				return text
			}
		}
	}
	return ""
}

// missing judges a Service that there is not.
func (j *judgement) missing() {
	q := &j.Question
	f := j.blame(why.CauseServiceNone, q.Key())
	if len(j.Cluster.Namesakes) > 0 {
		f.detail("near: %s", named(j.Cluster.Namesakes))
	}
	if p := j.Cluster.PodNamed; p != nil {
		below := "of a Service"
		if p.Spec.Subdomain != "" {
			below = p.Spec.Subdomain
		}
		f.detail("%s is a Pod: its name in DNS is one below %s", p.Name, below)
		if p.Spec.Subdomain != "" {
			f.do("kubectl why-dns " + quoted(p.Name+"."+p.Spec.Subdomain) + " -n " + quoted(p.Namespace))
		}
	}
	if q.Endpoint != "" && q.Typed != "" {
		f.detail("%s was read as the endpoint %s of the Service %s; give -n NAMESPACE, or the full name", q.Typed, q.Endpoint, q.Key())
	}
	f.do("kubectl get services -A --field-selector metadata.name=" + quoted(q.Service))
}

// unread judges by what servers say, where the API server says nothing.
func (j *judgement) unread() {
	q := &j.Question
	for _, r := range j.Servers.Replicas {
		if s := r.Service; s != nil {
			switch {
			case s.Type == "ExternalName":
				target := "another name"
				if len(s.Targets) > 0 {
					target = s.Targets[0].Name
				}
				j.say(why.CauseServiceAlias, q.Key(), target)
			case !s.Selector:
				j.say(why.CauseServiceByHand, q.Key())
			default:
				j.say(why.CauseService, q.Key(), q.ServiceName())
			}
			j.selected()
			return
		}
	}
	if j.note() == why.TextNoService+q.Key() {
		j.blame(why.CauseServiceNone, q.Key()).detail("or it has a cluster IP: the API server was not asked")
		return
	}
	j.selected()
}
