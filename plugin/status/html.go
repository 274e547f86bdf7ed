package status

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
)

//go:embed pages
var sources embed.FS

// templates are those of the pages, made once: they are part of the program.
var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"mark":      mark,
	"markClass": markClass,
	"tally":     tally,
	"thousands": thousands,
	"plural":    plural,
	"carried":   carried,
	"carries":   carries,
	"kindOf":    kindOf,
	"join":      func(all []string) string { return strings.Join(all, " ") },
	"result":    resultOf,
	"records":   recordsOf,
	"levelOf":   levelOf,
	"flaps":     flapsOf,
	"why":       whyOf,
	"leftOut":   leftOutText,
	"checks":    checkText,
	"crossing":  crossing,
	"tierBar":   tierBar,
	"tierNames": func() []string { return tierNames[:] },
	"policy":    policyOf,
	"further":   askFurther,
	"place":     place,
}).ParseFS(sources, "pages/*.html"))

// htmlPage is what each page has.
type htmlPage struct {
	Title string
	// Every is how often the page reads itself anew, in seconds, 0 for never.
	Every  int
	Server v1.Server
	Zones  []string
	Now    time.Time
	Query  string
	// Text and JSON lead to the other forms, and Again to this one, which reads itself anew.
	Text, JSON, Again string
	Footer            string
	Page              any

	now    time.Time
	window window
	lost   []v1.Loss
}

// refreshEvery is how often a page reads itself anew where it may, in seconds.
const refreshEvery = 5

func newHTML(q *request, h *v1.Header, title string) *htmlPage {
	p := &htmlPage{Title: title, Every: refreshEvery, Now: q.now, Query: q.query.Get("q"), now: q.now}
	if q.query.Get("at")+q.query.Get("to") != "" {
		// What was does not change.
		p.Every = 0
	}
	if h != nil {
		p.Server = h.Server
		p.Footer = footer(h)
	}
	p.Text, p.JSON, p.Again = q.with("format", "text"), q.with("format", "json"), q.with("refresh", "10")
	return p
}

// abbreviated is a commit as people read it, with what follows its hash.
func abbreviated(commit string) string {
	const hash, enough = 40, 7
	if len(commit) < hash {
		return commit
	}
	return commit[:enough] + commit[hash:]
}

func footer(h *v1.Header) string {
	text := "k8s_endpoints " + h.Server.Version
	if h.Server.Commit != "" {
		text += " (" + abbreviated(h.Server.Commit) + ")"
	}
	if h.Server.CoreDNS != "" {
		text += " in CoreDNS " + h.Server.CoreDNS
	}
	if !h.Server.Started.IsZero() {
		text += " · up " + lasted(h.Server.Started, h.Now.Time)
	}
	return text
}

func render(b *bytes.Buffer, name string, p *htmlPage) {
	if err := templates.ExecuteTemplate(b, name, p); err != nil {
		// It is no fault of who reads, and what is there is shown.
		log.Errorf("The page %s cannot be written: %v", name, err)
	}
}

func markClass(level string) string {
	switch level {
	case v1.LevelError:
		return "x"
	case v1.LevelWarning:
		return "w"
	case "":
		return "o"
	}
	return "k"
}

// Sentence is a finding as a page shows it.
type sentence struct {
	Class, Mark, First, Rest, Detail string
	Services                         []string
}

// Findings returns the box of what is wrong.
func (p *htmlPage) Findings(all []v1.Finding) (out []sentence) {
	for _, f := range all {
		s := sentence{Class: "fine", Mark: mark(f.Level), Detail: f.Detail, Services: f.Services}
		switch f.Level {
		case v1.LevelError:
			s.Class = "bad"
		case v1.LevelWarning:
			s.Class = "warn"
		}
		if s.First, s.Rest = firstSentence(f.Text); s.Rest == "" && f.Level == v1.LevelWarning {
			s.First, s.Rest = "", s.First
		}
		out = append(out, s)
	}
	return out
}

