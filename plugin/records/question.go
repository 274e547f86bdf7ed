package records

import (
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/wire"

	"github.com/miekg/dns"
)

// Outcome is what a question about a Set meets.
type Outcome uint8

const (
	// NoName means that neither the name nor one below it exists.
	NoName Outcome = iota
	// NoData means that the name, or one below it, exists, and has no records
	// of the type (RFC 2308, section 2.2, and RFC 8020).
	NoData
	// Found means that there are records.
	Found
	// Alias means that the name is an alias of the Service's Target, of
	// whatever type the question is, or, where the Service has a Plan, that what its
	// targets are decides.
	Alias
)

// Answer is what a question about a Set gets.
type Answer struct {
	Outcome Outcome
	Records []dns.RR
	// Extra holds the addresses of the targets of SRV records, as far as they
	// fit: all addresses of a target or none.
	Extra []dns.RR
	// Note says why there is less than a client could expect, where the question
	// wants to know.
	Note string
	// Truncated means that Records is a part of all there are, because the rest does
	// not fit (RFC 2181, section 9).
	Truncated bool
}

// Question is a question and what its answer must fit.
type Question struct {
	// Owner is the name as it was asked, and Name its parts.
	Owner string
	Name  name.Name
	Type  uint16
	// TTL of the records, in seconds.
	TTL uint32
	// Offset is where in the message the records begin, and Room how much of it
	// is left for them, in bytes, with names compressed.
	Offset, Room int
	// MaxAnswers bounds the addresses of the Service name, and the SRV records of a
	// name; 0 is no bound.
	MaxAnswers int
	// Share says which part the client gets where it cannot have all.
	Share Share
	// Explain asks for a Note, for which there must be room.
	Explain bool
	// Wire takes address and SRV records as bytes, in place of the Answer, where it is
	// not nil. The records begin at Offset.
	Wire *wire.Message
}

// service returns the part of the owner from the Service's name on.
func (q *Question) service() string { return q.Owner[q.Name.At:] }

// ofPort reports whether the name is that of a port, or of its protocol.
func (q *Question) ofPort() bool { return q.Name.Kind == name.Port || q.Name.Kind == name.Protocol }

// wantsAll reports whether the answer is all that offer something.
func (q *Question) wantsAll() bool {
	switch q.Name.Kind {
	case name.Service:
		return q.Type == dns.TypeA || q.Type == dns.TypeAAAA || q.Type == dns.TypeSRV
	case name.Port:
		return q.Type == dns.TypeSRV
	}
	return false
}

// NoteSize is the size of a note as an Extended DNS Error, in bytes (RFC 8914,
// section 2).
func NoteSize(note string) int { return 6 + len(note) }

// Sizes of records in bytes (RFC 1035, section 4.1.3, RFC 3596 and RFC 2782),
// with a compression pointer for the owner.
const (
	sizePointer = 2
	sizeFixed   = 10 // type, class, TTL, length
	sizeA       = sizePointer + sizeFixed + 4
	sizeAAAA    = sizePointer + sizeFixed + 16
	sizeSRV     = sizePointer + sizeFixed + 6 // and the target, not compressed
)
