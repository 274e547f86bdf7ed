package check

import (
	"maps"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
)

// Guard says whether an address may be dialled. All its methods may be called at once.
type Guard struct {
	// of has the lines of a namespace, and anywhere those of all.
	of       map[string][]line
	anywhere []line
	// forbidden and servers are never written to: a change replaces them, one at a time.
	forbidden, servers atomic.Pointer[addresses]
	changes            sync.Mutex
}

// addresses are some, in the form in which they are dialled.
type addresses map[netip.Addr]struct{}

func (a addresses) add(all []netip.Addr) {
	for _, addr := range all {
		if addr.IsValid() {
			a[addr.Unmap().WithZone("")] = struct{}{}
		}
	}
}

// Guard returns what the terms allow. A line that cannot be read allows nothing.
func (t Terms) Guard() *Guard {
	g := &Guard{of: make(map[string][]line)}
	if t.Mode == Off {
		return g
	}
	for text := range strings.Lines(t.Allow) {
		l, err := parseLine(strings.Fields(text))
		if err != nil {
			continue
		}
		for _, namespace := range l.namespaces {
			if namespace == everyNamespace {
				g.anywhere = append(g.anywhere, l)
				continue
			}
			g.of[namespace] = append(g.of[namespace], l)
		}
	}
	return g
}

// Admit says whether a Service of a namespace may have an address and port checked by a
// kind. It is to be asked before each dial, with the very address that is dialled. It does
// not allocate.
func (g *Guard) Admit(namespace string, at netip.AddrPort, kind Kind) Refusal {
	if Never(at.Addr()) || g.forbids(at.Addr()) {
		return ByNever
	}
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	nearest := ByAddress
	for _, lines := range [...][]line{g.of[namespace], g.anywhere} {
		for i := range lines {
			refusal := lines[i].admit(at, kind)
			if refusal == NoRefusal {
				return NoRefusal
			}
			nearest = max(nearest, refusal)
		}
	}
	return nearest
}

// Forbid adds addresses that are never dialled, whatever is allowed: those of this process.
func (g *Guard) Forbid(addrs ...netip.Addr) {
	g.changes.Lock()
	defer g.changes.Unlock()
	all := make(addresses)
	if before := g.forbidden.Load(); before != nil {
		maps.Copy(all, *before)
	}
	all.add(addrs)
	g.forbidden.Store(&all)
}

// ForbidServers has the addresses of the API server never dialled, in place of those that
// were its before.
func (g *Guard) ForbidServers(addrs []netip.Addr) {
	all := make(addresses)
	all.add(addrs)
	g.servers.Store(&all)
}

func (g *Guard) forbids(addr netip.Addr) bool {
	return anyForm(g.forbidden.Load(), addr) || anyForm(g.servers.Load(), addr)
}

// anyForm reports whether an address leads to one of some. Nil are none.
func anyForm(all *addresses, addr netip.Addr) bool {
	if all == nil || len(*all) == 0 {
		return false
	}
	f := formsOf(addr)
	for _, form := range f.all[:f.n] {
		if _, found := (*all)[form]; found {
			return true
		}
	}
	return false
}
