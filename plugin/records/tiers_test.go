package records

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
)

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
