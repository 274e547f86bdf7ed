package records

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

var (
	postgres = check.Wanted{Port: "5432", Spec: check.Spec{Kind: check.Postgres, Interval: 10 * time.Second, Fall: 3, Rise: 2}}
	off      = health.Policy{FailOpen: health.FailOpenOff}
)

// newChecked is a course of a Service that is checked.
func newChecked(p health.Policy) *course {
	return newCourse(Options{Policy: p, Check: postgres, CheckMode: check.On})
}

// find has checks fail from now on, and all others pass.
func (c *course) find(failing ...string) {
	found := &check.Findings{Failing: make(map[netip.Addr]time.Time)}
	for _, text := range failing {
		addr := netip.MustParseAddr(text)
		since, fails := time.Time{}, false
		if c.options.Found != nil {
			since, fails = c.options.Found.Failing[addr]
		}
		if !fails {
			since = c.now
		}
		found.Failing[addr] = since
	}
	c.options.Found = found
}

func TestAnEndpointWhoseCheckFails(t *testing.T) {
	two := []string{"10.0.0.1", "10.0.0.2"}
	for _, row := range []struct {
		name    string
		policy  health.Policy
		all     []model.Endpoint
		failing []string
		// in is what the Service name has, and srv what SRV records list.
		in, srv string
		tiers   string
	}{
		{"none", off, pods(1, 2, ready), nil, "10.0.0.1 10.0.0.2", "00 10-0-0-1, 00 10-0-0-2", "2 good"},
		{"one of two", off, pods(1, 2, ready), two[:1], "10.0.0.2", "00 10-0-0-2", "1 good, 1 sick"},
		{"one of two, never a backup", health.Policy{SRVTiers: health.SRVAll}, pods(1, 2, ready), two[:1], "10.0.0.2", "00 10-0-0-2", "1 good, 1 sick"},
		{"all, with fail_open off", off, pods(1, 2, ready), two, "no name", "", "2 sick"},
		{"all, where nobody says", health.Policy{}, pods(1, 2, ready), two, "10.0.0.1 10.0.0.2", "30 10-0-0-1, 30 10-0-0-2", "2 sick"},
		{"all, beside one that is down", health.Policy{}, []model.Endpoint{pod(1, ready), pod(2, ready), pod(3, down)}, two, "10.0.0.1 10.0.0.2", "30 10-0-0-1, 30 10-0-0-2", "2 sick, 1 starting"},
		{"all, beside one that drains", health.Policy{}, []model.Endpoint{pod(1, ready), pod(2, ready), pod(3, draining)}, two, "10.0.0.3", "20 10-0-0-3", "1 draining, 2 sick"},
		{"one that terminates", health.Policy{}, []model.Endpoint{pod(1, draining), pod(2, ready)}, two[:1], "10.0.0.2", "00 10-0-0-2", "1 good, 1 dying"},
		{"one that is down", health.Policy{}, []model.Endpoint{pod(1, down), pod(2, ready)}, two[:1], "10.0.0.2", "00 10-0-0-2", "1 good, 1 starting"},
		{"nobody's address", health.Policy{}, pods(1, 2, ready), []string{"192.0.2.1", "fd00::1"}, "10.0.0.1 10.0.0.2", "00 10-0-0-1, 00 10-0-0-2", "2 good"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newChecked(row.policy)
			c.find(row.failing...)
			set := c.report(row.all...)
			c.expect(t, "its tiers", row.tiers)
			if got := addresses(set, dns.TypeA); got != row.in {
				t.Errorf("the name has %s, want %s", got, row.in)
			}
			for _, text := range []string{dbName, "_sql._tcp." + dbName} {
				if got := priorities(set, text); got != row.srv {
					t.Errorf("%s has %s, want %s", text, got, row.srv)
				}
			}
		})
	}
}

func TestPublishNotReadyAddressesDoesNotOverruleACheck(t *testing.T) {
	for _, publish := range []health.Publish{health.ByReady, health.ByServing} {
		c := newChecked(health.Policy{Publish: publish})
		asking := *headless
		asking.PublishNotReady = true
		c.service = &asking
		c.find("10.0.0.1")
		if got := addresses(c.report(pod(1, ready), pod(2, ready)), dns.TypeA); got != "10.0.0.2" {
			t.Errorf("publish %d: the name has %s", publish, got)
		}
	}
}

