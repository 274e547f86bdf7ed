package endpoints

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check/engine"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/history"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/records"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"
)

// checking has the Services of a cache checked that want it. The zero value checks none.
type checking struct {
	engine *engine.Engine
	guard  *check.Guard

	mu sync.Mutex
	// judged are the Services with other verdicts than they were compiled with.
	judged map[model.ServiceKey]struct{}

	// Only run touches these. groups are those of the Services that want checks, and waiting
	// those that want some once all is known.
	groups  map[model.ServiceKey]checked
	waiting map[model.ServiceKey]struct{}
	// remembered are the checks that failed before this cache began, and forgotten when they
	// are none any more.
	remembered map[netip.AddrPort]check.Remembered
	forgotten  time.Time
}

// checked is a Service that wants checks, and how it wanted them when the engine was told.
type checked struct {
	*engine.Group
	options *records.Options
}

// warnOfMySQL warns where a check of a Service is one that MySQL counts against this host.
func warnOfMySQL(key model.ServiceKey, spec *check.Spec, targets []netip.AddrPort) {
	if spec.Kind == check.TCP && slices.ContainsFunc(targets, isMySQL) {
		warnedOfMySQL.Do(func() { log.Warningf(textMySQL, key) })
	}
}

// warnedOfMySQL is done once in a process: one line is enough to think about it.
var warnedOfMySQL sync.Once

const textMySQL = "The check tcp of %s goes to port 3306: to MySQL and MariaDB, a connection without a login is an error of this host, " +
	"and after max_connect_errors of them it is blocked; check what stands in front of the server"

func isMySQL(at netip.AddrPort) bool { return at.Port() == 3306 }

// newChecking returns what checks nothing where the terms are off, and e is nil.
func newChecking(terms check.Terms, e *engine.Engine) checking {
	if terms.Mode == check.Off {
		return checking{}
	}
	return checking{
		engine:  e,
		guard:   terms.Guard(),
		judged:  make(map[model.ServiceKey]struct{}),
		groups:  make(map[model.ServiceKey]checked),
		waiting: make(map[model.ServiceKey]struct{}),
	}
}

// judge takes note that a Service has other verdicts. It may be called from any goroutine.
func (c *cache) judge(key model.ServiceKey) {
	c.checking.mu.Lock()
	c.judged[key] = struct{}{}
	c.checking.mu.Unlock()
	c.wakeUp()
}

// takeJudged marks the Services that have other verdicts to be compiled. The cache is locked.
func (c *cache) takeJudged() {
	if c.engine == nil {
		return
	}
	c.checking.mu.Lock()
	defer c.checking.mu.Unlock()
	for key := range c.judged {
		c.dirty.mark(key, history.ByCheck)
	}
	c.judged = emptied(c.judged)
}

// findingsOf puts what checks have found of a Service into its options. Until they have found
// anything, it is what failed before: a start, and a reload, give no dead endpoint again.
func (c *cache) findingsOf(j *job, o *records.Options) {
	if group, ok := c.groups[j.key]; ok {
		o.Found, o.Asked = group.Findings(), group.Asked
	}
	if o.Found == nil && len(c.remembered) > 0 && o.Check != (check.Wanted{}) && c.now().Before(c.forgotten) {
		o.Found = c.rememberedOf(j, o)
	}
}

// rememberedOf returns nil where nothing failed before.
func (c *checking) rememberedOf(j *job, o *records.Options) *check.Findings {
	failing, digest := make(map[netip.Addr]time.Time), o.Check.Spec.Digest()
	for _, slice := range j.slices {
		port, ok := o.Check.PortIn(slice.Ports)
		if !ok {
			continue
		}
		for i := range slice.Endpoints {
			addr := slice.Endpoints[i].Address
			if was, ok := c.remembered[netip.AddrPortFrom(addr, port)]; ok && was.Spec == digest {
				failing[addr] = was.Since
			}
		}
	}
	if len(failing) == 0 {
		return nil
	}
	return &check.Findings{Failing: failing}
}

