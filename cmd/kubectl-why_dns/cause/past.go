package cause

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/cmd/kubectl-why_dns/facts"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// past says how it was, by what pages remember.
func (j *judgement) past() {
	var those []*facts.Replica
	for i := range j.Servers.Replicas {
		r := &j.Servers.Replicas[i]
		switch {
		case r.AtThen == nil:
			if r.NoPage != "" {
				j.Skip("history of "+r.Name, r.NoPage)
			}
		case r.AtThen.KnownFrom.IsZero():
			j.Skip("history of "+r.Name, "`history` is off there")
		case j.ends().Before(r.AtThen.KnownFrom.Time):
			j.Skip("history of "+r.Name, "it begins at "+j.clock(r.AtThen.KnownFrom.Time))
		default:
			those = append(those, r)
		}
	}
	if len(those) == 0 {
		if len(j.Servers.Replicas) == 0 {
			j.Skip("history", "no status page")
		}
		return
	}
	f := j.then(those[0])
	f.detail("known from %s by %s%s", j.clock(those[0].AtThen.KnownFrom.Time), those[0].Name, j.agree(those))
}

// ends is the last time that is asked about.
func (j *judgement) ends() time.Time {
	if j.Question.At.IsZero() {
		return j.Question.To
	}
	return j.Question.At
}

// then says how it was by one page.
func (j *judgement) then(r *facts.Replica) *Finding {
	switch q := &j.Question; {
	case q.At.IsZero():
		return j.window(r.AtThen)
	case q.Endpoint != "":
		return j.oneThen(r.AtThen)
	}
	return j.allThen(r.AtThen)
}

// publishedThen are the addresses that the name had.
func publishedThen(s *v1.Service) []string {
	var all []string
	for _, e := range s.Endpoints {
		if e.Published {
			all = append(all, e.Address)
		}
	}
	slices.Sort(all)
	return all
}

func (j *judgement) allThen(s *v1.Service) *Finding {
	q, all := &j.Question, publishedThen(s)
	if len(all) == 0 {
		return j.say(why.CauseHistoryWrong, fmt.Sprintf("at %s %s carried nothing, of %s", j.clock(q.At), q.Service, count(len(s.Endpoints), "endpoint"))).detail("%s", tiersOf(s))
	}
	return j.say(why.CauseHistory, fmt.Sprintf("at %s %s carried %s of %s", j.clock(q.At), q.Service, list(all), count(len(s.Endpoints), "endpoint")))
}

// tiersOf says how the endpoints stood that were not in the name.
func tiersOf(s *v1.Service) string {
	var all []string
	for _, e := range s.Endpoints {
		if !e.Published {
			all = append(all, e.Name+" "+e.Tier)
		}
	}
	return named(all)
}

func (j *judgement) oneThen(s *v1.Service) *Finding {
	q := &j.Question
	at := slices.IndexFunc(s.Endpoints, func(e v1.Endpoint) bool {
		return e.Name == q.Endpoint || e.Pod == q.Endpoint || dashed(e.Address) == q.Endpoint
	})
	carried := fmt.Sprintf("%s carried %s", q.Service, list(publishedThen(s)))
	if len(publishedThen(s)) == 0 {
		carried = q.Service + " carried nothing"
	}
	if at < 0 {
		return j.say(why.CauseHistoryWrong, fmt.Sprintf("at %s %s had no endpoint %s", j.clock(q.At), q.Service, q.Endpoint)).detail("%s", carried)
	}
	e := &s.Endpoints[at]
	since := ""
	if !e.Since.IsZero() {
		since = " since " + j.clock(e.Since.Time)
	}
	c, in := why.CauseHistoryWrong, "was not in"
	if e.Published {
		c, in = why.CauseHistory, "was in"
	}
	f := j.say(c, fmt.Sprintf("at %s %s (%s) %s %s: %s%s", j.clock(q.At), e.Name, e.Address, in, q.Service, e.Tier, since))
	// Pages of the past do not say who had a name of its own, but where all had one.
	if e.Named || e.Published || allNamed(s) {
		carried += fmt.Sprintf("; %s.%s answered %s", e.Name, q.Service, e.Address)
	}
	return f.detail("%s", carried)
}

