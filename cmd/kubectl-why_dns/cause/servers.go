package cause

import (
	"fmt"
	"strings"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// servers judges those who answer.
func (j *judgement) servers() {
	ready, pods := 0, len(j.Servers.Pods)
	for _, p := range j.Servers.Pods {
		if p.Ready {
			ready++
		}
	}
	switch all := count(pods, "CoreDNS Pod"); {
	case pods > 0 && ready == 0:
		j.blame(why.CauseServerPodsNone, 0, all+" are").do(kubectl("kube-system", "describe", "pods", "-l", "k8s-app=kube-dns"))
	case ready < pods:
		var not []string
		for _, p := range j.Servers.Pods {
			if !p.Ready {
				not = append(not, p.Name)
			}
		}
		j.say(why.CauseServerPodsFew, ready, all+" are").do(kubectl("kube-system", "describe", "pod", not[0]))
	}
	j.silent()
	if text := j.asks(ready); text != "" {
		j.say(why.CauseResolver, text)
	}
	for i := range j.Servers.Replicas {
		j.replica(&j.Servers.Replicas[i])
	}
	j.differing()
}

// asks says whom clients ask, and how that is.
func (j *judgement) asks(ready int) string {
	var parts []string
	if pods := len(j.Servers.Pods); pods > 0 && ready == pods {
		are := " are"
		if pods == 1 {
			are = " is"
		}
		parts = append(parts, fmt.Sprintf("%d of %s%s ready", ready, count(pods, "CoreDNS Pod"), are))
	}
	version, last := "", v1.Time{}
	for _, r := range j.Servers.Replicas {
		if r.Overview == nil {
			continue
		}
		version = r.Overview.Server.Version
		for _, s := range r.Overview.Sources {
			if s.LastEvent.After(last.Time) {
				last = s.LastEvent
			}
		}
	}
	if version != "" {
		parts = append(parts, "k8s_endpoints "+version)
	}
	if !last.IsZero() {
		parts = append(parts, "current to "+j.ago(last.Time))
	}
	who := j.Servers.Address
	if who == "" && len(j.Servers.Replicas) > 0 {
		who = j.Servers.Replicas[0].Name
	}
	if who == "" || len(parts) == 0 && !j.answered() {
		return ""
	}
	if len(parts) == 0 {
		return who
	}
	return who + ": " + strings.Join(parts, ", ")
}

// answered reports whether any server has answered.
func (j *judgement) answered() bool {
	for i := range j.Servers.Replicas {
		if j.Servers.Replicas[i].Answered() != nil {
			return true
		}
	}
	return false
}

// silent judges servers that do not answer. Of one that perhaps cannot be reached from here, nothing is said.
func (j *judgement) silent() {
	for i := range j.Servers.Replicas {
		r := &j.Servers.Replicas[i]
		failed := r.Err
		if failed == "" && len(r.Answers) > 0 && r.Answered() == nil {
			failed = r.Answers[0].Err
		}
		switch {
		case failed == "":
		case r.Guess || r.TCP || r.Err != "":
			j.Skip("answers of "+r.Name, failed)
		case j.answered():
			j.say(why.CauseServerSilent, r.Name, failed)
		default:
			j.blame(why.CauseServerSilent, r.Name, failed).do(dig(r.Name, j.Question.Name(), "A"))
		}
	}
}

// replica judges one server.
func (j *judgement) replica(r *facts.Replica) {
	for i := range r.Answers {
		a := &r.Answers[i]
		if text, ok := a.Has(facts.NotReady); ok {
			j.blame(why.CauseServerNotReady, r.Name, text).do(kubectl("kube-system", "logs", "-l", "k8s-app=kube-dns", "--tail=50"))
			break
		}
		if text, ok := a.Has(facts.Stale); ok {
			j.say(why.CauseServerStale, r.Name, text)
			break
		}
	}
	j.lost(r)
	if r.Overview == nil && r.Explained != nil && r.Explained.Err == "" && !r.Speaks() && j.isHeadless() {
		j.say(why.CauseServerPlugin, r.Name).do(dig(r.Name, r.Explained.Name, "TXT"))
	}
}

// lost judges whether a server sees the cluster.
func (j *judgement) lost(r *facts.Replica) {
	if r.Overview == nil {
		return
	}
	for _, s := range r.Overview.Sources {
		if s.Up || len(s.Lost) == 0 {
			continue
		}
		loss := s.Lost[len(s.Lost)-1]
		j.say(why.CauseServerLost, r.Name, j.clock(loss.From.Time), j.ago(loss.From.Time), loss.Why).
			detail("answers go on as of then; new Pods do not get into DNS").
			do(kubectl("kube-system", "logs", j.podOf(r), "--tail=50"))
		return
	}
}

// podOf is the name of a server's Pod: its host has the same.
func (j *judgement) podOf(r *facts.Replica) string {
	for _, p := range j.Servers.Pods {
		if p.Name == r.Name {
			return p.Name
		}
	}
	return r.Overview.Server.Name
}

// differing compares the servers with each other.
func (j *judgement) differing() {
	all := j.Servers.Replicas
	if !facts.AnswersDiffer(all) && !facts.PagesDiffer(all) {
		return
	}
	c := why.CauseReplicasDiffer
	if !facts.AnswersDiffer(all) && j.answered() {
		c = why.CauseReplicasDisagree
	}
	var parts []string
	for i := range all {
		r := &all[i]
		switch {
		case r.Answered() != nil:
			parts = append(parts, fmt.Sprintf("%s has %s", r.Name, count(len(r.Records()), "address")))
		case r.Service != nil:
			parts = append(parts, fmt.Sprintf("%s has %s", r.Name, count(r.Service.Carried, "address")))
		}
	}
	f := j.blame(c, named(parts))
	for _, r := range all {
		if r.Overview == nil {
			continue
		}
		for _, s := range r.Overview.Sources {
			if !s.Up && len(s.Lost) > 0 {
				f.detail("%s lost the API server %s ago", r.Name, j.ago(s.Lost[len(s.Lost)-1].From.Time))
				break
			}
		}
	}
	f.do(kubectl("kube-system", "logs", "-l", "k8s-app=kube-dns", "--prefix", "--tail=50"))
}

// isHeadless reports whether it is known that the Service is.
func (j *judgement) isHeadless() bool {
	s := j.Cluster.Service
	return s != nil && s.Spec.ClusterIP == "None"
}

// noPages says that no status page was read, and why.
func (j *judgement) noPages() {
	text := "no --status, and no Pod of CoreDNS to forward to"
	if len(j.Servers.Replicas) == 0 {
		j.Skip("answers and history", "no server to ask: give --kube-dns or --status")
		return
	}
	for _, r := range j.Servers.Replicas {
		if r.Overview != nil {
			return
		}
		if r.NoPage != "" {
			text = r.NoPage
		}
	}
	j.Skip("history", "no status page: "+text)
}
