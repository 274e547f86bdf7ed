package check

import "errors"

// Refusal is why a check is never made, or not now.
type Refusal uint8

// The refusals.
const (
	NoRefusal Refusal = iota
	// ByAddress is that no line of check_allow has the address for the namespace, and
	// ByNever that nothing allows it, ever.
	ByAddress
	ByNever
	// ByPort is that no such line has the port, or that the target does not have it. ByKind
	// is that no such line has the kind.
	ByPort
	ByKind
	// ByPath is a path outside of check_paths.
	ByPath
	// ByBudget is that a namespace has used up its budget, and BySpecs that an address and
	// port is checked in too many ways.
	ByBudget
	BySpecs
	// Refusals is how many there are.
	Refusals
)

// String returns the refusal as it stands in metrics.
func (r Refusal) String() string {
	return [...]string{"none", "address", "never", "port", "kind", "path", "budget", "specs"}[r]
}

// refusedError is an error with its refusal.
type refusedError struct {
	refusal Refusal
	error
}

// RefusalOf returns the refusal behind an error of Parse, or NoRefusal where it is a
// mistake of writing only.
func RefusalOf(err error) Refusal {
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return refused.refusal
	}
	return NoRefusal
}
