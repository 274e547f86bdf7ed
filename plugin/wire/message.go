// Package wire writes answers as the bytes that a client gets. To pack a message costs
// most of an answer with many records: its length is measured several times, and a map
// finds what can be compressed. All records of an answer here begin with a pointer to
// the question.
//
// To read it, begin with message.go, which writes a message. takes.go says where one may
// be sent: not where a plugin in front wants to see or change it.
package wire

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"github.com/coredns/coredns/plugin/pkg/edns"
	"github.com/miekg/dns"
)

// Sizes in bytes, and offsets in a message (RFC 1035, section 4.1).
const (
	sizeHeader = 12
	atFlags    = 2
	atAnswers  = 6
	// atName is where the name of the question begins.
	atName = sizeHeader
)

// Bits of the header's flags (RFC 1035, section 4.1.1, and RFC 4035, section 3.1.6).
const (
	isResponse        = 1 << 15
	isAuthoritative   = 1 << 10
	isTruncated       = 1 << 9
	recursionDesired  = 1 << 8
	checkingDisabled  = 1 << 4
	pointer           = 0xC000
	largestKept       = 64 << 10
	nothingYet        = 1536
	sectionAnswer     = 0
	sectionAdditional = 2
)

// A Message is an authoritative reply without an error. Its records come in the order of
// their sections, and the owner of each is the name of the question, or one below it or
// a part of it. The zero value is ready for Begin.
type Message struct {
	bytes []byte
	// nameEnd is where the question's name ends.
	nameEnd int
	// counts are those of the three sections of records.
	counts  [3]uint16
	section int
}

var messages = sync.Pool{New: func() any { return &Message{bytes: make([]byte, 0, nothingYet)} }}

// New returns a Message, which its caller may give back with Release.
func New() *Message { return messages.Get().(*Message) }

// Release gives a message back: nobody may use it, or its bytes, any more.
func (m *Message) Release() {
	if cap(m.bytes) <= largestKept {
		messages.Put(m)
	}
}

