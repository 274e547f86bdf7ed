package endpoints

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/status"
	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// servicePage puts the page of one Service together.
type servicePage struct {
	*view
	query *status.ServiceQuery
	key   string
	// set is nil where the Service is not served.
	set    *records.Set
	stanza *shown

	out *v1.Service
	// story is nil where no history is kept, and courses are what endpoints went through in
	// the window.
	story   *history.Story
	all     []history.Course
	courses map[called][]history.Span
	flaps   map[called]int
}

// called is an endpoint over its lives: it may have one address of a family after the other.
type called struct {
	name string
	is4  bool
}

func calledOf(e *history.Endpoint) called { return called{why.Name(*e), e.Address.Is4()} }

func (p *servicePage) page(views []*view) *v1.Service {
	q := p.query
	p.out = &v1.Service{
		Header: head(views, v1.KindService, q.Now), Namespace: q.Namespace, Name: q.Name, Type: "headless", State: v1.StateNone,
		Stanza: stanzaOf(p.stanza), At: v1.At(q.At), From: v1.At(q.From), To: v1.At(q.To),
		Findings: []v1.Finding{}, Endpoints: []v1.Endpoint{}, Policy: []v1.PolicyLine{},
	}
	for _, v := range views {
		for _, s := range v.stanzas {
			if s != p.stanza && v.knows(p.key) {
				p.out.Others = append(p.out.Others, stanzaOf(s))
			}
		}
	}
	p.out.Lost = p.losses(q.From, q.To)
	p.readStory()
	switch {
	case !q.At.IsZero():
		if p.set != nil {
			p.out.Type, p.out.Selector = typeOf(p.set.Service), p.set.Service.HasSelector
		}
		p.then()
	case p.set != nil:
		p.now()
	default:
		p.gone()
	}
	if outage := p.outage(); !outage.Since.IsZero() && q.At.IsZero() {
		p.find("source-lost", v1.LevelError, why.AsOf(outage.Since))
	}
	return p.out
}

func (p *servicePage) find(id, level, text string) {
	p.out.Findings = append(p.out.Findings, v1.Finding{ID: id, Level: level, Text: text})
}

// readStory reads what happened in the window.
func (p *servicePage) readStory() {
	r, q := &p.recording, p.query
	if r.tape == nil {
		p.out.From, p.out.To = v1.Time{}, v1.Time{}
		return
	}
	var err error
	if p.story, err = r.tape.Read(p.key, p.set.State(), r.instant()); err != nil {
		log.Errorf("The history of %s/%s cannot be read: %v", q.Namespace, q.Name, err)
		p.story = nil
		return
	}
	p.out.KnownFrom = v1.At(p.story.Known())
	decisions, err := p.story.Decisions(q.From, q.To, history.MaxEntries)
	if err != nil {
		log.Errorf("The history of %s/%s cannot be read: %v", q.Namespace, q.Name, err)
		return
	}
	p.out.History = newDecisions(q.Namespace+"/"+q.Name, decisions, status.LinesPerPage, nil)
	p.out.Steps = stepsOf(decisions, p.carriedAt(q.To), latest(q.From, p.story.Known()))
	p.readCourses()
}

// carriedAt returns how many endpoints the name had at the end of the window.
func (p *servicePage) carriedAt(at time.Time) (n int) {
	m, known, err := p.story.At(at)
	if err != nil || !known {
		return 0
	}
	for i := range m.Endpoints {
		if m.Endpoints[i].InName {
			n++
		}
	}
	return n
}

func (p *servicePage) readCourses() {
	p.courses, p.flaps = make(map[called][]history.Span), make(map[called]int)
	var err error
	if p.all, err = p.story.Spans(p.query.From, p.query.To); err != nil {
		return
	}
	for i := range p.all {
		who := calledOf(&p.all[i].Endpoint)
		p.courses[who] = append(p.courses[who], p.all[i].Spans...)
		p.flaps[who] += p.all[i].Flaps()
	}
	for who := range p.courses {
		slices.SortFunc(p.courses[who], func(a, b history.Span) int { return a.From.Compare(b.From) })
	}
}

// spansOf returns what is drawn of an endpoint.
func (p *servicePage) spansOf(who called) (all []v1.Span) {
	for _, s := range p.courses[who] {
		tier := s.Mark.Tier().String()
		if n := len(all); n > 0 && all[n-1].Tier == tier && all[n-1].Published == s.InName && all[n-1].To.Equal(s.From) {
			all[n-1].To = v1.At(s.To)
			continue
		}
		all = append(all, v1.Span{From: v1.At(s.From), To: v1.At(s.To), Tier: tier, Published: s.InName})
	}
	return all
}

