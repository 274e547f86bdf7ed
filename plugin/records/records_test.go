package records

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/model"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/name"
	"github.com/k8s-endpoints/k8s_endpoints/plugin/roster"

	"github.com/miekg/dns"
)

const (
	ready = model.Ready | model.Serving
	zone  = "cluster.local."
)

var (
	headless = &model.Service{ServiceKey: model.ServiceKey{Namespace: "default", Name: "db"}, Kind: model.Headless}
	sql      = model.Port{Name: "sql", Number: 5432}
	peer     = model.Port{Name: "peer", Number: 7000}
)

// endpoint is an endpoint of the Pod with that number.
func endpoint(pod byte, addr, hostname string, c model.Conditions) model.Endpoint {
	return model.Endpoint{
		Address:    netip.MustParseAddr(addr),
		Hostname:   hostname,
		Pod:        fmt.Sprintf("pod-%d", pod),
		ID:         model.PodID{pod},
		Conditions: c,
	}
}

func slice(version uint64, ports []model.Port, all ...model.Endpoint) *model.Slice {
	return &model.Slice{
		SliceKey:  model.SliceKey{Namespace: "default", Name: fmt.Sprintf("db-%d", version)},
		Service:   "db",
		Version:   version,
		Ports:     ports,
		Endpoints: all,
	}
}

// compile compiles with the default policy.
func compile(service *model.Service, all []*model.Slice, naming roster.Naming) *Set {
	return Compile(service, all, Options{Naming: naming}, new(Memory), time.Time{})
}

// ask returns the answer of the Set as sorted text, without TTL and class.
func ask(s *Set, text string, qtype uint16) string {
	a := s.Answer(question(text, qtype))
	lines := sorted(a.Records)
	for _, rr := range sorted(a.Extra) {
		lines = append(lines, "+ "+rr)
	}
	switch a.Outcome {
	case NoName:
		return "no name"
	case NoData:
		return "no data"
	}
	return strings.Join(lines, "\n")
}

func question(text string, qtype uint16) *Question {
	return &Question{Owner: text, Name: name.Parse(strings.ToLower(text), zone), Type: qtype, TTL: 5, Offset: 12, Room: 65000}
}

func sorted(rrs []dns.RR) []string {
	var lines []string
	for _, rr := range rrs {
		header := rr.Header().String()
		lines = append(lines, rr.Header().Name+" "+dns.TypeToString[rr.Header().Rrtype]+" "+strings.TrimPrefix(rr.String(), header))
	}
	slices.Sort(lines)
	return lines
}