func TestTheOwnNameOfAnEndpointWhoseCheckFails(t *testing.T) {
	for names, want := range map[health.PodNames]bool{health.NamesReady: false, health.NamesServing: false, health.NamesAll: true} {
		c := newChecked(health.Policy{PodNames: names})
		c.find("10.0.0.1")
		set := c.report(pod(1, ready), pod(2, ready))
		_, reverse := set.Reverse(netip.MustParseAddr("10.0.0.1"))
		a, note := noted(set, "pod-1."+dbName, dns.TypeA)
		if reverse != want || (len(a.Records) == 1) != want {
			t.Errorf("pod_names %v: %d records, a PTR record: %t, want %t", names, len(a.Records), reverse, want)
		}
		if text := fmt.Sprintf("endpoint pod-1 is sick, and pod_names %v gives no name to it", names); !want && note != text {
			t.Errorf("pod_names %v: the note is %q, want %q", names, note, text)
		}
	}
}

// A check is of an address. Ports that others offer, too, leave it out, and one that nobody
// else offers does not become empty.
func TestACheckEmptiesNoPort(t *testing.T) {
	states := func(c *course) []*model.Slice {
		return []*model.Slice{
			c.state("one", []model.Port{sql}, pod(1, ready), pod(2, ready)),
			c.state("two", []model.Port{peer}, pod(1, ready)),
		}
	}
	for _, row := range []struct {
		policy    health.Policy
		sql, peer string
		note      string
	}{
		{health.Policy{}, "00 10-0-0-2", "30 10-0-0-1", "nobody who offers this port serves"},
		{health.Policy{FailOpen: 50}, "00 10-0-0-2", "30 10-0-0-1", "nobody who offers this port serves"},
		{off, "00 10-0-0-2", "", "nobody who is published offers this port, in default/db"},
	} {
		c := newChecked(row.policy)
		c.find("10.0.0.1")
		set := c.turn(states(c)...)
		if got := addresses(set, dns.TypeA); got != "10.0.0.2" {
			t.Errorf("%v: the name has %s", row.policy, got)
		}
		for text, want := range map[string]string{"_sql._tcp.": row.sql, "_peer._tcp.": row.peer} {
			if got := priorities(set, text+dbName); got != want {
				t.Errorf("%v: %s has %s, want %s", row.policy, text, got, want)
			}
		}
		if _, note := noted(set, "_peer._tcp."+dbName, dns.TypeSRV); note != row.note {
			t.Errorf("%v: the note is %q, want %q", row.policy, note, row.note)
		}
	}
}

// An endpoint may be up for one port and down for another one.
func TestACheckSaysNothingOfAPortThatIsDown(t *testing.T) {
	c := newChecked(health.Policy{SRVTiers: health.SRVAll, PodNames: health.NamesAll})
	c.find("10.0.0.1")
	set := c.turn(c.state("one", []model.Port{sql}, pod(1, ready)), c.state("two", []model.Port{peer}, pod(1, down)))
	for text, want := range map[string]string{"": "30 10-0-0-1", "_sql._tcp.": "30 10-0-0-1", "_peer._tcp.": ""} {
		if got := priorities(set, text+dbName); got != want {
			t.Errorf("%q has %s, want %s", text, got, want)
		}
	}
}

func TestNotesOfChecks(t *testing.T) {
	two := []string{"10.0.0.1", "10.0.0.2"}
	for _, row := range []struct {
		name    string
		policy  health.Policy
		before  []model.Endpoint
		all     []model.Endpoint
		failing []string
		want    string
	}{
		{"nothing to say", health.Policy{}, nil, pods(1, 3, ready), two, ""},
		{"all fail", off, nil, pods(1, 2, ready), two, "no endpoint passes its check: 2 sick"},
		{"all fail, by serving", health.Policy{FailOpen: health.FailOpenOff, Publish: health.ByServing}, nil, pods(1, 2, ready), two, "no endpoint passes its check: 2 sick"},
		{"all fail, beside one that starts", off, nil, append(pods(1, 2, ready), pod(3, down)), two, "no endpoint passes its check: 1 starting, 2 sick"},
		{"some fail, and another one is down", off, pods(1, 3, ready), append(pods(1, 2, ready), pod(3, down)), two, "no endpoint is ready: 3 sick"},
		{"all fail but one that drains, and is not published", health.Policy{FailOpen: health.FailOpenOff, Fallback: health.FallbackNone}, nil,
			append(pods(1, 2, ready), pod(3, draining)), two, "no endpoint is ready: 2 sick, 1 draining"},
		{"all fail, and are published", health.Policy{}, nil, pods(1, 2, ready), two, "fail open: 0 of 2 serving, by check"},
		{"too many fail", health.Policy{FailOpen: 50}, nil, pods(1, 3, ready), two, "fail open: 1 of 3 serving, by check"},
		{"some fail, another one is down, and all are published", health.Policy{FailOpen: 50}, pods(1, 3, ready), append(pods(1, 2, ready), pod(3, down)), two, "fail open: 0 of 3 serving"},
		{"nobody is checked", off, pods(1, 2, ready), pods(1, 2, down), nil, "no endpoint is ready: 2 sick"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newChecked(row.policy)
			if row.before != nil {
				c.report(row.before...)
			}
			c.find(row.failing...)
			c.report(row.all...)
			c.pass(2 * time.Second)
			set := c.turn()
			for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV} {
				if _, note := noted(set, dbName, qtype); note != row.want {
					t.Errorf("%s: got %q, want %q", dns.TypeToString[qtype], note, row.want)
				}
			}
		})
	}
}

