package status

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
)

// textWidth is how wide a paragraph is.
const textWidth = 112

// paragraph writes a mark and a text, with line breaks.
func paragraph(b *bytes.Buffer, mark, text string) {
	prefix, width := mark+" ", 2
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if width > 2 && width+n > textWidth {
			b.WriteByte('\n')
			prefix, width = "  ", 2
		}
		b.WriteString(prefix)
		b.WriteString(word)
		prefix, width = " ", width+n+1
	}
	b.WriteByte('\n')
}

// findings writes what is wrong.
func findings(b *bytes.Buffer, all []v1.Finding) {
	for i := range all {
		text := about(&all[i])
		if all[i].Detail != "" {
			text = strings.TrimSuffix(text, ".") + ". " + all[i].Detail
		}
		paragraph(b, mark(all[i].Level), text)
	}
}

// inOneLine keeps a text that somebody else wrote in its line.
var inOneLine = strings.NewReplacer("\t", " ", "\n", " ", "\r", " ", "\v", " ", "\f", " ")

// table writes rows whose cells are divided by tabs, each column as wide as it has to be.
func table(b *bytes.Buffer, rows [][]string) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	var text bytes.Buffer
	for _, row := range rows {
		text.Reset()
		for i, cell := range row {
			if i > 0 {
				text.WriteByte('\t')
			}
			text.WriteString(inOneLine.Replace(cell))
		}
		text.WriteByte('\n')
		_, _ = w.Write(text.Bytes())
	}
	_ = w.Flush()
}

// trimLines takes the blanks from the ends of lines.
func trimLines(b *bytes.Buffer, from int) {
	lines := strings.Split(b.String()[from:], "\n")
	b.Truncate(from)
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimRight(line, " "))
	}
}

