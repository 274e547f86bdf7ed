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
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

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
	if c.turn(); c.tally.FailOpen || !c.memory.Empty() {
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
	if set.failOpen != [roster.Families]bool{roster.IPv4: true} {
		t.Errorf("fail open is %v", set.failOpen)
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
