package engine

import (
	"cmp"
	"container/heap"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// world is an engine whose time passes when a test says so, and the targets that it checks.
type world struct {
	t    testing.TB
	e    *Engine
	core *core
	now  time.Time
	next time.Time

	guard *check.Guard
	// answer says how a target answers, and after how long.
	answer  func(w *world, at netip.AddrPort, s *check.Spec) (check.Cause, time.Duration)
	flights flights
	// dials are all that were made.
	dials []dial
	lines []string
	*counts
}

// dial is a check that was begun.
type dial struct {
	at   netip.AddrPort
	path string
	when time.Duration
}

// flight is a check that is under way.
type flight struct {
	task  *task
	began time.Time
	ends  time.Time
	cause check.Cause
}

// flights are in the order in which they end.
type flights []flight

func (f flights) Len() int           { return len(f) }
func (f flights) Less(i, j int) bool { return f[i].ends.Before(f[j].ends) }
func (f flights) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)        { *f = append(*f, x.(flight)) }
func (f *flights) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}

// begin is a whole second.
var begin = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// everything allows all addresses that the tests use.
func everything(t testing.TB) *check.Guard {
	t.Helper()
	return guardOf(t, "*", "to", "10.0.0.0/8", "ports", "1-65535", "kinds",
		"tcp", "tls", "http", "https", "grpc", "dns", "postgres", "redis")
}

func guardOf(t testing.TB, args ...string) *check.Guard {
	t.Helper()
	allow, err := check.ParseAllow(args)
	if err != nil {
		t.Fatal(err)
	}
	terms := check.DefaultTerms()
	terms.Mode, terms.Allow = check.On, allow
	return terms.Guard()
}

// newWorld returns a world in which each target passes after a millisecond, and no delay is
// longer or shorter than it should be.
func newWorld(t testing.TB, rate, inflight int) *world {
	t.Helper()
	w := &world{t: t, now: begin, guard: everything(t), counts: newCounts()}
	w.answer = func(*world, netip.AddrPort, *check.Spec) (check.Cause, time.Duration) {
		return check.Passed, time.Millisecond
	}
	w.e = New(Options{
		Rate: rate, Inflight: inflight, Metrics: w.counts,
		Now: func() time.Time { return w.now },
		Log: func(format string, args ...any) { w.lines = append(w.lines, fmt.Sprintf(format, args...)) },
	})
	w.core = w.e.core
	w.core.random = func() float64 { return 0.5 }
	w.core.launch = w.launch
	return w
}

func (w *world) launch(t *task) {
	for _, o := range t.owners[:1] {
		if refusal := o.group.guard.Admit(o.group.key.Namespace, t.at, t.spec.Kind); refusal != check.NoRefusal {
			w.t.Errorf("%v was dialled, though it is refused: %v", t.at, refusal)
		}
	}
	cause, took := w.answer(w, t.at, &t.spec.Spec)
	if took >= t.spec.Timeout {
		cause, took = check.TimedOut, t.spec.Timeout
	}
	w.dials = append(w.dials, dial{t.at, t.spec.Path, w.now.Sub(begin)})
	heap.Push(&w.flights, flight{task: t, began: w.now, ends: w.now.Add(took), cause: cause})
}

// land posts the results of the checks that have ended.
func (w *world) land() {
	for len(w.flights) > 0 && !w.flights[0].ends.After(w.now) {
		f := heap.Pop(&w.flights).(flight)
		w.e.mail.postResult(result{task: f.task, cause: f.cause, began: f.began, took: w.now.Sub(f.began)})
	}
}

// turn lets the engine do what there is to do now.
func (w *world) turn() {
	w.land()
	next, some := w.core.turn(w.now)
	w.next = time.Time{}
	if some {
		w.next = w.core.begin.Add(next)
		if !w.next.After(w.now) {
			w.t.Fatalf("at %v, the next turn is at %v, which is no progress", w.now, w.next)
		}
	}
}

// pass lets time pass, and the engine run in it.
func (w *world) pass(d time.Duration) { w.passBy(d, w.turn) }

// passBy lets time pass, with a turn whenever one is due.
func (w *world) passBy(d time.Duration, turn func()) {
	end := w.now.Add(d)
	turn()
	for w.now.Before(end) {
		at := end
		if !w.next.IsZero() && w.next.Before(at) {
			at = w.next
		}
		if len(w.flights) > 0 && w.flights[0].ends.Before(at) {
			at = w.flights[0].ends
		}
		w.now = at
		turn()
	}
}