// remember takes note of what failed before. It is called before the cache runs.
func (c *cache) remember(failing []check.Remembered) {
	if len(failing) == 0 {
		return
	}
	c.remembered, c.forgotten = make(map[netip.AddrPort]check.Remembered), c.now().Add(snapshot.MaxVerdictAge)
	for _, each := range failing {
		c.remembered[each.At] = each
	}
}

// watchChecks says to the engine what is to be checked of a Service, where that is something
// else now. Before and after are what was served and what was compiled, nil where it is not
// served.
func (c *cache) watchChecks(j *job, before, after *records.Set) {
	if c.engine == nil {
		return
	}
	if after == nil || j.options.Check == (check.Wanted{}) || after.Service.Kind != model.Headless {
		c.endChecks(j.key)
		return
	}
	// Before, it is not known where the API server is, which is never checked.
	if !c.isSynced() {
		c.waiting[j.key] = struct{}{}
		return
	}
	group, ok := c.groups[j.key]
	if ok && group.options == j.options && before != nil && before.EqualChecks(after) {
		return
	}
	if group.options = j.options; !ok {
		key := j.key
		group.Group = c.engine.Group(key, func() { c.judge(key) })
	}
	c.groups[j.key] = group
	spec, targets := j.options.Check.Spec, after.Checkable(&j.options.Check, nil)
	warnOfMySQL(j.key, &spec, targets)
	group.Watch(spec, c.guard, j.options.Policy.FailOpen == health.FailOpenOff, targets)
}

// beginChecks begins those that waited for a full state.
func (c *cache) beginChecks() {
	for key := range c.waiting {
		c.judge(key)
	}
	c.waiting = emptied(c.waiting)
}

// emptied returns an empty set of Services. It does not keep the room of one that was not: all
// of a cluster come once, and seldom again.
func emptied(all map[model.ServiceKey]struct{}) map[model.ServiceKey]struct{} {
	if len(all) == 0 {
		return all
	}
	return make(map[model.ServiceKey]struct{})
}

// Failing returns the checks that fail, of all Services of the process.
func (c *checking) Failing() []check.Remembered {
	if c.engine == nil {
		return nil
	}
	return c.engine.Failing()
}

func (c *checking) endChecks(key model.ServiceKey) {
	if group, ok := c.groups[key]; ok {
		group.Close()
		delete(c.groups, key)
	}
}

// end ends all checks of a cache that nobody runs any more.
func (c *checking) end() {
	for key := range c.groups {
		c.endChecks(key)
	}
}

// apiServers is the Service whose slices have the addresses of the API server.
var apiServers = model.ServiceKey{Namespace: "default", Name: "kubernetes"}

// forbidServers has the API server never checked, where its slices say that it is. The cache
// is locked.
func (c *cache) forbidServers(key model.ServiceKey, s *service) {
	if c.engine == nil || key != apiServers {
		return
	}
	var servers []netip.Addr
	for _, slice := range s.slices {
		for i := range slice.Endpoints {
			servers = append(servers, slice.Endpoints[i].Address)
		}
	}
	c.guard.ForbidServers(servers)
}

// forbidOwn has this process never checked, nor the address by which it knows the API
// server.
func (c *checking) forbidOwn(server string) {
	var all []netip.Addr
	own, _ := net.InterfaceAddrs()
	for _, each := range own {
		if prefix, err := netip.ParsePrefix(each.String()); err == nil {
			all = append(all, prefix.Addr())
		}
	}
	for _, text := range []string{server, os.Getenv("KUBERNETES_SERVICE_HOST")} {
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			text = u.Hostname()
		}
		if addr, err := netip.ParseAddr(text); err == nil {
			all = append(all, addr)
		}
	}
	c.guard.Forbid(all...)
}