// What a note says of checks is true of all whom it counts.
func TestANoteOfChecksIsTrue(t *testing.T) {
	conditions := rapid.SampledFrom([]model.Conditions{ready, ready, ready, down, draining, dying})
	rapid.Check(t, func(t *rapid.T) {
		c := newChecked(health.Policy{
			Publish:  health.Publish(rapid.IntRange(0, 1).Draw(t, "publish")),
			Fallback: health.Fallback(rapid.IntRange(0, 1).Draw(t, "fallback")),
			FailOpen: rapid.SampledFrom([]int{health.FailOpenUnset, health.FailOpenOff, 50}).Draw(t, "fail_open"),
		})
		var set *Set
		var all []model.Endpoint
		for range rapid.IntRange(1, 3).Draw(t, "turns") {
			all = nil
			for n := range byte(4) {
				all = append(all, pod(n, conditions.Draw(t, "conditions")))
			}
			c.options.Found = drawFindings(t)
			set = c.report(all...)
			c.pass(2 * time.Second)
		}
		up, failing, wereUp := 0, 0, int(set.counts[0][health.Sick])
		for _, e := range all {
			_, fails := c.options.Found.Failing[e.Address]
			switch {
			case e.Conditions != ready && e.Conditions != draining:
			case !fails:
				up++
			case e.Conditions == ready:
				failing++
			}
		}
		a, note := noted(set, dbName, dns.TypeA)
		switch {
		case strings.HasPrefix(note, "no endpoint passes its check: "):
			if up > 0 || failing == 0 || failing != wereUp || len(a.Records) > 0 {
				t.Fatalf("%q, and %d pass, %d fail, %d are sick, and %d are published", note, up, failing, wereUp, len(a.Records))
			}
		case strings.HasSuffix(note, ", by check"):
			healthy := int(set.counts[0][health.Good])
			if want := fmt.Sprintf("fail open: %d of %d serving, by check", healthy, healthy+failing); note != want || failing != wereUp {
				t.Fatalf("%q, want %q, and %d are sick", note, want, wereUp)
			}
		case failing > 0 && failing == wereUp && up == 0:
			t.Fatalf("all that fail do so by their checks, and %q does not say it", note)
		}
	})
}

// Verdicts come and go, and the Roster of a large Service stays.
func TestVerdictsOfALargeService(t *testing.T) {
	service, all := statefulSet(fewEndpoints + 100)
	c := newChecked(health.Policy{})
	c.service = service
	for _, s := range all {
		c.slices[s.Name] = s
	}
	first := c.turn()
	kept := c.memory.current
	if kept == nil || first.name[0].Len() != fewEndpoints+100 {
		t.Fatalf("%d are published, kept: %t", first.name[0].Len(), kept != nil)
	}
	addr := func(i int) string { return all[0].Endpoints[i].Address.String() }
	for _, step := range []struct {
		name    string
		failing []string
		change  bool
		want    int
	}{
		{"one fails", []string{addr(0)}, false, 1},
		{"it still does", []string{addr(0)}, false, 1},
		{"two others do", []string{addr(1), addr(2)}, false, 2},
		{"a slice changes", []string{addr(1), addr(2)}, true, 2},
		{"all pass", nil, false, 0},
	} {
		c.find(step.failing...)
		for range 2 {
			var states []*model.Slice
			if step.change {
				next := *c.slices[all[1].Name]
				next.Version++
				states = append(states, &next)
			}
			set := c.turn(states...)
			if c.memory.current != kept || set.roster != first.roster {
				t.Errorf("%s: the Roster is another one", step.name)
			}
			if got := fewEndpoints + 100 - set.name[0].Len(); got != step.want || int(set.counts[0][health.Sick]) != step.want {
				t.Errorf("%s: %d are left out, %d are sick, want %d", step.name, got, set.counts[0][health.Sick], step.want)
			}
		}
	}
	c.find(addr(3))
	before := c.turn()
	oneDown := *all[0]
	oneDown.Endpoints = slices.Clone(oneDown.Endpoints)
	oneDown.Endpoints[9].Conditions = down
	if set := c.turn(&oneDown); set.roster != first.roster || set.EqualChecks(before) || !set.EqualChecks(set) {
		t.Error("an endpoint that its slice calls down is checked")
	}
	// A Roster that is made anew knows nothing of checks at first.
	fewer := *all[0]
	fewer.Endpoints = fewer.Endpoints[:9]
	if set := c.turn(&fewer); set.roster == first.roster || set.counts[0][health.Sick] != 1 {
		t.Errorf("%d are sick where another one is gone, want 1", set.counts[0][health.Sick])
	}
	c.turn(all[0])
	kept = c.memory.current
	c.options.CheckMode = check.Off
	if set := c.turn(); !set.Equal(first) || c.memory.current != kept || kept.Failing != nil {
		t.Errorf("without checks %d are published", set.name[0].Len())
	}
}

