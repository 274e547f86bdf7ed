package external

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/k8s-endpoints/k8s_endpoints/plugin/check"

	"pgregory.net/rapid"
)

// rules are those of lines such as "allow example.org" and "deny 10.0.0.0/8".
func rules(t testing.TB, lines ...string) *Rules {
	t.Helper()
	text := ""
	for _, line := range lines {
		option, args, _ := strings.Cut(line, " ")
		parsed, err := ParseRule("external_"+option, strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		text += parsed
	}
	return NewRules(CanonicalRules(text))
}

func TestWhichNamesAnObjectMayLeadTo(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		good  string
		bad   string
	}{
		{"no rules", nil, "example.org. localhost.", ""},
		{"only addresses", []string{"allow 10.0.0.0/8"}, "example.org.", ""},
		{"one suffix", []string{"allow example.org"}, "example.org. db.Example.ORG. a.b.example.org.", "org. badexample.org. example.org.test."},
		{"all but one", []string{"deny example.org"}, "org. badexample.org.", "example.org. db.example.org."},
		{"the longest suffix counts", []string{"allow example.org", "deny secret.example.org", "allow open.secret.example.org"},
			"example.org. a.open.secret.example.org.", "secret.example.org. a.secret.example.org. example.com."},
		{"of two the one that denies", []string{"allow example.org", "deny example.org"}, "", "example.org. db.example.org."},
		{"none", []string{"deny ."}, "", "example.org. a."},
		{"all but the cluster", []string{"allow .", "deny cluster.local"}, "example.org.", "db.default.svc.cluster.local."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rules(t, c.lines...)
			for _, name := range strings.Fields(c.good) {
				if !r.AllowsName(name) {
					t.Errorf("%s is denied", name)
				}
			}
			for _, name := range strings.Fields(c.bad) {
				if r.AllowsName(name) {
					t.Errorf("%s is allowed", name)
				}
			}
		})
	}
}

// hostile are addresses that nobody but the client's own host or cloud has, in all forms.
const hostile = "0.0.0.0 127.0.0.1 127.8.9.10 169.254.169.254 169.254.170.2 224.0.0.1 239.1.2.3 255.255.255.255 168.63.129.16 100.100.100.200 192.0.0.192 " +
	":: ::1 fe80::1 fe80::a9fe:a9fe ff02::1 fd00:ec2::254 fd20:ce::254 " +
	"::ffff:127.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::a9fe:a9fe 2002:a9fe:a9fe::1 ::ffff:0:a9fe:a9fe " +
	"2001:0:4136:e378:8000:63bf:5601:5601 fd12::5efe:a9fe:a9fe fd00:42::42 fd00:c1::a9fe:a9fe 64:ff9b:1:a9fe:a9:fe00::"

func TestWhichAddressesAreGiven(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		good  string
		bad   string
	}{
		{"no rules", nil, "192.0.2.1 10.0.0.1 100.64.0.1 2001:db8::1 fd00::1 64:ff9b::c000:201 2002:c000:201::1", hostile},
		{"names alone", []string{"allow example.org"}, "192.0.2.1", hostile},
		{"a network", []string{"allow 10.0.0.0/8 fd00::/8"}, "10.1.2.3 fd00::1", hostile + " 192.0.2.1 2001:db8::1"},
		{"a network that is too wide opens nothing", []string{"allow 0.0.0.0/0 ::/0 100.64.0.0/10"}, "192.0.2.1 2001:db8::1 100.64.0.1", hostile},
		{"a network that is named", []string{"allow 127.0.0.0/8 0.0.0.0/0"}, "127.0.0.1 192.0.2.1 ::ffff:127.0.0.1", "169.254.169.254 ::1"},
		{"an address", []string{"deny 10.0.0.7"}, "10.0.0.6", "10.0.0.7 ::ffff:10.0.0.7 64:ff9b::a00:7"},
		{"a part of a network", []string{"allow 10.0.0.0/8", "deny 10.96.0.0/12"}, "10.0.0.1", "10.96.0.1 10.111.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rules(t, c.lines...)
			for _, addr := range strings.Fields(c.good) {
				if !r.AllowsStrictly(netip.MustParseAddr(addr)) {
					t.Errorf("%s is denied", addr)
				}
			}
			for _, addr := range strings.Fields(c.bad) {
				if r.AllowsStrictly(netip.MustParseAddr(addr)) {
					t.Errorf("%s is allowed", addr)
				}
			}
		})
	}
}