// When writes a time, and For how long something is so.
func (p *htmlPage) When(t v1.Time) string { return when(t, p.now) }

// Lasted says for how long something is so.
func (p *htmlPage) Lasted(t v1.Time) string { return lasted(t, p.now) }

// Since says since when an endpoint stands as it does.
func (p *htmlPage) Since(e v1.Endpoint) string { return sinceOf(&e, p.now) }

// Link returns the path of the page of a Service, "N/S".
func (p *htmlPage) Link(service string) string { return "/services/" + service }

// LinkTo returns the path of the page of a Service in a list.
func (p *htmlPage) LinkTo(s v1.ServiceLine) string { return linkTo(&s, keep(nil)) }

// Axis is the head of a column of strips.
func (p *htmlPage) Axis() template.HTML { return axis(p.window) }

// Stream draws when a stream was there.
func (p *htmlPage) Stream(s v1.Source) template.HTML {
	return streamLine(&s, p.window, p.Server.Started.Time)
}

// Spark draws how many endpoints a Service of a list had.
func (p *htmlPage) Spark(s v1.ServiceLine) template.HTML {
	return countLine(s.Steps, p.lost, p.window, 14, "addresses in the name, the last hour: "+stepsText(s.Steps, p.now), false)
}

// Snapshot says how a snapshot is.
func (p *htmlPage) Snapshot(s v1.Snapshot) string { return snapshotText(&s, p.now) }

// Recorded says what histories hold.
func (p *htmlPage) Recorded(r v1.Recorder) string { return recorded(&r, p.now) }

// overview is what the template of the overview has.
type overview struct {
	*v1.Overview
	All int
}

func htmlOverview(b *bytes.Buffer, q *request, o *v1.Overview) {
	p := newHTML(q, &o.Header, overviewTitle(o))
	p.Zones = zonesOf(o.Stanzas)
	p.window = window{q.now.Add(-Window), q.now}
	for i := range o.Sources {
		if len(o.Sources[i].Lost) > len(p.lost) {
			p.lost = o.Sources[i].Lost
		}
	}
	p.Page = overview{o, o.Served.Headless + o.Served.ExternalName}
	render(b, "overview.html", p)
}

// overviewTitle says in the tab of a browser how many Services are in trouble.
func overviewTitle(o *v1.Overview) string {
	bad, warn := 0, 0
	for _, s := range o.Trouble {
		if s.Level == v1.LevelError {
			bad++
		} else {
			warn++
		}
	}
	warn += o.TroubleTotal - len(o.Trouble)
	title := ""
	if worst(o.Findings) == v1.LevelError && bad == 0 {
		title += "✗ "
	}
	if bad > 0 {
		title += fmt.Sprintf("✗ %d ", bad)
	}
	if warn > 0 {
		title += fmt.Sprintf("! %d ", warn)
	}
	if title == "" {
		title = "✓ "
	}
	return title + "· k8s_endpoints"
}

func htmlServices(b *bytes.Buffer, q *request, l *v1.ServiceList) {
	p := newHTML(q, &l.Header, "Services · k8s_endpoints")
	p.Page = l
	render(b, "services.html", p)
}

// row is an endpoint with its hour.
type row struct {
	v1.Endpoint
	Strip template.HTML
	Level string
	Gone  bool
}

// serviceView is what the template of a Service has.
type serviceView struct {
	*v1.Service
	Names    []nameView
	Rows     []row
	Served   string
	Count    template.HTML
	Course   string
	Lines    []lineView
	Slices   []v1.SliceLine
	More     int
	LastHour bool
	History  string
	AtText   string
}

type nameView struct {
	v1.Name
	Short string
}

// lineView is one line of what happened.
type lineView struct {
	Time, Carries, Mark, Class, Text, Note string
	Bold                                   bool
	Folded                                 []lineView
}

