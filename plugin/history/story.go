package history

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// Bounds of what is read at once: pages, a MiB, entries, and time.
const (
	maxPages   = 1 << 13
	maxEntries = 20_000
	// MaxWindow is how much time a question may be about.
	MaxWindow = 24 * time.Hour
)

// A Story is what is known of one Service, as of when it was read. It does not change, and
// its methods walk back from then.
type Story struct {
	state *State
	clock clock
	data  []byte
	// at are where entries begin, the oldest first, and known is since when states are.
	at    []beginning
	known int64
	read  int64
	// cut is that there was more once.
	cut bool
}

// beginning is where an entry begins in the stream.
type beginning struct {
	tick int64
	at   int
}

// Read returns the story of a Service. State is how it stands now; that counts only where
// there is nothing yet of the Service.
func (r *Recorder) Read(service string, state *State, now Instant) (*Story, error) {
	s, tick := r.copy(service, state, now)
	return s, s.decode(tick)
}

// copy copies the entries of a Service, and returns the tick of the first.
func (r *Recorder) copy(service string, state *State, now Instant) (s *Story, tick int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s = &Story{state: state, read: r.tick(now), clock: r.clock.clone()}
	at, known := r.places[service]
	if service == "" {
		at, known = server, true
	}
	if !known {
		s.known = r.began
		if state == nil {
			s.known = max(s.known, r.forgot)
		}
		return s, 0
	}
	of := &r.all[at]
	s.state, s.known, s.cut = of.state, of.last, of.cut
	head := of.head
	for skip := r.loads[at].pages - maxPages; head != 0 && (skip > 0 || r.arena.page(head).first == noEntry); skip-- {
		head = r.arena.page(head).next
	}
	s.cut = s.cut || head != of.head
	if head == 0 {
		return s, 0
	}
	p := r.arena.page(head)
	s.data = make([]byte, 0, pageData*min(int(r.loads[at].pages), maxPages))
	s.data, tick = append(s.data, p.data[p.first:p.used]...), p.at
	for id := p.next; id != 0; id = p.next {
		p = r.arena.page(id)
		s.data = append(s.data, p.data[:p.used]...)
	}
	return s, tick
}

// decode finds the entries, of which the first is at a tick.
func (s *Story) decode(tick int64) error {
	r := reader{left: s.data}
	for first := true; len(r.left) > 0; first = false {
		at := len(s.data) - len(r.left)
		e := r.entry()
		if r.err != nil {
			return r.err
		}
		if first {
			s.known = tick - e.dt
		} else {
			tick += e.dt
		}
		s.at = append(s.at, beginning{tick, at})
	}
	if over := len(s.at) - maxEntries; over > 0 {
		s.at, s.known = s.at[over:], s.at[over-1].tick
	}
	return nil
}

// entry reads an entry again that has been read.
func (s *Story) entry(b beginning) entry {
	r := reader{left: s.data[b.at:]}
	return r.entry()
}

// Known returns since when what happened to the Service is known.
func (s *Story) Known() time.Time { return s.clock.time(s.known) }

// Changed returns when the Service changed last, the zero time where it did not.
func (s *Story) Changed() time.Time {
	if len(s.at) == 0 {
		return time.Time{}
	}
	return s.clock.time(s.at[len(s.at)-1].tick)
}

// back takes a walk from now over the entries that are later than a tick. Visit is called
// with each once it is undone, for as long as it wants.
func (s *Story) back(w *walk, until int64, visit func(tick int64, e *entry, turns []turn) bool) error {
	var turns []turn
	for _, b := range slices.Backward(s.at) {
		if b.tick <= until {
			return nil
		}
		e := s.entry(b)
		var err error
		if turns, err = w.undo(&e, s.clock.wallOf(b.tick), turns[:0]); err != nil {
			return err
		}
		if !visit(b.tick, &e, turns) {
			return nil
		}
	}
	return nil
}

// A Moment is how a Service stood at one time.
type Moment struct {
	Served bool
	About  string
	Rules  [roster.Families]health.Rule
	// Endpoints are in the order of the Roster.
	Endpoints []Stood
}

// Stood is how an endpoint stood.
type Stood struct {
	Endpoint
	Mark health.Mark
	// InName is that the name of the Service had it.
	InName bool
	// Until is when its damping was to end, zero where it was not damped, or nobody knows.
	Until time.Time
}

