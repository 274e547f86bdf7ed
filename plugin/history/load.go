package history

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"iter"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// Decode reads a file, whose Header must be accepted, into a Recorder that takes up to size
// bytes. Resume has to follow before anything is recorded. A file that is damaged anywhere is
// refused as a whole.
func Decode(from io.Reader, size int, accept func(Header) error, now Instant) (*Recorder, error) {
	f := fileReader{sum: sha256.New()}
	f.from = bufio.NewReaderSize(io.LimitReader(from, maxFile), 64<<10)
	h, err := f.head()
	if err == nil {
		err = accept(h)
	}
	if err != nil {
		return nil, err
	}
	r := New(size, now)
	if err := f.clock(r, now); err != nil {
		return nil, err
	}
	for {
		block, err := f.block()
		if err != nil {
			return nil, err
		}
		if len(block) == 0 {
			break
		}
		if err := r.take(block); err != nil {
			return nil, err
		}
	}
	if err := f.end(); err != nil {
		return nil, err
	}
	return r, nil
}

// fileReader reads a file.
type fileReader struct {
	from *bufio.Reader
	sum  hash.Hash
	// kept is the memory of block.
	kept bytes.Buffer
}

// bytes reads n bytes. They are good until the next call. Memory grows with what there is, not
// with what the file says.
func (f *fileReader) bytes(n int) ([]byte, error) {
	f.kept.Reset()
	if _, err := io.CopyN(io.MultiWriter(&f.kept, f.sum), f.from, int64(n)); err != nil {
		return nil, ErrDamaged
	}
	return f.kept.Bytes(), nil
}

func (f *fileReader) head() (h Header, err error) {
	data, err := f.bytes(len(fileMark) + 1 + 8 + 2)
	switch {
	case err != nil || string(data[:len(fileMark)]) != fileMark:
		return h, ErrDamaged
	case data[len(fileMark)] != fileVersion:
		return h, ErrVersion
	}
	data = data[len(fileMark)+1:]
	h.Written = time.UnixMilli(int64(binary.BigEndian.Uint64(data))).UTC()
	origin, err := f.bytes(int(binary.BigEndian.Uint16(data[8:])))
	h.Origin = string(origin)
	return h, err
}

func (f *fileReader) block() ([]byte, error) {
	data, err := f.bytes(4)
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(data)
	if n > maxBlock {
		return nil, ErrDamaged
	}
	return f.bytes(int(n))
}

func (f *fileReader) end() error {
	want := f.sum.Sum(nil)
	got, err := f.bytes(len(want))
	if err != nil || !bytes.Equal(got, want) {
		return ErrDamaged
	}
	return nil
}

// clock makes the clock of a Recorder go on with that of a file.
func (f *fileReader) clock(r *Recorder, now Instant) error {
	block, err := f.block()
	if err != nil {
		return err
	}
	in := reader{left: block}
	last := in.milliseconds()
	r.began, r.forgot = in.milliseconds(), in.milliseconds()
	n := in.number()
	if n == 0 || n > maxShifts {
		return ErrDamaged
	}
	shifts := make([]shift, n)
	for i := range shifts {
		shifts[i] = shift{in.milliseconds(), in.signed()}
		if i > 0 && shifts[i].tick < shifts[i-1].tick {
			in.fail()
		}
	}
	if in.err != nil || len(in.left) > 0 || max(r.began, r.forgot, shifts[n-1].tick) > last {
		return ErrDamaged
	}
	r.clock.resume(shifts, last, now)
	return nil
}

// resume makes the clock go on after its last tick, as long after as the time on the wall says.
func (c *clock) resume(shifts []shift, last int64, now Instant) {
	c.shifts, c.last = shifts, last
	tick := last + max(now.Wall.UnixMilli()-c.wallOf(last), 0)
	c.start = now.Elapsed - time.Duration(tick)*time.Millisecond
}

// signed reads a number that may be below zero.
func (r *reader) signed() int64 {
	n, size := binary.Varint(r.left)
	if size <= 0 || n > 1<<48 || n < -1<<48 {
		r.fail()
		return 0
	}
	r.left = r.left[size:]
	return n
}

// name reads the key of a Service.
func (r *reader) name() string {
	n := r.number()
	if n > maxName {
		r.fail()
	}
	return string(r.bytes(n))
}

// take takes in what a block has.
func (r *Recorder) take(block []byte) error {
	in := reader{left: block}
	switch in.byte() {
	case blockQuiet:
		if r.quiet == nil {
			r.quiet = make(map[string]uint64)
		}
		service, digest := in.name(), in.number()
		if r.quiet[service] = digest; len(in.left) > 0 {
			in.fail()
		}
	case blockSeries:
		r.takeSeries(&in)
	default:
		in.fail()
	}
	if in.err != nil {
		return ErrDamaged
	}
	return nil
}

