package history

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

const (
	// upMark is a good endpoint that is ready and serves, and sickMark one that is not.
	upMark   = health.Mark(health.Good) | 1<<3 | 1<<4
	sickMark = health.Mark(health.Sick)
	dying    = health.Mark(health.Dying) | 1<<5
)

var onlyGood = [roster.Families]health.Rule{1 << health.Good, 1 << health.Good}

// workload returns the state of a Service with n Pods, all of them up, of which the one called
// but is replaced by one called by.
func workload(n, but, by int) *State {
	var all []model.Endpoint
	marks := make(map[netip.Addr]health.Mark)
	for i := range n {
		if i == but {
			i = by
		}
		address := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		all = append(all, model.Endpoint{Address: address, Pod: podName(i)})
		marks[address] = upMark
	}
	return stateOf(all, marks, onlyGood)
}

var podNames = make(map[int]string)

// podName returns one string for one Pod: the slices that a change leaves alone are the same.
func podName(i int) string {
	if podNames[i] == "" {
		podNames[i] = fmt.Sprintf("web-7d4b9c6f58-%09d", i)
	}
	return podNames[i]
}

// marked returns the state with other marks for some endpoints.
func (s *State) marked(m health.Mark, places ...int) *State {
	next, marks := *s, []byte(s.Marks)
	for _, at := range places {
		marks[at] = byte(m)
	}
	next.Marks = string(marks)
	return &next
}

