package sparse

import "google.golang.org/protobuf/encoding/protowire"

// The two kinds of field that are read here.
const (
	bytesType  = protowire.BytesType
	varintType = protowire.VarintType
)

// message is a protocol buffer that is read field by field. It goes over data by indexes:
// cutting pieces off would cost more than reading them.
type message struct {
	data []byte
	// at is where the rest begins, and end where the message ends.
	at, end int
	// whole is a copy of data: texts that share its bytes cost no allocation of their own.
	whole string
	// number and kind are of the field that next found. It stands from..to where it is
	// bytes, and is varint where it is that.
	number   protowire.Number
	kind     protowire.Type
	from, to int
	varint   uint64
	broken   bool
}

func newMessage(data []byte) message { return message{data: data, end: len(data)} }

// next goes to the next field. It is false at the end, and where the message is
// broken.
func (m *message) next() bool {
	if m.at >= m.end || m.broken {
		return false
	}
	tag := m.readVarint()
	m.number, m.kind = protowire.DecodeTag(tag)
	if m.broken || m.number < protowire.MinValidNumber {
		return m.fail()
	}
	switch m.kind {
	case bytesType:
		n := m.readVarint()
		if m.broken || n > uint64(m.end-m.at) {
			return m.fail()
		}
		m.from, m.to = m.at, m.at+int(n)
		m.at = m.to
	case varintType:
		m.varint = m.readVarint()
	default:
		n := protowire.ConsumeFieldValue(m.number, m.kind, m.data[m.at:m.end])
		if n < 0 {
			return m.fail()
		}
		m.at += n
	}
	return !m.broken
}

// readVarint reads a number. Nearly all have one byte.
func (m *message) readVarint() uint64 {
	if m.at < m.end && m.data[m.at] < 0x80 {
		m.at++
		return uint64(m.data[m.at-1])
	}
	n, size := protowire.ConsumeVarint(m.data[m.at:m.end])
	if size < 0 {
		m.broken = true
		return 0
	}
	m.at += size
	return n
}

func (m *message) fail() bool {
	m.broken = true
	return false
}

// is reports whether the field has the kind that it has to have. Where it has not,
// the message is broken.
func (m *message) is(kind protowire.Type) bool {
	if m.kind != kind {
		m.broken = true
	}
	return !m.broken
}

// part returns the message that the field is.
func (m *message) part() message {
	if !m.is(bytesType) {
		return message{broken: true}
	}
	return message{data: m.data, at: m.from, end: m.to, whole: m.whole}
}

// bytes returns the field as bytes of the message.
func (m *message) bytes() []byte {
	if !m.is(bytesType) {
		return nil
	}
	return m.data[m.from:m.to:m.to]
}

// text returns the field as a string of its own.
func (m *message) text() string { return string(m.bytes()) }

// shared returns the field as a string that keeps the whole message in memory.
func (m *message) shared() string {
	if !m.is(bytesType) {
		return ""
	}
	return m.whole[m.from:m.to]
}

// number32 returns the field as protocol buffers make an int32 of it: the upper half
// is cut off.
func (m *message) number32() int32 {
	if !m.is(varintType) {
		return 0
	}
	return int32(m.varint)
}

// truth returns the field as a condition.
func (m *message) truth() *bool {
	if m.is(varintType) && m.varint != 0 {
		return &yes
	}
	return &no
}

// over ends the reading of a part: a broken part breaks what it is part of.
func (m *message) over(part *message) { m.broken = m.broken || part.broken }
