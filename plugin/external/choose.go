package external

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

const (
	// stay is how long a target that was chosen stays so while it is up: else clients would
	// go to and fro between two data centres.
	stay = time.Minute
	// maxChecked is how many addresses of a target are looked at.
	maxChecked = 16
)

// Why is why a target is passed over.
type Why uint8

// The reasons.
const (
	// NotPassed is that it is not.
	NotPassed Why = iota
	// Unresolved is that it does not resolve, and Failing that none of its addresses passes
	// its check.
	Unresolved
	Failing
	// Waiting is that another one was chosen less than a minute ago.
	Waiting
)

// Asked is what a question for an ExternalName Service wants to know.
type Asked struct {
	Key  model.ServiceKey
	Plan *Plan
	// Fails reports whether the check of an address fails; nil is never.
	Fails func(netip.Addr) bool
	// Random is a number from 0 to n-1. It is asked only where targets have weights.
	Random func(n int) int
}

// Choice is which target of a Service is chosen.
type Choice struct {
	// Order has all targets as indexes into those of the Plan: the chosen one, and those to be
	// tried where that one has no answer.
	Order []int
	// Up is how many of them are not down: none is where the others had to do.
	Up int
	// Why is why the first target of the Plan is not the chosen one.
	Why Why
	// Moved is true where another one was chosen before.
	Moved bool
}

// choice is what a Book remembers of one.
type choice struct {
	target Target
	since  time.Time
	asked  time.Time
}

// Choose chooses among the targets of a Service.
func (b *Book) Choose(a *Asked) (c Choice) {
	n := len(a.Plan.Targets)
	if n == 1 {
		return Choice{Order: []int{0}, Up: 1}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	var why [MaxTargets]Why
	up := make([]int, 0, n)
	for i := range n {
		if why[i] = b.why(a, &a.Plan.Targets[i], now); why[i] == NotPassed {
			up = append(up, i)
		}
	}
	c.Up = len(up)
	switch {
	case a.Plan.ByWeight:
		drawFirst(a, up)
	default:
		b.keepFirst(a, up, now)
	}
	c.Order = b.behind(a, up, why[:n], now)
	if !a.Plan.ByWeight {
		c.Moved = b.remember(a, c.Order[0], now)
		if c.Why = why[0]; c.Order[0] != 0 && c.Why == NotPassed {
			c.Why = Waiting
		}
	}
	if c.Order[0] == 0 {
		c.Why = NotPassed
	}
	return c
}

// why says why a target is down, NotPassed where it is not.
func (b *Book) why(a *Asked, t *Target, now time.Time) Why {
	if t.Address.IsValid() {
		if a.fails(t.Address) {
			return Failing
		}
		return NotPassed
	}
	e := b.entries[strings.ToLower(t.Name)]
	switch {
	case e == nil || e.looked.IsZero():
		return NotPassed
	case e.isDown(a.Plan.LastGood, now):
		return Unresolved
	case a.allFail(e.addresses(maxChecked)):
		return Failing
	}
	return NotPassed
}

func (a *Asked) fails(addr netip.Addr) bool { return a.Fails != nil && a.Fails(addr) }

func (a *Asked) allFail(all []netip.Addr) bool {
	if a.Fails == nil || len(all) == 0 {
		return false
	}
	for _, addr := range all {
		if !a.Fails(addr) {
			return false
		}
	}
	return true
}

// drawFirst puts one of the targets first, drawn by weight. Of those without weight, one is
// first only where there are no others.
func drawFirst(a *Asked, up []int) {
	total := 0
	for _, i := range up {
		total += a.Plan.Targets[i].Weight
	}
	if total == 0 {
		return
	}
	at := a.Random(total)
	for place, i := range up {
		if at -= a.Plan.Targets[i].Weight; at < 0 {
			toFront(up, place)
			break
		}
	}
	// Those without weight come last.
	isLight := func(i int) int {
		if a.Plan.Targets[i].Weight > 0 {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(up, func(i, j int) int { return isLight(i) - isLight(j) })
}

// toFront moves what stands in a place to the front, and what was before it one back.
func toFront(all []int, place int) {
	first := all[place]
	copy(all[1:place+1], all[:place])
	all[0] = first
}

// keepFirst puts the target first that was chosen less than a minute ago.
func (b *Book) keepFirst(a *Asked, up []int, now time.Time) {
	last := b.choices[a.Key]
	if last == nil || now.Sub(last.since) >= stay {
		return
	}
	for place, i := range up {
		if last.target.leadsWhere(&a.Plan.Targets[i]) {
			toFront(up, place)
			return
		}
	}
}

// behind puts those that are down behind the others: first those with an answer that may
// still be given.
func (b *Book) behind(a *Asked, up []int, why []Why, now time.Time) []int {
	order := up
	for _, want := range []bool{true, false} {
		for i, w := range why {
			if w != NotPassed && b.hasAny(a, i, now) == want {
				order = append(order, i)
			}
		}
	}
	return order
}

func (b *Book) hasAny(a *Asked, i int, now time.Time) bool {
	t := &a.Plan.Targets[i]
	if t.Address.IsValid() {
		return true
	}
	e := b.entries[strings.ToLower(t.Name)]
	return e != nil && e.hasAny(a.Plan.LastGood, now)
}

// remember takes note of what is chosen, and reports whether that is another one.
func (b *Book) remember(a *Asked, i int, now time.Time) (moved bool) {
	if b.closed {
		return false
	}
	t := a.Plan.Targets[i]
	last := b.choices[a.Key]
	if last == nil {
		b.choices[a.Key] = &choice{t, now, now}
		return false
	}
	last.asked = now
	if last.target.leadsWhere(&t) {
		return false
	}
	last.target, last.since = t, now
	return true
}

// Told is what people are told of one target.
type Told struct {
	Target Target
	Why    Why
	State  State
	// Since is when it came up, or went down, and Looked when the last look-up of it ended;
	// zero is never.
	Since, Looked time.Time
	// Addresses are how many are kept.
	Addresses int
	// Last is what the last look-up gave.
	Last Result
	// Chosen is true for the one that is chosen, and ChosenSince when that was; zero where
	// none of them has been chosen yet.
	Chosen      bool
	ChosenSince time.Time
}

// Tell says how the targets of a Service are.
func (b *Book) Tell(a *Asked) (all []Told) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.o.Now()
	for i := range a.Plan.Targets {
		t := &a.Plan.Targets[i]
		told := Told{Target: *t, Why: b.why(a, t, now)}
		if e := b.entries[strings.ToLower(t.Name)]; e != nil {
			told.State, told.Since, told.Looked = e.state(), e.since, e.looked
			told.Addresses, told.Last = len(e.addresses(maxTold)), e.lastResult()
		}
		if c := b.choices[a.Key]; c != nil && c.target.leadsWhere(t) {
			told.Chosen, told.ChosenSince = true, c.since
		}
		all = append(all, told)
	}
	return all
}

// maxTold is up to how many addresses are counted for people.
const maxTold = 1000

// Now returns the time by the clock of the Book.
func (b *Book) Now() time.Time { return b.o.Now() }

// Addresses returns the addresses of a Service's targets that are kept, as many of each as
// are checked: what a check of the Service has to look at.
func (b *Book) Addresses(p *Plan) (all []netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range p.Targets {
		t := &p.Targets[i]
		if t.Address.IsValid() {
			all = append(all, t.Address)
		} else if e := b.entries[strings.ToLower(t.Name)]; e != nil {
			all = append(all, e.addresses(maxChecked)...)
		}
	}
	return all
}
