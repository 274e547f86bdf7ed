package status

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"strconv"
	"strings"
	"time"

	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
)

// drawing is a graphic as it is written. Places are in percent, so that it is as wide as its
// row, and heights in pixels. Nothing that others wrote gets into it but through say.
type drawing struct{ bytes.Buffer }

func percent(f float64) string {
	return strconv.FormatFloat(float64(int(f*1e4+.5))/100, 'f', -1, 64) + "%"
}

// begin begins a graphic that is named for those who do not see it.
func (d *drawing) begin(label string) {
	d.WriteString(`<svg role="img" aria-label="`)
	d.WriteString(html.EscapeString(label))
	d.WriteString(`">`)
}

func (d *drawing) end() template.HTML {
	d.WriteString("</svg>")
	return template.HTML(d.String())
}

// box draws a part of the window.
func (d *drawing) box(class string, from, to float64, y, height float64, title string) {
	fmt.Fprintf(d, `<rect class="%s" x="%s" width="%s" y="%s" height="%s"`, class, percent(from), percent(to-from), pixels(y), pixels(height))
	if title == "" {
		d.WriteString("/>")
		return
	}
	d.WriteString("><title>" + html.EscapeString(title) + "</title></rect>")
}

func pixels(f float64) string { return strconv.FormatFloat(float64(int(f*10+.5))/10, 'f', -1, 64) }

func (d *drawing) rule(class string, x1, x2, y1, y2 float64) {
	fmt.Fprintf(d, `<line class="%s" x1="%s" x2="%s" y1="%s" y2="%s"/>`, class, percent(x1), percent(x2), pixels(y1), pixels(y2))
}

// stripHeight is the height of a row's hour.
const stripHeight = 22

// ticks draws round times.
func (d *drawing) ticks(w window) {
	for _, t := range w.ticks() {
		fmt.Fprintf(d, `<line class="tick" x1="%s" x2="%s" y2="%d"/>`, percent(w.at(t)), percent(w.at(t)), stripHeight)
	}
}

// lost fades the time of which nothing is known.
func (d *drawing) lost(all []v1.Loss, w window, height int) {
	for _, loss := range all {
		from, to := w.at(loss.From.Time), 1.0
		if !loss.To.IsZero() {
			to = w.at(loss.To.Time)
		}
		if to > from {
			fmt.Fprintf(d, `<rect class="lostband" x="%s" width="%s" height="%d"/>`, percent(from), percent(to-from), height)
		}
	}
}

// axis is the head of a column of hours.
func axis(w window) template.HTML {
	var d drawing
	d.WriteString(`<svg aria-hidden="true">`)
	layout := "15:04"
	if w.length() <= 10*time.Minute {
		layout = time.TimeOnly
	}
	for i, t := range w.ticks() {
		if at := w.at(t); at > .04 && at < .96 {
			class := ""
			if i%2 == 0 {
				class = ` class="hide"`
			}
			fmt.Fprintf(&d, `<text x="%s" y="12" text-anchor="middle"%s>%s</text>`, percent(at), class, t.UTC().Format(layout))
		}
	}
	return d.end()
}

// least is how wide what is drawn is at least, of the window.
const leastWidth = .003

// titles says whether each span has one, for whoever points at it.
func strip(e *v1.Endpoint, lost []v1.Loss, w window, most int, titles bool) template.HTML {
	var d drawing
	all := pieces(e.Spans, w, most)
	d.begin(stripLabel(e, all, w))
	d.ticks(w)
	for _, p := range all {
		from, to := w.at(p.from), w.at(p.to)
		if to <= from {
			continue
		}
		to = min(max(to, from+leastWidth), 1)
		title := ""
		if titles {
			title = pieceText(p, w)
		}
		y, height := 14.0, 4.0
		switch {
		case p.published:
			y, height = 4, 14
		case p.tier == "sick":
			y, height = 11, 7
		}
		d.box(p.tier, from, to, y, height, title)
	}
	d.lost(lost, w, stripHeight)
	return d.end()
}