func read(t testing.TB, r *Recorder, service string, now time.Duration) *Story {
	t.Helper()
	s, err := r.Read(service, nil, after(now))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// One Service that changes 200 times a second takes its own past away, and nobody else's.
func TestWhoChangesMostPays(t *testing.T) {
	const quiet, changes = 1000, 1_500_000
	r := New(4<<20, after(0))
	up := workload(3, -1, 0)
	states := []*State{up, up.marked(sickMark, 0)}
	now := time.Duration(0)
	for i := range changes {
		now += 5 * time.Millisecond
		r.Record("mad.n", states[i%2], states[(i+1)%2], BySlice, 0, after(now))
		if i%(changes/quiet/5) == 0 {
			n := i / (changes / quiet / 5)
			r.Record(fmt.Sprintf("quiet-%d.n", n%quiet), states[n/quiet%2], states[(n/quiet+1)%2], BySlice, 0, after(now))
		}
	}
	for i := range quiet {
		if s := read(t, r, fmt.Sprintf("quiet-%d.n", i), now); !s.Known().Equal(epoch) || len(s.at) != 5 {
			t.Fatalf("quiet-%d is known since %v, with %d decisions", i, s.Known(), len(s.at))
		}
	}
	if since := now - time.Duration(r.oldest(&r.all[r.places["mad.n"]]))*time.Millisecond; since < 45*time.Minute {
		t.Errorf("the one that changes all the time is known for %v", since)
	}
	if size := r.Size(); size.Dropped == 0 || size.Most != 4<<20 {
		t.Errorf("%+v", size)
	}
	checkArena(t, r)
}

func TestEachServiceKeepsItsShare(t *testing.T) {
	const services = 20
	r := New(MinSize, after(0))
	up := workload(3, -1, 0)
	sick := up.marked(sickMark, 0)
	for i := range 100_000 {
		// Some change ten times as often as others.
		service := i % services
		if i%10 > 0 {
			service /= 4
		}
		r.Record(fmt.Sprintf("%d.n", service), up, sick, BySlice, 0, after(time.Duration(i)*time.Millisecond))
		r.Record(fmt.Sprintf("%d.n", service), sick, up, BySlice, 0, after(time.Duration(i)*time.Millisecond))
	}
	most := r.arena.most
	for at := 1; at < len(r.loads); at++ {
		if pages := int(r.loads[at].pages); pages < (most-most/16-4)/services-1 {
			t.Errorf("%s has %d pages of %d", r.all[at].service, pages, most)
		}
	}
	checkArena(t, r)
}

func TestServicesThatAreGoneLoseFirst(t *testing.T) {
	r := New(MinSize, after(0))
	up := workload(3, -1, 0)
	states := []*State{up, up.marked(sickMark, 0)}
	change := func(service string, times int, now time.Duration) {
		for i := range times {
			r.Record(service, states[i%2], states[(i+1)%2], BySlice, 0, after(now))
		}
	}
	change("gone.n", 3600, time.Second)
	change("here.n", 3600, time.Second)
	r.Record("gone.n", nil, nil, ByService, 0, after(time.Second))
	change("other.n", 5400, 2*time.Second)
	if s := read(t, r, "here.n", 3*time.Second); !s.Known().Equal(epoch) {
		t.Errorf("the one that is served is known since %v", s.Known())
	}
	if s := read(t, r, "gone.n", 3*time.Second); s.Known().Equal(epoch) {
		t.Error("the one that is gone lost nothing")
	}
	change("more.n", 100_000, 4*time.Second)
	checkArena(t, r)
}

// What a Service that is gone was, and is not known any more, is not known after that either.
func TestAForgottenServiceIsNotKnown(t *testing.T) {
	r := small(64)
	up := workload(3, -1, 0)
	states := []*State{up, up.marked(sickMark, 0)}
	r.Record("gone.n", up, nil, ByService, 0, after(time.Second))
	for i := range 40_000 {
		r.Record(fmt.Sprintf("%d.n", i%100), states[i/100%2], states[(i/100+1)%2], BySlice, 0, after(2*time.Second))
	}
	s := read(t, r, "gone.n", 3*time.Second)
	if _, there := r.places["gone.n"]; there || !s.Known().Equal(epoch.Add(time.Second)) {
		t.Errorf("known since %v", s.Known())
	}
	if _, known, _ := s.At(epoch); known {
		t.Error("it is known what it was before")
	}
	if m, known, _ := s.At(epoch.Add(2 * time.Second)); !known || m.Served {
		t.Errorf("it is known: %v, as %+v", known, m)
	}
	checkArena(t, r)
}

func TestADecisionThatIsTooLargeIsSaidToBe(t *testing.T) {
	r := New(MinSize, after(0))
	r.Record("web.n", nil, workload(3, -1, 0), BySlice, 0, after(time.Second))
	r.Record("web.n", nil, workload(2000, -1, 0), BySlice, 0, after(2*time.Second))
	r.Record("web.n", nil, nil, ByService, 0, after(3*time.Second))
	s := read(t, r, "web.n", 4*time.Second)
	if m, known, _ := s.At(epoch.Add(3 * time.Second)); !known || m.Served || !s.Known().Equal(epoch.Add(3*time.Second)) {
		t.Errorf("known since %v, as %+v", s.Known(), m)
	}
	events, _, err := r.Events(epoch, epoch.Add(time.Hour), 10, after(4*time.Second))
	if want := []Event{{epoch.Add(3 * time.Second), Dropped, "web.n"}}; err != nil || !reflect.DeepEqual(events, want) {
		t.Errorf("got %v, %v, want %v", events, err, want)
	}
	checkArena(t, r)
}

func TestWhatAReplacedPodLeaves(t *testing.T) {
	r := New(MinSize, after(0))
	before := stateOf([]model.Endpoint{
		{Address: netip.MustParseAddr("10.0.0.1"), Hostname: "db-0", Pod: "db-0"}, {Address: netip.MustParseAddr("10.0.0.2"), Hostname: "db-1", Pod: "db-1"},
	}, map[netip.Addr]health.Mark{netip.MustParseAddr("10.0.0.1"): upMark, netip.MustParseAddr("10.0.0.2"): dying}, onlyGood)
	next := stateOf([]model.Endpoint{
		{Address: netip.MustParseAddr("10.0.0.1"), Hostname: "db-0", Pod: "db-0"}, {Address: netip.MustParseAddr("10.0.0.2"), Hostname: "db-2", Pod: "db-2"},
	}, map[netip.Addr]health.Mark{netip.MustParseAddr("10.0.0.1"): upMark, netip.MustParseAddr("10.0.0.2"): upMark}, onlyGood)
	next.About = "policy"
	r.Record("db.n", before, next, ByService, 180*time.Millisecond, after(time.Second))
	got, err := read(t, r, "db.n", 2*time.Second).Decisions(epoch, epoch.Add(time.Minute), 10)
	want := []Decision{{
		At: epoch.Add(time.Second), Cause: ByService, Lag: 180 * time.Millisecond,
		Before: Whole{Served: true, Rules: onlyGood, Carried: 1, Endpoints: 2, Tiers: Tally{{health.Good: 1, health.Dying: 1}}},
		After:  Whole{Served: true, Rules: onlyGood, Carried: 2, Endpoints: 2, Tiers: Tally{{health.Good: 2}}, About: "policy"},
		Changes: []Change{
			{Endpoint: Endpoint{Name: "db-2", Address: netip.MustParseAddr("10.0.0.2")}, Is: true, After: upMark},
			{Endpoint: Endpoint{Name: "db-1", Address: netip.MustParseAddr("10.0.0.2")}, Was: true, Before: dying},
		},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want\n%+v", got, err, want)
	}
}

func TestSpansAndFlaps(t *testing.T) {
	r := New(MinSize, after(0))
	up := workload(1, -1, 0)
	sick, gone := up.marked(sickMark, 0), up.marked(dying, 0)
	for i, each := range []*State{sick, up, sick, up, gone} {
		r.Record("web.n", up, each, BySlice, 0, after(time.Duration(i+1)*time.Minute))
	}
	s := read(t, r, "web.n", 10*time.Minute)
	minute := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Minute) }
	web := Endpoint{Pod: "web-7d4b9c6f58-000000000", Address: netip.MustParseAddr("10.0.0.0")}
	got, err := s.Spans(minute(2).Add(30*time.Second), minute(8))
	want := []Course{{web, []Span{
		{minute(2).Add(30 * time.Second), minute(3), upMark, true}, {minute(3), minute(4), sickMark, false},
		{minute(4), minute(5), upMark, true}, {minute(5), minute(8), dying, false},
	}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want\n%+v", got, err, want)
	}
	carried, err := s.Carried(minute(0), minute(4))
	want = []Course{{web, []Span{{minute(0), minute(1), upMark, true}, {minute(2), minute(3), upMark, true}}}}
	if err != nil || !reflect.DeepEqual(carried, want) {
		t.Errorf("it carried %+v, %v, want\n%+v", carried, err, want)
	}
	if n, err := s.Flaps(web.Address, minute(0), minute(9)); n != 2 || err != nil {
		t.Errorf("it flapped %d times, %v", n, err)
	}
}

func TestTheClockIsSet(t *testing.T) {
	r := New(MinSize, after(0))
	up := workload(1, -1, 0)
	sick := up.marked(sickMark, 0)
	set := func(now time.Duration, by time.Duration) Instant {
		at := after(now)
		at.Wall = at.Wall.Add(by)
		return at
	}
	r.Record("web.n", up, sick, BySlice, 0, set(10*time.Second, 900*time.Millisecond))
	r.Record("web.n", sick, up, BySlice, 0, set(20*time.Second, -3200*time.Millisecond))
	r.Record("web.n", up, sick, BySlice, 0, set(30*time.Second, -3200*time.Millisecond))
	now := set(40*time.Second, time.Hour)
	s, err := r.Read("web.n", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Decisions(epoch, now.Wall, 10)
	var at []time.Duration
	for _, d := range got {
		at = append(at, d.At.Sub(epoch))
	}
	// Less than a second is no reason to say anything.
	if want := []time.Duration{26800 * time.Millisecond, 16800 * time.Millisecond, 10 * time.Second}; err != nil || !reflect.DeepEqual(at, want) {
		t.Errorf("it changed at %v, %v, want %v", at, err, want)
	}
	events, _, err := r.Events(epoch, now.Wall, 10, now)
	if err != nil || len(events) != 2 || events[1].Text != "-3.2 s" || events[1].Kind != ClockSet || events[0].Text != "+3603.2 s" {
		t.Errorf("the events are %+v, %v", events, err)
	}
	// In the hour that never was it is as before.
	if m, known, err := s.At(epoch.Add(time.Minute)); err != nil || !known || m.Endpoints[0].Mark != sickMark {
		t.Errorf("%+v, %v, %v", m, known, err)
	}
}

// A clock is set by less than a second all the time, and what is true now is known by it.
func TestNowIsKnownByAClockThatIsALittleFast(t *testing.T) {
	r := New(MinSize, after(0))
	up := workload(1, -1, 0)
	r.Record("web.n", nil, up, ByFirstList, 0, after(time.Second))
	now := after(10 * time.Second)
	now.Wall = now.Wall.Add(900 * time.Millisecond)
	s, err := r.Read("web.n", up, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		at    time.Duration
		known bool
	}{{10 * time.Second, true}, {10900 * time.Millisecond, true}, {11500 * time.Millisecond, false}} {
		m, known, err := s.At(epoch.Add(row.at))
		if err != nil || known != row.known || known && len(m.Endpoints) != 1 {
			t.Errorf("after %v: %+v, %v, %v", row.at, m, known, err)
		}
	}
}

func TestTicksNeverRunBackwards(t *testing.T) {
	c := newClock(after(time.Minute))
	last := int64(0)
	for i, now := range []Instant{after(0), after(2 * time.Minute), after(time.Minute), {epoch.Add(-time.Hour), 2 * time.Hour}, {epoch, 2 * time.Hour}} {
		tick, _ := c.tick(now)
		if tick < last {
			t.Errorf("%d: %d after %d", i, tick, last)
		}
		last = tick
	}
	for i := range 10 * maxShifts {
		c.tick(Instant{epoch.Add(time.Duration(i%2) * time.Hour), time.Duration(i) * time.Hour})
	}
	if len(c.shifts) != maxShifts {
		t.Errorf("%d shifts are kept", len(c.shifts))
	}
}

func TestTextsAreBounded(t *testing.T) {
	r := New(MinSize, after(0))
	up := workload(1, -1, 0)
	long := *up
	long.About = strings.Repeat("x", 2*MaxAbout)
	r.Record("web.n", &long, up, BySlice, 0, after(time.Second))
	r.Event(Lost, long.About, after(time.Second))
	m, known, err := read(t, r, "web.n", time.Second).At(epoch)
	if !known || err != nil || len(m.About) != MaxAbout {
		t.Errorf("%d bytes, %v, %v", len(m.About), known, err)
	}
	if events, _, err := r.Events(epoch, epoch.Add(time.Minute), 1, after(time.Minute)); err != nil || len(events) != 1 || len(events[0].Text) != MaxEvent {
		t.Errorf("got %v, %v", events, err)
	}
}

// What a Recorder holds is what it says, and entries take no more than they may.
func TestTheSizeIsBounded(t *testing.T) {
	const size, services = 1 << 20, 2000
	up := workload(3, -1, 0)
	states := []*State{up, up.marked(sickMark, 0)}
	names := make([]string, services)
	for i := range names {
		names[i] = fmt.Sprintf("service-%d.namespace", i)
	}
	before := heap()
	r := New(size, after(0))
	for i := range 300_000 {
		at := i / services
		r.Record(names[i%services], states[at%2], states[(at+1)%2], BySlice, 0, after(time.Duration(i)*time.Millisecond))
	}
	held := heap() - before
	if got := r.Size(); r.arena.bytes() != size || held > got.Bytes*11/10 || held < got.Bytes*7/10 {
		t.Errorf("it holds %d bytes, of them %d of pages, and says %+v", held, r.arena.bytes(), got)
	}
	runtime.KeepAlive(r)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestOneWritesAndOthersRead(t *testing.T) {
	r := small(64)
	up := workload(3, -1, 0)
	states := []*State{up, up.marked(sickMark, 1)}
	var readers sync.WaitGroup
	over := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				s, err := r.Read("a.n", up, after(time.Hour))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Spans(epoch, epoch.Add(time.Hour)); err != nil {
					t.Error(err)
				}
				r.Size()
			}
		})
	}
	for i := range 20_000 {
		service := string('a'+byte(i%3)) + ".n"
		r.Record(service, states[i/3%2], states[(i/3+1)%2], BySlice, 0, after(time.Duration(i)*time.Millisecond))
	}
	close(over)
	readers.Wait()
	checkArena(t, r)
}

// Whatever pages have, reading them ends with an error or with a state that is not larger
// than they are.
func FuzzStory(f *testing.F) {
	up := workload(3, -1, 0)
	r := New(MinSize, after(0))
	f.Add([]byte(nil))
	for _, each := range []*State{up, up.marked(sickMark, 1), workload(3, 1, 7), nil} {
		r.Record("web.n", nil, each, BySlice, time.Second, after(time.Second))
		s, _ := r.copy("web.n", nil, after(time.Second))
		f.Add(s.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &Story{state: up, clock: newClock(after(0)), data: bytes.Clone(data), read: 1 << 50}
		if s.decode(0) != nil {
			return
		}
		w := newWalk(up)
		err := s.back(w, -1<<62, func(int64, *entry, []turn) bool { return true })
		if len(w.order) != len(w.marks) || len(w.order) > 3+len(data) || len(w.who) > 3+len(data) {
			t.Errorf("%d bytes make %d endpoints, %v", len(data), len(w.order), err)
		}
		s.Spans(epoch, epoch.Add(time.Hour))
		s.Decisions(epoch, epoch.Add(time.Hour), 10)
		s.At(epoch)
	})
}