// What is never dialled is not given.
func TestWhatIsNeverDialledIsNotGiven(t *testing.T) {
	var none *Rules
	for network := range check.NeverNetworks {
		if addr := network.Addr(); none.AllowsStrictly(addr) || none.AllowsStrictly(netip.AddrFrom16(addr.As16())) {
			t.Errorf("%v is given", addr)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		addr := netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0, 1, 2, 0x20, 0x64, 0x7f, 0xa9, 0xfe, 0xff, 0x9b, 0x5e}), 16, 16).Draw(t, "address")))
		if check.Never(addr) && none.AllowsStrictly(addr) {
			t.Fatalf("%v is given", addr)
		}
	})
}

func TestWithoutFlattenOnlyWrittenRulesCount(t *testing.T) {
	var none *Rules
	if !none.AllowsAddress(netip.MustParseAddr("127.0.0.1")) {
		t.Error("an alias to the client's own host is another one than today")
	}
	if rules(t, "deny 127.0.0.0/8").AllowsAddress(netip.MustParseAddr("::ffff:127.0.0.1")) {
		t.Error("an address that is denied is given in another form")
	}
}

func TestARuleIsADomainNameOrANetwork(t *testing.T) {
	for _, text := range []string{"", "a..b", "10.0.0.0/33", "::ffff:10.0.0.0/100", "fe80::1%eth0", "a b..c"} {
		if got, err := ParseRule(Allow, strings.Fields(text)); err == nil {
			t.Errorf("%q is read as %q", text, got)
		}
	}
	got, err := ParseRule(Deny, []string{"Example.ORG", "10.1.2.3/8", "::1", "."})
	if want := "external_deny example.org.\nexternal_deny 10.0.0.0/8\nexternal_deny ::1/128\nexternal_deny .\n"; got != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestRulesInAnyOrderAreTheSame(t *testing.T) {
	if a, b := CanonicalRules("b\na\nb\n"), CanonicalRules("a\nb\n"); a != b {
		t.Errorf("%q and %q", a, b)
	}
}

// Whatever is allowed, an address in a network that is denied at the same length or a longer
// one is never given, in whichever form.
func TestNoRuleOpensWhatALongerOneDenies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		addr := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address")))
		deny := rapid.IntRange(0, 32).Draw(t, "denied")
		denied, _ := addr.Prefix(deny)
		text, _ := ParseRule(Deny, []string{denied.String()})
		for range rapid.IntRange(0, 4).Draw(t, "allowed") {
			network, _ := addr.Prefix(rapid.IntRange(0, deny).Draw(t, "bits"))
			more, _ := ParseRule(Allow, []string{network.String()})
			text += more
		}
		r := NewRules(CanonicalRules(text))
		b := addr.As4()
		forms := []netip.Addr{
			addr, netip.AddrFrom16(addr.As16()),
			netip.AddrFrom16([16]byte{0, 0x64, 0xff, 0x9b, 12: b[0], b[1], b[2], b[3]}),
			netip.AddrFrom16([16]byte{0x20, 0x02, b[0], b[1], b[2], b[3], 15: 1}),
		}
		for _, form := range forms {
			if r.AllowsAddress(form) || r.AllowsStrictly(form) {
				t.Fatalf("%v is given in spite of %s", form, text)
			}
		}
	})
}
