package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/differences"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/report"
	"github.com/k8s-endpoints/k8s_endpoints/cmd/compare/servers"

	"github.com/miekg/dns"
)

// A judge compares the answers to one question.
type judge struct {
	ctx      context.Context
	options  *options
	servers  *servers.Servers
	cluster  *differences.Cluster
	question differences.Question
	// found has our answers for other names, to which this question led.
	found map[string]*dns.Msg
}

func (j *judge) judge() *report.Result {
	r := &report.Result{}
	if r.KubeDNS, r.Ours, r.Err = j.askBoth(); r.Err != nil {
		return &report.Result{Question: j.question, Err: r.Err}
	}
	r.Question = j.question
	v := newViewer(j.options.Zone, r.KubeDNS, r.Ours)
	x := &differences.Comparison{
		Question: j.question, Setup: j.options.setup(), Cluster: j.cluster, EndpointsKept: j.options.endpointsKept,
		Stock: r.KubeDNS, Ours: r.Ours, LookUp: j.lookUp, View: v.view,
	}
	r.KubeDNSView, r.OursView = v.view(r.KubeDNS), v.view(r.Ours)
	if j.servers.IsLocal && x.PassesOn() && r.KubeDNSView == r.OursView {
		// Ours in this process has passed it on to kube-dns, which has all endpoints. The kubernetes that will stand
		// there may have none.
		foreseen, _ := x.Expect()
		r.OursView = v.view(foreseen)
	}
	if r.Differs = r.KubeDNSView != r.OursView; !r.Differs {
		return r
	}
	want, met := x.Expect()
	r.Want, r.Met = v.view(want), met
	r.IsExplained = r.Want == r.OursView || r.KubeDNS.Truncated && r.Ours.Truncated && j.isPart(r.Ours)
	for _, d := range met {
		if d.Relied && d.Lost && !j.options.isAccepted(d.Difference) {
			r.Undecided = append(r.Undecided, d)
		}
	}
	return r
}

// askBoth asks both servers; once more over TCP where the answer of one of them does not fit.
func (j *judge) askBoth() (kubeDNS, ours *dns.Msg, err error) {
	if kubeDNS, err = askOne(j.ctx, "kube-dns", j.servers.KubeDNS, j.question); err != nil {
		return nil, nil, err
	}
	if ours, err = askOne(j.ctx, "k8s_endpoints", j.forOurs(j.question.Name), j.question); err != nil {
		return nil, nil, err
	}
	if j.question.Way == differences.OverTCP || !kubeDNS.Truncated && !ours.Truncated {
		return kubeDNS, ours, nil
	}
	j.question.Way = differences.OverTCP
	return j.askBoth()
}

func askOne(ctx context.Context, name string, of *servers.Client, q differences.Question) (*dns.Msg, error) {
	m, err := of.Ask(ctx, q)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case m.Rcode == dns.RcodeRefused:
		return nil, fmt.Errorf("%s refuses the question", name)
	}
	return m, nil
}

// forOurs returns the client to ask ours with. Ours has to ask kube-dns for all that no headless Service owns.
func (j *judge) forOurs(name string) *servers.Client {
	s := j.cluster.Of(name)
	return j.servers.ForOurs(s == nil || s.Kind != differences.Headless)
}

// lookUp asks ours for another name, in the same way and once.
func (j *judge) lookUp(name string) *dns.Msg {
	if m := j.found[name]; m != nil {
		return m
	}
	q := j.question
	q.Name = name
	m, err := j.forOurs(name).Ask(j.ctx, q)
	if err != nil {
		// A message that equals no answer.
		m = &dns.Msg{MsgHdr: dns.MsgHdr{Rcode: dns.RcodeBadVers}}
	}
	if j.found == nil {
		j.found = make(map[string]*dns.Msg)
	}
	j.found[name] = m
	return m
}

// isPart reports whether all records of an answer are of published endpoints. An answer that does not even fit over
// TCP is a part of theirs.
func (j *judge) isPart(m *dns.Msg) bool {
	s := j.cluster.Of(j.question.Name)
	if s == nil || len(m.Answer) == 0 {
		return false
	}
	known := make(map[string]bool)
	for _, e := range s.Endpoints {
		if !e.Published() {
			continue
		}
		known[e.Address] = true
		for _, p := range e.Ports {
			known[fmt.Sprintf("%d %s.%s", p.Number, e.Called(j.options.PodNames), s.FullName(j.options.Zone))] = true
		}
	}
	return !slices.ContainsFunc(m.Answer, func(rr dns.RR) bool { return !known[data(rr)] })
}

// data is the address of a record, or its port and target, in the form of isPart.
func data(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.A:
		return rr.A.String()
	case *dns.AAAA:
		return rr.AAAA.String()
	case *dns.SRV:
		return fmt.Sprintf("%d %s", rr.Port, dns.CanonicalName(rr.Target))
	}
	return "a record of another type"
}
