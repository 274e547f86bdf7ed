package records

import (
	"hash/fnv"
	"slices"
	"sync"
	"time"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"
)

// A compiler keeps the memory of one compilation for the next: else each change
// of a Service of 10,000 endpoints would leave megabytes to collect.
type compiler struct {
	builder   roster.Builder
	standings health.Standings
	topology  topology.Decider
	takenOut  roster.Bits
	nameless  roster.Bits
	called    roster.Bits
	ports     portCompiler
	zones     zoneCompiler
}

var compilers = sync.Pool{New: func() any { return new(compiler) }}

// Compile makes the Set of a Service from its slices, which it does not change.
// For an ExternalName Service it looks at no slices. What is to be remembered
// goes into memory.
func Compile(service *model.Service, all []*model.Slice, o Options, memory *Memory, now time.Time) *Set {
	s := &Set{Service: service, roster: &nobody}
	if !o.Declared.saysNothing() {
		declared := o.Declared
		s.declared = &declared
	}
	if service.Kind != model.Headless {
		// What it remembers of slices would outlive them.
		*memory = Memory{}
		s.compileAlone(&o)
		return s
	}
	c := compilers.Get().(*compiler)
	defer compilers.Put(c)
	current := c.rosterOf(all, o.Naming, memory)
	c.takeOut(current.Roster, o.Drain)
	o.settleChecks(service)
	memory.judge(current, &o, now)
	st := &c.standings
	wishes := health.Wishes{TakenOut: c.takenOut, PublishNotReady: service.PublishNotReady}
	// The standings keep it, and options are large.
	policy := o.Policy
	memory.Next = memory.health.Decide(st, &policy, current, wishes, now)
	s.roster, s.salt, s.publish = current.Roster, saltOf(service.ServiceKey), o.Policy.Publish
	if (o.Zonal || o.Topology.Mode != topology.Off) && o.ZoneOf != nil {
		s.takesZones = current.FillZones(o.ZoneOf)
	}
	if o.CheckMode != check.Off {
		s.compileChecks(&c.called, &o, current, st)
	}
	s.count(st)
	if s.wait(o.MinEndpoints, current, memory, now); !s.Waits() {
		s.compileNear(&c.topology, &o, current, st)
	}
	s.stand(st, current, &o, memory, now)
	s.explain(current, st, c.takenOut, &o, memory)
	inName := roster.Select(st.InName, s.roster.Len())
	s.name[roster.IPv4], s.name[roster.IPv6] = inName.Split(s.roster.Split())
	s.compilePorts(&c.ports, st, inName)
	if o.Zonal {
		s.compileZones(&c.zones, &c.ports, current)
	}
	// Now whoever is in SRV records has a name.
	s.named = inName
	if !slices.Equal(st.InName, st.Named) {
		s.named = roster.Select(st.Named, s.roster.Len())
	}
	s.compileOutside(all, &o, st.Counts)
	if s.Waits() {
		s.close()
	}
	s.standEmpty()
	c.keepMissing(s, all, o.Policy.PodNames)
	s.explainLeftOut()
	return s
}

// compileAlone compiles a Service without endpoints of its own.
func (s *Set) compileAlone(o *Options) {
	s.standAlone(o)
	if o.CheckMode != check.Off && o.Check != (check.Wanted{}) {
		s.checked = &checked{wanted: unique.Make(o.Check), mode: o.CheckMode}
	}
	o.External.Checked = s.checked != nil && o.CheckMode == check.On
	if s.plan = external.NewPlan(s.Service, &o.External, o.Rules); s.plan != nil {
		s.plan.Backups = o.Policy.SRVTiers == health.SRVAll
		s.plan.Explain, s.salt = o.Explain, saltOf(s.Service.ServiceKey)
	}
}

// saltOf returns a number for a Service, the same in each process.
func saltOf(key model.ServiceKey) uint64 {
	h := fnv.New64a()
	h.Write([]byte(key.String()))
	return h.Sum64()
}

// fewEndpoints is below what keeping a Roster pays for.
const fewEndpoints = 500

// rosterOf keeps the Roster of a large Service in memory. That of others is good
// until the next call.
func (c *compiler) rosterOf(all []*model.Slice, naming roster.Naming, memory *Memory) *roster.Current {
	if memory.current != nil && memory.current.Refresh(all) {
		return memory.current
	}
	memory.current, memory.judged = nil, nil
	current, disputed := c.builder.Build(all, naming)
	if current.Len() < fewEndpoints || disputed {
		return current
	}
	memory.current = current.Kept()
	return memory.current
}

// takeOut finds the endpoints that have one of those names.
func (c *compiler) takeOut(r *roster.Roster, names []string) {
	if len(names) == 0 {
		c.takenOut = nil
		return
	}
	c.takenOut = c.takenOut.Reset(r.Len())
	for _, text := range names {
		target, ok := r.Resolve(text)
		if !ok {
			continue
		}
		one, several := r.Meaning(target)
		if several == nil {
			several = []roster.At{one}
		}
		for _, at := range several {
			c.takenOut.Add(at)
		}
	}
}

// count takes the counts over.
func (s *Set) count(st *health.Standings) {
	s.failOpen, s.lastRung, s.observed = st.FailOpen, st.LastRung, int32(st.Observed)
	for family := range st.Counts {
		for i, n := range st.Counts[family] {
			s.counts[family][i] = int32(n)
			if tier := health.Tier(i); n > 0 && st.Published(family, tier) && (!s.any || tier < s.best) {
				s.any, s.best = true, tier
			}
		}
	}
}

// keepMissing remembers why endpoints have no name of their own, that slices are left out,
// and that the name waits, for those who ask for it.
func (c *compiler) keepMissing(s *Set, all []*model.Slice, names health.PodNames) {
	leftOut, waits := noteLeftOut(all), s.waits()
	if s.named.Len() == s.roster.Len() && leftOut == "" && waits == "" {
		return
	}
	s.missing = &missing{podNames: names, leftOut: leftOut, waits: waits}
	for t, bits := range c.standings.Tiers {
		c.nameless = append(c.nameless[:0], bits...)
		for w := range c.nameless {
			c.nameless[w] &^= c.standings.Named[w]
		}
		s.missing.nameless[t] = roster.Select(c.nameless, s.roster.Len())
	}
}