func (r *Recorder) takeSeries(in *reader) {
	service, flags, known := in.name(), in.byte(), in.milliseconds()
	var state *State
	if flags&seriesServed != 0 {
		state = in.keyframe()
	}
	s := Story{state: state, known: known}
	if flags&seriesHasEntries != 0 {
		tick := in.milliseconds()
		s.data = bytes.Clone(in.left)
		if s.decode(tick) != nil {
			in.fail()
		}
		in.left = nil
	}
	_, twice := r.places[service]
	if in.err != nil || len(in.left) > 0 || twice || s.known < 0 || s.lastTick() > r.clock.last {
		in.fail()
		return
	}
	if flags&seriesServed != 0 && state == nil {
		// Nothing can be told of it without a keyframe.
		return
	}
	at := int32(server)
	if service != "" {
		at = r.enter(service)
	}
	r.all[at].state, r.all[at].last, r.all[at].cut = state, s.known, flags&seriesCut != 0
	if state == nil && at != server {
		r.loads[at].gone = 1
	}
	for i, b := range s.at {
		end := len(s.data)
		if i+1 < len(s.at) {
			end = s.at[i+1].at
		}
		e := reader{left: s.data[b.at:end]}
		e.milliseconds()
		r.differ.entry = append(r.differ.entry[:0], e.left...)
		r.append(at, b.tick)
	}
}

func (s *Story) lastTick() int64 {
	if len(s.at) == 0 {
		return s.known
	}
	return s.at[len(s.at)-1].tick
}

// keyframe reads a state. Of endpoints whose names another Roster would not have, it is nil.
func (r *reader) keyframe() *State {
	s := new(State)
	for family := range s.Rules {
		s.Rules[family] = r.rule()
	}
	s.About = string(r.bytes(r.number()))
	n := r.number()
	// Each endpoint has a length, an address and a mark at least.
	if n > uint64(len(r.left)/6) {
		r.fail()
		return nil
	}
	all, marks := make([]Endpoint, n), make([]byte, n)
	for i := range all {
		var m move
		r.who(&m)
		if marks[i] = r.byte(); r.err != nil || !health.Mark(marks[i]).Known() {
			r.fail()
			return nil
		}
		all[i] = m.who()
		if health.Mark(marks[i]).Tier() != health.Damped {
			continue
		}
		if until := r.milliseconds(); until > 0 {
			if s.Until == nil {
				s.Until = make(map[roster.At]time.Time)
			}
			s.Until[roster.At(i)] = momentAt(until)
		}
	}
	s.Roster, s.Marks = rosterOf(all), string(marks)
	if s.Roster == nil {
		return nil
	}
	return s
}

// rosterOf returns a Roster with these endpoints, nil where they cannot be in one like that.
func rosterOf(all []Endpoint) *roster.Roster {
	var of [roster.Families]model.Slice
	for family := range of {
		of[family].Name = string(rune('a' + family))
	}
	for _, e := range all {
		s := &of[familyOf(e.Address)]
		s.Endpoints = append(s.Endpoints, model.Endpoint{Address: e.Address, Hostname: e.Name, Pod: e.Pod})
	}
	current, _ := new(roster.Builder).Build([]*model.Slice{&of[roster.IPv4], &of[roster.IPv6]}, roster.ByHostname)
	var called roster.Called
	called.Take(current.Roster)
	if current.Len() != len(all) {
		return nil
	}
	for i, want := range all {
		name, pod := called.Names(roster.At(i))
		if (Endpoint{name, pod, current.Address(roster.At(i))}) != want {
			return nil
		}
	}
	return current.Roster
}

// Resume takes note of what differs since a file was written that Decode has read. Served are
// the Services that are served now. What became of them meanwhile nobody knows.
func (r *Recorder) Resume(served iter.Seq2[string, *State], now Instant) {
	there := make(map[string]bool)
	for service, state := range served {
		there[service] = true
		r.resume(service, state, now)
	}
	r.mu.Lock()
	tick := r.tick(now)
	var gone []string
	for service := range r.places {
		if !there[service] {
			gone = append(gone, service)
		}
	}
	for service := range r.quiet {
		if !there[service] {
			r.forgot = tick
		}
	}
	r.quiet = nil
	r.mu.Unlock()
	for _, service := range gone {
		r.Record(service, nil, nil, ByRestart, 0, now)
	}
}

func (r *Recorder) resume(service string, state *State, now Instant) {
	r.mu.Lock()
	_, known := r.places[service]
	digest, quiet := r.quiet[service]
	if !known && (!quiet || digest != digestOf(state)) {
		tick := r.tick(now)
		at := r.enter(service)
		r.all[at].state, r.all[at].last, r.all[at].cut = state, tick, true
	}
	r.mu.Unlock()
	if known {
		r.Record(service, nil, state, ByRestart, 0, now)
	}
}