// allNamed reports whether all endpoints had names of their own.
func allNamed(s *v1.Service) bool {
	return slices.ContainsFunc(s.Policy, func(p v1.PolicyLine) bool { return p.Option == "pod_names" && p.Value == "all" })
}

// maxRows is how many times of a window are shown.
const maxRows = 40

// window says what the name had from when to when.
func (j *judgement) window(s *v1.Service) *Finding {
	q := &j.Question
	f := j.say(why.CauseHistory, fmt.Sprintf("from %s to %s, %s:", j.clock(q.From), j.clock(q.To), j.short()))
	rows := j.rows(s)
	for _, row := range rows[:min(len(rows), maxRows)] {
		f.detail("%s", row)
	}
	if more := len(rows) - maxRows; more > 0 {
		f.detail("and %d more: give a shorter time", more)
	}
	for _, lost := range s.Lost {
		if lost.From.After(q.To) || !lost.To.IsZero() && lost.To.Before(q.From) {
			continue
		}
		until := "now"
		if !lost.To.IsZero() {
			until = j.clock(lost.To.Time)
		}
		f.detail("! %s–%s the API server was lost: as known then", j.clock(lost.From.Time), until)
	}
	return f
}

// rows are the times between two changes, with what the name had.
func (j *judgement) rows(s *v1.Service) (rows []string) {
	q := &j.Question
	began, last := q.From, ""
	end := func(t time.Time) {
		until := "–" + j.clock(t)
		if until == "–"+j.clock(began) {
			until = ", " + why.Duration(t.Sub(began))
		}
		rows = append(rows, fmt.Sprintf("%s%s  %s", j.clock(began), until, last))
		began = t
	}
	if known := s.KnownFrom.Time; known.After(q.From) {
		last = "not known"
		end(known)
	}
	endpoints := slices.Concat(s.Endpoints, s.Gone)
	ends := changes(endpoints, began, q.To)
	for i, t := range ends[:len(ends)-1] {
		had := j.hadAt(endpoints, t.Add(ends[i+1].Sub(t)/2))
		if had != last && i > 0 {
			end(t)
		}
		last = had
	}
	end(q.To)
	return rows
}

// changes are the times at which endpoints changed, with both ends of the window.
func changes(endpoints []v1.Endpoint, from, to time.Time) []time.Time {
	all := []time.Time{from, to}
	for _, e := range endpoints {
		for _, span := range e.Spans {
			for _, t := range []time.Time{span.From.Time, span.To.Time} {
				if t.After(from) && t.Before(to) {
					all = append(all, t)
				}
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// hadAt is what the name had at a time, and why others were missing.
func (j *judgement) hadAt(endpoints []v1.Endpoint, at time.Time) string {
	var all, not []string
	for _, e := range endpoints {
		if j.Question.Endpoint != "" && e.Name != j.Question.Endpoint && e.Pod != j.Question.Endpoint {
			continue
		}
		for _, span := range e.Spans {
			if span.From.After(at) || !span.To.After(at) {
				continue
			}
			address := e.Address
			if span.Address != "" {
				address = span.Address
			}
			if span.Published {
				all = append(all, address)
			} else {
				not = append(not, e.Name+" "+span.Tier)
			}
			break
		}
	}
	slices.Sort(all)
	text := "nothing"
	if len(all) > 0 {
		text = list(all)
	}
	if len(not) > 0 {
		slices.Sort(not)
		text += " (" + named(not) + ")"
	}
	return text
}

// agree says whether the other replicas remember the same.
func (j *judgement) agree(those []*facts.Replica) string {
	if len(those) < 2 {
		return ""
	}
	first := strings.Join(publishedThen(those[0].AtThen), " ")
	for _, r := range those[1:] {
		if strings.Join(publishedThen(r.AtThen), " ") != first {
			return fmt.Sprintf("; %s says something else: %s", r.Name, list(publishedThen(r.AtThen)))
		}
	}
	if len(those) == 2 {
		return "; the other replica says the same"
	}
	return "; the other replicas say the same"
}
