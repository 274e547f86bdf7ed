package cause

import (
	"fmt"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
)

// answers judges what is answered: what follows from the cause that was found, or what is wrong for no cause that was.
func (j *judgement) answers() {
	if j.Question.Outside || j.Question.Address.IsValid() {
		return
	}
	r := j.speaker()
	switch s := j.Cluster.Service; {
	case r == nil:
		j.unanswered()
	case s != nil && s.Spec.Type == corev1.ServiceTypeExternalName:
		j.target(r, s.Spec.ExternalName)
	default:
		j.answer(r)
	}
	j.cached(r)
}

// speaker is the first server that has answered.
func (j *judgement) speaker() *facts.Replica {
	for i := range j.Servers.Replicas {
		if r := &j.Servers.Replicas[i]; r.Answered() != nil {
			return r
		}
	}
	return nil
}

// short is the name that is asked for, as people say it.
func (j *judgement) short() string {
	q := &j.Question
	if q.Endpoint != "" {
		return q.Endpoint + "." + q.Service
	}
	return q.Subject()
}

// answer judges the answers of one server.
func (j *judgement) answer(r *facts.Replica) {
	var found, denied []string
	ttl, note := uint32(0), ""
	for _, a := range r.Answers {
		switch {
		case a.Err != "":
			continue
		case len(a.Records) > 0:
			found = append(found, a.Records...)
			ttl = a.TTL
			note = a.Note()
		default:
			denied = append(denied, denial(&a))
		}
	}
	if len(found) > 0 {
		j.positive(r, found, ttl, note)
		return
	}
	if len(denied) == 0 {
		return
	}
	if j.explained {
		j.follows(denied[0])
		return
	}
	f := j.blame(why.CauseAnswerNone, strings.TrimSuffix(j.Question.Name(), "."), denied[0])
	j.carried(f)
	f.do(dig(r.Name, j.Question.Name(), dns.TypeToString[j.Question.Types()[0]]))
}

// denial writes an answer without records.
func denial(a *facts.Answer) string {
	text := a.RcodeText()
	if a.Rcode == dns.RcodeSuccess {
		text = "NODATA"
	}
	if note := a.Note(); note != "" {
		text += fmt.Sprintf(" %q", note)
	}
	return text
}

// positive says what is answered.
func (j *judgement) positive(r *facts.Replica, found []string, ttl uint32, note string) {
	unit := "address"
	if j.Question.Port != "" {
		unit = "SRV record"
	}
	text := count(len(found), unit)
	if len(found) == 1 {
		text = found[0]
	}
	text = fmt.Sprintf("%s, TTL %d", text, ttl)
	c := why.CauseAnswer
	if note != "" {
		text += fmt.Sprintf(", and says %q", note)
		c = why.CauseAnswerWarn
	}
	f := j.say(c, j.short(), text)
	if len(found) > 1 {
		f.detail("%s", list(found))
	}
	if r.Explained != nil && r.Overview == nil && r.Speaks() && len(r.Explained.Records) == 0 {
		f.detail("no reasons for each endpoint: `explain` is off there")
	}
	if cut(r) {
		f.detail("the answer does not fit into UDP: clients that do not ask again over TCP get a part")
	} else if r.TCP && len(found) > maxUDP {
		f.detail("asked over TCP: over UDP an answer has fewer of them")
	}
	j.history(f)
}

// maxUDP is how many addresses fit into an answer over UDP, about.
const maxUDP = 70

func cut(r *facts.Replica) bool {
	for _, a := range r.Answers {
		if a.Cut || a.Truncated {
			return true
		}
	}
	return false
}

// maxListed is how many records are shown.
const maxListed = 12

// list writes records one behind the other.
func list(all []string) string {
	if more := len(all) - maxListed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:maxListed], " "), more)
	}
	return strings.Join(all, " ")
}

// follows says what comes of the cause that was found.
func (j *judgement) follows(denied string) {
	var parts []string
	q, c := &j.Question, &j.Cluster
	switch {
	case q.Endpoint != "" && c.SlicesKnown && !j.inSlices(q.Endpoint) && c.Service != nil:
		parts = append(parts, "no slice has it")
	case q.Endpoint == "" && c.SlicesKnown && c.Service != nil && j.inAll() == 0:
		parts = append(parts, "no endpoint in its slices")
	}
	f := j.say(why.Cause{ID: why.IDAnswer, Level: why.Follows}.As("so: %s"), strings.Join(append(parts, denied), ", "))
	j.carried(f)
	if n := j.ready(); q.Endpoint != "" && n > 0 {
		j.say(why.CauseAnswer.As("%s carries the other %d"), q.Service, n)
	}
}

// inAll is how many endpoints the slices have.
func (j *judgement) inAll() (n int) {
	for i := range j.Cluster.Slices {
		n += len(j.Cluster.Slices[i].Endpoints)
	}
	return n
}

// ready is how many of them are ready.
func (j *judgement) ready() (n int) {
	for i := range j.Cluster.Slices {
		for _, e := range j.Cluster.Slices[i].Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				n++
			}
		}
	}
	return n
}

