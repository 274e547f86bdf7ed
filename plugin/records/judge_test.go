package records

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
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
	var changes []Transition
	for _, s := range states {
		changes = append(changes, Transition{Before: c.slices[s.Name], After: s, At: c.now})
		c.slices[s.Name] = s
	}
	all := c.all()
	c.flaps += c.memory.Observe(c.options.Policy.Damping, changes, all)
	set := Compile(c.service, all, c.options, &c.memory, c.now)
	c.tally = set.Tally()
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

func TestSickIsWhoWasUpBefore(t *testing.T) {
	c := newCourse(Options{})
	c.report(pod(1, ready), pod(2, down))
	c.expect(t, "at first", "1 good, 1 starting")
	c.report(pod(1, ready), pod(2, ready))
	c.expect(t, "when both are up", "2 good")
	c.report(pod(1, down), pod(2, ready))
	c.expect(t, "when one goes down", "1 good, 1 sick")
	c.pass(100 * time.Hour)
	c.report(pod(1, down), pod(2, ready), pod(3, down))
	c.expect(t, "long after", "1 good, 1 sick, 1 starting")
	c.report(pod(1, ready), pod(2, down), pod(3, down))
	c.expect(t, "when they change places", "1 good, 1 sick, 1 starting")
	c.report(pod(1, draining), pod(2, dying), pod(3, dying))
	c.expect(t, "when all are deleted", "1 draining, 2 dying")
}

func TestWhatIsThereAtTheStartWasNotUp(t *testing.T) {
	c := newCourse(Options{})
	s := c.state("only", nil, pod(1, ready), pod(2, down))
	c.slices[s.Name] = s
	c.tally = Compile(c.service, c.all(), c.options, &c.memory, c.now).Tally()
	c.expect(t, "at first", "1 good, 1 starting")
	c.report(pod(1, down), pod(2, down))
	c.expect(t, "then", "1 sick, 1 starting")
}

func TestANewPodStarts(t *testing.T) {
	c := newCourse(Options{})
	c.report(endpoint(1, "10.0.0.1", "db-0", ready))
	c.report(endpoint(1, "10.0.0.1", "db-0", down))
	c.expect(t, "the old Pod", "1 sick")
	c.report(endpoint(2, "10.0.0.1", "db-0", down))
	c.expect(t, "the new Pod with its name and address", "1 starting")
}

