package engine

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
)

// awake is for how many seconds after a question the targets of a Service are checked at
// full speed.
const awake = 300

// Group is what is checked of one Service. Its methods may be called at any time, also at
// once, and do not wait for the engine.
type Group struct {
	key     model.ServiceKey
	changed func()
	mail    *mailbox
	// second is the mailbox's.
	second *atomic.Int64
	found  atomic.Pointer[check.Findings]
	// asked is the second of the last question.
	asked atomic.Int64

	// order is what the Service wants by now, and nil once the engine knows; woken means that
	// it was asked for after a long time. posted means that it is in the mailbox. The mailbox
	// guards these.
	order         *order
	woken, posted bool

	// The engine alone has the rest.
	spec        *spec
	guard       *check.Guard
	namespace   *namespace
	failOpenOff bool
	// members are sorted by their addresses.
	members []member
	// stale means that what was found has changed, and waits that there was no budget for some
	// members.
	stale, waits bool
	// closed means that nobody wants to hear of changes any more.
	closed bool
}

// order is what a Service wants to have checked. It is never written to.
type order struct {
	spec        check.Spec
	guard       *check.Guard
	failOpenOff bool
	targets     []netip.AddrPort
	closed      bool
}

// Watch begins or changes what is checked of the Service; no targets end it. What is not
// admitted by the guard is found to be check.NotAllowed. A Service with failOpenOff wants to
// be empty where nothing passes, so its checks count also while this process may be cut off.
// The addresses of the targets are unique; the caller leaves the list alone from now on. Of
// calls in quick succession, the last one counts.
func (g *Group) Watch(s check.Spec, guard *check.Guard, failOpenOff bool, targets []netip.AddrPort) {
	g.mail.postOrder(g, &order{spec: s, guard: guard, failOpenOff: failOpenOff, targets: targets})
}

// Close ends what is checked. A call of changed that has begun may still be under way.
func (g *Group) Close() { g.mail.postOrder(g, &order{closed: true}) }

// Findings returns what was found up to the last whole second, or nil before the first.
func (g *Group) Findings() *check.Findings { return g.found.Load() }

// Asked notes that somebody has asked for the Service, whose targets are checked at full
// speed from then on. Without a Group, it does nothing. It does not allocate, and writes
// once a second at most.
func (g *Group) Asked() {
	if g != nil && g.asked.Load() != g.second.Load() {
		g.askedAgain()
	}
}

// askedAgain is the rest of Asked, which is short enough to be inlined without it.
func (g *Group) askedAgain() {
	second := g.second.Load()
	if last := g.asked.Swap(second); second-last >= awake {
		g.mail.postQuestion(g)
	}
}

// isAwake reports whether the Service was asked for of late.
func (g *Group) isAwake(second int64) bool { return second-g.asked.Load() < awake }

// mailbox is how others reach the engine. It has each Group once at most, and a result for
// each check that is under way, so it cannot grow without bound.
type mailbox struct {
	// second is how long the engine runs, as it knew when it last looked at the time.
	second atomic.Int64
	// wake has something after anything has come.
	wake chan struct{}

	mu       sync.Mutex
	groups   []*Group
	results  []result
	restored []check.Remembered
}

// result is how a check ended, when it began, and how long it took.
type result struct {
	task  *task
	cause check.Cause
	began time.Time
	took  time.Duration
}

// letter is what a Group said.
type letter struct {
	group *Group
	order *order
	woken bool
}

func (m *mailbox) postOrder(g *Group, o *order) {
	m.mu.Lock()
	// What is closed stays closed.
	o.closed = o.closed || g.order != nil && g.order.closed
	g.order = o
	m.post(g)
	m.mu.Unlock()
	m.ring()
}

func (m *mailbox) postQuestion(g *Group) {
	m.mu.Lock()
	g.woken = true
	m.post(g)
	m.mu.Unlock()
	m.ring()
}

func (m *mailbox) post(g *Group) {
	if !g.posted {
		g.posted = true
		m.groups = append(m.groups, g)
	}
}

func (m *mailbox) postResult(r result) {
	m.mu.Lock()
	m.results = append(m.results, r)
	m.mu.Unlock()
	m.ring()
}

func (m *mailbox) postRestored(all []check.Remembered) {
	m.mu.Lock()
	m.restored = all
	m.mu.Unlock()
	m.ring()
}

func (m *mailbox) ring() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// takeResults returns the results that have come, in the room of those that were taken before.
func (m *mailbox) takeResults(taken []result) []result {
	clear(taken)
	m.mu.Lock()
	defer m.mu.Unlock()
	results := m.results
	m.results = taken[:0]
	return results
}

// takeLetters appends what Groups said, of as many as there may be, in the order in which
// they came.
func (m *mailbox) takeLetters(letters []letter, most int) []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := min(most, len(m.groups))
	for _, g := range m.groups[:n] {
		letters = append(letters, letter{g, g.order, g.woken})
		g.order, g.woken, g.posted = nil, false, false
	}
	clear(m.groups[:n])
	if m.groups = m.groups[n:]; len(m.groups) == 0 {
		m.groups = nil
	}
	return letters
}

func (m *mailbox) takeRestored() []check.Remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.restored
	m.restored = nil
	return all
}

// hasLetters reports whether there are more of them.
func (m *mailbox) hasLetters() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.groups) > 0 || m.restored != nil
}