// now is how the Service is now.
func (p *servicePage) now() {
	o, set := p.out, p.set
	d := p.judge(p.key, set, p.query.Now)
	o.Type, o.State, o.Selector = typeOf(set.Service), d.state, set.Service.HasSelector
	o.Carried, o.EndpointsTotal, o.Tiers = set.Carried(), set.Roster().Len(), tiersOf(set.Tally().Tiers)
	slices := p.slicesOf()
	p.endpoints(slices)
	p.addGone()
	o.Names = p.stanza.names(set, o.Endpoints)
	o.Policy = p.stanza.policy(p.cache, set)
	o.Targets = p.stanza.targets(set)
	o.Places = places(set)
	o.Digest = set.Digest()
	for _, slice := range slices {
		o.Slices = append(o.Slices, sliceLine(slice))
	}
	p.sayNow(&d)
}

// slicesOf returns the slices that the Service is made of.
func (p *servicePage) slicesOf() []*model.Slice {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.services[p.set.Service.ServiceKey]; s != nil && p.set.Service.Kind == model.Headless {
		return slices.Clone(s.slices)
	}
	return nil
}

func sliceLine(s *model.Slice) v1.SliceLine {
	line := v1.SliceLine{Name: s.Name, Version: s.Version, Endpoints: len(s.Endpoints) + len(s.Named()), Triggered: v1.At(s.Triggered.Time()), LeftOut: s.Refused}
	for _, port := range s.Ports[:min(len(s.Ports), mostPorts)] {
		line.Ports = append(line.Ports, portText(port))
	}
	return line
}

// endpoints returns a page of the endpoints, those in trouble first.
func (p *servicePage) endpoints(all []*model.Slice) {
	looks, state := p.set.Look(), p.set.State()
	if looks == nil || state == nil {
		return
	}
	order := make([]roster.At, p.set.Roster().Len())
	rank := make([]int8, len(order))
	for at := range order {
		order[at] = roster.At(at)
		rank[at] = rankOf(health.Mark(state.Marks[at]))
	}
	r := p.set.Roster()
	slices.SortFunc(order, func(a, b roster.At) int {
		if rank[a] != rank[b] {
			return int(rank[a]) - int(rank[b])
		}
		return r.Address(a).Compare(r.Address(b))
	})
	first := min(p.query.Page*status.RowsPerPage, len(order))
	rows := order[first:min(first+status.RowsPerPage, len(order))]
	where := whereabout(all, r, rows)
	for _, at := range rows {
		e := looks.Of(at)
		p.out.Endpoints = append(p.out.Endpoints, p.endpoint(&e, where[at]))
	}
}

// rankOf orders endpoints, those in trouble first.
func rankOf(m health.Mark) int8 {
	return [...]int8{health.Sick: 0, health.Damped: 1, health.Draining: 2, health.Starting: 3, health.Dying: 4, health.Good: 5}[m.Tier()]
}

// inSlice is an endpoint in a slice.
type inSlice struct {
	slice *model.Slice
	index int
}

// whereabout finds endpoints in the slices.
func whereabout(all []*model.Slice, r *roster.Roster, rows []roster.At) map[roster.At]inSlice {
	found := make(map[roster.At]inSlice, len(rows))
	wanted := make(map[roster.At]bool, len(rows))
	for _, at := range rows {
		wanted[at] = true
	}
	for _, slice := range all {
		for i := range slice.Endpoints {
			if at, ok := r.Find(slice.Endpoints[i].Address); ok && wanted[at] {
				if was, known := found[at]; !known || was.slice.Version < slice.Version {
					found[at] = inSlice{slice, i}
				}
			}
		}
	}
	return found
}

// endpoint returns an endpoint as programs get it.
func (p *servicePage) endpoint(e *records.Looked, at inSlice) v1.Endpoint {
	out := v1.Endpoint{
		Name: e.Name, Pod: e.Pod, Address: e.Address.String(), Tier: e.Mark.Tier().String(), Since: v1.At(e.Since), SinceBefore: e.Before,
		Published: e.InName, Named: e.Named, Conditions: conditionsOf(e.Mark.Conditions()), TakenOut: e.Mark.TakenOut(), Why: e.Why, DampedUntil: v1.At(e.Until),
	}
	if e.Checked {
		out.Check = [...]string{check.Unknown: "unknown", check.Passing: "passes", check.Failing: "fails", check.NotAllowed: "refused"}[e.Check]
		out.CheckSince = v1.At(e.CheckSince)
	}
	if at.slice != nil {
		p.place(&out, at)
	}
	if p.story != nil {
		who := called{e.Called, e.Address.Is4()}
		flaps := p.flaps[who]
		out.Flaps, out.Spans = &flaps, p.spansOf(who)
	}
	return out
}

