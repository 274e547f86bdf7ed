package endpoints

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check/engine"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/external"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A target that resolves, and is dead, is passed over; when all are, the first is given.
func TestADeadTargetIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers outsideServers
		stanza := testStanza()
		stanza.Settings = checkedSettings(check.On)
		service := toOutside("pg", "a.example.org", "targets", "order b.example.org", "flatten", "on", "check", "postgres")
		o := newOuter(t, stanza, map[string]string{"a.example.org.": "10.1.0.1/60", "b.example.org.": "10.1.0.2/60"}, service)
		runOuterChecked(t, o, &servers)
		ask := func(during time.Duration) {
			for began := time.Now(); time.Since(began) < during; time.Sleep(time.Second) {
				o.now = o.now.Add(time.Second)
				serve(t, o.h, new(dns.Msg).SetQuestion("pg.default.svc.cluster.local.", dns.TypeA))
			}
			synctest.Wait()
		}
		ask(10 * time.Second)
		o.want("pg", dns.TypeA, "NOERROR aa", "pg 5 IN A 10.1.0.1")
		if servers.count("10.1.0.1") == 0 {
			t.Fatal("the target was never asked")
		}
		servers.kill("10.1.0.1", true)
		ask(20 * time.Second)
		o.want("pg", dns.TypeA, "NOERROR aa", "pg 5 IN A 10.1.0.2", "0 target 2 of 2, b.example.org: the check of a.example.org fails")
		servers.kill("10.1.0.2", true)
		ask(20 * time.Second)
		o.want("pg", dns.TypeA, "NOERROR aa", "pg 5 IN A 10.1.0.1")
		servers.kill("10.1.0.1", false)
		servers.kill("10.1.0.2", false)
		ask(150 * time.Second)
		o.want("pg", dns.TypeA, "NOERROR aa", "pg 5 IN A 10.1.0.1")

		gone := service
		gone.Removed = true
		c := o.h.cache.Load()
		c.Apply([]model.Change{gone})
		c.publish()
		time.Sleep(2 * time.Minute)
		before := servers.count("10.1.0.1")
		time.Sleep(10 * time.Minute)
		if after := servers.count("10.1.0.1"); after != before {
			t.Errorf("a target of a Service that is gone was asked %d times", after-before)
		}
	})
}

// With checks observe, targets are asked and counted, and whatever is asked is answered as
// with checks off.
func TestObservingTargetsChangesNoAnswerAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		has := map[string]string{"a.example.org.": "10.1.0.1/60", "b.example.org.": "10.1.0.2/60", "loop.example.org.": "127.0.0.1"}
		services := []model.Change{
			toOutside("alias", "a.example.org", "check", "postgres"),
			toOutside("literal", "10.1.0.3", "check", "postgres"),
			toOutside("flat", "a.example.org", "check", "postgres", "flatten", "on"),
			toOutside("two", "a.example.org", "check", "postgres", "targets", "order b.example.org"),
			toOutside("missing", "missing.example.org", "check", "postgres"),
			toOutside("loop", "loop.example.org", "check", "postgres"),
			toOutside("inside", "db.default.svc.cluster.local", "check", "postgres"),
		}
		var servers outsideServers
		var both []*outer
		for _, mode := range []check.Mode{check.Off, check.Observe} {
			stanza := testStanza()
			stanza.Settings = checkedSettings(mode)
			both = append(both, newOuter(t, stanza, has, services...))
		}
		off, observed := both[0], both[1]
		runOuterChecked(t, observed, &servers)
		before := testutil.ToFloat64(wouldFailTotal)
		ask := func(during time.Duration) {
			t.Helper()
			for began := time.Now(); time.Since(began) < during; time.Sleep(time.Second) {
				for _, o := range both {
					o.pass(time.Second)
				}
				for _, service := range services {
					for _, name := range []string{service.Service.Name, "_sql._tcp." + service.Service.Name, "_explain." + service.Service.Name, "nothing." + service.Service.Name} {
						for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeTXT, dns.TypeCNAME, dns.TypeANY} {
							if got, want := observed.ask(name, qtype), off.ask(name, qtype); got != want {
								t.Fatalf("%s %s: got\n%s\nwant\n%s", name, dns.TypeToString[qtype], got, want)
							}
						}
					}
				}
			}
		}
		ask(10 * time.Second)
		for _, addr := range []string{"10.1.0.1", "10.1.0.2", "10.1.0.3"} {
			if servers.count(addr) == 0 {
				t.Errorf("%s was never asked", addr)
			}
		}
		if n := servers.count("127.0.0.1"); n != 0 {
			t.Errorf("loopback was asked %d times", n)
		}
		servers.kill("10.1.0.1", true)
		servers.kill("10.1.0.3", true)
		ask(40 * time.Second)
		// The first is the address of three Services, and the other one of one.
		if got := testutil.ToFloat64(wouldFailTotal) - before; got != 4 {
			t.Errorf("it counts %v that would fail, want 4", got)
		}
	})
}

// runOuterChecked has the targets of a handler checked for as long as the test's bubble.
func runOuterChecked(t *testing.T, o *outer, servers *outsideServers) {
	t.Helper()
	servers.begin()
	e := runEngine(engine.Options{Rate: 1000, Inflight: 64, Probe: servers.probe})
	c := o.h.cache.Load()
	c.checking = newChecking(c.settings.Checks, e.Engine)
	targets := newTargetChecks(c, o.h.book)
	o.h.check(targets)
	t.Cleanup(func() {
		targets.close()
		o.h.book.Close()
		e.End()
	})
}

// What a start has begun that fails, nobody ends: before the first question nothing runs.
func TestNothingRunsBeforeSomebodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers outsideServers
		servers.begin()
		e := runEngine(engine.Options{Rate: 1000, Inflight: 64, Probe: servers.probe})
		defer e.End()
		c := newCache(checkedSettings(check.On), false)
		c.checking = newChecking(c.settings.Checks, e.Engine)
		if newTargetChecks(c, external.New(external.Options{})).runs {
			t.Error("it runs")
		}
	})
}
