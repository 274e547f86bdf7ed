package records

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unique"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/topology"

	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

// inZones is a slice of which each endpoint is in a zone and on a node of its own.
func inZones(version uint64, zones string, all ...model.Endpoint) *model.Slice {
	s := slice(version, []model.Port{sql}, all...)
	s.Places = new(model.Places)
	for i := range all {
		s.Places.Zones = append(s.Places.Zones, unique.Make(string(zones[i])))
		s.Places.Nodes = append(s.Places.Nodes, unique.Make(fmt.Sprintf("node-%d", i)))
		all[i].Zone, all[i].Node = uint16(i+1), uint16(i+1)
	}
	return s
}

// threeInTwoZones are two endpoints in zone a and one in b.
func threeInTwoZones() *model.Slice {
	return inZones(1, "aab",
		endpoint(0, "10.0.0.1", "db-0", ready), endpoint(1, "10.0.0.2", "db-1", ready), endpoint(2, "10.0.0.3", "db-2", ready))
}

// zonal is the Service of those, with a wish.
func zonal() *model.Service {
	return &model.Service{ServiceKey: headless.ServiceKey, Kind: model.Headless, Distribution: model.PreferSameZone}
}

func topologyOf(mode topology.Mode) topology.Policy {
	return topology.Policy{Mode: mode, Count: 1, Percent: 50}
}

// inZone is a client in a zone that is an endpoint of nothing.
func inZone(zone string) Client {
	c := Client{Address: netip.MustParseAddr("10.9.9.9"), Where: "in " + zone, InZone: "endpoints in zone " + zone, OnNode: "endpoints on the node"}
	if zone != "" {
		c.Zone = unique.Make(zone)
	}
	return c
}

const dbName = "db.default.svc.cluster.local."

func TestAnswersByTopology(t *testing.T) {
	all := "10.0.0.1 10.0.0.2 10.0.0.3"
	onNode := inZone("b")
	onNode.Node = unique.Make("node-0")
	itself := inZone("a")
	itself.Address = netip.MustParseAddr("10.0.0.3")
	sick := threeInTwoZones()
	sick.Endpoints[0].Conditions = model.Serving
	draining := threeInTwoZones()
	for i := range draining.Endpoints {
		draining.Endpoints[i].Conditions = model.Serving | model.Terminating
	}
	notReady := zonal()
	notReady.PublishNotReady = true
	byNode := zonal()
	byNode.Distribution = model.PreferSameNode
	on, own := topologyOf(topology.On), topologyOf(topology.On)
	own.Own = true
	ownPeers := own
	ownPeers.Peers = true
	for name, tc := range map[string]struct {
		service *model.Service
		slice   *model.Slice
		policy  topology.Policy
		client  Client
		most    int
		want    string
		result  topology.Result
		note    string
	}{
		"off":                              {zonal(), threeInTwoZones(), topology.Policy{}, inZone("a"), 0, all, topology.NotAsked, ""},
		"on, without a wish":               {headless, threeInTwoZones(), on, inZone("a"), 0, all, topology.NotAsked, ""},
		"on, in zone a":                    {zonal(), threeInTwoZones(), on, inZone("a"), 0, "10.0.0.1 10.0.0.2", topology.ToZone, "endpoints in zone a"},
		"on, in zone b":                    {zonal(), threeInTwoZones(), on, inZone("b"), 0, "10.0.0.3", topology.ToZone, "endpoints in zone b"},
		"on, in zone c":                    {zonal(), threeInTwoZones(), on, inZone("c"), 0, all, topology.NoneNear, ""},
		"observe, in zone a":               {zonal(), threeInTwoZones(), topologyOf(topology.Observe), inZone("a"), 0, all, topology.ToZone, ""},
		"an unknown client":                {zonal(), threeInTwoZones(), on, inZone(""), 0, all, topology.UnknownClient, ""},
		"a client that is an endpoint":     {zonal(), threeInTwoZones(), on, itself, 0, all, topology.Peer, ""},
		"where peers are clients":          {zonal(), threeInTwoZones(), ownPeers, itself, 0, "10.0.0.1 10.0.0.2", topology.ToZone, "endpoints in zone a"},
		"a Service of peers":               {notReady, threeInTwoZones(), on, inZone("a"), 0, all, topology.ToPeers, ""},
		"a Service of peers that wants it": {notReady, threeInTwoZones(), own, inZone("a"), 0, "10.0.0.1 10.0.0.2", topology.ToZone, "endpoints in zone a"},
		"on a node":                        {byNode, threeInTwoZones(), on, onNode, 0, "10.0.0.1", topology.ToNode, "endpoints on the node"},
		"one of the zone is sick":          {zonal(), sick, on, inZone("a"), 0, "10.0.0.2", topology.ToZone, "endpoints in zone a"},
		"draining ones":                    {zonal(), draining, on, inZone("a"), 0, all, topology.Unhealthy, "draining endpoints only"},
		"bounded":                          {zonal(), threeInTwoZones(), on, inZone("a"), 1, "", topology.ToZone, "1 of 2 endpoints in zone a"},
	} {
		t.Run(name, func(t *testing.T) {
			set := Compile(tc.service, []*model.Slice{tc.slice}, Options{Topology: tc.policy}, new(Memory), time.Time{})
			q := question(dbName, dns.TypeA)
			q.MaxAnswers, q.Explain = tc.most, true
			c := tc.client
			if tc.policy.Mode == topology.Off && set.Wants(q) {
				t.Error("topology is off, and it matters where the client is")
			}
			a := set.AnswerTo(q, &c)
			if tc.most > 0 {
				if len(a.Records) != tc.most || !strings.HasPrefix(a.Records[0].(*dns.A).A.String(), "10.0.0.") || a.Records[0].(*dns.A).A.String() == "10.0.0.3" {
					t.Errorf("got %v, want %d of those near", a.Records, tc.most)
				}
			} else if got := addressesOf(a.Records); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			if c.Near.Result != tc.result || a.Note != tc.note {
				t.Errorf("got %v with the note %q, want %v with %q", c.Near.Result, a.Note, tc.result, tc.note)
			}
		})
	}
}