func TestAnswersOfAHeadlessService(t *testing.T) {
	set := compile(headless, []*model.Slice{
		slice(1, []model.Port{sql, peer},
			endpoint(0, "10.0.0.1", "db-0", ready),
			endpoint(1, "10.0.0.2", "db-1", ready),
			endpoint(2, "10.0.0.3", "", ready),
			endpoint(3, "10.0.0.4", "db-3", model.Serving|model.Terminating)),
		slice(2, nil, endpoint(0, "fd00::1", "db-0", ready)),
	}, roster.ByHostname)
	for _, c := range []struct {
		name, question string
		qtype          uint16
		want           string
	}{
		{"the Service has the ready addresses", "db.default.svc.cluster.local.", dns.TypeA,
			"db.default.svc.cluster.local. A 10.0.0.1\ndb.default.svc.cluster.local. A 10.0.0.2\ndb.default.svc.cluster.local. A 10.0.0.3"},
		{"of both families", "db.default.svc.cluster.local.", dns.TypeAAAA, "db.default.svc.cluster.local. AAAA fd00::1"},
		{"the name is as it was asked", "DB.Default.SVC.cluster.Local.", dns.TypeAAAA, "DB.Default.SVC.cluster.Local. AAAA fd00::1"},
		{"no other types", "db.default.svc.cluster.local.", dns.TypeTXT, "no data"},
		{"a hostname", "db-1.db.default.svc.cluster.local.", dns.TypeA, "db-1.db.default.svc.cluster.local. A 10.0.0.2"},
		{"a hostname in the other family", "db-1.db.default.svc.cluster.local.", dns.TypeAAAA, "no data"},
		{"a hostname has no SRV records", "db-1.db.default.svc.cluster.local.", dns.TypeSRV, "no data"},
		{"a Pod's name resolves", "pod-1.db.default.svc.cluster.local.", dns.TypeA, "pod-1.db.default.svc.cluster.local. A 10.0.0.2"},
		{"a dashed address resolves", "10-0-0-2.db.default.svc.cluster.local.", dns.TypeA, "10-0-0-2.db.default.svc.cluster.local. A 10.0.0.2"},
		{"a dashed IPv6 address resolves", "fd00--1.db.default.svc.cluster.local.", dns.TypeAAAA, "fd00--1.db.default.svc.cluster.local. AAAA fd00::1"},
		{"an endpoint that is not ready has no name", "db-3.db.default.svc.cluster.local.", dns.TypeA, "no name"},
		{"nor a dashed one", "10-0-0-4.db.default.svc.cluster.local.", dns.TypeA, "no name"},
		{"a protocol is an empty non-terminal", "_tcp.db.default.svc.cluster.local.", dns.TypeSRV, "no data"},
		{"a protocol that nobody speaks", "_udp.db.default.svc.cluster.local.", dns.TypeSRV, "no name"},
		{"a port nobody has", "_http._tcp.db.default.svc.cluster.local.", dns.TypeSRV, "no name"},
		{"a port of another protocol", "_sql._udp.db.default.svc.cluster.local.", dns.TypeSRV, "no name"},
		{"a port has no addresses", "_sql._tcp.db.default.svc.cluster.local.", dns.TypeA, "no data"},
		{"nothing lies deeper", "a.db-0.db.default.svc.cluster.local.", dns.TypeA, "no name"},
		{"a port gives the hostname or the dashed address, each with all its addresses", "_sql._tcp.DB.default.svc.cluster.local.", dns.TypeSRV,
			"_sql._tcp.DB.default.svc.cluster.local. SRV 0 100 5432 10-0-0-3.DB.default.svc.cluster.local.\n" +
				"_sql._tcp.DB.default.svc.cluster.local. SRV 0 100 5432 db-0.DB.default.svc.cluster.local.\n" +
				"_sql._tcp.DB.default.svc.cluster.local. SRV 0 100 5432 db-1.DB.default.svc.cluster.local.\n" +
				"+ 10-0-0-3.DB.default.svc.cluster.local. A 10.0.0.3\n" +
				"+ db-0.DB.default.svc.cluster.local. A 10.0.0.1\n" +
				"+ db-0.DB.default.svc.cluster.local. AAAA fd00::1\n" +
				"+ db-1.DB.default.svc.cluster.local. A 10.0.0.2"},
		{"the Service has every port of every endpoint, each target's addresses once", "db.default.svc.cluster.local.", dns.TypeSRV,
			"db.default.svc.cluster.local. SRV 0 100 5432 10-0-0-3.db.default.svc.cluster.local.\n" +
				"db.default.svc.cluster.local. SRV 0 100 5432 db-0.db.default.svc.cluster.local.\n" +
				"db.default.svc.cluster.local. SRV 0 100 5432 db-1.db.default.svc.cluster.local.\n" +
				"db.default.svc.cluster.local. SRV 0 100 7000 10-0-0-3.db.default.svc.cluster.local.\n" +
				"db.default.svc.cluster.local. SRV 0 100 7000 db-0.db.default.svc.cluster.local.\n" +
				"db.default.svc.cluster.local. SRV 0 100 7000 db-1.db.default.svc.cluster.local.\n" +
				"+ 10-0-0-3.db.default.svc.cluster.local. A 10.0.0.3\n" +
				"+ db-0.db.default.svc.cluster.local. A 10.0.0.1\n" +
				"+ db-0.db.default.svc.cluster.local. AAAA fd00::1\n" +
				"+ db-1.db.default.svc.cluster.local. A 10.0.0.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ask(set, c.question, c.qtype); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestNothingPublishedIsNoName(t *testing.T) {
	set := compile(headless, []*model.Slice{slice(1, []model.Port{sql}, endpoint(0, "10.0.0.1", "db-0", 0))}, roster.ByHostname)
	for _, text := range []string{"db.", "db-0.db.", "10-0-0-1.db.", "_tcp.db.", "_sql._tcp.db."} {
		for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV, dns.TypeTXT} {
			if got := ask(set, text+"default.svc.cluster.local.", qtype); got != "no name" {
				t.Errorf("%s %s: got %s", text, dns.TypeToString[qtype], got)
			}
		}
	}
}

func TestNamingDecidesWhatSRVAndPTRGive(t *testing.T) {
	all := []*model.Slice{slice(1, []model.Port{sql}, endpoint(0, "10.0.0.1", "db-0", ready), endpoint(1, "10.0.0.2", "", ready))}
	for _, c := range []struct {
		naming roster.Naming
		want   string
	}{
		{roster.ByHostname, "10-0-0-2"},
		{roster.ByPodName, "pod-1"},
	} {
		set := compile(headless, all, c.naming)
		if got, _ := set.Reverse(netip.MustParseAddr("10.0.0.1")); got != (Pointer{"db-0", 0}) {
			t.Errorf("naming %d: an endpoint with a hostname is called %v", c.naming, got)
		}
		if got, _ := set.Reverse(netip.MustParseAddr("10.0.0.2")); got.Endpoint != c.want || got.Rank == 0 {
			t.Errorf("naming %d: an endpoint without a hostname is called %v", c.naming, got)
		}
		if got := ask(set, "_sql._tcp.db.default.svc.cluster.local.", dns.TypeSRV); !strings.Contains(got, "5432 "+c.want+".db.") {
			t.Errorf("naming %d: got\n%s", c.naming, got)
		}
	}
}

func TestAnAddressInSeveralPlacesHasOneHolder(t *testing.T) {
	const addr = "10.0.0.1"
	http := func(number uint16) []model.Port { return []model.Port{{Name: "http", Number: number}} }
	for _, c := range []struct {
		name   string
		slices []*model.Slice
		// holder is the hostname that the address has, and ports are its numbers.
		holder string
		ports  []uint16
	}{
		{
			"the same Pod: the newer slice wins, and the ports are those of both",
			[]*model.Slice{slice(2, http(80), endpoint(1, addr, "new", ready)), slice(1, http(8080), endpoint(1, addr, "old", ready))},
			"new", []uint16{80, 8080},
		},
		{
			"the same Pod, not ready in the newer slice: not published",
			[]*model.Slice{slice(1, http(80), endpoint(1, addr, "old", ready)), slice(2, http(80), endpoint(1, addr, "new", 0))},
			"", nil,
		},
		{
			"two Pods: the one that does not terminate wins over a newer slice",
			[]*model.Slice{slice(1, http(80), endpoint(1, addr, "alive", ready)), slice(2, http(81), endpoint(2, addr, "dying", ready|model.Terminating))},
			"alive", []uint16{80},
		},
		{
			"two Pods: the one that is ready wins over a newer slice",
			[]*model.Slice{slice(1, http(80), endpoint(1, addr, "alive", ready)), slice(2, http(81), endpoint(2, addr, "sick", 0))},
			"alive", []uint16{80},
		},
		{
			"two Pods alike: the newer slice wins",
			[]*model.Slice{slice(1, http(80), endpoint(1, addr, "old", ready)), slice(2, http(81), endpoint(2, addr, "new", ready))},
			"new", []uint16{81},
		},
		{
			"what an outdated slice says of a Pod does not help it against another",
			[]*model.Slice{
				slice(1, http(80), endpoint(1, addr, "gone", ready)),
				slice(3, http(80), endpoint(1, addr, "gone", model.Terminating)),
				slice(2, http(81), endpoint(2, addr, "alive", ready)),
			},
			"alive", []uint16{81},
		},
		{
			"the same Pod twice in one slice: ready wins",
			[]*model.Slice{slice(1, http(80), endpoint(1, addr, "sick", 0), endpoint(1, addr, "alive", ready))},
			"alive", []uint16{80},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 {
				set := compile(headless, c.slices, roster.ByHostname)
				if got, _ := set.Reverse(netip.MustParseAddr(addr)); got.Endpoint != c.holder {
					t.Errorf("the address has the name %q, want %q", got.Endpoint, c.holder)
				}
				var ports []uint16
				for _, rr := range set.Answer(question("_http._tcp.db.default.svc.cluster.local.", dns.TypeSRV)).Records {
					ports = append(ports, rr.(*dns.SRV).Port)
				}
				if slices.Sort(ports); !slices.Equal(ports, c.ports) {
					t.Errorf("the ports are %v, want %v", ports, c.ports)
				}
				slices.Reverse(c.slices)
			}
		})
	}
}

