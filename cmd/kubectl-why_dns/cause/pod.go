package cause

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	corev1 "k8s.io/api/core/v1"
)

// grace is how long a Pod may take to start before anything is said of it.
const grace = 5 * time.Second

// diagnosis is what is wrong with a Pod.
type diagnosis struct {
	pod     *corev1.Pod
	cause   why.Cause
	about   []any
	details []string
	do      string
}

func (j *judgement) addDiagnosis(d *diagnosis, c why.Cause) *Finding {
	f := j.blame(c, d.about...)
	for _, line := range d.details {
		f.detail("%s", line)
	}
	return f.do(d.do)
}

// diagnose says what is wrong with a Pod, and nil where nothing is.
func (j *judgement) diagnose(p *corev1.Pod) *diagnosis {
	d := &diagnosis{pod: p, do: kubectl(p.Namespace, "describe", "pod", p.Name)}
	scheduled, ready := conditionOf(p, corev1.PodScheduled), conditionOf(p, corev1.PodReady)
	began := p.CreationTimestamp.Time
	if p.Status.StartTime != nil {
		began = p.Status.StartTime.Time
	}
	switch {
	case p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed:
		d.cause, d.about = why.CauseAddressFinished, []any{p.Name, cmp.Or(p.Status.Reason, string(p.Status.Phase))}
	case p.DeletionTimestamp != nil:
		d.cause, d.about = why.CauseTerminates, []any{p.Name, j.clock(deletedAt(p))}
	case scheduled.Status == corev1.ConditionFalse:
		d.cause, d.about = why.CauseScheduled, []any{p.Name, j.ago(scheduled.LastTransitionTime.Time), cmp.Or(scheduled.Message, scheduled.Reason)}
	case j.doesNotStart(d):
	case p.Status.PodIP == "" && len(p.Status.PodIPs) == 0:
		d.cause, d.about = why.CauseAddressNone, []any{p.Name, j.ago(began)}
	case ready.Status != corev1.ConditionTrue:
		j.unready(d, ready)
	default:
		return nil
	}
	return d
}

// deletedAt is when a Pod was told to end.
func deletedAt(p *corev1.Pod) time.Time {
	at := p.DeletionTimestamp.Time
	if s := p.DeletionGracePeriodSeconds; s != nil {
		at = at.Add(-time.Duration(*s) * time.Second)
	}
	return at
}

// doesNotStart judges containers that wait, or come to an end again and again.
func (j *judgement) doesNotStart(d *diagnosis) bool {
	p := d.pod
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		waiting := s.State.Waiting
		if waiting == nil || waiting.Reason == "" || waiting.Reason == "PodInitializing" {
			continue
		}
		began := p.CreationTimestamp.Time
		if at := conditionOf(p, corev1.PodScheduled).LastTransitionTime.Time; !at.IsZero() {
			began = at
		}
		if waiting.Reason == "ContainerCreating" && j.Now.Sub(began) < grace {
			continue
		}
		text := waiting.Reason
		if waiting.Message != "" {
			text += ": " + waiting.Message
		}
		d.cause, d.about = why.CauseContainers, []any{p.Name, j.ago(began), s.Name, text}
		if last := s.LastTerminationState.Terminated; last != nil {
			ended := "it ended"
			if !last.FinishedAt.IsZero() {
				ended += " " + j.ago(last.FinishedAt.Time) + " ago"
			}
			d.details = append(d.details, fmt.Sprintf("%s with the status %d (%s), %s", ended, last.ExitCode,
				cmp.Or(last.Reason, "no reason"), count(int(s.RestartCount), "restart")))
			d.do = kubectl(p.Namespace, "logs", p.Name, "-c", s.Name, "--previous")
		}
		return true
	}
	return false
}

// unready judges a Pod that runs, and is not ready: with what its probe says.
func (j *judgement) unready(d *diagnosis, ready corev1.PodCondition) {
	p := d.pod
	since := ready.LastTransitionTime.Time
	text := cmp.Or(ready.Message, ready.Reason, "its condition Ready does not hold")
	d.cause, d.about = why.CauseReady, []any{p.Name, j.ago(since), text}
	if probe := j.probe(p.Name, since); probe != "" {
		d.details = append(d.details, probe)
	}
	for _, gate := range p.Spec.ReadinessGates {
		if c := conditionOf(p, gate.ConditionType); c.Status != corev1.ConditionTrue {
			is := "is missing"
			if c.Status != "" {
				is = "is " + string(c.Status)
			}
			d.details = append(d.details, fmt.Sprintf("readiness gate %s %s", gate.ConditionType, is))
		}
	}
	for _, s := range p.Status.ContainerStatuses {
		if !s.Ready {
			d.do = kubectl(p.Namespace, "logs", p.Name, "-c", s.Name, "--since="+since5(j.Now.Sub(since)))
			break
		}
	}
}

// since5 is a time that reaches a little further back than d, in minutes.
func since5(d time.Duration) string { return fmt.Sprintf("%dm", min(int(d/time.Minute)+2, 24*60)) }

// failedProbe is how messages of the kubelet about probes begin (pkg/kubelet/prober/prober.go).
const failedProbe = "Readiness probe "

// eventsKept is for how long an API server keeps events, by default (--event-ttl).
const eventsKept = time.Hour

// probe is what the readiness probe of a Pod said last, from its events.
func (j *judgement) probe(pod string, since time.Time) string {
	if !j.Cluster.EventsKnown {
		return ""
	}
	events, asked := j.Cluster.Events[pod]
	if !asked {
		return ""
	}
	var last *corev1.Event
	for i := range events {
		e := &events[i]
		if e.Reason == "Unhealthy" && strings.HasPrefix(e.Message, failedProbe) && (last == nil || seen(e).After(seen(last))) {
			last = e
		}
	}
	switch {
	case last == nil && j.Now.Sub(since) > eventsKept:
		return "no event of a probe any more: events are kept for an hour"
	case last == nil:
		return "no event of a probe"
	}
	_, said, _ := strings.Cut(last.Message, ": ")
	times := int(last.Count)
	if last.Series != nil {
		times = max(times, int(last.Series.Count))
	}
	return fmt.Sprintf("probe: %s (%s, last %s ago)", strings.TrimSpace(said), count(max(times, 1), "time"), j.ago(seen(last)))
}

// seen is when an event happened last.
func seen(e *corev1.Event) time.Time {
	at := e.LastTimestamp.Time
	if e.Series != nil && e.Series.LastObservedTime.After(at) {
		at = e.Series.LastObservedTime.Time
	}
	if at.IsZero() {
		at = e.EventTime.Time
	}
	return at
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
