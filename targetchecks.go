package endpoints

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check/engine"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
)

// targetChecks have the addresses checked to which ExternalName Services lead that want it:
// those in the Book of one server block, since only who answers knows them. They begin with
// the first question for a Service, and end with it, or with what is kept of its targets.
type targetChecks struct {
	cache *cache
	book  *external.Book
	quit  chan struct{}
	done  sync.WaitGroup

	mu sync.Mutex
	// of has the Services that somebody has asked for. Nobody looks at what is kept before the
	// first, nor once it is closed: nothing ends what a start has begun that fails.
	of           map[model.ServiceKey][]*targetCheck
	runs, closed bool
}

// targetCheck is one target of a Service.
type targetCheck struct {
	*engine.Group
	key    model.ServiceKey
	target external.Target
	// spec and targets are what the engine was told.
	spec    check.Spec
	targets []netip.AddrPort
	// failing are the addresses whose check fails, where checks are only observed.
	failing map[netip.Addr]time.Time
}

// targetTurn is how often what is kept of targets is looked at. Nothing is kept for less than
// five seconds.
const targetTurn = 2 * time.Second

// newTargetChecks returns nil where a cache has nothing checked.
func newTargetChecks(c *cache, book *external.Book) *targetChecks {
	if c.engine == nil {
		return nil
	}
	return &targetChecks{cache: c, book: book, quit: make(chan struct{}), of: make(map[model.ServiceKey][]*targetCheck)}
}

// check has answers follow the checks of targets, or has these only observed.
func (h *handler) check(t *targetChecks) {
	if t.observes() {
		h.observed = t
		return
	}
	h.failsCheck = t.fails
}

func (t *targetChecks) observes() bool { return t.cache.settings.Checks.Mode == check.Observe }

// observe notes a question for a Service whose targets are checked without a word in the
// answer, and has them looked up beside it.
func (h *handler) observe(ctx context.Context, q *query, set *records.Set) {
	targets := targetsOf(set)
	if len(targets) == 0 || isUnasked(ctx) {
		return
	}
	h.observed.asked(set)
	// A copy, so that the question of any other Service stays on the stack.
	own := *q
	for _, t := range targets {
		if t.Name != "" {
			h.book.Look(t.Name, external.IPv4, external.LastGood{}, func() external.Resolver { return own.through(ctx, h.upstream) })
		}
	}
}

// targetsOf returns the targets of an ExternalName Service that wants a check, none of others.
func targetsOf(set *records.Set) []external.Target {
	switch {
	case set.Service.Kind != model.ExternalName, set.Check() == check.Wanted{}:
		return nil
	case set.Plan() != nil:
		return set.Plan().Targets
	}
	return []external.Target{{Name: set.Service.Target, Address: set.Service.Address}}
}

func (t *targetChecks) run() {
	ticker := time.NewTicker(targetTurn)
	defer ticker.Stop()
	for {
		select {
		case <-t.quit:
			return
		case <-ticker.C:
			t.turn()
		}
	}
}

// close ends all checks. It does nothing where there are none.
func (t *targetChecks) close() {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	close(t.quit)
	t.done.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	for key := range t.of {
		t.end(key)
	}
}

// fails returns what says of an address of the Service's targets whether its check fails, and
// nil where they are not checked.
func (t *targetChecks) fails(set *records.Set) func(netip.Addr) bool {
	if t == nil || set.Plan() == nil || !set.Plan().Checked {
		return nil
	}
	all := t.asked(set)
	return func(addr netip.Addr) bool {
		return slices.ContainsFunc(all, func(c *targetCheck) bool {
			verdict, _ := c.Findings().Of(addr)
			return verdict == check.Failing
		})
	}
}

// asked returns the checks of a Service, which somebody asks for.
func (t *targetChecks) asked(set *records.Set) []*targetCheck {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	if !t.runs {
		t.runs = true
		t.done.Go(t.run)
	}
	key := set.Service.ServiceKey
	all, known := t.of[key]
	if !known {
		all = t.begin(set)
		t.of[key] = all
	}
	for _, each := range all {
		each.Asked()
	}
	return all
}

// begin makes the checks of a Service. It is locked.
func (t *targetChecks) begin(set *records.Set) (all []*targetCheck) {
	key := set.Service.ServiceKey
	for _, target := range targetsOf(set) {
		c := &targetCheck{key: key, target: target}
		c.Group = t.cache.engine.Group(key, func() {
			if t.observes() {
				c.count()
			}
		})
		all = append(all, c)
	}
	return all
}

// count counts the addresses that fail now, and did not before. The engine alone calls it.
func (c *targetCheck) count() {
	before := c.failing
	c.failing = nil
	if found := c.Findings(); found != nil {
		c.failing = found.Failing
	}
	for addr := range c.failing {
		if _, failed := before[addr]; !failed {
			wouldFailTotal.Inc()
		}
	}
}

// turn brings what is checked in step with what is kept.
func (t *targetChecks) turn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, all := range t.of {
		set := t.cache.set(key.Name + "." + key.Namespace)
		if !wantsTargets(set, all) {
			t.end(key)
			continue
		}
		wanted := set.Check()
		number, ok := wanted.PortIn(set.Service.Ports)
		if !ok {
			continue
		}
		for _, each := range all {
			t.watch(each, &wanted, number)
		}
	}
}

// wantsTargets reports whether a Service leads still where it led when its checks began.
func wantsTargets(set *records.Set, all []*targetCheck) bool {
	return set != nil && set.Check() != (check.Wanted{}) &&
		slices.EqualFunc(targetsOf(set), all, func(target external.Target, c *targetCheck) bool { return target == c.target })
}

// watch has the addresses checked that are kept of one target.
func (t *targetChecks) watch(c *targetCheck, wanted *check.Wanted, port uint16) {
	spec := wanted.Spec.For(strings.TrimSuffix(c.target.Name, "."))
	var targets []netip.AddrPort
	for _, addr := range t.book.Addresses(&external.Plan{Targets: []external.Target{c.target}}) {
		if at := netip.AddrPortFrom(addr, port); !slices.Contains(targets, at) {
			targets = append(targets, at)
		}
	}
	if c.spec == spec && slices.Equal(c.targets, targets) {
		return
	}
	c.spec, c.targets = spec, targets
	warnOfMySQL(c.key, &spec, targets)
	c.Watch(spec, t.cache.guard, false, targets)
}

// end ends the checks of a Service. It is locked.
func (t *targetChecks) end(key model.ServiceKey) {
	for _, each := range t.of[key] {
		each.Close()
	}
	delete(t.of, key)
}
