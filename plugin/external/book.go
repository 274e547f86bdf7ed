package external

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
)

// How many look-ups in a row make a target down, and up again, where nobody says so.
const (
	DefaultFall = 3
	DefaultRise = 2
)

// Bounds of a Book.
const (
	// maxNames is how many names are kept, and maxFlights how many of them are looked up at
	// the same time, in both families: so 16 look-ups.
	maxNames   = 1000
	maxFlights = 8
	// forgetAfter is how long a name is kept that nobody asks for.
	forgetAfter = time.Hour
	// patience is how long a look-up may take: one that takes longer has failed. It cannot be
	// cancelled, and what comes of it later is dropped.
	patience = 6 * time.Second
)

// A Resolver looks names up in the server that a question came through, for whoever asked it.
type Resolver interface {
	Resolve(ctx context.Context, name string, qtype uint16) (*dns.Msg, error)
}

// Options are what a Book is made with. Own, Now and Go may not be nil.
type Options struct {
	// Fall and Rise are how many look-ups in a row make a target down, and up again.
	Fall, Rise int
	Rules      *Rules
	// Own reports whether a name is in a zone of the server block: such names are never kept,
	// or two aliases could keep each other's last answer for ever.
	Own func(name string) bool
	Now func() time.Time
	// Go runs a function beside the caller.
	Go func(func())
	// Manual is true where nothing is due but by Turn.
	Manual bool
	// Looked is told of each look-up that ended, and Changed of each name whose state changed,
	// where these are not nil. Neither may block.
	Looked  func(Result)
	Changed func(before, after State)
}

// A Book keeps the addresses of the targets of one server block, which are looked up again
// before they run out. It is safe for use at once.
type Book struct {
	o    Options
	quit chan struct{}
	wake chan struct{}

	mu      sync.Mutex
	entries map[string]*entry
	choices map[model.ServiceKey]*choice
	flights int
	// runs is true once somebody looks at what is due, and closed once nobody does any more.
	runs, closed bool
}

// entry is a name in a Book.
type entry struct {
	target
	name string
	// via is how the name is looked up, and used means that it was: then the next question
	// brings a new one.
	via  Resolver
	used bool
	// asked is when the last question was, and flight the look-up that has not ended.
	asked  time.Time
	flight *flight
}

// flight is a look-up.
type flight struct {
	entry *entry
	via   Resolver
	began time.Time
	// ended is closed when it is over, or given up.
	ended chan struct{}
}

// New returns an empty Book, which does nothing until the first question.
func New(o Options) *Book {
	return &Book{
		o:       o,
		quit:    make(chan struct{}),
		wake:    make(chan struct{}, 1),
		entries: make(map[string]*entry),
		choices: make(map[model.ServiceKey]*choice),
	}
}

// Close ends all look-ups: what comes of them any more is dropped, since other plugins may be
// going down. What is kept may still be answered, for as long as it counts.
func (b *Book) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	close(b.quit)
	for _, e := range b.entries {
		b.changed(e.state(), Unknown)
		e.land()
	}
}

// Finding says what a Book has of a name.
type Finding uint8

// The findings.
const (
	// NotKept is that the name is none for the Book, or one too many.
	NotKept Finding = iota
	// Fresh is that no look-up of the name has ended.
	Fresh
	// Kept is that there is an answer, and Missing that there is none.
	Kept
	Missing
)

// Look returns what may be answered for a name, in one family. It takes note of the question,
// so that the name is looked up in time; capture is called where it needs to know through
// whom.
func (b *Book) Look(name string, family int, l LastGood, capture func() Resolver) (Answer, Finding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	e := b.entry(name, now, capture)
	switch {
	case e == nil:
		return Answer{}, NotKept
	case e.looked.IsZero():
		return Answer{}, Fresh
	}
	if a, ok := e.answer(family, l, now); ok {
		return a, Kept
	}
	return Answer{}, Missing
}

// entry returns that of a name, nil where there is none and can be none.
func (b *Book) entry(name string, now time.Time, capture func() Resolver) *entry {
	key := strings.ToLower(name)
	e := b.entries[key]
	if e == nil {
		if b.closed || len(b.entries) >= maxNames || b.o.Own(key) {
			return nil
		}
		e = &entry{name: name, used: true}
		e.next = now
		b.entries[key] = e
		b.nudge()
	}
	e.asked = now
	if e.used {
		e.via, e.used = capture(), false
	}
	return e
}

