package differences

import "github.com/miekg/dns"

// A Question is a name and a type, and how it is asked.
type Question struct {
	// Name has a final dot.
	Name string
	// Type is that of the library dns.
	Type uint16
	Way  Way
}

// String returns the question as people write it, without the way.
func (q Question) String() string { return dns.TypeToString[q.Type] + " " + q.Name }

// A Way is how a question is asked.
type Way string

// The ways.
const (
	OverUDP  Way = "UDP with a large buffer"
	OverTCP  Way = "TCP"
	SmallUDP Way = "UDP with 512 bytes"
)
