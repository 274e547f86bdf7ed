package records

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/health"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

// byZoneNames compiles a Set that answers for names of zones.
func byZoneNames(service *model.Service, all ...*model.Slice) *Set {
	return Compile(service, all, Options{Zonal: true}, new(Memory), time.Time{})
}

// placed puts endpoints into zones, "" for none.
func placed(s *model.Slice, zones ...string) *model.Slice {
	s.Places = new(model.Places)
	for i, zone := range zones {
		if zone == "" {
			continue
		}
		at := slices.Index(s.Places.Zones, unique.Make(zone))
		if at < 0 {
			at = len(s.Places.Zones)
			s.Places.Zones = append(s.Places.Zones, unique.Make(zone))
		}
		s.Endpoints[i].Zone = uint16(at + 1)
	}
	return s
}

// bigInZones has a third of its endpoints in each of the zones a, b and c.
func bigInZones(n int) *Set {
	s := bigSlice(n)
	var zones []string
	for i := range n {
		zones = append(zones, string(rune('a'+i%3)))
	}
	return byZoneNames(headless, placed(s, zones...))
}

func TestAnswersForNamesOfZones(t *testing.T) {
	set := byZoneNames(headless,
		placed(slice(1, []model.Port{sql},
			endpoint(0, "10.0.0.1", "db-0", ready), endpoint(1, "10.0.0.2", "db-1", ready), endpoint(2, "10.0.0.3", "db-2", ready),
			endpoint(3, "10.0.0.4", "db-3", model.Serving), endpoint(4, "10.0.0.5", "db-4", ready)), "EU-1", "eu-1", "eu.2", "eu-3", ""),
		placed(slice(2, []model.Port{peer}, endpoint(2, "fd00::3", "db-2", ready), endpoint(5, "fd00::6", "db-5", ready)), "eu.2", "eu-6"))
	const service = "db.default.svc.cluster.local."
	srv := func(owner, label, address string, number int) string {
		typ := "A"
		if strings.Contains(address, ":") {
			typ = "AAAA"
		}
		target := label + "." + service
		return fmt.Sprintf("%s SRV 0 100 %d %s\n+ %s %s %s", owner, number, target, target, typ, address)
	}
	a := func(owner string, addresses ...string) string {
		var lines []string
		for _, address := range addresses {
			lines = append(lines, owner+" A "+address)
		}
		return strings.Join(lines, "\n")
	}
	all := []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.5"}
	for _, c := range []struct {
		name, labels string
		qtype        uint16
		want         func(owner string) string
	}{
		{"those in the zone, whatever its capitals", "eu-1.pin._zone.", dns.TypeA, func(o string) string { return a(o, all[0], all[1]) }},
		{"the question may have capitals, too", "EU-1.Pin._Zone.", dns.TypeA, func(o string) string { return a(o, all[0], all[1]) }},
		{"a zone of several labels", "eu.2.pin._zone.", dns.TypeA, func(o string) string { return a(o, all[2]) }},
		{"the other family", "eu.2.pin._zone.", dns.TypeAAAA, func(o string) string { return o + " AAAA fd00::3" }},
		{"nobody there in this family", "eu-6.pin._zone.", dns.TypeA, nil},
		{"nobody there who is published", "eu-3.pin._zone.", dns.TypeA, nil},
		{"nobody there at all", "mars.pin._zone.", dns.TypeA, nil},
		{"SRV records of those there", "eu-6.pin._zone.", dns.TypeSRV, func(o string) string { return srv(o, "db-5", "fd00::6", 7000) }},
		{"SRV records of nobody", "mars.pin._zone.", dns.TypeSRV, nil},
		{"no other types", "eu-1.pin._zone.", dns.TypeTXT, nil},
		{"no other types, preferred", "eu-1.prefer._zone.", dns.TypeMX, nil},
		{"ANY where there is a record", "eu-1.pin._zone.", dns.TypeANY, func(o string) string { return o + ` HINFO "RFC8482" ""` }},
		{"ANY where there is none", "mars.pin._zone.", dns.TypeANY, nil},
		{"those that are preferred", "eu-1.prefer._zone.", dns.TypeA, func(o string) string { return a(o, all[0], all[1]) }},
		{"all where nobody is in the zone", "mars.prefer._zone.", dns.TypeA, func(o string) string { return a(o, all...) }},
		{"all where nobody there is published", "eu-3.prefer._zone.", dns.TypeA, func(o string) string { return a(o, all...) }},
		{"both families decide together", "eu-6.prefer._zone.", dns.TypeA, nil},
		{"the port of those there", "_sql._tcp.eu.2.pin._zone.", dns.TypeSRV, func(o string) string {
			return o + " SRV 0 100 5432 db-2." + service + "\n+ db-2." + service + " A 10.0.0.3\n+ db-2." + service + " AAAA fd00::3"
		}},
		{"a port that nobody there offers", "_sql._tcp.eu-6.pin._zone.", dns.TypeSRV, nil},
		{"a port that nobody offers", "_http._tcp.eu-1.pin._zone.", dns.TypeSRV, nil},
		{"a port that all offer where nobody there does", "_peer._tcp.eu-6.prefer._zone.", dns.TypeSRV, func(o string) string { return srv(o, "db-5", "fd00::6", 7000) }},
		{"a port of preferred ones that nobody offers", "_http._tcp.eu-1.prefer._zone.", dns.TypeSRV, nil},
		{"a port has no addresses", "_sql._tcp.eu-1.prefer._zone.", dns.TypeA, nil},
		{"a protocol has no records", "_tcp.eu-1.prefer._zone.", dns.TypeSRV, nil},
		{"names above those of zones", "_zone.", dns.TypeA, nil},
		{"names above those of zones, with pin", "pin._zone.", dns.TypeA, nil},
		{"names above those of zones, with prefer", "prefer._zone.", dns.TypeSRV, nil},
	} {
		owner := c.labels + service
		want := "no data"
		if c.want != nil {
			want = c.want(owner)
		}
		if got := ask(set, owner, c.qtype); got != want {
			t.Errorf("%s: %s %s: got\n%s\nwant\n%s", c.name, dns.TypeToString[c.qtype], owner, got, want)
		}
	}
	for _, labels := range []string{"near._zone.", "eu-1.near._zone.", "_sql._tcp.eu-1.near._zone."} {
		if got := ask(set, labels+service, dns.TypeA); got != "no name" {
			t.Errorf("an unknown directive: %s: got %s", labels, got)
		}
	}
	off := Compile(headless, []*model.Slice{threeInTwoZones()}, Options{}, new(Memory), time.Time{})
	for _, labels := range []string{"_zone.", "pin._zone.", "a.pin._zone.", "a.prefer._zone."} {
		if got := ask(off, labels+service, dns.TypeA); got != "no name" {
			t.Errorf("where nobody wants names of zones: %s: got %s", labels, got)
		}
	}
	if got := ask(byZoneNames(headless), "a.pin._zone."+service, dns.TypeA); got != "no data" {
		t.Errorf("of a Service without endpoints: got %s", got)
	}
	external := &model.Service{ServiceKey: headless.ServiceKey, Kind: model.ExternalName, Target: "example.org."}
	if got := ask(byZoneNames(external), "a.pin._zone."+service, dns.TypeA); got != "no name" {
		t.Errorf("of an ExternalName Service: got %s", got)
	}
}

