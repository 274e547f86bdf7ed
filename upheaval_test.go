package endpoints

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"

	"pgregory.net/rapid"
)

const (
	upheavalChanges  = 5000
	changesPerSecond = 2000
	// relistEvery and reloadEvery are in changes; what a relist tells of at once is
	// what was missed, and a reload to a cache of its own serves what is known for
	// some changes before its first list is complete.
	relistEvery, relistMissed  = 47, 5
	reloadEvery, reloadUnknown = 101, 23
)

// An epoch is a generation of the plugin in an upheaval.
type epoch struct {
	server   wholeServer
	handover *handover
	naming   roster.Naming
	// applied is what its cache was told, and published what is visible, both in
	// changes.
	applied, published *atomic.Int64
	// synced is the change after which its first list is complete.
	synced int
	over   *atomic.Bool
}

// An upheaval is a cluster that changes 2,000 times per second while lists are
// made anew, the plugin is reloaded, and questions are asked.
type upheaval struct {
	drawnHistory
	stanzas map[roster.Naming]*corefile.Stanza
	models  map[roster.Naming][]func() *naive

	begun   atomic.Int64
	current atomic.Pointer[epoch]
	over    atomic.Bool
	checked atomic.Int64

	relists, reloads int
	// nextRelist and nextReload are in changes.
	nextRelist, nextReload int
	publishers             sync.WaitGroup

	mu     sync.Mutex
	faults []error
}

func newUpheaval(h drawnHistory) *upheaval {
	u := &upheaval{
		drawnHistory: h,
		stanzas:      make(map[roster.Naming]*corefile.Stanza),
		models:       make(map[roster.Naming][]func() *naive),
	}
	for _, naming := range []roster.Naming{roster.ByHostname, roster.ByPodName} {
		s := testStanza()
		s.Settings.Naming = naming
		u.stanzas[naming] = s
		for _, state := range h.states {
			u.models[naming] = append(u.models[naming], sync.OnceValue(func() *naive { return state.model(s) }))
		}
	}
	return u
}

// TestEveryAnswerInAnUpheavalIsThatOfAStateInBetween is held to the same as
// TestEveryAnswerIsThatOfAStateInBetween.
func TestEveryAnswerInAnUpheavalIsThatOfAStateInBetween(t *testing.T) {
	seed := int(time.Now().UnixNano() & 0xffffff)
	t.Logf("the seed is %d", seed)
	u := newUpheaval(rapid.Custom(func(t *rapid.T) drawnHistory { return drawHistory(t, upheavalChanges, 400) }).Example(seed))
	began := time.Now()
	u.run()
	seconds := time.Since(began).Seconds()
	t.Logf("%.0f changes per second for %.1f s, %d relists, %d reloads: %d answers checked, %d wrong",
		float64(u.begun.Load())/seconds, seconds, u.relists, u.reloads, u.checked.Load(), len(u.faults))
	if len(u.faults) > 0 {
		t.Error(errors.Join(u.faults[:min(len(u.faults), 3)]...))
	}
	if u.checked.Load() == 0 || u.relists == 0 || u.reloads == 0 {
		t.Error("too little happened")
	}
}

func (u *upheaval) run() {
	u.replace(u.begin(roster.ByHostname, 0))
	var askers sync.WaitGroup
	for i := range 3 {
		askers.Go(func() { u.ask(i) })
	}
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for n, began := 0, time.Now(); n+relistMissed < len(u.changed); {
		<-ticker.C
		for due := int(changesPerSecond * time.Since(began).Seconds()); n < due && n+relistMissed < len(u.changed); {
			n = u.step(n)
		}
	}
	u.over.Store(true)
	askers.Wait()
	u.end(u.current.Load())
	u.publishers.Wait()
}

// step makes what comes after n changes happen, and returns how many there are
// then.
func (u *upheaval) step(n int) int {
	e := u.current.Load()
	switch {
	case n == e.synced:
		e.handover.Synced()
		e.applied.Store(int64(n))
		e.handover.cache.wakeUp()
	case n > e.synced && n >= u.nextReload:
		u.nextReload = n + reloadEvery
		u.reload(e, n)
	}
	if e := u.current.Load(); n > e.synced && n >= u.nextRelist {
		u.nextRelist = n + relistEvery
		u.relists++
		u.tell(e, n+relistMissed, u.missed(n, n+relistMissed))
		return n + relistMissed
	}
	u.tell(u.current.Load(), n+1, []model.Change{change(u.changed[n], u.states[n+1][u.changed[n]])})
	return n + 1
}

// missed is what a list tells after some changes: of all that exists, whether it
// changed or not.
func (u *upheaval) missed(from, to int) (changes []model.Change) {
	for key := range u.states[from] {
		if u.states[to][key] == nil {
			changes = append(changes, change(key, nil))
		}
	}
	return append(changes, u.states[to].changes()...)
}

func (u *upheaval) tell(e *epoch, n int, changes []model.Change) {
	u.begun.Store(int64(n))
	e.handover.Apply(changes)
	if n > e.synced {
		e.applied.Store(int64(n))
	}
	e.handover.cache.wakeUp()
}

// reload keeps the feed, or begins another one whose source has yet to list.
func (u *upheaval) reload(old *epoch, n int) {
	u.reloads++
	if u.reloads%2 == 0 {
		kept := *old
		kept.server = newServer(u.stanzas[old.naming], old.handover.cache)
		u.current.Store(&kept)
		return
	}
	naming := roster.ByHostname
	if old.naming == naming {
		naming = roster.ByPodName
	}
	u.replace(u.begin(naming, n))
	u.end(old)
}

func (u *upheaval) replace(e *epoch) { u.current.Store(e) }

// begin returns an epoch that serves what is known after n changes, like one
// that inherits it, and lists the same.
func (u *upheaval) begin(naming roster.Naming, n int) *epoch {
	s := u.stanzas[naming]
	c := newCache(s.Settings, false)
	e := &epoch{
		server: newServer(s, c), handover: newHandover(c), naming: naming, synced: n + reloadUnknown,
		applied: new(atomic.Int64), published: new(atomic.Int64), over: new(atomic.Bool),
	}
	e.handover.restore(snapshot.Content{Objects: u.states[n].changes()})
	e.handover.Apply(u.states[n].changes())
	e.applied.Store(int64(n))
	e.published.Store(int64(n))
	u.publishers.Go(e.publish)
	return e
}

func (u *upheaval) end(e *epoch) {
	e.over.Store(true)
	e.handover.cache.wakeUp()
}

func (e *epoch) publish() {
	c := e.handover.cache
	for !e.over.Load() {
		<-c.wake
		n := e.applied.Load()
		c.publish()
		e.published.Store(n)
	}
	c.close()
}

func (u *upheaval) ask(first int) {
	for i := first; !u.over.Load(); i++ {
		q := u.questions[i%len(u.questions)].Copy()
		e := u.current.Load()
		from := e.published.Load()
		got, err := e.server.answer(q)
		to := u.begun.Load()
		if err == nil {
			models := make([]*naive, 0, to+1-from)
			for _, m := range u.models[e.naming][from : to+1] {
				models = append(models, m())
			}
			err = ofOne(q, got, models)
		}
		u.checked.Add(1)
		// The changes are to keep their pace beside what does nothing but ask.
		runtime.Gosched()
		if err != nil {
			u.mu.Lock()
			u.faults = append(u.faults, fmt.Errorf("after %d to %d changes: %w", from, to, err))
			u.mu.Unlock()
		}
	}
}