func TestAFlappingCheckIsDamped(t *testing.T) {
	c := newChecked(health.Policy{Damping: health.Damping{Mode: health.DampingOn, HalfLife: health.DefaultHalfLife}})
	c.find()
	if c.report(pods(1, 5, ready)...); c.memory.Empty() {
		t.Error("what checks found is forgotten")
	}
	flaps := 0
	for range 3 {
		c.find("10.0.0.1")
		for range 2 {
			c.turn()
			flaps += c.memory.Flaps
		}
		c.pass(5 * time.Second)
		c.find()
		c.turn()
		c.pass(5 * time.Second)
	}
	if c.expect(t, "after three failures", "4 good, 1 damped"); flaps != 3 {
		t.Errorf("%d flaps, want 3", flaps)
	}
	c.find("10.0.0.2")
	c.options.Found.Unknown = map[netip.Addr]struct{}{netip.MustParseAddr("10.0.0.3"): {}}
	c.turn()
	c.find("10.0.0.2", "10.0.0.3")
	if c.turn(); c.memory.Flaps != 0 {
		t.Errorf("a first verdict is %d flaps", c.memory.Flaps)
	}
	c.options.Policy.Damping.Mode = health.DampingOff
	if c.turn(); c.memory.found != nil || c.memory.Flaps != 0 {
		t.Error("without damping it remembers what checks found")
	}
}

func TestAServiceThatIsCheckedRemembersNothingWithoutDamping(t *testing.T) {
	c := newChecked(health.Policy{})
	for _, failing := range [][]string{nil, {"10.0.0.1"}, nil} {
		c.find(failing...)
		if c.report(pods(1, 3, ready)...); !c.memory.Empty() {
			t.Errorf("with %v failing it remembers %+v", failing, c.memory)
		}
	}
}

func TestChecksThatDoNotCount(t *testing.T) {
	selected := *headless
	selected.HasSelector = true
	for _, row := range []struct {
		name   string
		change func(*course)
		// would is how many endpoints would not be published.
		would int
	}{
		{"off", func(c *course) { c.options.CheckMode = check.Off }, 0},
		{"only observed", func(c *course) { c.options.CheckMode = check.Observe }, 2},
		{"of a Service that wants none", func(c *course) { c.options.Check = check.Wanted{} }, 0},
		{"of a Service with a selector", func(c *course) { c.service = &selected }, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			all := append(pods(1, 2, ready), pod(3, down), pod(4, draining))
			plain, c := newCourse(Options{}), newChecked(health.Policy{})
			row.change(c)
			plain.service = c.service
			c.find("10.0.0.1", "10.0.0.3", "10.0.0.4", "192.0.2.1")
			want, got := plain.report(all...), c.report(all...)
			if !got.Equal(want) || c.counts() != plain.counts() {
				t.Errorf("got %s, want %s", c.counts(), plain.counts())
			}
			if n := got.Tally().WouldFail; n != row.would {
				t.Errorf("%d would fail, want %d", n, row.would)
			}
			if targets := got.Checkable(&postgres, nil); (len(targets) > 0) != (row.would > 0) {
				t.Errorf("to be checked are %v", targets)
			}
		})
	}
}