// Names of zones have who is published, not who is ready.
func TestNamesOfZonesHaveWhoIsPublished(t *testing.T) {
	draining := model.Serving | model.Terminating
	set := byZoneNames(headless, placed(slice(1, []model.Port{sql}, endpoint(0, "10.0.0.1", "db-0", draining), endpoint(1, "10.0.0.2", "db-1", draining)), "a", "b"))
	if got := ask(set, "a.pin._zone."+dbName, dns.TypeA); got != "a.pin._zone."+dbName+" A 10.0.0.1" {
		t.Errorf("got %s", got)
	}
}

// A target is in each zone that an endpoint of that name is in.
func TestASharedHostnameIsInAllZonesOfItsEndpoints(t *testing.T) {
	set := byZoneNames(headless, placed(slice(1, []model.Port{sql},
		endpoint(0, "10.0.0.1", "web", ready), endpoint(1, "10.0.0.2", "web", ready), endpoint(2, "10.0.0.3", "web", model.Serving)), "a", "b", "c"))
	for zone, want := range map[string]int{"a": 1, "b": 1, "c": 0} {
		a := set.Answer(question(zone+".pin._zone."+dbName, dns.TypeSRV))
		if len(a.Records) != want {
			t.Errorf("zone %s: got %v, want %d", zone, a.Records, want)
		}
	}
	set = byZoneNames(headless,
		placed(slice(1, []model.Port{sql}, endpoint(0, "10.0.0.1", "web", ready), endpoint(1, "10.0.0.2", "web", ready)), "a", "b"),
		placed(slice(2, []model.Port{peer}, endpoint(2, "10.0.0.3", "web", ready)), "c"))
	for labels, want := range map[string]string{
		"a.pin._zone.": "0 100 5432", "b.pin._zone.": "0 100 5432", "c.pin._zone.": "0 100 7000",
		"_sql._tcp.b.pin._zone.": "0 100 5432", "_sql._tcp.c.pin._zone.": "", "_peer._tcp.c.pin._zone.": "0 100 7000",
	} {
		if want != "" {
			want += " web." + dbName
		}
		if got := bare(set.Answer(question(labels+dbName, dns.TypeSRV)).Records); got != want {
			t.Errorf("%s: got %q, want %q", labels, got, want)
		}
	}
}

