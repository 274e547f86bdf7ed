package source

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A Stream is how one list and its changes are read, for people.
type Stream struct {
	// Name is as in metrics, with the namespace where it is of one.
	Name string
	// Up is true where there was a list, and what happens is seen.
	Up bool
	// LastEvent is when something last came, zero for never.
	LastEvent time.Time
	// Relists is how often it was listed anew, and Errors how many requests failed.
	Relists, Errors int64
}

// An Outage is that nothing can be read. The zero value is that it can.
type Outage struct {
	// Since is when that began, and Next when the next try is.
	Since, Next time.Time
	Why         string
}

// A Watched is a source that says how it is itself.
type Watched interface {
	// From says where objects come from: a URL without user, or a directory.
	From() string
	// Streams are what it reads, nothing before a Run.
	Streams() []Stream
	// Outage says whether nothing can be read.
	Outage() Outage
}

// A LeftOut is an object that is left out, and why.
type LeftOut struct{ Kind, Namespace, Name, Why string }

// All returns the objects that are left out, in their order, each with its last reason. There
// may be more of them than are remembered.
func (r *Refusals) All() (all []LeftOut) {
	r.mu.Lock()
	defer r.mu.Unlock()
	order := func(a, b refusal) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name), cmp.Compare(a.kind, b.kind))
	}
	for _, of := range slices.SortedFunc(maps.Keys(r.known), order) {
		reasons := r.known[of]
		all = append(all, LeftOut{of.kind, of.namespace, of.name, reasons[len(reasons)-1]})
	}
	return all
}
