package engine

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
)

// limits bound what tenants can make of checks.
type limits struct {
	// checks is how many a namespace has at most, new how many pairs of an address and a
	// port it may add in a minute, and at once.
	checks, new int
	// specs is in how many ways one address and port is checked.
	specs int
}

var defaultLimits = limits{checks: 1000, new: 60, specs: 16}

// namespace is what the Services of a namespace have checked in all.
type namespace struct {
	name string
	// checks counts the tasks, each once, and groups the Groups.
	checks, groups int
	new            *rate.Limiter
	// waiting are the Groups that have members for which there was no budget, and waits means
	// that there are some, as the budget knows.
	waiting []*Group
	waits   bool
}

// budget has the namespaces.
type budget struct {
	limits
	namespaces map[string]*namespace
	pairs      pairs
	// waiting are the namespaces that have Groups which wait.
	waiting []*namespace
}

// join returns the namespace for one Group more.
func (b *budget) join(name string) *namespace {
	n := b.namespaces[name]
	if n == nil {
		n = &namespace{name: name, new: rate.NewLimiter(rate.Limit(b.new)/60, b.new)}
		if b.namespaces == nil {
			b.namespaces = make(map[string]*namespace)
		}
		b.namespaces[name] = n
	}
	n.groups++
	return n
}

// admit says whether there is budget for one task more, which is no task of the namespace
// yet. isNew says that the namespace has the pair not checked in another way.
func (b *budget) admit(n *namespace, at netip.AddrPort, isNew bool, now time.Duration, wall time.Time) check.Refusal {
	switch {
	case n.checks >= b.checks:
		return check.ByBudget
	case isNew && !b.pairs.takes(pair{n.name, at}, now) && !n.new.AllowN(wall, 1):
		return check.ByBudget
	}
	return check.NoRefusal
}

// sweep forgets namespaces that have no Group, and have spent nothing of late.
func (b *budget) sweep(wall time.Time) {
	for name, n := range b.namespaces {
		if n.groups == 0 && len(n.waiting) == 0 && n.new.TokensAt(wall) >= float64(b.new) {
			delete(b.namespaces, name)
		}
	}
}

// wait makes a Group wait for budget.
func (b *budget) wait(n *namespace, g *Group) {
	if g.waits {
		return
	}
	g.waits = true
	n.waiting = append(n.waiting, g)
	b.waitAgain(n)
}

// waitAgain makes the namespace one of those that wait, if its Groups do.
func (b *budget) waitAgain(n *namespace) {
	if len(n.waiting) > 0 && !n.waits {
		n.waits = true
		b.waiting = append(b.waiting, n)
	}
}

// takeWaiting takes all namespaces out that wait.
func (b *budget) takeWaiting() []*namespace {
	waiting := b.waiting
	b.waiting = nil
	for _, n := range waiting {
		n.waits = false
	}
	return waiting
}

// next takes the Group out that has waited longest.
func (n *namespace) next() *Group {
	g := n.waiting[0]
	n.waiting[0] = nil
	n.waiting = n.waiting[1:]
	g.waits = false
	return g
}