func viewOf(all []line, now time.Time) (out []lineView) {
	for i := range all {
		l := &all[i]
		v := lineView{Time: l.time(now), Carries: l.carries, Text: l.text, Note: l.note, Bold: l.changes || len(l.folded) > 0 && l.note != "no answer changed"}
		if l.level != "" {
			v.Mark, v.Class = mark(l.level), markClass(l.level)
		}
		v.Folded = viewOf(l.folded, now)
		out = append(out, v)
	}
	return out
}

// titledSpans is how many spans a page may have that say what they are when pointed at.
const titledSpans = 400

func htmlService(b *bytes.Buffer, q *request, s *v1.Service) {
	p := newHTML(q, &s.Header, fmt.Sprintf("%s %s/%s · k8s_endpoints", mark(worst(s.Findings)), s.Namespace, s.Name))
	p.Zones = s.Stanza.Zones
	p.window = window{s.From.Time, s.To.Time}
	v := serviceView{
		Service: s, Served: strings.Join(servedAs(s), " "), Lines: viewOf(linesOf(s.History, s.Lost), q.now),
		Slices: s.Slices[:min(len(s.Slices), maxSlices)], More: max(len(s.Slices)-maxSlices, 0), LastHour: s.At.IsZero(),
		History: linkOf("/services/"+s.Namespace+"/"+s.Name+"/history", keep(q.query, "where")),
	}
	v.AtText = q.query.Get("at")
	for _, n := range s.Names {
		v.Names = append(v.Names, nameView{n, short(&n, s)})
	}
	if p.window.length() > 0 {
		v.Count = countLine(s.Steps, s.Lost, p.window, stripHeight, s.Name+" carried "+stepsText(s.Steps, q.now), true)
		v.Course = stepsText(s.Steps, q.now)
	}
	v.Rows = rowsOf(s, p.window)
	p.Page = v
	render(b, "service.html", p)
}

func rowsOf(s *v1.Service, w window) (rows []row) {
	all, n := len(s.Endpoints)+len(s.Gone), 0
	for i := range s.Endpoints {
		n += len(s.Endpoints[i].Spans)
	}
	add := func(e *v1.Endpoint, gone bool) {
		r := row{Endpoint: *e, Level: levelOf(e), Gone: gone}
		if gone {
			r.Level = ""
		}
		if w.length() > 0 {
			r.Strip = strip(e, s.Lost, w, spansFor(all), n <= titledSpans)
		}
		rows = append(rows, r)
	}
	for i := range s.Endpoints {
		add(&s.Endpoints[i], false)
	}
	for i := range s.Gone {
		add(&s.Gone[i], true)
	}
	return rows
}

// historyView is what the template of a history has.
type historyView struct {
	*v1.History
	Lines []lineView
	Of    string
	Back  string
}

func htmlHistory(b *bytes.Buffer, q *request, h *v1.History) {
	v := historyView{History: h, Lines: viewOf(historyLines(h), q.now), Of: "this server", Back: "/"}
	if h.Name != "" {
		v.Of = h.Namespace + "/" + h.Name
		v.Back = linkOf("/services/"+v.Of, keep(q.query, "where"))
	}
	p := newHTML(q, &h.Header, v.Of+", what happened · k8s_endpoints")
	p.Page = v
	render(b, "history.html", p)
}

// failure is what the template of an error has.
type failure struct {
	Code int
	Text string
}

func renderError(q *request, code int, text string) []byte {
	var b bytes.Buffer
	p := newHTML(q, nil, "✗ k8s_endpoints")
	p.Every, p.Page = 0, failure{code, text}
	render(&b, "error.html", p)
	return b.Bytes()
}

// help is the page that says what the words mean.
func help(q *request) *page {
	return &page{
		v1.Error{APIVersion: v1.APIVersion, Kind: v1.KindError, Now: v1.At(q.now), Code: 404, Message: "what the words mean is for people: ask for html or text"},
		func(b *bytes.Buffer) { textHelp(b) },
		func(b *bytes.Buffer) {
			p := newHTML(q, nil, "what the words mean · k8s_endpoints")
			p.Every, p.Page = 0, words
			render(b, "help.html", p)
		},
	}
}
