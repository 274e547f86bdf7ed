package name

import (
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseTakesEveryShapeOfNameApart(t *testing.T) {
	at := netip.MustParseAddr
	for _, c := range []struct {
		name string
		want Name
	}{
		{"cluster.local.", Name{Kind: Apex}},
		{"dns-version.cluster.local.", Name{Kind: Version}},
		{"x.dns-version.cluster.local.", Name{}},
		{"svc.cluster.local.", Name{Kind: Services}},
		{"pod.cluster.local.", Name{}},
		{"10-0-0-1.default.pod.cluster.local.", Name{}},
		{"default.svc.cluster.local.", Name{Kind: Namespace, Namespace: "default"}},
		{"db.default.svc.cluster.local.", Name{Kind: Service, Key: "db.default", Namespace: "default"}},
		{"db-0.db.default.svc.cluster.local.", Name{Kind: Endpoint, Key: "db.default", Namespace: "default", Endpoint: "db-0", At: 5}},
		{"_tcp.db.default.svc.cluster.local.", Name{Kind: Protocol, Key: "db.default", Namespace: "default", Protocol: "tcp", At: 5}},
		{"_.db.default.svc.cluster.local.", Name{Kind: Protocol, Key: "db.default", Namespace: "default", At: 2}},
		{"_sql._tcp.db.default.svc.cluster.local.", Name{Kind: Port, Key: "db.default", Namespace: "default", Protocol: "tcp", Port: "sql", At: 10}},
		{"sql._tcp.db.default.svc.cluster.local.", Name{Kind: Bare, Key: "db.default", Namespace: "default", At: 9}},
		{"_sql.tcp.db.default.svc.cluster.local.", Name{Kind: Bare, Key: "db.default", Namespace: "default", At: 9}},
		{"sql.sctp.db.default.svc.cluster.local.", Name{Kind: Bare, Key: "db.default", Namespace: "default", At: 9}},
		{"sql._.db.default.svc.cluster.local.", Name{Kind: Bare, Key: "db.default", Namespace: "default", At: 6}},
		{"sql.no.db.default.svc.cluster.local.", Name{Kind: Below, Key: "db.default", Namespace: "default", At: 7}},
		{"a._sql._tcp.db.default.svc.cluster.local.", Name{Kind: Below, Key: "db.default", Namespace: "default", At: 12}},
		{"_zone.db.default.svc.cluster.local.", Name{Kind: ZonalTree, Key: "db.default", Namespace: "default", At: 6}},
		{"pin._zone.db.default.svc.cluster.local.", Name{Kind: ZonalTree, Key: "db.default", Namespace: "default", At: 10}},
		{"prefer._zone.db.default.svc.cluster.local.", Name{Kind: ZonalTree, Key: "db.default", Namespace: "default", At: 13}},
		{"near._zone.db.default.svc.cluster.local.", Name{Kind: ZonalOther, Key: "db.default", Namespace: "default", At: 11}},
		{"a.near._zone.db.default.svc.cluster.local.", Name{Kind: ZonalOther, Key: "db.default", Namespace: "default", At: 13}},
		{"a.pin._zone.db.default.svc.cluster.local.", Name{Kind: Zonal, Key: "db.default", Namespace: "default", Zone: "a", At: 12}},
		{"a.prefer._zone.db.default.svc.cluster.local.", Name{Kind: Zonal, Key: "db.default", Namespace: "default", Zone: "a", Prefer: true, At: 15}},
		{"eu.1.pin._zone.db.default.svc.cluster.local.", Name{Kind: Zonal, Key: "db.default", Namespace: "default", Zone: "eu.1", At: 15}},
		{"pin.pin._zone.db.default.svc.cluster.local.", Name{Kind: Zonal, Key: "db.default", Namespace: "default", Zone: "pin", At: 14}},
		{`a\.b.pin._zone.db.default.svc.cluster.local.`, Name{Kind: Zonal, Key: "db.default", Namespace: "default", Zone: `a\.b`, At: 15}},
		{"_sql._tcp.eu.1.pin._zone.db.default.svc.cluster.local.", Name{Kind: Zonal, Key: "db.default", Namespace: "default", Zone: "eu.1", Port: "sql", Protocol: "tcp", At: 25}},
		{"_tcp.a.prefer._zone.db.default.svc.cluster.local.", Name{Kind: Zonal, Key: "db.default", Namespace: "default", Zone: "a", Prefer: true, Protocol: "tcp", At: 20}},
		{"_a._sql._tcp.a.pin._zone.db.default.svc.cluster.local.", Name{Kind: Zonal, Key: "db.default", Namespace: "default", Zone: "_a._sql._tcp.a", At: 25}},
		{"_sql._tcp.pin._zone.db.default.svc.cluster.local.", Name{Kind: Zonal, Key: "db.default", Namespace: "default", Zone: "_sql._tcp", At: 20}},
		{"_.a.pin._zone.db.default.svc.cluster.local.", Name{Kind: Zonal, Key: "db.default", Namespace: "default", Zone: "_.a", At: 14}},
		{`_a\._b.a.pin._zone.db.default.svc.cluster.local.`, Name{Kind: Zonal, Key: "db.default", Namespace: "default", Zone: "a", Protocol: `a\._b`, At: 19}},
		{"_zone._tcp.db.default.svc.cluster.local.", Name{Kind: Port, Key: "db.default", Namespace: "default", Protocol: "tcp", Port: "zone", At: 11}},
		{"db.default.svc.cluster.local.default.svc.cluster.local.", Name{Kind: Below, Key: "local.default", Namespace: "default", At: 23}},
		{"db.default.svc.cluster.local.cluster.local.", Name{Kind: Searched}},
		{"svc.cluster.local.cluster.local.", Name{Kind: Searched}},
		{"xsvc.cluster.local.cluster.local.", Name{}},
		{"pod.cluster.local.cluster.local.", Name{}},
		{`a\.b.db.default.svc.cluster.local.`, Name{Kind: Endpoint, Key: "db.default", Namespace: "default", Endpoint: `a\.b`, At: 5}},
		{`a\\.b.db.default.svc.cluster.local.`, Name{Kind: Below, Key: "db.default", Namespace: "default", At: 6}},
		{`\..db.default.svc.cluster.local.`, Name{Kind: Endpoint, Key: "db.default", Namespace: "default", Endpoint: `\.`, At: 3}},
		{"4.3.2.10.in-addr.arpa.", Name{Kind: Reverse, Address: at("10.2.3.4")}},
		{"3.2.10.in-addr.arpa.", Name{Kind: ReverseTree, Network: netip.MustParsePrefix("10.2.3.0/24")}},
		{"in-addr.arpa.", Name{Kind: Apex, Network: netip.MustParsePrefix("0.0.0.0/0")}},
		{"5.4.3.2.10.in-addr.arpa.", Name{}},
		{"256.3.2.10.in-addr.arpa.", Name{}},
		{"04.3.2.10.in-addr.arpa.", Name{}},
		{"db.3.2.10.in-addr.arpa.", Name{}},
		{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", Name{Kind: Reverse, Address: at("2001:db8::1")}},
		{"8.b.d.0.1.0.0.2.ip6.arpa.", Name{Kind: ReverseTree, Network: netip.MustParsePrefix("2001:db8::/32")}},
		{"d.0.1.0.0.2.ip6.arpa.", Name{Kind: ReverseTree, Network: netip.MustParsePrefix("2001:d00::/24")}},
		{"b.d.0.1.0.0.2.ip6.arpa.", Name{Kind: ReverseTree, Network: netip.MustParsePrefix("2001:db0::/28")}},
		{"1.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", Name{}},
		{"g.0.0.2.ip6.arpa.", Name{}},
		{"10.0.2.ip6.arpa.", Name{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			zone := NewZones([]string{"cluster.local.", "in-addr.arpa.", "ip6.arpa."}).Match(c.name)
			if got := Parse(c.name, zone); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestParseFindsServicesInTheRootZone(t *testing.T) {
	for _, c := range []struct {
		name string
		want Name
	}{
		{".", Name{Kind: Apex}},
		{"svc.", Name{Kind: Services}},
		{"db.default.svc.", Name{Kind: Service, Key: "db.default", Namespace: "default"}},
		{"4.3.2.10.in-addr.arpa.", Name{Kind: Reverse, Address: netip.MustParseAddr("10.2.3.4")}},
		{"example.org.", Name{}},
	} {
		if got := Parse(c.name, "."); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestAZoneOfOneAddressIsThatAddress(t *testing.T) {
	for _, c := range []struct{ zone, address string }{
		{"4.3.2.10.in-addr.arpa.", "10.2.3.4"},
		{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.", "2001:db8::1"},
	} {
		want := Name{Kind: Apex, Address: netip.MustParseAddr(c.address)}
		if got := Parse(c.zone, c.zone); got != want {
			t.Errorf("%s: got %+v, want %+v", c.zone, got, want)
		}
	}
}

func TestZonesMatchTheLongestZoneAtALabel(t *testing.T) {
	zones := NewZones([]string{"local.", "Cluster.Local.", "0.10.in-addr.arpa."})
	for name, want := range map[string]string{
		"cluster.local.":               "cluster.local.",
		"a.cluster.local.":             "cluster.local.",
		"acluster.local.":              "local.",
		`a\.cluster.local.`:            "local.",
		`a\\.cluster.local.`:           "cluster.local.",
		"example.org.":                 "",
		"5.4.0.10.in-addr.arpa.":       "0.10.in-addr.arpa.",
		"5.4.1.10.in-addr.arpa.":       "",
		".":                            "",
		"al.":                          "",
		"db.default.svc.cluster.local": "",
	} {
		if got := zones.Match(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := NewZones([]string{"."}).Match("example.org."); got != "." {
		t.Errorf("the root zone: got %q", got)
	}
}

func TestIsReverse(t *testing.T) {
	for name, want := range map[string]bool{
		"in-addr.arpa.": true, "10.in-addr.arpa.": true, "ip6.arpa.": true, "d.f.ip6.arpa.": true,
		"cluster.local.": false, "xin-addr.arpa.": false, "arpa.": false, ".": false,
	} {
		if IsReverse(name) != want {
			t.Errorf("%s: want %v", name, want)
		}
	}
}

func TestDashedLabels(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1":             "10-0-0-1",
		"fd00::1":              "fd00--1",
		"fd00::":               "fd00--0",
		"::1":                  "--1",
		"::":                   "--0",
		"2001:db8:0:1:1:1:1:1": "2001-db8-0-1-1-1-1-1",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "ffff-ffff-ffff-ffff-ffff-ffff-ffff-ffff",
	} {
		addr := netip.MustParseAddr(text)
		if got := string(AppendDashed(nil, addr)); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		if got, ok := ParseDashed(want); !ok || got != addr {
			t.Errorf("%s: parsed as %v, %v", want, got, ok)
		}
	}
}

func TestParseDashedRefusesOtherForms(t *testing.T) {
	for _, label := range []string{
		"", "-", "--", "db-0", "10-0-0", "10-0-0-1-", "10-0-0-01", "10-0-0-256", "10.0.0.1", "10--0-1",
		"fd00-0-0-0-0-0-0-1", "fd00--01", "fd00---1", "fd00--1--1", "1-2-3-4-5-6-7-8-9", "12345--1", "fd00--", "FD00--1",
		"--0--0", "1-2-3-4-5-6-7--8", "--1-2-3-4-5-6-7-8",
	} {
		if addr, ok := ParseDashed(label); ok {
			t.Errorf("%q: parsed as %v", label, addr)
		}
	}
}

func TestEveryAddressHasOneDashedLabel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		addr := drawAddress(t)
		label := string(AppendDashed(nil, addr))
		if got, ok := ParseDashed(label); !ok || got != addr {
			t.Fatalf("%v became %q, which became %v, %v", addr, label, got, ok)
		}
	})
}

func drawAddress(t *rapid.T) netip.Addr {
	if rapid.Bool().Draw(t, "IPv4") {
		return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "bytes")))
	}
	b := [16]byte(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0, 1, 0x20, 0xff}), 16, 16).Draw(t, "bytes"))
	b[0] = 0xfd // Not an IPv4-mapped address: the model refuses those.
	return netip.AddrFrom16(b)
}

func TestParsingDoesNotAllocate(t *testing.T) {
	zones := NewZones([]string{"cluster.local.", "in-addr.arpa.", "ip6.arpa."})
	for _, name := range []string{
		"_sql._tcp.eu.1.pin._zone.db.default.svc.cluster.local.",
		"db-0.db.default.svc.cluster.local.",
		"_sql._tcp.db.default.svc.cluster.local.",
		"example.org.",
		"4.3.2.10.in-addr.arpa.",
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
	} {
		if n := testing.AllocsPerRun(100, func() { Parse(name, zones.Match(name)) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	for _, label := range []string{"10-0-0-1", "fd00--1", "no-address-at-all"} {
		if n := testing.AllocsPerRun(100, func() { ParseDashed(label) }); n != 0 {
			t.Errorf("%s: %v allocations", label, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"_sql._tcp.db.default.svc.cluster.local.", `a\.b.db.default.svc.cluster.local.`, "cluster.local.", ".",
		"4.3.2.10.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.", `\\\..svc.cluster.local.`, "._...svc.",
		"_sql._tcp.eu.1.pin._zone.db.default.svc.cluster.local.", "a.prefer._zone.db.default.svc.cluster.local.", "_.._.pin._zone.db.default.svc.cluster.local.",
	} {
		f.Add(seed)
	}
	zones := NewZones([]string{"cluster.local.", "in-addr.arpa.", "ip6.arpa.", "."})
	f.Fuzz(func(t *testing.T, name string) {
		if !strings.HasSuffix(name, ".") {
			return
		}
		name = strings.ToLower(name)
		n := Parse(name, zones.Match(name))
		if n.Key != "" && name[n.At:n.At+len(n.Key)] != n.Key {
			t.Errorf("%q: the key %q does not stand at %d", name, n.Key, n.At)
		}
		if n.Zone != "" && (n.Kind != Zonal || !strings.Contains(name[:n.At], n.Zone+".")) {
			t.Errorf("%q: the zone %q does not stand there", name, n.Zone)
		}
		ParseDashed(n.Endpoint)
	})
}