// Begin writes the header and the question of the reply to r, which has one question.
// It is false where that cannot be: a name with an escape is not what it looks like, and
// an option of the question that others answer is theirs.
func (m *Message) Begin(r *dns.Msg) bool {
	asked := &r.Question[0]
	if strings.IndexByte(asked.Name, '\\') >= 0 || hasOption(r) {
		return false
	}
	m.counts, m.section = [3]uint16{}, sectionAnswer
	b := m.bytes[:0]
	b = binary.BigEndian.AppendUint16(b, r.Id)
	b = append(b, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	for rest := asked.Name; rest != "." && rest != ""; {
		label, after, _ := strings.Cut(rest, ".")
		b = append(b, byte(len(label)))
		b = append(b, label...)
		rest = after
	}
	b = append(b, 0)
	m.nameEnd = len(b)
	b = binary.BigEndian.AppendUint16(b, asked.Qtype)
	m.bytes = binary.BigEndian.AppendUint16(b, asked.Qclass)
	return true
}

// hasOption reports whether the question has an option that the server answers.
func hasOption(r *dns.Msg) bool {
	opt := r.IsEdns0()
	return opt != nil && slices.ContainsFunc(opt.Option, func(o dns.EDNS0) bool { return edns.SupportedOption(o.Option()) })
}

// Grow makes room for n bytes more.
func (m *Message) Grow(n int) { m.bytes = slices.Grow(m.bytes, n) }

// Additional ends the answer: the records that follow are additional ones.
func (m *Message) Additional() { m.section = sectionAdditional }

// Addresses4 adds those IPv4 addresses of the question's name, of the packed ones, that
// stand at these places, with their TTL in seconds. These are most of what is sent, so
// each is written at once: all but its address is the same.
func (m *Message) Addresses4(ttl uint32, packed []byte, places []int32) {
	const size = 16
	first := uint64(pointer|atName)<<48 | uint64(dns.TypeA)<<32 | dns.ClassINET<<16 | uint64(ttl>>16)
	second := uint64(ttl&0xffff)<<48 | 4<<32
	from := len(m.bytes)
	m.bytes = slices.Grow(m.bytes, size*len(places))[:from+size*len(places)]
	to := m.bytes[from:]
	for _, place := range places {
		addr := binary.BigEndian.Uint32(packed[4*place:])
		binary.BigEndian.PutUint64(to, first)
		binary.BigEndian.PutUint64(to[8:], second|uint64(addr))
		to = to[size:]
	}
	m.counts[m.section] += uint16(len(places))
}

// Address adds the address of the question's name, with its TTL in seconds.
func (m *Message) Address(ttl uint32, addr []byte) {
	m.bytes = binary.BigEndian.AppendUint16(m.bytes, pointer|atName)
	m.address(ttl, addr)
}

// AddressOf adds the address of the name that begins at an offset in the message, which
// is below 16384.
func (m *Message) AddressOf(name int, ttl uint32, addr []byte) {
	m.bytes = binary.BigEndian.AppendUint16(m.bytes, pointer|uint16(name))
	m.address(ttl, addr)
}

// AddressBelow adds the address of the name of a label in front of the question's name
// from its byte at on.
func (m *Message) AddressBelow(label []byte, at int, ttl uint32, addr []byte) {
	m.bytes = append(m.bytes, byte(len(label)))
	m.bytes = append(m.bytes, label...)
	m.bytes = binary.BigEndian.AppendUint16(m.bytes, pointer|uint16(atName+at))
	m.address(ttl, addr)
}

func (m *Message) address(ttl uint32, addr []byte) {
	qtype := dns.TypeA
	if len(addr) != 4 {
		qtype = dns.TypeAAAA
	}
	m.fixed(qtype, ttl, len(addr))
	m.bytes = append(m.bytes, addr...)
}

// fixed adds what stands between the owner and the data of a record.
func (m *Message) fixed(qtype uint16, ttl uint32, size int) {
	m.bytes = append(m.bytes,
		byte(qtype>>8), byte(qtype), 0, dns.ClassINET,
		byte(ttl>>24), byte(ttl>>16), byte(ttl>>8), byte(ttl), byte(size>>8), byte(size))
	m.counts[m.section]++
}

// Service is what an SRV record says (RFC 2782).
type Service struct {
	TTL                    uint32
	Priority, Weight, Port uint16
	// Target is a label in front of the question's name from its byte At on.
	Target []byte
	At     int
}

// SRV adds an SRV record of the question's name. The target is not compressed (RFC 2782).
func (m *Message) SRV(s *Service) {
	above := m.bytes[atName+s.At : m.nameEnd]
	m.bytes = binary.BigEndian.AppendUint16(m.bytes, pointer|atName)
	m.fixed(dns.TypeSRV, s.TTL, 6+1+len(s.Target)+len(above))
	b := binary.BigEndian.AppendUint16(m.bytes, s.Priority)
	b = binary.BigEndian.AppendUint16(b, s.Weight)
	b = binary.BigEndian.AppendUint16(b, s.Port)
	b = append(b, byte(len(s.Target)))
	b = append(b, s.Target...)
	m.bytes = append(b, above...)
}

// A Note is an Extended DNS Error (RFC 8914, section 2).
type Note struct {
	Code uint16
	Text string
}

// End completes the reply to r, with TC where it is truncated, and with the OPT record
// that the server would add to a message. Whoever asks without one gets no notes.
func (m *Message) End(r *dns.Msg, truncated bool, notes []Note) {
	if opt := r.IsEdns0(); opt != nil {
		m.opt(opt, notes)
	}
	flags := uint16(isResponse | isAuthoritative)
	for _, flag := range [...]struct {
		is  bool
		bit uint16
	}{{truncated, isTruncated}, {r.RecursionDesired, recursionDesired}, {r.CheckingDisabled, checkingDisabled}} {
		if flag.is {
			flags |= flag.bit
		}
	}
	binary.BigEndian.PutUint16(m.bytes[atFlags:], flags)
	for section, n := range m.counts {
		binary.BigEndian.PutUint16(m.bytes[atAnswers+2*section:], n)
	}
}

// Truncated reports whether the message has TC set.
func (m *Message) Truncated() bool {
	return binary.BigEndian.Uint16(m.bytes[atFlags:])&isTruncated != 0
}

// Send writes the message, and releases it: a server copies what it is given, or has sent
// it when it returns.
func (m *Message) Send(w dns.ResponseWriter) error {
	_, err := w.Write(m.bytes)
	m.Release()
	return err
}

// opt adds the OPT record (RFC 6891, section 6.1.2).
func (m *Message) opt(asked *dns.OPT, notes []Note) {
	m.Additional()
	// The server sends the record of the question back, but makes the flags of one that
	// it finds anew.
	flags := asked.Hdr.Ttl & 0xff00
	size := 0
	for _, n := range notes {
		flags = 0
		size += 6 + len(n.Text)
	}
	if asked.Do() {
		flags |= 1 << 15
	}
	b := append(m.bytes, 0)
	b = binary.BigEndian.AppendUint16(b, dns.TypeOPT)
	b = binary.BigEndian.AppendUint16(b, asked.Hdr.Class)
	b = binary.BigEndian.AppendUint32(b, flags)
	b = binary.BigEndian.AppendUint16(b, uint16(size))
	for _, n := range notes {
		b = binary.BigEndian.AppendUint16(b, dns.EDNS0EDE)
		b = binary.BigEndian.AppendUint16(b, uint16(2+len(n.Text)))
		b = binary.BigEndian.AppendUint16(b, n.Code)
		b = append(b, n.Text...)
	}
	m.bytes = b
	m.counts[sectionAdditional]++
}
