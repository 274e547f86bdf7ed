package engine

import (
	lru "container/list"
	"net/netip"
	"time"
)

const (
	// mostPairs is how many are remembered, and remembered for how long.
	mostPairs  = 10_000
	remembered = time.Hour
)

// pair is what a namespace had checked. To have it checked again is no scan.
type pair struct {
	namespace string
	at        netip.AddrPort
}

// pairs remembers the pairs that were let go of last.
type pairs struct {
	// order has each once, as a leftPair, the one that was let go of last in front.
	order lru.List
	at    map[pair]*lru.Element
}

type leftPair struct {
	pair
	until time.Duration
}

func (p *pairs) remember(x pair, now time.Duration) {
	left := leftPair{x, now + remembered}
	if e := p.at[x]; e != nil {
		e.Value = left
		p.order.MoveToFront(e)
		return
	}
	for oldest := p.order.Back(); oldest != nil; oldest = p.order.Back() {
		if left := oldest.Value.(leftPair); len(p.at) < mostPairs && now < left.until {
			break
		}
		p.forget(oldest)
	}
	if p.at == nil {
		p.at = make(map[pair]*lru.Element)
	}
	p.at[x] = p.order.PushFront(left)
}

func (p *pairs) forget(e *lru.Element) {
	delete(p.at, e.Value.(leftPair).pair)
	p.order.Remove(e)
}

// takes reports whether the pair is remembered, which it is no longer then.
func (p *pairs) takes(x pair, now time.Duration) bool {
	e := p.at[x]
	if e == nil {
		return false
	}
	until := e.Value.(leftPair).until
	p.forget(e)
	return now < until
}
