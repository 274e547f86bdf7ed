package external

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/external/externaltest"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"
)

// world is what a Book asks, by a clock that stands still.
type world struct {
	t    *testing.T
	book *Book
	now  time.Time
	// has are the answers by name: addresses, "NXDOMAIN", "SERVFAIL", "REFUSED", "error", "lost", or
	// nothing for a name without addresses. A TTL follows a slash.
	has map[string]string
	// asked are the look-ups, and via who they were made for.
	mu      sync.Mutex
	asked   []string
	via     []string
	results []Result
	states  [States]int
}

func newWorld(t *testing.T, has map[string]string) *world {
	w := &world{t: t, now: time.Unix(1_800_000_000, 0), has: has}
	w.book = New(Options{
		Fall: DefaultFall, Rise: DefaultRise,
		Own:    func(name string) bool { return strings.HasSuffix(name, "cluster.local.") },
		Now:    func() time.Time { return w.now },
		Go:     func(f func()) { f() },
		Manual: true,
		Looked: func(r Result) { w.results = append(w.results, r) },
		Changed: func(before, after State) {
			w.states[before]--
			w.states[after]++
		},
	})
	return w
}

// client is who a look-up is made for.
type client struct {
	*world
	name string
}

func (c client) Resolve(_ context.Context, name string, qtype uint16) (*dns.Msg, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked, c.via = append(c.asked, name), append(c.via, c.name)
	return c.answer(name, qtype)
}

func (w *world) answer(name string, qtype uint16) (*dns.Msg, error) {
	if w.has[name] == "lost" {
		return nil, nil
	}
	return externaltest.Answer(w.has[name], name, qtype)
}

// look asks the Book for addresses of IPv4, and returns them with their TTL, or with since when
// they are stale.
func (w *world) look(name string, l LastGood) string {
	w.t.Helper()
	return w.lookAs("client", name, IPv4, l)
}

func (w *world) lookAs(who, name string, family int, l LastGood) string {
	a, finding := w.book.Look(name, family, l, func() Resolver { return client{w, who} })
	switch {
	case finding == NotKept:
		return "not kept"
	case finding == Fresh:
		return "fresh"
	case finding == Missing:
		return "missing"
	case a.Stale:
		return fmt.Sprintf("%v stale for %v: %s", a.Addresses, a.Since, a.Why.Text())
	}
	return fmt.Sprintf("%v for %v", a.Addresses, a.Left)
}

// pass lets time go by, as steps of a second.
func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(time.Second)
		w.book.Turn()
	}
}

// times returns how many look-ups there are until then, of IPv4 and IPv6 together.
func (w *world) times(d time.Duration) int {
	before := len(w.asked)
	w.pass(d)
	return len(w.asked) - before
}

const (
	db  = "db.example.org."
	off = "off"
)

