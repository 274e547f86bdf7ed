package check

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
)

// guardOf returns the guard of these lines.
func guardOf(allow string) *Guard { return termsWith(func(t *Terms) { t.Allow = allow }).Guard() }

func TestOnlyWhatALineHasIsAdmitted(t *testing.T) {
	g := guardOf(`databases orders to 10.0.0.0/8 fd00::/64 ports 5432 6432-6440 kinds tcp postgres
databases to 192.168.0.0/16 ports 6379 kinds redis
* to 172.16.0.0/12 64:ff9b::/96 ports 443 kinds https
broken to everywhere ports 1-65535 kinds tcp
`)
	for _, c := range []struct {
		name, namespace, at string
		kind                Kind
		want                Refusal
	}{
		{"an address, port and kind of a line", "databases", "10.1.2.3:5432", Postgres, NoRefusal},
		{"those of another namespace of the line", "orders", "[fd00::5]:5432", TCP, NoRefusal},
		{"the first port of a range", "orders", "10.1.2.3:6432", TCP, NoRefusal},
		{"the last port of a range", "orders", "10.1.2.3:6440", TCP, NoRefusal},
		{"those of the second line of a namespace", "databases", "192.168.0.1:6379", Redis, NoRefusal},
		{"those of every namespace", "web", "172.16.0.1:443", HTTPS, NoRefusal},
		{"those of every namespace, in one with own lines", "databases", "172.31.255.255:443", HTTPS, NoRefusal},
		{"IPv4 mapped into IPv6", "databases", "[::ffff:10.1.2.3]:5432", Postgres, NoRefusal},
		{"what a translator leads to", "web", "[64:ff9b::10.1.2.3]:443", HTTPS, NoRefusal},
		{"a namespace without a line", "web", "10.1.2.3:5432", Postgres, ByAddress},
		{"no namespace", "", "10.1.2.3:5432", Postgres, ByAddress},
		{"the word for every namespace", "*", "10.1.2.3:5432", Postgres, ByAddress},
		{"an address of no line", "databases", "11.0.0.1:5432", Postgres, ByAddress},
		{"an address outside of a network of IPv6", "databases", "[fd00:0:0:1::5]:5432", Postgres, ByAddress},
		{"an allowed address behind a translator that is not", "databases", "[2002:a01:203::1]:5432", Postgres, ByAddress},
		{"a port of no line", "databases", "10.1.2.3:22", TCP, ByPort},
		{"a port in front of a range", "databases", "10.1.2.3:6431", TCP, ByPort},
		{"a port behind a range", "databases", "10.1.2.3:6441", TCP, ByPort},
		{"the port 0", "databases", "10.1.2.3:0", TCP, ByPort},
		{"a port of another line", "databases", "10.1.2.3:6379", Redis, ByPort},
		{"a kind of no line", "databases", "10.1.2.3:5432", HTTP, ByKind},
		{"a kind of another line", "databases", "192.168.0.1:6379", TCP, ByKind},
		{"a line that cannot be read", "broken", "10.1.2.3:5432", TCP, ByAddress},
	} {
		if got := g.Admit(c.namespace, netip.MustParseAddrPort(c.at), c.kind); got != c.want {
			t.Errorf("%s: %s %s is %v, want %v", c.name, c.namespace, c.at, got, c.want)
		}
	}
}

// everything is what the most careless person could write.
const everything = "* to 0.0.0.0/0 ::/0 ports 1-65535 kinds tcp tls http https grpc dns postgres redis"

