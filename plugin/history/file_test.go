package history

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"pgregory.net/rapid"
)

func acceptAll(Header) error { return nil }

// served yields the last state of each oracle that is served.
func served(all map[string]*oracle) iter.Seq2[string, *State] {
	return func(yield func(string, *State) bool) {
		for service, o := range all {
			if s := o.last(); s != nil && !yield(service, s) {
				return
			}
		}
	}
}

// anew returns the state as another process makes it.
func anew(s *State) *State {
	if s == nil {
		return nil
	}
	w := newWalk(s)
	next := *s
	next.Roster = rosterOf(w.who)
	return &next
}

// restarted returns the Recorder of another process, before which some Services changed.
func restarted(t *rapid.T, r *Recorder, all map[string]*oracle, now time.Duration) (*Recorder, time.Duration) {
	var file bytes.Buffer
	if err := r.Encode(&file, "here", served(all), after(now)); err != nil {
		t.Fatal(err)
	}
	now += time.Duration(rapid.IntRange(0, 100_000).Draw(t, "ms")) * time.Millisecond
	next, err := Decode(&file, MinSize, acceptAll, Instant{epoch.Add(now), time.Second})
	if err != nil {
		t.Fatal(err)
	}
	began := next.clock.start
	for _, service := range slices.Sorted(maps.Keys(all)) {
		o := all[service]
		s := anew(o.last())
		if rapid.IntRange(0, 2).Draw(t, "changes") == 0 {
			s = drawState(t, s)
		}
		o.at, o.states = append(o.at, now), append(o.states, s)
	}
	next.Resume(served(all), Instant{epoch.Add(now), time.Second})
	// The clock of the test goes on as if nothing was.
	next.clock.start = began + after(now).Elapsed - time.Second
	checkArena(t, next)
	return next, now
}

func TestAFileIsRefusedAsAWhole(t *testing.T) {
	r, up := New(MinSize, after(0)), workload(3, -1, 0)
	r.Record("web.n", up, up.marked(sickMark, 1), BySlice, time.Second, after(time.Second))
	r.Record("web.n", nil, workload(3, 1, 7), BySlice, 0, after(2*time.Second))
	r.Event(Lost, "connection refused", after(3*time.Second))
	var file bytes.Buffer
	if err := r.Encode(&file, "here", maps.All(map[string]*State{"quiet.n": up}), after(4*time.Second)); err != nil {
		t.Fatal(err)
	}
	whole := file.Bytes()
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1
		if _, err := Decode(bytes.NewReader(damaged), MinSize, acceptAll, after(5*time.Second)); err == nil {
			t.Errorf("with byte %d of %d damaged, it is read", i, len(whole))
		}
		if _, err := Decode(bytes.NewReader(whole[:i]), MinSize, acceptAll, after(5*time.Second)); err == nil {
			t.Errorf("%d of its %d bytes are read", i, len(whole))
		}
	}
	other := bytes.Clone(whole)
	other[len(fileMark)]++
	if _, err := Decode(bytes.NewReader(other), MinSize, acceptAll, after(5*time.Second)); !errors.Is(err, ErrVersion) {
		t.Errorf("of another version: %v", err)
	}
	refused := errors.New("refused")
	if _, err := Decode(bytes.NewReader(whole), MinSize, func(h Header) error {
		if h.Origin != "here" || !h.Written.Equal(epoch.Add(4*time.Second)) {
			t.Errorf("the header is %+v", h)
		}
		return refused
	}, after(5*time.Second)); !errors.Is(err, refused) {
		t.Errorf("not accepted: %v", err)
	}
}

