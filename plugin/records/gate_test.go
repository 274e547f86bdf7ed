package records

import (
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

// waitingCourse is a Service that was made a second ago, whose endpoints are for each
// other, and whose name waits for three of them.
func waitingCourse(o Options) *course {
	o.MinEndpoints = 3
	c := newCourse(o)
	service := *headless
	service.PublishNotReady, service.Created = true, model.MomentOf(epoch.Add(-time.Second))
	c.service = &service
	return c
}

// asking are endpoints that do not serve, as slices have them where publishNotReadyAddresses
// is set.
func asking(n byte) []model.Endpoint { return pods(1, n, model.Ready) }

func TestANameWaitsForEndpoints(t *testing.T) {
	c := waitingCourse(Options{})
	for _, step := range []struct {
		when  string
		all   []model.Endpoint
		waits string
	}{
		{"nobody has an address", nil, "the name waits: 0 of 3 endpoints have an address"},
		{"one serves", pods(1, 1, ready), "the name waits: 1 of 3 endpoints have an address"},
		{"one more does not", append(pods(1, 1, ready), pod(2, model.Ready)), "the name waits: 2 of 3 endpoints have an address"},
		{"the third one terminates", append(asking(2), pod(3, draining)), "the name waits: 2 of 3 endpoints have an address, 1 terminating besides"},
		{"the other family of the same Pods is no more Pods", append(asking(2), pod6(1, model.Ready), pod6(2, model.Ready)),
			"the name waits: 2 of 3 endpoints have an address"},
		{"the third one comes", asking(3), ""},
		{"one is lost", asking(2), ""},
		{"all are lost", nil, ""},
		{"the first one comes back", pods(1, 1, ready), ""},
	} {
		s := c.report(step.all...)
		if got := s.waits(); got != step.waits || c.tally.Waits != (step.waits != "") || c.tally.Any != (step.waits == "" && len(step.all) > 0) {
			t.Errorf("%s: waits %q (%+v), want %q", step.when, got, c.tally, step.waits)
		}
	}
}

func TestWhatANameThatWaitsAnswers(t *testing.T) {
	zoneOf := func(model.Place) model.Place { return model.Place{} }
	c := waitingCourse(Options{Explain: true, Zonal: true, ZoneOf: zoneOf, Declared: Declared{TXT: []string{"a"}}})
	s := c.report(asking(2)...)
	const waits, zone = "the name waits: 2 of 3 endpoints have an address", ".default.svc.cluster.local."
	for _, row := range []struct {
		name    string
		qtype   uint16
		outcome Outcome
		note    string
	}{
		{"db", dns.TypeA, NoData, waits},
		{"db", dns.TypeAAAA, NoData, waits},
		{"db", dns.TypeSRV, NoData, waits},
		{"db", dns.TypeMX, NoData, "no records of this type here, in default/db"},
		{"db", dns.TypeTXT, Found, ""},
		{"_sql._tcp.db", dns.TypeSRV, NoName, waits},
		{"_tcp.db", dns.TypeSRV, NoName, waits},
		{"_no._tcp.db", dns.TypeSRV, NoName, "no such port at any endpoint of default/db"},
		{"mars.pin._zone.db", dns.TypeA, NoData, waits},
		{"_sql._tcp.mars.pin._zone.db", dns.TypeSRV, NoData, waits},
		{"mars.pin._zone.db", dns.TypeTXT, NoData, "no records of this type here, in default/db"},
		{"10-0-0-1.db", dns.TypeA, Found, ""},
		{"10-0-0-3.db", dns.TypeA, NoName, "no such endpoint in default/db"},
	} {
		a, note := noted(s, row.name+zone, row.qtype)
		if a.Outcome != row.outcome || note != row.note {
			t.Errorf("%s %s: got %v, %q, want %v, %q", row.name, dns.TypeToString[row.qtype], a.Outcome, note, row.outcome, row.note)
		}
	}
	if p, ok := s.Reverse(pod(1, 0).Address); !ok || p.Endpoint != "10-0-0-1" {
		t.Errorf("the address of an endpoint is %+v, %t", p, ok)
	}
	wantLines(t, explained(t, s)[1:], waits,
		"10-0-0-1 10.0.0.1 good since 2026-03-01T12:00:00Z: not published yet, because the name waits",
		"10-0-0-2 10.0.0.2 good since 2026-03-01T12:00:00Z: not published yet, because the name waits")
}

// Nothing below a name that waits makes it exist.
func TestANameThatWaitsWithoutNamesBelowIsNone(t *testing.T) {
	c := waitingCourse(Options{})
	c.service.PublishNotReady = false
	for _, all := range [][]model.Endpoint{nil, pods(1, 2, down)} {
		if a, note := noted(c.report(all...), "db.default.svc.cluster.local.", dns.TypeA); a.Outcome != NoName || note == "" {
			t.Errorf("%d endpoints: got %v, %q", len(all), a.Outcome, note)
		}
	}
}

func TestWhoseNameWaits(t *testing.T) {
	old, young := model.MomentOf(epoch.Add(-11*time.Minute)), model.MomentOf(epoch.Add(-9*time.Minute))
	for _, row := range []struct {
		name    string
		created model.Moment
		restore func(*course)
		wait    bool
	}{
		{"one that has been there for long", old, nil, false},
		{"one that has not", young, nil, true},
		{"one of the future: a clock is wrong", model.MomentOf(epoch.Add(time.Hour)), nil, true},
		{"one of nobody knows when", 0, nil, true},
		{"one whose name had stopped waiting", young, func(c *course) { c.memory.RestoreGate(c.service, false) }, false},
		{"one whose name waited, however long", old, func(c *course) { c.memory.RestoreGate(c.service, true) }, true},
		{"one that has the name of another one, whose name had stopped waiting", young, func(c *course) {
			before := *c.service
			before.Created = old
			c.memory.RestoreGate(&before, false)
		}, true},
		{"one that waits while it grows old", young, func(c *course) { c.report(asking(2)...); c.pass(time.Hour) }, true},
		{"one that had all of them before it waited", young, func(c *course) {
			c.options.MinEndpoints = 0
			c.report(asking(3)...)
			c.options.MinEndpoints = 3
		}, true},
		{"one that asks for more than before", young, func(c *course) {
			c.options.MinEndpoints = 2
			c.report(asking(2)...)
			c.options.MinEndpoints = 3
		}, false},
	} {
		c := waitingCourse(Options{})
		c.service.Created = row.created
		if row.restore != nil {
			row.restore(c)
		}
		if got := c.report(asking(2)...).Waits(); got != row.wait {
			t.Errorf("%s: waits %t, want %t", row.name, got, row.wait)
		}
	}
}

// Without the annotation nothing is remembered, and with it nothing but that.
func TestANameThatDoesNotWaitRemembersNothing(t *testing.T) {
	c := waitingCourse(Options{})
	c.report(asking(3)...)
	if c.memory.Empty() {
		t.Error("it is forgotten that there were enough")
	}
	c.options.MinEndpoints = 0
	if c.report(asking(3)...); !c.memory.Empty() {
		t.Errorf("without the annotation: %+v", c.memory)
	}
}

// As long as a name waits, nothing is in it; from then on, all is as without waiting.
func TestANameThatWaitsIsEmptyOrWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, free := waitingCourse(Options{Zonal: true}), waitingCourse(Options{Zonal: true})
		free.options.MinEndpoints = 0
		opened := false
		for range rapid.IntRange(1, 8).Draw(t, "turns") {
			var all []model.Endpoint
			arrived := 0
			for n := range byte(rapid.IntRange(0, 5).Draw(t, "endpoints")) {
				conditions := rapid.SampledFrom([]model.Conditions{ready, model.Ready, down, draining, dying}).Draw(t, "conditions")
				if conditions&model.Terminating == 0 {
					arrived++
				}
				all = append(all, pod(n+1, conditions))
			}
			got, want := c.report(all...), free.report(all...)
			if opened = opened || arrived >= 3; opened != !got.Waits() {
				t.Fatalf("%d endpoints, open %t: waits %t", arrived, opened, got.Waits())
			}
			if opened && !got.Equal(want) {
				t.Fatalf("open, and not as without waiting")
			}
			for _, name := range []string{"db.default.svc.cluster.local.", "_sql._tcp.db.default.svc.cluster.local."} {
				for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV} {
					if text := ask(got, name, qtype); !opened && text != "no data" && text != "no name" {
						t.Fatalf("waiting, %s has %s", name, text)
					}
				}
			}
			if !slices.Equal(got.names(), want.names()) {
				t.Fatalf("endpoints have the names %v, without waiting %v", got.names(), want.names())
			}
		}
	})
}