func TestWhatIsToBeChecked(t *testing.T) {
	other := model.Port{Name: "sql", Number: 5433}
	query := model.Port{Name: "dns", Protocol: model.UDP, Number: 53}
	for _, row := range []struct {
		name   string
		change func(c *course)
		wanted check.Wanted
		slices func(c *course) []*model.Slice
		want   string
	}{
		{"who is up, or drains", nil, postgres, func(c *course) []*model.Slice {
			return []*model.Slice{c.state("one", []model.Port{sql, peer}, pod(1, ready), pod(2, down), pod(3, draining), pod(4, dying))}
		}, "10.0.0.1:5432 10.0.0.3:5432"},
		{"who is taken out", func(c *course) { c.options.Drain = []string{"pod-1"} }, postgres, func(c *course) []*model.Slice {
			return []*model.Slice{c.state("one", []model.Port{sql}, pod(1, ready))}
		}, "10.0.0.1:5432"},
		{"all whom publishNotReadyAddresses calls up", func(c *course) {
			asking := *headless
			asking.PublishNotReady = true
			c.service = &asking
		}, postgres, func(c *course) []*model.Slice {
			return []*model.Slice{c.state("one", []model.Port{sql}, pod(1, ready), pod(2, down))}
		}, "10.0.0.1:5432 10.0.0.2:5432"},
		{"by serving, who serves", func(c *course) { c.options.Policy.Publish = health.ByServing }, postgres, func(c *course) []*model.Slice {
			return []*model.Slice{c.state("one", []model.Port{sql}, pod(1, ready), pod(2, model.Ready), pod(3, model.Serving))}
		}, "10.0.0.1:5432 10.0.0.3:5432"},
		{"both families", nil, postgres, func(c *course) []*model.Slice {
			return []*model.Slice{c.state("four", []model.Port{sql}, pod(1, ready)), c.state("six", []model.Port{sql}, pod6(2, ready))}
		}, "10.0.0.1:5432 [fd00::2]:5432"},
		{"each with its own number", nil, check.Wanted{Port: "sql"}, func(c *course) []*model.Slice {
			return []*model.Slice{c.state("one", []model.Port{sql}, pod(1, ready)), c.state("two", []model.Port{other}, pod(2, ready)), c.state("three", []model.Port{peer}, pod(3, ready))}
		}, "10.0.0.1:5432 10.0.0.2:5433"},
		{"an address in two slices once", nil, check.Wanted{Port: "sql"}, func(c *course) []*model.Slice {
			return []*model.Slice{c.state("one", []model.Port{sql}, pod(1, ready)), c.state("two", []model.Port{other, peer}, pod(1, ready))}
		}, "10.0.0.1:5432"},
		{"only ports for which it is up", nil, check.Wanted{Port: "sql"}, func(c *course) []*model.Slice {
			return []*model.Slice{c.state("one", []model.Port{sql}, pod(1, down)), c.state("two", []model.Port{other, peer}, pod(1, ready))}
		}, "10.0.0.1:5433"},
		{"nobody who does not have the port", nil, postgres, func(c *course) []*model.Slice {
			return []*model.Slice{c.state("one", []model.Port{peer}, pod(1, ready))}
		}, ""},
		{"a port of UDP for DNS", nil, check.Wanted{Spec: check.Spec{Kind: check.DNS}}, func(c *course) []*model.Slice {
			return []*model.Slice{c.state("one", []model.Port{sql, query}, pod(1, ready))}
		}, "10.0.0.1:53"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newChecked(health.Policy{})
			c.options.Check = row.wanted
			if row.change != nil {
				row.change(c)
			}
			states := row.slices(c)
			for range 2 {
				var got []string
				for _, target := range c.turn(states...).Checkable(&row.wanted, nil) {
					got = append(got, target.String())
				}
				if slices.Sort(got); strings.Join(got, " ") != row.want {
					t.Errorf("got %v, want %s", got, row.want)
				}
				// Verdicts do not change it.
				c.find("10.0.0.1", "10.0.0.2", "10.0.0.3")
			}
		})
	}
}