func TestPodsThatAreGoneAreForgotten(t *testing.T) {
	c := newCourse(Options{Explain: true, Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
	c.report(pod(1, ready), pod(2, ready), pod(3, ready))
	c.report(pod(1, down), pod(2, down), pod(3, ready))
	c.expect(t, "while they are there", "1 good, 2 sick")
	c.report(pod(2, down), pod(3, ready))
	c.pass(time.Second)
	c.turn()
	if len(c.memory.history) != 1 || len(c.memory.since) != 2 {
		t.Errorf("it remembers %v and %v", c.memory.history, c.memory.since)
	}
	c.turn(c.state("only", nil))
	c.pass(time.Second)
	c.turn()
	if len(c.memory.history) != 0 || len(c.memory.since) != 0 {
		t.Errorf("it remembers %v and %v", c.memory.history, c.memory.since)
	}
	c.report(pod(1, down))
	c.expect(t, "when it is back", "1 starting")
}

func TestAServiceWithoutTroubleRemembersNothing(t *testing.T) {
	c := newCourse(Options{Policy: health.Policy{FailOpen: 50, Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
	c.report(pod(1, down))
	c.report(pod(1, ready), pod(2, down))
	c.report(pod(1, draining), pod(2, ready), pod(3, down))
	c.report(pod(1, dying), pod(2, ready), pod(3, ready))
	if c.memory.history != nil || c.memory.since != nil || !c.memory.Next.IsZero() || c.flaps != 0 {
		t.Errorf("it remembers %+v, %d flaps", c.memory, c.flaps)
	}
}

// The first Pod has been down once, and is up.
func TestAnEndpointThatMovesBetweenSlices(t *testing.T) {
	for _, row := range []struct {
		name string
		// after is the state of the Pod in its new slice.
		after model.Conditions
		move  func(c *course, here, there *model.Slice)
		flaps int
		tier  string
	}{
		{"it comes first", ready, func(c *course, here, there *model.Slice) { c.turn(there); c.turn(here) }, 1, "2 good"},
		{"it goes first", ready, func(c *course, here, there *model.Slice) { c.turn(here); c.turn(there) }, 1, "2 good"},
		{"it comes first, in one turn", ready, func(c *course, here, there *model.Slice) { c.turn(there, here) }, 1, "2 good"},
		{"it goes first, in one turn", ready, func(c *course, here, there *model.Slice) { c.turn(here, there) }, 1, "2 good"},
		{"it comes first, and is down", down, func(c *course, here, there *model.Slice) { c.turn(there); c.turn(here) }, 2, "1 good, 1 sick"},
		{"it comes first, and is down, in one turn", down, func(c *course, here, there *model.Slice) { c.turn(there, here) }, 2, "1 good, 1 sick"},
		{"it goes first, and is down, in one turn", down, func(c *course, here, there *model.Slice) { c.turn(here, there) }, 2, "1 good, 1 sick"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCourse(Options{Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
			c.turn(c.state("here", nil, pod(1, ready), pod(2, ready)), c.state("there", nil))
			c.turn(c.state("here", nil, pod(1, down), pod(2, ready)))
			c.pass(time.Minute)
			c.turn(c.state("here", nil, pod(1, ready), pod(2, ready)))
			c.pass(time.Minute)
			row.move(c, c.state("here", nil, pod(2, ready)), c.state("there", nil, pod(1, row.after)))
			if c.flaps != row.flaps {
				t.Errorf("%d flaps, want %d", c.flaps, row.flaps)
			}
			c.expect(t, "in the end", row.tier)
			if c.memory.history[model.PodID{1}].Penalty < 500 {
				t.Errorf("its past is %+v", c.memory.history[model.PodID{1}])
			}
		})
	}
}

func TestASickPodThatMovesStaysSick(t *testing.T) {
	for name, move := range map[string]func(c *course, here, there *model.Slice){
		"it comes first":              func(c *course, here, there *model.Slice) { c.turn(there); c.turn(here) },
		"it comes first, in one turn": func(c *course, here, there *model.Slice) { c.turn(there, here) },
		"it goes first, in one turn":  func(c *course, here, there *model.Slice) { c.turn(here, there) },
		"it goes first":               func(c *course, here, there *model.Slice) { c.turn(here); c.turn(there) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCourse(Options{})
			c.turn(c.state("here", nil, pod(1, ready), pod(2, ready)), c.state("there", nil))
			c.turn(c.state("here", nil, pod(1, down), pod(2, ready)))
			move(c, c.state("here", nil, pod(2, ready)), c.state("there", nil, pod(1, down)))
			c.expect(t, "in the end", "1 good, 1 sick")
		})
	}
}

// Changes that come while others are compiled are compiled in one turn.
func TestAPodThatStartsWithinOneTurnHasNotFlapped(t *testing.T) {
	for name, states := range map[string]func(c *course) []*model.Slice{
		"in one slice": func(c *course) []*model.Slice {
			return []*model.Slice{c.state("here", nil, pod(1, down)), c.state("here", nil, pod(1, ready))}
		},
		"in slices of both families": func(c *course) []*model.Slice {
			return []*model.Slice{
				c.state("here", nil, pod(1, down)), c.state("there", nil, pod6(1, down)),
				c.state("here", nil, pod(1, ready)), c.state("there", nil, pod6(1, ready)),
			}
		},
		"in a slice that was there": func(c *course) []*model.Slice {
			return []*model.Slice{c.state("old", nil, pod(9, ready), pod(1, down)), c.state("old", nil, pod(9, ready), pod(1, ready))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCourse(Options{Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
			c.turn(c.state("old", nil, pod(9, ready)))
			c.turn(states(c)...)
			if c.flaps != 0 || len(c.memory.history) != 0 {
				t.Errorf("%d flaps, it remembers %v", c.flaps, c.memory.history)
			}
		})
	}
}

func TestChangesOfOneTurnCountInTheirOrder(t *testing.T) {
	for _, row := range []struct {
		name   string
		states []model.Conditions
		flaps  int
		want   string
	}{
		{"down and up again", []model.Conditions{down, ready}, 1, "2 good"},
		{"down", []model.Conditions{ready, down}, 1, "1 good, 1 sick"},
		{"down and deleted", []model.Conditions{down, dying}, 1, "1 good, 1 dying"},
		{"deleted", []model.Conditions{draining, dying}, 0, "1 good, 1 dying"},
	} {
		c := newCourse(Options{Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
		c.report(pod(1, ready), pod(2, ready))
		var states []*model.Slice
		for _, conditions := range row.states {
			states = append(states, c.state("only", nil, pod(1, ready), pod(2, conditions)))
		}
		c.turn(states...)
		if c.flaps != row.flaps {
			t.Errorf("%s: %d flaps, want %d", row.name, c.flaps, row.flaps)
		}
		c.expect(t, row.name, row.want)
	}
}

func TestBothFamiliesHaveOnePast(t *testing.T) {
	c := newCourse(Options{Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
	states := func(cond model.Conditions) (v4, v6 *model.Slice) {
		return c.state("v4", nil, append(pods(2, 4, ready), pod(1, cond))...),
			c.state("v6", nil, pod6(2, ready), pod6(3, ready), pod6(4, ready), pod6(5, ready), pod6(1, cond))
	}
	v4, v6 := states(ready)
	c.turn(v4, v6)
	for n := range 3 {
		v4, v6 = states(down)
		c.turn(v4)
		c.pass(200 * time.Millisecond)
		c.turn(v6)
		c.expect(t, "while it is down", "8 good, 2 sick")
		c.pass(5 * time.Second)
		v4, v6 = states(ready)
		c.turn(v4)
		c.turn(v6)
		if c.flaps != n+1 {
			t.Errorf("%d flaps, want %d", c.flaps, n+1)
		}
		c.pass(5 * time.Second)
	}
	c.expect(t, "after three flaps", "8 good, 2 damped")
}

func TestDampingTakesEffectAndEndsByItself(t *testing.T) {
	c := newCourse(Options{Policy: health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}}})
	c.report(pods(1, 5, ready)...)
	var set *Set
	for range 3 {
		set = c.report(append(pods(2, 4, ready), pod(1, down))...)
		if got := addresses(set, dns.TypeA); got != "10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5" {
			t.Errorf("while it is down: %s", got)
		}
		c.pass(5 * time.Second)
		set = c.report(pods(1, 5, ready)...)
		c.pass(5 * time.Second)
	}
	if got := addresses(set, dns.TypeA); got != "10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5" {
		t.Errorf("damped: %s", got)
	}
	if got := ask(set, "pod-1.db.default.svc.cluster.local.", dns.TypeA); got != "pod-1.db.default.svc.cluster.local. A 10.0.0.1" {
		t.Errorf("its own name: %s", got)
	}
	if _, ok := set.Reverse(netip.MustParseAddr("10.0.0.1")); !ok {
		t.Error("its address has no name")
	}
	next := c.memory.Next
	if !next.After(c.now) || next.After(c.now.Add(300*time.Second)) {
		t.Fatalf("next is in %v", next.Sub(c.now))
	}
	for at, want := range map[time.Time]string{
		next.Add(-1): "10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5",
		next:         "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5",
	} {
		memory := c.memory
		if got := addresses(Compile(c.service, c.all(), c.options, &memory, at), dns.TypeA); got != want {
			t.Errorf("%v after it is due: %s", at.Sub(next), got)
		}
	}
}

func TestFailOpenTakesEffectByItself(t *testing.T) {
	c := newCourse(Options{Policy: health.Policy{FailOpen: 50}})
	c.report(pods(1, 10, ready)...)
	set := c.report(append(pods(1, 3, ready), pods(4, 7, down)...)...)
	if got := addresses(set, dns.TypeA); got != "10.0.0.1 10.0.0.2 10.0.0.3" || c.tally.FailOpen {
		t.Errorf("at once: %s", got)
	}
	if next := c.memory.Next; !next.Equal(c.now.Add(2 * time.Second)) {
		t.Fatalf("next is in %v", next.Sub(c.now))
	}
	c.now = c.memory.Next
	set = c.turn()
	if got := len(strings.Fields(addresses(set, dns.TypeA))); got != 10 || !c.tally.FailOpen || c.tally.Best != health.Good || !c.tally.Any {
		t.Errorf("after 2 s: %d addresses, %+v", got, c.tally)
	}
	c.pass(time.Minute)
	c.report(pods(1, 10, ready)...)
	if next := c.memory.Next; !next.Equal(c.now.Add(10 * time.Second)) {
		t.Fatalf("next is in %v", next.Sub(c.now))
	}
	c.now = c.memory.Next
	if c.turn(); c.tally.FailOpen || !c.memory.Next.IsZero() || c.memory.guards != ([families]health.Guard{}) {
		t.Errorf("in the end: %+v", c.memory)
	}
}

func TestAClusterWideFalseAlarmKeepsTheName(t *testing.T) {
	c := newCourse(Options{Policy: health.Policy{FailOpen: 50}})
	c.report(pods(1, 10, ready)...)
	for n := range byte(11) {
		if got := len(strings.Fields(addresses(c.report(append(pods(1, n, ready), pods(n+1, 10-n, down)...)...), dns.TypeA))); got != 10 {
			t.Errorf("with %d back up there are %d addresses", n, got)
		}
		c.pass(time.Second)
	}
}

func TestTheTallyTellsWhatTheServiceNameHas(t *testing.T) {
	for _, row := range []struct {
		name string
		all  []model.Endpoint
		best health.Tier
		any  bool
	}{
		{"good", []model.Endpoint{pod(1, ready), pod(2, draining)}, health.Good, true},
		{"draining", []model.Endpoint{pod(1, down), pod(2, draining)}, health.Draining, true},
		{"one family good, the other draining", []model.Endpoint{pod(1, draining), pod6(2, ready)}, health.Good, true},
		{"nothing", []model.Endpoint{pod(1, down)}, 0, false},
		{"no endpoints", nil, 0, false},
	} {
		c := newCourse(Options{})
		c.report(row.all...)
		if c.tally.Best != row.best || c.tally.Any != row.any {
			t.Errorf("%s: got %+v", row.name, c.tally)
		}
	}
}

func TestFamiliesAreDecidedSeparately(t *testing.T) {
	c := newCourse(Options{})
	set := c.turn(
		c.state("v4", nil, pod(1, draining), pod(2, down)),
		c.state("v6", nil, pod6(1, ready), pod6(2, down), pod6(3, draining)))
	if got := addresses(set, dns.TypeA); got != "10.0.0.1" {
		t.Errorf("IPv4: %s", got)
	}
	if got := addresses(set, dns.TypeAAAA); got != "fd00::1" {
		t.Errorf("IPv6: %s", got)
	}
	c.expect(t, "of both", "1 good, 2 draining, 2 starting")

	c = newCourse(Options{Policy: health.Policy{FailOpen: 50}})
	c.turn(c.state("v4", nil, pod(1, ready), pod(2, ready)), c.state("v6", nil, pod6(3, ready), pod6(4, ready)))
	set = c.turn(c.state("v4", nil, pod(1, down), pod(2, down)))
	if got := addresses(set, dns.TypeA) + ", " + addresses(set, dns.TypeAAAA); got != "10.0.0.1 10.0.0.2, fd00::3 fd00::4" {
		t.Errorf("with fail open: %s", got)
	}
	if c.memory.guards[family6] != (health.Guard{}) || !c.memory.guards[family4].Open {
		t.Errorf("the guards are %+v", c.memory.guards)
	}
}

func TestWhatOneFamilyHasDoesNotDependOnTheOther(t *testing.T) {
	conditions := rapid.SampledFrom([]model.Conditions{ready, down, draining, dying, model.Ready})
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Policy: health.Policy{
			Publish:  health.Publish(rapid.IntRange(0, 1).Draw(t, "publish")),
			Fallback: health.Fallback(rapid.IntRange(0, 1).Draw(t, "fallback")),
			FailOpen: rapid.SampledFrom([]int{0, 50}).Draw(t, "fail_open"),
		}}
		both, alone := newCourse(o), newCourse(o)
		for range 3 {
			var v4, v6 []model.Endpoint
			for n := range byte(4) {
				v4 = append(v4, pod(n, conditions.Draw(t, "IPv4")))
				v6 = append(v6, endpoint(100+n, fmt.Sprintf("fd00::%d", n), "", conditions.Draw(t, "IPv6")))
			}
			a := both.turn(both.state("v4", nil, v4...), both.state("v6", nil, v6...))
			b := alone.turn(alone.state("v4", nil, v4...))
			found := func(s *Set) string {
				return strings.NewReplacer("no name", "", "no data", "").Replace(addresses(s, dns.TypeA))
			}
			if found(a) != found(b) {
				t.Fatalf("with IPv6: %q, without: %q", found(a), found(b))
			}
			both.pass(time.Second)
			alone.pass(time.Second)
		}
	})
}

// priorities lists the SRV records as priority and target.
func priorities(s *Set, text string) string {
	var list []string
	for _, rr := range s.Answer(question(text, dns.TypeSRV)).Records {
		srv := rr.(*dns.SRV)
		if srv.Weight != 100 {
			return fmt.Sprintf("a weight of %d", srv.Weight)
		}
		target, _, _ := strings.Cut(srv.Target, ".")
		list = append(list, fmt.Sprintf("%02d %s", srv.Priority, target))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// everyTier returns a Service with Pods 1 to 4 good, 5 damped, 6 draining, 7
// sick, 8 starting and 9 dying.
func everyTier(p health.Policy) *course {
	p.Damping = health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}
	c := newCourse(Options{Policy: p})
	state := func(five, seven model.Conditions) {
		c.report(append(pods(1, 4, ready), pod(5, five), pod(6, ready), pod(7, seven), pod(8, down), pod(9, ready))...)
		c.pass(5 * time.Second)
	}
	for range 3 {
		state(ready, ready)
		state(down, ready)
	}
	state(ready, down)
	return c
}

// settle brings the Service of everyTier there.
func (c *course) settle() *Set {
	return c.report(append(pods(1, 4, ready), pod(5, ready), pod(6, draining), pod(7, down), pod(8, down), pod(9, dying))...)
}

func TestSRVPriorities(t *testing.T) {
	const four = "00 10-0-0-1, 00 10-0-0-2, 00 10-0-0-3, 00 10-0-0-4"
	for _, row := range []struct {
		name   string
		policy health.Policy
		want   string
	}{
		{"only what the Service name has", health.Policy{}, four},
		{"lower tiers behind it", health.Policy{SRVTiers: health.SRVAll}, four + ", 10 10-0-0-5, 20 10-0-0-6"},
		{"no draining ones with fallback none", health.Policy{SRVTiers: health.SRVAll, Fallback: health.FallbackNone}, four + ", 10 10-0-0-5"},
		{"whoever has a name is not a target for that", health.Policy{PodNames: health.NamesAll}, four},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := everyTier(row.policy)
			set := c.settle()
			c.expect(t, "all", "4 good, 1 damped, 1 draining, 1 sick, 1 starting, 1 dying")
			if got := addresses(set, dns.TypeA); got != "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4" {
				t.Errorf("the name has %s", got)
			}
			for _, text := range []string{"db.default.svc.cluster.local.", "_sql._tcp.db.default.svc.cluster.local."} {
				if got := priorities(set, text); got != row.want {
					t.Errorf("%s: got\n%s\nwant\n%s", text, got, row.want)
				}
			}
		})
	}
}

func TestSRVPrioritiesWithFailOpen(t *testing.T) {
	for _, row := range []struct {
		policy health.Policy
		want   string
	}{
		{health.Policy{FailOpen: 100}, "00 10-0-0-1, 00 10-0-0-2, 00 10-0-0-3, 00 10-0-0-4, 10 10-0-0-5, 30 10-0-0-7"},
		{health.Policy{FailOpen: 100, SRVTiers: health.SRVAll}, "00 10-0-0-1, 00 10-0-0-2, 00 10-0-0-3, 00 10-0-0-4, 10 10-0-0-5, 20 10-0-0-6, 30 10-0-0-7"},
	} {
		c := everyTier(row.policy)
		c.settle()
		c.pass(2 * time.Second)
		set := c.settle()
		if !c.tally.FailOpen {
			t.Fatalf("fail open is not: %s", c.counts())
		}
		if got := priorities(set, "_sql._tcp.db.default.svc.cluster.local."); got != row.want {
			t.Errorf("%v: got\n%s\nwant\n%s", row.policy, got, row.want)
		}
	}
}

func TestATargetInTwoTiersIsListedOnceInTheBetter(t *testing.T) {
	c := newCourse(Options{Policy: health.Policy{SRVTiers: health.SRVAll}})
	set := c.turn(
		c.state("v4", []model.Port{sql}, endpoint(0, "10.0.0.1", "db-0", ready), endpoint(1, "10.0.0.2", "db-1", draining)),
		c.state("v6", []model.Port{sql}, endpoint(0, "fd00::1", "db-0", draining), endpoint(1, "fd00::2", "db-1", ready), endpoint(2, "fd00::3", "db-2", draining)))
	for _, text := range []string{"db.default.svc.cluster.local.", "_sql._tcp.db.default.svc.cluster.local."} {
		if got := priorities(set, text); got != "00 db-0, 00 db-1, 20 db-2" {
			t.Errorf("%s: got %s", text, got)
		}
	}
}

// A target with two ports of one number can have them in different tiers.
func TestPortsOfOneNumberAreListedInTheBetterTier(t *testing.T) {
	udp := model.Port{Name: "sql-udp", Protocol: model.UDP, Number: sql.Number}
	c := newCourse(Options{Policy: health.Policy{SRVTiers: health.SRVAll}})
	set := c.turn(
		c.state("v4", []model.Port{sql}, endpoint(0, "10.0.0.1", "db-0", draining), endpoint(1, "10.0.0.2", "db-1", ready)),
		c.state("v6", []model.Port{udp}, endpoint(0, "fd00::1", "db-0", ready)))
	for text, want := range map[string]string{
		"db.default.svc.cluster.local.":               "00 db-0, 00 db-1",
		"_sql._tcp.db.default.svc.cluster.local.":     "00 db-1, 20 db-0",
		"_sql-udp._udp.db.default.svc.cluster.local.": "00 db-0",
	} {
		if got := priorities(set, text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestSRVTruncationDropsBackupsFirst(t *testing.T) {
	c := everyTier(health.Policy{SRVTiers: health.SRVAll})
	set := c.settle()
	q := question("_sql._tcp.db.default.svc.cluster.local.", dns.TypeSRV)
	each := sizeSRV + 1 + len("10-0-0-1") + len("db.default.svc.cluster.local.") + 1
	for _, row := range []struct {
		room       int
		priorities []uint16
		truncated  bool
	}{
		{6 * each, []uint16{0, 0, 0, 0, 10, 20}, false},
		{6*each - 1, []uint16{0, 0, 0, 0, 10}, true},
		{5 * each, []uint16{0, 0, 0, 0, 10}, true},
		{5*each - 1, []uint16{0, 0, 0, 0}, true},
		{4 * each, []uint16{0, 0, 0, 0}, true},
		{4*each - 1, []uint16{0, 0, 0}, true},
		{each, []uint16{0}, true},
		{0, nil, true},
	} {
		q.Room = row.room
		a := set.Answer(q)
		var got []uint16
		for _, rr := range a.Records {
			got = append(got, rr.(*dns.SRV).Priority)
		}
		if slices.Sort(got); !slices.Equal(got, row.priorities) || a.Truncated != row.truncated {
			t.Errorf("room for %d bytes: got %v, truncated %v; want %v, %v", row.room, got, a.Truncated, row.priorities, row.truncated)
		}
	}
}

func TestAnEmptyServiceNameIsNoNameOnlyWithoutNamesBelow(t *testing.T) {
	states := []model.Endpoint{endpoint(1, "10.0.0.1", "db-0", down), endpoint(2, "10.0.0.2", "db-1", dying), endpoint(3, "10.0.0.3", "db-2", draining)}
	for _, row := range []struct {
		name  string
		names health.PodNames
		all   []model.Endpoint
		want  string
		below string
	}{
		{"ready: no name below", health.NamesReady, states, "no name", ""},
		{"serving: one that drains", health.NamesServing, states, "no data", "db-2"},
		{"serving: none that serves", health.NamesServing, states[:2], "no name", ""},
		{"all: any", health.NamesAll, states, "no data", "db-0 db-1 db-2"},
		{"all: one that starts", health.NamesAll, states[:1], "no data", "db-0"},
		{"all: without endpoints", health.NamesAll, nil, "no name", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCourse(Options{Policy: health.Policy{PodNames: row.names, Fallback: health.FallbackNone}})
			set := c.report(row.all...)
			for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeTXT} {
				if got := ask(set, "db.default.svc.cluster.local.", qtype); got != row.want {
					t.Errorf("%s: got %s, want %s", dns.TypeToString[qtype], got, row.want)
				}
			}
			for i, host := range []string{"db-0", "db-1", "db-2"} {
				want := "no name"
				addr := fmt.Sprintf("10.0.0.%d", i+1)
				_, reverse := set.Reverse(netip.MustParseAddr(addr))
				if has := slices.Contains(strings.Fields(row.below), host); has {
					want = host + ".db.default.svc.cluster.local. A " + addr
				}
				if got := ask(set, host+".db.default.svc.cluster.local.", dns.TypeA); got != want {
					t.Errorf("%s: got %s, want %s", host, got, want)
				}
				if reverse != (want != "no name") {
					t.Errorf("%s: its address has a name: %v", host, reverse)
				}
			}
		})
	}
}

func TestAPodsOwnNameIsNeverLimited(t *testing.T) {
	c := newCourse(Options{})
	set := c.report(endpoint(1, "10.0.0.1", "db", ready), endpoint(2, "10.0.0.2", "db", ready), endpoint(3, "10.0.0.3", "db", ready))
	for text, want := range map[string]int{"db.default.svc.cluster.local.": 1, "db.db.default.svc.cluster.local.": 3} {
		q := question(text, dns.TypeA)
		q.MaxAnswers = 1
		if a := set.Answer(q); len(a.Records) != want || a.Truncated {
			t.Errorf("%s: %d records, truncated %v", text, len(a.Records), a.Truncated)
		}
	}
}

func TestDrainByName(t *testing.T) {
	for _, drain := range []string{"db-1", "pod-2", "10-0-0-2"} {
		names := []string{"db-9", drain}
		slices.Sort(names)
		c := newCourse(Options{Drain: names})
		set := c.report(endpoint(1, "10.0.0.1", "db-0", ready), endpoint(2, "10.0.0.2", "db-1", ready))
		if got := addresses(set, dns.TypeA); got != "10.0.0.1" {
			t.Errorf("%s: the name has %s", drain, got)
		}
		if got := priorities(set, "_sql._tcp.db.default.svc.cluster.local."); got != "00 db-0" {
			t.Errorf("%s: SRV records for %s", drain, got)
		}
		if got := ask(set, "db-1.db.default.svc.cluster.local.", dns.TypeA); got != "db-1.db.default.svc.cluster.local. A 10.0.0.2" {
			t.Errorf("%s: its own name has %s", drain, got)
		}
	}
}

func explained(t *testing.T, s *Set) []string {
	t.Helper()
	a := s.Answer(question("_explain.db.default.svc.cluster.local.", dns.TypeTXT))
	if a.Outcome != Found || a.Truncated {
		t.Fatalf("got %+v", a)
	}
	var lines []string
	for _, rr := range a.Records {
		txt := rr.(*dns.TXT)
		if len(txt.Txt) != 1 || txt.Hdr.Ttl != 0 {
			t.Errorf("got %v", txt)
		}
		lines = append(lines, txt.Txt...)
	}
	return lines
}

func TestExplanation(t *testing.T) {
	c := everyTier(health.Policy{PodNames: health.NamesServing})
	c.options.Explain, c.options.Drain = true, []string{"10-0-0-10"}
	c.settle()
	c.pass(time.Minute)
	c.report(append(pods(1, 4, ready), pod(5, ready), pod(6, draining), pod(7, down), pod(8, down), pod(9, dying), pod(10, ready),
		endpoint(11, "fd00::b", "db-11", ready), pod(12, ready))...)
	c.pass(time.Minute)
	got := explained(t, c.report(append(pods(1, 4, ready), pod(5, ready), pod(6, draining), pod(7, down), pod(8, down), pod(9, dying), pod(10, ready),
		endpoint(11, "fd00::b", "db-11", ready), pod(12, down))...))
	until := c.memory.history[model.PodID{5}].Until.UTC().Format(time.RFC3339)
	want := []string{
		"policy: publish ready, pod_names serving, fallback draining, fail_open off, damping on 2m0s, srv_tiers published",
		"10-0-0-1 10.0.0.1 good since 2026-03-01T12:00:35Z: published",
		"10-0-0-2 10.0.0.2 good since 2026-03-01T12:00:35Z: published",
		"10-0-0-3 10.0.0.3 good since 2026-03-01T12:00:35Z: published",
		"10-0-0-4 10.0.0.4 good since 2026-03-01T12:00:35Z: published",
		"10-0-0-5 10.0.0.5 damped since 2026-03-01T12:00:35Z: not published, because it flapped, and is damped until " + until + "; its own name stays",
		"10-0-0-6 10.0.0.6 draining since 2026-03-01T12:00:35Z: not published, because it terminates; its own name stays",
		"10-0-0-7 10.0.0.7 sick since 2026-03-01T12:00:35Z: not published, because it is not ready any more",
		"10-0-0-8 10.0.0.8 starting since 2026-03-01T12:00:35Z: not published, because it has never been ready",
		"10-0-0-9 10.0.0.9 dying since 2026-03-01T12:00:35Z: not published, because it terminates, and does not serve any more",
		"10-0-0-10 10.0.0.10 draining since 2026-03-01T12:01:35Z: not published, because it is taken out by annotation; its own name stays",
		"10-0-0-12 10.0.0.12 sick since 2026-03-01T12:02:35Z: not published, because it is not ready any more",
		"db-11 fd00::b good since 2026-03-01T12:01:35Z: published",
	}
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestExplanationIsThereOnlyIfWanted(t *testing.T) {
	const text = "_explain.db.default.svc.cluster.local."
	if set := newCourse(Options{}).report(pod(1, ready)); ask(set, text, dns.TypeTXT) != "no name" {
		t.Error("it is there though nobody wants it")
	}
	set := newCourse(Options{Explain: true}).report(pod(1, ready))
	if got := ask(set, text, dns.TypeA); got != "no data" {
		t.Errorf("its address: %s", got)
	}
	if got := explained(t, newCourse(Options{Explain: true}).report()); len(got) != 1 || !strings.HasPrefix(got[0], "policy: ") {
		t.Errorf("without endpoints: %v", got)
	}
	q := question(text, dns.TypeTXT)
	q.Room = 130
	if a := set.Answer(q); len(a.Records) != 1 || !a.Truncated {
		t.Errorf("with little room: %d records, truncated %v", len(a.Records), a.Truncated)
	}
}

func TestTimeOfATierIsWhenItBegan(t *testing.T) {
	c := newCourse(Options{Explain: true})
	line := func(s *Set) string {
		lines := explained(t, s)
		slices.Sort(lines)
		return lines[0]
	}
	for _, row := range []struct {
		conditions model.Conditions
		want       string
	}{
		{down, "starting since 2026-03-01T12:00:00Z"},
		{down, "starting since 2026-03-01T12:00:00Z"},
		{ready, "good since 2026-03-01T12:02:00Z"},
		{ready, "good since 2026-03-01T12:02:00Z"},
		{down, "sick since 2026-03-01T12:04:00Z"},
		{draining, "draining since 2026-03-01T12:05:00Z"},
	} {
		if got := line(c.report(pod(1, row.conditions))); !strings.Contains(got, row.want+": ") {
			t.Errorf("got %s, want %s", got, row.want)
		}
		c.pass(time.Minute)
	}
}

// One Pod can be in another tier in each family: its IPv6 address is taken out
// here.
func TestTimeOfATierIsOfOneFamily(t *testing.T) {
	c := newCourse(Options{Explain: true, Drain: []string{"fd00--1"}})
	for range 3 {
		for _, line := range explained(t, c.report(pod(1, ready), pod6(1, ready))) {
			if !strings.HasPrefix(line, "policy: ") && !strings.Contains(line, " since 2026-03-01T12:00:00Z: ") {
				t.Errorf("%v later: %s", c.now.Sub(epoch), line)
			}
		}
		c.pass(time.Minute)
	}
}

func noted(s *Set, text string, qtype uint16) (Answer, string) {
	q := question(text, qtype)
	q.Explain = true
	a := s.Answer(q)
	return a, a.Note
}

func TestNotes(t *testing.T) {
	all := health.Policy{PodNames: health.NamesAll}
	three := append(pods(1, 3, ready), pods(4, 7, down)...)
	for _, row := range []struct {
		name          string
		policy        health.Policy
		before, after []model.Endpoint
		question      string
		qtype         uint16
		outcome       Outcome
		want          string
	}{
		{"nothing to say", health.Policy{}, nil, pods(1, 3, ready), "web.default.svc.cluster.local.", dns.TypeA, Found, ""},
		{"nothing to say, though some are not ready", health.Policy{}, nil, three, "web.default.svc.cluster.local.", dns.TypeA, Found, ""},
		{"nobody is ready", health.Policy{}, pods(1, 1, ready), pods(1, 3, down), "web.default.svc.cluster.local.", dns.TypeA, NoName, "no endpoint is ready: 2 starting, 1 sick"},
		{"nobody is ready, but some have names", all, pods(1, 1, ready), pods(1, 3, down), "web.default.svc.cluster.local.", dns.TypeA, NoData, "no endpoint is ready: 2 starting, 1 sick"},
		{"nobody is ready, whatever the type", health.Policy{}, pods(1, 1, ready), pods(1, 3, down), "web.default.svc.cluster.local.", dns.TypeAAAA, NoName, "no endpoint is ready: 2 starting, 1 sick"},
		{"nobody is ready, in IPv6", health.Policy{}, nil, []model.Endpoint{pod6(1, down)}, "web.default.svc.cluster.local.", dns.TypeA, NoName, "no endpoint is ready: 1 starting"},
		{"nobody is ready, with draining ones that are not published", health.Policy{Fallback: health.FallbackNone}, nil, []model.Endpoint{pod(1, draining), pod(2, dying)},
			"web.default.svc.cluster.local.", dns.TypeA, NoName, "no endpoint is ready: 1 draining, 1 dying"},
		{"draining", health.Policy{}, nil, []model.Endpoint{pod(1, draining), pod(2, down)}, "web.default.svc.cluster.local.", dns.TypeA, Found, "draining endpoints only"},
		{"draining, in SRV records", health.Policy{}, nil, pods(1, 1, draining), "web.default.svc.cluster.local.", dns.TypeSRV, Found, "draining endpoints only"},
		{"draining, in SRV records of a port", health.Policy{}, nil, pods(1, 1, draining), "_sql._tcp.web.default.svc.cluster.local.", dns.TypeSRV, Found, "draining endpoints only"},
		{"fail open", health.Policy{FailOpen: 50}, pods(1, 10, ready), three, "web.default.svc.cluster.local.", dns.TypeA, Found, "fail open: 3 of 10 serving"},
		{"fail open, in SRV records", health.Policy{FailOpen: 50}, pods(1, 10, ready), three, "_sql._tcp.web.default.svc.cluster.local.", dns.TypeSRV, Found, "fail open: 3 of 10 serving"},
		{"fail open, with none that serves", health.Policy{FailOpen: 50}, pods(1, 2, ready), pods(1, 2, down), "web.default.svc.cluster.local.", dns.TypeA, Found, "fail open: 0 of 2 serving"},
		{"fail open that is over", health.Policy{FailOpen: 50}, nil, three, "web.default.svc.cluster.local.", dns.TypeA, Found, ""},
		{"no such endpoint", health.Policy{}, nil, pods(1, 3, ready), "db-9.web.default.svc.cluster.local.", dns.TypeA, NoName, "no such endpoint in default/web"},
		{"an endpoint that is not ready has no name", health.Policy{}, nil, pods(1, 3, down), "10-0-0-1.web.default.svc.cluster.local.", dns.TypeA, NoName, "no such endpoint in default/web"},
		{"an endpoint of the other family", health.Policy{}, nil, pods(1, 3, ready), "10-0-0-1.web.default.svc.cluster.local.", dns.TypeAAAA, NoData, "no records of this type here, in default/web"},
		{"an endpoint", health.Policy{}, nil, pods(1, 3, ready), "10-0-0-1.web.default.svc.cluster.local.", dns.TypeA, Found, ""},
		{"an endpoint, while all drain", health.Policy{}, nil, pods(1, 1, draining), "10-0-0-1.web.default.svc.cluster.local.", dns.TypeA, Found, ""},
		{"no such port", health.Policy{}, nil, pods(1, 3, ready), "_http._tcp.web.default.svc.cluster.local.", dns.TypeSRV, NoName, "no such port in default/web"},
		{"no endpoints", health.Policy{}, nil, nil, "web.default.svc.cluster.local.", dns.TypeA, NoName, "default/web has no endpoints"},
		{"no endpoints of the family", health.Policy{}, nil, pods(1, 3, ready), "web.default.svc.cluster.local.", dns.TypeAAAA, NoData, "default/web has no endpoints of this address family"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCourse(Options{Policy: row.policy})
			c.service = web
			if row.before != nil {
				c.report(row.before...)
			}
			c.report(row.after...)
			c.pass(2 * time.Second)
			a, note := noted(c.turn(), row.question, row.qtype)
			if a.Outcome != row.outcome || note != row.want {
				t.Errorf("got outcome %d, %q; want %d, %q", a.Outcome, note, row.outcome, row.want)
			}
			if a := c.turn().Answer(question(row.question, row.qtype)); a.Note != "" {
				t.Errorf("nobody asked for %q", a.Note)
			}
		})
	}
}

// SRV records are of both families.
func TestANoteOfSRVRecordsIsOfTheBetterFamily(t *testing.T) {
	for _, row := range []struct {
		name      string
		four, six model.Conditions
		want      string
	}{
		{"one starts, the other is good", down, ready, ""},
		{"one is good, the other starts", ready, down, ""},
		{"one drains, the other is good", draining, ready, ""},
		{"one starts, the other drains", down, draining, "draining endpoints only"},
		{"both drain", draining, draining, "draining endpoints only"},
	} {
		c := newCourse(Options{})
		set := c.turn(c.state("four", []model.Port{sql}, pod(1, row.four)), c.state("six", []model.Port{sql}, pod6(2, row.six)))
		for _, text := range []string{"db.default.svc.cluster.local.", "_sql._tcp.db.default.svc.cluster.local."} {
			if a, note := noted(set, text, dns.TypeSRV); a.Outcome != Found || note != row.want {
				t.Errorf("%s: %s: %d records and the note %q, want %q", row.name, text, len(a.Records), note, row.want)
			}
		}
	}
}

func TestANoteOfSRVRecordsIsOfTheFamilyThatHasAny(t *testing.T) {
	c := newCourse(Options{Policy: health.Policy{FailOpen: 50, Fallback: health.FallbackNone}})
	c.turn(c.state("four", []model.Port{sql}, pod(1, draining)), c.state("six", []model.Port{sql}, pod6(2, ready)))
	a, note := noted(c.turn(c.state("six", []model.Port{sql}, pod6(2, down))), "db.default.svc.cluster.local.", dns.TypeSRV)
	if a.Outcome != Found || note != "fail open: 0 of 1 serving" {
		t.Errorf("%d records and the note %q", len(a.Records), note)
	}
}

// What a client gets less than it could expect, it is told why.
func TestEveryNegativeAnswerHasANote(t *testing.T) {
	conditions := rapid.SampledFrom([]model.Conditions{ready, down, draining, dying})
	rapid.Check(t, func(t *rapid.T) {
		c := newCourse(Options{Explain: true, Policy: health.Policy{
			PodNames: health.PodNames(rapid.IntRange(0, 2).Draw(t, "pod_names")),
			Fallback: health.Fallback(rapid.IntRange(0, 1).Draw(t, "fallback")),
		}})
		var all []model.Endpoint
		for n := range byte(rapid.IntRange(0, 3).Draw(t, "endpoints")) {
			addr := fmt.Sprintf(rapid.SampledFrom([]string{"10.0.0.%d", "fd00::%d"}).Draw(t, "address"), n)
			all = append(all, endpoint(n, addr, "", conditions.Draw(t, "conditions")))
		}
		set := c.report(all...)
		text := rapid.SampledFrom([]string{"", "pod-0.", "10-0-0-1.", "_tcp.", "_udp.", "_sql._tcp.", "_http._tcp.", "a.b.", "_explain."}).Draw(t, "name") + "db.default.svc.cluster.local."
		qtype := rapid.SampledFrom([]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeTXT}).Draw(t, "type")
		a, note := noted(set, text, qtype)
		if a.Outcome != Found && note == "" {
			t.Fatalf("%s %s: no note", text, dns.TypeToString[qtype])
		}
		if plain := set.Answer(question(text, qtype)); plain.Outcome != a.Outcome || len(plain.Records) != len(a.Records) {
			t.Fatalf("%s %s: outcome %d with a note and %d without", text, dns.TypeToString[qtype], a.Outcome, plain.Outcome)
		}
	})
}

func TestANoteHasRoom(t *testing.T) {
	c := newCourse(Options{Policy: health.Policy{}})
	set := c.report(pods(1, 3, draining)...)
	q := question("db.default.svc.cluster.local.", dns.TypeA)
	q.Explain, q.Room = true, 3*sizeA+NoteSize("draining endpoints only")
	if a := set.Answer(q); len(a.Records) != 3 || a.Truncated {
		t.Errorf("got %d records, truncated %v", len(a.Records), a.Truncated)
	}
	q.Room--
	if a := set.Answer(q); len(a.Records) != 2 || !a.Truncated || a.Note == "" {
		t.Errorf("with less room: got %d records, truncated %v, note %q", len(a.Records), a.Truncated, a.Note)
	}
	if NoteSize("four") != 10 {
		t.Error("an Extended DNS Error has 6 bytes besides its text")
	}
}

func TestNotesOfAnExternalName(t *testing.T) {
	set := compile(&model.Service{ServiceKey: web.ServiceKey, Kind: model.ExternalName, Address: netip.MustParseAddr("192.0.2.1")}, nil, ByHostname)
	for _, row := range []struct {
		question string
		qtype    uint16
		want     string
	}{
		{"web.default.svc.cluster.local.", dns.TypeA, ""},
		{"web.default.svc.cluster.local.", dns.TypeAAAA, "no records of this type here, in default/web"},
		{"a.web.default.svc.cluster.local.", dns.TypeA, "no such endpoint in default/web, which is an ExternalName Service"},
		{"_sql._tcp.web.default.svc.cluster.local.", dns.TypeSRV, "no such port in default/web, which is an ExternalName Service"},
	} {
		if _, note := noted(set, row.question, row.qtype); note != row.want {
			t.Errorf("%s %s: got %q", row.question, dns.TypeToString[row.qtype], note)
		}
	}
}

func TestEqualSeesWhatThePolicyDecides(t *testing.T) {
	of := func(p health.Policy, all ...model.Endpoint) *Set { return newCourse(Options{Policy: p}).report(all...) }
	names := health.Policy{PodNames: health.NamesAll}
	backups := health.Policy{PodNames: health.NamesAll, SRVTiers: health.SRVAll}
	for what, pair := range map[string][2]*Set{
		"who is in the Service name":   {of(names, pod(1, ready), pod(2, down)), of(names, pod(1, ready), pod(2, ready))},
		"who is a backup":              {of(backups, pod(1, ready), pod(2, down)), of(backups, pod(1, ready), pod(2, draining))},
		"the priority of a target":     {of(backups, pod(1, ready), pod(2, ready)), of(backups, pod(1, ready), pod(2, draining))},
		"why nothing is published":     {of(health.Policy{}, pod(1, down)), of(health.Policy{}, pod(1, dying))},
		"that only draining ones are":  {of(names, pod(1, ready)), of(names, pod(1, draining))},
		"that the policy is explained": {newCourse(Options{Explain: true}).report(), newCourse(Options{}).report()},
	} {
		if pair[0].Equal(pair[1]) {
			t.Errorf("%s makes no difference", what)
		}
	}
	if !of(names, pod(1, ready), pod(2, down)).Equal(of(names, pod(1, ready), pod(2, dying))) {
		t.Error("the tier of an endpoint that only has a name makes a difference")
	}
}
