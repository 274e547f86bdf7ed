package history

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func BenchmarkRecord(b *testing.B) {
	for _, n := range []int{3, 100, 1000, 10_000} {
		up, sick := workload(n, -1, 0), (*State)(nil)
		sick = up.marked(sickMark, n/2)
		b.Run(fmt.Sprintf("flip/%d", n), func(b *testing.B) { record(b, []*State{sick, up}) })
		b.Run(fmt.Sprintf("replaced/%d", n), func(b *testing.B) { record(b, []*State{workload(n, n/2, n+1), up}) })
	}
}

// record records that a Service goes round through states.
func record(b *testing.B, states []*State) {
	r := New(DefaultSize, after(0))
	last, i := states[len(states)-1], 0
	b.ReportAllocs()
	for b.Loop() {
		next := states[i%len(states)]
		r.Record("web.n", last, next, BySlice, 0, after(time.Duration(i)*time.Millisecond))
		last = next
		i++
	}
}

// BenchmarkFull is a change where each page has to be taken from somebody.
func BenchmarkFull(b *testing.B) {
	const services = 10_000
	w := newMixed(services)
	for w.r.dropped == 0 {
		w.change()
	}
	b.ReportAllocs()
	for b.Loop() {
		w.change()
	}
}

// BenchmarkHour is an hour of 100 changes a second in 10,000 Services: what it takes.
func BenchmarkHour(b *testing.B) {
	for b.Loop() {
		w := newMixed(10_000)
		for range 360_000 {
			w.change()
		}
		size := w.r.Size()
		b.ReportMetric(float64(w.r.arena.made-w.r.arena.spare)*pageSize, "bytes")
		b.ReportMetric(float64(size.Dropped), "dropped-bytes")
		b.ReportMetric(float64(size.Bytes-int64(w.r.arena.bytes()))/10_000, "bookkeeping-B/service")
	}
}

// mixed is a load of which 60 % are flips, and in the rest a Pod is replaced.
type mixed struct {
	r      *Recorder
	names  []string
	last   []*State
	states [3]*State
	now    time.Duration
	random *rand.Rand
}

func newMixed(services int) *mixed {
	up := workload(6, -1, 0)
	w := &mixed{
		r: New(DefaultSize, after(0)), last: make([]*State, services), random: rand.New(rand.NewPCG(1, 2)),
		states: [3]*State{up, up.marked(sickMark, 2), workload(6, 4, 9)},
	}
	for i := range services {
		w.names, w.last[i] = append(w.names, fmt.Sprintf("service-%d.shop", i)), up
	}
	return w
}

func (w *mixed) change() {
	w.now += 10 * time.Millisecond
	i := w.random.IntN(len(w.names))
	next := w.states[1]
	if w.random.IntN(10) >= 6 {
		next = w.states[2]
	}
	if next == w.last[i] {
		next = w.states[0]
	}
	w.r.Record(w.names[i], w.last[i], next, BySlice, 180*time.Millisecond, after(w.now))
	w.last[i] = next
}

// BenchmarkRead reads what one page of a Service with 1,000 endpoints needs, of an hour with
// 10 changes a second, in up to 20,000 entries.
func BenchmarkRead(b *testing.B) {
	r, up := New(DefaultSize, after(0)), workload(1000, -1, 0)
	last, now := up, time.Duration(0)
	for i := range 36_000 {
		next := up
		if i%2 == 0 {
			next = up.marked(sickMark, i/2%1000)
		}
		now += 100 * time.Millisecond
		r.Record("web.n", last, next, BySlice, 0, after(now))
		last = next
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := r.Read("web.n", nil, after(now))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Spans(epoch, epoch.Add(now)); err != nil {
			b.Fatal(err)
		}
	}
}
