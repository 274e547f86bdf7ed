package history

import (
	"encoding/binary"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Bounds of a Recorder's size, in bytes.
const (
	MinSize     = 64 << 10
	MaxSize     = 1 << 30
	DefaultSize = 16 << 20
)

const (
	// batchPages are dropped at once where none is left, or fewer of a small arena.
	batchPages = 128
	// serverPages are left to the events of this server, whoever needs room.
	serverPages = 32
	// server is the place of their series.
	server = 0
)

// A Recorder keeps what Services were. Its methods may be called from any goroutine.
type Recorder struct {
	mu     sync.Mutex
	arena  arena
	clock  clock
	differ differ
	// places has where in all the series of a Service is, and free which of these nobody has.
	places map[string]int32
	all    []series
	free   []int32
	// loads are how much each series has, apart from it: they are looked through often.
	loads []load
	// began is since when states are known, and forgot when a Service was last forgotten
	// that is gone.
	began, forgot int64
	// dropped is how many bytes of pages were.
	dropped int64
	// quiet are digests of the states of Services that had no series when a file was written.
	quiet map[string]uint64
}

// series is what is known of one Service that ever changed.
type series struct {
	service string
	// state is that of now.
	state      *State
	head, tail pageID
	// last is the tick of the last entry.
	last int64
	// cut is true where there were entries that are not there any more.
	cut bool
}

// load is how many pages a series has.
type load struct {
	pages int32
	// gone is 1 where the Service is not served any more: then pages count double.
	gone int32
}

func (l load) weight() int32 { return l.pages << l.gone }

// New returns a Recorder that takes up to size bytes for entries, from MinSize to MaxSize.
func New(size int, now Instant) *Recorder {
	r := &Recorder{clock: newClock(now), places: make(map[string]int32)}
	r.arena.most = min(max(size, MinSize), MaxSize) / pageSize
	r.all, r.loads = make([]series, 1), make([]load, 1)
	return r
}

// Begin takes note that from now on all states are known: those before were not whole.
func (r *Recorder) Begin(now Instant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.began = r.tick(now)
}

// Record takes note that a Service stands otherwise since now, by a cause, and lag after what
// led to that; 0 is not known. Before counts only where there is nothing yet of the Service.
func (r *Recorder) Record(service string, before, after *State, cause Cause, lag time.Duration, now Instant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tick := r.tick(now)
	at, known := r.places[service]
	if known {
		before = r.all[at].state
	}
	if !r.differ.diff(before, after, cause, max(lag, 0).Milliseconds(), r.clock.wallOf(tick)) {
		if known {
			r.all[at].state = after
		}
		return
	}
	if !known {
		at = r.enter(service)
	}
	r.all[at].state = after
	r.loads[at].gone = 0
	if after == nil {
		r.loads[at].gone = 1
	}
	r.append(at, tick)
}

// Event takes note of something that happened to this server.
func (r *Recorder) Event(kind Kind, text string, now Instant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.event(kind, text, r.tick(now))
}

func (r *Recorder) event(kind Kind, text string, tick int64) {
	r.differ.event(kind, text)
	r.append(server, tick)
}

// tick returns the tick of now, and takes note where the clock was set.
func (r *Recorder) tick(now Instant) int64 {
	tick, set := r.clock.tick(now)
	if set != 0 {
		r.event(ClockSet, fmt.Sprintf("%+.1f s", set.Seconds()), tick)
	}
	return tick
}

// enter makes a series for a Service that had none.
func (r *Recorder) enter(service string) (at int32) {
	s := series{service: service, last: max(r.began, r.forgot)}
	if n := len(r.free); n > 0 {
		at, r.free = r.free[n-1], r.free[:n-1]
		r.all[at], r.loads[at] = s, load{}
	} else {
		at = int32(len(r.all))
		r.all, r.loads = append(r.all, s), append(r.loads, load{})
	}
	r.places[service] = at
	return at
}

// append writes what the differ has behind the other entries of a series.
func (r *Recorder) append(at int32, tick int64) {
	defer r.differ.trim()
	var head [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(head[:], uint64(max(tick-r.all[at].last, 0)))
	need := (n+len(r.differ.entry)+pageData-1)/pageData + 1
	if need > r.arena.most/4 {
		r.giveUp(at, tick)
		return
	}
	if r.arena.available() < need {
		r.evict(max(need-r.arena.available(), min(batchPages, r.arena.most/16)), at)
	}
	r.begin(at, tick)
	r.write(at, head[:n])
	r.write(at, r.differ.entry)
	r.all[at].last = tick
}

// begin notes in the page where the next byte goes that an entry does.
func (r *Recorder) begin(at int32, tick int64) {
	if p := r.room(at); p.first == noEntry {
		p.first, p.at = p.used, tick
	}
}

func (r *Recorder) write(at int32, data []byte) {
	for len(data) > 0 {
		p := r.room(at)
		n := copy(p.data[p.used:], data)
		p.used += uint16(n)
		data = data[n:]
	}
}

// room returns the last page of a series, which has room.
func (r *Recorder) room(at int32) *page {
	s := &r.all[at]
	if s.tail != 0 {
		if p := r.arena.page(s.tail); p.used < pageData {
			return p
		}
	}
	id := r.arena.take()
	if s.tail == 0 {
		s.head = id
	} else {
		r.arena.page(s.tail).next = id
	}
	s.tail = id
	r.loads[at].pages++
	return r.arena.page(id)
}

// giveUp drops all entries of a series, since the one that comes has no room.
func (r *Recorder) giveUp(at int32, tick int64) {
	s := &r.all[at]
	for s.head != 0 {
		r.drop(at)
	}
	s.last, s.cut = tick, true
	if at == server {
		return
	}
	service := s.service
	if s.state == nil {
		r.forget(at)
	}
	r.event(Dropped, service, tick)
}

// evict drops at least n pages, the oldest of who has most. It keeps the series of kept, be
// it empty.
func (r *Recorder) evict(n int, kept int32) {
	for n > 0 {
		most, next, count := r.heaviest()
		if most == 0 {
			return
		}
		each := max(min((n+count-1)/count, int(most-next)), 1)
		for at := int32(0); at < int32(len(r.loads)) && n > 0; at++ {
			l := r.loads[at]
			if r.weight(at) != most {
				continue
			}
			for range max(each>>l.gone, 1) {
				n -= r.drop(at)
			}
			if r.all[at].head == 0 && r.all[at].state == nil && at != kept && at != server {
				r.forget(at)
			}
		}
	}
}

// weight is how much a series counts where pages are dropped.
func (r *Recorder) weight(at int32) int32 {
	l := r.loads[at]
	if at == server && l.pages <= serverPages {
		return 0
	}
	return l.weight()
}

// heaviest returns the largest weight, the next one, and how many series have the largest.
func (r *Recorder) heaviest() (most, next int32, count int) {
	for at := range int32(len(r.loads)) {
		switch w := r.weight(at); {
		case w > most:
			most, next, count = w, most, 1
		case w == most:
			count++
		case w > next:
			next = w
		}
	}
	return most, next, count
}

// drop drops the oldest page of a series, and those after it in which no entry begins. It
// returns how many.
func (r *Recorder) drop(at int32) (n int) {
	s := &r.all[at]
	for s.head != 0 {
		id := s.head
		s.head = r.arena.page(id).next
		r.arena.give(id)
		n++
		if s.head == 0 {
			s.tail = 0
		} else if r.arena.page(s.head).first != noEntry {
			break
		}
	}
	s.cut = true
	r.loads[at].pages -= int32(n)
	r.dropped += int64(n) * pageSize
	return n
}

// forget drops a series without pages.
func (r *Recorder) forget(at int32) {
	s := &r.all[at]
	r.forgot = max(r.forgot, s.last)
	delete(r.places, s.service)
	*s, r.loads[at] = series{}, load{}
	r.free = append(r.free, at)
}

// Size is what a Recorder holds, and has lost.
type Size struct {
	// Bytes are those of entries and of what is kept besides, and Most how many entries may
	// have. Dropped are those of entries that had to go.
	Bytes, Most, Dropped int64
	// Reaches is how far back the Service with the shortest history is known, to its
	// beginning or to what had to go.
	Reaches time.Time
}

// What a Service costs besides its entries, in bytes, apart from its name: a series, a load,
// and what the map has for it, as far as that can be said.
const perService = 48 + 8 + 8 + 64

// Size returns what the Recorder holds.
func (r *Recorder) Size() Size {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := Size{
		Bytes: int64(r.arena.bytes() + r.differ.bytes() + perService*cap(r.all)),
		Most:  int64(r.arena.most) * pageSize, Dropped: r.dropped,
	}
	for service := range maps.Keys(r.places) {
		size.Bytes += int64(len(service))
	}
	reaches := r.began
	for at := range r.all {
		if s := &r.all[at]; at != server && s.cut {
			reaches = max(reaches, r.oldest(s))
		}
	}
	size.Reaches = r.clock.time(reaches)
	return size
}

// oldest returns the tick of the oldest entry, or, without one, of the last that was.
func (r *Recorder) oldest(s *series) int64 {
	if s.head == 0 {
		return s.last
	}
	return r.arena.page(s.head).at
}