// The zone of its node is that of an endpoint whose slice says none.
func TestNamesOfZonesTakeTheZonesOfNodes(t *testing.T) {
	s := slice(1, []model.Port{sql}, endpoint(0, "10.0.0.1", "db-0", ready))
	s.Places = &model.Places{Nodes: []model.Place{unique.Make("n1")}}
	s.Endpoints[0].Node = 1
	set := Compile(headless, []*model.Slice{s}, Options{Zonal: true, ZoneOf: func(model.Place) model.Place { return unique.Make("eu") }}, new(Memory), time.Time{})
	if got := ask(set, "eu.pin._zone."+dbName, dns.TypeA); got != "eu.pin._zone."+dbName+" A 10.0.0.1" || !set.TakesZones() {
		t.Errorf("got %s, and the Set takes zones: %v", got, set.TakesZones())
	}
}

// Topology narrows the Service name only: whoever names a zone has said which one.
func TestTopologyDoesNotNarrowNamesOfZones(t *testing.T) {
	set := Compile(zonal(), []*model.Slice{threeInTwoZones()}, Options{Zonal: true, Topology: topologyOf(topology.On)}, new(Memory), time.Time{})
	for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV} {
		q := question("b.pin._zone."+dbName, qtype)
		if set.Wants(q) {
			t.Error("it matters where the client is")
		}
		c := inZone("a")
		if a := set.AnswerTo(q, &c); len(a.Records) != 1 || c.Near.Result != topology.NotAsked {
			t.Errorf("got %v, %v", a.Records, c.Near)
		}
	}
}

func TestNotesOfNamesOfZones(t *testing.T) {
	good := threeInTwoZones()
	drains := threeInTwoZones()
	for i := range drains.Endpoints {
		drains.Endpoints[i].Conditions = model.Serving | model.Terminating
	}
	for _, c := range []struct {
		slice  *model.Slice
		labels string
		qtype  uint16
		most   int
		want   string
	}{
		{good, "a.pin._zone.", dns.TypeA, 0, ""},
		{good, "a.pin._zone.", dns.TypeA, 1, "1 of 2 addresses"},
		{good, "a.pin._zone.", dns.TypeSRV, 1, "1 of 2 SRV records"},
		{good, "c.pin._zone.", dns.TypeA, 0, "nobody who is published is in that zone, in default/db"},
		{good, "c.pin._zone.", dns.TypeSRV, 0, "nobody who is published is in that zone, in default/db"},
		{good, "c.prefer._zone.", dns.TypeA, 2, "2 of 3 addresses"},
		{good, "_sql._tcp.c.pin._zone.", dns.TypeSRV, 0, "nobody who is published offers this port, in default/db"},
		{good, "_sql._tcp.c.prefer._zone.", dns.TypeSRV, 0, ""},
		{good, "a.pin._zone.", dns.TypeAAAA, 0, "default/db has no endpoints of this address family"},
		{good, "a.pin._zone.", dns.TypeTXT, 0, "no records of this type here, in default/db"},
		{good, "a.pin._zone.", dns.TypeANY, 0, ""},
		{good, "pin._zone.", dns.TypeA, 0, "no records of this type here, in default/db"},
		{good, "a.near._zone.", dns.TypeA, 0, "no such name in default/db"},
		{drains, "a.pin._zone.", dns.TypeA, 0, "draining endpoints only"},
	} {
		q := question(c.labels+dbName, c.qtype)
		q.Explain, q.MaxAnswers = true, c.most
		if a := byZoneNames(headless, c.slice).Answer(q); a.Note != c.want || c.most > 0 && len(a.Records) != c.most {
			t.Errorf("%s %s, at most %d: got %q with %d records, want %q", dns.TypeToString[c.qtype], c.labels, c.most, a.Note, len(a.Records), c.want)
		}
	}
}