func keepFor(t *testing.T, text string) LastGood {
	t.Helper()
	l, err := ParseLastGood(strings.Fields(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (w *world) want(l LastGood, want string) {
	w.t.Helper()
	if got := w.look(db, l); got != want {
		w.t.Errorf("at %v: got %s, want %s", w.now, got, want)
	}
}

func TestANameIsLookedUpBeforeItsAnswerRunsOut(t *testing.T) {
	w := newWorld(t, map[string]string{db: "192.0.2.1/60"})
	l := keepFor(t, off)
	w.want(l, "fresh")
	w.book.Turn()
	w.want(l, "[192.0.2.1] for 1m0s")
	w.pass(53 * time.Second)
	w.want(l, "[192.0.2.1] for 7s")
	w.pass(time.Second)
	w.want(l, "[192.0.2.1] for 1m0s")
	if want := []string{db, db, db, db}; !slices.Equal(w.asked, want) {
		t.Errorf("looked up %v", w.asked)
	}
}

func TestHowOftenANameIsLookedUp(t *testing.T) {
	for answer, want := range map[string]int{
		"192.0.2.1/60":                           10, // every 54 s
		"192.0.2.1/1":                            120,
		"192.0.2.1/86400":                        2,  // every 4 m 30 s
		"NXDOMAIN":                               22, // 5 s three times, then 30 s
		"SERVFAIL":                               22,
		"lost":                                   22,
		"192.0.2.1 a.example.org. 192.0.2.2/300": 2,
	} {
		w := newWorld(t, map[string]string{db: answer})
		w.want(LastGood{}, "fresh")
		w.book.Turn()
		if got := w.times(9*time.Minute+1*time.Second) / 2; got < want*9/10 || got > want*11/10+1 {
			t.Errorf("%s: %d times in 9 m, want %d", answer, got, want)
		}
	}
}

func TestLastGoodAnswersAreGivenWhileATargetCannotBeResolved(t *testing.T) {
	for failure, text := range map[string]string{"SERVFAIL": "SERVFAIL", "REFUSED": "REFUSED", "error": "no answer", "lost": "no answer"} {
		t.Run(failure, func(t *testing.T) {
			w := newWorld(t, map[string]string{db: "192.0.2.1 192.0.2.2/60"})
			l := keepFor(t, "10m")
			w.want(l, "fresh")
			w.book.Turn()
			w.has[db] = failure
			w.pass(59 * time.Second)
			w.want(l, "[192.0.2.1 192.0.2.2] for 1s")
			w.pass(time.Second)
			w.want(l, "[192.0.2.1 192.0.2.2] stale for 6s: "+text)
			w.want(LastGood{}, "missing")
			w.pass(594 * time.Second)
			w.want(l, "[192.0.2.1 192.0.2.2] stale for 10m0s: "+text)
			w.pass(time.Second)
			w.want(l, "missing")
			w.want(keepFor(t, "11m"), "[192.0.2.1 192.0.2.2] stale for 10m1s: "+text)
			w.has[db] = "192.0.2.3/60"
			w.pass(30 * time.Second)
			if got := w.look(db, l); !strings.HasPrefix(got, "[192.0.2.3] for ") {
				t.Errorf("got %s once it resolves", got)
			}
		})
	}
}

func TestADenialEndsLastGoodAnswersUnlessItCountsAsAFailure(t *testing.T) {
	for denial, text := range map[string]string{"NXDOMAIN": "NXDOMAIN", "": "no addresses", "0.0.0.0 127.0.0.1": "no address that may be given"} {
		t.Run(text, func(t *testing.T) {
			w := newWorld(t, map[string]string{db: "192.0.2.1/60"})
			w.look(db, LastGood{})
			w.book.Turn()
			w.has[db] = denial
			w.pass(54 * time.Second)
			w.want(keepFor(t, "10m"), "missing")
			w.want(keepFor(t, "10m nxdomain"), "[192.0.2.1] stale for 0s: "+text)
			w.has[db] = "SERVFAIL"
			w.pass(5 * time.Second)
			w.want(keepFor(t, "10m"), "missing")
			w.want(keepFor(t, "10m nxdomain"), "[192.0.2.1] stale for 5s: SERVFAIL")
		})
	}
}

func TestAnAnswerOfServeStaleRenewsNothing(t *testing.T) {
	w := newWorld(t, map[string]string{db: "192.0.2.1/60"})
	l := keepFor(t, "10m")
	w.look(db, l)
	w.book.Turn()
	w.has[db] = "192.0.2.1/0"
	w.pass(5 * time.Minute)
	if got := w.look(db, l); !strings.Contains(got, "stale for 4m6s") {
		t.Errorf("got %s", got)
	}
	w.pass(6 * time.Minute)
	w.want(l, "missing")
	// One that always has a TTL of zero is as good as any.
	w = newWorld(t, map[string]string{db: "192.0.2.1/0"})
	w.look(db, l)
	w.book.Turn()
	w.want(l, "[192.0.2.1] for 5s")
	w.pass(time.Minute)
	if got := w.look(db, l); !strings.HasPrefix(got, "[192.0.2.1] for ") {
		t.Errorf("got %s", got)
	}
}

func TestOneFamilyIsEnough(t *testing.T) {
	w := newWorld(t, map[string]string{db: "192.0.2.1/60"})
	six := func() string { return w.lookAs("client", db, IPv6, LastGood{time.Hour, true}) }
	six()
	w.book.Turn()
	if got := six(); !strings.HasPrefix(got, "[] for ") {
		t.Errorf("of a name with IPv4 addresses alone: got %s, want a denial that is kept", got)
	}
	w.pass(time.Hour / 2)
	if got := six(); !strings.HasPrefix(got, "[] for ") || w.states[Up] != 1 {
		t.Errorf("got %s, and the states %v", got, w.states)
	}
	w.has[db] = "192.0.2.1 2001:db8::1/60"
	w.pass(time.Minute)
	if got := six(); !strings.HasPrefix(got, "[2001:db8::1] for ") {
		t.Errorf("got %s", got)
	}
	w.has[db] = "2001:db8::1/60"
	w.pass(time.Minute)
	if got := w.look(db, LastGood{time.Hour, true}); !strings.HasPrefix(got, "[] for ") {
		t.Errorf("got %s of a family that ended", got)
	}
}

func TestANameIsForgottenThatNobodyAsksFor(t *testing.T) {
	w := newWorld(t, map[string]string{db: "192.0.2.1/60"})
	w.look(db, LastGood{})
	w.pass(58 * time.Minute)
	if w.times(time.Minute) == 0 {
		t.Error("it is not looked up any more")
	}
	w.pass(2 * time.Minute)
	if n := w.times(time.Hour); n > 0 || len(w.book.entries) > 0 {
		t.Errorf("it is looked up %d times more", n)
	}
	if w.states != [States]int{} {
		t.Errorf("the states are %v", w.states)
	}
}

func TestTheLastClientIsWhomANameIsLookedUpFor(t *testing.T) {
	w := newWorld(t, map[string]string{db: "192.0.2.1/60"})
	w.lookAs("first", db, IPv4, LastGood{})
	w.lookAs("second", db, IPv4, LastGood{})
	w.book.Turn()
	w.lookAs("third", db, IPv4, LastGood{})
	w.lookAs("fourth", db, IPv4, LastGood{})
	w.pass(54 * time.Second)
	w.pass(54 * time.Second)
	if want := strings.Fields("first first third third third third"); !slices.Equal(w.via, want) {
		t.Errorf("got %v, want %v", w.via, want)
	}
}

func TestWhatABookDoesNotKeep(t *testing.T) {
	w := newWorld(t, nil)
	if got := w.look("db.default.svc.Cluster.local.", LastGood{}); got != "not kept" {
		t.Errorf("a name in the zone: got %s", got)
	}
	for i := range maxNames {
		if got := w.look(fmt.Sprintf("n%d.example.org.", i), LastGood{}); got != "fresh" {
			t.Fatalf("name %d: got %s", i, got)
		}
	}
	if got := w.look(db, LastGood{}); got != "not kept" {
		t.Errorf("one name more: got %s", got)
	}
	if got := w.look("N1.Example.ORG.", LastGood{}); got != "fresh" {
		t.Errorf("a name in other letters: got %s", got)
	}
	w.book.Close()
	if got := w.look(db, LastGood{}); got != "not kept" {
		t.Errorf("after the end: got %s", got)
	}
}

func TestAfterTheEndNothingIsLookedUpAndWhatIsKeptIsGiven(t *testing.T) {
	w := newWorld(t, map[string]string{db: "192.0.2.1/60"})
	w.look(db, LastGood{})
	w.book.Turn()
	w.book.Close()
	w.book.Close()
	if n := w.times(time.Hour); n > 0 {
		t.Errorf("it is looked up %d times", n)
	}
	w = newWorld(t, map[string]string{db: "192.0.2.1/60"})
	w.look(db, LastGood{})
	w.book.Turn()
	w.book.Close()
	w.want(LastGood{}, "[192.0.2.1] for 1m0s")
	if w.states != [States]int{} {
		t.Errorf("the states are %v", w.states)
	}
}

// held is a look-up that does not end.
type held chan struct{}

func (h held) Resolve(context.Context, string, uint16) (*dns.Msg, error) {
	<-h
	return &dns.Msg{Answer: []dns.RR{test.A(db + " 60 IN A 192.0.2.1")}}, nil
}

func TestALookUpThatDoesNotEndHoldsUpFewOthers(t *testing.T) {
	w := newWorld(t, map[string]string{})
	hold := make(held)
	var flying []chan struct{}
	w.book.o.Go = func(f func()) {
		landed := make(chan struct{})
		flying = append(flying, landed)
		go func() {
			defer close(landed)
			f()
		}()
	}
	for i := range 2 * maxFlights {
		w.book.Look(fmt.Sprintf("n%d.example.org.", i), IPv4, LastGood{}, func() Resolver { return hold })
	}
	w.book.Turn()
	if len(flying) != maxFlights {
		t.Fatalf("%d look-ups at once, want %d", len(flying), maxFlights)
	}
	w.now = w.now.Add(patience)
	w.book.Turn()
	if len(w.results) != 2*maxFlights || slices.ContainsFunc(w.results, func(r Result) bool { return r != Nothing }) {
		t.Errorf("the results are %v", w.results)
	}
	if len(flying) != maxFlights {
		t.Errorf("%d look-ups at once", len(flying))
	}
	close(hold)
	for _, landed := range flying {
		<-landed
	}
	if slices.ContainsFunc(w.results, func(r Result) bool { return r != Nothing }) {
		t.Errorf("what comes late counts: %v", w.results)
	}
	w.book.Turn()
	if len(flying) != 2*maxFlights {
		t.Errorf("%d look-ups after the others ended", len(flying)-maxFlights)
	}
}

// service is a Service with some targets.
func planOf(t *testing.T, own, targets string, l LastGood) *Plan {
	t.Helper()
	w := Wish{LastGood: l}
	if targets != "" {
		var err error
		if w.Targets, err = ParseTargets(strings.Fields(targets)); err != nil {
			t.Fatal(err)
		}
	}
	return NewPlan(&model.Service{Target: own}, &w, nil)
}

// choose returns the names in the order in which they are tried, and why.
func (w *world) choose(a *Asked) string {
	for i := range a.Plan.Targets {
		if t := &a.Plan.Targets[i]; t.Name != "" {
			w.look(t.Name, a.Plan.LastGood)
		}
	}
	c := w.book.Choose(a)
	var names []string
	for _, i := range c.Order {
		first, _, _ := strings.Cut(a.Plan.Targets[i].Name, ".")
		names = append(names, first)
	}
	text := fmt.Sprintf("%s, %d up", strings.Join(names, " "), c.Up)
	if c.Why != NotPassed {
		text += [...]string{"", ", does not resolve", ", fails", ", stays"}[c.Why]
	}
	if c.Moved {
		text += ", moved"
	}
	return text
}

func TestTargetsInOrder(t *testing.T) {
	w := newWorld(t, map[string]string{"a.example.": "192.0.2.1/60", "b.example.": "192.0.2.2/60", "c.example.": "192.0.2.3/60"})
	a := &Asked{Plan: planOf(t, "a.example.", "order b.example c.example", LastGood{})}
	want := func(text string) {
		t.Helper()
		if got := w.choose(a); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
	}
	want("a b c, 3 up")
	w.book.Turn()
	want("a b c, 3 up")
	w.has["a.example."] = "SERVFAIL"
	// It takes three look-ups: at 54, 59 and 64 s.
	w.pass(63 * time.Second)
	want("a b c, 3 up")
	w.pass(time.Second)
	want("b c a, 2 up, does not resolve, moved")
	w.has["b.example."] = "NXDOMAIN"
	w.pass(64 * time.Second)
	want("c a b, 1 up, does not resolve, moved")
	w.has["a.example."] = "192.0.2.1/60"
	// Two look-ups, the first within 30 s.
	w.pass(36 * time.Second)
	want("c a b, 2 up, stays")
	w.pass(25 * time.Second)
	want("a c b, 2 up, moved")
	want("a c b, 2 up")
}

func TestATargetThatWasJustChosenGoesWhenItIsDown(t *testing.T) {
	w := newWorld(t, map[string]string{"a.example.": "192.0.2.1/60", "b.example.": "192.0.2.2/5"})
	a := &Asked{Plan: planOf(t, "a.example.", "order b.example", LastGood{})}
	w.choose(a)
	w.book.Turn()
	w.has["a.example."] = "SERVFAIL"
	w.pass(64 * time.Second)
	if got := w.choose(a); got != "b a, 1 up, does not resolve, moved" {
		t.Fatal(got)
	}
	w.has["a.example."], w.has["b.example."] = "192.0.2.1/60", "SERVFAIL"
	w.pass(30 * time.Second)
	if got := w.choose(a); got != "a b, 1 up, moved" {
		t.Error(got)
	}
}

func TestWhereAllTargetsAreDownTheFirstWithAnAnswerHasToDo(t *testing.T) {
	w := newWorld(t, map[string]string{"a.example.": "NXDOMAIN", "b.example.": "192.0.2.2/60", "c.example.": "NXDOMAIN"})
	a := &Asked{Plan: planOf(t, "a.example.", "order b.example c.example", keepFor(t, "1m"))}
	w.choose(a)
	w.book.Turn()
	w.pass(15 * time.Second)
	w.has["b.example."] = "SERVFAIL"
	w.pass(time.Minute)
	if got := w.choose(a); got != "b a c, 1 up, does not resolve, moved" {
		t.Errorf("with a last good answer it is not down: got %s", got)
	}
	w.pass(time.Minute)
	if got := w.choose(a); got != "a b c, 0 up, moved" {
		t.Errorf("without one: got %s", got)
	}
}

func TestLastGoodAnswersBridgeAnOutageToItsEnd(t *testing.T) {
	w := newWorld(t, map[string]string{"a.example.": "192.0.2.1/60", "b.example.": "192.0.2.2/60"})
	a := &Asked{Plan: planOf(t, "a.example.", "order b.example", keepFor(t, "10m"))}
	w.choose(a)
	w.book.Turn()
	w.has["a.example."] = "SERVFAIL"
	w.pass(5 * time.Minute)
	if got := w.choose(a); got != "a b, 2 up" {
		t.Fatal(got)
	}
	w.has["a.example."] = "192.0.2.1/60"
	for range 60 {
		w.pass(time.Second)
		if got := w.choose(a); got != "a b, 2 up" {
			t.Fatalf("while it comes back: %s", got)
		}
	}
}

func TestATargetWhoseAddressesAllFailTheirCheckIsDown(t *testing.T) {
	w := newWorld(t, map[string]string{"a.example.": "192.0.2.1 192.0.2.11/60", "b.example.": "192.0.2.2/60"})
	failing := map[string]bool{}
	a := &Asked{
		Plan:  planOf(t, "a.example.", "order b.example", LastGood{}),
		Fails: func(addr netip.Addr) bool { return failing[addr.String()] },
	}
	w.choose(a)
	w.book.Turn()
	failing["192.0.2.1"] = true
	if got := w.choose(a); got != "a b, 2 up" {
		t.Error(got)
	}
	failing["192.0.2.11"] = true
	if got := w.choose(a); got != "b a, 1 up, fails, moved" {
		t.Error(got)
	}
	failing["192.0.2.2"] = true
	if got := w.choose(a); got != "a b, 0 up, moved" {
		t.Error(got)
	}
}

func TestTargetsByWeight(t *testing.T) {
	w := newWorld(t, map[string]string{"a.example.": "192.0.2.1/60", "b.example.": "192.0.2.2/60", "c.example.": "192.0.2.3/60"})
	drawn := 0
	a := &Asked{
		Plan:   planOf(t, "a.example.", "weight .=2 b.example=1 c.example=0", LastGood{}),
		Random: func(n int) int { return drawn % n },
	}
	w.choose(a)
	w.book.Turn()
	firsts := func(n int) (all []string) {
		for drawn = range n {
			first, _, _ := strings.Cut(w.choose(a), " ")
			all = append(all, first)
		}
		return all
	}
	if got := firsts(6); !slices.Equal(got, strings.Fields("a a b a a b")) {
		t.Errorf("got %v", got)
	}
	last := &Asked{Plan: planOf(t, "a.example.", "weight .=2 b.example=0 c.example=1", LastGood{}), Random: func(int) int { return 0 }}
	if got := w.choose(last); got != "a c b, 3 up" {
		t.Errorf("the one without weight is not the last: %s", got)
	}
	w.has["a.example."] = "SERVFAIL"
	w.pass(64 * time.Second)
	if got := firsts(3); !slices.Equal(got, strings.Fields("b b b")) {
		t.Errorf("without the first: got %v", got)
	}
	w.has["b.example."] = "SERVFAIL"
	w.pass(64 * time.Second)
	if got := firsts(3); !slices.Equal(got, strings.Fields("c c c")) {
		t.Errorf("with the one without weight alone: got %v", got)
	}
}

func TestAnAnswerHasOnlyTheChainOfItsName(t *testing.T) {
	m := &dns.Msg{Answer: []dns.RR{
		test.A("other.example.org. 60 IN A 192.0.2.9"),
		test.A("end.example.org. 30 IN A 192.0.2.1"),
		test.CNAME("middle.example.org. 20 IN CNAME end.example.org."),
		test.CNAME("DB.example.org. 60 IN CNAME middle.example.org."),
		test.A("end.example.org. 30 IN A 169.254.169.254"),
		test.AAAA("end.example.org. 30 IN AAAA 2001:db8::1"),
		test.RRSIG("end.example.org. 30 IN RRSIG A 8 3 30 20300101000000 20200101000000 1 example.org. AAAA"),
	}}
	f := Read(m, db, dns.TypeA, nil)
	if f.Result != Good || f.TTL != 20*time.Second || len(f.Records) != 3 || fmt.Sprint(f.Addresses) != "[192.0.2.1]" {
		t.Errorf("got %+v", f)
	}
	loop := &dns.Msg{Answer: []dns.RR{test.CNAME("a.example. 60 IN CNAME b.example."), test.CNAME("b.example. 60 IN CNAME a.example.")}}
	if f := Read(loop, "a.example.", dns.TypeA, nil); f.Result != NoAddress || len(f.Records) != longestChain {
		t.Errorf("a loop: got %+v", f)
	}
}