// unanswered says what follows where no server was asked: what slices have.
func (j *judgement) unanswered() {
	if r := j.paged(); r != nil {
		j.say(why.CauseAnswer.As("%s carries %s, says the page of %s"), j.Question.Service, count(r.Service.Carried, "endpoint"), r.Name)
		return
	}
	if c := &j.Cluster; c.SlicesKnown && c.Service != nil && j.isHeadless() && j.explained && j.inAll() == 0 {
		j.say(why.Cause{ID: why.IDAnswer, Level: why.Follows}.As("so: %s"), "no endpoint in its slices")
	}
}

// paged is the first server whose page knows the Service.
func (j *judgement) paged() *facts.Replica {
	for i := range j.Servers.Replicas {
		if r := &j.Servers.Replicas[i]; r.Service != nil {
			return r
		}
	}
	return nil
}

// carried says until when a name had something.
func (j *judgement) carried(f *Finding) {
	r := j.paged()
	if r == nil {
		return
	}
	for _, d := range r.Service.History {
		if d.Carried[0] > 0 && d.Carried[1] == 0 {
			f.detail("carried %s until %s, when %s", count(d.Carried[0], "address"), j.clock(d.At.Time), happened(&d))
			return
		}
	}
}

// happened says what a decision was about.
func happened(d *v1.Decision) string {
	switch {
	case len(d.Changes) == 1:
		return d.Changes[0].Text
	case d.Cause == "slice":
		return "its slices changed"
	case d.Cause == "service", d.Cause == "annotation":
		return "the Service changed"
	case d.Cause == "check":
		return "checks failed"
	}
	return "it changed (" + d.Cause + ")"
}

// recently is how far back a change is worth a line where all is well.
const recently = 10 * time.Minute

// history says what changed lately.
func (j *judgement) history(f *Finding) {
	r := j.paged()
	if r == nil || len(r.Service.History) == 0 {
		return
	}
	if d := &r.Service.History[0]; j.Now.Sub(d.At.Time) < recently && d.Carried[0] != d.Carried[1] {
		f.detail("changed at %s, from %s: %s", j.clock(d.At.Time), count(d.Carried[0], "address"), happened(d))
	}
}

// target judges what an ExternalName Service leads to.
func (j *judgement) target(r *facts.Replica, target string) {
	a := r.Answered()
	rcode, note, took := a.RcodeText(), a.Note(), a.Took
	for _, one := range r.Answers {
		if len(one.Records) > 0 {
			j.say(why.CauseTarget, target, list(one.Records))
			return
		}
		if one.Err == "" && one.Rcode != dns.RcodeSuccess {
			rcode, note, took = one.RcodeText(), one.Note(), one.Took
		}
	}
	if rcode == "NOERROR" {
		rcode = "no addresses"
	}
	after := ""
	if took >= time.Second {
		after = fmt.Sprintf(" after %.1f s", took.Seconds())
	}
	f := j.blame(why.CauseTargetFails, target, rcode+after, j.fromAll(r))
	if note != "" {
		f.detail("%s", note)
	}
	f.detail("the chain was %s", strings.Join(append([]string{j.Question.Service}, chain(a, target)...), " → "))
	switch d := j.Direct; {
	case d == nil || d.Err != "":
	case d.Rcode == dns.RcodeSuccess && len(d.Records) > 0:
		f.detail("%s asked directly says NOERROR: %s", j.DirectAt, list(d.Records))
		f.do("look at `forward` in the Corefile: " + kubectl("kube-system", "get", "configmap", "coredns", "-o", "yaml"))
	default:
		f.detail("%s asked directly says %s", j.DirectAt, denial(d))
	}
	f.do(dig("", target, "A"))
}

// chain is where a name leads.
func chain(a *facts.Answer, target string) []string {
	if len(a.Aliases) > 0 {
		return a.Aliases
	}
	return []string{strings.TrimSuffix(target, ".")}
}

// fromAll names the server, or says that all servers say the same.
func (j *judgement) fromAll(r *facts.Replica) string {
	n := 0
	for i := range j.Servers.Replicas {
		if j.Servers.Replicas[i].Answered() != nil {
			n++
		}
	}
	switch {
	case n == 2 && !facts.AnswersDiffer(j.Servers.Replicas):
		return "both replicas"
	case n > 2 && !facts.AnswersDiffer(j.Servers.Replicas):
		return fmt.Sprintf("all %d replicas", n)
	}
	return r.Name
}

// cached judges whether the client still gets an old answer.
func (j *judgement) cached(r *facts.Replica) {
	a := j.Client.Answer
	if a == nil || r == nil || a.Err != "" || len(j.Client.Nameservers) == 0 || j.Client.Nameservers[0] == r.Name {
		return
	}
	said, says := a.Records, r.Records()
	for _, now := range r.Answers {
		if now.Type == a.Type {
			says = now.Records
		}
	}
	if len(said) == 0 == (len(says) == 0) {
		return
	}
	was := count(len(said), "address")
	if len(said) == 0 {
		was = denial(a)
	}
	is := count(len(says), "address")
	if len(says) == 0 {
		is = denial(r.Answered())
	}
	f := j.blame(why.CauseCached, j.Client.Nameservers[0], was, fmt.Sprintf("%d s to live", a.TTL), is)
	if len(said) == 0 {
		f.do(fmt.Sprintf("lower `denial` of its cache for %s to 1; or ask %s with the final dot", j.Question.Zone, j.Question.Name()))
	}
	f.do("wait so long, or lower the TTL: docs/operations.md#resolvers-and-caches")
}
