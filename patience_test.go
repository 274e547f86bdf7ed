package endpoints

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"

	"github.com/miekg/dns"
)

// A patient handler serves default/zk with one endpoint, and waits before it denies others.
func patientHandler() *handler {
	s := testStanza()
	s.Patience = 2 * time.Second
	return testHandler(s, []model.Change{
		headlessService("default", "zk"), readySlice("default", "zk", "zk-1", "10.0.0.1"),
		headlessService("default", "other"), readySlice("default", "other", "other-1", "10.0.0.9"),
		toOutside("outside", "db.example.org"),
	})
}

const (
	zkTwo  = "10-0-0-2.zk.default.svc.cluster.local."
	denied = "NXDOMAIN aa\nauthority: " + soa
)

func TestADenialOfAnEndpointNameWaitsForTheNextChange(t *testing.T) {
	two := readySlice("default", "zk", "zk-1", "10.0.0.1", "10.0.0.2")
	for _, row := range []struct {
		when    string
		name    string
		qtype   uint16
		changes []model.Change
		want    string
		after   time.Duration
	}{
		{"the endpoint comes", zkTwo, dns.TypeA, []model.Change{two}, lines("NOERROR aa", zkTwo+" 5 IN A 10.0.0.2"), time.Second},
		{"it comes, and the question is of the other family", zkTwo, dns.TypeAAAA, []model.Change{two}, lines("NOERROR aa", "authority: "+soa), time.Second},
		{"nothing changes", zkTwo, dns.TypeA, nil, denied, 2 * time.Second},
		{"another Service changes", zkTwo, dns.TypeA, []model.Change{readySlice("default", "other", "other-1", "10.0.0.2")}, denied, 2 * time.Second},
		{"the Service changes in another way", zkTwo, dns.TypeA, []model.Change{readySlice("default", "zk", "zk-1", "10.0.0.3")}, denied, 2 * time.Second},
		{"the Service goes", zkTwo, dns.TypeA, []model.Change{headlessService("default", "zk").Removal()}, denied, time.Second},
		{"it is there", "10-0-0-1.zk.default.svc.cluster.local.", dns.TypeA, nil, "NOERROR aa\n10-0-0-1.zk.default.svc.cluster.local. 5 IN A 10.0.0.1", 0},
		{"no such Service", "10-0-0-1.no.default.svc.cluster.local.", dns.TypeA, nil, denied, 0},
		{"no such port", "_no._tcp.zk.default.svc.cluster.local.", dns.TypeSRV, nil, denied, 0},
		{"an ExternalName Service", "a.outside.default.svc.cluster.local.", dns.TypeA, nil, denied, 0},
		{"no address", "2.0.0.10.in-addr.arpa.", dns.TypePTR, nil, "NXDOMAIN aa\nauthority: " + soaReverse, 0},
	} {
		t.Run(row.when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := patientHandler()
				began := time.Now()
				changed := make(chan struct{})
				time.AfterFunc(time.Second, func() {
					defer close(changed)
					h.cache.Load().Apply(row.changes)
					h.cache.Load().publish()
				})
				got := text(serve(t, h, new(dns.Msg).SetQuestion(row.name, row.qtype)))
				if after := time.Since(began); got != row.want || after != row.after {
					t.Errorf("after %v:\n%s\nwant after %v:\n%s", after, got, row.after, row.want)
				}
				if n := h.cache.Load().watchers.n.Load(); n != 0 {
					t.Errorf("%d questions wait", n)
				}
				<-changed
			})
		})
	}
}

// Whoever waits for many names leaves room for others, and nobody waits for what ends.
func TestHowManyDenialsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := patientHandler()
		began, times := time.Now(), make(chan time.Duration, 2000)
		ask := func(name string) {
			serve(t, h, new(dns.Msg).SetQuestion(name, dns.TypeA))
			times <- time.Since(began)
		}
		for i := range mostWatchersOne + 10 {
			go ask(fmt.Sprintf("no-%d.zk.default.svc.cluster.local.", i))
		}
		synctest.Wait()
		if len(times) != 10 {
			t.Errorf("%d questions got an answer at once, want 10", len(times))
		}
		go ask("no.other.default.svc.cluster.local.")
		synctest.Wait()
		if len(times) != 10 {
			t.Error("a question about another Service does not wait")
		}
		h.cache.Load().watchers.end()
		synctest.Wait()
		if len(times) != mostWatchersOne+11 {
			t.Errorf("%d questions got an answer at the end", len(times))
		}
		for range len(times) {
			if took := <-times; took != 0 {
				t.Errorf("one took %v", took)
			}
		}
	})
}

func TestWatchersAreBounded(t *testing.T) {
	var w watchers
	var all []watcher
	for i := range mostWatchers {
		one, ok := w.join(fmt.Sprint(i / 10))
		if !ok {
			t.Fatalf("the question %d does not wait", i)
		}
		all = append(all, one)
	}
	if _, ok := w.join("one more"); ok {
		t.Error("one more waits")
	}
	for _, one := range all {
		one.leave()
	}
	if len(w.by) != 0 || w.n.Load() != 0 {
		t.Errorf("%d Services and %d questions are left", len(w.by), w.n.Load())
	}
}

// A denial of what is served from before waits for nothing: nobody tells of changes.
func TestADenialFromASnapshotDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := patientHandler()
		restored := newTestCache()
		restored.restore(snapshot.Content{Objects: []model.Change{headlessService("default", "zk")}})
		h.cache.Store(restored)
		began := time.Now()
		if got := text(serve(t, h, new(dns.Msg).SetQuestion(zkTwo, dns.TypeA))); time.Since(began) != 0 {
			t.Errorf("after %v: %s", time.Since(began), got)
		}
	})
}