// nudge has somebody look at what is due.
func (b *Book) nudge() {
	if !b.runs && !b.o.Manual {
		b.runs = true
		b.o.Go(b.run)
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Await has a name looked up at once, where that never was, and waits for the end.
func (b *Book) Await(ctx context.Context, name string, most time.Duration) {
	b.mu.Lock()
	e := b.entries[strings.ToLower(name)]
	if e == nil || !e.looked.IsZero() {
		b.mu.Unlock()
		return
	}
	var begun *flight
	if e.flight == nil && b.flights < maxFlights && !b.closed {
		begun = b.begin(e)
	}
	f := e.flight
	b.mu.Unlock()
	if begun != nil {
		b.o.Go(func() { b.fly(begun) })
	}
	if f == nil {
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-f.ended:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// begin begins a look-up. The caller calls fly.
func (b *Book) begin(e *entry) *flight {
	b.flights++
	e.flight = &flight{entry: e, via: e.via, began: b.o.Now(), ended: make(chan struct{})}
	e.used = true
	return e.flight
}

// land takes note that nobody waits for the look-up any more.
func (e *entry) land() {
	if e.flight != nil {
		close(e.flight.ended)
		e.flight = nil
	}
}

// fly looks a name up, in both families at once.
func (b *Book) fly(f *flight) {
	var found [families]Found
	var both sync.WaitGroup
	for family, qtype := range [families]uint16{IPv4: dns.TypeA, IPv6: dns.TypeAAAA} {
		both.Go(func() {
			m, err := f.via.Resolve(context.Background(), f.entry.name, qtype)
			if err != nil {
				m = nil
			}
			found[family] = Read(m, f.entry.name, qtype, b.o.Rules)
		})
	}
	both.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flights--
	if f.entry.flight == f && !b.closed {
		b.take(f.entry, &found)
	}
	b.nudgeRunning()
}

func (b *Book) nudgeRunning() {
	if b.runs && !b.closed {
		b.nudge()
	}
}

// take takes over what a look-up gave, or that it gave nothing.
func (b *Book) take(e *entry, found *[families]Found) {
	before := e.state()
	e.target.take(found, limits{b.o.Fall, b.o.Rise}, b.o.Now())
	if b.o.Looked != nil {
		for family := range found {
			b.o.Looked(found[family].Result)
		}
	}
	b.changed(before, e.state())
	e.land()
}

func (b *Book) changed(before, after State) {
	if before != after && b.o.Changed != nil {
		b.o.Changed(before, after)
	}
}

// run looks names up when they are due, until the Book is closed.
func (b *Book) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-b.quit:
			return
		case <-b.wake:
		case <-timer.C:
		}
		if next, ok := b.Turn(); ok {
			timer.Reset(next.Sub(b.o.Now()))
		}
	}
}

// nothing is what a look-up gave that has not ended.
var nothing = [families]Found{{Result: Nothing}, {Result: Nothing}}

// Turn begins the look-ups that are due, gives up those that take too long, and forgets names
// that nobody asks for. It returns when there is something to do again.
func (b *Book) Turn() (next time.Time, ok bool) {
	begun, next, ok := b.begun()
	for _, f := range begun {
		b.o.Go(func() { b.fly(f) })
	}
	return next, ok
}

func (b *Book) begun() (begun []*flight, next time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, next, false
	}
	now := b.o.Now()
	b.forget(now)
	var due []*entry
	for _, e := range b.entries {
		if e.flight != nil && now.Sub(e.flight.began) >= patience {
			b.take(e, new(nothing))
		}
		at := e.next
		if e.flight != nil {
			at = e.flight.began.Add(patience)
		}
		if !at.After(now) {
			due = append(due, e)
			continue
		}
		if !ok || at.Before(next) {
			next, ok = at, true
		}
	}
	// Where not all can begin, the end of a look-up comes back here.
	slices.SortFunc(due, func(a, b *entry) int { return a.next.Compare(b.next) })
	for _, e := range due[:min(len(due), max(0, maxFlights-b.flights))] {
		begun = append(begun, b.begin(e))
		if at := now.Add(patience); !ok || at.Before(next) {
			next, ok = at, true
		}
	}
	return begun, next, ok
}

// forget lets go of names and choices that nobody asked for in a long time.
func (b *Book) forget(now time.Time) {
	for name, e := range b.entries {
		if now.Sub(e.asked) >= forgetAfter {
			b.changed(e.state(), Unknown)
			e.land()
			delete(b.entries, name)
		}
	}
	for key, c := range b.choices {
		if now.Sub(c.asked) >= forgetAfter {
			delete(b.choices, key)
		}
	}
}