// addressesOf returns the addresses of A records, sorted.
func addressesOf(rrs []dns.RR) string {
	var all []string
	for _, line := range sorted(rrs) {
		all = append(all, line[strings.LastIndexByte(line, ' ')+1:])
		_, all[len(all)-1], _ = strings.Cut(line, " A ")
		all[len(all)-1] = strings.TrimSpace(all[len(all)-1])
	}
	return strings.Join(all, " ")
}

// Names of endpoints, PTR and SRV records are the same for all.
func TestOnlyTheServiceNameNarrows(t *testing.T) {
	with := Compile(zonal(), []*model.Slice{threeInTwoZones()}, Options{Topology: topologyOf(topology.On)}, new(Memory), time.Time{})
	without := Compile(zonal(), []*model.Slice{threeInTwoZones()}, Options{}, new(Memory), time.Time{})
	for _, of := range []struct {
		name  string
		qtype uint16
	}{
		{"db-2." + dbName, dns.TypeA}, {"10-0-0-3." + dbName, dns.TypeA}, {dbName, dns.TypeTXT}, {"_sql._tcp." + dbName, dns.TypeA},
	} {
		q := question(of.name, of.qtype)
		c := inZone("a")
		if with.Wants(q) {
			t.Errorf("%s: it matters where the client is", of.name)
		}
		if got, want := fmt.Sprint(with.AnswerTo(q, &c)), fmt.Sprint(without.Answer(q)); got != want {
			t.Errorf("%s: got %s, want %s", of.name, got, want)
		}
	}
}

// A Set that narrows otherwise is another one: whoever publishes it looks at that.
func TestSetsThatNarrowOtherwiseDiffer(t *testing.T) {
	moved := threeInTwoZones()
	moved.Places.Zones[1] = unique.Make("b")
	set := func(p topology.Policy, s *model.Slice) *Set {
		return Compile(zonal(), []*model.Slice{s}, Options{Topology: p}, new(Memory), time.Time{})
	}
	on := topologyOf(topology.On)
	if a, b := set(on, threeInTwoZones()), set(on, threeInTwoZones()); !a.Equal(b) {
		t.Error("two Sets of the same differ")
	}
	if a, b := set(on, threeInTwoZones()), set(on, moved); a.Equal(b) {
		t.Error("an endpoint in another zone makes no difference")
	}
	if a, b := set(on, threeInTwoZones()), set(topologyOf(topology.Observe), threeInTwoZones()); a.Equal(b) {
		t.Error("the mode makes no difference")
	}
	if a, b := set(topology.Policy{}, threeInTwoZones()), set(topology.Policy{}, moved); !a.Equal(b) {
		t.Error("topology is off, and a zone makes a difference")
	}
}

// SRV records all stay. Those of targets outside the client's zone come behind the others,
// and where not all may be there they are the first to go.
func TestSRVRecordsByTopology(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "endpoints")
		var zones []byte
		var all []model.Endpoint
		for i := range n {
			zones = append(zones, rapid.SampledFrom([]byte("aab")).Draw(t, "zone"))
			all = append(all, endpoint(byte(i), fmt.Sprintf("10.0.0.%d", i+1), fmt.Sprintf("db-%d", i), ready))
		}
		s := inZones(1, string(zones), all...)
		s.Ports = []model.Port{sql, peer}
		if rapid.Bool().Draw(t, "a port of some") {
			s.Ports = []model.Port{sql}
			half := slice(2, []model.Port{peer}, all[:n/2]...)
			half.Places = s.Places
			for i := range half.Endpoints {
				half.Endpoints[i].Zone, half.Endpoints[i].Node = uint16(i+1), uint16(i+1)
			}
			compareSRV(t, string(zones), s, half)
			return
		}
		compareSRV(t, string(zones), s)
	})
}