// What a larger history has is cut to what there is room for.
func TestAFileOfALargerHistoryIsRead(t *testing.T) {
	r, up := New(1<<20, after(0)), workload(3, -1, 0)
	states := []*State{up, up.marked(sickMark, 1)}
	last := make(map[string]*State)
	for i := range 60_000 {
		service := fmt.Sprintf("%d.n", i%50)
		r.Record(service, states[i/50%2], states[(i/50+1)%2], BySlice, 0, after(time.Duration(i)*time.Millisecond))
		last[service] = states[(i/50+1)%2]
	}
	var file bytes.Buffer
	if err := r.Encode(&file, "here", maps.All(last), after(time.Minute)); err != nil {
		t.Fatal(err)
	}
	next, err := Decode(&file, MinSize, acceptAll, after(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	next.Resume(maps.All(last), after(time.Minute))
	checkArena(t, next)
	for service := range last {
		s, err := next.Read(service, nil, after(time.Minute))
		if err != nil || len(s.at) < 50 {
			t.Fatalf("of %s %d decisions are left, %v", service, len(s.at), err)
		}
		if m, known, err := s.At(s.Known()); err != nil || !known || len(m.Endpoints) != 3 {
			t.Errorf("%s was %+v, %v, %v", service, m, known, err)
		}
	}
	if next.Size().Dropped == 0 {
		t.Error("nothing was dropped")
	}
}

// Of a Service that had not changed it is known whether it did while nobody looked.
func TestWhatChangedWhileNobodyLooked(t *testing.T) {
	r, up := New(MinSize, after(0)), workload(3, -1, 0)
	sick := up.marked(sickMark, 1)
	before := map[string]*State{"stays.n": up, "turns.n": up, "goes.n": up, "is.n": up}
	r.Record("is.n", up, sick, BySlice, 0, after(time.Second))
	r.Record("is.n", sick, up, BySlice, 0, after(2*time.Second))
	var file bytes.Buffer
	if err := r.Encode(&file, "here", maps.All(before), after(time.Minute)); err != nil {
		t.Fatal(err)
	}
	next, err := Decode(&file, MinSize, acceptAll, after(2*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	next.Resume(maps.All(map[string]*State{"stays.n": anew(up), "turns.n": sick, "comes.n": up, "is.n": sick}), after(2*time.Minute))
	for service, known := range map[string]time.Duration{"stays.n": 0, "turns.n": 2 * time.Minute, "goes.n": 2 * time.Minute, "comes.n": 2 * time.Minute, "is.n": 0} {
		s, err := next.Read(service, up, after(3*time.Minute))
		if service == "goes.n" {
			s, err = next.Read(service, nil, after(3*time.Minute))
		}
		if err != nil || !s.Known().Equal(epoch.Add(known)) {
			t.Errorf("%s is known since %v, %v", service, s.Known(), err)
		}
	}
	all, err := read(t, next, "is.n", 3*time.Minute).Decisions(epoch, epoch.Add(time.Hour), 10)
	if err != nil || len(all) != 3 || all[0].Cause != ByRestart || !all[0].At.Equal(epoch.Add(2*time.Minute)) || all[2].Cause != BySlice {
		t.Errorf("it went through %+v, %v", all, err)
	}
}

// Whatever a file has, reading it ends with an error or with a Recorder, and in memory that is
// about as large.
func FuzzDecode(f *testing.F) {
	r, up := New(MinSize, after(0)), workload(3, -1, 0)
	f.Add([]byte(nil))
	damped := up.marked(health.Mark(health.Damped), 0, 1)
	damped.Until = map[roster.At]time.Time{1: epoch.Add(time.Hour)}
	for i, each := range []*State{up.marked(sickMark, 1), damped, workload(3, 1, 7), nil} {
		r.Record("web.n", up, each, BySlice, time.Second, after(time.Duration(i)*time.Second))
		var file bytes.Buffer
		if err := r.Encode(&file, "here", maps.All(map[string]*State{"quiet.n": up}), after(time.Minute)); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes()[:file.Len()-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		sum := sha256.Sum256(data)
		before := allocated()
		r, err := Decode(bytes.NewReader(append(data, sum[:]...)), MinSize, acceptAll, after(time.Hour))
		if got := allocated() - before; got > 8<<20+200*uint64(len(data)) {
			t.Errorf("%d bytes take %d", len(data), got)
		}
		if err != nil {
			return
		}
		r.Resume(maps.All(map[string]*State{"web.n": up, "quiet.n": up}), after(time.Hour))
		for service := range r.places {
			if s, err := r.Read(service, nil, after(time.Hour)); err == nil {
				_, _ = s.Spans(epoch, epoch.Add(time.Hour))
			}
		}
		checkArena(t, r)
	})
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func BenchmarkFile(b *testing.B) {
	w := newMixed(10_000)
	for range 360_000 {
		w.change()
	}
	var file bytes.Buffer
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			file.Reset()
			if err := w.r.Encode(&file, "here", func(func(string, *State) bool) {}, after(w.now)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(file.Len()), "bytes")
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := Decode(bytes.NewReader(file.Bytes()), DefaultSize, acceptAll, after(w.now)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