func TestASetThatIsCheckedInAnotherWayIsAnotherOne(t *testing.T) {
	of := func(change func(*course), more ...model.Endpoint) *Set {
		c := newChecked(health.Policy{PodNames: health.NamesAll})
		c.find()
		if change != nil {
			change(c)
		}
		return c.report(append(pods(1, 2, ready), more...)...)
	}
	base := of(nil, pod(3, down))
	if same := of(nil, pod(3, down)); !base.Equal(same) || !base.EqualReasons(same) || !base.EqualChecks(same) {
		t.Error("two Sets that were compiled alike are not equal")
	}
	for what, other := range map[string]*Set{
		"another kind":   of(func(c *course) { c.options.Check.Spec.Kind = check.TCP }, pod(3, down)),
		"another port":   of(func(c *course) { c.options.Check.Port = "sql" }, pod(3, down)),
		"only observing": of(func(c *course) { c.options.CheckMode = check.Observe }, pod(3, down)),
		"none":           of(func(c *course) { c.options.CheckMode = check.Off }, pod(3, down)),
		"who is told":    of(func(c *course) { c.options.Asked = func() {} }, pod(3, down)),
		"another target": of(nil, pod(3, draining)),
	} {
		if !base.Equal(other) || base.EqualReasons(other) || base.EqualChecks(other) || other.EqualChecks(base) {
			t.Errorf("%s makes no difference to checks alone", what)
		}
	}
	if !base.EqualChecks(of(nil, pod(3, dying), pod(4, down))) {
		t.Error("others who are down make a difference to what is checked")
	}
	failing := of(func(c *course) { c.find("10.0.0.1") }, pod(3, down))
	if base.Equal(failing) || !base.EqualChecks(failing) {
		t.Error("a verdict makes no difference, or it does to what is to be checked")
	}
	alone := func(failing ...string) *Set {
		c := newChecked(health.Policy{SRVTiers: health.SRVAll})
		c.find(failing...)
		return c.turn(c.state("only", nil, pod(1, ready)))
	}
	if alone().Equal(alone("10.0.0.1")) {
		t.Error("why an endpoint is published makes no difference")
	}
}

func TestEachQuestionTellsThatSomebodyAsks(t *testing.T) {
	asked := 0
	c := newChecked(health.Policy{})
	c.options.Asked = func() { asked++ }
	set := c.report(pods(1, 2, ready)...)
	for _, text := range []string{dbName, "pod-1." + dbName, "no." + dbName} {
		set.Answer(question(text, dns.TypeA))
	}
	if asked != 3 {
		t.Errorf("3 questions, and %d were told", asked)
	}
	c.options.CheckMode = check.Off
	c.turn().Answer(question(dbName, dns.TypeA))
	if asked != 3 {
		t.Error("a question about a Service that is not checked was told")
	}
}

