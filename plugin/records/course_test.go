package records

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
)

const (
	down     = model.Conditions(0)
	draining = model.Serving | model.Terminating
	dying    = model.Terminating
)

var (
	epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	web   = &model.Service{ServiceKey: model.ServiceKey{Namespace: "default", Name: "web"}, Kind: model.Headless}
)

// course is one Service over time.
type course struct {
	options Options
	memory  Memory
	now     time.Time
	service *model.Service
	slices  map[string]*model.Slice
	version uint64
	flaps   int
	tally   Tally
}

func newCourse(o Options) *course {
	return &course{options: o, now: epoch, service: headless, slices: make(map[string]*model.Slice)}
}

// state is a new state of a slice; without endpoints it is an empty slice.
func (c *course) state(name string, ports []model.Port, all ...model.Endpoint) *model.Slice {
	c.version++
	s := slice(c.version, ports, all...)
	s.Name = name
	return s
}

// turn lets states of slices arrive, all in one turn.
func (c *course) turn(states ...*model.Slice) *Set {
	var changes []health.Transition
	for _, s := range states {
		changes = append(changes, health.Transition{Before: c.slices[s.Name], After: s, At: c.now})
		c.slices[s.Name] = s
	}
	all := c.all()
	c.flaps += c.memory.Observe(c.options.Policy.Damping, changes, all)
	set := Compile(c.service, all, c.options, &c.memory, c.now)
	c.tally, c.options.Before = set.Tally(), set
	return set
}

func (c *course) all() (all []*model.Slice) {
	for _, s := range c.slices {
		all = append(all, s)
	}
	return all
}

// report is a turn in which the only slice has those endpoints.
func (c *course) report(all ...model.Endpoint) *Set {
	return c.turn(c.state("only", []model.Port{sql}, all...))
}

func (c *course) pass(d time.Duration) { c.now = c.now.Add(d) }

// counts lists how many endpoints are in which tier.
func (c *course) counts() string {
	var parts []string
	for tier, n := range c.tally.Tiers {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, health.Tier(tier)))
		}
	}
	return strings.Join(parts, ", ")
}

func (c *course) expect(t *testing.T, when, want string) {
	t.Helper()
	if got := c.counts(); got != want {
		t.Errorf("%s: got %s, want %s", when, got, want)
	}
}

// pod is an endpoint without a hostname, at 10.0.0.N.
func pod(n byte, c model.Conditions) model.Endpoint {
	return endpoint(n, fmt.Sprintf("10.0.0.%d", n), "", c)
}

// pod6 is the same Pod in the other family.
func pod6(n byte, c model.Conditions) model.Endpoint {
	return endpoint(n, fmt.Sprintf("fd00::%d", n), "", c)
}

func pods(from, n byte, c model.Conditions) (all []model.Endpoint) {
	for i := range n {
		all = append(all, pod(from+i, c))
	}
	return all
}

// addresses returns what an A or AAAA question for the Service name gets.
func addresses(s *Set, qtype uint16) string {
	return strings.ReplaceAll(strings.ReplaceAll(ask(s, "db.default.svc.cluster.local.", qtype), "\n", " "),
		"db.default.svc.cluster.local. "+dns.TypeToString[qtype]+" ", "")
}

// remembered counts the Pods that have a past.
func remembered(c *course) (n int) {
	for i := range 256 {
		if _, ok := c.memory.health.Past(model.PodID{byte(i)}); ok {
			n++
		}
	}
	return n
}
