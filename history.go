package endpoints

import (
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/index"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/why"
)

// tape is where it is recorded what Services were. A reload hands it on: of the recordings
// that have it, the one that came last writes.
type tape struct {
	*history.Recorder
	size int

	mu      sync.Mutex
	writers []*recording
	// last is who wrote last.
	last *recording
}

// recording is what a cache does with a tape. The zero value does nothing.
type recording struct {
	// tape is nil where no history is kept.
	tape *tape
	now  func() time.Time
	// resumes is why what was known before a start differs from the first list.
	resumes history.Cause
	// plain is what is kept of a headless Service without annotations: nearly all are such.
	plain string
}

// processBegan is what the times of all tapes are measured from.
var processBegan = time.Now()

func (r *recording) instant() history.Instant {
	now := r.now()
	return history.Instant{Wall: now, Elapsed: now.Sub(processBegan)}
}

// open begins a tape of so many bytes, unless that is 0.
func (r *recording) open(size int, now func() time.Time) {
	if size == 0 {
		return
	}
	r.now = now
	r.hold(&tape{Recorder: history.New(size, r.instant()), size: size})
}

func (r *recording) hold(t *tape) {
	r.tape = t
	tapes.enter(t)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writers, t.last = append(t.writers, r), r
}

// takeOver goes on with the tape of another recording.
func (r *recording) takeOver(from *recording, now func() time.Time) {
	r.now = now
	r.hold(from.tape)
}

// reopen goes on with the tape of the process before, as it stands beside a snapshot, and
// returns until when that recorded. Where there is none, it begins one, and returns zero.
func (r *recording) reopen(size int, now func() time.Time, o snapshot.Option, origin string) (until time.Time) {
	if size == 0 {
		return until
	}
	r.now, r.resumes = now, history.ByRestart
	var known *history.Recorder
	ok := o.LoadHistory(origin, func(from io.Reader, accept func(snapshot.Header) error) (err error) {
		known, err = history.Decode(from, size, func(h history.Header) error {
			until = h.Written
			return accept(snapshot.Header{Origin: h.Origin, Current: h.Written})
		}, r.instant())
		return err
	})
	if !ok {
		r.open(size, now)
		return time.Time{}
	}
	r.hold(&tape{Recorder: known, size: size})
	return until
}

// restart takes note that what a snapshot has is served, which is of a time, and that nobody
// looked since another one, which is zero where nothing is known from before.
func (r *recording) restart(of, until time.Time, served *index.Map[string, *records.Set]) {
	if r.tape == nil {
		return
	}
	if until.IsZero() {
		r.begin(history.Restored, of.UTC().Format(time.RFC3339))
		return
	}
	now := r.instant()
	r.tape.Event(history.Restored, why.EventText(of.UTC().Format(time.RFC3339), until.Format(time.RFC3339)), now)
	r.tape.Resume(statesOf(served), now)
}

// statesOf yields how Services stand.
func statesOf(served *index.Map[string, *records.Set]) iter.Seq2[string, *history.State] {
	return func(yield func(string, *history.State) bool) {
		for key, set := range served.All {
			if !yield(key, set.State()) {
				return
			}
		}
	}
}

// end lets go of the tape. The recording that had it before, if there still is one, goes on.
func (r *recording) end() {
	if r.tape == nil {
		return
	}
	tapes.leave(r.tape)
	r.tape.mu.Lock()
	defer r.tape.mu.Unlock()
	r.tape.writers = slices.DeleteFunc(r.tape.writers, func(w *recording) bool { return w == r })
}

// writes reports whether there is a tape, and no other recording writes on it.
func (r *recording) writes() bool {
	if r.tape == nil {
		return false
	}
	r.tape.mu.Lock()
	defer r.tape.mu.Unlock()
	n := len(r.tape.writers)
	return n > 0 && r.tape.writers[n-1] == r
}

// turn reports whether what changes in this turn is recorded. Where another recording has
// written since the last one, because of a reload that failed, what differs from that is
// recorded first.
func (r *recording) turn(served *index.Map[string, *records.Set]) bool {
	if !r.writes() {
		return false
	}
	if r.tape.takeTurn(r) {
		return true
	}
	var all []decision
	for key, set := range served.All {
		all = append(all, decision{key: key, before: set, after: set, cause: history.ByCorefile})
	}
	r.record(all)
	return true
}

// takeTurn makes a recording the one that wrote last, and reports whether it was that before.
func (t *tape) takeTurn(r *recording) (again bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	again, t.last = t.last == r, r
	return again
}

// begin takes note that a first full state is served: what was before that was not whole.
func (r *recording) begin(kind history.Kind, text string) {
	if r.tape == nil {
		return
	}
	now := r.instant()
	r.tape.Begin(now)
	r.tape.Event(kind, text, now)
}

// event takes note of what happened to this server.
func (r *recording) event(kind history.Kind, text string) {
	if r.writes() {
		r.tape.Event(kind, text, r.instant())
	}
}

// reload records what a reload changes, between what was served before and what is now.
func (r *recording) reload(before, after *index.Map[string, *records.Set]) {
	r.event(history.Reloaded, "")
	var all []decision
	for key, set := range after.All {
		was, _ := before.Get(key)
		all = append(all, decision{key: key, before: was, after: set, cause: history.ByCorefile})
	}
	for key, set := range before.All {
		if _, stays := after.Get(key); !stays {
			all = append(all, decision{key: key, before: set, cause: history.ByCorefile})
		}
	}
	r.record(all)
}

// decision is a change of what is served of one Service, by the key of its Set. Nil is a
// Service that is not served.
type decision struct {
	key           string
	before, after *records.Set
	cause         history.Cause
	// triggered is when that happened which led to it, zero where nobody noted it.
	triggered time.Time
}

// record records what has become visible.
func (r *recording) record(all []decision) {
	if len(all) == 0 {
		return
	}
	now := r.instant()
	for i := range all {
		d := &all[i]
		lag := time.Duration(0)
		if !d.triggered.IsZero() {
			lag = now.Wall.Sub(d.triggered)
		}
		r.tape.Record(d.key, d.before.State(), d.after.State(), d.cause, lag, now)
	}
}

// dirt has the Services to be compiled, and why.
type dirt map[model.ServiceKey]history.Cause

// mark takes note of one. Of several causes the one counts that says most.
func (d dirt) mark(key model.ServiceKey, cause history.Cause) {
	if known, there := d[key]; !there || cause > known {
		d[key] = cause
	}
}

// about is what the history keeps of a Service as a whole. Only who publishes calls it.
func (r *recording) about(object *model.Service, by *corefile.Settings) string {
	if object.Kind != model.Headless || len(object.Annotations) > 0 {
		return aboutOf(object, by)
	}
	if r.plain == "" {
		r.plain = aboutOf(object, by)
	}
	return r.plain
}

// aboutOf is what the history keeps of a Service as a whole, with what is wrong with its
// annotations. It reads them again: nobody else needs to know that later.
func aboutOf(object *model.Service, by *corefile.Settings) string {
	o, wrong := by.Of(object)
	facts := why.Facts{Kind: "headless", Policy: o.Policy.String(), Drain: o.Drain}
	if object.Kind == model.ExternalName {
		facts = why.Facts{Kind: "ExternalName", Target: strings.TrimSuffix(object.Target, ".")}
	}
	for _, a := range object.Annotations {
		facts.Own = append(facts.Own, strings.ReplaceAll(a.Name, "-", "_"))
	}
	if wrong != nil {
		facts.LeftOut = wrong.Error()
	}
	return string(facts.About())
}
