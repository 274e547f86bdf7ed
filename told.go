package endpoints

import (
	"fmt"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"

	"github.com/miekg/dns"
)

// reason is one Extended DNS Error to be.
type reason struct {
	code uint16
	text string
}

// notes says why the answer is of the target with that index, and how old it is.
func (p *planned) notes(i int, r *reached) (all []reason) {
	if p.r.IsEdns0() == nil {
		return nil
	}
	if text := p.passedOver(i); text != "" {
		all = append(all, reason{dns.ExtendedErrorCodeOther, p.shortened(text)})
	}
	if r.Stale {
		text := fmt.Sprintf(textLastGood, p.plan.Targets[i], r.Since.Round(time.Second), r.Why.Text())
		all = append(all, reason{dns.ExtendedErrorCodeStaleAnswer, p.shortened(text)})
	}
	return all
}

// noteAll puts notes into an answer.
func (p *planned) noteAll(m *dns.Msg, notes []reason) *dns.Msg {
	for _, note := range notes {
		p.note(m, note.code, note.text)
	}
	return m
}

// passedOver says why the first target is not the one that the answer is of.
func (p *planned) passedOver(i int) string {
	if i == 0 || p.plan.ByWeight || len(p.choice.Order) == 0 {
		return ""
	}
	first, n := p.plan.Targets[0], len(p.plan.Targets)
	switch {
	case i == p.choice.Order[0] && p.choice.Why == external.Waiting:
		return fmt.Sprintf(textTargetStays, i+1, n, p.plan.Targets[i])
	case i == p.choice.Order[0] && p.choice.Why == external.Failing:
		return fmt.Sprintf(textTargetFailsCheck, i+1, n, p.plan.Targets[i], first)
	}
	return fmt.Sprintf(textTargetPassed, i+1, n, p.plan.Targets[i], first)
}

// explain answers for _explain with a line for each target, of which no cache is to keep
// anything.
func (p *planned) explain() *dns.Msg {
	if p.asked.Type != dns.TypeTXT {
		return p.nothing(records.NoteNoType(p.set.Service))
	}
	m := newReply(p.r)
	say := func(line string) {
		m.Answer = append(m.Answer, &dns.TXT{Hdr: records.Header(p.asked.Owner, dns.TypeTXT, 0), Txt: []string{line[:min(len(line), 255)]}})
	}
	for i, told := range p.book.Tell(&p.asks) {
		say(fmt.Sprintf("%d %s %s", i+1, told.Target, p.how(&told)))
	}
	for _, refused := range p.plan.Refused {
		say(fmt.Sprintf("- %s left out: the Corefile does not let this Service lead there", refused))
	}
	return m
}

// how says how a target is.
func (p *planned) how(t *external.Told) string {
	since := func(at time.Time) string { return at.UTC().Format(time.RFC3339) }
	switch {
	case t.Target.Address.IsValid() && t.Why == external.Failing:
		return "down: its check fails"
	case t.Target.Address.IsValid():
		return p.role(t, since) + "an address"
	case p.zones.Match(strings.ToLower(t.Target.Name)) != "":
		return "in the zone: looked up for each question"
	case t.Looked.IsZero():
		return "not looked up yet"
	case t.Why == external.Unresolved:
		return fmt.Sprintf("down since %s: it does not resolve (%s)", since(t.Since), t.Last.Text())
	case t.Why == external.Failing:
		return fmt.Sprintf("down: its check fails, at all of %d addresses", t.Addresses)
	}
	ago := p.book.Now().Sub(t.Looked).Round(time.Second)
	return fmt.Sprintf("%s%d addresses, %s, looked up %s ago (%s)", p.role(t, since), t.Addresses, t.State, ago, t.Last.Text())
}

// role says whether a target is the chosen one.
func (p *planned) role(t *external.Told, since func(time.Time) string) string {
	switch {
	case t.Chosen && !t.ChosenSince.IsZero():
		return "chosen since " + since(t.ChosenSince) + ": "
	case !t.Since.IsZero():
		return "up since " + since(t.Since) + ": "
	}
	return ""
}
