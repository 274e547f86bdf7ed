package endpoints

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/status"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// mostChanges is how many endpoints of one decision are told one by one.
const mostChanges = 20

// since has when endpoints got into the tiers that they are in.
type since map[netip.Addr]time.Time

// newDecision returns a decision of a Service, "N/S", as programs get it. Entered is what was
// before, of all endpoints of which that is known; it may be nil.
func newDecision(service string, d *history.Decision, entered since) v1.Decision {
	out := v1.Decision{
		At: v1.At(d.At), Cause: d.Cause.String(), LateMs: d.Lag.Milliseconds(), Carried: [2]int{d.Before.Carried, d.After.Carried},
		Texts: why.Service(service, d.Before, d.After), More: max(len(d.Changes)-mostChanges, 0),
	}
	changes := slices.Clone(d.Changes)
	slices.SortStableFunc(changes, func(a, b history.Change) int { return cmp.Compare(why.Name(a.Endpoint), why.Name(b.Endpoint)) })
	for i := range changes[:min(len(changes), mostChanges)] {
		c := &changes[i]
		of := why.Circumstances{About: why.About(d.After.About), Heir: heirOf(c, d)}
		if at, known := entered[c.Address]; known {
			of.Lasted = d.At.Sub(at)
		}
		out.Changes = append(out.Changes, newChange(c, of))
	}
	return out
}

func newChange(c *history.Change, of why.Circumstances) v1.Change {
	out := v1.Change{Endpoint: why.Name(c.Endpoint), Address: c.Address.String(), Text: why.Change(c, of)}
	if c.Was {
		out.From = c.Before.Tier().String()
	}
	if c.Is {
		out.To = c.After.Tier().String()
	}
	return out
}

// heirOf returns who has the address of an endpoint that left, where that is somebody.
func heirOf(c *history.Change, d *history.Decision) string {
	if c.Is {
		return ""
	}
	for i := range d.Changes {
		if other := &d.Changes[i]; !other.Was && other.Address == c.Address {
			if name := why.Name(other.Endpoint); name != why.Name(c.Endpoint) {
				return name
			}
		}
	}
	return ""
}

// take takes over when endpoints entered tiers by a decision.
func (s since) take(d *history.Decision) {
	for i := range d.Changes {
		switch c := &d.Changes[i]; {
		case !c.Is:
			delete(s, c.Address)
		case !c.Was || c.Before.Tier() != c.After.Tier():
			s[c.Address] = d.At
		}
	}
}

// newDecisions returns decisions, of which there are some more behind those that are wanted.
func newDecisions(service string, all []history.Decision, most int, concerns func(*history.Change) bool) (out []v1.Decision) {
	entered := make(since)
	for i := range slices.Backward(all) {
		d := all[i]
		if concerns != nil {
			d.Changes = slices.DeleteFunc(slices.Clone(d.Changes), func(c history.Change) bool { return !concerns(&c) })
		}
		if i < most && (concerns == nil || len(d.Changes) > 0) {
			out = append(out, newDecision(service, &d, entered))
		}
		entered.take(&all[i])
	}
	slices.Reverse(out)
	return out
}

// mostSummed is how much of a decision stands in one line.
const mostSummed = 2

// inOneLine says in one line what a decision changed.
func inOneLine(d *v1.Decision) string {
	texts := slices.Clone(d.Texts)
	for _, c := range d.Changes {
		if c.Text != "" {
			texts = append(texts, c.Text)
		}
	}
	text := strings.Join(texts[:min(len(texts), mostSummed)], "; ")
	if more := len(texts) - mostSummed + d.More; len(texts) >= mostSummed && more > 0 {
		text += " and " + numberOf(more, "more", "more")
	}
	return text
}

// history returns what happened to a Service.
func (v *view) history(q *status.HistoryQuery, views []*view) *v1.History {
	h := &v1.History{
		Header: head(views, v1.KindHistory, q.Now), Namespace: q.Namespace, Name: q.Name, Endpoint: q.Endpoint,
		From: v1.At(q.From), To: v1.At(q.To),
	}
	r, key := &v.recording, keyOf(q.Namespace, q.Name)
	if r.tape == nil {
		return h
	}
	story, err := r.tape.Read(key, v.set(key).State(), r.instant())
	if err != nil {
		return h
	}
	h.KnownFrom = v1.At(story.Known())
	all, err := story.Decisions(q.From, q.To, history.MaxEntries)
	if err != nil {
		return h
	}
	skip := q.Page * status.LinesPerPage
	if q.Endpoint == "" {
		all = all[min(skip, len(all)):]
		// One more shows that there is another page.
		h.Decisions = newDecisions(q.Namespace+"/"+q.Name, all, status.LinesPerPage+1, nil)
		return h
	}
	h.Decisions = newDecisions(q.Namespace+"/"+q.Name, all, len(all), func(c *history.Change) bool {
		return strings.EqualFold(why.Name(c.Endpoint), q.Endpoint) || c.Pod == q.Endpoint || c.Address.String() == q.Endpoint
	})
	h.Decisions = h.Decisions[min(skip, len(h.Decisions)):]
	h.Decisions = h.Decisions[:min(len(h.Decisions), status.LinesPerPage+1)]
	return h
}

// serverHistory returns what happened to this server.
func serverHistory(views []*view, q *status.HistoryQuery) *v1.History {
	h := &v1.History{Header: head(views, v1.KindHistory, q.Now), From: v1.At(q.From), To: v1.At(q.To)}
	var seen []*tape
	most := (q.Page+1)*status.LinesPerPage + 1
	for _, v := range views {
		r := &v.recording
		if r.tape == nil || slices.Contains(seen, r.tape) {
			continue
		}
		seen = append(seen, r.tape)
		events, known, err := r.tape.Events(q.From, q.To, most, r.instant())
		if err != nil {
			continue
		}
		if known.After(h.KnownFrom.Time) {
			h.KnownFrom = v1.At(known)
		}
		for _, e := range events {
			h.Events = append(h.Events, v1.Event{At: v1.At(e.At), Kind: e.Kind.String(), Text: why.Event(e)})
		}
	}
	slices.SortStableFunc(h.Events, func(a, b v1.Event) int { return b.At.Compare(a.At.Time) })
	h.Events = h.Events[min(q.Page*status.LinesPerPage, len(h.Events)):]
	h.Events = h.Events[:min(len(h.Events), status.LinesPerPage+1)]
	return h
}
