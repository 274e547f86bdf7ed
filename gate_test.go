package endpoints

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/snapshot"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// waitingService is a headless Service whose name waits for three endpoints, and was made
// that long ago.
func waitingService(age time.Duration) model.Change {
	c := declaring("etcd", map[string]string{"min-endpoints": "3", "negative-ttl": "2"})
	c.Service.PublishNotReady, c.Service.Created = true, model.MomentOf(time.Now().Add(-age).Truncate(time.Second))
	return c
}

// etcdSlice has so many endpoints, with a port that has a name.
func etcdSlice(n int) model.Change {
	c := readySlice("default", "etcd", "etcd-1", []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}[:n]...)
	c.Slice.Ports = []model.Port{{Name: "peer", Number: 2380}}
	return c
}

const (
	etcd    = "etcd.default.svc.cluster.local."
	soaTwo  = "authority: cluster.local. 2 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 0 7200 1800 86400 2"
	waiting = "EDE 0: the name waits: 2 of 3 endpoints have an address"
)

// explainedText is text with the Extended DNS Error in a line.
func explainedText(t *testing.T, m *dns.Msg) string {
	t.Helper()
	why := note(t, m)
	m.Extra = slices.DeleteFunc(m.Extra, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeOPT })
	if why == "" {
		return text(m)
	}
	return lines(text(m), "EDE 0: "+why)
}

func TestANameThatWaits(t *testing.T) {
	before := testutil.ToFloat64(waitingServices)
	s := testStanza()
	s.Settings.Annotations = corefile.AllAnnotations
	h := testHandler(s, []model.Change{waitingService(0), etcdSlice(2)})
	if got := testutil.ToFloat64(waitingServices) - before; got != 1 {
		t.Errorf("%v Services wait", got)
	}
	for _, step := range []struct {
		when   string
		change []model.Change
		want   map[uint16]map[string]string
	}{
		{"two have come", nil, map[uint16]map[string]string{
			dns.TypeA: {
				etcd:               lines("NOERROR aa", soaTwo, waiting),
				"10-0-0-1." + etcd: lines("NOERROR aa", "10-0-0-1."+etcd+" 5 IN A 10.0.0.1"),
				"10-0-0-3." + etcd: lines("NXDOMAIN aa", soaTwo, "EDE 0: no such endpoint in default/etcd"),
			},
			dns.TypeSRV: {
				etcd:                 lines("NOERROR aa", soaTwo, waiting),
				"_peer._tcp." + etcd: lines("NXDOMAIN aa", soaTwo, waiting),
				"_tcp." + etcd:       lines("NXDOMAIN aa", soaTwo, waiting),
			},
			dns.TypePTR: {"1.0.0.10.in-addr.arpa.": lines("NOERROR aa", "1.0.0.10.in-addr.arpa. 5 IN PTR 10-0-0-1."+etcd)},
		}},
		{"the third one has come", []model.Change{etcdSlice(3)}, map[uint16]map[string]string{
			dns.TypeA: {etcd: lines("NOERROR aa", etcd+" 5 IN A 10.0.0.1", etcd+" 5 IN A 10.0.0.2", etcd+" 5 IN A 10.0.0.3")},
		}},
		{"one is lost", []model.Change{etcdSlice(2)}, map[uint16]map[string]string{
			dns.TypeA: {etcd: lines("NOERROR aa", etcd+" 5 IN A 10.0.0.1", etcd+" 5 IN A 10.0.0.2")},
		}},
		{"all are lost", []model.Change{etcdSlice(0)}, map[uint16]map[string]string{
			dns.TypeA: {etcd: lines("NXDOMAIN aa", soaTwo, "EDE 0: default/etcd has no endpoints")},
		}},
		{"the Service is made anew", []model.Change{waitingService(0).Removal(), waitingService(-time.Second), etcdSlice(2)}, map[uint16]map[string]string{
			dns.TypeA: {etcd: lines("NOERROR aa", soaTwo, waiting)},
		}},
		{"and asks for nothing", []model.Change{declaring("etcd", nil)}, map[uint16]map[string]string{
			dns.TypeA: {etcd: lines("NOERROR aa", etcd+" 5 IN A 10.0.0.1", etcd+" 5 IN A 10.0.0.2")},
		}},
	} {
		c := h.cache.Load()
		c.Apply(step.change)
		c.publish()
		for qtype, all := range step.want {
			for name, want := range all {
				if got := explainedText(t, serve(t, h, new(dns.Msg).SetQuestion(name, qtype).SetEdns0(4096, false))); got != want {
					t.Errorf("%s: %s %s: got\n%s\nwant\n%s", step.when, name, dns.TypeToString[qtype], got, want)
				}
			}
		}
	}
	if got := testutil.ToFloat64(waitingServices) - before; got != 0 {
		t.Errorf("in the end %v Services wait", got)
	}
}