// At returns how the Service stood, and false where that is not known: the time is before
// Known, or after the Story was read.
func (s *Story) At(t time.Time) (m Moment, known bool, err error) {
	tick := s.clock.tickOf(t)
	if tick < s.known || tick > s.read+shiftAbove {
		return m, false, nil
	}
	// Nobody sets a clock that is off by less: then now may be a little later than that.
	tick = min(tick, s.read)
	w := newWalk(s.state)
	if err := s.back(w, tick, func(int64, *entry, []turn) bool { return true }); err != nil {
		return m, false, err
	}
	return w.moment(), true, nil
}

func (w *walk) moment() Moment {
	m := Moment{Served: w.served, About: w.about, Rules: w.rules}
	for at, id := range w.order {
		mark := health.Mark(w.marks[at])
		m.Endpoints = append(m.Endpoints, Stood{w.who[id], mark, w.inName(id, mark), momentAt(w.until[id])})
	}
	return m
}

// A Course is what one endpoint went through.
type Course struct {
	Endpoint
	// Spans are in their order. Between two of them there may be time in which it was not
	// there.
	Spans []Span
}

// A Span is a time in which an endpoint stood as it did.
type Span struct {
	From, To time.Time
	Mark     health.Mark
	InName   bool
}

// window is a time in ticks.
type window struct{ from, to int64 }

// windowOf returns the part of a time that is known, of which the last MaxWindow counts.
func (s *Story) windowOf(from, to time.Time) window {
	w := window{max(s.clock.tickOf(from), s.known), min(s.clock.tickOf(to), s.read)}
	w.from = max(w.from, w.to-MaxWindow.Milliseconds())
	return w
}

// Spans returns the courses of all endpoints that were there between two times, by address.
func (s *Story) Spans(from, to time.Time) ([]Course, error) {
	in := s.windowOf(from, to)
	if in.from >= in.to {
		return nil, nil
	}
	d := drawer{in: in, open: make(map[int32]openSpan), done: make(map[int32][]openSpan)}
	w := newWalk(s.state)
	d.meet(w, s.read)
	err := s.back(w, in.from, func(tick int64, e *entry, turns []turn) bool {
		d.pass(w, tick, turns)
		if e.has(hasRules) {
			d.meet(w, tick)
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return d.courses(w, s.clock), nil
}

// drawer draws spans from the last on.
type drawer struct {
	in window
	// open are those whose beginning is not known yet, by endpoint, and done the others, the
	// last first.
	open map[int32]openSpan
	done map[int32][]openSpan
}

type openSpan struct {
	window
	mark   health.Mark
	inName bool
}

// meet opens a span for everybody, up to a tick, where another one is open.
func (d *drawer) meet(w *walk, tick int64) {
	for at, id := range w.order {
		mark := health.Mark(w.marks[at])
		now := openSpan{window{to: tick}, mark, w.inName(id, mark)}
		if was, known := d.open[id]; !known || was.mark != now.mark || was.inName != now.inName {
			d.close(id, tick)
			d.open[id] = now
		}
	}
}

// pass goes back over an entry at a tick.
func (d *drawer) pass(w *walk, tick int64, turns []turn) {
	for _, t := range turns {
		if t.kind != left {
			d.close(t.id, tick)
		}
		if t.kind != arrived {
			d.open[t.id] = openSpan{window{to: tick}, t.before, w.inName(t.id, t.before)}
		}
	}
}

// close ends the span of an endpoint that is open, of which a tick is the beginning.
func (d *drawer) close(id int32, tick int64) {
	o, is := d.open[id]
	delete(d.open, id)
	o.from, o.to = max(tick, d.in.from), min(o.to, d.in.to)
	if !is || o.from >= o.to {
		return
	}
	all := d.done[id]
	if n := len(all); n > 0 && all[n-1].from == o.to && all[n-1].mark == o.mark && all[n-1].inName == o.inName {
		all[n-1].from = o.from
		return
	}
	d.done[id] = append(all, o)
}

func (d *drawer) courses(w *walk, c clock) (all []Course) {
	for id := range int32(len(w.who)) {
		d.close(id, d.in.from)
		if len(d.done[id]) == 0 {
			continue
		}
		course := Course{Endpoint: w.who[id]}
		for _, o := range slices.Backward(d.done[id]) {
			course.Spans = append(course.Spans, Span{c.time(o.from), c.time(o.to), o.mark, o.inName})
		}
		all = append(all, course)
	}
	slices.SortFunc(all, func(a, b Course) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Pod, b.Pod))
	})
	return all
}

// Carried returns the courses of the endpoints that the name had between two times, each with
// the spans in which it did.
func (s *Story) Carried(from, to time.Time) ([]Course, error) {
	all, err := s.Spans(from, to)
	for i := range all {
		all[i].Spans = inName(all[i].Spans)
	}
	return slices.DeleteFunc(all, func(c Course) bool { return len(c.Spans) == 0 }), err
}