func TestALabelMayLookLikeAnotherAddress(t *testing.T) {
	set := compile(headless, []*model.Slice{slice(1, nil,
		endpoint(0, "10.0.0.1", "10-0-0-2", ready), endpoint(1, "10.0.0.2", "", ready))}, roster.ByHostname)
	want := "10-0-0-2.db.default.svc.cluster.local. A 10.0.0.1\n10-0-0-2.db.default.svc.cluster.local. A 10.0.0.2"
	if got := ask(set, "10-0-0-2.db.default.svc.cluster.local.", dns.TypeA); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPortsOfOneNumberAreOneRecordOfTheServiceName(t *testing.T) {
	tcp, udp := model.Port{Name: "dns", Number: 53}, model.Port{Name: "dns", Protocol: model.UDP, Number: 53}
	set := compile(headless, []*model.Slice{
		slice(1, []model.Port{tcp, udp}, endpoint(0, "10.0.0.1", "", ready)),
		slice(2, []model.Port{udp}, endpoint(1, "10.0.0.2", "", ready)),
	}, roster.ByHostname)
	want := "db.default.svc.cluster.local. SRV 0 100 53 10-0-0-1.db.default.svc.cluster.local.\n" +
		"db.default.svc.cluster.local. SRV 0 100 53 10-0-0-2.db.default.svc.cluster.local.\n" +
		"+ 10-0-0-1.db.default.svc.cluster.local. A 10.0.0.1\n" +
		"+ 10-0-0-2.db.default.svc.cluster.local. A 10.0.0.2"
	if got := ask(set, "db.default.svc.cluster.local.", dns.TypeSRV); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := ask(set, "_dns._tcp.db.default.svc.cluster.local.", dns.TypeSRV); strings.Contains(got, "10-0-0-2") {
		t.Errorf("an endpoint without the port has it:\n%s", got)
	}
}

func TestAnswersOfAnExternalName(t *testing.T) {
	service := func(s model.Service) *Set {
		s.ServiceKey, s.Kind = headless.ServiceKey, model.ExternalName
		return compile(&s, nil, roster.ByHostname)
	}
	alias := service(model.Service{Target: "example.org.", Ports: []model.Port{sql}})
	literal := service(model.Service{Address: netip.MustParseAddr("192.0.2.1"), Ports: []model.Port{sql}})
	nameless := service(model.Service{Target: "example.org.", Ports: []model.Port{{Number: 5432}}})
	if got := alias.Answer(question("db.default.svc.cluster.local.", dns.TypeMX)); got.Outcome != Alias {
		t.Errorf("the outcome is %v", got.Outcome)
	}
	for _, c := range []struct {
		name     string
		set      *Set
		question string
		qtype    uint16
		want     string
	}{
		{"a port points to the external name", alias, "_sql._tcp.db.default.svc.cluster.local.", dns.TypeSRV,
			"_sql._tcp.db.default.svc.cluster.local. SRV 0 100 5432 example.org."},
		{"its protocol is an empty non-terminal", alias, "_tcp.db.default.svc.cluster.local.", dns.TypeA, "no data"},
		{"a port has no addresses", alias, "_sql._tcp.db.default.svc.cluster.local.", dns.TypeA, "no data"},
		{"another protocol", alias, "_udp.db.default.svc.cluster.local.", dns.TypeA, "no name"},
		{"another port", alias, "_http._tcp.db.default.svc.cluster.local.", dns.TypeSRV, "no name"},
		{"a port without a name", nameless, "_._tcp.db.default.svc.cluster.local.", dns.TypeSRV, "no name"},
		{"a port without a name has nothing below its protocol", nameless, "_tcp.db.default.svc.cluster.local.", dns.TypeA, "no name"},
		{"an endpoint", alias, "a.db.default.svc.cluster.local.", dns.TypeA, "no name"},
		{"an address is the Service's own", literal, "db.default.svc.cluster.local.", dns.TypeA, "db.default.svc.cluster.local. A 192.0.2.1"},
		{"an address is of one family", literal, "db.default.svc.cluster.local.", dns.TypeAAAA, "no data"},
		{"an address has no other types", literal, "db.default.svc.cluster.local.", dns.TypeCNAME, "no data"},
		{"a port of an address points to the Service", literal, "_sql._tcp.DB.default.svc.cluster.local.", dns.TypeSRV,
			"_sql._tcp.DB.default.svc.cluster.local. SRV 0 100 5432 DB.default.svc.cluster.local.\n+ DB.default.svc.cluster.local. A 192.0.2.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ask(c.set, c.question, c.qtype); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestThePortOfAnAddressGivesThatAsFarAsItFits(t *testing.T) {
	for _, address := range []string{"192.0.2.1", "2001:db8::1"} {
		s := model.Service{ServiceKey: headless.ServiceKey, Kind: model.ExternalName, Address: netip.MustParseAddr(address), Ports: []model.Port{sql}}
		set := compile(&s, nil, roster.ByHostname)
		q := question("_sql._tcp.db.default.svc.cluster.local.", dns.TypeSRV)
		r := new(dns.Msg).SetQuestion(q.Owner, q.Type)
		q.Offset = r.Len()
		whole := set.Answer(q)
		r.Compress, r.Answer, r.Extra = true, whole.Records, whole.Extra
		for _, spare := range []int{0, -1} {
			q.Room = r.Len() - q.Offset + spare
			if a := set.Answer(q); len(a.Records) != 1 || len(a.Extra) != 1+spare || a.Truncated {
				t.Errorf("%s, with room for %d bytes more: got %v and %v, truncated %v", address, spare, a.Records, a.Extra, a.Truncated)
			}
		}
	}
}

// big has n endpoints with hostnames of different lengths.
func big(n int) *Set {
	return compile(headless, []*model.Slice{bigSlice(n)}, roster.ByHostname)
}

func bigSlice(n int) *model.Slice {
	all := make([]model.Endpoint, n)
	for i := range all {
		all[i] = endpoint(byte(i), netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String(), fmt.Sprintf("db-%d", i), ready)
		all[i].ID = model.PodID{byte(i), byte(i >> 8)}
	}
	return slice(1, []model.Port{sql, peer}, all...)
}

func TestNamesTooLongForDNSAreLeftOut(t *testing.T) {
	long := strings.Repeat("h", 63)
	set := compile(headless, []*model.Slice{slice(1, []model.Port{sql},
		endpoint(0, "10.0.0.1", long, ready), endpoint(1, "10.0.0.2", "db-1", ready))}, roster.ByHostname)
	deep := strings.Repeat("z.", 98)
	q := question("_sql._tcp.db.default.svc.cluster.local.", dns.TypeSRV)
	q.Owner = strings.TrimSuffix(q.Owner, ".") + "." + deep
	a := set.Answer(q)
	if len(a.Records) != 1 || !strings.HasPrefix(a.Records[0].(*dns.SRV).Target, "db-1.") || len(a.Extra) != 1 || a.Truncated {
		t.Errorf("got %v and %v, truncated %v", a.Records, a.Extra, a.Truncated)
	}
	m := &dns.Msg{Answer: a.Records, Extra: a.Extra}
	if _, err := m.Pack(); err != nil {
		t.Error(err)
	}
}

// Two slices of one Service may differ in ports: Endpoints with two subsets do.
func TestReadinessBelongsToAnAddressAndItsPorts(t *testing.T) {
	metrics := model.Port{Name: "metrics", Number: 9187}
	one := slice(1, []model.Port{sql}, endpoint(1, "10.0.0.1", "a", ready), endpoint(2, "10.0.0.2", "b", ready))
	two := slice(2, []model.Port{metrics}, endpoint(1, "10.0.0.1", "a", ready), endpoint(2, "10.0.0.2", "b", down))
	for _, all := range [][]*model.Slice{{one, two}, {two, one}} {
		set := Compile(headless, all, Options{Explain: true}, new(Memory), time.Time{})
		for _, c := range []struct {
			name, question string
			qtype          uint16
			want           string
		}{
			{"the Service name has who is up for any port", "db.default.svc.cluster.local.", dns.TypeA,
				"db.default.svc.cluster.local. A 10.0.0.1\ndb.default.svc.cluster.local. A 10.0.0.2"},
			{"so has the endpoint's own name", "b.db.default.svc.cluster.local.", dns.TypeA, "b.db.default.svc.cluster.local. A 10.0.0.2"},
			{"a port has who is up for it", "_sql._tcp.db.default.svc.cluster.local.", dns.TypeSRV,
				"_sql._tcp.db.default.svc.cluster.local. SRV 0 100 5432 a.db.default.svc.cluster.local.\n" +
					"_sql._tcp.db.default.svc.cluster.local. SRV 0 100 5432 b.db.default.svc.cluster.local.\n" +
					"+ a.db.default.svc.cluster.local. A 10.0.0.1\n+ b.db.default.svc.cluster.local. A 10.0.0.2"},
			{"and not who is up for another", "_metrics._tcp.db.default.svc.cluster.local.", dns.TypeSRV,
				"_metrics._tcp.db.default.svc.cluster.local. SRV 0 100 9187 a.db.default.svc.cluster.local.\n+ a.db.default.svc.cluster.local. A 10.0.0.1"},
		} {
			if got := ask(set, c.question, c.qtype); got != c.want {
				t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
			}
		}
		if lines := explained(t, set); !strings.HasSuffix(lines[2], ": published; starting for metrics") {
			t.Errorf("the explanation is %q", lines)
		}
	}
}

// A name by specification is never widened by an alias.
func TestAPodCalledLikeTheHostnameOfAnotherDoesNotTakeItsName(t *testing.T) {
	called := endpoint(2, "10.0.0.2", "other", ready)
	called.Pod = "db-1"
	set := compile(headless, []*model.Slice{slice(1, []model.Port{sql}, called, endpoint(1, "10.0.0.1", "db-1", ready))}, roster.ByHostname)
	if got := ask(set, "db-1.db.default.svc.cluster.local.", dns.TypeA); got != "db-1.db.default.svc.cluster.local. A 10.0.0.1" {
		t.Errorf("got %s", got)
	}
	if got := ask(set, "_sql._tcp.db.default.svc.cluster.local.", dns.TypeSRV); strings.Count(got, "+ db-1.") != 1 {
		t.Errorf("got %s", got)
	}
}

func TestPortsWithoutNamesHaveRecordsAtTheServiceName(t *testing.T) {
	set := compile(headless, []*model.Slice{slice(1, []model.Port{{Number: 80}}, endpoint(1, "10.0.0.1", "a", ready))}, roster.ByHostname)
	for text, want := range map[string]string{
		"db.default.svc.cluster.local.": "db.default.svc.cluster.local. SRV 0 100 80 a.db.default.svc.cluster.local.\n+ a.db.default.svc.cluster.local. A 10.0.0.1",
	} {
		if got := ask(set, text, dns.TypeSRV); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", text, got, want)
		}
	}
}

// The API asks to disregard any indication that endpoints are not ready, whoever made
// the slices.
func TestPublishNotReadyAddressesCountsForSlicesMadeByHand(t *testing.T) {
	asking := *headless
	asking.PublishNotReady = true
	set := compile(&asking, []*model.Slice{slice(1, []model.Port{sql}, endpoint(1, "10.0.0.1", "a", down))}, roster.ByHostname)
	if got := ask(set, "db.default.svc.cluster.local.", dns.TypeA); got != "db.default.svc.cluster.local. A 10.0.0.1" {
		t.Errorf("got %s", got)
	}
	if got := ask(set, "a.db.default.svc.cluster.local.", dns.TypeA); got != "a.db.default.svc.cluster.local. A 10.0.0.1" {
		t.Errorf("got %s", got)
	}
}

// Nobody who is ready offers a port here, so who drains is asked for both.
func TestPortsOfThoseWhoDrainBesideOthersWithoutPorts(t *testing.T) {
	set := compile(headless, []*model.Slice{
		slice(1, nil, endpoint(1, "10.0.0.1", "a", ready)),
		slice(2, []model.Port{{Number: 9000}, peer}, endpoint(2, "10.0.0.2", "b", model.Serving|model.Terminating)),
	}, roster.ByHostname)
	want := "db.default.svc.cluster.local. SRV 20 100 7000 b.db.default.svc.cluster.local.\n" +
		"db.default.svc.cluster.local. SRV 20 100 9000 b.db.default.svc.cluster.local.\n+ b.db.default.svc.cluster.local. A 10.0.0.2"
	if got := ask(set, "db.default.svc.cluster.local.", dns.TypeSRV); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
