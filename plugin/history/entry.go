package history

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
)

// What an entry has besides its cause. The flags stand in the upper half of that byte.
const (
	hasLag = 1 << (4 + iota)
	hasRules
	hasAbout
	// turnsServed is that the Service is not served where it was, or the other way round.
	turnsServed

	maskCause = 1<<4 - 1
)

// noCause is more than any Cause, and any Kind.
const noCause = max(byte(causes), byte(kinds))

// An entry is one decision as it stands in the stream:
//
//	dt | cause, flags | [lag] | [rules before, of each family] | [length, text before] | n | n moves
//
// All numbers are varints; dt and lag are in milliseconds.
type entry struct {
	dt, lag int64
	cause   byte
	rules   [roster.Families]health.Rule
	about   []byte
	n       int
	// moves are the bytes of n moves.
	moves []byte
}

func (e *entry) has(flag byte) bool { return e.cause&flag != 0 }

// moveKind is what happened to one endpoint.
type moveKind byte

const (
	// changed has the Mark before, and is at an index after.
	changed moveKind = iota
	// arrived is at an index after.
	arrived
	// left has the Mark before, the address, the name and the Pod, and is at an index before.
	left
	moveKinds
)

// move is what happened to one endpoint. Its bytes are the distance from the last index of
// before, or of after, and the kind in the lowest 2 bits; then what the kind has. A Mark of a
// damped endpoint has behind it in how many milliseconds that was to end, plus one; 0 is not known.
// An address is 4 bytes or 16, of which the lowest bit of the name's length tells; a 0 for the
// length of the Pod's name is that nobody knows it.
type move struct {
	kind  moveKind
	index int
	mark  health.Mark
	// damped is what stands behind the Mark of a damped endpoint.
	damped int64
	// address, name and pod are a part of what was read.
	address, name, pod []byte
}

// who returns the endpoint that left.
func (m *move) who() Endpoint {
	address, _ := netip.AddrFromSlice(m.address)
	return Endpoint{string(m.name), string(m.pod), address}
}

// appendMove appends the bytes of a move but for who left.
func appendMove(dst []byte, kind moveKind, distance int, mark health.Mark) []byte {
	dst = binary.AppendUvarint(dst, uint64(distance)<<2|uint64(kind))
	if kind != arrived {
		dst = append(dst, byte(mark))
	}
	return dst
}

// appendWho appends an endpoint that left.
func appendWho(dst []byte, r *roster.Roster, called *roster.Called, at roster.At) []byte {
	is6 := uint64(r.Family(at))
	name, pod := called.Names(at)
	dst = binary.AppendUvarint(dst, uint64(len(name))<<1|is6)
	dst = append(dst, r.Bytes(at)...)
	dst = append(dst, name...)
	dst = binary.AppendUvarint(dst, uint64(len(pod)))
	return append(dst, pod...)
}

var errDamaged = errors.New("the history is damaged")

// reader takes apart what was written. After an error it returns zeros.
type reader struct {
	left []byte
	err  error
}

func (r *reader) fail() { r.left, r.err = nil, errDamaged }

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.left)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.left = r.left[size:]
	return n
}

// milliseconds reads a time of less than 2^48 ms, which is some 9,000 years.
func (r *reader) milliseconds() int64 {
	n := r.number()
	if n >= 1<<48 {
		r.fail()
		return 0
	}
	return int64(n)
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.left)) {
		r.fail()
		return nil
	}
	b := r.left[:n]
	r.left = r.left[n:]
	return b
}

func (r *reader) byte() byte {
	b := r.bytes(1)
	if r.err != nil {
		return 0
	}
	return b[0]
}

// read reads an entry. What that returns is a part of what it reads.
func (r *reader) entry() (e entry) {
	e.dt = r.milliseconds()
	if e.cause = r.byte(); e.cause&maskCause >= noCause {
		r.fail()
	}
	if e.has(hasLag) {
		e.lag = r.milliseconds()
	}
	if e.has(hasRules) {
		for family := range e.rules {
			e.rules[family] = r.rule()
		}
	}
	if e.has(hasAbout) {
		e.about = r.bytes(r.number())
	}
	// Each move has one byte at least.
	n := r.number()
	if n > uint64(len(r.left)) {
		r.fail()
		return e
	}
	e.n = int(n)
	moves := r.left
	var at cursor
	for range e.n {
		r.move(&at)
	}
	e.moves = moves[:len(moves)-len(r.left)]
	return e
}

func (r *reader) rule() health.Rule {
	n := r.number()
	if n > 1<<16-1 || !health.Rule(n).Known() {
		r.fail()
		return 0
	}
	return health.Rule(n)
}

// cursor has the last indexes, of before and of after.
type cursor struct{ before, after int }

func (r *reader) move(at *cursor) (m move) {
	n := r.number()
	m.kind = moveKind(n & 3)
	if m.kind >= moveKinds || n>>2 > maxIndex {
		r.fail()
		return m
	}
	last := &at.after
	if m.kind == left {
		last = &at.before
	}
	*last = min(*last+int(n>>2), maxIndex)
	m.index = *last
	if m.kind == arrived {
		return m
	}
	if m.mark = health.Mark(r.byte()); !m.mark.Known() {
		r.fail()
	}
	if m.mark.Tier() == health.Damped {
		m.damped = r.milliseconds()
	}
	if m.kind == left {
		r.who(&m)
	}
	return m
}

// maxIndex is more than a Service has endpoints.
const maxIndex = 1 << 30

func (r *reader) who(m *move) {
	n := r.number()
	size := uint64(4)
	if n&1 != 0 {
		size = 16
	}
	m.address = r.bytes(size)
	m.name = r.bytes(n >> 1)
	m.pod = r.bytes(r.number())
}