func TestWhateverIsAllowedSomeAddressesAreNeverDialled(t *testing.T) {
	type row struct{ name, addr string }
	hostile := []row{
		{"metadata", "169.254.169.254"},
		{"link-local", "169.254.0.1"},
		{"this host or none", "0.0.0.0"},
		{"this network", "0.1.2.3"},
		{"multicast", "224.0.0.1"},
		{"the last of multicast", "239.255.255.255"},
		{"broadcast", "255.255.255.255"},
		{"metadata of Azure", "168.63.129.16"},
		{"metadata of Alibaba", "100.100.100.200"},
		{"metadata of Alibaba by IPv6", "fd00:100::100:200"},
		{"metadata of Oracle", "192.0.0.192"},
		{"metadata of Oracle by IPv6", "fd00:c1::a9fe:a9fe"},
		{"metadata of AWS by IPv6", "fd00:ec2::254"},
		{"another service of AWS", "fd00:ec2::23"},
		{"metadata of Google by IPv6", "fd20:ce::254"},
		{"metadata of Scaleway by IPv6", "fd00:42::42"},
		{"metadata of Akamai by IPv6", "fd00:a9fe:a9fe::1"},
		{"this host or none, by IPv6", "::"},
		{"link-local by IPv6", "fe80::1"},
		{"the last of link-local by IPv6", "febf:ffff::1"},
		{"multicast by IPv6", "ff02::1"},
		{"mapped", "::ffff:169.254.169.254"},
		{"mapped, this host or none", "::ffff:0.0.0.0"},
		{"IPv4-compatible", "::169.254.169.254"},
		{"IPv4-translated", "::ffff:0:169.254.169.254"},
		{"behind the well-known translator", "64:ff9b::a9fe:a9fe"},
		{"behind the well-known translator, Azure", "64:ff9b::168.63.129.16"},
		{"behind the well-known translator, none", "64:ff9b::"},
		{"behind a local translator with /96", "64:ff9b:1::a9fe:a9fe"},
		{"behind a local translator with /96 of a subnet", "64:ff9b:1:abcd:12:3456:a9fe:a9fe"},
		{"behind a local translator with /64", "64:ff9b:1:abcd:00a9:fea9:fe00:0"},
		{"behind a local translator with /64 and a suffix", "64:ff9b:1:abcd:00a9:fea9:fe12:3456"},
		{"behind a local translator with /56", "64:ff9b:1:aba9:00fe:a9fe::"},
		{"behind a local translator with /48", "64:ff9b:1:a9fe:00a9:fe00::"},
		{"behind a local translator, none", "64:ff9b:1::"},
		{"6to4", "2002:a9fe:a9fe::1"},
		{"6to4 with a subnet", "2002:a9fe:a9fe:1234::5678"},
		{"Teredo, the server", "2001:0:a9fe:a9fe::1"},
		{"Teredo, the client", "2001:0:c000:201::5601:5601"},
		{"ISATAP", "2001:db8::5efe:169.254.169.254"},
		{"ISATAP of a private network", "fd00::200:5efe:169.254.169.254"},
		{"ISATAP behind 6to4", "2002:a01:203::5efe:a9fe:a9fe"},
		{"this host", "127.0.0.1"},
		{"this host, as resolvers of it", "127.0.0.53"},
		{"this host by another address", "127.255.255.254"},
		{"this host by IPv6", "::1"},
		{"mapped, this host", "::ffff:127.0.0.1"},
		{"IPv4-compatible, this host", "::127.0.0.1"},
		{"behind the well-known translator, this host", "64:ff9b::7f00:1"},
		{"6to4, this host", "2002:7f00:1::"},
		{"Teredo, this host", "2001:0:c000:201::80ff:fffe"},
	}
	g := guardOf(everything)
	for _, c := range hostile {
		addr := netip.MustParseAddr(c.addr)
		if !Never(addr) {
			t.Errorf("%s: %s is not on the list", c.name, addr)
		}
		for kind := TCP; kind < Kinds; kind++ {
			if got := g.Admit("n", netip.AddrPortFrom(addr, 80), kind); got != ByNever {
				t.Errorf("%s: %s is %v", c.name, addr, got)
			}
		}
	}
	for _, addr := range []netip.Addr{{}, netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("2001:db8::1%eth0")} {
		if !Never(addr) || g.Admit("n", netip.AddrPortFrom(addr, 80), TCP) != ByNever {
			t.Errorf("%v is not on the list", addr)
		}
	}
}