func TestExplanationOfChecks(t *testing.T) {
	c := newChecked(health.Policy{})
	c.options.Explain, c.options.Drain = true, []string{"pod-6"}
	report := func() []string {
		return explained(t, c.turn(
			c.state("one", []model.Port{sql}, append(pods(1, 4, ready), pod(5, draining), pod(6, ready), pod(7, down))...),
			c.state("two", []model.Port{peer}, pod(8, ready))))
	}
	c.find("10.0.0.2")
	c.pass(time.Minute)
	c.find("10.0.0.2", "10.0.0.5", "10.0.0.6")
	c.options.Found.NotAllowed = map[netip.Addr]check.Refusal{netip.MustParseAddr("10.0.0.3"): check.ByAddress}
	c.options.Found.Unknown = map[netip.Addr]struct{}{netip.MustParseAddr("10.0.0.4"): {}}
	const policy = "policy: publish ready, pod_names ready, fallback draining, fail_open "
	wantLines(t, report(),
		policy+"1% by check, damping off, srv_tiers published, check postgres port 5432 every 10s, 3 fails, 2 passes",
		"10-0-0-2 10.0.0.2 sick since 2026-03-01T12:00:00Z: not published, because its check fails",
		"10-0-0-5 10.0.0.5 dying since 2026-03-01T12:01:00Z: not published, because it terminates, and its check fails",
		"10-0-0-6 10.0.0.6 starting since 2026-03-01T12:01:00Z: not published, because it is taken out by annotation",
		"10-0-0-7 10.0.0.7 starting since 2026-03-01T12:01:00Z: not published, because it has never been ready",
		"10-0-0-1 10.0.0.1 good since 2026-03-01T12:01:00Z: published",
		"10-0-0-3 10.0.0.3 good since 2026-03-01T12:01:00Z: published; not checked: outside of check_allow",
		"10-0-0-4 10.0.0.4 good since 2026-03-01T12:01:00Z: published; not checked yet",
		"10-0-0-8 10.0.0.8 good since 2026-03-01T12:01:00Z: published; not checked: it does not have the port")

	c.options.CheckMode = check.Observe
	wantLines(t, report(),
		policy+"off, damping off, srv_tiers published, check postgres port 5432 every 10s, 3 fails, 2 passes, only observed",
		"10-0-0-5 10.0.0.5 draining since 2026-03-01T12:01:00Z: not published, because it terminates; its check fails, and is only observed",
		"10-0-0-6 10.0.0.6 draining since 2026-03-01T12:01:00Z: not published, because it is taken out by annotation; its own name stays; its check fails, and is only observed",
		"10-0-0-7 10.0.0.7 starting since 2026-03-01T12:01:00Z: not published, because it has never been ready",
		"10-0-0-1 10.0.0.1 good since 2026-03-01T12:01:00Z: published",
		"10-0-0-2 10.0.0.2 good since 2026-03-01T12:01:00Z: published; its check fails, and is only observed",
		"10-0-0-3 10.0.0.3 good since 2026-03-01T12:01:00Z: published; not checked: outside of check_allow",
		"10-0-0-4 10.0.0.4 good since 2026-03-01T12:01:00Z: published; not checked yet",
		"10-0-0-8 10.0.0.8 good since 2026-03-01T12:01:00Z: published; not checked: it does not have the port")
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestExplanationOfFailOpenByCheck(t *testing.T) {
	c := newChecked(health.Policy{})
	c.options.Explain, c.options.Check.Port = true, ""
	c.find("10.0.0.1")
	wantLines(t, explained(t, c.report(pod(1, ready))),
		"policy: publish ready, pod_names ready, fallback draining, fail_open 1% by check, damping off, srv_tiers published, "+
			"check postgres port 5432 every 10s, 3 fails, 2 passes",
		"10-0-0-1 10.0.0.1 sick since 2026-03-01T12:00:00Z: published, although its check fails (fail open)")
	c.options.Found, c.options.Policy.FailOpen = nil, health.FailOpenOff
	wantLines(t, explained(t, c.turn(c.state("only", nil, pod(1, ready)), c.state("other", []model.Port{sql}, pod(2, ready)))),
		"policy: publish ready, pod_names ready, fallback draining, fail_open off, damping off, srv_tiers published, "+
			"check postgres port 5432 every 10s, 3 fails, 2 passes",
		"10-0-0-1 10.0.0.1 good since 2026-03-01T12:00:00Z: published; not checked: it does not have the port",
		"10-0-0-2 10.0.0.2 good since 2026-03-01T12:00:00Z: published; not checked yet")
}

func TestEachRefusalHasItsWords(t *testing.T) {
	texts := make(map[string]bool)
	for r := check.NoRefusal + 1; r < check.Refusals; r++ {
		text := refusalText(r)
		if text == "" {
			t.Errorf("%v has none", r)
		}
		texts[text] = true
	}
	// Which part of check_allow is missing is not for who writes Services.
	if len(texts) != int(check.Refusals)-1-2 {
		t.Errorf("got %v", texts)
	}
}

// found is what questions for addresses and SRV records get, without priorities.
func found(s *Set, names []string) string {
	var lines []string
	for _, text := range names {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV} {
			a := s.Answer(question(text+dbName, qtype))
			lines = append(lines, fmt.Sprintf("%s%s: outcome %d", text, dns.TypeToString[qtype], a.Outcome))
			for _, rr := range a.Records {
				if srv, ok := rr.(*dns.SRV); ok {
					srv.Priority = 0
				}
			}
			lines = append(lines, sorted(a.Records)...)
			lines = append(lines, sorted(a.Extra)...)
		}
	}
	return strings.Join(lines, "\n")
}

// Where all checks fail, nobody is better than the others, and clients get what they would
// without checks. One that terminates, or is taken out, is left out all the same.
func TestAServiceAllOfWhoseChecksFailAnswersAsWithoutChecks(t *testing.T) {
	conditions := rapid.SampledFrom([]model.Conditions{ready, ready, down, model.Ready, model.Serving})
	names := []string{"", "_sql._tcp.", "_peer._tcp.", "_tcp.", "db-0.", "pod-1.", "pod-2.", "10-0-0-3.", "no."}
	rapid.Check(t, func(t *rapid.T) {
		o := drawLawOptions(t)
		o.Policy.FailOpen, o.Drain = health.FailOpenUnset, nil
		o.Policy.Damping.Mode = health.DampingOff
		o.Policy.Fallback = health.Fallback(rapid.IntRange(0, 1).Draw(t, "fallback"))
		without, with := newCourse(o), newCourse(o)
		with.options.Check, with.options.CheckMode = check.Wanted{Spec: check.Spec{Kind: check.TCP}}, check.On
		asking := *headless
		asking.PublishNotReady = rapid.Bool().Draw(t, "publishNotReadyAddresses")
		without.service, with.service = &asking, &asking
		ports := rapid.SliceOfN(rapid.SampledFrom([][]model.Port{nil, {sql}, {sql, peer}, {peer}}), 3, 3).Draw(t, "ports")
		for range rapid.IntRange(1, 4).Draw(t, "turns") {
			states, failing := drawStates(t, without, ports, conditions)
			with.find(failing...)
			a, b := found(without.turn(states...), names), found(with.turn(states...), names)
			if a != b {
				t.Fatalf("policy %v: without checks\n%s\nand where all fail\n%s", o.Policy, a, b)
			}
			step := time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond
			without.pass(step)
			with.pass(step)
		}
	})
}

