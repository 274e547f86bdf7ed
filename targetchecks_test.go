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

// runOuterChecked has the targets of a handler checked for as long as the test's bubble.
func runOuterChecked(t *testing.T, o *outer, servers *outsideServers) {
	t.Helper()
	servers.begin()
	e := runEngine(engine.Options{Rate: 1000, Inflight: 64, Probe: servers.probe})
	c := o.h.cache.Load()
	c.checking = newChecking(c.settings.Checks, e.Engine)
	targets := newTargetChecks(c, o.h.book)
	o.h.failsCheck = targets.fails
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
