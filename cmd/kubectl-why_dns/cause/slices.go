package cause

//lint:file-ignore SA1019 Endpoints are deprecated, and clusters still have them.

import (
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kube"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// byMirroring is who copies Endpoints objects, as the label of slices says.
const byMirroring = "endpointslicemirroring-controller.k8s.io"

// late is how long slices may be behind their Pods before that is said.
const late = 10 * time.Second

// slices judges whether slices are there, and whether they say what Pods do.
func (j *judgement) slices() {
	c := &j.Cluster
	if !j.isHeadless() || !c.SlicesKnown || c.Service == nil {
		return
	}
	switch {
	case len(c.Slices) == 0:
		j.noSlices()
		return
	case len(c.Service.Spec.Selector) == 0:
		j.byHand()
	case c.PodsKnown:
		j.behind()
	}
	j.ports()
	for i := range c.Slices {
		if c.Slices[i].AddressType == discoveryv1.AddressTypeFQDN {
			j.say(why.CauseTypeFQDN, c.Slices[i].Name).do("see fqdn_slices in the Corefile: docs/external.md")
			return
		}
	}
}

func (j *judgement) noSlices() {
	q, c := &j.Question, &j.Cluster
	if j.explained {
		return
	}
	f := j.blame(why.CauseSlicesNone, q.Service)
	if len(c.Service.Spec.Selector) > 0 {
		j.leaseOf(f)
		return
	}
	if c.Legacy != nil {
		n := 0
		for _, s := range c.Legacy.Subsets {
			n += len(s.Addresses)
		}
		f.detail("an Endpoints object %s has %s, but is not mirrored (KEP-4974: %s)", q.Key(), count(n, "address"), notMirrored(c.Legacy))
	}
	f.do("write an EndpointSlice with that label: docs/why.md#slices has one to fill in")
}

// notMirrored says why an Endpoints object has no slices.
func notMirrored(e *corev1.Endpoints) string {
	if e.Labels[discoveryv1.LabelSkipMirror] == "true" {
		return "its label " + discoveryv1.LabelSkipMirror + " is true"
	}
	return "the mirroring controller is off"
}

// byHand judges slices that no controller makes from Pods.
func (j *judgement) byHand() {
	q, c := &j.Question, &j.Cluster
	endpoints, mirrored := 0, 0
	for i := range c.Slices {
		endpoints += len(c.Slices[i].Endpoints)
		if c.Slices[i].Labels[discoveryv1.LabelManagedBy] == byMirroring {
			mirrored++
		}
	}
	switch all := count(len(c.Slices), "EndpointSlice"); {
	case endpoints == 0:
		j.blame(why.CauseSlicesEmpty, all, q.Key()).do(kubectl(q.Namespace, "get", "endpointslices", "-l", discoveryv1.LabelServiceName+"="+q.Service, "-o", "yaml"))
	case mirrored == len(c.Slices):
		j.say(why.CauseMirror, q.Key()).do("write EndpointSlices yourself: docs/why.md#slices has one to fill in")
	default:
		j.say(why.CauseSlices, all, q.Key(), count(endpoints, "endpoint"))
	}
}

// behind judges slices of the controller that do not say what their Pods do.
func (j *judgement) behind() {
	c := &j.Cluster
	for i := range c.Pods {
		p := &c.Pods[i]
		if p.DeletionTimestamp != nil || p.Status.PodIP == "" || p.Status.Phase != corev1.PodRunning && p.Status.Phase != corev1.PodPending {
			continue
		}
		since := hasAddressSince(p)
		slice, e := j.endpointOf(p)
		switch {
		case j.Now.Sub(since) < late:
		case e == nil:
			j.leaseOf(j.blame(why.CauseControllerNone, j.Question.Key(), p.Name, p.Status.PodIP, j.clock(since)))
			return
		case !slices.Contains(e.Addresses, p.Status.PodIP) && !j.isOtherFamily(slice, p):
			f := j.blame(why.CauseController, slice.Name, j.clock(writtenAt(slice)), p.Name, p.Status.PodIP, j.clock(since))
			j.leaseOf(f)
			if len(e.Addresses) > 0 {
				f.detail("so %s is answered as %s, which is nobody's any more", p.Name, e.Addresses[0])
			}
			return
		}
		if e != nil && j.isLate(slice, e, p) {
			return
		}
	}
}

// isLate judges whether a slice says for long what is not so any more of a Pod's readiness.
func (j *judgement) isLate(slice *discoveryv1.EndpointSlice, e *discoveryv1.Endpoint, p *corev1.Pod) bool {
	ready := conditionOf(p, corev1.PodReady)
	serving := e.Conditions.Serving
	if j.Cluster.Service.Spec.PublishNotReadyAddresses || serving == nil || *serving == (ready.Status == corev1.ConditionTrue) || j.Now.Sub(ready.LastTransitionTime.Time) < late {
		return false
	}
	is := "not ready"
	if ready.Status == corev1.ConditionTrue {
		is = "ready"
	}
	j.leaseOf(j.blame(why.CauseControllerLate, slice.Name, j.clock(writtenAt(slice)), p.Name, is, j.clock(ready.LastTransitionTime.Time)))
	return true
}

// isOtherFamily reports whether a slice has the addresses of another family than that of the first address of a Pod.
func (j *judgement) isOtherFamily(slice *discoveryv1.EndpointSlice, p *corev1.Pod) bool {
	return (slice.AddressType == discoveryv1.AddressTypeIPv6) != strings.Contains(p.Status.PodIP, ":")
}

// endpointOf returns what a slice says of a Pod, one of the family of its first address where there is one.
func (j *judgement) endpointOf(p *corev1.Pod) (slice *discoveryv1.EndpointSlice, e *discoveryv1.Endpoint) {
	for i := range j.Cluster.Slices {
		s := &j.Cluster.Slices[i]
		for n := range s.Endpoints {
			ref := s.Endpoints[n].TargetRef
			if ref == nil || ref.Kind != "Pod" || ref.Name != p.Name || e != nil && j.isOtherFamily(s, p) {
				continue
			}
			slice, e = s, &s.Endpoints[n]
		}
	}
	return slice, e
}

// hasAddressSince is since when a Pod has had its address, as well as it is known.
func hasAddressSince(p *corev1.Pod) time.Time {
	if c := conditionOf(p, corev1.PodReadyToStartContainers); c.Status == corev1.ConditionTrue {
		return c.LastTransitionTime.Time
	}
	if p.Status.StartTime != nil {
		return p.Status.StartTime.Time
	}
	return p.CreationTimestamp.Time
}

// writtenAt is when a slice was written last.
func writtenAt(s *discoveryv1.EndpointSlice) time.Time {
	at := s.CreationTimestamp.Time
	for _, entry := range s.ManagedFields {
		if entry.Time != nil && entry.Time.After(at) {
			at = entry.Time.Time
		}
	}
	return at
}

// stopped is how long a lease may be old: it is renewed each 2 s and lost after 15.
const stopped = time.Minute

// leaseOf says how the controller manager is.
func (j *judgement) leaseOf(f *Finding) {
	if at := j.Cluster.Renewed; !at.IsZero() && j.Now.Sub(at) > stopped {
		f.detail("lease kube-system/kube-controller-manager was last renewed %s ago", j.ago(at))
		f.do(kubectl(kube.SystemSpace, "get", "pods", "-l", "component=kube-controller-manager"))
	}
	f.do(kubectl(kube.SystemSpace, "logs", "-l", "component=kube-controller-manager", "--tail=50"))
}