func conditionsOf(is model.Conditions) (all []string) {
	for _, each := range []struct {
		is   model.Conditions
		text string
	}{{model.Ready, "ready"}, {model.Serving, "serving"}, {model.Terminating, "terminating"}} {
		if is.Has(each.is) {
			all = append(all, each.text)
		}
	}
	return all
}

// place says where an endpoint is, and for whose use.
func (p *servicePage) place(out *v1.Endpoint, at inSlice) {
	e := &at.slice.Endpoints[at.index]
	zone, node := at.slice.ZoneOf(e), at.slice.NodeOf(e)
	if zone == (model.Place{}) && node != (model.Place{}) && p.known != nil {
		zone = p.known.ZoneOf(node)
	}
	if zone != (model.Place{}) {
		out.Zone = zone.Value()
	}
	if node != (model.Place{}) {
		out.Node = node.Value()
	}
	if e.Hints.Has(model.HintedZone) && out.Zone != "" {
		out.ForZones = append(out.ForZones, out.Zone)
	}
	if e.Hints.Has(model.HintedElsewhere) {
		for _, zone := range at.slice.ElsewhereOf(at.index).Zones {
			out.ForZones = append(out.ForZones, zone.Value())
		}
	}
}

// mostGone is how many endpoints are shown that are not there any more.
const mostGone = 20

// addGone adds the endpoints that were there in the window.
func (p *servicePage) addGone() {
	if p.story == nil || p.query.Page > 0 {
		return
	}
	r := p.set.Roster()
	here := make(map[called]bool, r.Len())
	if looks := p.set.Look(); looks != nil {
		for at := range roster.At(r.Len()) {
			here[called{looks.Called(at), r.Is4(at)}] = true
		}
	}
	p.goneBut(here)
}

func (p *servicePage) goneBut(here map[called]bool) {
	all, seen := p.all, make(map[called]bool)
	for i := range all {
		who := calledOf(&all[i].Endpoint)
		if here[who] || seen[who] || len(all[i].Spans) == 0 {
			continue
		}
		seen[who] = true
		spans := p.spansOf(who)
		last := spans[len(spans)-1]
		flaps := p.flaps[who]
		p.out.Gone = append(p.out.Gone, v1.Endpoint{
			Name: who.name, Pod: all[i].Pod, Address: all[i].Address.String(), Tier: last.Tier, Since: last.To, Why: "gone", Flaps: &flaps, Spans: spans,
		})
	}
	slices.SortFunc(p.out.Gone, func(a, b v1.Endpoint) int { return cmp.Or(b.Since.Compare(a.Since.Time), cmp.Compare(a.Name, b.Name)) })
	p.out.Gone = p.out.Gone[:min(len(p.out.Gone), mostGone)]
}

// sayNow says what is wrong now.
func (p *servicePage) sayNow(d *verdict) {
	o := p.out
	if p.isStale() {
		p.find("stale", v1.LevelWarning, "Answers are "+textStale+".")
	}
	switch {
	case d.state == v1.StatePart:
		p.find("service-part", v1.LevelWarning, p.partText())
	case d.text != "" && d.isTrouble():
		p.find("service-"+d.state, d.level, capital(d.text)+".")
	case d.state == v1.StateNone:
		p.find("service-none", v1.LevelWarning, capital(d.text)+".")
	}
	if text := p.set.LeftOut(); text != "" && !strings.Contains(d.text, text) {
		p.find("slice-left-out", v1.LevelWarning, capital(text)+".")
	}
	_, err := p.settings.Of(p.set.Service)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			p.find("annotation-left-out", v1.LevelWarning, "Left out: "+model.Shorten(line, maxDetail))
		}
	}
	if len(o.Findings) == 0 {
		p.find("service-full", v1.LevelOK, p.fullText())
	}
}