// drawStates draws states of slices, of two in IPv4 and one in IPv6, and returns all their
// addresses. No two slices of one family and the same ports have an endpoint in common.
func drawStates(t *rapid.T, c *course, ports [][]model.Port, conditions *rapid.Generator[model.Conditions]) (states []*model.Slice, addresses []string) {
	for n, offered := range ports {
		var all []model.Endpoint
		for pod := range byte(4) {
			if rapid.IntRange(0, 3).Draw(t, "there") == 0 || n == 1 && equalPorts(ports[0], ports[1]) {
				continue
			}
			address, hostname := fmt.Sprintf("10.0.0.%d", pod), ""
			if n == 2 {
				address = fmt.Sprintf("fd00::%d", pod)
			}
			if pod%2 == 0 {
				hostname = fmt.Sprintf("db-%d", pod)
			}
			all = append(all, endpoint(pod, address, hostname, conditions.Draw(t, "conditions")))
			addresses = append(addresses, address)
		}
		states = append(states, c.state(fmt.Sprintf("db-%d", n), offered, all...))
	}
	return states, addresses
}

// Where nothing fails, that a Service is checked changes no answer.
func TestAServiceAllOfWhoseChecksPassAnswersAsWithoutChecks(t *testing.T) {
	conditions := rapid.SampledFrom([]model.Conditions{ready, ready, down, draining, dying, model.Ready, model.Serving, model.Ready | model.Terminating})
	rapid.Check(t, func(t *rapid.T) {
		o := drawLawOptions(t)
		without, with := newCourse(o), newCourse(o)
		with.options.Check, with.options.CheckMode = check.Wanted{Spec: check.Spec{Kind: check.TCP}}, check.On
		ports := [][]model.Port{{sql}, {sql, peer}, {sql}}
		for range rapid.IntRange(1, 4).Draw(t, "turns") {
			states, _ := drawStates(t, without, ports, conditions)
			with.find()
			if a, b := without.turn(states...), with.turn(states...); !a.Equal(b) || without.counts() != with.counts() {
				t.Fatalf("policy %v: without checks %s, with them %s", o.Policy, without.counts(), with.counts())
			}
			step := time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond
			without.pass(step)
			with.pass(step)
		}
	})
}

// Any number of questions are answered while verdicts come and go.
func TestQuestionsWhileVerdictsFlip(t *testing.T) {
	service, all := statefulSet(fewEndpoints + 20)
	c := newChecked(health.Policy{SRVTiers: health.SRVAll})
	c.service = service
	var asked atomic.Int64
	c.options.Asked = func() { asked.Add(1) }
	for _, s := range all {
		c.slices[s.Name] = s
	}
	var set atomic.Pointer[Set]
	set.Store(c.turn())
	stop := make(chan struct{})
	var running, begun sync.WaitGroup
	begun.Add(64)
	for i := range 64 {
		running.Go(func() {
			questions := []*Question{question(dbName, dns.TypeA), question("_sql._tcp."+dbName, dns.TypeSRV), question("db-0."+dbName, dns.TypeA)}
			for n := 0; ; n++ {
				q := questions[(i+n)%len(questions)]
				q.Explain = n%2 == 0
				s := set.Load()
				a := s.Answer(q)
				if want := s.name[0].Len(); q.Name.Endpoint == "" && q.Type == dns.TypeA && len(a.Records) != want {
					t.Errorf("%d records, want %d", len(a.Records), want)
					return
				}
				if n == 0 {
					begun.Done()
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	begun.Wait()
	for n := range 200 {
		failing := make([]string, 0, n%7)
		for i := range n % 7 {
			failing = append(failing, all[0].Endpoints[(n+i)%len(all[0].Endpoints)].Address.String())
		}
		c.find(failing...)
		next := c.turn()
		if got := fewEndpoints + 20 - next.name[0].Len(); got != len(failing) {
			t.Errorf("%d are left out, want %d", got, len(failing))
		}
		set.Store(next)
	}
	close(stop)
	running.Wait()
	if asked.Load() < 64 {
		t.Errorf("%d questions were told", asked.Load())
	}
}
