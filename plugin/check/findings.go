package check

import (
	"net/netip"
	"time"
)

// Findings are what checks found of the endpoints of one Service, at one moment. They are
// immutable. A nil value has found nothing.
type Findings struct {
	// Failing has the addresses whose check fails, and since when.
	Failing map[netip.Addr]time.Time
	// Unknown has those that have no verdict yet, and NotAllowed those that are not checked,
	// and why. All others that were to be checked pass.
	Unknown    map[netip.Addr]struct{}
	NotAllowed map[netip.Addr]Refusal
}

// Of returns the verdict of an address that was to be checked, and since when it fails.
func (f *Findings) Of(addr netip.Addr) (v Verdict, since time.Time) {
	if f == nil {
		return Unknown, since
	}
	if since, fails := f.Failing[addr]; fails {
		return Failing, since
	}
	if _, unknown := f.Unknown[addr]; unknown {
		return Unknown, since
	}
	if _, refused := f.NotAllowed[addr]; refused {
		return NotAllowed, since
	}
	return Passing, since
}