// capital begins a sentence, unless it begins with a name.
func capital(text string) string {
	if first, _, _ := strings.Cut(text, " "); strings.ContainsAny(first, "/.-") {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// mostTold is how many endpoints the box of a Service says a sentence about.
const mostTold = 3

// partText says which endpoints are not as they should be.
func (p *servicePage) partText() string {
	o := p.out
	parts := []string{why.Carries(o.Name, o.Carried, o.EndpointsTotal)}
	n := 0
	for i := range o.Endpoints {
		e := &o.Endpoints[i]
		if e.Tier == "good" || e.Tier == "draining" || e.Tier == "dying" {
			continue
		}
		if n++; n > mostTold {
			continue
		}
		text := fmt.Sprintf("%s is %s since %s", e.Name, e.Tier, sinceText(e, p.query.Now))
		if e.Flaps != nil && *e.Flaps > 1 {
			text += ", and flapped " + numberOf(*e.Flaps, "time", "times") + " in the last hour"
		}
		if reason, ok := strings.CutPrefix(e.Why, "not published, because "); ok {
			text += ": " + reason
		}
		parts = append(parts, text+".")
	}
	if n > mostTold {
		parts = append(parts, fmt.Sprintf("So are %d more, or alike.", n-mostTold))
	}
	return strings.Join(parts, " ")
}

func sinceText(e *v1.Endpoint, now time.Time) string {
	text := e.Since.UTC().Format(time.TimeOnly)
	if now.Sub(e.Since.Time) > 24*time.Hour {
		text = e.Since.UTC().Format("2006-01-02 15:04")
	}
	if e.SinceBefore {
		return "before " + text
	}
	return text
}

// fullText says that nothing is wrong.
func (p *servicePage) fullText() string {
	o := p.out
	switch {
	case o.Type == "ExternalName":
		return fmt.Sprintf("%s leads to %s.", o.Name, targetOf(p.set.Service))
	case p.set.HasOutsiders():
		return fmt.Sprintf("%s leads to what names in its EndpointSlices have.", o.Name)
	}
	return why.Carries(o.Name, o.Carried, o.EndpointsTotal)
}

// then is how the Service was.
func (p *servicePage) then() {
	at := p.query.At
	if p.story == nil {
		p.find("no-history", v1.LevelError, "What was is not known: no history is kept.")
		return
	}
	m, known, err := p.story.At(at)
	if err != nil || !known {
		p.find("not-known", v1.LevelError, why.NotKnown(at, p.story.Known()))
		return
	}
	o := p.out
	for _, loss := range p.losses(at.Add(-time.Second), at.Add(time.Second)) {
		if !loss.From.After(at) && (loss.To.IsZero() || loss.To.After(at)) {
			p.find("source-lost", v1.LevelWarning, why.WasLost(at))
		}
	}
	about := why.About(m.About)
	if kind := about.Kind(); kind != "" {
		o.Type = kind
	}
	o.Policy, o.EndpointsTotal = policyThen(m.About), len(m.Endpoints)
	if target := about.Target(); target != "" {
		o.Targets = []v1.Target{{Name: target, State: "in use"}}
	}
	if !m.Served {
		p.find("service-gone", v1.LevelWarning, fmt.Sprintf("%s/%s was not served then.", o.Namespace, o.Name))
		return
	}
	p.stood(&m)
	level := v1.LevelOK
	if o.Carried < o.EndpointsTotal {
		level = v1.LevelWarning
	}
	p.find("service-then", level, strings.Replace(why.Carries(o.Name, o.Carried, o.EndpointsTotal), " carries ", " carried ", 1))
}

// stood adds how endpoints stood.
func (p *servicePage) stood(m *history.Moment) {
	o := p.out
	order := slices.Clone(m.Endpoints)
	slices.SortStableFunc(order, func(a, b history.Stood) int {
		return cmp.Or(cmp.Compare(rankOf(a.Mark), rankOf(b.Mark)), a.Address.Compare(b.Address))
	})
	var tiers [health.Tiers]int
	for _, e := range order {
		tiers[e.Mark.Tier()]++
		if e.InName {
			o.Carried++
		}
	}
	o.Tiers = tiersOf(tiers)
	first := min(p.query.Page*status.RowsPerPage, len(order))
	for _, e := range order[first:min(first+status.RowsPerPage, len(order))] {
		who := calledOf(&e.Endpoint)
		is := why.Standing{Tier: e.Mark.Tier(), Published: e.InName, Fails: e.Mark.Failing(), TakenOut: e.Mark.TakenOut(), Until: e.Until}
		out := v1.Endpoint{
			Name: who.name, Pod: e.Pod, Address: e.Address.String(), Tier: is.Tier.String(), Published: e.InName,
			Conditions: conditionsOf(e.Mark.Conditions()), TakenOut: e.Mark.TakenOut(), Why: is.Why(), DampedUntil: v1.At(e.Until), Spans: p.spansOf(who),
		}
		flaps := p.flaps[who]
		out.Flaps = &flaps
		if n := len(out.Spans); n > 0 {
			out.Since = out.Spans[n-1].From
		}
		o.Endpoints = append(o.Endpoints, out)
	}
}

// gone is for a Service that is not served any more, or is left out.
func (p *servicePage) gone() {
	o := p.out
	if text := p.whyLeftOut(p.key); text != "" {
		p.find("service-left-out", v1.LevelError, fmt.Sprintf("%s.", fmt.Sprintf(why.TextServiceLeftOut, o.Namespace+"/"+o.Name, model.Shorten(text, maxDetail))))
	} else {
		p.find("service-gone", v1.LevelError, fmt.Sprintf("%s/%s is not served any more.", o.Namespace, o.Name))
	}
	if p.story != nil {
		p.goneBut(nil)
	}
}
