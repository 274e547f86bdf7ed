package endpoints

import (
	"strconv"
	"testing"
	"unique"

	"github.com/coredns/coredns/plugin/pkg/fall"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/corefile"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

// inTwoZones puts the endpoints of slices into the zones a and b, by turns.
func inTwoZones(changes []model.Change) []model.Change {
	for _, c := range changes {
		if c.Slice == nil {
			continue
		}
		c.Slice.Places = &model.Places{Zones: []model.Place{unique.Make("a"), unique.Make("b")}}
		for i := range c.Slice.Endpoints {
			c.Slice.Endpoints[i].Zone = uint16(1 + i%2)
		}
	}
	return changes
}

func TestNamesOfZones(t *testing.T) {
	const x = "x.default.svc.cluster.local."
	none, denied := lines("NOERROR aa", "authority: "+soa), lines("NXDOMAIN aa", "authority: "+soa)
	inB := lines("NOERROR aa", "b.pin._zone."+x+" 5 IN A 10.2.0.3")
	for _, c := range []struct {
		name, question string
		qtype          uint16
		// on, falls and off are the answers with the option, with fallthrough besides, and
		// with that alone.
		on, falls, off string
	}{
		{"one zone", "b.pin._zone." + x, dns.TypeA, inB, inB, "next"},
		{"the case of the question", "B.PIN._zone." + x, dns.TypeA, lines("NOERROR aa", "B.PIN._zone."+x+" 5 IN A 10.2.0.3"), lines("NOERROR aa", "B.PIN._zone."+x+" 5 IN A 10.2.0.3"), "next"},
		{"no such zone", "c.pin._zone." + x, dns.TypeA, none, none, "next"},
		{"another type", "b.pin._zone." + x, dns.TypeHTTPS, none, none, "next"},
		{"above", "_zone." + x, dns.TypeA, none, none, "next"},
		{"above, with a directive", "prefer._zone." + x, dns.TypeA, none, none, "next"},
		{"an unknown directive", "b.near._zone." + x, dns.TypeA, denied, "next", "next"},
		{"no Service", "b.pin._zone.no.default.svc.cluster.local.", dns.TypeA, denied, "next", "next"},
		{"nothing published", "b.pin._zone.starting.default.svc.cluster.local.", dns.TypeA, none, none, "next"},
		{"an ExternalName Service", "b.pin._zone.web.default.svc.cluster.local.", dns.TypeA, denied, denied, "next"},
		{"SRV records", "b.pin._zone.db.default.svc.cluster.local.", dns.TypeSRV,
			lines("NOERROR aa", "additional: db-1.db.default.svc.cluster.local. 5 IN A 10.0.0.2", "b.pin._zone.db.default.svc.cluster.local. 5 IN SRV 0 100 5432 db-1.db.default.svc.cluster.local."),
			lines("NOERROR aa", "additional: db-1.db.default.svc.cluster.local. 5 IN A 10.0.0.2", "b.pin._zone.db.default.svc.cluster.local. 5 IN SRV 0 100 5432 db-1.db.default.svc.cluster.local."),
			"next"},
	} {
		for want, of := range map[string]struct{ zonal, falls bool }{"with zonal": {true, false}, "with zonal and fallthrough": {true, true}, "with fallthrough": {false, true}} {
			s := testStanza()
			s.Settings.Zonal = of.zonal
			if of.falls {
				s.Fall = fall.Root
			}
			h := testHandler(s, append(inTwoZones(testChanges()), headlessService("default", "x"), placed("default", "x", "a", "a", "b")))
			got := text(serve(t, h, new(dns.Msg).SetQuestion(c.question, c.qtype)))
			if expected := map[string]string{"with zonal": c.on, "with zonal and fallthrough": c.falls, "with fallthrough": c.off}[want]; got != expected {
				t.Errorf("%s, %s: got\n%s\nwant\n%s", c.name, want, got, expected)
			}
		}
	}
}

// A zone that changes alone changes answers, and so the serial.
func TestAChangeOfAZoneChangesTheSerial(t *testing.T) {
	s := testStanza()
	s.Settings.Zonal = true
	h := testHandler(s, []model.Change{headlessService("default", "x"), placed("default", "x", "a", "b")})
	c := h.cache.Load()
	before := c.set("x.default")
	c.Apply([]model.Change{placed("default", "x", "a", "b")})
	c.publish()
	if c.set("x.default") != before {
		t.Error("nothing has changed, and it is another record set")
	}
	c.Apply([]model.Change{placed("default", "x", "b", "b")})
	c.publish()
	want := lines("NOERROR aa", "b.pin._zone.x.default.svc.cluster.local. 5 IN A 10.2.0.1", "b.pin._zone.x.default.svc.cluster.local. 5 IN A 10.2.0.2")
	if got := text(serve(t, h, new(dns.Msg).SetQuestion("b.pin._zone.x.default.svc.cluster.local.", dns.TypeA))); got != want || c.set("x.default") == before {
		t.Errorf("got %s", got)
	}
}

// Answers for zones as bytes are the messages, at any size.
func TestBytesOfNamesOfZonesAreTheMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := testStanza()
		s.MaxAnswers = rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "max_answers")
		settings := corefile.Settings{Zonal: true}
		server := newServer(s, syncedWith(settings, inTwoZones(largeSlice(rapid.SampledFrom([]int{1, 2, 30, 200}).Draw(t, "endpoints")))))
		for n := range rapid.IntRange(1, 8).Draw(t, "questions") {
			labels := rapid.SampledFrom([]string{"", "_sql._tcp.", "_tcp."}).Draw(t, "port") +
				rapid.SampledFrom([]string{"a.", "B.", "no." + strconv.Itoa(n) + "."}).Draw(t, "zone") + rapid.SampledFrom([]string{"pin.", "prefer."}).Draw(t, "directive")
			qtype := rapid.SampledFrom([]uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV}).Draw(t, "type")
			by := drawTransport(t, rapid.IntRange(100, 5000).Draw(t, "size"))
			server.compareBytes(t, by.question(new(dns.Msg).SetQuestion(labels+"_zone.db.default.svc.cluster.local.", qtype)), by.tcp)
		}
	})
}
