package kubelet

import (
	"fmt"
	"net/netip"
)

// addresses gives out those of one place. One that was given back is taken before one that is
// new, the one that waits longest first. As one more is there from the beginning, a rolling
// restart gives each Pod the address of the one before it.
type addresses struct {
	free []netip.Addr
	next netip.Addr
	of   netip.Prefix
}

func newAddresses(of netip.Prefix) addresses {
	spare := of.Addr().Next()
	return addresses{free: []netip.Addr{spare}, next: spare.Next(), of: of}
}

func (a *addresses) take() (netip.Addr, error) {
	if len(a.free) > 0 {
		first := a.free[0]
		a.free = a.free[1:]
		return first, nil
	}
	if !a.of.Contains(a.next) {
		return netip.Addr{}, fmt.Errorf("all addresses of %s are in use", a.of)
	}
	given := a.next
	a.next = given.Next()
	return given, nil
}

func (a *addresses) giveBack(address netip.Addr) { a.free = append(a.free, address) }

// prefer makes an address the next that is taken, if it is free by then.
func (a *addresses) prefer(address netip.Addr) bool {
	for i, each := range a.free {
		if each == address {
			a.free[0], a.free[i] = a.free[i], a.free[0]
			return true
		}
	}
	return false
}
