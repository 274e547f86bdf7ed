package status

import (
	"slices"
	"time"

	v1 "github.com/k8s-endpoints/k8s_endpoints/plugin/status/v1"
)

// Bounds of what is drawn: spans of a strip, and of all strips of a page.
const (
	maxSpans    = 120
	maxAllSpans = 6000
	// leastSpans is how many each strip may have in any case.
	leastSpans = 24
)

// window is the time that is drawn.
type window struct{ from, to time.Time }

func (w window) length() time.Duration { return w.to.Sub(w.from) }

// at returns where in the window a time is, from 0 to 1.
func (w window) at(t time.Time) float64 {
	return min(max(float64(t.Sub(w.from))/float64(max(w.length(), 1)), 0), 1)
}

// steps are the distances of ticks.
var steps = [...]time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 4 * time.Hour}

// ticks are round times in the window, at most six.
func (w window) ticks() (all []time.Time) {
	step := steps[len(steps)-1]
	for _, each := range steps {
		if w.length() <= 6*each {
			step = each
			break
		}
	}
	for t := w.from.Truncate(step).Add(step); t.Before(w.to); t = t.Add(step) {
		all = append(all, t)
	}
	return all
}

// piece is a part of a strip.
type piece struct {
	from, to  time.Time
	tier      string
	published bool
}

// spansFor is how many each of n strips may have.
func spansFor(n int) int { return min(max(maxAllSpans/max(n, 1), leastSpans), maxSpans) }

// pieces returns what is drawn of an endpoint: its spans, or, where these are more than most,
// as many equal pieces of time, each of which shows the worst that was in it.
func pieces(spans []v1.Span, w window, most int) (all []piece) {
	if len(spans) <= most {
		for _, s := range spans {
			all = append(all, piece{s.From.Time, s.To.Time, s.Tier, s.Published})
		}
		return all
	}
	for i, tier := range cells(spans, nil, w, w.from, most) {
		if tier == cellAbsent {
			continue
		}
		from, to := w.cell(i, most)
		p := piece{from, to, tierOf(tier), tier == cellIn}
		if n := len(all); n > 0 && all[n-1].to.Equal(p.from) && all[n-1].tier == p.tier && all[n-1].published == p.published {
			all[n-1].to = p.to
			continue
		}
		all = append(all, p)
	}
	return all
}

// cell returns the time of one of n equal pieces.
func (w window) cell(i, n int) (from, to time.Time) {
	at := func(i int) time.Time { return w.from.Add(w.length() / time.Duration(n) * time.Duration(i)) }
	if i == n-1 {
		return at(i), w.to
	}
	return at(i), at(i + 1)
}

// What a cell of a strip is in text.
const (
	cellIn     = '='
	cellAbsent = ' '
	cellLost   = '?'
)

// letters are those of an endpoint that is not in the name, by tier.
var letters = map[string]byte{"good": 'g', "damped": 'd', "draining": 'n', "sick": 's', "starting": 't', "dying": 'x'}

func tierOf(cell byte) string {
	for tier, letter := range letters {
		if letter == cell {
			return tier
		}
	}
	return "good"
}

// cells cuts the window into n pieces of a letter each: "=" only where the endpoint was in
// the name all the time, as far as it is known, else what it was the last time that it was
// not.
func cells(spans []v1.Span, lost []v1.Loss, w window, known time.Time, n int) []byte {
	out := slices.Repeat([]byte{cellAbsent}, n)
	// A piece is in the name until something else is seen in it.
	covered := make([]time.Duration, n)
	each := max(w.length()/time.Duration(n), 1)
	for _, s := range spans {
		first, last := int(s.From.Sub(w.from)/each), int((s.To.Sub(w.from)-1)/each)
		for i := max(first, 0); i <= min(last, n-1); i++ {
			from, to := w.cell(i, n)
			covered[i] += earliest(s.To.Time, to).Sub(latest(s.From.Time, from))
			switch {
			case !s.Published:
				out[i] = letters[s.Tier]
			case out[i] == cellAbsent:
				out[i] = cellIn
			}
		}
	}
	for i := range out {
		from, to := w.cell(i, n)
		if out[i] == cellIn && covered[i] < to.Sub(latest(from, known))-time.Millisecond {
			out[i] = cellAbsent
		}
		for _, loss := range lost {
			if loss.From.Before(to) && (loss.To.IsZero() || loss.To.After(from)) {
				out[i] = cellLost
			}
		}
	}
	return out
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// level is how many endpoints the name had for a time.
type level struct {
	from, to time.Time
	n        int
}

// levels returns what is drawn of how many endpoints the name had, at most most of them: then
// each has the least of its time.
func levels(all []v1.Step, w window, most int) (out []level) {
	for i, s := range all {
		to := w.to
		if i+1 < len(all) {
			to = all[i+1].At.Time
		}
		if to.After(w.from) {
			out = append(out, level{latest(s.At.Time, w.from), to, s.Carried})
		}
	}
	if len(out) <= most {
		return out
	}
	var coarse []level
	at := 0
	for i := range most {
		from, to := w.cell(i, most)
		least, any := 0, false
		for at > 0 && out[at].from.After(from) {
			at--
		}
		for ; at < len(out) && out[at].from.Before(to); at++ {
			if out[at].to.After(from) && (!any || out[at].n < least) {
				least, any = out[at].n, true
			}
		}
		at = max(at-1, 0)
		switch n := len(coarse); {
		case !any:
		case n > 0 && coarse[n-1].n == least:
			coarse[n-1].to = to
		default:
			coarse = append(coarse, level{from, to, least})
		}
	}
	return coarse
}

// bounded returns what programs get of a Service: of each endpoint the last spans.
func bounded(s *v1.Service) *v1.Service {
	most := spansFor(len(s.Endpoints) + len(s.Gone))
	cut := func(all []v1.Endpoint) []v1.Endpoint {
		all = slices.Clone(all)
		for i := range all {
			if more := len(all[i].Spans) - most; more > 0 {
				all[i].Spans, all[i].More = all[i].Spans[more:], more
			}
		}
		return all
	}
	out := *s
	out.Endpoints, out.Gone = cut(s.Endpoints), cut(s.Gone)
	out.Steps = s.Steps[max(len(s.Steps)-LinesPerPage, 0):]
	out.History = s.History[:min(len(s.History), LinesPerPage)]
	return &out
}
