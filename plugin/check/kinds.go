package check

import "strings"

// kindSet has kinds as bits.
type kindSet uint16

func setOf(kinds ...Kind) (s kindSet) {
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

func (s kindSet) has(k Kind) bool { return s&(1<<k) != 0 }

// String returns the kinds in their order, with spaces between.
func (s kindSet) String() string {
	var names []string
	for k := TCP; k < Kinds; k++ {
		if s.has(k) {
			names = append(names, k.String())
		}
	}
	return strings.Join(names, " ")
}

// everyKind has all kinds, and overTCP those that connect.
var (
	everyKind = setOf(TCP, TLS, HTTP, HTTPS, GRPC, DNS, Postgres, Redis)
	overTCP   = everyKind &^ setOf(DNS)
)

// kindNamed returns the kind of a name in lower case.
func kindNamed(name string) (Kind, bool) {
	for k := TCP; k < Kinds; k++ {
		if k.String() == name {
			return k, true
		}
	}
	return 0, false
}