func pieceText(p piece, w window) string {
	until := clock(p.to)
	if !p.to.Before(w.to) {
		until = "now"
	}
	text := fmt.Sprintf("%s %s to %s", p.tier, clock(p.from), until)
	if p.published {
		text += ", in the name"
	}
	return text
}

func stripLabel(e *v1.Endpoint, all []piece, w window) string {
	var in time.Duration
	for _, p := range all {
		if p.published {
			in += p.to.Sub(p.from)
		}
	}
	text := fmt.Sprintf("%s: in the name %d %% of the time", e.Name, int(100*float64(in)/float64(max(w.length(), 1))+.5))
	if e.Flaps != nil {
		text += fmt.Sprintf(", %d flaps", *e.Flaps)
	}
	return text
}

// line draws how many endpoints the name had.
func countLine(all []v1.Step, lost []v1.Loss, w window, height float64, label string, ticks bool) template.HTML {
	var d drawing
	d.begin(label)
	shown := levels(all, w, maxSpans)
	top := 1
	for _, l := range shown {
		top = max(top, l.n)
	}
	const above = 4
	room := height - above - 2
	y := func(n int) float64 { return above + room*float64(top-n)/float64(top) }
	for _, l := range shown {
		if l.n > 0 {
			d.box("under", w.at(l.from), w.at(l.to), y(l.n), height-y(l.n), "")
		}
	}
	for i, l := range shown {
		d.rule("count", w.at(l.from), w.at(l.to), y(l.n), y(l.n))
		if i > 0 && shown[i-1].n != l.n {
			d.rule("count", w.at(l.from), w.at(l.from), y(shown[i-1].n), y(l.n))
		}
	}
	if ticks {
		d.ticks(w)
	}
	d.lost(lost, w, int(height))
	return d.end()
}

// stepsText says how many endpoints the name had, for those who do not see it.
func stepsText(all []v1.Step, now time.Time) string {
	if len(all) == 0 {
		return ""
	}
	const most = 4
	var parts []string
	for i, s := range all[max(len(all)-most, 0):] {
		text := fmt.Sprint(s.Carried)
		if i > 0 || len(all) > most {
			text += " since " + when(s.At, now)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", then ")
}

// tierBar draws how many endpoints are in each tier.
func tierBar(t *v1.Tiers) template.HTML {
	var d drawing
	all, sum := counts(t), 0
	for _, n := range all {
		sum += n
	}
	d.begin(orNone(tally(t)))
	at := 0.0
	for i, n := range all {
		if n > 0 {
			width := float64(n) / float64(sum)
			d.box(tierNames[i], at, at+max(width, leastWidth), 0, 12, "")
			at += width
		}
	}
	return d.end()
}

// streamLine draws when a stream was there.
func streamLine(s *v1.Source, w window, began time.Time) template.HTML {
	var d drawing
	label := "watched"
	var parts []string
	for _, loss := range s.Lost {
		if loss.To.IsZero() {
			parts = append(parts, "since "+clock(loss.From.Time))
		} else {
			parts = append(parts, clock(loss.From.Time)+" to "+clock(loss.To.Time))
		}
	}
	if len(parts) > 0 {
		label += " but for " + strings.Join(parts, ", ")
	}
	d.begin(label)
	d.ticks(w)
	at := w.at(began)
	for _, loss := range s.Lost {
		from, to := w.at(loss.From.Time), 1.0
		if !loss.To.IsZero() {
			to = w.at(loss.To.Time)
		}
		if from > at {
			d.box("up", at, from, 8, 6, "")
		}
		d.box("lost", from, max(to, min(from+leastWidth, 1)), 5, 12, "")
		at = to
	}
	if at < 1 {
		d.box("up", at, 1, 8, 6, "")
	}
	return d.end()
}
