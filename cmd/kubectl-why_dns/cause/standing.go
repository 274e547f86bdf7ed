package cause

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// stands is how an endpoint stands, as a server says it.
type stands struct {
	name, address string
	// since is the tier, and since when; because is why it is published or not, in the words of the server.
	since, because string
	published      bool
	named          bool
	flaps          int
}

// standing judges what the plugin makes of the endpoints.
func (j *judgement) standing() {
	s := j.Cluster.Service
	if s != nil && !j.isHeadless() {
		return
	}
	j.notReadyToo()
	all, policy := j.endpoints()
	switch {
	case all == nil:
	case j.Question.Endpoint != "":
		for i := range all {
			if e := &all[i]; e.name == j.Question.Endpoint || dashed(e.address) == j.Question.Endpoint {
				j.oneStands(e, policy)
				return
			}
		}
	case j.Question.Port == "":
		j.allStand(all)
	}
}

// oneStands judges one endpoint.
func (j *judgement) oneStands(e *stands, policy string) {
	if e.published && e.named {
		return
	}
	// Who is damped is left out whatever counts as ready.
	if policy != "" && !strings.HasPrefix(e.since, "damped") {
		policy = " (" + policy + ")"
	} else {
		policy = ""
	}
	c := why.CauseTier
	if e.named {
		c = why.CauseTierPart
	}
	var f *Finding
	switch {
	case !j.explained:
		f = j.blame(c, fmt.Sprintf("%s is %s: %s%s", e.name, e.since, e.because, policy))
	case e.named:
		c.Level = why.Follows
		f = j.say(c, fmt.Sprintf("so: %s, not in %s%s; its own name stays", e.since, j.Question.Service, policy))
	default:
		c.Level = why.Follows
		f = j.say(c, fmt.Sprintf("so: %s, not in %s%s, and without a name of its own", e.since, j.Question.Service, policy))
	}
	if e.flaps > 1 {
		f.detail("flapped %s in the last hour", count(e.flaps, "time"))
	}
}

// allStand judges those that are not in the name.
func (j *judgement) allStand(all []stands) {
	published := 0
	var not []string
	for _, e := range all {
		if e.published {
			published++
		} else {
			not = append(not, e.name+" is "+e.since+": "+e.because)
		}
	}
	if len(not) == 0 {
		return
	}
	c := why.CauseTierPart
	if published == 0 {
		c = why.CauseTier
	}
	if j.explained {
		c.Level = why.Follows
	}
	f := j.blame(c, fmt.Sprintf("%d of %s are not in %s", len(not), count(len(all), "endpoint"), j.Question.Service))
	for _, line := range not[:min(len(not), maxNamed)] {
		f.detail("%s", line)
	}
	if more := len(not) - maxNamed; more > 0 {
		f.detail("and %d more", more)
	}
}

// endpoints are those of the first server that says how they stand, and the policy in short.
func (j *judgement) endpoints() (all []stands, policy string) {
	for i := range j.Servers.Replicas {
		if s := j.Servers.Replicas[i].Service; s != nil {
			for _, e := range s.Endpoints {
				all = append(all, j.fromPage(&e))
			}
			return all, policyOf(s)
		}
	}
	for i := range j.Servers.Replicas {
		if e := j.Servers.Replicas[i].Explained; e != nil && len(e.Records) > 0 {
			return j.fromExplained(e)
		}
	}
	return nil, ""
}

func (j *judgement) fromPage(e *v1.Endpoint) stands {
	made := stands{name: e.Name, address: e.Address, since: e.Tier, because: e.Why, published: e.Published, named: e.Named}
	if !e.Since.IsZero() {
		before := ""
		if e.SinceBefore {
			before = "before "
		}
		made.since += " since " + before + j.clock(e.Since.Time)
	}
	if e.Flaps != nil {
		made.flaps = *e.Flaps
	}
	return made
}

// policyOf is what decides who is published, and who says so.
func policyOf(s *v1.Service) string {
	at := slices.IndexFunc(s.Policy, func(p v1.PolicyLine) bool { return p.Option == "publish" })
	if at < 0 {
		return ""
	}
	p := s.Policy[at]
	switch {
	case p.From == "annotation":
		return "publish " + p.Value + ", by annotation"
	case p.Where != "":
		return "publish " + p.Value + ", " + path.Base(p.Where)
	}
	return "publish " + p.Value
}

// fromExplained reads the lines of _explain: "NAME ADDRESS TIER since TIME: WHY".
func (j *judgement) fromExplained(a *facts.Answer) (all []stands, policy string) {
	for _, line := range a.Records {
		if text, ok := strings.CutPrefix(line, "policy: "); ok {
			policy, _, _ = strings.Cut(text, ", ")
			continue
		}
		head, why, ok := strings.Cut(line, ": ")
		words := strings.Fields(head)
		if !ok || len(words) < 5 || words[3] != "since" {
			continue
		}
		if at, err := time.Parse(time.RFC3339, words[len(words)-1]); err == nil {
			words[len(words)-1] = j.clock(at)
		}
		e := stands{name: words[0], address: words[1], since: strings.Join(words[2:], " "), because: why}
		e.published = strings.HasPrefix(why, "published")
		e.named = e.published || strings.Contains(why, "; its own name stays")
		all = append(all, e)
	}
	return all, policy
}

// notReadyToo judges whether Pods are answered that are not ready, since the Service asks for that.
func (j *judgement) notReadyToo() {
	q, s := &j.Question, j.Cluster.Service
	if s == nil || !s.Spec.PublishNotReadyAddresses || !j.Cluster.PodsKnown {
		return
	}
	answered := make(map[string]bool)
	for i := range j.Servers.Replicas {
		for _, address := range j.Servers.Replicas[i].Records() {
			answered[address] = true
		}
	}
	unready := 0
	for i := range j.Cluster.Pods {
		if p := &j.Cluster.Pods[i]; !isReady(p) && answered[p.Status.PodIP] {
			unready++
		}
	}
	if unready == 0 {
		return
	}
	j.say(why.CausePolicy, unready, count(len(answered), "answered address")+" are").
		do(kubectl(q.Namespace, "annotate", "service", q.Service, "k8s-endpoints.coredns.io/publish=serving") +
			"   (not if its members find each other by this name when they start)")
}