func compareSRV(t *rapid.T, zones string, all ...*model.Slice) {
	with := Compile(zonal(), all, Options{Topology: topologyOf(topology.On)}, new(Memory), time.Time{})
	without := Compile(zonal(), all, Options{}, new(Memory), time.Time{})
	for _, name := range []string{dbName, "_sql._tcp." + dbName} {
		q := question(name, dns.TypeSRV)
		c := inZone(rapid.SampledFrom([]string{"a", "b", "c", ""}).Draw(t, "client"))
		want := without.Answer(q).Records
		zone := ""
		if c.Zone != (model.Place{}) {
			zone = c.Zone.Value()
		}
		near := strings.Count(zones, zone) * toInt(zone != "")
		prioritized := make(map[string]bool)
		for _, rr := range want {
			srv := rr.(*dns.SRV)
			var i int
			_, _ = fmt.Sscanf(srv.Target, "db-%d.", &i)
			if near > 0 && near < len(zones) && zones[i:i+1] != zone {
				srv.Priority += 5
			}
			prioritized[fmt.Sprint(srv)] = true
		}
		got := with.AnswerTo(q, &c).Records
		if len(got) != len(want) {
			t.Fatalf("%d records, want %d", len(got), len(want))
		}
		for _, rr := range got {
			if !prioritized[fmt.Sprint(rr)] {
				t.Fatalf("in %q: got %v, want one of %v", zone, rr, prioritized)
			}
		}
		boundSRV(t, with, q, &c, want)
	}
}

// boundSRV asks for some of the records, of which want are all.
func boundSRV(t *rapid.T, set *Set, q *Question, c *Client, want []dns.RR) {
	if len(want) == 0 {
		return
	}
	near := 0
	for _, rr := range want {
		near += toInt(rr.(*dns.SRV).Priority == 0)
	}
	q.MaxAnswers = rapid.IntRange(1, len(want)).Draw(t, "max_answers")
	got, best := set.AnswerTo(q, c).Records, 0
	for _, rr := range got {
		best += toInt(rr.(*dns.SRV).Priority == 0)
	}
	if len(got) != q.MaxAnswers || best != min(near, q.MaxAnswers) {
		t.Fatalf("%d records, %d of them near, want %d and %d", len(got), best, q.MaxAnswers, min(near, q.MaxAnswers))
	}
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A change of hints in a large Service is seen, though its Roster is kept.
func TestPlacesOfALargeServiceAreRefreshed(t *testing.T) {
	large := func(zoneOfLast string) []*model.Slice {
		var all []*model.Slice
		for s := range 10 {
			of := slice(uint64(s+1), []model.Port{sql})
			of.Places = &model.Places{Zones: []model.Place{unique.Make("a"), unique.Make(zoneOfLast)}}
			for i := range 100 {
				e := endpoint(byte(i), fmt.Sprintf("10.0.%d.%d", s, i), "", ready)
				e.ID = model.PodID{byte(s), byte(i)}
				e.Zone = 1
				if s == 9 && i == 99 {
					e.Zone = 2
				}
				of.Endpoints = append(of.Endpoints, e)
			}
			all = append(all, of)
		}
		return all
	}
	var memory Memory
	o := Options{Topology: topologyOf(topology.On)}
	for _, last := range []string{"b", "c", "a", "b"} {
		set := Compile(zonal(), large(last), o, &memory, time.Time{})
		fresh := Compile(zonal(), large(last), o, new(Memory), time.Time{})
		if !set.Equal(fresh) {
			t.Fatalf("the last one is in %s: the kept Roster gives another answer", last)
		}
		q := question(dbName, dns.TypeA)
		c := inZone("b")
		if got, want := len(set.AnswerTo(q, &c).Records) == 1, last == "b"; got != want {
			t.Errorf("the last one is in %s: one answer in b is %t, want %t", last, got, want)
		}
	}
}

func TestTopologyIsExplained(t *testing.T) {
	set := Compile(zonal(), []*model.Slice{threeInTwoZones()}, Options{Topology: topologyOf(topology.On), Explain: true}, new(Memory), epoch)
	q := question("_explain."+dbName, dns.TypeTXT)
	c := inZone("b")
	c.Where = "in b (zone 10.9.0.0/16)"
	var lines []string
	for _, rr := range set.AnswerTo(q, &c).Records {
		lines = append(lines, rr.(*dns.TXT).Txt[0])
	}
	want := []string{
		"you: 10.9.9.9 is in b (zone 10.9.0.0/16); A: 1 of 3, zone",
		"policy: publish ready, pod_names ready, fallback draining, fail_open off, damping off, srv_tiers published, topology on 1 50% (PreferSameZone)",
		"topology: A a 2, b 1 of 3",
		"db-0 10.0.0.1 good since 2026-03-01T12:00:00Z: published; on node-0 in a",
		"db-1 10.0.0.2 good since 2026-03-01T12:00:00Z: published; on node-1 in a",
		"db-2 10.0.0.3 good since 2026-03-01T12:00:00Z: published; on node-2 in b",
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}