// inName joins the spans in which the name has an endpoint.
func inName(all []Span) (joined []Span) {
	for _, s := range all {
		n := len(joined)
		switch {
		case !s.InName:
		case n > 0 && joined[n-1].To.Equal(s.From):
			joined[n-1].To, joined[n-1].Mark = s.To, s.Mark
		default:
			joined = append(joined, s)
		}
	}
	return joined
}

// Flaps returns how often an address was up between two times, and then was not, without
// terminating, leaving, or being taken out.
func (s *Story) Flaps(address netip.Addr, from, to time.Time) (n int, err error) {
	all, err := s.Spans(from, to)
	for _, course := range all {
		if course.Address == address {
			n += course.Flaps()
		}
	}
	return n, err
}

// Flaps counts those of a course.
func (c *Course) Flaps() (n int) {
	for i := 1; i < len(c.Spans); i++ {
		was, is := &c.Spans[i-1], &c.Spans[i]
		if was.To.Equal(is.From) && was.Mark.Up() && !is.Mark.Up() && !is.Mark.Terminating() && !is.Mark.TakenOut() {
			n++
		}
	}
	return n
}

// A Decision is what one entry changed.
type Decision struct {
	At    time.Time
	Cause Cause
	// Lag is how long after what led to it answers changed; 0 is not known.
	Lag time.Duration
	// Before and After are how the Service stood, as far as that is not of one endpoint.
	Before, After Whole
	// Changes are those of endpoints: first of those who stayed.
	Changes []Change
}

// A Whole is what there is to say of a Service at once.
type Whole struct {
	Served bool
	About  string
	Rules  [roster.Families]health.Rule
	// Carried is how many endpoints the name has, of Endpoints, and Tiers in which tiers
	// these are.
	Carried, Endpoints int
	Tiers              Tally
}

// A Tally has how many endpoints of each family are in each tier.
type Tally [roster.Families][health.Tiers]int

func (w *walk) whole() Whole {
	return Whole{w.served, w.about, w.rules, w.carried, len(w.order), w.tiers}
}

// A Change is how an endpoint stood before and after. Was and Is are whether it was there.
type Change struct {
	Endpoint
	Was, Is       bool
	Before, After health.Mark
	// Until is when its damping ends, zero where it is not damped after, or nobody knows.
	Until time.Time
}

// momentAt returns the time of so many milliseconds since 1970, and zero of 0.
func momentAt(wall int64) time.Time {
	if wall == 0 {
		return time.Time{}
	}
	return time.UnixMilli(wall).UTC()
}

// Decisions returns what happened between two times, the last first, in up to most
// decisions.
func (s *Story) Decisions(from, to time.Time, most int) (all []Decision, err error) {
	in, w := s.windowOf(from, to), newWalk(s.state)
	after := w.whole()
	all = make([]Decision, 0, min(most, len(s.at)))
	err = s.back(w, in.from-1, func(tick int64, e *entry, turns []turn) bool {
		before := w.whole()
		if tick <= in.to && len(all) < most {
			all = append(all, Decision{
				At: s.clock.time(tick), Cause: Cause(e.cause & maskCause), Lag: time.Duration(e.lag) * time.Millisecond,
				Before: before, After: after, Changes: w.changes(turns),
			})
		}
		after = before
		return len(all) < most
	})
	return all, err
}

func (w *walk) changes(turns []turn) (all []Change) {
	for _, t := range turns {
		all = append(all, Change{w.who[t.id], t.kind != arrived, t.kind != left, t.before, t.after, momentAt(t.until)})
	}
	return all
}

// An Event is what happened to this server.
type Event struct {
	At   time.Time
	Kind Kind
	Text string
}

// Events returns what happened to this server between two times, the last first, in up to
// most events, and since when that is known.
func (r *Recorder) Events(from, to time.Time, most int, now Instant) (all []Event, known time.Time, err error) {
	s, err := r.Read("", nil, now)
	if err != nil {
		return nil, known, err
	}
	in := window{s.clock.tickOf(from), s.clock.tickOf(to)}
	for _, b := range slices.Backward(s.at) {
		if len(all) == most || b.tick < in.from {
			break
		}
		if e := s.entry(b); b.tick <= in.to {
			all = append(all, Event{s.clock.time(b.tick), Kind(e.cause & maskCause), string(e.about)})
		}
	}
	return all, s.Known(), nil
}
