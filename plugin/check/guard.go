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
	// forbidden is never written to: a change replaces it, one at a time.
	forbidden atomic.Pointer[map[netip.Addr]struct{}]
	changes   sync.Mutex
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

// Forbid adds addresses that are never dialled, whatever is allowed: those of this process,
// and of the API server.
func (g *Guard) Forbid(addrs ...netip.Addr) {
	g.changes.Lock()
	defer g.changes.Unlock()
	all := make(map[netip.Addr]struct{})
	if before := g.forbidden.Load(); before != nil {
		maps.Copy(all, *before)
	}
	for _, addr := range addrs {
		if addr.IsValid() {
			all[addr.Unmap().WithZone("")] = struct{}{}
		}
	}
	g.forbidden.Store(&all)
}

func (g *Guard) forbids(addr netip.Addr) bool {
	all := g.forbidden.Load()
	if all == nil {
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
