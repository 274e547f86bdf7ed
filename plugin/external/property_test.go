package external

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever upstreams answer, and whenever: all that is given may be given, was had by the
// target, and is not older than it may be; and a target that is down is chosen only where all
// are.
func TestWhatABookGives(t *testing.T) {
	answers := []string{
		"192.0.2.1/60", "192.0.2.1/5", "192.0.2.2 169.254.169.254/20", "2001:db8::1 ::ffff:127.0.0.1/30", "127.0.0.1", "::1 0.0.0.0",
		"192.0.2.3/0", "NXDOMAIN", "SERVFAIL", "REFUSED", "error", "lost", "", "end.example. 192.0.2.4/300",
	}
	names := []string{"a.example.", "b.example.", "c.example."}
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, map[string]string{})
		bound := rapid.SampledFrom([]string{"off", "10s", "1m", "10m nxdomain"}).Draw(r, "last good")
		a := &Asked{Plan: planOf(t, names[0], "order b.example c.example", keepFor(t, bound))}
		var chosen string
		var since time.Time
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			w.has[rapid.SampledFrom(names).Draw(r, "name")] = rapid.SampledFrom(answers).Draw(r, "answer")
			w.pass(time.Duration(rapid.IntRange(0, 70).Draw(r, "seconds")) * time.Second)
			for _, name := range names {
				w.checkGiven(r, name, a.Plan.LastGood)
			}
			c := w.book.Choose(a)
			order := slices.Sorted(slices.Values(c.Order))
			if !slices.Equal(order, []int{0, 1, 2}) {
				r.Fatalf("the order is %v", c.Order)
			}
			told := w.book.Tell(a)
			if first := told[c.Order[0]]; first.Why != NotPassed && c.Up > 0 {
				r.Fatalf("%v is down, and chosen", first.Target)
			}
			if now := names[c.Order[0]]; now != chosen {
				if chosen != "" && w.now.Sub(since) < stay && told[slices.Index(names, chosen)].Why == NotPassed && c.Up > 0 {
					r.Fatalf("%s is chosen after %v, and %s is up", now, w.now.Sub(since), chosen)
				}
				chosen, since = now, w.now
			}
		}
		w.book.Close()
		if w.states != [States]int{} {
			r.Fatalf("the states are %v", w.states)
		}
	})
}

// checkGiven looks at what is given of a name.
func (w *world) checkGiven(r *rapid.T, name string, l LastGood) {
	for family := range families {
		a, finding := w.book.Look(name, family, l, func() Resolver { return client{w, "client"} })
		if finding != Kept {
			continue
		}
		var none *Rules
		if slices.ContainsFunc(a.Addresses, func(addr netip.Addr) bool { return !none.AllowsStrictly(addr) }) {
			r.Fatalf("of %s %v is given", name, a.Addresses)
		}
		for _, rr := range a.Records {
			if addr, ok := AddressOf(rr); ok && !slices.Contains(a.Addresses, addr) {
				r.Fatalf("of %s the record %v is given", name, rr)
			}
		}
		switch {
		case a.Stale && (l.For == 0 || a.Since > l.For):
			r.Fatal(fmt.Sprintf("an answer is given that is stale for %v", a.Since))
		case !a.Stale && a.Left <= 0:
			r.Fatal("an answer is given that has run out")
		}
	}
}
