package endpoints

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/check/engine"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// outsideServers are those that checks ask in a test.
type outsideServers struct {
	mu    sync.Mutex
	dead  map[netip.Addr]bool
	asked map[netip.Addr]int
}

func (o *outsideServers) begin() {
	o.dead, o.asked = make(map[netip.Addr]bool), make(map[netip.Addr]int)
}

func (o *outsideServers) probe(_ context.Context, at netip.AddrPort, _ *check.Spec) check.Cause {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked[at.Addr()]++
	if o.dead[at.Addr()] {
		return check.Refused
	}
	return check.Passed
}

func (o *outsideServers) kill(addr string, dead bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dead[netip.MustParseAddr(addr)] = dead
}

func (o *outsideServers) count(addr string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked[netip.MustParseAddr(addr)]
}

// checkedSettings has all checked that want it, in the range of test addresses.
func checkedSettings(mode check.Mode) (s corefile.Settings) {
	s.Annotations, s.Checks = corefile.AllAnnotations, check.DefaultTerms()
	s.Checks.Mode = mode
	line, err := check.ParseAllow(strings.Fields("* to 10.0.0.0/8 ports 5432 kinds postgres"))
	if err != nil {
		panic(err)
	}
	s.Checks.Allow = line + "\n"
	return s
}

// checkedService is a Service that wants its endpoints checked, and its slice.
func checkedService(name string, addresses ...string) []model.Change {
	service := headlessService("default", name)
	service.Service.Annotations = model.NewAnnotations(map[string]string{"check": "postgres"})
	slice := readySlice("default", name, name+"-1", addresses...)
	slice.Slice.Ports = []model.Port{{Name: "sql", Number: 5432}}
	return []model.Change{service, slice}
}

// runChecked runs a cache and an engine for as long as the test's bubble.
func runChecked(t *testing.T, s corefile.Settings, servers *outsideServers) *cache {
	t.Helper()
	servers.begin()
	e := runEngine(engine.Options{Rate: 1000, Inflight: 64, Probe: servers.probe})
	c := newCache(s, false)
	c.checking = newChecking(s.Checks, e.Engine)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		c.close()
		e.End()
	})
	return c
}

func TestAVerdictTakesAnEndpointOutAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers outsideServers
		c := runChecked(t, checkedSettings(check.On), &servers)
		c.Apply(append(checkedService("db", "10.1.0.1", "10.1.0.2"), checkedService("other", "10.1.0.3")...))
		c.Synced()
		time.Sleep(5 * time.Second)
		if n := c.set("db.default").Len(); n != 2 || servers.count("10.1.0.1") == 0 {
			t.Fatalf("%d have a name, and the first was asked %d times", n, servers.count("10.1.0.1"))
		}
		servers.kill("10.1.0.1", true)
		time.Sleep(80 * time.Second)
		if n := c.set("db.default").Len(); n != 1 {
			t.Errorf("%d have a name after one died", n)
		}
		if got := c.Failing(); len(got) != 1 || got[0].At != netip.MustParseAddrPort("10.1.0.1:5432") {
			t.Errorf("a snapshot would have %+v", got)
		}
		servers.kill("10.1.0.1", false)
		time.Sleep(80 * time.Second)
		if n := c.set("db.default").Len(); n != 2 {
			t.Errorf("%d have a name after it came back", n)
		}
		// A Service that is gone is not asked any more.
		gone := headlessService("default", "db")
		gone.Removed = true
		c.Apply([]model.Change{gone})
		time.Sleep(90 * time.Second)
		before := servers.count("10.1.0.2")
		time.Sleep(5 * time.Minute)
		if after := servers.count("10.1.0.2"); after != before {
			t.Errorf("a Service that is gone was asked %d times", after-before)
		}
	})
}

func TestObservingChangesNoAnswerAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers outsideServers
		c := runChecked(t, checkedSettings(check.Observe), &servers)
		before := testutil.ToFloat64(wouldFailTotal)
		c.Apply(checkedService("db", "10.1.0.1", "10.1.0.2"))
		servers.kill("10.1.0.1", true)
		c.Synced()
		time.Sleep(time.Minute)
		if n := c.set("db.default").Len(); n != 2 {
			t.Errorf("%d have a name", n)
		}
		if got := testutil.ToFloat64(wouldFailTotal) - before; got != 1 {
			t.Errorf("it counts %v that would fail, want 1", got)
		}
	})
}

// Before all is known, it is not known either where the API server is.
func TestNothingIsCheckedBeforeTheFirstListNorEverTheAPIServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers outsideServers
		c := runChecked(t, checkedSettings(check.On), &servers)
		c.Apply(checkedService("db", "10.1.0.1", "10.1.0.2"))
		time.Sleep(time.Minute)
		if n := servers.count("10.1.0.1"); n != 0 {
			t.Errorf("it was asked %d times before the first list", n)
		}
		c.Apply([]model.Change{readySlice("default", "kubernetes", "kubernetes", "10.1.0.2")})
		c.Synced()
		time.Sleep(time.Minute)
		if servers.count("10.1.0.1") == 0 || servers.count("10.1.0.2") != 0 {
			t.Errorf("the database was asked %d times, and the API server %d", servers.count("10.1.0.1"), servers.count("10.1.0.2"))
		}
		// A start from a snapshot knows it, too.
		var kept bool
		for _, object := range c.served() {
			kept = kept || object.Kind == model.KindSlice && object.Slice.Owner() == apiServers
		}
		if !kept {
			t.Error("a snapshot would not know the API server")
		}
	})
}

func TestAServiceThatIsAskedForIsCheckedMoreOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers outsideServers
		c := runChecked(t, checkedSettings(check.On), &servers)
		c.Apply(append(checkedService("idle", "10.1.0.1"), checkedService("busy", "10.1.0.2")...))
		c.Synced()
		h := newHandler(testStanza())
		h.cache.Store(c)
		for range 10 {
			time.Sleep(time.Minute)
			serve(t, h, new(dns.Msg).SetQuestion("busy.default.svc.cluster.local.", dns.TypeA))
		}
		idle, busy := servers.count("10.1.0.1"), servers.count("10.1.0.2")
		if idle < 9 || idle > 13 || busy < 50 {
			t.Errorf("in ten minutes the idle one was asked %d times, the other %d", idle, busy)
		}
	})
}

func TestACheckThatBlocksThisHostIsWarnedOfOnce(t *testing.T) {
	warnedOfMySQL = sync.Once{}
	logged := captureLog(t)
	watch := func(name string, kind check.Kind, port uint16) {
		warnOfMySQL(model.ServiceKey{Namespace: "default", Name: name}, &check.Spec{Kind: kind},
			[]netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("10.1.0.1"), port)})
	}
	watch("other", check.TCP, 5432)
	watch("web", check.HTTP, 3306)
	if n := logged("3306"); n != 0 {
		t.Errorf("%d lines warn of others", n)
	}
	watch("mysql", check.TCP, 3306)
	watch("second", check.TCP, 3306)
	if logged("3306") != 1 || logged("The check tcp of default/mysql goes to port 3306") != 1 {
		t.Errorf("%d lines warn, and %d of them of the first", logged("3306"), logged("default/mysql"))
	}
}

func TestStanzasAgreeOnTheBoundsOfChecks(t *testing.T) {
	with := func(mode check.Mode, rate int) *subscription {
		s := &corefile.Stanza{Settings: checkedSettings(mode)}
		s.Settings.Checks.Rate = rate
		return newSubscription(s)
	}
	for _, tc := range []struct {
		name     string
		one, two *subscription
		agree    bool
	}{
		{"alike", with(check.On, 200), with(check.Observe, 200), true},
		{"one has no checks", with(check.Off, 100), with(check.On, 200), true},
		{"unlike", with(check.On, 100), with(check.On, 200), false},
	} {
		tc.one.generation.Add(tc.two)
		if err := tc.one.agree(); (err == nil) != tc.agree {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