func TestNeighboursOfWhatIsNeverDialledAreDialled(t *testing.T) {
	g := guardOf(everything)
	for _, text := range []string{
		"1.0.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "223.255.255.255", "240.0.0.0", "255.255.255.254",
		"168.63.129.15", "168.63.129.17", "100.100.100.199", "192.0.0.191", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1",
		"fe7f::1", "fec0::1", "fd00:ec1::254", "fd00:ec3::1", "fd20:ce::253", "fd00:42::43", "fd00:a9fe:a9fe::2", "2001:db8::1", "fd12::1",
		"2001:1::1", "2003:a9fe:a9fe::1", "::10.0.0.1", "::ffff:10.0.0.1", "::ffff:0:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:2::a9fe:a9fe",
		"64:ff9b:1::10.0.0.1", "64:ff9b:1:abcd:000a:0000:0100:0", "64:ff9b:1:ab0a:0000:0001::", "64:ff9b:1:0a00:0000:0100::",
		"2002:a01:203::1", "2001:db8::5efe:10.0.0.1", "2001:db8::5eff:169.254.169.254", "2001:db8::a9fe:a9fe",
		// 203.0.113.9 at the server 192.0.2.1.
		"2001:0:c000:201::34ff:8ef6",
	} {
		addr := netip.MustParseAddr(text)
		if Never(addr) {
			t.Errorf("%s is on the list", addr)
		}
		if got := g.Admit("n", netip.AddrPortFrom(addr, 80), TCP); got != NoRefusal {
			t.Errorf("%s is %v", addr, got)
		}
	}
}

func TestOwnAddressesAreForbiddenInEachForm(t *testing.T) {
	g := guardOf(everything)
	api, own := netip.MustParseAddr("::ffff:10.96.0.1"), netip.MustParseAddr("2001:db8::1")
	g.Forbid(api, netip.Addr{})
	g.Forbid(own)
	g.Forbid(own)
	for _, c := range []struct {
		at   string
		want Refusal
	}{
		{"10.96.0.1:443", ByNever},
		{"[::ffff:10.96.0.1]:443", ByNever},
		{"[64:ff9b::10.96.0.1]:443", ByNever},
		{"[64:ff9b:1::10.96.0.1]:443", ByNever},
		{"[2002:a60:1::1]:443", ByNever},
		{"[::10.96.0.1]:443", ByNever},
		{"[2001:db8::1]:443", ByNever},
		{"10.96.0.2:443", NoRefusal},
		{"[2001:db8::2]:443", NoRefusal},
	} {
		if got := g.Admit("n", netip.MustParseAddrPort(c.at), TCP); got != c.want {
			t.Errorf("%s is %v, want %v", c.at, got, c.want)
		}
	}
}

func TestAGuardWithoutLinesAdmitsNothing(t *testing.T) {
	at := netip.MustParseAddrPort("10.0.0.1:80")
	off := termsWith(func(t *Terms) { t.Mode, t.Allow = Off, everything })
	for _, terms := range []Terms{{}, DefaultTerms(), off} {
		if got := terms.Guard().Admit("n", at, TCP); got != ByAddress {
			t.Errorf("%+v: %s is %v", terms, at, got)
		}
	}
}

func TestRefusalsHaveWords(t *testing.T) {
	got := ""
	for r := range Refusals {
		got += fmt.Sprint(r, " ")
	}
	if want := "none address never port kind path budget specs "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Under -race, this finds what is written without care.
func TestTheAPIServerIsForbiddenWhereItIsNow(t *testing.T) {
	g := guardOf(everything)
	before, now, own := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")
	g.Forbid(own)
	g.ForbidServers([]netip.Addr{before})
	g.ForbidServers([]netip.Addr{now, {}})
	for addr, want := range map[netip.Addr]Refusal{
		before: NoRefusal, now: ByNever, own: ByNever, netip.MustParseAddr("64:ff9b::10.0.0.2"): ByNever,
	} {
		if got := g.Admit("n", netip.AddrPortFrom(addr, 443), TCP); got != want {
			t.Errorf("%v is %v, want %v", addr, got, want)
		}
	}
}

func TestAddressesAreForbiddenWhileOthersAreAdmitted(t *testing.T) {
	g := guardOf(everything)
	const most = 100
	at := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 80)
	}
	var all sync.WaitGroup
	for i := range most {
		all.Go(func() {
			g.Forbid(at(i).Addr())
			if got := g.Admit("n", at(i), TCP); got != ByNever {
				t.Errorf("%v is %v", at(i), got)
			}
		})
	}
	all.Wait()
	for i := range most {
		if got := g.Admit("n", at(i), TCP); got != ByNever {
			t.Errorf("%v is %v", at(i), got)
		}
	}
	if got := g.Admit("n", at(most), TCP); got != NoRefusal {
		t.Errorf("%v is %v", at(most), got)
	}
}