// However old the Service is: what was known before is known better than by age.
func TestANameGoesOnWaitingAsItsSnapshotSays(t *testing.T) {
	for _, waits := range []bool{true, false} {
		s := kept(filepath.Join(t.TempDir(), "snapshot"))
		s.Settings.Annotations = corefile.AllAnnotations
		service, slice := waitingService(time.Hour), etcdSlice(2)
		known := snapshot.Content{Objects: []model.Change{service, slice}}
		if waits {
			known.Waiting = []model.ServiceKey{service.Service.ServiceKey}
		}
		saveAs(t, s, time.Minute, known)
		f, sub, from := startFeed(t, s)
		f.wait(time.Millisecond)
		if got := f.cache.set("etcd.default").Waits(); got != waits {
			t.Errorf("from the snapshot: waits %t, want %t", got, waits)
		}
		from.apply(service, slice)
		from.sync()
		<-f.cache.current
		if got := f.cache.set("etcd.default").Waits(); got != waits {
			t.Errorf("waits %t, want %t", got, waits)
		}
		sub.Stop()
	}
}

func TestANameThatWaitedGoesOnAfterARestart(t *testing.T) {
	for _, row := range []struct {
		name       string
		age        time.Duration
		seen, left int
		forget     bool
		waits      bool
	}{
		{"it waited", time.Minute, 2, 2, false, true},
		{"it did not wait any more, with one lost", time.Minute, 3, 2, false, false},
		{"it did not wait any more, and nobody knows", time.Minute, 3, 2, true, true},
		{"it is old, and nobody knows whether it waited", time.Hour, 2, 2, true, false},
		{"they have come meanwhile", time.Minute, 2, 3, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := kept(filepath.Join(t.TempDir(), "snapshot"))
			s.Settings.Annotations = corefile.AllAnnotations
			// Made once: the time of the Service is what tells it from another one.
			service := waitingService(row.age)
			f, sub, from := startFeed(t, s)
			from.apply(service, etcdSlice(row.seen))
			from.sync()
			f.wait(time.Hour)
			from.apply(etcdSlice(2))
			eventually(t, func() error {
				if n := f.cache.set("etcd.default").Len(); n != 2 {
					return fmt.Errorf("%d endpoints", n)
				}
				return nil
			})
			sub.Stop()
			if row.forget {
				s = kept("")
				s.Settings.Annotations = corefile.AllAnnotations
			}
			f, _, from = startFeed(t, s)
			f.wait(time.Millisecond)
			if set := f.cache.set("etcd.default"); !row.forget && set.Waits() != row.waits {
				t.Errorf("from the snapshot: waits %t", set.Waits())
			}
			from.apply(service, etcdSlice(row.left))
			from.sync()
			<-f.cache.current
			if got := f.cache.set("etcd.default").Waits(); got != row.waits {
				t.Errorf("waits %t, want %t", got, row.waits)
			}
		})
	}
}