func TestSetsOfOtherZonesDiffer(t *testing.T) {
	at := func(zones string) *Set {
		return byZoneNames(headless, inZones(1, zones, endpoint(0, "10.0.0.1", "db-0", ready), endpoint(1, "10.0.0.2", "db-1", model.Serving)))
	}
	if a := at("aa"); !a.Equal(at("aa")) || !a.Equal(at("ab")) {
		t.Error("Sets with the same names of zones differ")
	}
	if at("aa").Equal(at("ba")) {
		t.Error("Sets with other names of zones are equal")
	}
	off := Compile(headless, []*model.Slice{threeInTwoZones()}, Options{}, new(Memory), time.Time{})
	if on := byZoneNames(headless, threeInTwoZones()); on.Equal(off) || off.Equal(on) {
		t.Error("a Set with names of zones equals one without")
	}
}

// What a name of a zone has is what the Service has, less those that are elsewhere.
func TestNamesOfZonesAreAFilter(t *testing.T) {
	zones := []string{"", "a", "b", "B", "c.d"}
	rapid.Check(t, func(t *rapid.T) {
		var all []*model.Slice
		zoneOf := make(map[netip.Addr]string)
		pod := byte(0)
		for version := range uint64(rapid.IntRange(1, 3).Draw(t, "slices")) {
			prefix := rapid.SampledFrom([]string{"10.0.0.", "fd00::"}).Draw(t, "family")
			ports := rapid.SampledFrom([][]model.Port{nil, {sql}, {sql, peer}, {peer}}).Draw(t, "ports")
			s := slice(version, ports)
			var of []string
			for range rapid.IntRange(0, 6).Draw(t, "endpoints") {
				pod++
				e := endpoint(pod, fmt.Sprintf("%s%d", prefix, pod), fmt.Sprintf("db-%d", pod), model.Conditions(rapid.IntRange(0, int(model.AllConditions)).Draw(t, "conditions")))
				s.Endpoints = append(s.Endpoints, e)
				zone := rapid.SampledFrom(zones).Draw(t, "zone")
				of = append(of, zone)
				zoneOf[e.Address] = strings.ToLower(zone)
			}
			all = append(all, placed(s, of...))
		}
		o := Options{Zonal: true}
		o.Policy.SRVTiers = rapid.SampledFrom([]health.SRVTiers{0, 1}).Draw(t, "tiers")
		set := Compile(headless, all, o, new(Memory), time.Time{})
		in := func(rr dns.RR, zone string) bool {
			switch rr := rr.(type) {
			case *dns.A:
				addr, _ := netip.AddrFromSlice(rr.A.To4())
				return zoneOf[addr] == zone
			case *dns.AAAA:
				addr, _ := netip.AddrFromSlice(rr.AAAA)
				return zoneOf[addr] == zone
			case *dns.SRV:
				// One address each.
				label, _, _ := strings.Cut(rr.Target, ".")
				return slices.ContainsFunc(all, func(s *model.Slice) bool {
					return slices.ContainsFunc(s.Endpoints, func(e model.Endpoint) bool { return e.Hostname == label && zoneOf[e.Address] == zone })
				})
			}
			return false
		}
		for _, zone := range []string{"a", "b", "c.d", "mars"} {
			anybody := false
			for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
				for _, rr := range set.Answer(question(dbName, qtype)).Records {
					anybody = anybody || in(rr, zone)
				}
			}
			for _, of := range []struct {
				front string
				qtype uint16
			}{{"", dns.TypeA}, {"", dns.TypeAAAA}, {"", dns.TypeSRV}, {"_sql._tcp.", dns.TypeSRV}, {"_peer._tcp.", dns.TypeSRV}} {
				whole := set.Answer(question(of.front+dbName, of.qtype)).Records
				some := slices.DeleteFunc(slices.Clone(whole), func(rr dns.RR) bool { return !in(rr, zone) })
				preferred := some
				if of.front == "" && !anybody || of.front != "" && len(some) == 0 {
					preferred = whole
				}
				for directive, want := range map[string][]dns.RR{"pin": some, "prefer": preferred} {
					owner := of.front + zone + "." + directive + "._zone." + dbName
					a := set.Answer(question(owner, of.qtype))
					outcome := Found
					if len(want) == 0 {
						outcome = NoData
					}
					if got, want := bare(a.Records), bare(want); a.Outcome != outcome || got != want {
						t.Fatalf("%s %s: got %v with\n%s\nwant %v with\n%s", dns.TypeToString[of.qtype], owner, a.Outcome, got, outcome, want)
					}
				}
			}
		}
	})
}

// bare writes records without their owner, sorted.
func bare(rrs []dns.RR) string {
	var lines []string
	for _, rr := range rrs {
		lines = append(lines, strings.TrimPrefix(rr.String(), rr.Header().String()))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