// stop lets time pass in which this process does not run.
func (w *world) stop(d time.Duration) {
	w.now = w.now.Add(d)
	w.turn()
}

// service begins the checks of a Service.
func (w *world) service(name string, s check.Spec, targets ...netip.AddrPort) *Group {
	g := w.e.Group(keyOf(name), func() {})
	g.Watch(s, w.guard, false, targets)
	return g
}

// keyOf returns the key of namespace/name.
func keyOf(text string) model.ServiceKey {
	for i := range text {
		if text[i] == '/' {
			return model.ServiceKey{Namespace: text[:i], Name: text[i+1:]}
		}
	}
	return model.ServiceKey{Namespace: "databases", Name: text}
}

// dialsOf returns when an address was dialled.
func (w *world) dialsOf(at netip.AddrPort) (when []time.Duration) {
	for _, d := range w.dials {
		if d.at == at {
			when = append(when, d.when)
		}
	}
	return when
}

// tcp is the default of a stanza.
func tcp() check.Spec {
	t := check.DefaultTerms()
	return check.Spec{Kind: check.TCP, Interval: t.Interval, Idle: t.Idle, Timeout: t.Timeout, Fall: t.Fall, Rise: t.Rise}
}

// web asks for a path.
func web(path string) check.Spec {
	s := tcp()
	s.Kind, s.Path = check.HTTP, path
	return s
}

// target returns the nth target.
func target(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 5432)
}

// targets returns n of them, the first one being the one given.
func targets(first, n int) (all []netip.AddrPort) {
	for i := range n {
		all = append(all, target(first+i))
	}
	return all
}

// dead makes those targets fail for which it is true, in the way that is told.
func (w *world) dead(cause check.Cause, took time.Duration, of func(at netip.AddrPort) bool) {
	w.answer = func(_ *world, at netip.AddrPort, _ *check.Spec) (check.Cause, time.Duration) {
		if of(at) {
			return cause, took
		}
		return check.Passed, time.Millisecond
	}
}

// refuses makes the targets refuse connections.
func (w *world) refuses(all ...netip.AddrPort) {
	w.dead(check.Refused, time.Millisecond, func(at netip.AddrPort) bool { return slices.Contains(all, at) })
}

func every(netip.AddrPort) bool { return true }

// verdicts returns what was found of the targets.
func verdicts(g *Group, all ...netip.AddrPort) (found []check.Verdict) {
	for _, at := range all {
		v, _ := g.Findings().Of(at.Addr())
		found = append(found, v)
	}
	return found
}

// counts are Metrics that tests read.
type counts struct {
	checks   map[string]int
	checked  map[string]int
	turned   map[string]int
	refused  map[string]int
	lag      time.Duration
	inflight map[string]int
	blind    []bool
}

func newCounts() *counts {
	return &counts{
		checks: make(map[string]int), checked: make(map[string]int), turned: make(map[string]int),
		refused: make(map[string]int), inflight: make(map[string]int),
	}
}

func (c *counts) Checks(k check.Kind, v check.Verdict, n int) {
	c.checks[k.String()+" "+v.String()] = n
}
func (c *counts) Checked(k check.Kind, r check.Cause, _ time.Duration) {
	c.checked[k.String()+" "+r.String()]++
}
func (c *counts) Turned(k check.Kind, v check.Verdict) { c.turned[k.String()+" "+v.String()]++ }
func (c *counts) Refused(r check.Refusal)              { c.refused[r.String()]++ }
func (c *counts) Lag(lag time.Duration)                { c.lag = lag }
func (c *counts) Inflight(lane string, n int)          { c.inflight[lane] = n }
func (c *counts) Blind(blind bool)                     { c.blind = append(c.blind, blind) }

// between fails unless a value is in a range, both ends included.
func between[T cmp.Ordered](t testing.TB, what string, got, least, most T) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s is %v, want from %v to %v", what, got, least, most)
	}
}

// equal fails unless a value is what it should be.
func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if g, w := fmt.Sprintf("%v", got), fmt.Sprintf("%v", want); g != w {
		t.Errorf("%s is %s, want %s", what, g, w)
	}
}

// nothing answers, and is not to be blamed.
func nothing(*world, netip.AddrPort, *check.Spec) (check.Cause, time.Duration) {
	return check.Void, time.Millisecond
}
