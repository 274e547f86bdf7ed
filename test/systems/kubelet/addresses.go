package kubelet

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
)

// pool is addresses for one or more places, each of which takes from it as it needs.
type pool struct {
	mu        sync.Mutex
	addresses addresses
}

func (p *pool) take() (netip.Addr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addresses.take()
}

func (p *pool) giveBack(address netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addresses.giveBack(address)
}

func (p *pool) prefer(address netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addresses.prefer(address)
}

// addresses gives out those of a network. One that was given back waits until another one is,
// and is then the next: so a rolling restart gives each Pod the address of the one before it.
type addresses struct {
	free []netip.Addr
	next netip.Addr
	of   netip.Prefix
	// preferred says that the first that is free is taken whatever waits.
	preferred bool
}

func newAddresses(of netip.Prefix) addresses { return addresses{next: of.Addr().Next(), of: of} }

func (a *addresses) take() (netip.Addr, error) {
	isNew := a.of.Contains(a.next)
	switch {
	case len(a.free) > 1, len(a.free) > 0 && (a.preferred || !isNew):
		first := a.free[0]
		a.free, a.preferred = a.free[1:], false
		return first, nil
	case isNew:
		given := a.next
		a.next = given.Next()
		return given, nil
	}
	return netip.Addr{}, fmt.Errorf("all addresses of %s are in use", a.of)
}

func (a *addresses) giveBack(address netip.Addr) { a.free = append(a.free, address) }

// prefer makes an address the next that is taken, if it is free.
func (a *addresses) prefer(address netip.Addr) bool {
	i := slices.Index(a.free, address)
	if i < 0 {
		return false
	}
	a.free[0], a.free[i] = a.free[i], a.free[0]
	a.preferred = true
	return true
}