func stamp(t v1.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

func textOverview(b *bytes.Buffer, o *v1.Overview) {
	fmt.Fprintf(b, "%s k8s_endpoints  %s  %s  %s\n\n", mark(worst(o.Findings)),
		strings.TrimSpace(o.Server.Name+" "+o.Server.Address), strings.Join(zonesOf(o.Stanzas), " "), stamp(o.Now))
	findings(b, o.Findings)
	if len(o.Trouble) > 0 {
		b.WriteByte('\n')
		textTrouble(b, o)
	}
	b.WriteByte('\n')
	textServed(b, o)
	if len(o.Changed) > 0 {
		b.WriteString("\nCHANGED LATELY\n")
		var rows [][]string
		for _, c := range o.Changed {
			rows = append(rows, []string{"  " + when(c.At, o.Now.Time), c.Namespace + "/" + c.Name, fmt.Sprintf("%8s", carried(c.Carried)), c.Text})
		}
		table(b, rows)
	}
	trimLines(b, 0)
}

func textTrouble(b *bytes.Buffer, o *v1.Overview) {
	rows := [][]string{{fmt.Sprintf("IN TROUBLE %d of %d", o.TroubleTotal, o.Served.Headless+o.Served.ExternalName), "IN NAME", "SINCE", "FOR", "GOOD", "DAMP", "DRAIN", "SICK", "START", "DYING", "WHAT IS WRONG"}}
	for i := range o.Trouble {
		s := &o.Trouble[i]
		row := []string{mark(s.Level) + " " + s.Namespace + "/" + s.Name, carries(s), when(s.Since, o.Now.Time), lasted(s.Since, o.Now.Time)}
		widths := [...]int{4, 4, 5, 4, 5, 5}
		for tier, n := range counts(&s.Tiers) {
			cell := "."
			if n > 0 {
				cell = fmt.Sprint(n)
			}
			row = append(row, fmt.Sprintf("%*s", widths[tier], cell))
		}
		rows = append(rows, append(row, wrong(s)))
	}
	table(b, rows)
	if more := o.TroubleTotal - len(o.Trouble); more > 0 {
		fmt.Fprintf(b, "and %d more: /services?state=trouble\n", more)
	}
}

func textServed(b *bytes.Buffer, o *v1.Overview) {
	rows := [][]string{{"SERVED", fmt.Sprintf("%d headless, %d ExternalName, %s; endpoints: %s",
		o.Served.Headless, o.Served.ExternalName, plural(o.Served.Namespaces, "namespace"), orNone(tally(&o.Served.Tiers)))}}
	var streams []string
	for i := range o.Sources {
		streams = append(streams, streamText(&o.Sources[i], o.Now.Time))
	}
	rows = append(rows, []string{"STREAMS", orNone(strings.Join(streams, ", "))})
	if o.Topology != nil {
		rows = append(rows, []string{"CLIENTS", crossing(o.Topology)})
	}
	if o.Checks != nil {
		rows = append(rows, []string{"CHECKS", checkText(o.Checks)})
	}
	for i := range o.LeftOut {
		rows = append(rows, []string{"LEFT OUT", leftOutText(&o.LeftOut[i])})
	}
	if more := o.LeftOutTotal - len(o.LeftOut); more > 0 {
		rows = append(rows, []string{"", fmt.Sprintf("and %d more", more)})
	}
	for i := range o.Snapshots {
		rows = append(rows, []string{"SNAPSHOT", snapshotText(&o.Snapshots[i], o.Now.Time)})
	}
	if o.Recorder != nil {
		rows = append(rows, []string{"HISTORY", recorded(o.Recorder, o.Now.Time)})
	}
	table(b, rows)
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// streamText says how a stream is.
func streamText(s *v1.Source, now time.Time) string {
	state := "up"
	if !s.Up {
		state = "lost"
	}
	if s.LastEvent.IsZero() {
		return s.Stream + " " + state
	}
	return fmt.Sprintf("%s %s %s", s.Stream, state, lasted(s.LastEvent, now))
}

func leftOutText(l *v1.LeftOut) string {
	name := l.Name
	if l.Namespace != "" {
		name = l.Namespace + "/" + l.Name
	}
	return fmt.Sprintf("%s %s: %s", l.Kind, name, l.Text)
}

func snapshotText(s *v1.Snapshot, now time.Time) string {
	text := s.File
	if s.Written.IsZero() {
		text += ", not written yet"
	} else {
		text += fmt.Sprintf(", of %s, %s", when(s.Written, now), mebibytes(s.Size))
	}
	return text + ", good for " + span(time.Duration(s.MaxAgeSeconds)*time.Second)
}

func checkText(c *v1.CheckCounts) string {
	return fmt.Sprintf("%s checked: %d endpoints pass, %d fail, %d not known yet, %d not checked", plural(c.Services, "Service"), c.Passing, c.Failing, c.Unknown, c.Refused)
}

func carried(c [2]int) string {
	if c[0] == c[1] {
		return fmt.Sprint(c[1])
	}
	return fmt.Sprintf("%d → %d", c[0], c[1])
}

func textServices(b *bytes.Buffer, l *v1.ServiceList) {
	rows := [][]string{{"SERVICE", "STATE", "IN NAME", "SINCE", "ENDPOINTS", "WHAT IS SAID"}}
	for i := range l.Services {
		s := &l.Services[i]
		rows = append(rows, []string{mark(s.Level) + " " + s.Namespace + "/" + s.Name, s.State, carries(s), when(s.Since, l.Now.Time), tally(&s.Tiers), said(s)})
	}
	table(b, rows)
	textMore(b, l.Next, fmt.Sprintf("%s in all", plural(l.Total, "Service")))
	trimLines(b, 0)
}

// said is what there is to say of a Service in a list.
func said(s *v1.ServiceLine) string {
	var parts []string
	if s.Target != "" {
		parts = append(parts, "leads to "+s.Target)
	}
	if text := wrong(s); text != "" {
		parts = append(parts, text)
	}
	if len(s.Matches) > 0 {
		parts = append(parts, strings.Join(s.Matches, " "))
	}
	if s.Where != "" {
		parts = append(parts, place(s.Where))
	}
	return strings.Join(parts, "; ")
}

func textMore(b *bytes.Buffer, next, text string) {
	b.WriteByte('\n')
	b.WriteString(text)
	if next != "" {
		b.WriteString("; more: " + next)
	}
	b.WriteByte('\n')
}

func textService(b *bytes.Buffer, s *v1.Service) {
	level := worst(s.Findings)
	fmt.Fprintf(b, "%s %s/%s   %s   %s   %s\n\n", mark(level), s.Namespace, s.Name, kindOf(s), strings.Join(servedAs(s), " "), stamp(s.Now))
	if !s.At.IsZero() {
		paragraph(b, " ", "As it was at "+stamp(s.At)+".")
	}
	findings(b, s.Findings)
	if len(s.Endpoints)+len(s.Gone) > 0 {
		b.WriteByte('\n')
		textEndpoints(b, s)
		textStrips(b, s)
	}
	textTargets(b, s)
	textNames(b, s)
	textPlaces(b, s)
	textPolicy(b, s)
	textSlices(b, s)
	textHappened(b, s)
	if s.Next != "" {
		textMore(b, s.Next, fmt.Sprintf("%s in all", plural(s.EndpointsTotal, "endpoint")))
	}
	trimLines(b, 0)
}

func textEndpoints(b *bytes.Buffer, s *v1.Service) {
	rows := [][]string{{"  ENDPOINT", "ADDRESS", "TIER", "SINCE", "WHY", "FLAPS/1H"}}
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		rows = append(rows, []string{mark(levelOf(e)) + " " + e.Name, e.Address, e.Tier, sinceOf(e, s.Now.Time), whyOf(e), flapsOf(e)})
	}
	table(b, rows)
}

// levelOf is how bad it is how an endpoint stands.
func levelOf(e *v1.Endpoint) string {
	if e.Tier == "good" && e.Published {
		return v1.LevelOK
	}
	return v1.LevelWarning
}

// sinceOf says since when an endpoint stands as it does.
func sinceOf(e *v1.Endpoint, now time.Time) string {
	if e.SinceBefore && !e.Since.IsZero() {
		return "before " + when(e.Since, now)
	}
	return when(e.Since, now)
}

// whyOf says why, and where it is.
func whyOf(e *v1.Endpoint) string {
	// What the name has is seen beside it.
	text := strings.TrimPrefix(e.Why, "not published, because ")
	if e.Pod != "" && e.Pod != e.Name {
		text += "; Pod " + e.Pod
	}
	if at := placeOf(e); at != "" {
		text += "; " + at
	}
	return text
}

// placeOf says where an endpoint is, and for whose use.
func placeOf(e *v1.Endpoint) string {
	var parts []string
	if e.Node != "" {
		parts = append(parts, "on "+e.Node)
	}
	if e.Zone != "" {
		parts = append(parts, "in "+e.Zone)
	}
	text := strings.Join(parts, " ")
	if len(e.ForZones) > 0 {
		text += ", for " + strings.Join(e.ForZones, " ")
	}
	return strings.TrimPrefix(text, ", ")
}

func flapsOf(e *v1.Endpoint) string {
	if e.Flaps == nil || *e.Flaps == 0 {
		return ""
	}
	return fmt.Sprint(*e.Flaps)
}

// stripCells is how many letters the strip of an hour has in text.
const stripCells = 60

func textStrips(b *bytes.Buffer, s *v1.Service) {
	w := window{s.From.Time, s.To.Time}
	if w.length() <= 0 {
		return
	}
	width := 10
	all := append(append([]v1.Endpoint(nil), s.Endpoints...), s.Gone...)
	for i := range all {
		width = max(width, 2+utf8.RuneCountInString(all[i].Name))
	}
	title := "LAST HOUR"
	if w.length() != Window {
		title = "HISTORY"
	}
	fmt.Fprintf(b, "\n%-*s", width+1, title)
	const each = 10
	for i := 0; i < stripCells; i += each {
		from, _ := w.cell(i, stripCells)
		fmt.Fprintf(b, "%-*s", each, from.UTC().Format("15:04"))
	}
	fmt.Fprintf(b, "   (= in the name, s sick, d damped,\n%-*s", width+1, "")
	for i := 0; i < stripCells; i += each {
		fmt.Fprintf(b, "%-*s", each, "|")
	}
	b.WriteString("   n draining, t starting, x dying, ? lost)\n")
	for i := range all {
		fmt.Fprintf(b, "  %-*s %s\n", width-2, inOneLine.Replace(all[i].Name), cells(all[i].Spans, s.Lost, w, s.KnownFrom.Time, stripCells))
	}
}

func textTargets(b *bytes.Buffer, s *v1.Service) {
	if len(s.Targets) == 0 {
		return
	}
	rows := [][]string{{"LEADS TO", "STATE", ""}}
	for i := range s.Targets {
		t := &s.Targets[i]
		rows = append(rows, []string{"  " + t.Name, t.State, t.Text})
	}
	b.WriteByte('\n')
	table(b, rows)
}

func textNames(b *bytes.Buffer, s *v1.Service) {
	if len(s.Names) == 0 {
		return
	}
	rows := [][]string{{"ANSWERS NOW", "TYPE", "RESULT", "TTL", ""}}
	for i := range s.Names {
		n := &s.Names[i]
		text := recordsOf(n)
		if n.EDE != "" {
			text = strings.TrimSpace(text + "  EDE: " + n.EDE)
		}
		rows = append(rows, []string{"  " + short(n, s), n.Type, resultOf(n), fmt.Sprintf("%3d", n.TTL), text})
	}
	b.WriteByte('\n')
	table(b, rows)
}

func textPlaces(b *bytes.Buffer, s *v1.Service) {
	if len(s.Places) == 0 {
		return
	}
	rows := [][]string{{"CLIENTS IN", "TYPE", "GET", ""}}
	for _, p := range s.Places {
		rows = append(rows, []string{"  " + p.Zone, p.Type, fmt.Sprintf("%d of %d", p.Got, p.All), p.Result})
	}
	b.WriteByte('\n')
	table(b, rows)
}

func textPolicy(b *bytes.Buffer, s *v1.Service) {
	if len(s.Policy) == 0 {
		return
	}
	var parts []string
	for i, p := range s.Policy {
		text := p.Option + " " + p.Value
		if i+1 == len(s.Policy) || s.Policy[i+1].From != p.From || p.From != "default" {
			who := p.From
			if p.Where != "" {
				who = place(p.Where)
			}
			text += " (" + who + ")"
		}
		parts = append(parts, text)
	}
	b.WriteByte('\n')
	at := b.Len()
	paragraph(b, "POLICY ", strings.Join(parts, ", ")+" · "+place(s.Stanza.Where))
	text := strings.ReplaceAll(b.String()[at:], "\n  ", "\n        ")
	b.Truncate(at)
	b.WriteString(text)
	for _, other := range s.Others {
		fmt.Fprintf(b, "        also served by %s for %s, by its own rules\n", place(other.Where), strings.Join(other.Zones, " "))
	}
}

func textSlices(b *bytes.Buffer, s *v1.Service) {
	if len(s.Slices) == 0 {
		return
	}
	rows := [][]string{{"MADE OF", "VERSION", "ENDPOINTS", "PORTS", "AS OF", ""}}
	for _, each := range s.Slices[:min(len(s.Slices), maxSlices)] {
		rows = append(rows, []string{"  endpointslice/" + each.Name, fmt.Sprint(each.Version), fmt.Sprint(each.Endpoints), strings.Join(each.Ports, ", "), when(each.Triggered, s.Now.Time), each.LeftOut})
	}
	b.WriteByte('\n')
	table(b, rows)
	if more := len(s.Slices) - maxSlices; more > 0 {
		fmt.Fprintf(b, "  and %d more\n", more)
	}
}

// maxSlices is how many EndpointSlices are shown.
const maxSlices = 20

func textHappened(b *bytes.Buffer, s *v1.Service) {
	if s.KnownFrom.IsZero() {
		return
	}
	fmt.Fprintf(b, "\nHISTORY, since %s   /services/%s/%s/history?from=&to=&endpoint=\n", s.KnownFrom.UTC().Format("2006-01-02 15:04"), s.Namespace, s.Name)
	textLines(b, linesOf(s.History, s.Lost), s.Now.Time)
}

// textLines writes what happened, in columns.
func textLines(b *bytes.Buffer, all []line, now time.Time) {
	for i := range all {
		l := &all[i]
		fmt.Fprintf(b, "  %-13s %9s  ", l.time(now), l.carries)
		if l.level != "" {
			b.WriteString(mark(l.level) + " ")
		}
		b.WriteString(inOneLine.Replace(l.text))
		if l.note != "" {
			fmt.Fprintf(b, "  (%s)", inOneLine.Replace(l.note))
		}
		b.WriteByte('\n')
	}
}

func textHistory(b *bytes.Buffer, h *v1.History) {
	of := "this server"
	if h.Name != "" {
		of = h.Namespace + "/" + h.Name
	}
	if h.Endpoint != "" {
		of += ", " + h.Endpoint
	}
	fmt.Fprintf(b, "What happened to %s from %s to %s", of, stamp(h.From), stamp(h.To))
	if h.KnownFrom.After(h.From.Time) {
		fmt.Fprintf(b, "; known since %s", stamp(h.KnownFrom))
	}
	b.WriteString("\n\n")
	all := historyLines(h)
	textLines(b, all, h.Now.Time)
	if len(all) == 0 {
		b.WriteString("  nothing\n")
	}
	if h.Next != "" {
		textMore(b, h.Next, "The lines before")
	}
	trimLines(b, 0)
}

// historyLines are the lines of a history, each by itself.
func historyLines(h *v1.History) (all []line) {
	for i := range h.Decisions {
		all = append(all, lineOf(&h.Decisions[i]))
	}
	for _, e := range h.Events {
		all = append(all, line{at: e.At, level: eventLevels[e.Kind], text: e.Text})
	}
	return all
}

// eventLevels are how bad it is what happened to the server.
var eventLevels = map[string]string{"lost": v1.LevelError, "back": v1.LevelOK, "silent": v1.LevelWarning, "dropped": v1.LevelWarning, "clock": v1.LevelWarning}

// crossing says how many answers had endpoints of other zones.
func crossing(c *v1.Crossing) string {
	var parts []string
	for _, r := range sortedKeys(c.Results) {
		parts = append(parts, fmt.Sprintf("%s %s", thousands(int(c.Results[r])), r))
	}
	text := fmt.Sprintf("found by %s and %s; answers: %s", plural(c.Nodes, "Node"), prefixes(c.Prefixes), orNone(strings.Join(parts, ", ")))
	if c.Answers > 0 {
		text += fmt.Sprintf("; of other zones were %.0f %% of what %s to clients in known zones had, without topology %.0f %%", 100*c.FarOfGot, plural(int(c.Answers), "answer"), 100*c.FarOfAll)
	}
	return text
}

func prefixes(n int) string {
	if n == 1 {
		return "1 prefix"
	}
	return thousands(n) + " prefixes"
}
