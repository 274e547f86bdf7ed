package history

import (
	"bytes"
	"encoding/binary"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// differ writes what differs between two states as an entry. It keeps its memory for the
// next one.
type differ struct {
	// entry is what was written, but for its time.
	entry []byte
	// moves are the bytes of n moves, with indexes from at on.
	moves []byte
	n     int
	at    cursor
	// wall is the time of the entry, in milliseconds since 1970.
	wall int64
	// before and after are what the endpoints are called.
	before, after roster.Called
}

// keepDiffer is the most memory that a differ keeps, in bytes of each kind.
const keepDiffer = 64 << 10

// absent is the state of a Service that is not served, as far as its endpoints go.
var absent = State{Roster: new(roster.Roster)}

// diff writes the entry that leads from after to before, and reports whether they differ. Wall
// is the time, in milliseconds since 1970.
func (d *differ) diff(before, after *State, cause Cause, lag, wall int64) bool {
	d.wall = wall
	flags := byte(cause)
	if (before == nil) != (after == nil) {
		flags |= turnsServed
	}
	if before == nil {
		before = &absent
	}
	if after == nil {
		after = &absent
	}
	if before.Rules != after.Rules {
		flags |= hasRules
	}
	about := before.About[:min(len(before.About), MaxAbout)]
	if about != after.About[:min(len(after.About), MaxAbout)] {
		flags |= hasAbout
	}
	d.compare(before, after)
	if flags == byte(cause) && d.n == 0 {
		return false
	}
	if lag > 0 {
		flags |= hasLag
	}
	d.entry = append(d.entry[:0], flags)
	if flags&hasLag != 0 {
		d.entry = binary.AppendUvarint(d.entry, uint64(lag))
	}
	if flags&hasRules != 0 {
		for _, rule := range before.Rules {
			d.entry = binary.AppendUvarint(d.entry, uint64(rule))
		}
	}
	if flags&hasAbout != 0 {
		d.entry = appendText(d.entry, about)
	}
	d.entry = binary.AppendUvarint(d.entry, uint64(d.n))
	d.entry = append(d.entry, d.moves...)
	return true
}

// event writes the entry of an event.
func (d *differ) event(kind Kind, text string) {
	d.entry = append(d.entry[:0], byte(kind)|hasAbout)
	d.entry = appendText(d.entry, text[:min(len(text), MaxEvent)])
	d.entry = binary.AppendUvarint(d.entry, 0)
}

func appendText(dst []byte, text string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// trim gives back memory that few entries need.
func (d *differ) trim() {
	if cap(d.entry) > keepDiffer {
		d.entry = nil
	}
	if cap(d.moves) > keepDiffer {
		d.moves = nil
	}
	if d.before.Bytes() > keepDiffer || d.after.Bytes() > keepDiffer {
		d.before, d.after = roster.Called{}, roster.Called{}
	}
}

func (d *differ) bytes() int { return cap(d.entry) + cap(d.moves) + d.before.Bytes() + d.after.Bytes() }

// compare finds the moves.
func (d *differ) compare(before, after *State) {
	d.moves, d.n, d.at = d.moves[:0], 0, cursor{}
	if before.Roster == after.Roster {
		d.remark(before, after, 0, 0, after.Roster.Len())
		return
	}
	d.before.Take(before.Roster)
	d.after.Take(after.Roster)
	d.compareFamily(before, after, roster.IPv4, 4, 0, 0)
	d.compareFamily(before, after, roster.IPv6, 16, before.Roster.Split(), after.Roster.Split())
}

// compareFamily finds the moves among the addresses of one family, of so many bytes each,
// that begin at places of both Rosters.
func (d *differ) compareFamily(before, after *State, family, width, i, j int) {
	a, b := before.Roster.Packed(family), after.Roster.Packed(family)
	for len(a) > 0 || len(b) > 0 {
		n := alike(a, b, width)
		for left := n; left > 0; {
			same := d.after.Same(roster.At(j), &d.before, roster.At(i), left)
			d.remark(before, after, i, j, same)
			i, j, left = i+same, j+same, left-same
			if left > 0 {
				// The address is somebody else's now.
				d.leave(before, i)
				d.arrive(j)
				i, j, left = i+1, j+1, left-1
			}
		}
		a, b = a[n*width:], b[n*width:]
		if len(a) == 0 && len(b) == 0 {
			return
		}
		if len(b) == 0 || len(a) > 0 && roster.Compare(a[:width], b[:width]) < 0 {
			d.leave(before, i)
			a, i = a[width:], i+1
		} else {
			d.arrive(j)
			b, j = b[width:], j+1
		}
	}
}

// alike returns how many addresses, of so many bytes, are the same from the first on.
func alike(a, b []byte, width int) int {
	most := min(len(a), len(b))
	at := 0
	for step := width << 10; step >= width; step >>= 2 {
		for at+step <= most && bytes.Equal(a[at:at+step], b[at:at+step]) {
			at += step
		}
	}
	return at / width
}

// blockMarks are compared at once.
const blockMarks = 64

// remark finds, among n endpoints that are the same, those that stand otherwise.
func (d *differ) remark(before, after *State, i, j, n int) {
	was, is := before.Marks[i:i+n], after.Marks[j:j+n]
	if was == is {
		return
	}
	for from := 0; from < n; from += blockMarks {
		to := min(from+blockMarks, n)
		if was[from:to] == is[from:to] {
			continue
		}
		for at := from; at < to; at++ {
			if was[at] != is[at] {
				d.moves = appendMove(d.moves, changed, j+at-d.at.after, health.Mark(was[at]))
				d.appendDamping(before, i+at)
				d.at.after = j + at
				d.n++
			}
		}
	}
}

func (d *differ) arrive(j int) {
	d.moves = appendMove(d.moves, arrived, j-d.at.after, 0)
	d.at.after = j
	d.n++
}

func (d *differ) leave(before *State, i int) {
	d.moves = appendMove(d.moves, left, i-d.at.before, health.Mark(before.Marks[i]))
	d.appendDamping(before, i)
	d.moves = appendWho(d.moves, before.Roster, &d.before, roster.At(i))
	d.at.before = i
	d.n++
}

// maxDamping is longer than anybody is damped, in milliseconds.
const maxDamping = 1 << 40

// appendDamping appends when the damping of an endpoint was to end, where it was damped.
func (d *differ) appendDamping(before *State, i int) {
	if health.Mark(before.Marks[i]).Tier() != health.Damped {
		return
	}
	left := int64(0)
	if until, known := before.Until[roster.At(i)]; known {
		left = 1 + min(max(until.UnixMilli()-d.wall, 0), maxDamping)
	}
	d.moves = binary.AppendUvarint(d.moves, uint64(left))
}
