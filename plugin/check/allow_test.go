package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestALineOfCheckAllowHasOneForm(t *testing.T) {
	for _, c := range []struct{ name, args, want string }{
		{"as it is", "databases to 10.0.0.0/8 ports 5432 kinds postgres", "databases to 10.0.0.0/8 ports 5432 kinds postgres"},
		{"every namespace", "* to ::/0 ports 1-65535 kinds tcp", "* to ::/0 ports 1-65535 kinds tcp"},
		{"lists in disorder, and twice", "b a b to fd00::/64 10.0.0.0/8 fd00::/64 ports 90 80-85 80 kinds redis tcp redis",
			"a b to 10.0.0.0/8 fd00::/64 ports 80-85 90 kinds tcp redis"},
		{"ranges that touch each other", "a to 10.0.0.1/32 ports 1-5 6-10 8-12 65535 14 kinds tcp", "a to 10.0.0.1/32 ports 1-12 14 65535 kinds tcp"},
		{"a range up to the last port, and more", "a to 10.0.0.1/32 ports 65535 60000-65535 kinds tcp", "a to 10.0.0.1/32 ports 60000-65535 kinds tcp"},
		{"a range of one", "a to 10.0.0.1/32 ports 00080-80 kinds tcp", "a to 10.0.0.1/32 ports 80 kinds tcp"},
		{"a network with metadata in it", "a to 168.63.0.0/16 ports 80 kinds http", "a to 168.63.0.0/16 ports 80 kinds http"},
		{"a translator", "a to 64:ff9b::/96 ports 80 kinds http", "a to 64:ff9b::/96 ports 80 kinds http"},
	} {
		if got, err := ParseAllow(strings.Fields(c.args)); err != nil || got != c.want {
			t.Errorf("%s: got %q and the error %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestMistakesInALineOfCheckAllow(t *testing.T) {
	const kinds = "tcp tls http https grpc dns postgres redis"
	for _, c := range []struct{ name, args, want string }{
		{"nothing", "", `"to" is missing: want ` + allowForm},
		{"no namespace", "to 10.0.0.0/8 ports 80 kinds tcp", `a namespace is missing in front of "to": want ` + allowForm},
		{"no network", "a to ports 80 kinds tcp", `nothing stands between "to" and "ports": want ` + allowForm},
		{"no ports", "a to 10.0.0.0/8 kinds tcp", `"ports" is missing: want ` + allowForm},
		{"no kinds", "a to 10.0.0.0/8 ports 80", `"kinds" is missing: want ` + allowForm},
		{"the kinds left out", "a to 10.0.0.0/8 ports 80 kinds", `nothing stands behind "kinds": want one or more of ` + kinds},
		{"parts in another order", "a ports 80 to 10.0.0.0/8 kinds tcp", `"ports" is missing: want ` + allowForm},
		{"every namespace and more", "a * to 10.0.0.0/8 ports 80 kinds tcp", "* is every namespace: it stands alone"},
		{"a pattern of namespaces", "team-* to 10.0.0.0/8 ports 80 kinds tcp", `"team-*" is not the name of a namespace`},
		{"an address", "a to 10.0.0.1 ports 80 kinds tcp", "10.0.0.1 is an address: want a network, as in 10.0.0.1/32"},
		{"an address of IPv6", "a to fd00::1 ports 80 kinds tcp", "fd00::1 is an address: want a network, as in fd00::1/128"},
		{"a name", "a to db.example.org ports 80 kinds tcp", `"db.example.org" is not a network such as 10.0.0.0/16, or fd00::/64`},
		{"an address in a network", "a to 10.1.2.3/16 ports 80 kinds tcp",
			"10.1.2.3/16 is an address in a network: want 10.1.0.0/16 for the network, or 10.1.2.3/32 for the address"},
		{"IPv4 in IPv6", "a to ::ffff:10.0.0.0/104 ports 80 kinds tcp", "::ffff:10.0.0.0/104 has addresses of IPv4: want 10.0.0.0/8"},
		{"what is link-local", "a to 10.0.0.0/8 169.254.169.0/24 ports 80 kinds tcp",
			"nothing in 169.254.169.0/24 is ever checked, whatever is allowed: that is link-local, where clouds have their metadata"},
		{"metadata", "a to fd00:ec2::254/128 ports 80 kinds tcp",
			"nothing in fd00:ec2::254/128 is ever checked, whatever is allowed: clouds have their metadata there"},
		{"metadata behind a translator", "a to 64:ff9b::a9fe:a9fe/128 ports 80 kinds tcp",
			"nothing in 64:ff9b::a9fe:a9fe/128 is ever checked, whatever is allowed: it leads to an address of IPv4 that is not"},
		{"too many networks", "a to " + strings.Repeat("10.0.0.0/8 ", 257) + "ports 80 kinds tcp", "257 networks are more than 256 in one line"},
		{"the port 0", "a to 10.0.0.0/8 ports 0 kinds tcp",
			`"0" is neither a port nor a range of ports: want a number in range [1, 65535], or two with a hyphen between, as in 6432-6440`},
		{"half a range", "a to 10.0.0.0/8 ports 80- kinds tcp",
			`"80-" is neither a port nor a range of ports: want a number in range [1, 65535], or two with a hyphen between, as in 6432-6440`},
		{"the name of a port", "a to 10.0.0.0/8 ports http kinds tcp",
			`"http" is neither a port nor a range of ports: want a number in range [1, 65535], or two with a hyphen between, as in 6432-6440`},
		{"a range backwards", "a to 10.0.0.0/8 ports 90-80 kinds tcp", "the range of ports 90-80 ends before it begins: want 80-90"},
		{"a kind that nobody knows", "a to 10.0.0.0/8 ports 80 kinds any", `"any" is no kind of check: want one or more of ` + kinds},
	} {
		if got, err := ParseAllow(strings.Fields(c.args)); fmt.Sprint(err) != c.want || got != "" {
			t.Errorf("%s: got %q and the error\n%v, want\n%s", c.name, got, err, c.want)
		}
	}
}

// FuzzAllow makes sure that what a line allows is what stands in it, less what is never
// allowed, and that its form is read as itself.
func FuzzAllow(f *testing.F) {
	for _, text := range []string{
		"* to 0.0.0.0/0 ::/0 ports 1-65535 kinds tcp", "databases orders to 10.0.0.0/8 ports 5432 6432-6440 kinds postgres tcp",
		"a to 64:ff9b:1::/48 2002::/16 ports 80 kinds http", "a to 10.0.0.1 ports 80 kinds tcp", "a to ::ffff:10.0.0.0/104 ports 80 kinds tcp",
		"to to to ports ports kinds kinds", "a to 127.0.0.0/8 ports 1-0 kinds tcp",
	} {
		f.Add(text, []byte{10, 1, 2, 3}, uint16(5432), uint8(TCP))
		f.Add(text, []byte("\x00\x64\xff\x9b\x00\x00\x00\x00\x00\x00\x00\x00\xa9\xfe\xa9\xfe"), uint16(80), uint8(HTTP))
	}
	f.Fuzz(func(t *testing.T, text string, ip []byte, port uint16, kind uint8) {
		args := strings.Fields(text)
		line, err := ParseAllow(args)
		if err != nil {
			return
		}
		if again, err := ParseAllow(strings.Fields(line)); err != nil || again != line {
			t.Fatalf("%q is read as %q, and that as %q with the error %v", text, line, again, err)
		}
		addr, ok := netip.AddrFromSlice(ip)
		if !ok || kind >= uint8(Kinds) {
			return
		}
		at, namespace := netip.AddrPortFrom(addr, port), args[0]
		guard := termsWith(func(t *Terms) { t.Allow = line }).Guard()
		want := naiveAdmit(line, at, Kind(kind))
		if got := guard.Admit(namespace, at, Kind(kind)) == NoRefusal; got != want {
			t.Errorf("%q allows %v by %d: %v, want %v", line, at, kind, got, want)
		}
		guard.Forbid(addr)
		if got := guard.Admit(namespace, at, Kind(kind)); got != ByNever {
			t.Errorf("%q allows %v, which is forbidden: %v", line, at, got)
		}
	})
}

// naiveAdmit reads a line word by word for each question.
func naiveAdmit(line string, at netip.AddrPort, kind Kind) bool {
	if Never(at.Addr()) {
		return false
	}
	words := strings.Fields(line)
	to, ports, kinds := slices.Index(words, "to"), slices.Index(words, "ports"), slices.Index(words, "kinds")
	network := func(word string) bool { return netip.MustParsePrefix(word).Contains(at.Addr().Unmap()) }
	inRange := func(word string) bool {
		var first, last int
		if n, _ := fmt.Sscanf(word, "%d-%d", &first, &last); n == 1 {
			last = first
		}
		return first <= int(at.Port()) && int(at.Port()) <= last
	}
	return slices.ContainsFunc(words[to+1:ports], network) && slices.ContainsFunc(words[ports+1:kinds], inRange) &&
		kind != 0 && slices.Contains(words[kinds+1:], kind.String())
}
